//! The journal and the configuration of every released version open, and mean what they meant.
//!
//! Each version has a folder in `tests/released`: a journal in mid-sprint, as `sqlite3 journal.sqlite .dump`
//! prints it (with its `user_version`), what it says, and a configuration with every setting. They are
//! recorded once, from `pocpit sim` and `pocpit auto`, and not changed after the release.

use std::path::{Path, PathBuf};
use std::time::Instant;

use pocpit::domain::{Duration, Time};
use pocpit::engine::saved_sprints;
use pocpit::journal::{self, Journal, JournalError, Ledger};
use serde_json::{Value, json};

/// Nothing here takes this long, even on a busy machine.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(30);
const RELEASED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/released");

fn versions() -> Vec<PathBuf> {
    let folders = std::fs::read_dir(RELEASED).unwrap().flatten();
    folders.map(|folder| folder.path()).collect()
}

fn text(version: &Path, file: &str) -> String {
    std::fs::read_to_string(version.join(file)).unwrap()
}

/// A state directory as the version left it.
fn state_of(version: &Path) -> tempfile::TempDir {
    let state = tempfile::tempdir().unwrap();
    let connection = rusqlite::Connection::open(state.path().join("journal.sqlite")).unwrap();
    connection
        .execute_batch(&text(version, "journal.sql"))
        .unwrap();
    state
}

fn journal_version(state: &Path) -> i64 {
    let connection = rusqlite::Connection::open(state.join("journal.sqlite")).unwrap();
    let read = connection.query_row("PRAGMA user_version", [], |row| row.get(0));
    read.unwrap()
}

/// Opens it for writing. A program that another test starts meanwhile has the lock of a closed journal too,
/// until it runs.
fn open_for_writing(state: &Path) -> (Journal, Ledger) {
    let end = Instant::now() + PATIENCE;
    loop {
        match Journal::open(state) {
            Err(JournalError::Locked { .. }) if Instant::now() < end => {
                std::thread::sleep(std::time::Duration::from_millis(10));
            }
            opened => return opened.unwrap(),
        }
    }
}

/// What would cost money or the epoch if an upgrade lost it.
fn facts(ledger: &Ledger, now: Time) -> Value {
    let sprints = saved_sprints(ledger).map(|(_, saved)| saved.unwrap());
    let rentals = ledger.open_rentals();
    let rentals = rentals
        .iter()
        .map(|rental| json!({"label": rental.label, "instance": rental.instance}));
    let registrations = ledger.registrations();
    let registrations = registrations.iter().map(|registration| &registration.node);
    let reports = ledger.reports().iter();
    let reports = reports.map(|(_, report)| json!({"epoch": report.epoch, "outcome": report.outcome, "weight": report.weight}));
    json!({
        "now": now,
        "steps": sprints.map(|sprint| sprint.step()).collect::<Vec<_>>(),
        "rentals": rentals.collect::<Vec<_>>(),
        "registrations": registrations.collect::<Vec<_>>(),
        "reports": reports.collect::<Vec<_>>(),
        "spent_in_a_month": ledger.spent_within(Duration::days(30), now),
        "reserved": ledger.reserved(now),
    })
}

#[test]
fn journals_of_released_versions_mean_what_they_meant() {
    for version in versions() {
        let wanted: Value = serde_json::from_str(&text(&version, "facts.json")).unwrap();
        let now: Time = serde_json::from_value(wanted["now"].clone()).unwrap();
        let state = state_of(&version);
        // Given the journal of a sprint under way, reading it changes nothing,
        let before = journal_version(state.path());
        let read = journal::read_only(state.path()).unwrap();
        assert_eq!(facts(&read, now), wanted, "{}", version.display());
        assert_eq!(journal_version(state.path()), before);
        // opening it for writing migrates it and loses nothing,
        let (journal, opened) = open_for_writing(state.path());
        assert_eq!(facts(&opened, now), wanted, "{}", version.display());
        drop(journal);
        assert_eq!(journal_version(state.path()), journal::VERSION);
        // and so does every later start.
        let (_, again) = open_for_writing(state.path());
        assert_eq!(again, opened, "{}", version.display());
    }
}

fn parsed(value: &str) -> toml::Table {
    format!("value = {value}").parse().unwrap()
}

#[test]
fn configurations_of_released_versions_load_with_every_setting() {
    for version in versions() {
        let file = version.join("config.toml");
        let loaded = pocpit::config::load(Some(&file), &[]).unwrap();
        let shown = loaded.show();
        for (number, line) in text(&version, "config.toml").lines().enumerate() {
            let Some((name, value)) = line.split_once(" = ") else {
                continue;
            };
            // Under a new name it comes from the same line; a secret is masked.
            let origin = format!("  # line {}", number + 1);
            let effect = shown.lines().find_map(|line| line.strip_suffix(&origin));
            let effect = effect.unwrap_or_else(|| panic!("{name} has no effect any more"));
            let (_, shown) = effect.split_once(" = ").unwrap();
            let is_masked = shown.contains("********");
            assert!(
                is_masked || parsed(shown) == parsed(value),
                "{line}: {effect}"
            );
        }
    }
}

#[test]
fn this_version_is_among_the_released() {
    let version = Path::new(RELEASED).join(env!("CARGO_PKG_VERSION"));
    assert!(version.is_dir(), "record what this version writes");
    let state = state_of(&version);
    assert_eq!(journal_version(state.path()), journal::VERSION);
}
