//! Parses Rust sources: files in; every path that leads from one file to another out.
//!
//! Code under `#[cfg(test)]` is left out: the program does not contain it, and unit tests may import what they need.
//! Every other `cfg` counts, as code for another system or feature must keep to the layers too.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use proc_macro2::{Delimiter, Span, TokenStream, TokenTree};
use syn::punctuated::Punctuated;
use syn::visit::{self, Visit};
use syn::{Attribute, Ident, Item, LitStr, Macro, Meta, Path, Token, UseTree, Visibility};

/// A module: the names that lead to it from the crate's root. The binary's own root is `["main"]`.
pub type ModulePath = Vec<String>;

const BINARY: &str = "main";
/// How the binary names the library.
const LIBRARY: &str = "handwave";

/// Sources by their path below src.
pub type Files = BTreeMap<String, String>;

/// A path that one file uses from another.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Import {
    pub from: String,
    pub line: usize,
    /// As it is written, use groups taken apart.
    pub path: String,
    pub to: String,
    /// The module file whose re-export it goes through.
    pub through: Option<String>,
    /// Whether `from` depends on `to`. A module file's `pub use` only hands a name on, so neither end depends on it.
    pub is_dependency: bool,
}

/// An external crate that a file names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct External {
    pub from: String,
    pub line: usize,
    pub name: String,
}

#[derive(Debug, Default)]
pub struct Sources {
    modules: BTreeMap<ModulePath, Module>,
    written: Vec<Written>,
    /// Modules under `#[cfg(test)]`.
    tests_only: Vec<ModulePath>,
    /// Modules that some `mod` names.
    declared: BTreeSet<ModulePath>,
}

#[derive(Debug, Default)]
struct Module {
    file: String,
    /// What it defines, apart from modules.
    items: HashSet<String>,
    /// Names that `use` brings into scope, and the paths they stand for.
    uses: Vec<(String, Vec<String>)>,
    globs: Vec<Vec<String>>,
}

/// A path as it stands in the text.
#[derive(Debug)]
struct Written {
    at: ModulePath,
    line: usize,
    segments: Vec<String>,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Use,
    Reexport,
    Inline,
}

/// What a path leads to.
struct Found {
    /// The module itself, or the one that defines the item.
    module: ModulePath,
    is_item: bool,
    /// Modules whose `use` the path goes through.
    through: Vec<ModulePath>,
}

impl Sources {
    pub fn read(files: &Files) -> syn::Result<Sources> {
        let mut sources = Sources::default();
        for (file, text) in files {
            let parsed = syn::parse_file(text).map_err(|error| {
                let line = error.span().start().line;
                syn::Error::new(Span::call_site(), format!("src/{file}:{line}: {error}"))
            })?;
            let mut reader = Reader { sources: &mut sources, file, at: module_path(file), in_function: false };
            reader.open_module();
            reader.visit_file(&parsed);
        }
        let is_test = |path: &ModulePath| sources.tests_only.iter().any(|test| path.starts_with(test));
        sources.modules.retain(|path, _| !is_test(path));
        sources.written.retain(|written| !is_test(&written.at));
        Ok(sources)
    }

    /// Every import, sorted.
    pub fn imports(&self) -> Vec<Import> {
        let imports: BTreeSet<_> = self.written.iter().flat_map(|written| self.lead(written)).collect();
        imports.into_iter().collect()
    }

    /// Every external crate that is named, sorted.
    pub fn externals(&self) -> Vec<External> {
        let external = |written: &Written| {
            let found = self.resolve(&written.at, &written.segments, &mut HashSet::new());
            let from = self.modules[&written.at].file.clone();
            found.is_none().then(|| External { from, line: written.line, name: written.segments[0].clone() })
        };
        let externals: BTreeSet<_> = self.written.iter().filter_map(external).collect();
        externals.into_iter().collect()
    }

    /// Files that no `mod` names. The compiler never sees them.
    pub fn orphans(&self) -> Vec<&str> {
        let is_root = |path: &ModulePath| path.is_empty() || path[0] == BINARY;
        let lost = |(path, _): &(&ModulePath, &Module)| !is_root(path) && !self.declared.contains(*path);
        self.modules.iter().filter(lost).map(|(_, module)| module.file.as_str()).collect()
    }

