//! Two concurrent rentals, over real tunnels: the winner's gets the address that is registered.

use pocpit::config::Exposure;
use pocpit::domain::ReplicaId;
use pocpit::domain::{GateKind, InstanceId, Mode, OutcomeKind, Step};
use pocpit::engine::{Command, SprintCommand};
use pocpit::world::Scenario;

use super::rig::Rig;

/// The first machine stops in the middle of its download, and there is much time.
fn stalling() -> Scenario {
    Scenario {
        first_boots_stall: 1,
        blocks_before_poc: 1_400,
        ..Scenario::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn hedge_winner_keeps_registered_tunnel() {
    let mut rig = Rig::start_hedging(Mode::Auto, stalling()).await;
    // Given a first machine that stalls, when a second one boots beside it,
    rig.until("a second rental", |snapshot| snapshot.hedge.is_some())
        .await;
    let second = rig.snapshot().hedge.as_ref().unwrap().id;
    // then that one is registered, at the ends that are configured,
    rig.until_past(Step::Proving).await;
    let snapshot = rig.snapshot();
    assert_eq!(
        snapshot.rental.as_ref().map(|rental| rental.id),
        Some(second)
    );
    let ours = rig.ours_registered();
    assert_eq!(ours.len(), 1);
    let node = snapshot
        .nodes
        .rows
        .iter()
        .map(|row| &row.node.config)
        .find(|config| config.id.0 == ours[0])
        .expect("it is listed");
    let Exposure::Tunnel {
        api_listen,
        inference_listen,
        ..
    } = &rig.config.network_node.exposure
    else {
        panic!("it is reached by tunnel");
    };
    assert_eq!(
        (node.poc_port, node.inference_port),
        (api_listen.port(), inference_listen.port())
    );
    // and has weight; the loser was destroyed before, and both are counted.
    let (report, truth) = rig.end().await;
    assert_eq!(report.outcome, OutcomeKind::Confirmed, "{report:?}");
    let [first, winner] = &truth.rentals[..] else {
        panic!("{truth:?}");
    };
    let race = report.race.expect("a race");
    assert_eq!(race.first, InstanceId(first.id));
    assert_eq!((race.winner, winner.id), (Some(second), second.0));
    assert!(first.ended < winner.ended, "{truth:?}");
    let (counted, spent) = (report.cost_usd, truth.spend.dollars());
    // Never less than was spent. Each of the two counts until it is proven gone, and how much of the
    // world's time that takes is up to how busy this machine is.
    assert!(
        (0.98 * spent..1.1 * spent).contains(&counted),
        "{counted} counted, {spent} spent"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn manual_hedge_abort_releases_both() {
    let mut rig = Rig::start_hedging(Mode::Manual, stalling()).await;
    rig.until_gate(GateKind::Start).await;
    rig.send(Command::Sprint(ReplicaId::default(), SprintCommand::Start))
        .await;
    rig.rent_the_best().await;
    rig.until_gate(GateKind::Hedge).await;
    assert_eq!(rig.world.truth().rentals.len(), 1);
    let question = rig.snapshot().sprint.gate.clone().unwrap().question;
    assert!(
        question.contains("/h"),
        "it says what the first costs: {question}"
    );
    rig.rent_the_best().await;
    rig.until("a second rental", |snapshot| snapshot.hedge.is_some())
        .await;
    rig.send(Command::Sprint(ReplicaId::default(), SprintCommand::Abort))
        .await;
    let (report, truth) = rig.end().await;
    assert_eq!(report.outcome, OutcomeKind::Aborted, "{report:?}");
    assert_eq!(truth.rentals.len(), 2);
}
