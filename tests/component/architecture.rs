//! The house's arrows: which room may import which, and no circles, neither of rooms nor of files.
//! See the map in `src/lib.rs`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// Files that do no I/O and know no clock, by the beginning of their path.
const PURE: &[&str] = &[
    "domain/",
    "fleet/",
    "flow/",
    "chain/clock.rs",
    "chain/epoch.rs",
    "chain/height_check.rs",
    "chain/sources.rs",
    "chain/stages.rs",
    "vast/rank",
    "vast/cost.rs",
    "vast/predict.rs",
    "mlnode/arguments.rs",
    "mlnode/boot",
    "mlnode/environment.rs",
    "mlnode/faults",
    "mlnode/suspects",
    "network_node/diff.rs",
    "network_node/preflight",
    "ssh/sanitize.rs",
];
const IMPURE: &[&str] = &[
    "tokio",
    "reqwest",
    "openssh",
    "rand::",
    "std::time::Instant",
    "SystemTime",
    "Utc::now",
    "std::fs",
    "std::net",
];

/// Modules that a file may import, by the beginning of their path.
fn allowed(file: &str) -> &'static [&'static str] {
    match room(file) {
        "domain" => &["domain"],
        "ports" => &["domain", "ports"],
        "config" => &["domain", "config"],
        "world" => &["domain", "world"],
        "http" => &["domain", "http"],
        "atomic_file" => &[],
        "descriptors" => &["domain", "ports"],
        "admission" => &["descriptors"],
        "fleet" => &["domain", "fleet"],
        "flow" => &[
            "domain",
            "flow",
            "chain::challenge",
            "chain::clock",
            "chain::epoch",
            "chain::height_check",
            "vast::rank",
            "vast::cost",
            "mlnode::boot",
            "network_node::diff",
        ],
        "journal" => &["domain", "flow", "atomic_file", "journal"],
        "chain" | "vast" | "mlnode" | "network_node" | "ssh" if is_pure(file) => {
            &["domain", "chain", "vast", "mlnode", "network_node", "ssh"]
        }
        "chain" | "vast" | "mlnode" | "network_node" | "ssh" | "notify" | "proxy" => &[
            "domain",
            "http",
            "admission",
            "atomic_file",
            "config",
            "descriptors",
            "ports",
            "chain",
            "vast",
            "mlnode",
            "network_node",
            "ssh",
            "notify",
            "proxy",
        ],
        "engine" => &[
            "domain",
            "config",
            "chain",
            "vast",
            "mlnode",
            "network_node",
            "ssh",
            "fleet",
            "flow",
            "journal",
            "atomic_file",
            "notify",
            "ports",
            "engine",
        ],
        "tui" => &["domain", "config", "engine", "tui"],
        "lib" | "main" | "cli" => &[""],
        _ => &[],
    }
}

fn is_pure(file: &str) -> bool {
    PURE.iter().any(|pure| file.starts_with(pure))
}

fn room(file: &str) -> &str {
    file.split(['/', '.']).next().unwrap_or_default()
}

/// The crate's source files by name (`engine/run.rs`), without tests and comments.
struct Sources(BTreeMap<String, String>);

/// Which file imports which.
type Imports = BTreeMap<String, BTreeSet<String>>;

impl Sources {
    fn of_the_crate() -> Sources {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let mut files = BTreeMap::new();
        read_dir(&root, &root, &mut files);
        Sources(files)
    }

    fn of(files: &[(&str, &str)]) -> Sources {
        let code = |(name, text): &(&str, &str)| ((*name).to_owned(), code_of(text));
        Sources(files.iter().map(code).collect())
    }

    /// The file of a module, if the path names one.
    fn file_of(&self, module: &[&str]) -> Option<String> {
        if module.is_empty() {
            return self.0.contains_key("lib.rs").then(|| "lib.rs".to_owned());
        }
        let path = module.join("/");
        [format!("{path}.rs"), format!("{path}/mod.rs")]
            .into_iter()
            .find(|file| self.0.contains_key(file))
    }

