//! What a sprint leaves behind for the next ones.

use pocpit::domain::{BootStage, Mode};
use pocpit::journal;
use pocpit::world::Scenario;

use super::rig::Rig;

#[tokio::test(flavor = "multi_thread")]
async fn boot_history_keeps_stages_and_machine() {
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

#[tokio::test(flavor = "multi_thread")]
async fn late_confirmation_weight_is_in_history() {
    // Given a confirmation PoC an hour after the PoC, when the rental has been released,
    let scenario = Scenario {
        confirmation_after: 700,
        ..Scenario::default()
    };
    let mut rig = Rig::start_and_go_on(Mode::Auto, scenario).await;
    // when it is over,
    rig.until_the_journal(|ledger| !ledger.confirmations().is_empty())
        .await;
    // then the sprint's row has weights of the node and of all, and what is left of them.
    let ledger = journal::read_only(rig.state_dir()).unwrap();
    let history = ledger.history();
    let [past] = history.as_slice() else {
        panic!("{history:?}");
    };
    let (ours, all) = (
        past.report.weight.unwrap(),
        past.report.participant_weight.unwrap(),
    );
    assert!(ours < all, "{ours} of {all}");
    // Both of the confirmation's weights are on a scale of their own: 3/8 here.
    let measured = past.confirmations[0];
    assert_eq!(measured.weight, all);
    assert_eq!(measured.before.unwrap().0, all.0 * 3 / 8);
    // Only other nodes show theirs; where that is too little, the participant is removed from the epoch.
    let shown = (all.0 - ours.0) * 3 / 8;
    assert!([0, shown].contains(&measured.confirmed.0), "{measured:?}");
    assert!(past.confirmation_ratio.unwrap() < 1.0);
    assert!(past.usd_per_weight.unwrap() > 0.0);
    assert_eq!(past.boots.len(), 1);
}
