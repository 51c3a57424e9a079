//! Registrations that someone else removes.

use std::time::Duration;

use pocpit::domain::ReplicaId;
use pocpit::domain::{ChainPhase, Mode, NodeId, OutcomeKind, Step};
use pocpit::engine::{Command, NodeChange, Snapshot, SprintCommand};
use pocpit::http::HttpClient;
use pocpit::network_node::NetworkNodeClient;
use pocpit::ports::NetworkNode as _;
use pocpit::world::{NetworkRelease, PROXY_NODE, Scenario};

use super::rig::Rig;

#[tokio::test(flavor = "multi_thread")]
async fn removed_node_is_registered_again() {
    // Given a node that is registered before its PoC,
    let mut rig = Rig::start(Mode::Auto, Scenario::default()).await;
    rig.until_past(Step::Proving).await;
    let ours = rig.ours_registered();
    // when someone else removes it, and the inference proxy too,
    rig.unregister(&ours[0]).await;
    rig.unregister(PROXY_NODE).await;
    assert!(!rig.snapshot().ended);
    // then it is registered again,
    rig.until("our node", |snapshot| {
        snapshot
            .nodes
            .rows
            .iter()
            .any(|row| row.node.config.id.0 == ours[0])
            && snapshot.sprint.doing.contains("registered again")
    })
    .await;
    // has weight, and at the end the proxy is there again.
    let (report, _) = rig.end().await;
    assert_eq!(report.outcome, OutcomeKind::Confirmed, "{report:?}");
    assert_eq!(report.proxy_registered, Some(true));
}

#[tokio::test(flavor = "multi_thread")]
async fn manual_node_change_reports_failure() {
    // Given a node that is not ours,
    let mut rig = Rig::start(Mode::Manual, Scenario::default()).await;
    let id = PROXY_NODE;
    let enabled = |snapshot: &Snapshot| {
        let mut rows = snapshot.nodes.rows.iter();
        let row = rows.find(|row| row.node.config.id.0 == id);
        row.map(|row| row.node.enabled)
    };
    rig.until("the node", |seen| enabled(seen) == Some(true))
        .await;
    // when the operator disables, enables and removes it,
    for (change, then) in [
        (NodeChange::Disable, Some(false)),
        (NodeChange::Enable, Some(true)),
        (NodeChange::Remove, None),
    ] {
        let node = NodeId(id.to_owned());
        rig.send(change_node(node, change)).await;
        // then it is so,
        rig.until("the change", |seen| enabled(seen) == then).await;
    }
    // and a failure is reported.
    let node = NodeId(id.to_owned());
    let change = NodeChange::Disable;
    rig.send(change_node(node, change)).await;
    rig.until("the alert", |seen| {
        let mut alerts = seen.alerts.iter();
        alerts.any(|alert| alert.text.contains("was not disabled"))
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn removal_near_poc_follows_the_release() {
    for (network_release, at_once) in [
        (NetworkRelease::V0_2_15, false),
        (NetworkRelease::V0_2_16, true),
    ] {
        // Given a node beside another one of the host, in a PoC,
        let scenario = Scenario {
            network_release,
            ..Scenario::default()
        };
        let mut rig = Rig::start(Mode::Auto, scenario).await;
        rig.until_past(Step::Proving).await;
        rig.until("the PoC", |seen| {
            let reading = seen.chain.reading.as_ref();
            reading.is_some_and(|reading| reading.view.phase != ChainPhase::Inference)
        })
        .await;
        assert_eq!(rig.ours_registered().len(), 1);
        // when its sprint is given up,
        rig.send(Command::Sprint(ReplicaId::default(), SprintCommand::Abort))
            .await;
        rig.until("the rental's end", |seen| seen.rental.is_none())
            .await;
        // then it is removed at once where that holds up nothing, and otherwise after the PoC.
        let is_removed = rig.ours_registered().is_empty();
        assert_eq!(is_removed, at_once, "{network_release}");
        let (report, _) = rig.end().await;
        assert_eq!(report.outcome, OutcomeKind::Aborted, "{report:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn node_of_an_earlier_sprint_is_removed_again() {
    // Given a sprint that is over, and with it its node,
    let scenario = Scenario {
        blocks_before_poc: 760,
        ..Scenario::default()
    };
    let mut rig = Rig::start_and_go_on(Mode::Auto, scenario).await;
    rig.until_past(Step::Proving).await;
    let rows = rig.snapshot().nodes.rows.clone();
    let mut rows = rows.into_iter();
    let prefix = rig.config.network_node.node_prefix.clone();
    let ours = rows.find(|row| row.node.config.id.0.starts_with(&prefix));
    let ours = ours.expect("our node").node.config;
    rig.until_the_journal(|ledger| !ledger.reports().is_empty())
        .await;
    assert!(rig.ours_registered().is_empty());
    // when the Network Node has it again after a restart,
    let node = NetworkNodeClient::new(HttpClient::new(), &rig.config.network_node);
    node.register(&ours).await.unwrap();
    // then it is removed again. Snapshots are coalesced, and may miss it: the Network Node does not.
    let gone = async {
        while !rig.ours_registered().is_empty() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let removed = tokio::time::timeout(Duration::from_secs(60), gone).await;
    assert!(removed.is_ok(), "{:?}", rig.ours_registered());
}

/// At the only Network Node.
fn change_node(node: NodeId, change: NodeChange) -> Command {
    Command::ChangeNode {
        network_node: None,
        node,
        change,
    }
}
