//! Imports point down the list of layers (see ARCHITECTURE.md), and no files import each other in a circle. The sources
//! are parsed, so no way to write an import escapes. Small made-up trees break each rule, which proves that it is
//! checked.

mod rules;
mod sources;

use std::fs;
use std::path::Path;

use sources::{Files, Sources};

fn source_files() -> Files {
    fn walk(folder: &Path, root: &Path, files: &mut Files) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, root, files);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let below: Vec<_> =
                    path.strip_prefix(root).unwrap().iter().map(|part| part.to_str().unwrap()).collect();
                files.insert(below.join("/"), fs::read_to_string(&path).unwrap());
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Files::new();
    walk(&root, &root, &mut files);
    files
}

#[test]
fn imports_point_down() {
    let files = source_files();
    let sources = Sources::read(&files).unwrap();
    // A reader that finds no imports would find nothing wrong either.
    assert!(sources.imports().len() > files.len(), "{} imports", sources.imports().len());
    let wrong = rules::check(&sources);
    assert!(wrong.is_empty(), "{} against the layers:\n{}", wrong.len(), wrong.join("\n"));
}

/// What is wrong with a made-up tree. A `mod` is added for every file that has none.
fn wrong(files: &[(&str, &str)]) -> Vec<String> {
    let mut tree: Files = files.iter().map(|(file, text)| (file.to_string(), text.to_string())).collect();
    for (file, _) in files {
        let (mut folder, mut child) = match file.rsplit_once('/') {
            Some((folder, "mod.rs")) => folder.rsplit_once('/').unwrap_or(("", folder)),
            Some((folder, child)) => (folder, child),
            None => ("", *file),
        };
        while !["lib.rs", "main.rs"].contains(&child) {
            let parent = if folder.is_empty() { "lib.rs".to_owned() } else { format!("{folder}/mod.rs") };
            let parent = tree.entry(parent).or_default();
            let declared = format!("pub mod {};", child.trim_end_matches(".rs"));
            // At the end: line numbers stay.
            if !parent.contains(declared.trim_start_matches("pub ")) {
                *parent += &format!("\n{declared}");
            }
            if folder.is_empty() {
                break;
            }
            (folder, child) = folder.rsplit_once('/').unwrap_or(("", folder));
        }
    }
    rules::check(&Sources::read(&tree).unwrap())
}

/// Asserts that one thing is wrong, at this place and in these words.
#[track_caller]
fn one_wrong(files: &[(&str, &str)], place: &str, words: &str) {
    let wrong = wrong(files);
    assert_eq!(wrong.len(), 1, "{wrong:#?}");
    assert!(wrong[0].starts_with(&format!("{place}: ")) && wrong[0].contains(words), "{wrong:#?}");
}

