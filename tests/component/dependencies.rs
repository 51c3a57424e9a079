//! Every direct dependency is used, and `Cargo.toml` says what for.

use std::fs;
use std::path::Path;

/// Whose code uses a dependency.
#[derive(Clone, Copy, PartialEq, Eq)]
enum User {
    Program,
    Tests,
}

/// A line of `Cargo.toml` with the one above it.
struct Dependency<'a> {
    name: &'a str,
    above: &'a str,
    user: User,
}

fn dependencies(manifest: &str) -> Vec<Dependency<'_>> {
    let mut found = Vec::new();
    let mut user = None;
    let mut above = "";
    for line in manifest.lines() {
        if line.starts_with('[') {
            user = match line {
                "[dependencies]" => Some(User::Program),
                "[dev-dependencies]" => Some(User::Tests),
                _ => None,
            };
        } else if let (Some(user), Some((name, _))) = (user, line.split_once(" = ")) {
            found.push(Dependency { name, above, user });
        }
        above = line;
    }
    found
}

fn sources(directory: &Path, text: &mut String) {
    for entry in fs::read_dir(directory).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            sources(&path, text);
        } else if path.extension().is_some_and(|end| end == "rs") {
            text.push_str(&fs::read_to_string(path).unwrap());
        }
    }
}

#[test]
fn every_dependency_is_used_and_has_a_reason() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let manifest = fs::read_to_string(root.join("Cargo.toml")).unwrap();
    let dependencies = dependencies(&manifest);
    assert!(dependencies.len() > 50, "{}", dependencies.len());
    let mut program = String::new();
    sources(&root.join("src"), &mut program);
    // The tests of a part are beside it.
    let mut all = program.clone();
    sources(&root.join("tests"), &mut all);
    for Dependency { name, above, user } in dependencies {
        assert!(
            above.starts_with("# "),
            "Cargo.toml does not say what {name} is for"
        );
        let code = match user {
            User::Program => &program,
            User::Tests => &all,
        };
        let path = name.replace('-', "_");
        let used = [format!("{path}::"), format!("use {path};")];
        assert!(
            used.iter().any(|used| code.contains(used)),
            "{name} is not used"
        );
    }
}
