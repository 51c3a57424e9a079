//! Registrations that somebody removes behind our back.

use pocpit::domain::{Mode, Step};
use pocpit::world::Scenario;

use super::rig::Rig;

#[tokio::test(flavor = "multi_thread")]
async fn what_somebody_removes_is_registered_again_and_proves() {
    // Given a node that is registered before its PoC,
    let mut rig = Rig::start(Mode::Auto, Scenario::default()).await;
    rig.until_past(Step::Proving).await;
    let ours = rig.ours_registered();
    // when somebody removes it, and the inference proxy too,
    rig.unregister(&ours[0]).await;
    rig.unregister(&rig.world.proxy_node_id()).await;
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
    assert_eq!(report.outcome, "confirmed", "{report:?}");
    assert_eq!(report.proxy_registered, Some(true));
}
