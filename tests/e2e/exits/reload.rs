//! A hangup makes `auto` read its configuration again. In every step of a sprint that is the table's
//! "lost terminal"; here is what changes, and what does not.

use std::fs;

use pocpit::domain::Step;
use pocpit::world::Scenario;
use rustix::process::Signal;

use crate::exits::process::{Front, Process, Stage};

/// Changes the file that the program was started with.
fn edit(stage: &Stage, change: impl FnOnce(String) -> String) {
    let path = stage.path("config.toml");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, change(text)).unwrap();
}

#[test]
fn reload_applies_valid_config_only() {
    let stage = Stage::new(Scenario {
        blocks_before_poc: 2_000,
        ..Scenario::default()
    });
    let mut process = Process::start(Front::Headless, &stage, "");
    assert!(process.is_seen_in(Step::Waiting), "{}", stage.log());

    // Given a mistake in the file, when it hangs up, then that is said and the old one stays.
    let good = fs::read_to_string(stage.path("config.toml")).unwrap();
    edit(&stage, |text| text.replace("[budget]", "[budgett]"));
    process.signal(Signal::HUP);
    process.until_said("the old one stays in force");
    process.until_said("budget");

    // What the journal of a running sprint lies in, or is named by, is not moved under it.
    edit(&stage, |_| good.replace("id = \"", "id = \"x"));
    process.signal(Signal::HUP);
    process.until_said("cockpit.id cannot be changed without a restart");

    // A valid one applies immediately: the sprint's node has its name.
    edit(&stage, |_| {
        let prefix = "node_prefix = \"renamed-\"";
        good.replace("[network_node]", &format!("[network_node]\n{prefix}"))
    });
    process.signal(Signal::HUP);
    process.until_said("configuration reloaded");
    let ended = process.end(|| assert!(stage.live() <= 1));
    let report = ended.report().expect("a report");
    assert_eq!(report["outcome"], "confirmed", "{}", ended.said);
    let node = report["node"].as_str().unwrap();
    assert!(node.starts_with("renamed-"), "{node}");
    stage.assert_nothing_is_left();
}

#[test]
fn active_sprint_keeps_rules_after_reload() {
    let stage = Stage::new(Scenario::default());
    let mut process = Process::start(Front::Headless, &stage, "");
    assert!(process.is_seen_in(Step::Warming), "{}", stage.log());
    // When the budget becomes too small for what is rented already,
    edit(&stage, |text| {
        text.replace("[budget]", "[budget]\nper_hour = 1")
    });
    process.signal(Signal::HUP);
    process.until_said("configuration reloaded");
    // then that rental stays until the end of its sprint, under the rules that were approved.
    let ended = process.end(|| assert!(stage.live() <= 1));
    let report = ended.report().expect("a report");
    assert_eq!(report["outcome"], "confirmed", "{}", ended.said);
    assert_eq!(stage.truth().rentals.len(), 1);
    stage.assert_nothing_is_left();
}
