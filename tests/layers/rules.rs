//! The rules: imports in; violations out, each with its file and line.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::sources::{Import, Sources};

/// Lowest first; imports point down. A room is a folder, or a file right below src.
const LAYERS: &[&[&str]] = &[
    VOCABULARY,
    &["canvas"],
    &["camera"],
    &["vision"],
    &["gesture"],
    &["pipeline"],
    &["fleet"],
    &["clouds"],
    &["policy"],
    &["daemon"],
    &["view"],
    &["web"],
    &["config"],
    &["cli", "commands", "lib", "main"],
];

const VOCABULARY: &[&str] = &["hand", "command", "event", "settings", "metrics"];

/// All violations, sorted by file and line; circles last.
pub fn check(sources: &Sources) -> Vec<String> {
    let imports = sources.imports();
    let mut wrong: BTreeSet<(&str, usize, String)> = BTreeSet::new();
    for import in &imports {
        if let Some(why) = never(room(&import.from), room(&import.to)).or_else(|| own_reexport(import)) {
            wrong.insert((&import.from, import.line, format!("{} leads to src/{}: {why}", import.path, import.to)));
        }
    }
    let externals = sources.externals();
    for external in externals.iter().filter(|external| external.name.starts_with("aws_")) {
        if !external.from.starts_with("clouds/aws/") {
            let why = format!("{} belongs in clouds/aws, and nowhere else", external.name);
            wrong.insert((&external.from, external.line, why));
        }
    }
    let mut said: Vec<_> = wrong.into_iter().map(|(file, line, why)| format!("src/{file}:{line}: {why}")).collect();
    said.extend(sources.orphans().into_iter().map(|file| format!("src/{file}:1: no `mod` names this file")));
    said.extend(circles(&imports));
    said
}

fn room(file: &str) -> &str {
    file.split('/').next().unwrap_or(file).trim_end_matches(".rs")
}

/// Why one room may not import another.
fn never(from: &str, to: &str) -> Option<String> {
    let layer = |room: &str| LAYERS.iter().position(|rooms| rooms.contains(&room));
    match (from, to) {
        _ if from == to => None,
        ("fleet", "clouds") => Some("the fleet knows a cloud by fleet/ports.rs only".into()),
        ("fleet", "gesture" | "vision") => Some("the fleet takes commands, whoever gives them".into()),
        ("gesture" | "vision", "fleet") => Some(format!("{from} does not know what its hands are for")),
        ("camera", "vision") => Some("a camera gives frames, whoever reads them".into()),
        (_, "config") if from != "commands" => {
            Some("only commands know the whole of the settings; the others get their section".into())
        }
        (from, to) if VOCABULARY.contains(&from) && !VOCABULARY.contains(&to) => {
            Some(format!("{from} is vocabulary, which imports no room"))
        }
        (from, to) => match (layer(from), layer(to)) {
            (Some(below), Some(above)) if below < above => {
                Some(format!("imports point down, and {to} is above {from}"))
            }
            (Some(_), Some(_)) => None,
            (None, _) => Some(format!("{from} is in no layer: name it in tests/layers/rules.rs")),
            (_, None) => Some(format!("{to} is in no layer: name it in tests/layers/rules.rs")),
        },
    }
}

/// A child that imports through the module file above it closes half a circle.
fn own_reexport(import: &Import) -> Option<String> {
    let through = import.through.as_deref()?;
    let folder = through.strip_suffix("mod.rs")?;
    import.from.starts_with(folder).then(|| format!("import it from there, not by the re-export in src/{through}"))
}

/// For each file the shortest circle that it is part of; each circle once.
fn circles(imports: &[Import]) -> Vec<String> {
    let mut graph: BTreeMap<&str, BTreeMap<&str, &Import>> = BTreeMap::new();
    for import in imports.iter().filter(|import| import.is_dependency) {
        graph.entry(&import.from).or_default().entry(&import.to).or_insert(import);
    }
    let shortest = |start: &str| {
        let (mut came_by, mut queue) = (BTreeMap::<&str, &Import>::new(), VecDeque::from([start]));
        while let Some(file) = queue.pop_front() {
            for (to, import) in graph.get(file).into_iter().flatten() {
                if *to == start {
                    let mut circle = vec![*import];
                    while circle[circle.len() - 1].from != start {
                        circle.push(came_by[circle[circle.len() - 1].from.as_str()]);
                    }
                    circle.reverse();
                    return Some(circle);
                }
                if !came_by.contains_key(to) {
                    came_by.insert(to, import);
                    queue.push_back(to);
                }
            }
        }
        None
    };
    let (mut known, mut said) = (BTreeSet::new(), Vec::new());
    for file in graph.keys() {
        let Some(circle) = shortest(file) else { continue };
        let files: BTreeSet<_> = circle.iter().map(|import| import.from.clone()).collect();
        if known.insert(files) {
            said.push(in_words(&circle));
        }
    }
    said
}

fn in_words(circle: &[&Import]) -> String {
    let files: Vec<_> = circle.iter().chain(circle.first()).map(|import| format!("src/{}", import.from)).collect();
    let mut text = format!("a circle: {}", files.join(" -> "));
    for import in circle {
        text += &format!("\n    src/{}:{}: {} leads to src/{}", import.from, import.line, import.path, import.to);
    }
    text
}
