//! Registrations that someone else removes.

use pocpit::domain::{Mode, NodeId, OutcomeKind, Step};
use pocpit::engine::{Command, NodeChange, Snapshot};
use pocpit::world::{PROXY_NODE, Scenario};

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
        rig.send(Command::ChangeNode { node, change }).await;
        // then it is so,
        rig.until("the change", |seen| enabled(seen) == then).await;
    }
    // and a failure is reported.
    let node = NodeId(id.to_owned());
    let change = NodeChange::Disable;
    rig.send(Command::ChangeNode { node, change }).await;
    rig.until("the alert", |seen| {
        let mut alerts = seen.alerts.iter();
        alerts.any(|alert| alert.text.contains("was not disabled"))
    })
    .await;
}