#[track_caller]
fn nothing_wrong(files: &[(&str, &str)]) {
    let wrong = wrong(files);
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn each_never_is_noticed() {
    let thing = "pub struct Thing;";
    for (from, to, words) in [
        ("fleet/plan.rs", "clouds/mod.rs", "by fleet/ports.rs only"),
        ("fleet/plan.rs", "gesture/why.rs", "whoever gives them"),
        ("fleet/plan.rs", "vision/roi.rs", "whoever gives them"),
        ("gesture/hold.rs", "fleet/plan.rs", "what its hands are for"),
        ("vision/roi.rs", "fleet/plan.rs", "what its hands are for"),
        ("camera/light.rs", "vision/roi.rs", "whoever reads them"),
        ("view/text.rs", "config.rs", "only commands"),
        ("cli.rs", "config.rs", "only commands"),
        ("event.rs", "fleet/plan.rs", "event is vocabulary"),
        ("settings.rs", "cli.rs", "settings is vocabulary"),
        ("fleet/plan.rs", "daemon/daemon.rs", "daemon is above fleet"),
        ("daemon/daemon.rs", "view/text.rs", "view is above daemon"),
        ("config.rs", "commands/run.rs", "commands is above config"),
        ("attic/chest.rs", "hand.rs", "attic is in no layer"),
    ] {
        let module = to.trim_end_matches(".rs").trim_end_matches("/mod").replace('/', "::");
        let import = format!("\nuse crate::{module}::Thing;");
        one_wrong(&[(from, &import), (to, thing)], &format!("src/{from}:2"), words);
    }
}

#[test]
fn what_points_down_is_allowed() {
    nothing_wrong(&[
        ("hand.rs", "pub struct Hand;"),
        ("event.rs", "use crate::hand::Hand;"),
        ("config.rs", "use crate::fleet::settings::Limits; pub struct Config;"),
        ("fleet/settings.rs", "pub struct Limits;"),
        ("fleet/mod.rs", "mod settings;\npub use settings::Limits;"),
        ("clouds/mod.rs", "use crate::fleet::Limits;"),
        ("clouds/aws/ec2.rs", "use aws_sdk_ec2::Client; use super::errors::sort;"),
        ("clouds/aws/errors.rs", "pub fn sort() {}"),
        ("commands/run.rs", "use crate::config::Config; fn run(_: super::super::cli::Cli) {}"),
        ("cli.rs", "pub struct Cli;"),
        ("main.rs", "use handwave::{cli::Cli, commands}; fn main() { commands::run::run(Cli) }"),
    ]);
}

/// Each of these is the same import, in line 3.
#[test]
fn no_way_to_write_an_import_hides_it() {
    for import in [
        "use crate::gesture::why::Why;",
        "use crate::gesture::why::Why as Reason;",
        "use crate::gesture::why as reasons;",
        "use crate::gesture::why::{self};",
        "use crate::gesture::why::*;",
        "use crate::{hand::Hand, gesture::{hold::{}, why::{Why, Because as Else}}};",
        "use super::super::gesture::why::Why;",
        "use super::{super::gesture::why::Why};",
        "pub use crate::gesture::why::Why;",
        "fn f() { use crate::gesture::why::Why; }",
        "fn f() -> crate::gesture::why::Why { todo() }",
        "fn f(_: Vec<Option<super::super::gesture::why::Why>>) {}",
        "fn f() { crate::gesture::why::explain(); }",
        "fn f<T: crate::gesture::why::Explains>(_: T) {}",
        "impl crate::gesture::why::Explains for Plan {}",
        "fn f() { assert!(x == 1 && !crate::gesture::why::explain(), \"{}\", 2); }",
        "fn f() { println!(\"{}\", inside(crate::gesture::why::explain())); }",
        "#[derive(crate::gesture::why::Explain)] struct S;",
        "#[derive(Deserialize)] struct S { #[serde(default = \"crate::gesture::why::explain\")] why: u8 }",
        "mod inner { use super::super::super::gesture::why::Why; }",
        "#[cfg(any(test, unix))] use crate::gesture::why::Why;",
        "#[cfg(not(test))] use crate::gesture::why::Why;",
        "#[cfg(windows)] use crate::gesture::why::Why;",
    ] {
        let plan = format!("struct Plan;\n\n{import}\n");
        let files =
            [("fleet/plan.rs", plan.as_str()), ("gesture/why.rs", ""), ("gesture/hold.rs", ""), ("hand.rs", "")];
        let wrong = wrong(&files);
        assert!(!wrong.is_empty(), "{import}");
        for one in wrong {
            assert!(one.starts_with("src/fleet/plan.rs:3: ") && one.contains("src/gesture/why.rs"), "{import}: {one}");
        }
    }
}

#[test]
fn a_path_is_followed_through_names_and_reexports() {
    let why = ("gesture/why.rs", "pub struct Why;");
    // Through an imported module.
    let lines: Vec<_> = wrong(&[("fleet/plan.rs", "use crate::gesture as g;\nfn f(_: g::why::Why) {}"), why]);
    assert!(lines.len() == 2 && lines[1].starts_with("src/fleet/plan.rs:2: g::why::Why leads to src/gesture/why.rs"));
    // Through the re-export of another room.
    let files = [
        ("camera/light.rs", "use crate::gesture::Roi;"),
        ("gesture/mod.rs", "pub use crate::vision::roi::Roi;"),
        ("vision/roi.rs", "pub struct Roi;"),
    ];
    let found = wrong(&files);
    assert!(found.iter().any(|one| one.starts_with("src/camera/light.rs:1: ") && one.contains("src/vision/roi.rs")));
    assert!(found.iter().any(|one| one.starts_with("src/camera/light.rs:1: ") && one.contains("src/gesture/mod.rs")));
    // Through a glob re-export.
    let files = [
        ("fleet/plan.rs", "use crate::command::Why;"),
        ("command.rs", "pub use crate::hand::*;"),
        ("hand.rs", "pub use super::gesture::why::Why;"),
        why,
    ];
    assert!(wrong(&files).iter().any(|one| one.starts_with("src/fleet/plan.rs:1: ") && one.contains("whoever gives")));
    // Names that lead back to themselves end the search.
    nothing_wrong(&[("hand.rs", "use image::image; use a::b as a; use a::*; fn f() { image::load(); }")]);
}

#[test]
fn code_that_only_tests_build_is_left_out() {
    let config = ("config.rs", "pub struct Config;");
    nothing_wrong(&[
        ("fleet/plan.rs", "#[cfg(test)]\nmod tests { use crate::config::Config; use super::*; }"),
        ("fleet/diff.rs", "#[cfg(all(test, unix))] fn f() -> crate::config::Config { todo() }"),
        ("fleet/state.rs", "impl A { #[cfg(test)] fn f() -> crate::config::Config { todo() } }"),
        config,
    ]);
    let fixtures = ("fleet/fixtures.rs", "use crate::config::Config;");
    nothing_wrong(&[("fleet/mod.rs", "#[cfg(test)]\nmod fixtures;"), fixtures, config]);
    one_wrong(&[("fleet/mod.rs", "mod fixtures;"), fixtures, config], "src/fleet/fixtures.rs:1", "only commands");
}

#[test]
fn what_only_names_is_no_import() {
    nothing_wrong(&[
        (
            "fleet/plan.rs",
            "//! See [`crate::gesture::why::Why`].\n/// And `crate::config::Config`.\npub(super) fn f() {}",
        ),
        ("gesture/why.rs", "pub(in crate::gesture) fn f() { tokio::spawn(); let config = 1; }"),
        ("config.rs", "pub struct Config;"),
    ]);
}

#[test]
fn a_clouds_library_stays_in_its_folder() {
    let client = "use std::io;\nuse aws_sdk_ec2::Client;";
    one_wrong(&[("fleet/plan.rs", client)], "src/fleet/plan.rs:2", "aws_sdk_ec2 belongs in clouds/aws");
    let inline = "fn f() { aws_config::load(); }";
    one_wrong(&[("commands/fleet.rs", inline)], "src/commands/fleet.rs:1", "aws_config belongs in clouds/aws");
}

#[test]
fn a_circle_is_told_with_its_files_and_lines() {
    let two =
        wrong(&[("fleet/a.rs", "use super::b::B;\npub struct A;"), ("fleet/b.rs", "\npub struct B(super::a::A);")]);
    assert_eq!(
        two,
        ["a circle: src/fleet/a.rs -> src/fleet/b.rs -> src/fleet/a.rs\n    src/fleet/a.rs:1: super::b::B leads to \
          src/fleet/b.rs\n    src/fleet/b.rs:2: super::a::A leads to src/fleet/a.rs"]
    );
    let three = [
        ("event.rs", "use crate::hand::H;"),
        ("hand.rs", "use crate::command::C;"),
        ("command.rs", "use crate::event::E;"),
    ];
    one_wrong(&three, "a circle", "src/command.rs -> src/event.rs -> src/hand.rs -> src/command.rs");
    // Two circles with a file in common.
    let b_and_c = "use super::b::B; use super::c::C;";
    let back = "use super::a::A;";
    assert_eq!(wrong(&[("fleet/a.rs", b_and_c), ("fleet/b.rs", back), ("fleet/c.rs", back)]).len(), 2);
}

#[test]
fn a_module_file_may_reexport_its_children_who_do_not_import_from_it() {
    let open = "mod reader;\nmod settings;\npub use settings::Settings;\nuse reader::Reader;\npub fn open() {}\npub struct Frame;";
    let settings = ("vision/settings.rs", "pub struct Settings;");
    nothing_wrong(&[("vision/mod.rs", open), ("vision/reader.rs", "use super::settings::Settings;"), settings]);
    let through =
        [("vision/mod.rs", "pub use settings::Settings;"), ("vision/reader.rs", "use super::Settings;"), settings];
    one_wrong(&through, "src/vision/reader.rs:1", "not by the re-export in src/vision/mod.rs");
    let circle = [("vision/mod.rs", open), ("vision/reader.rs", "use super::Frame;"), settings];
    one_wrong(&circle, "a circle", "src/vision/mod.rs -> src/vision/reader.rs -> src/vision/mod.rs");
}

#[test]
fn a_file_that_no_mod_names_is_noticed() {
    let files = [("lib.rs", "mod fleet;"), ("fleet/mod.rs", ""), ("fleet/lost.rs", "")];
    let tree: Files = files.iter().map(|(file, text)| (file.to_string(), text.to_string())).collect();
    assert_eq!(rules::check(&Sources::read(&tree).unwrap()), ["src/fleet/lost.rs:1: no `mod` names this file"]);
}