    /// The file that defines what an absolute path names: its longest module, or the file that the
    /// module has it from by a `use`.
    fn definition(&self, path: &[&str], depth: usize) -> Option<String> {
        let (length, file) = (0..=path.len())
            .rev()
            .find_map(|length| Some((length, self.file_of(&path[..length])?)))?;
        let Some(item) = path.get(length).filter(|_| depth < 8) else {
            return Some(file);
        };
        let from = self.uses(&file).into_iter().find(|used| {
            let Some((last, module)) = used.split_last() else {
                return false;
            };
            let inside = module.starts_with(
                &path[..length]
                    .iter()
                    .map(|p| (*p).to_owned())
                    .collect::<Vec<_>>(),
            );
            last == item && inside && module.len() > length
        });
        match from {
            Some(from) => {
                let from: Vec<&str> = from.iter().map(String::as_str).collect();
                self.definition(&from, depth + 1)
            }
            None => Some(file),
        }
    }

    /// Absolute paths that a file names by `crate::`, `self::`, `super::`, or through a child module.
    fn uses(&self, file: &str) -> Vec<Vec<String>> {
        let module = module_of(file);
        let children: Vec<&str> = self
            .0
            .keys()
            .filter_map(|other| {
                let other = module_of(other);
                (other.len() == module.len() + 1 && other.starts_with(&module))
                    .then(|| other[module.len()])
            })
            .collect();
        let mut found = Vec::new();
        for path in paths(&self.0[file]) {
            let mut names = path.iter().map(String::as_str).peekable();
            let mut at: Vec<&str> = match names.peek() {
                Some(&"crate") => {
                    names.next();
                    Vec::new()
                }
                Some(&("self" | "super")) => module.clone(),
                Some(first) if children.contains(first) => module.clone(),
                _ => continue,
            };
            for name in names {
                match name {
                    "self" => {}
                    "super" => {
                        at.pop();
                    }
                    name => at.push(name),
                }
            }
            found.push(at.into_iter().map(str::to_owned).collect());
        }
        found
    }

    fn imports(&self) -> Imports {
        let of = |file: &String| {
            let uses = self.uses(file);
            let files = uses.iter().filter_map(|path| {
                let path: Vec<&str> = path.iter().map(String::as_str).collect();
                self.definition(&path, 0)
            });
            files.filter(|other| other != file).collect()
        };
        self.0.keys().map(|file| (file.clone(), of(file))).collect()
    }

    /// Imports that no rule allows.
    fn wrong_arrows(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        for (file, code) in &self.0 {
            for path in self.uses(file) {
                let path = path.join("::");
                let inside = room(&path) == room(file);
                let ok = allowed(file).iter().any(|prefix| path.starts_with(prefix));
                if !ok && (!inside || is_pure(file)) {
                    wrong.push(format!("{file} imports {path}"));
                }
            }
            if is_pure(file) {
                let words = IMPURE.iter().filter(|word| code.contains(**word));
                wrong.extend(words.map(|word| format!("{file} is pure and uses {word}")));
            }
        }
        wrong
    }
}

fn read_dir(root: &Path, dir: &Path, files: &mut BTreeMap<String, String>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        let name = path
            .strip_prefix(root)
            .unwrap()
            .to_string_lossy()
            .into_owned();
        let is_test = name.ends_with("tests") || name.ends_with("tests.rs");
        if is_test {
            continue;
        }
        if path.is_dir() {
            read_dir(root, &path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.insert(name, code_of(&fs::read_to_string(&path).unwrap()));
        }
    }
}