    /// The files that a path leads to: the one that defines its end, and each that re-exports it on the way.
    fn lead(&self, written: &Written) -> Vec<Import> {
        let Some(found) = self.resolve(&written.at, &written.segments, &mut HashSet::new()) else { return Vec::new() };
        let here = &self.modules[&written.at];
        let to = &self.modules[&found.module].file;
        let first = &written.segments[0];
        if written.kind == Kind::Inline && here.uses.iter().any(|(name, _)| name == first) {
            // The `use` is an import of its own, so this one is new only if it goes on to another file.
            let used = self.resolve(&written.at, &written.segments[..1], &mut HashSet::new());
            if used.is_some_and(|used| self.modules[&used.module].file == *to) {
                return Vec::new();
            }
        }
        let import = |to: &str, through: Option<String>, is_dependency: bool| Import {
            from: here.file.clone(),
            line: written.line,
            path: written.segments.join("::"),
            to: to.to_owned(),
            through,
            is_dependency: is_dependency && written.kind != Kind::Reexport,
        };
        let passed = found.through.iter().map(|module| self.modules[module].file.as_str());
        let passed: Vec<_> = passed.filter(|file| *file != here.file && file != to).collect();
        let through = passed.iter().find(|file| is_module_file(file)).map(|file| file.to_string());
        let mut imports: Vec<_> = passed.iter().map(|file| import(file, None, !is_module_file(file))).collect();
        if *to != here.file {
            imports.push(import(to, through, true));
        }
        imports
    }

    /// What a path leads to, or None if that is outside the crate. `seen` stops a search that goes in a circle.
    fn resolve(&self, at: &ModulePath, segments: &[String], seen: &mut HashSet<(ModulePath, String)>) -> Option<Found> {
        let module = |module: ModulePath| Found { module, is_item: false, through: Vec::new() };
        let (first, rest) = segments.split_first()?;
        let is_binary = at.first().is_some_and(|first| first == BINARY);
        let mut found = match first.as_str() {
            "crate" if is_binary => module(vec![BINARY.into()]),
            "crate" => module(Vec::new()),
            LIBRARY if is_binary => module(Vec::new()),
            "self" => module(at.clone()),
            "super" => module(at.split_last()?.1.to_vec()),
            name => self.name(at, name, seen)?,
        };
        for segment in rest {
            if found.is_item {
                break;
            }
            match segment.as_str() {
                "self" => {}
                "super" => found.module = found.module.split_last()?.1.to_vec(),
                name => match self.name(&found.module, name, seen) {
                    Some(next) => {
                        found.through.extend(next.through);
                        (found.module, found.is_item) = (next.module, next.is_item);
                    }
                    // Perhaps a macro defines it. It is in this module in any case.
                    None => found.is_item = true,
                },
            }
        }
        self.modules.contains_key(&found.module).then_some(found)
    }

    /// What a name stands for in a module.
    fn name(&self, at: &ModulePath, name: &str, seen: &mut HashSet<(ModulePath, String)>) -> Option<Found> {
        if !seen.insert((at.clone(), name.to_owned())) {
            return None;
        }
        let child = [at.as_slice(), &[name.to_owned()]].concat();
        if self.modules.contains_key(&child) {
            return Some(Found { module: child, is_item: false, through: Vec::new() });
        }
        let module = self.modules.get(at)?;
        if module.items.contains(name) {
            return Some(Found { module: at.clone(), is_item: true, through: Vec::new() });
        }
        let mut by_use = module.uses.iter().filter(|(used, _)| used == name);
        let mut found = by_use.find_map(|(_, path)| self.resolve(at, path, seen));
        for glob in &module.globs {
            found = found.or_else(|| {
                let inside = self.resolve(at, glob, seen).filter(|inside| !inside.is_item)?;
                self.name(&inside.module, name, seen)
            });
        }
        let mut found = found?;
        found.through.insert(0, at.clone());
        Some(found)
    }
}

