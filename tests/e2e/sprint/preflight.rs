//! Nothing is rented that could not do its work.

use std::time::Duration;

use pocpit::cli;
use pocpit::domain::{Mode, NodeConfig, NodeId, OutcomeKind, ReleasePolicy};
use pocpit::engine::EndAfter;
use pocpit::http::HttpClient;
use pocpit::network_node::NetworkNodeClient;
use pocpit::ports::NetworkNode as _;
use pocpit::world::{Fault, FaultKind, MODEL, Scenario, WorldOptions, serve};

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
async fn unapproved_model_blocks_renting() {
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
            .any(|alert| told(&alert.text) && alert.advice.text.contains("mlnode.model"))
    })
    .await;
    // and its age is that of the trouble, though the facts are read again and again,
    rig.until("an alert that has lasted", |snapshot| {
        let mut alerts = snapshot.alerts.iter();
        let told = alerts.find(|alert| alert.text.contains("does not approve"));
        told.is_some_and(|alert| snapshot.at - alert.since > pocpit::domain::Duration::minutes(3))
    })
    .await;
    // and when the deadline has passed, nothing was rented.
    let (report, truth) = rig.end().await;
    assert_eq!(report.outcome, OutcomeKind::Failed);
    assert!(report.cause.unwrap().starts_with("preflight_failed: "));
    assert!(truth.rentals.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn occupied_node_address_blocks_renting() {
    // Given a colleague's node at the tunnel's end, and a policy that the timeout cuts short,
    let scratch = tempfile::tempdir().unwrap();
    let world = serve(WorldOptions {
        seed: 1,
        scenario: Scenario::default(),
        speed: 400.0,
        ports: None,
    })
    .await
    .unwrap();
    let text = cli::configuration(&world, scratch.path()).await.unwrap();
    let mut config = cli::parse_configuration(&text).unwrap();
    config.poc.release = ReleasePolicy::WholeEpoch;
    let pocpit::config::Exposure::Tunnel {
        host, api_listen, ..
    } = &config.network_node.exposure
    else {
        panic!("the simulated world is reached by a tunnel");
    };
    let theirs = NodeConfig {
        id: NodeId("colleague-2".into()),
        host: host.clone(),
        inference_port: api_listen.port(),
        inference_segment: String::new(),
        poc_port: 9,
        poc_segment: String::new(),
        max_concurrent: 10,
        models: [(MODEL.to_owned(), Vec::new())].into(),
        hardware: Vec::new(),
    };
    let node = NetworkNodeClient::new(HttpClient::new(), &config.network_node);
    node.register(&theirs).await.unwrap();
    // when auto wants to rent, then both are reported with a remedy,
    let mut engine = cli::start_engine(&config, Mode::Auto, EndAfter::OneSprint).unwrap();
    for (text, advice) in [
        (
            "nothing is rented: colleague-2 is already registered at",
            "network_node.api_listen",
        ),
        (
            "poc.release = \"whole_epoch\"",
            "set poc.execution_timeout = \"25h\"",
        ),
    ] {
        let told = engine.snapshots.wait_for(|snapshot| {
            let mut alerts = snapshot.alerts.iter();
            alerts.any(|alert| alert.text.contains(text) && alert.advice.text.contains(advice))
        });
        let told = tokio::time::timeout(Duration::from_secs(120), told).await;
        assert!(matches!(told, Ok(Ok(_))), "{text}");
    }
    // and when the deadline has passed, nothing was rented.
    let ended = tokio::time::timeout(Duration::from_secs(120), engine.ended).await;
    let report = ended
        .expect("the engine ends")
        .unwrap()
        .unwrap()
        .pop()
        .unwrap();
    let cause = report.cause.unwrap_or_default();
    assert!(
        cause.starts_with("preflight_failed: colleague-2"),
        "{cause}"
    );
    assert!(world.truth().rentals.is_empty());
}
