//! How the Network Node reaches a rental, with and without a version before every path.

use pocpit::domain::{Mode, OutcomeKind, Step};
use pocpit::engine::NodeOwner;
use pocpit::world::Scenario;

use super::rig::Rig;

fn scenario(node_version: &str) -> Scenario {
    Scenario {
        node_version: node_version.into(),
        public_callback: true,
        ..Scenario::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn direct_rental_proves_at_public_ports() {
    // Given a rental whose ports are mapped to the outside and a Network Node that puts a version
    // before every path,
    let mut rig = Rig::start_exposed_directly(scenario("v3.0.16")).await;
    rig.until_past(Step::Proving).await;
    // when it is registered, then at the ports that the market mapped, and at no tunnel's end,
    let snapshot = rig.snapshot();
    let ours = snapshot
        .nodes
        .rows
        .iter()
        .find(|row| row.owner == NodeOwner::Sprint);
    let config = &ours.expect("our node").node.config;
    let mapped = rig
        .world
        .mapped_ports(snapshot.rental.as_ref().unwrap().id.0);
    assert_eq!(config.host, "127.0.0.1");
    assert_eq!(config.poc_port, mapped[&18_080]);
    assert_eq!(config.inference_port, mapped[&15_000]);
    // and it proves.
    let (report, _) = rig.end().await;
    assert_eq!(report.outcome, OutcomeKind::Confirmed, "{report:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn unversioned_paths_reach_both_exposures() {
    let direct = Rig::start_exposed_directly(scenario("")).await;
    let tunnelled = Scenario {
        public_callback: false,
        ..scenario("")
    };
    let tunnel = Rig::start(Mode::Auto, tunnelled).await;
    let ((direct, _), (tunnel, _)) = tokio::join!(direct.end(), tunnel.end());
    assert_eq!(direct.outcome, OutcomeKind::Confirmed, "{direct:?}");
    assert_eq!(tunnel.outcome, OutcomeKind::Confirmed, "{tunnel:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn callback_address_is_read_and_proven() {
    // Given a Network Node whose nodes send their proofs to a name and a port of the operator's,
    let scenario = Scenario {
        callback_url: "http://gonka-api.internal:9105".into(),
        ..Scenario::default()
    };
    // then they arrive, and earn weight.
    let (report, truth) = Rig::start(Mode::Auto, scenario).await.end().await;
    assert_eq!(report.outcome, OutcomeKind::Confirmed, "{report:?}");
    assert!(!truth.first_host().batches.is_empty(), "{truth:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn private_callback_is_refused_before_renting() {
    let scenario = Scenario {
        callback_url: "http://10.0.0.5:9100".into(),
        ..Scenario::default()
    };
    let (report, truth) = Rig::start(Mode::Auto, scenario).await.end().await;
    assert_eq!(report.outcome, OutcomeKind::Failed, "{report:?}");
    let cause = report.cause.unwrap_or_default();
    assert!(
        cause.starts_with("preflight_failed: ") && cause.contains("DAPI_API__POC_CALLBACK_URL"),
        "{cause}"
    );
    assert!(truth.rentals.is_empty(), "{truth:?}");
}
