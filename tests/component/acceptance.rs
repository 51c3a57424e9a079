//! The tables of acceptance cases name tests that exist, and every case is in them once.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

fn sources(directory: &Path, text: &mut String) {
    for entry in fs::read_dir(directory).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            sources(&path, text);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            text.push_str(&fs::read_to_string(path).unwrap());
        }
    }
}

#[test]
fn every_test_that_the_table_names_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let table = fs::read_to_string(root.join("tests/acceptance.md")).unwrap();
    let mut code = String::new();
    sources(&root.join("src"), &mut code);
    sources(&root.join("tests"), &mut code);
    let rows: Vec<&str> = table
        .lines()
        .filter(|line| {
            ["| D", "| G", "| V", "| S", "| C", "| F"]
                .iter()
                .any(|case| line.starts_with(case))
        })
        .collect();
    let cases: BTreeSet<&str> = rows
        .iter()
        .filter_map(|row| row.split('|').nth(1))
        .collect();
    assert_eq!((rows.len(), cases.len()), (227, 227));
    for row in rows {
        let held_by = row.trim_end_matches([' ', '|']).rsplit('|').next();
        let named = held_by
            .unwrap_or_default()
            .split('`')
            .skip(1)
            .step_by(2)
            .filter(|word| word.contains('_'));
        for name in named {
            assert!(
                code.contains(&format!("fn {name}(")),
                "{name} is not there: {row}"
            );
        }
    }
}
