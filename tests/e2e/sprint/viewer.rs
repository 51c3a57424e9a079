//! Viewers of a running sprint.

use pocpit::domain::{Mode, Outcome};
use pocpit::engine::attach::attach;
use pocpit::world::Scenario;
use tokio::net::UnixStream;

use crate::sprint::rig::Rig;

#[tokio::test(flavor = "multi_thread")]
async fn slow_viewer_does_not_block_another() {
    let rig = Rig::start(Mode::Auto, Scenario::default()).await;
    let socket = std::fs::read_link(rig.state_dir().join("cockpit.sock")).unwrap();
    let _stuck = UnixStream::connect(socket).await.unwrap();
    let mut viewer = attach(rig.state_dir()).await.unwrap().snapshots;
    let looking = tokio::spawn(async move {
        let mut lines = 0;
        loop {
            let snapshot = viewer.borrow_and_update().clone();
            lines = lines.max(snapshot.boot_log.end_seq());
            if viewer.changed().await.is_err() {
                return (snapshot, lines);
            }
        }
    });
    let (report, _) = rig.end().await;
    let (last, lines) = looking.await.unwrap();
    assert!(
        last.ended && lines > 0,
        "{lines} lines of the log were seen"
    );
    let Some(Outcome::Confirmed { weight }) = last.sprint.outcome else {
        panic!("{:?}", last.sprint.outcome);
    };
    assert_eq!(report.weight, Some(weight));
}
