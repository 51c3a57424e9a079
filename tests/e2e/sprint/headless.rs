//! The program itself, without a cockpit.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

fn demo(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pocpit"));
    command
        .args(["demo", "--headless", "--auto", "--json", "--speed", "400"])
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

fn report(output: &Output) -> Value {
    let text = String::from_utf8_lossy(&output.stdout);
    let last = text
        .lines()
        .last()
        .unwrap_or_else(|| panic!("no report: {output:?}"));
    serde_json::from_str(last).unwrap_or_else(|error| panic!("{error}: {last}"))
}

#[test]
fn sprint_prints_one_json_object() {
    let output = demo(&["--seed", "3"]).output().unwrap();
    assert_eq!(
        output.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let report = report(&output);
    assert_eq!(report["outcome"], "confirmed");
    assert!(report["weight"].as_u64().unwrap() > 0);
    assert!(report["cost_usd"].as_f64().unwrap() > 0.0);
    assert_eq!(report["rentals_left"], 0);
    assert_eq!(report["registrations_left"], 0);
    assert_eq!(report["proxy_registered"], true);
    let proof = &report["proof"];
    assert!(proof["nonces"]["total"].as_u64().unwrap() > 0, "{proof}");
    assert!(proof["generating_since"].as_str() < proof["validating_since"].as_str());
    let released = report["release_steps"].as_array().unwrap();
    let done = |action: &str| {
        let mut steps = released.iter();
        let step = steps.find(|step| step["action"] == action);
        step.is_some_and(|step| step["done"].is_string())
    };
    for action in [
        "destroy_rental",
        "prove_gone",
        "remove_node",
        "register_proxy",
    ] {
        assert!(done(action), "{action}: {released:?}");
    }
    let steps: Vec<&str> = report["steps"]
        .as_array()
        .unwrap()
        .iter()
        .map(|step| step["step"].as_str().unwrap())
        .collect();
    for step in [
        "waiting",
        "choosing",
        "renting",
        "booting",
        "warming",
        "registering",
        "proving",
        "confirming",
        "releasing",
    ] {
        assert!(steps.contains(&step), "{step} is missing in {steps:?}");
    }
    for step in report["steps"].as_array().unwrap() {
        assert!(
            step["started"].is_string() && step["ended"].is_string(),
            "{step}"
        );
    }
}

#[test]
fn no_usable_offer_exits_as_refused() {
    let output = demo(&["--scenario", "no-offers"]).output().unwrap();
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    let report = report(&output);
    assert_eq!(report["outcome"], "failed");
    assert_eq!(report["cost_usd"], 0.0);
}

#[test]
fn interrupt_releases_everything_before_exit() {
    let mut child = demo(&[]).spawn().unwrap();
    // Given a rental that boots, when Ctrl-C is pressed,
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let booting = lines
        .by_ref()
        .map_while(Result::ok)
        .any(|line| line.contains("booting"));
    assert!(booting, "it never booted");
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    let rest: Vec<String> = lines.map_while(Result::ok).collect();
    let output = child.wait_with_output().unwrap();
    // then the report says that nothing is left.
    let report = report(&output);
    assert_eq!(report["outcome"], "aborted", "{rest:?}");
    assert_eq!(
        (&report["rentals_left"], &report["registrations_left"]),
        (&Value::from(0), &Value::from(0))
    );
    assert_eq!(output.status.code(), Some(1));
}
