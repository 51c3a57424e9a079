//! `pocpit journal`: a backup is written beside a running program, read whole or not at all, and restored.

use std::path::Path;

use pocpit::domain::{Duration, MachineId};
use pocpit::journal::{Dump, Journal, Record};

use super::takedown::Account;
use super::{Ran, mode, ran};

/// A machine with an account, and its state directory by name.
struct Scene(Account);

impl Scene {
    fn run(&self, state: &Path, arguments: &[&str]) -> Ran {
        let mut command = self.0.home.command(&["--config", &self.0.sim.config]);
        ran(command.args(arguments).env("POCPIT_PATHS_STATE_DIR", state))
    }
}

fn remember(journal: &mut Journal, machine: u64) {
    let avoided = Record::MachineAvoided {
        machine: MachineId(machine),
        until: chrono::Utc::now() + Duration::days(400),
        reason: "its boot failed".into(),
        host: None,
        address: None,
    };
    let _kept = journal.append(chrono::Utc::now(), &avoided).unwrap();
}

#[test]
fn journal_is_backed_up_and_restored() {
    let scene = Scene(Account::new());
    let (state, elsewhere) = (scene.0.home.path("state"), scene.0.home.path("elsewhere"));
    let file = scene.0.home.path("backups/journal");
    let name = file.to_str().unwrap();
    // Without a journal there is nothing to back up.
    for command in ["dump", "verify"] {
        let nothing = scene.run(&state, &["journal", command]);
        assert_eq!(nothing.code, Some(1), "{}", nothing.stderr);
        assert!(
            nothing.stderr.contains("no journal in"),
            "{}",
            nothing.stderr
        );
    }
    // Given a journal in use,
    let (mut journal, _) = Journal::open(&state).unwrap();
    remember(&mut journal, 7_001);
    // then it is dumped and verified, for its owner only;
    let dumped = scene.run(&state, &["journal", "dump", name]);
    assert_eq!(dumped.code, Some(0), "{}", dumped.stderr);
    assert!(
        dumped.stderr.contains("1 record written"),
        "{}",
        dumped.stderr
    );
    assert_eq!(mode(&file), 0o600);
    let printed = scene.run(&state, &["journal", "dump"]).stdout;
    assert_eq!(Dump::parse(printed.as_bytes()).unwrap().entries.len(), 1);
    for place in [&["journal", "verify"][..], &["journal", "verify", name]] {
        let verified = scene.run(&state, place);
        assert_eq!(verified.code, Some(0), "{}", verified.stderr);
        let said = &verified.stdout;
        assert!(
            said.contains("1 record") && said.contains("can be read"),
            "{said}"
        );
    }
    // it is never replaced, and nobody is overruled;
    let in_use = scene.run(&state, &["journal", "restore", "--yes", name]);
    assert_eq!(in_use.code, Some(3), "{}", in_use.stderr);
    drop(journal);
    let there = scene.run(&state, &["journal", "restore", "--yes", name]);
    assert_eq!(there.code, Some(3), "{}", there.stderr);
    assert!(there.stderr.contains("move it away"), "{}", there.stderr);
    let unasked = scene.run(&elsewhere, &["journal", "restore", name]);
    assert_eq!(unasked.code, Some(1), "{}", unasked.stderr);
    assert!(!elsewhere.exists());
    // when it is restored elsewhere, then nothing is rented before the operator agrees,
    let restored = scene.run(&elsewhere, &["journal", "restore", "--yes", name]);
    assert_eq!(restored.code, Some(0), "{}", restored.stderr);
    let plan = scene.run(&elsewhere, &["plan", "--json"]).stdout;
    assert!(plan.contains("was restored"), "{plan}");
    let accepted = scene.run(&elsewhere, &["accept-journal", "--yes"]);
    assert_eq!(accepted.code, Some(0), "{}", accepted.stderr);
    // and what it knew is known.
    let avoided = scene.run(&elsewhere, &["avoided", "--json"]).stdout;
    assert!(avoided.contains("7001"), "{avoided}");
}

#[test]
fn damaged_dump_changes_nothing() {
    let scene = Scene(Account::new());
    let (state, elsewhere) = (scene.0.home.path("state"), scene.0.home.path("elsewhere"));
    let (mut journal, _) = Journal::open(&state).unwrap();
    remember(&mut journal, 7_001);
    remember(&mut journal, 7_002);
    let printed = scene.run(&state, &["journal", "dump"]).stdout;
    let cut = &printed[..printed.len() / 2];
    for (text, words) in [
        (printed.replace("7001", "7003"), "line 2 is damaged"),
        (cut.to_owned(), "cut off"),
        ("a shopping list\n".to_owned(), "not a dump"),
    ] {
        let file = scene.0.home.path("damaged");
        std::fs::write(&file, text).unwrap();
        let file = file.to_str().unwrap();
        for arguments in [
            &["journal", "verify", file][..],
            &["journal", "restore", "--yes", file],
        ] {
            let refused = scene.run(&elsewhere, arguments);
            assert_eq!(refused.code, Some(1), "{}", refused.stderr);
            assert!(refused.stderr.contains(words), "{}", refused.stderr);
        }
    }
    assert!(!elsewhere.exists());
}