fn code_of(text: &str) -> String {
    let code = text.split("#[cfg(test)]").next().unwrap_or_default();
    let lines = code.lines().map(|line| match line.find("//") {
        Some(comment) if !line[..comment].contains('"') => &line[..comment],
        _ => line,
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// `engine/rental/watcher.rs` is `[engine, rental, watcher]`.
fn module_of(file: &str) -> Vec<&str> {
    let path = file.strip_suffix(".rs").unwrap_or(file);
    let path = path.strip_suffix("/mod").unwrap_or(path);
    if path == "lib" || path == "main" {
        return Vec::new();
    }
    path.split('/').collect()
}

/// A module's face re-exports what is below it, and its children know what they are part of.
fn is_own_face(a: &str, b: &str) -> bool {
    let (a, b) = (module_of(a), module_of(b));
    a.starts_with(&b) || b.starts_with(&a)
}

/// All paths of two and more names, with the trees of `use` written out.
fn paths(code: &str) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    let mut rest = code;
    while let Some(start) = rest.find(|c: char| c.is_alphabetic() || c == '_') {
        rest = &rest[start..];
        let end = name_end(rest);
        if rest[end..].starts_with("::") {
            let length = tree(rest, &[], &mut found);
            rest = &rest[length.max(1)..];
        } else {
            let is_child = rest.starts_with("use ");
            rest = &rest[if is_child { 4 } else { end }..];
        }
    }
    found
}

fn name_end(text: &str) -> usize {
    text.find(|c: char| !(c.is_alphanumeric() || c == '_'))
        .unwrap_or(text.len())
}

/// Reads one path, or the part of a `use` tree below `before`; gives its length.
fn tree(text: &str, before: &[String], found: &mut Vec<Vec<String>>) -> usize {
    let mut path = before.to_vec();
    let mut at = 0;
    loop {
        let end = at + name_end(&text[at..]);
        if end == at {
            break;
        }
        path.push(text[at..end].to_owned());
        at = end;
        let Some(after) = text[at..].strip_prefix("::") else {
            break;
        };
        at += 2;
        if !after.starts_with('{') {
            continue;
        }
        at += 1;
        loop {
            at += text[at..]
                .find(|c: char| !c.is_whitespace() && c != ',')
                .unwrap_or(text.len() - at);
            if at >= text.len() || text[at..].starts_with('}') {
                return (at + 1).min(text.len());
            }
            let length = tree(&text[at..], &path, found);
            // `as other`, `*`
            let skipped = text[at + length..]
                .find([',', '}'])
                .unwrap_or(text.len() - at - length);
            at += length + skipped;
        }
    }
    found.push(path);
    at
}

/// The nodes that lie in a circle: whoever imports none, or is imported by none, is taken away until
/// nobody is left to take away.
fn in_circles(mut graph: Imports) -> Imports {
    loop {
        let imported: BTreeSet<String> = graph.values().flatten().cloned().collect();
        let before = graph.len();
        let nodes: BTreeSet<String> = graph.keys().cloned().collect();
        for arrows in graph.values_mut() {
            arrows.retain(|other| nodes.contains(other));
        }
        graph.retain(|node, arrows| !arrows.is_empty() && imported.contains(node));
        if graph.len() == before {
            return graph;
        }
    }
}

fn shown(circles: &Imports) -> String {
    let line = |(file, others): (&String, &BTreeSet<String>)| {
        let others: Vec<&str> = others.iter().map(String::as_str).collect();
        format!("{file} -> {}\n", others.join(", "))
    };
    circles.iter().map(line).collect()
}

fn circles_of_files(sources: &Sources) -> Imports {
    let mut imports = sources.imports();
    for (file, others) in &mut imports {
        others.retain(|other| !is_own_face(file, other));
    }
    in_circles(imports)
}

fn circles_of_rooms(sources: &Sources) -> Imports {
    let mut rooms = Imports::new();
    for (file, others) in sources.imports() {
        let others = others.iter().map(|other| room(other).to_owned());
        let own = room(&file).to_owned();
        let others = others
            .filter(|other| *other != own)
            .collect::<BTreeSet<_>>();
        rooms.entry(own).or_default().extend(others);
    }
    in_circles(rooms)
}

#[test]
fn arrows_point_the_right_way() {
    let sources = Sources::of_the_crate();
    assert!(sources.0.len() > 50, "only {} files found", sources.0.len());
    let wrong = sources.wrong_arrows();
    assert!(wrong.is_empty(), "wrong arrows:\n{}", wrong.join("\n"));
}

#[test]
fn rooms_form_no_circle() {
    let circles = circles_of_rooms(&Sources::of_the_crate());
    assert!(circles.is_empty(), "\n{}", shown(&circles));
}

#[test]
fn files_form_no_circle() {
    let circles = circles_of_files(&Sources::of_the_crate());
    assert!(circles.is_empty(), "\n{}", shown(&circles));
}

#[test]
fn planted_wrong_arrows_are_found() {
    let planted = [
        ("domain/money.rs", "use crate::flow::Sprint;"),
        ("domain/money.rs", "use super::super::flow::Sprint;"),
        ("flow/mod.rs", "use crate::engine::Snapshot;"),
        ("flow/mod.rs", "let now = chrono::Utc::now();"),
        ("chain/clock.rs", "use tokio::time::Instant;"),
        ("world/vast.rs", "use crate::vast::wire::Offer;"),
        ("tui/app.rs", "use crate::ports::Clock;"),
        ("tui/app.rs", "use crate::{domain::Step, journal::Journal};"),
        ("vast/client.rs", "use crate::engine::Snapshot;"),
        ("engine/run.rs", "use crate::tui::run;"),
    ];
    for (file, line) in planted {
        let wrong = Sources::of(&[(file, line)]).wrong_arrows();
        assert_eq!(wrong.len(), 1, "{file}: {line}: {wrong:?}");
    }
}

#[test]
fn right_arrows_and_comments_pass() {
    let right = [
        (
            "flow/mod.rs",
            "use crate::domain::Step;\n// not crate::engine::Snapshot",
        ),
        ("tui/app.rs", "use crate::engine::{Command, Snapshot};"),
        ("vast/client.rs", "use crate::ports::Market;"),
        (
            "chain/clock.rs",
            "use crate::domain::Time;\n#[cfg(test)]\nmod tests { use tokio::time; }",
        ),
    ];
    for (file, line) in right {
        let wrong = Sources::of(&[(file, line)]).wrong_arrows();
        assert_eq!(wrong, Vec::<String>::new(), "{file}: {line}");
    }
}

#[test]
fn planted_circles_are_found() {
    // By `super::`, in a tree of uses, inline, and through what the face re-exports.
    let ways = [
        "use super::b::B;",
        "use super::{\n    super::domain, b::{B, other},\n};",
        "fn f() -> super::b::B { todo!() }",
        "use super::B;",
        "use crate::engine::{B as C, D};",
    ];
    let face = ("engine/mod.rs", "mod a;\nmod b;\npub use b::B;");
    for way in ways {
        let files = [
            ("lib.rs", "pub mod engine;"),
            face,
            ("engine/a.rs", way),
            ("engine/b.rs", "use super::a::A;"),
            ("engine/c.rs", "use super::a::A; use super::b::B;"),
        ];
        let circles = circles_of_files(&Sources::of(&files));
        let files: Vec<&String> = circles.keys().collect();
        assert_eq!(files, ["engine/a.rs", "engine/b.rs"], "{way}");
    }
}

#[test]
fn layers_are_no_circle() {
    let files = [
        ("engine/mod.rs", "pub use run::start;"),
        (
            "engine/run.rs",
            "use super::state::Engine; use super::alerts;",
        ),
        (
            "engine/state.rs",
            "use super::alerts::tracker::AlertTracker;",
        ),
        ("engine/alerts/mod.rs", "pub use tracker::AlertTracker;"),
        ("engine/alerts/tracker.rs", "use crate::domain::Time;"),
    ];
    assert_eq!(circles_of_files(&Sources::of(&files)), Imports::new());
}
