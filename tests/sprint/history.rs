//! What a sprint leaves behind for the next ones.

use pocpit::domain::{BootStage, Mode};
use pocpit::journal;
use pocpit::world::Scenario;

use super::rig::Rig;

#[tokio::test(flavor = "multi_thread")]
async fn a_boot_is_remembered_with_its_stages_and_its_machine() {
    // Given a sprint that went well,
    let mut rig = Rig::start(Mode::Auto, Scenario::default()).await;
    rig.until("the end", |snapshot| snapshot.ended).await;
    let ledger = journal::read_only(rig.state_dir()).unwrap();
    let (report, truth) = rig.end().await;
    // when the journal is read, then it has one boot, on the machine that was rented,
    let [boot] = ledger.boot_times() else {
        panic!("{:?}", ledger.boot_times());
    };
    assert_eq!(boot.label.to_string(), truth.rentals[0].label);
    assert_eq!(Some(boot.label.epoch), report.epoch);
    // whose stages add up to the whole of it.
    let total = boot.total().unwrap();
    let stages = boot.durations();
    assert_eq!(
        stages
            .iter()
            .map(|(_, took)| *took)
            .sum::<chrono::TimeDelta>(),
        total
    );
    assert_eq!(stages[0].0, BootStage::Placed);
    assert!(total > chrono::TimeDelta::minutes(1), "{total}");
}
