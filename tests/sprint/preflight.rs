//! Nothing is rented that could not do its work.

use pocpit::domain::Mode;
use pocpit::world::{Fault, FaultKind, Scenario};

use super::rig::Rig;

fn with_a_fault(service: &str, call: &str, kind: FaultKind) -> Scenario {
    let fault = Fault {
        service: service.into(),
        call: call.into(),
        nth: None,
        probability: None,
        kind,
    };
    Scenario {
        faults: vec![fault],
        ..Scenario::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_governance_does_not_approve_is_found_before_money_is_spent() {
    // Given a chain that approves another model,
    let kind = FaultKind::Status {
        status: 200,
        body: r#"{"models":[{"id":"another/model"}]}"#.into(),
    };
    let mut rig = Rig::start(
        Mode::Auto,
        with_a_fault("public", "/v1/governance/models", kind),
    )
    .await;
    // when the sprint waits, then the cause is an alert with its remedy,
    rig.until("the alert", |snapshot| {
        let told = |text: &str| text.contains("does not approve") && text.contains("another/model");
        snapshot
            .alerts
            .iter()
            .any(|alert| told(&alert.text) && alert.advice.contains("mlnode.model"))
    })
    .await;
    // and when the deadline has passed, nothing was rented.
    let (report, truth) = rig.end().await;
    assert_eq!(report.outcome, "failed");
    assert!(report.cause.unwrap().starts_with("preflight_failed: "));
    assert!(truth.rentals.is_empty());
}
