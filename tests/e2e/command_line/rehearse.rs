//! `pocpit rehearse`: an end-to-end run on a served world.

use pocpit::domain::OutcomeKind;
use pocpit::journal;
use serde_json::Value;

use super::{Home, config_of, ran};
use crate::sim::Sim;

#[test]
fn rehearsal_without_poc_registers_and_releases() {
    let home = Home::new();
    let sim = Sim::start(home.command(&["sim"]).args(["--speed", "240"]));
    // When a registration is rehearsed,
    let rehearsed = ran(&mut home.command(&[
        "--config",
        sim.config.as_str(),
        "rehearse",
        "--skip-poc",
        "--yes",
        "--json",
    ]));
    // then it printed what it would do,
    for said in [
        "A rehearsal, in the simulated world:",
        "the best of",
        "it ends before any PoC",
        "at worst $",
        "warming → registering",
    ] {
        assert!(
            rehearsed.stderr.contains(said),
            "{said}: {}",
            rehearsed.stderr
        );
    }
    assert_eq!(rehearsed.code, Some(0), "{}", rehearsed.stderr);
    // it ended with the registration, and counts for no epoch,
    let report: Value = serde_json::from_str(rehearsed.stdout.trim()).unwrap();
    assert_eq!(report["outcome"], "rehearsed");
    assert_eq!(report["epoch"], Value::Null);
    assert_eq!(
        (&report["rentals_left"], &report["registrations_left"]),
        (&0.into(), &0.into())
    );
    let steps: Vec<&str> = report["steps"]
        .as_array()
        .unwrap()
        .iter()
        .map(|span| span["step"].as_str().unwrap())
        .collect();
    assert!(
        steps.contains(&"registering") && !steps.contains(&"proving"),
        "{steps:?}"
    );
    assert!(report["cost_usd"].as_f64().unwrap() > 0.1);
    // and the journal has its report and nothing open.
    let ledger = journal::read_only(&config_of(&sim).paths.state_dir).unwrap();
    assert!(ledger.open_rentals().is_empty());
    assert_eq!(
        ledger.reports().last().unwrap().1.outcome,
        OutcomeKind::Rehearsed
    );
}

#[test]
fn rehearsal_with_poc_confirms_weight() {
    let home = Home::new();
    let sim = Sim::start(home.command(&["sim"]).args(["--speed", "400"]));
    let arguments = ["--config", &sim.config, "rehearse", "--yes", "--json"];
    let rehearsed = ran(&mut home.command(&arguments));
    assert_eq!(rehearsed.code, Some(0), "{}", rehearsed.stderr);
    // It printed which PoC it would take part in,
    let report: Value = serde_json::from_str(rehearsed.stdout.trim()).unwrap();
    let said = format!("in the PoC of epoch {}", report["epoch"]);
    assert!(rehearsed.stderr.contains(&said), "{}", rehearsed.stderr);
    // the chain has its weight, and nothing is left.
    assert_eq!(report["outcome"], "confirmed");
    assert!(report["weight"].as_u64().unwrap() > 0, "{report}");
    assert_eq!(
        (&report["rentals_left"], &report["registrations_left"]),
        (&0.into(), &0.into())
    );
    let spans = report["steps"].as_array().unwrap().iter();
    let steps: Vec<&str> = spans.map(|span| span["step"].as_str().unwrap()).collect();
    for step in ["renting", "proving", "confirming", "releasing"] {
        assert!(steps.contains(&step), "{step}: {steps:?}");
    }
    let ledger = journal::read_only(&config_of(&sim).paths.state_dir).unwrap();
    assert!(ledger.open_rentals().is_empty());
    assert_eq!(
        ledger.reports().last().unwrap().1.outcome,
        OutcomeKind::Confirmed
    );
}

#[test]
fn rehearsal_after_sprint_is_no_sprint() {
    let home = Home::new();
    let sim = Sim::start(home.command(&["sim"]).args(["--speed", "400"]));
    let run = |last: &[&str]| {
        let arguments = [&["--config", sim.config.as_str()], last].concat();
        ran(&mut home.command(&arguments))
    };
    let sprint = run(&["auto", "--once", "--json"]);
    assert_eq!(sprint.code, Some(0), "{}", sprint.stderr);
    let rehearsed = run(&["rehearse", "--skip-poc", "--yes", "--json"]);
    assert_eq!(rehearsed.code, Some(0), "{}", rehearsed.stderr);
    let report: Value = serde_json::from_str(rehearsed.stdout.trim()).unwrap();
    assert_eq!(
        (&report["outcome"], &report["epoch"]),
        (&"rehearsed".into(), &Value::Null)
    );
}

#[test]
fn rehearsal_needs_consent_and_no_blockers() {
    let home = Home::new();
    let sim = Sim::start(home.command(&["sim"]).args(["--speed", "50"]));
    let rehearse = |arguments: &[&str], environment: &[(&str, &str)]| {
        let all = [&["--config", sim.config.as_str(), "rehearse"], arguments].concat();
        ran(home.command(&all).envs(environment.iter().copied()))
    };
    let unasked = rehearse(&[], &[]);
    assert!(
        unasked.stderr.contains("in the PoC of epoch 359"),
        "{}",
        unasked.stderr
    );
    assert!(unasked.stderr.contains("add --yes"), "{}", unasked.stderr);
    assert_eq!(unasked.code, Some(1));

    let poor = rehearse(
        &["--skip-poc", "--yes"],
        &[("POCPIT_BUDGET_PER_SPRINT", "0.5")],
    );
    assert!(
        poor.stderr.contains("nothing can be rehearsed now"),
        "{}",
        poor.stderr
    );
    assert_eq!(poor.code, Some(3), "{}", poor.stderr);

    let ledger = journal::read_only(&config_of(&sim).paths.state_dir).unwrap();
    assert!(ledger.reports().is_empty());
    assert!(ledger.open_rentals().is_empty());
}
