//! A sprint whose state machine panics, among others.

use std::process::{Command, Output, Stdio};

use serde_json::Value;

const REPLICAS: usize = 3;

/// A fleet of three; `failpoints` says where sprints are to panic.
fn fleet(failpoints: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pocpit"));
    command
        .args(["demo", "--headless", "--auto", "--json", "--speed", "400"])
        .args(["--replicas", &REPLICAS.to_string()])
        .env("POCPIT_FAILPOINTS", failpoints)
        .stdin(Stdio::null());
    command.output().unwrap()
}

/// The last report of each replica that ended like this.
fn reports_of(output: &Output, outcome: &str) -> Vec<Value> {
    let text = String::from_utf8_lossy(&output.stdout);
    let all = text.lines().map(|line| serde_json::from_str(line).unwrap());
    let all: Vec<Value> = all.collect();
    assert_eq!(all.len(), REPLICAS, "{text}");
    let of_outcome = all.into_iter().filter(|it| it["outcome"] == outcome);
    of_outcome.collect()
}

/// Two make their window, one does not, and of none is anything left.
fn one_alone_is_broken(output: &Output) {
    let told = String::from_utf8_lossy(&output.stderr);
    let (made, failed) = (
        reports_of(output, "confirmed"),
        reports_of(output, "failed"),
    );
    assert_eq!((made.len(), failed.len()), (2, 1), "{told}");
    for report in made.iter().chain(&failed) {
        let left = (&report["rentals_left"], &report["registrations_left"]);
        assert_eq!(left, (&Value::from(0), &Value::from(0)), "{report}\n{told}");
    }
    let cause = failed[0]["cause"].as_str().unwrap();
    assert!(
        cause.starts_with("sprint_broke: failpoint: Sprint breaks"),
        "{cause}"
    );
    let replica = failed[0]["replica"].as_str().unwrap();
    let alert = format!("! the sprint of {replica} broke: ");
    assert!(told.contains(&alert), "{told}");
    // One replica in time is enough for a pool that names no number.
    assert_eq!(output.status.code(), Some(0), "{told}");
}

#[test]
fn broken_sprint_takes_down_only_itself() {
    // Given three replicas, when the sprint of one panics while its rental boots,
    let output = fleet("sprint:booting");
    one_alone_is_broken(&output);
}

#[test]
fn sprint_that_breaks_in_its_release_is_taken_down_by_reconciling() {
    // Given a registered node and its rental, when the sprint panics, and again in the release that follows,
    let output = fleet("sprint:proving,sprint:releasing");
    one_alone_is_broken(&output);
}
