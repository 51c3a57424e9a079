//! The sprint, the summary and the window title.

use super::*;

#[test]
fn essentials_fit_80x24() {
    let text = shown(&model(registering()), 80, 24);
    assert_shows(
        &text,
        &[
            "waits for a",
            "a: register the node within 9m 00s",
            "$9.60/h",
            "~$4.12",
            "REGISTER",
            "quit",
            "help",
        ],
    );
}

#[test]
fn all_tabs_fit_beside_the_clock() {
    let text = shown(&model(waiting()), 80, 24);
    assert_shows(&text, &[" 7 History 8 Charts  14:13 UTC\""]);
}

#[test]
fn essentials_fit_60x16() {
    let text = shown(&model(registering()), 60, 16);
    assert_shows(
        &text,
        &[
            "a: register the node within 9m 00s",
            "$9.60/h",
            "~$4.12",
            "lease 15:48",
            "sprint $40",
            "2h 16m",
            "REGISTER",
            "5 Nodes",
            "quit",
        ],
    );
}

#[test]
fn failed_preflight_is_shown_early() {
    let mut snapshot = waiting();
    let obstacle = Verdict::Unmet {
        cause: "governance does not approve the model".into(),
        remedy: "set mlnode.model".into(),
    };
    snapshot.sprint.preflight = Some(preflight(vec![
        (Requirement::AdminApi, Verdict::Met),
        (Requirement::Model, obstacle),
    ]));
    let text = shown(&model(snapshot), 120, 40);
    assert!(text.contains("preflight  not met: model"), "{text}");
}

fn preflight(findings: Vec<(Requirement, Verdict)>) -> Preflight {
    let finding = |(requirement, verdict)| Finding {
        requirement,
        seen: String::new(),
        verdict,
    };
    Preflight {
        at: at(0),
        findings: findings.into_iter().map(finding).collect(),
    }
}

#[test]
fn preflight_warnings_are_named() {
    let mut snapshot = waiting();
    let warning = Verdict::Warning {
        cause: "there is no collateral".into(),
        remedy: "add some".into(),
    };
    snapshot.sprint.preflight = Some(preflight(vec![
        (Requirement::AdminApi, Verdict::Met),
        (Requirement::Collateral, warning),
    ]));
    let text = shown(&model(snapshot), 120, 40);
    assert!(
        text.contains("preflight  1 of 2 met, look at: collateral"),
        "{text}"
    );
}

#[test]
fn long_gate_text_keeps_steps_visible() {
    let mut m = model(risky());
    type_and_draw(&mut m, "2");
    let text = shown(&m, 60, 16);
    assert_shows(&text, &["wait", "rent", "warm", "prove", "release"]);
    type_and_draw(&mut m, "a");
    let text = shown(&m, 80, 24);
    assert_shows(
        &text,
        &[
            "chance is 37 %",
            "compares the policies.",
            "y            start it",
        ],
    );
}

#[test]
fn window_title_shows_step_and_price() {
    assert_eq!(
        model(registering()).title(),
        "pocpit: REGISTERING GATE register $9.60/h, PoC in 2h 16m"
    );
}