/// A file's module: `fleet/plan.rs` is `fleet::plan`, `fleet/mod.rs` is `fleet`. `lib.rs` is the root, and so is
/// `pixels.rs`, whose modules lib.rs names as its own.
fn module_path(file: &str) -> ModulePath {
    let path = file.trim_end_matches(".rs").trim_end_matches("/mod");
    let is_root = ["lib", "pixels"].contains(&path);
    if is_root { Vec::new() } else { path.split('/').map(str::to_owned).collect() }
}

/// Whether a file is there to hold modules.
pub fn is_module_file(file: &str) -> bool {
    file == "lib.rs" || file == "pixels.rs" || file.ends_with("/mod.rs")
}

struct Reader<'a> {
    sources: &'a mut Sources,
    file: &'a str,
    at: ModulePath,
    in_function: bool,
}

impl Reader<'_> {
    fn open_module(&mut self) {
        let module = Module { file: self.file.to_owned(), ..Module::default() };
        self.sources.modules.entry(self.at.clone()).or_insert(module);
    }

    fn module(&mut self) -> &mut Module {
        self.sources.modules.get_mut(&self.at).expect("it was opened")
    }

    fn write(&mut self, segments: Vec<String>, span: Span, kind: Kind) {
        let leads_up = |segment: &String| ["crate", "self", "super"].contains(&segment.as_str());
        // A single name is in scope by a `use`, which is recorded.
        if kind != Kind::Inline || (segments.len() > 1 && !segments.iter().all(leads_up)) {
            self.sources.written.push(Written { at: self.at.clone(), line: span.start().line, segments, kind });
        }
    }

    fn use_tree(&mut self, tree: &UseTree, before: &[String], kind: Kind) {
        let with = |ident: &Ident| [before, &[name(ident)]].concat();
        let (known_as, path, span) = match tree {
            UseTree::Path(path) => return self.use_tree(&path.tree, &with(&path.ident), kind),
            UseTree::Group(group) => return group.items.iter().for_each(|tree| self.use_tree(tree, before, kind)),
            UseTree::Glob(glob) => {
                self.module().globs.push(before.to_vec());
                return self.write(before.to_vec(), glob.star_token.spans[0], kind);
            }
            UseTree::Name(used) if used.ident == "self" => (before.last().cloned(), before.to_vec(), used.ident.span()),
            UseTree::Name(used) => (Some(name(&used.ident)), with(&used.ident), used.ident.span()),
            UseTree::Rename(used) if used.ident == "self" => {
                (Some(name(&used.rename)), before.to_vec(), used.rename.span())
            }
            UseTree::Rename(used) => (Some(name(&used.rename)), with(&used.ident), used.rename.span()),
        };
        self.module().uses.extend(known_as.map(|known_as| (known_as, path.clone())));
        self.write(path, span, kind);
    }

    /// Paths among raw tokens, as the arguments of macros and attributes are.
    fn tokens(&mut self, tokens: TokenStream, strings: bool) {
        let mut segments = Vec::new();
        let (mut span, mut colons) = (Span::call_site(), 0);
        // The semicolon ends the last path.
        let end = proc_macro2::Punct::new(';', proc_macro2::Spacing::Alone);
        for token in tokens.into_iter().chain([TokenTree::Punct(end)]) {
            match token {
                TokenTree::Ident(ident) if colons == 2 || segments.is_empty() => {
                    span = ident.span();
                    segments.push(name(&ident));
                    colons = 0;
                }
                TokenTree::Punct(punct) if punct.as_char() == ':' && colons < 2 && !segments.is_empty() => {
                    colons += 1;
                }
                ref other => {
                    self.write_tokens(&mut segments, span);
                    colons = 0;
                    match other {
                        TokenTree::Ident(ident) => {
                            span = ident.span();
                            segments.push(name(ident));
                        }
                        TokenTree::Group(group) => {
                            self.tokens(group.stream(), strings);
                            debug_assert!(group.delimiter() != Delimiter::None);
                        }
                        TokenTree::Literal(literal) if strings => {
                            let text = syn::parse_str::<LitStr>(&literal.to_string());
                            if let Ok(path) = text.and_then(|text| text.parse::<Path>()) {
                                self.write(path_segments(&path), literal.span(), Kind::Inline);
                            }
                        }
                        _ => {}
                    }
                }
            }
        }
    }

    fn write_tokens(&mut self, segments: &mut Vec<String>, span: Span) {
        let segments = std::mem::take(segments);
        if !segments.is_empty() {
            self.write(segments, span, Kind::Inline);
        }
    }
}

