//! Words that were replaced do not come back, and counted words have one speller.

use std::fs;
use std::path::Path;

/// Clumsy or internal words, and what is said instead.
const REPLACED: [(&str, &str); 26] = [
    ("wants nothing", "OK, and what happens next"),
    ("its driver decides", "waiting for approval"),
    ("handed to process", "sent to the main cockpit"),
    ("was given back", "was released"),
    ("tried again and again", "Retrying"),
    ("the last height that counts", "not ready in time"),
    ("nine boots in ten", "90% of boots need more time"),
    ("waits for the PoC to start", "registered"),
    ("nothing to agree to", "Nothing to confirm"),
    ("nothing is searched for", "No filter"),
    ("What the market has", "Offers unknown"),
    ("the best there is", "rank 1"),
    ("eight of ten", "80% range"),
    ("bandwidth and disk alone", "never tried by us"),
    ("Nothing is known to be rented", "No active rental"),
    ("what the gate that waits", "the pending action"),
    ("the whole screen, or not", "Maximize or restore"),
    ("Hold the log still", "Hold or resume"),
    ("is the least for the panes", "Enlarge to at least"),
    ("right is a text in quotes", "expected"),
    ("it must be given", "required"),
    ("as a sprint needs it", "the value that was found"),
    ("not as they should be", "failed"),
    ("PAYS FROM", "worth it above"),
    ("Take everything of ours down, now", "Destroy all"),
    ("GPUs that will do", "Accepted GPU models"),
];

/// Every source file of a directory, with its text.
fn sources(directory: &Path, found: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(directory).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|end| end == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            found.push((path.display().to_string(), text));
        }
    }
}

fn all_sources() -> Vec<(String, String)> {
    let mut found = Vec::new();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    sources(&root.join("src"), &mut found);
    assert!(found.len() > 100, "the sources are read");
    found
}

#[test]
fn replaced_words_stay_away() {
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let mut texts = all_sources();
    texts.push(("README.md".to_owned(), fs::read_to_string(readme).unwrap()));
    for (file, text) in texts {
        for (old, new) in REPLACED {
            assert!(!text.contains(old), "{file} says \"{old}\": say \"{new}\"");
        }
    }
}

#[test]
fn one_function_spells_counted_words() {
    for (file, text) in all_sources() {
        // The simulated world writes what others write.
        if file.contains("/src/world/") || file.ends_with("/domain/format.rs") {
            continue;
        }
        for by_hand in ["{ \"\" } else { \"s\" }", "== 1 { \"problem", "(s)\""] {
            assert!(!text.contains(by_hand), "{file}: use domain::format::count");
        }
    }
}
