//! The house's arrows: who may import whom. See the map in `src/lib.rs`.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::{Path, PathBuf};

/// Rooms that do no I/O of their own and know no clock.
const PURE: &[&str] = &[
    "domain/",
    "flow/",
    "chain/clock.rs",
    "chain/epoch.rs",
    "chain/plausible.rs",
    "chain/sources.rs",
    "chain/stages.rs",
    "vast/rank",
    "vast/cost.rs",
    "vast/predict.rs",
    "mlnode/boot",
    "network_node/diff.rs",
    "network_node/preflight.rs",
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

/// What a room may import of the crate, by path prefix.
fn allowed(file: &str) -> &'static [&'static str] {
    let room = file.split(['/', '.']).next().unwrap_or_default();
    match room {
        "domain" => &["domain"],
        "config" => &["domain", "config"],
        "world" => &["domain", "world"],
        "http" => &["domain", "http"],
        "ports" => &["domain", "ports"],
        "flow" => &[
            "domain",
            "flow",
            "chain::clock",
            "chain::epoch",
            "chain::plausible",
            "vast::rank",
            "vast::cost",
            "mlnode::boot",
            "network_node::diff",
        ],
        "journal" => &["domain", "flow", "atomic_file", "journal"],
        "chain" | "vast" | "mlnode" | "network_node" | "ssh" | "notify" | "proxy" => {
            if is_pure(file) {
                &["domain", "chain", "vast", "mlnode", "network_node", "ssh"]
            } else {
                &[
                    "domain",
                    "http",
                    "atomic_file",
                    "config",
                    "ports",
                    "chain",
                    "vast",
                    "mlnode",
                    "network_node",
                    "ssh",
                    "notify",
                    "proxy",
                ]
            }
        }
        "engine" => &[
            "domain",
            "config",
            "chain",
            "vast",
            "mlnode",
            "network_node",
            "ssh",
            "flow",
            "journal",
            "atomic_file",
            "notify",
            "ports",
            "engine",
        ],
        "tui" => &["domain", "engine", "tui"],
        "lib" | "main" | "cli" => &[""],
        _ => &[],
    }
}

fn is_pure(file: &str) -> bool {
    PURE.iter().any(|pure| file.starts_with(pure))
}

/// Wrong arrows of one file.
fn wrong_arrows(file: &str, text: &str) -> Vec<String> {
    let code = without_tests_and_comments(text);
    let mut wrong = Vec::new();
    for (index, _) in code.match_indices("crate::") {
        let rest = &code[index + "crate::".len()..];
        let end = rest
            .find(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':'))
            .unwrap_or(rest.len());
        let path = &rest[..end];
        let bare_ports = file.starts_with("tui/") && path.starts_with("ports");
        if bare_ports || !allowed(file).iter().any(|prefix| path.starts_with(prefix)) {
            wrong.push(format!("{file} imports crate::{path}"));
        }
    }
    if is_pure(file) {
        let found = IMPURE.iter().filter(|word| code.contains(**word));
        wrong.extend(found.map(|word| format!("{file} is pure and uses {word}")));
    }
    wrong
}

fn without_tests_and_comments(text: &str) -> String {
    let code = text.split("#[cfg(test)]").next().unwrap_or_default();
    let lines = code
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"));
    lines.collect::<Vec<_>>().join("\n")
}

fn sources(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

#[test]
fn every_arrow_points_the_right_way() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    assert!(
        files.len() > 50,
        "only {} source files were found",
        files.len()
    );
    let mut wrong = Vec::new();
    for file in files {
        let name = file
            .strip_prefix(&root)
            .unwrap()
            .to_string_lossy()
            .replace('\\', "/");
        let is_test = name.ends_with("tests.rs") || name.contains("/tests/");
        if !is_test {
            wrong.extend(wrong_arrows(&name, &fs::read_to_string(&file).unwrap()));
        }
    }
    assert!(wrong.is_empty(), "wrong arrows:\n{}", wrong.join("\n"));
}

#[test]
fn planted_wrong_arrows_are_found() {
    let planted = [
        ("domain/money.rs", "use crate::flow::Sprint;"),
        ("flow/mod.rs", "use crate::engine::Snapshot;"),
        ("flow/mod.rs", "let now = chrono::Utc::now();"),
        ("chain/clock.rs", "use tokio::time::Instant;"),
        ("world/vast.rs", "use crate::vast::wire::Offer;"),
        ("tui/app.rs", "use crate::ports::Clock;"),
        ("tui/app.rs", "use crate::journal::Journal;"),
        ("vast/client.rs", "use crate::engine::Snapshot;"),
        ("engine/core.rs", "use crate::tui::run;"),
    ];
    for (file, line) in planted {
        assert_eq!(wrong_arrows(file, line).len(), 1, "{file}: {line}");
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
        assert_eq!(
            wrong_arrows(file, line),
            Vec::<String>::new(),
            "{file}: {line}"
        );
    }
}
