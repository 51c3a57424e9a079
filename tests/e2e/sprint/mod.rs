//! Whole sprints on the simulated world, over real HTTP and real SSH: by the engine's two channels,
//! and by the program itself.

mod alerts;
#[cfg(debug_assertions)]
mod broken;
mod exposure;
mod headless;
mod hedge;
mod history;
mod preflight;
mod registration;
mod rig;
mod told;
mod viewer;

use pocpit::domain::ReplicaId;
use pocpit::domain::{GateKind, Mode, OutcomeKind, ServiceState, SprintReport, Step};
use pocpit::engine::{Command, LinkSnapshot, QuitChoice, Snapshot, SprintCommand};
use pocpit::world::{Fault, FaultKind, PocVersion, RandomFaults, Scenario, Truth};

use rig::Rig;

#[tokio::test(flavor = "multi_thread")]
async fn manual_sprint_passes_every_gate() {
    let mut rig = Rig::start(Mode::Manual, Scenario::default()).await;
    // Given a waiting sprint, when it is not started, then nothing is rented, however long it waits.
    rig.until_gate(GateKind::Start).await;
    assert!(rig.world.truth().rentals.is_empty());
    rig.send(Command::Sprint(ReplicaId::default(), SprintCommand::Start))
        .await;
    rig.rent_the_best().await;
    // When the model is loaded, then the registration waits for the operator,
    rig.until_gate(GateKind::Register).await;
    assert!(rig.ours_registered().is_empty());
    rig.send(Command::Sprint(
        ReplicaId::default(),
        SprintCommand::Approve(GateKind::Register),
    ))
    .await;
    // and so does the release.
    rig.until_gate(GateKind::Release).await;
    assert_eq!(rig.ours_registered().len(), 1);
    rig.send(Command::Sprint(
        ReplicaId::default(),
        SprintCommand::Approve(GateKind::Release),
    ))
    .await;
    let (report, truth) = rig.end().await;
    assert_eq!(report.outcome, OutcomeKind::Confirmed, "{report:?}");
    assert_eq!(truth.rentals.len(), 1);
    let (counted, spent) = (report.cost_usd, truth.spend.dollars());
    assert!(
        (counted - spent).abs() < 0.02 * spent,
        "{counted} counted, {spent} spent"
    );
    let charged = report.charged_usd.unwrap();
    assert!((charged - spent).abs() < 0.02 * spent, "{charged} charged");
}

