//! What is installed says so, and an older program leaves a newer one's journal alone.

use super::takedown::{Account, newer};
use super::{Home, ran};

#[test]
fn version_names_commit_and_journal() {
    let version = Home::new().run(&["--version"]);
    assert_eq!(version.code, Some(0), "{}", version.stderr);
    let number = env!("CARGO_PKG_VERSION");
    let journal = pocpit::journal::VERSION;
    let (start, end) = (
        format!("pocpit {number} (commit "),
        format!(", journal version {journal})\n"),
    );
    let commit = version.stdout.strip_prefix(&start);
    let commit = commit.and_then(|rest| rest.strip_suffix(&end));
    let commit = commit.unwrap_or_else(|| panic!("{}", version.stdout));
    let is_hash = commit.len() >= 7 && commit.chars().all(|digit| digit.is_ascii_hexdigit());
    assert!(is_hash || commit == "unknown", "{commit}");
    let short = Home::new().run(&["-V"]);
    assert_eq!(short.stdout, format!("pocpit {number}\n"));
}

#[test]
fn downgrade_is_refused_and_loses_nothing() {
    let account = Account::new();
    let ours = account.rent("pocpit/demo/1/1-a");
    let node = format!("vastai-{ours}");
    account.register(&node);
    let state = account.home.path("newer");
    newer(&state);
    let journal = || std::fs::read(state.join("journal.sqlite")).unwrap();
    let before = journal();
    // Given the journal of a newer pocpit, with its sprint under way, an older one refuses in words, by a
    // person, unattended or by the hourly timer,
    let commands: [&[&str]; 3] = [&["auto", "--once"], &["gc", "--yes"], &["gc", "--dry-run"]];
    for arguments in commands {
        let mut older = account.home.command(&["--config", &account.sim.config]);
        older.args(arguments).env("POCPIT_PATHS_STATE_DIR", &state);
        let refused = ran(&mut older);
        assert_eq!(refused.code, Some(3), "{arguments:?}: {}", refused.stderr);
        for words in [
            "has version 99",
            "install a newer pocpit",
            "Nothing was released",
            "`pocpit release`",
        ] {
            assert!(refused.stderr.contains(words), "{}", refused.stderr);
        }
    }
    // and the newer one finds everything as it was.
    assert_eq!(account.rentals(), [ours]);
    assert!(account.is_registered(&node));
    assert_eq!(journal(), before);
}