impl<'ast> Visit<'ast> for Reader<'_> {
    fn visit_item(&mut self, item: &'ast Item) {
        if attributes(item).iter().any(is_for_tests) {
            if let Item::Mod(module) = item {
                let path = [self.at.as_slice(), &[name(&module.ident)]].concat();
                self.sources.declared.insert(path.clone());
                self.sources.tests_only.push(path);
            }
            return;
        }
        let defined = match item {
            Item::Const(item) => Some(&item.ident),
            Item::Enum(item) => Some(&item.ident),
            Item::Fn(item) => Some(&item.sig.ident),
            Item::Macro(item) => item.ident.as_ref(),
            Item::Static(item) => Some(&item.ident),
            Item::Struct(item) => Some(&item.ident),
            Item::Trait(item) => Some(&item.ident),
            Item::TraitAlias(item) => Some(&item.ident),
            Item::Type(item) => Some(&item.ident),
            Item::Union(item) => Some(&item.ident),
            _ => None,
        };
        if let Some(defined) = defined.filter(|_| !self.in_function) {
            self.module().items.insert(name(defined));
        }
        visit::visit_item(self, item);
    }

    fn visit_item_mod(&mut self, module: &'ast syn::ItemMod) {
        self.at.push(name(&module.ident));
        self.sources.declared.insert(self.at.clone());
        if module.content.is_some() {
            self.open_module();
            visit::visit_item_mod(self, module);
        }
        self.at.pop();
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        let is_public = !matches!(item.vis, Visibility::Inherited);
        let kind = if is_public && is_module_file(self.file) { Kind::Reexport } else { Kind::Use };
        if item.leading_colon.is_none() {
            self.use_tree(&item.tree, &[], kind);
        }
    }

    fn visit_impl_item(&mut self, item: &'ast syn::ImplItem) {
        let is_test = matches!(item, syn::ImplItem::Fn(function) if function.attrs.iter().any(is_for_tests));
        if !is_test {
            visit::visit_impl_item(self, item);
        }
    }

    fn visit_block(&mut self, block: &'ast syn::Block) {
        let before = std::mem::replace(&mut self.in_function, true);
        visit::visit_block(self, block);
        self.in_function = before;
    }

    fn visit_path(&mut self, path: &'ast Path) {
        if let (None, Some(last)) = (&path.leading_colon, path.segments.last()) {
            self.write(path_segments(path), last.ident.span(), Kind::Inline);
        }
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, invoked: &'ast Macro) {
        visit::visit_macro(self, invoked);
        self.tokens(invoked.tokens.clone(), false);
    }

    fn visit_attribute(&mut self, attribute: &'ast Attribute) {
        match &attribute.meta {
            // `#[serde(default = "crate::settings::share")]` names a function in a string.
            Meta::List(list) => self.tokens(list.tokens.clone(), true),
            // Documentation may link to anything.
            Meta::NameValue(_) | Meta::Path(_) => {}
        }
    }

    /// `pub(super)` is no import.
    fn visit_visibility(&mut self, _: &'ast Visibility) {}
}

fn name(ident: &Ident) -> String {
    ident.to_string().trim_start_matches("r#").to_owned()
}

fn path_segments(path: &Path) -> Vec<String> {
    path.segments.iter().map(|segment| name(&segment.ident)).collect()
}

/// `#[cfg(test)]` or `#[cfg(all(test, ...))]`.
fn is_for_tests(attribute: &Attribute) -> bool {
    fn needs_test(condition: &Meta) -> bool {
        match condition {
            Meta::Path(path) => path.is_ident("test"),
            Meta::List(list) if list.path.is_ident("all") => list
                .parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated)
                .is_ok_and(|all| all.iter().any(needs_test)),
            _ => false,
        }
    }
    attribute.path().is_ident("cfg") && attribute.parse_args().is_ok_and(|condition| needs_test(&condition))
}

fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::ExternCrate(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::ForeignMod(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::TraitAlias(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Union(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}