#[tokio::test(flavor = "multi_thread")]
async fn auto_sprint_is_confirmed() {
    let rig = Rig::start(Mode::Auto, Scenario::default()).await;
    let (report, truth) = rig.end().await;
    assert_eq!(report.outcome, OutcomeKind::Confirmed, "{report:?}");
    assert!(report.weight.is_some_and(|weight| weight.0 > 0));
    assert_eq!(report.proxy_registered, Some(true));
    assert_eq!(truth.peak_live_rentals, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn first_poc_version_follows_service_state() {
    // Given a node whose image is old,
    let scenario = Scenario {
        poc_version: PocVersion::First,
        ..Scenario::default()
    };
    let mut rig = Rig::start(Mode::Auto, scenario).await;
    // when it generates, then its status says so, and the cockpit shows it,
    rig.until("generation", |snapshot| {
        let service = snapshot.rental.as_ref().and_then(|rental| rental.service);
        service == Some(ServiceState::Pow) && snapshot.sprint.doing.contains("the node generates")
    })
    .await;
    // and what counts is the weight.
    let (report, _) = rig.end().await;
    assert_eq!(report.outcome, OutcomeKind::Confirmed, "{report:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn switching_to_auto_mid_sprint_continues() {
    let mut rig = Rig::start(Mode::Manual, Scenario::default()).await;
    rig.until_gate(GateKind::Start).await;
    rig.send(Command::Sprint(ReplicaId::default(), SprintCommand::Start))
        .await;
    rig.rent_the_best().await;
    rig.until_past(Step::Booting).await;
    rig.send(Command::SetMode(Mode::Auto)).await;
    let (report, _) = rig.end().await;
    assert_eq!(report.outcome, OutcomeKind::Confirmed, "{report:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn abort_before_renting_ends_at_once() {
    let mut rig = Rig::start(Mode::Manual, Scenario::default()).await;
    rig.until_gate(GateKind::Start).await;
    rig.send(Command::Sprint(ReplicaId::default(), SprintCommand::Abort))
        .await;
    let (report, truth) = rig.end().await;
    assert_eq!(report.outcome, OutcomeKind::Aborted);
    assert!(truth.rentals.is_empty());
}

async fn abort_in(step: Step) {
    abort_in_a(step, Scenario::default()).await;
}

/// A world in which one call is slow, so that a short step can be observed.
fn slow(service: &str, call: &str) -> Scenario {
    let fault = Fault {
        service: service.into(),
        call: call.into(),
        nth: None,
        probability: None,
        kind: FaultKind::Delay { seconds: 400.0 },
    };
    Scenario {
        faults: vec![fault],
        ..Scenario::default()
    }
}

/// A sprint that is in this step now. Steps can be shorter than a busy machine's hiccups: a sprint
/// that went by unseen is followed by another one.
async fn seen_in(step: Step, scenario: &Scenario) -> Rig {
    let mut outcomes = Vec::new();
    for _ in 0..10 {
        let mut rig = Rig::start(Mode::Auto, scenario.clone()).await;
        if rig.is_seen_in(step).await {
            return rig;
        }
        outcomes.push(rig.snapshot().sprint.outcome.clone());
    }
    panic!("no sprint was ever seen in step {step}: {outcomes:?}");
}

async fn abort_in_a(step: Step, scenario: Scenario) {
    let rig = seen_in(step, &scenario).await;
    rig.send(Command::Sprint(ReplicaId::default(), SprintCommand::Abort))
        .await;
    let (report, truth) = rig.end().await;
    // A weight on the chain is reported even after an abort.
    let ended = matches!(
        report.outcome,
        OutcomeKind::Aborted | OutcomeKind::Confirmed
    );
    assert!(ended, "{report:?}");
    assert!(
        truth.rentals.iter().all(|rental| rental.ended.is_some()),
        "{truth:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn abort_while_choosing_leaves_nothing() {
    let mut rig = Rig::start(Mode::Manual, Scenario::default()).await;
    rig.until_gate(GateKind::Start).await;
    rig.send(Command::Sprint(ReplicaId::default(), SprintCommand::Start))
        .await;
    rig.until_gate(GateKind::Rent).await;
    rig.send(Command::Sprint(ReplicaId::default(), SprintCommand::Abort))
        .await;
    let (report, truth) = rig.end().await;
    assert_eq!(report.outcome, OutcomeKind::Aborted);
    assert!(truth.rentals.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn abort_during_rent_call_leaves_nothing() {
    let scenario = slow("vast", "PUT /api/v0/asks/");
    let rig = seen_in(Step::Renting, &scenario).await;
    rig.send(Command::Sprint(ReplicaId::default(), SprintCommand::Abort))
        .await;
    let (report, truth) = rig.end().await;
    assert_eq!(report.outcome, OutcomeKind::Aborted, "{report:?}");
    assert!(
        truth.rentals.iter().all(|rental| rental.ended.is_some()),
        "{truth:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn abort_while_booting_leaves_nothing() {
    abort_in(Step::Booting).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn abort_while_warming_leaves_nothing() {
    abort_in(Step::Warming).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn abort_while_registering_leaves_nothing() {
    abort_in_a(Step::Registering, slow("admin", "POST /admin/v1/nodes")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn abort_while_proving_leaves_nothing() {
    abort_in(Step::Proving).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn abort_while_releasing_leaves_nothing() {
    abort_in_a(Step::Releasing, slow("vast", "DELETE /api/v0/instances/")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn abort_while_confirming_leaves_nothing() {
    abort_in(Step::Confirming).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lost_rent_reply_rents_once() {
    let rig = Rig::start(Mode::Auto, Scenario::named("lost-reply").unwrap()).await;
    let (report, truth) = rig.end().await;
    assert_eq!(report.outcome, OutcomeKind::Confirmed, "{report:?}");
    assert_eq!(truth.rentals.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn reconnected_link_loses_no_line() {
    // Given a connection that is cut once,
    let mut rig = Rig::start(Mode::Auto, Scenario::named("ssh-drops").unwrap()).await;
    let since = |snapshot: &Snapshot| match snapshot.rental.as_ref()?.link {
        LinkSnapshot::Up { since, .. } => Some(since),
        _ => None,
    };
    rig.until("a link", |now| since(now).is_some()).await;
    let first = since(&rig.snapshot());
    // when there is another one after it,
    rig.until("another link", |now| since(now) > first).await;
    rig.until_past(Step::Proving).await;
    // then the log is whole, and the rental proves.
    let snapshot = rig.snapshot();
    let log = &snapshot.boot_log;
    let lines: Vec<_> = (log.first_seq()..log.end_seq())
        .filter_map(|seq| log.line(seq))
        .map(pocpit::domain::LogLine::text)
        .collect();
    let mut once = lines.clone();
    once.dedup();
    assert_eq!(lines, once, "no line is there twice");
    assert!(
        lines.iter().any(|line| line.contains("vLLM is up")),
        "{lines:?}"
    );
    let (report, _) = rig.end().await;
    assert_eq!(report.outcome, OutcomeKind::Confirmed, "{report:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn restarted_cockpit_resumes_its_sprint() {
    let rig = seen_in(Step::Warming, &Scenario::default()).await;
    // When the cockpit leaves without taking anything down, and another one starts in its place,
    rig.send(Command::Quit(QuitChoice::Detach)).await;
    let rig = rig.restart(Mode::Auto).await;
    // then the same rental proves.
    let (report, truth) = rig.end().await;
    assert_eq!(report.outcome, OutcomeKind::Confirmed, "{report:?}");
    assert_eq!(truth.rentals.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn failed_boot_is_released_with_cause() {
    let rig = Rig::start(Mode::Auto, Scenario::named("boot-fails").unwrap()).await;
    let (report, truth) = rig.end().await;
    assert_eq!(report.outcome, OutcomeKind::Failed, "{report:?}");
    assert!(
        report
            .cause
            .as_deref()
            .is_some_and(|cause| cause.contains("memory")),
        "{report:?}"
    );
    assert!(truth.rentals.iter().all(|rental| rental.ended.is_some()));
}

/// How auto's sprint fails in a world with these faults: its cause, its report and the truth.
async fn failure_with(random_faults: &RandomFaults) -> (String, SprintReport, Truth) {
    let scenario = Scenario {
        random_faults: *random_faults,
        ..Scenario::default()
    };
    let rig = Rig::start(Mode::Auto, scenario).await;
    let (report, truth) = rig.end().await;
    assert_eq!(report.outcome, OutcomeKind::Failed, "{report:?}");
    (report.cause.clone().unwrap_or_default(), report, truth)
}

#[tokio::test(flavor = "multi_thread")]
async fn overpriced_rentals_are_released_and_counted() {
    // Given a market that charges more than it offers, when auto rents there,
    let faults = RandomFaults {
        dearer: 1.0,
        ..RandomFaults::default()
    };
    let (cause, report, truth) = failure_with(&faults).await;
    // then none stays, and each is counted at its real price.
    assert!(cause.starts_with("dearer_than_agreed"), "{cause}");
    assert!((1..=3).contains(&truth.rentals.len()), "{truth:?}");
    let (counted, spent) = (report.cost_usd, truth.spend.dollars());
    assert!(counted > 0.98 * spent, "{counted} counted, {spent} spent");
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_forward_ends_with_its_cause() {
    // Given SSH servers that refuse remote forwards, as `AllowTcpForwarding local` does, when auto rents there,
    let faults = RandomFaults {
        refused_forwards: 1.0,
        ..RandomFaults::default()
    };
    let (cause, _, truth) = failure_with(&faults).await;
    // then each is released during its boot, before a model was loaded in vain, and the cause is named.
    assert!(cause.starts_with("callback_refused"), "{cause}");
    assert!(cause.contains("refuses to listen on its port"), "{cause}");
    for rental in &truth.rentals {
        let lived = rental.ended.unwrap() - rental.started;
        assert!(lived < chrono::TimeDelta::minutes(20), "{rental:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn noisy_shell_costs_no_epoch() {
    // Given rentals whose shell greets every command with words like those of our scripts, and no line's end,
    let scenario = Scenario {
        shell_greeting:
            "failed logins: 3\nhttp 502 state=ended alive=no uptime=1 lease=1\nWelcome! ".into(),
        ..Scenario::default()
    };
    // when auto rents there, then watchdog, callback, runs and log are read as they are.
    let (report, truth) = Rig::start(Mode::Auto, scenario).await.end().await;
    assert_eq!(report.outcome, OutcomeKind::Confirmed, "{report:?}");
    assert_eq!(truth.rentals.len(), 1, "{truth:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn unguarded_rentals_are_given_back() {
    // Given rentals whose watchdog does not run, or whose clock is wrong, when auto rents them,
    let of = |dead_watchdogs, wrong_clocks| RandomFaults {
        dead_watchdogs,
        wrong_clocks,
        ..RandomFaults::default()
    };
    for (faults, why) in [
        (of(1.0, 0.0), "its watchdog does not run"),
        // A slow reading of a fast world takes an hour.
        (of(0.0, 1.0), "hours behind"),
    ] {
        let (cause, _, truth) = failure_with(&faults).await;
        // then each is given back with its cause.
        assert!(
            cause.starts_with("watchdog_unverified") && cause.contains(why),
            "{cause}"
        );
        assert!(truth.rentals.iter().all(|rental| rental.ended.is_some()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn failed_epoch_is_not_rented_again() {
    // Given an image that fails on every machine, when auto runs,
    let scenario = Scenario::named("boot-fails").unwrap();
    let mut rig = Rig::start_and_go_on(Mode::Auto, scenario).await;
    rig.until("an epoch", |snapshot| snapshot.sprint.epoch.is_some())
        .await;
    let epoch = rig.snapshot().sprint.epoch;
    rig.until("the next epoch", |snapshot| {
        snapshot.sprint.step == Step::Waiting && snapshot.sprint.epoch > epoch
    })
    .await;
    // then it waits for the next epoch, and a restart does so too.
    assert_eq!(rig.world.truth().rentals.len(), 1);
    rig.send(Command::Quit(QuitChoice::Detach)).await;
    let mut rig = rig.restart(Mode::Auto).await;
    rig.until("the next epoch", |snapshot| {
        snapshot.sprint.step == Step::Waiting && snapshot.sprint.epoch > epoch
    })
    .await;
    assert_eq!(rig.world.truth().rentals.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn orphan_with_our_label_is_destroyed() {
    // Given a rental of ours that no journal has: its machine died with the disk.
    let mut rig = Rig::start(Mode::Manual, Scenario::default()).await;
    rig.until_gate(GateKind::Start).await;
    // Nothing is lost yet, so there is nothing to agree to.
    rig.send(Command::AcceptJournal).await;
    let orphan = rig.rent_behind_its_back("pocpit/demo/300/1-orphan").await;
    let neighbour = rig.rent_behind_its_back("somebody-elses").await;
    // When the cockpit only waits, then it is found and destroyed, and the other one is left alone.
    let ended = |id| {
        let rentals = rig.world.truth().rentals;
        rentals
            .iter()
            .find(|rental| rental.id == id)
            .map(|rental| rental.ended.is_some())
    };
    for _ in 0..1_200 {
        if ended(orphan.0) == Some(true) {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert_eq!(
        (ended(orphan.0), ended(neighbour.0)),
        (Some(true), Some(false))
    );
    // And nothing is rented with a journal that lost its past, until the operator agrees.
    rig.until("the alert", |snapshot| snapshot.lost_journal().is_some())
        .await;
    rig.send(Command::AcceptJournal).await;
    rig.until("the end of the alert", |snapshot| {
        snapshot.lost_journal().is_none()
    })
    .await;
}
