//! The first row: what needs the operator, and how urgent it is.

use super::*;
use pocpit::tui::attention::{Rank, groups, headline};

fn first(model: &Model) -> (Rank, String) {
    let headline = headline(model, Keymap::defaults());
    (headline.first.rank, headline.first.text)
}

/// Minutes later, with everything read again.
fn later(mut snapshot: Snapshot, minutes: i64) -> Model {
    snapshot.at = at(minutes);
    snapshot.rentals_read_at = Some(at(minutes));
    if let Some(reading) = &mut snapshot.chain.reading {
        reading.at = at(minutes);
    }
    model(snapshot)
}

#[test]
fn never_ok_while_something_waits_or_is_lost() {
    for (name, model) in states() {
        let snapshot = &model.snapshot;
        let waits = snapshot.sprint.gate.is_some();
        let alarms = snapshot
            .alerts
            .iter()
            .any(|it| it.level > AlertLevel::Notice);
        let unread = snapshot.chain.reading.is_none();
        if waits || alarms || unread {
            assert_ne!(first(&model).0, Rank::Ok, "{name}");
        }
        let text = shown(&model, 120, 40);
        let row = text.lines().next().unwrap_or_default();
        let is_ok = row.starts_with("\" OK ");
        assert_eq!(is_ok, first(&model).0 == Rank::Ok, "{name}: {row}");
    }
}

#[test]
fn start_becomes_due_with_its_time() {
    // Rents at minute 80; half of the boots of the best offer take 24 minutes, the deadline is at 133.
    for (minute, rank, text) in [
        (
            0,
            Rank::Early,
            "s: start epoch 153 at 15:33 (1h 20m); after 16:02 no boot is in time",
        ),
        (
            81,
            Rank::Due,
            "s: start epoch 153 now; after 16:02 (28m) it is skipped",
        ),
        (
            105,
            Rank::Urgent,
            "s: start epoch 153 now; after 16:02 (4m 00s) it is skipped",
        ),
    ] {
        assert_eq!(first(&later(waiting(), minute)), (rank, text.to_owned()));
    }
}

#[test]
fn rent_gate_names_the_last_moment() {
    let m = later(choosing(), 90);
    let text = "Enter: rent an offer within 19m; after 16:02 no boot is in time";
    assert_eq!(first(&m), (Rank::Due, text.to_owned()));
    // Enter rents in the offers only.
    let mut m = later(choosing(), 107);
    type_and_draw(&mut m, "7");
    let (rank, text) = first(&m);
    assert_eq!(rank, Rank::Urgent);
    assert!(
        text.starts_with("3, Enter: rent an offer within 2m 00s"),
        "{text}"
    );
}

#[test]
fn register_gate_says_what_is_lost() {
    let (rank, text) = first(&model(registering()));
    assert_eq!(rank, Rank::Due);
    let expected =
        "a: register the node within 9m 00s, or epoch 153 is lost (~$4.12 spent, $9.60/h)";
    assert_eq!(text, expected);
    assert_eq!(first(&later(registering(), 5)).0, Rank::Urgent);
}

#[test]
fn release_gate_says_what_waiting_costs() {
    let mut snapshot = rented(Step::Confirming);
    snapshot.sprint.gate = Some(GateSnapshot {
        kind: GateKind::Release,
        question: "Release?".into(),
        since: at(-5),
        until: None,
    });
    let (rank, text) = first(&model(snapshot.clone()));
    assert_eq!(rank, Rank::Due);
    let expected = "a: release rental 28111222; 5m 00s wait cost ~$0.80, lease ends 15:48";
    assert_eq!(text, expected);
    assert_eq!(first(&later(snapshot, 6)).0, Rank::Urgent);
}

fn outage(condition: Condition, minute: i64) -> Alert {
    Alert {
        condition,
        level: AlertLevel::Warning,
        text: "it does not answer".into(),
        advice: "check it".into(),
        since: at(minute),
    }
}

#[test]
fn outages_that_begin_together_are_one() {
    let mut snapshot = rented(Step::Booting);
    snapshot.alerts = vec![
        outage(Condition::ChainUnreachable, -20),
        outage(Condition::RentalsUnknown, -20),
        outage(Condition::NetworkNodeDown, -20),
        outage(Condition::LinkDown(InstanceId(28_111_222)), -19),
    ];
    // What is rented may cost something unseen: the engine says how bad that is.
    for alert in &mut snapshot.alerts {
        alert.level = AlertLevel::Critical;
    }
    let m = model(snapshot.clone());
    let headline = headline(&m, Keymap::defaults());
    assert_eq!((headline.first.rank, headline.others), (Rank::Critical, 0));
    let expected = "Offline 20m: chain, Vast, Network Node and rental unreachable. $9.60/h may be running; lease ends 15:48";
    assert_eq!(headline.first.text, expected);
    // One that came long before has another cause.
    snapshot.alerts[0].since = at(-60);
    assert_eq!(groups(&model(snapshot)).len(), 2);
}

#[test]
fn unreadable_chain_freezes_the_countdown() {
    let mut snapshot = rented(Step::Booting);
    snapshot.alerts = vec![outage(Condition::ChainUnreachable, -4)];
    let (rank, text) = first(&model(snapshot));
    assert_eq!(rank, Rank::Warning);
    assert_eq!(
        text,
        "Chain unreadable 4m 00s: no source answers. Countdown frozen at 16:29"
    );
}

#[test]
fn decision_and_alarm_are_both_shown() {
    let mut snapshot = registering();
    snapshot.alerts = vec![Alert {
        level: AlertLevel::Critical,
        ..outage(Condition::DestroyOverdue(InstanceId(1)), -12)
    }];
    let text = shown(&model(snapshot), 120, 40);
    let rows: Vec<&str> = text.lines().take(2).collect();
    assert!(
        rows[0].contains("CRITICAL run: vastai destroy instance 1"),
        "{}",
        rows[0]
    );
    assert!(
        rows[1].contains("ACTION   a: register the node"),
        "{}",
        rows[1]
    );
}

/// Nothing is rented and no gate waits, after these sprints.
fn idle_after(change: impl FnOnce(&mut Vec<PastSprintRow>)) -> Snapshot {
    let mut snapshot = with_past();
    snapshot.rental = None;
    snapshot.sprint = waiting().sprint;
    snapshot.sprint.gate = None;
    change(Arc::make_mut(&mut snapshot.history));
    snapshot
}

#[test]
fn lost_epoch_is_a_warning_until_seen() {
    let mut snapshot = idle_after(|past| past.truncate(3));
    let mut m = model(snapshot.clone());
    let (rank, text) = first(&m);
    assert_eq!(rank, Rank::Warning);
    assert_eq!(
        text,
        "Epoch 150 lost: no progress in loading for 12 minutes"
    );
    let last = shown(&m, 80, 24);
    assert!(
        last.contains("LAST     150 FAILED  boot stalled  ~$6.40 est."),
        "{last}"
    );
    type_and_draw(&mut m, "!");
    assert_eq!(first(&m).0, Rank::Ok);
    // The next sprint rents.
    snapshot.sprint.step = Step::Booting;
    assert_eq!(first(&model(snapshot)).0, Rank::Ok);
}

#[test]
fn reward_lost_by_confirmation_is_no_success() {
    let m = model(idle_after(|past| {
        if let Some(last) = past.last_mut() {
            last.confirmation_ratio = Some(0.42);
        }
    }));
    assert_eq!(first(&m).0, Rank::Warning);
    let text = shown(&m, 80, 24);
    assert!(
        text.contains("152 REWARD LOST  confirmation 42% of weight"),
        "{text}"
    );
}

#[test]
fn epoch_without_an_offer_is_a_warning() {
    // Given a search that found nothing that can be rented,
    let mut snapshot = choosing();
    snapshot.mode = Mode::Auto;
    snapshot.sprint.gate = None;
    assert_eq!(first(&model(snapshot.clone())).0, Rank::Ok);
    snapshot.offers.rows = Arc::default();
    // then the epoch is in danger, whatever notice there is beside it;
    let (rank, text) = first(&model(snapshot.clone()));
    assert_eq!(rank, Rank::Warning);
    assert!(
        text.starts_with(
            "No usable offer yet: searching until 16:26; after that epoch 153 is lost"
        ),
        "{text}"
    );
    // before the first answer nothing is known.
    snapshot.offers.read_at = None;
    assert_eq!(first(&model(snapshot)).0, Rank::Ok);
}

#[test]
fn old_readings_are_never_ok() {
    let mut snapshot = rented(Step::Booting);
    snapshot.world = WorldKind::Real;
    for (minutes, rank) in [(0, Rank::Ok), (1, Rank::Notice), (3, Rank::Critical)] {
        snapshot.at = at(minutes);
        snapshot.rentals_read_at = Some(at(minutes));
        let (found, text) = first(&model(snapshot.clone()));
        assert_eq!(found, rank, "{text}");
    }
    let text = shown(&model(snapshot), 80, 24);
    assert!(
        text.contains("NEXT     ready ~14:24 (read 3m 00s ago)"),
        "{text}"
    );
}

#[test]
fn unread_rentals_cost_up_to_their_price() {
    let mut snapshot = rented(Step::Booting);
    snapshot.world = WorldKind::Real;
    snapshot.rentals_read_at = Some(at(-10));
    let text = shown(&model(snapshot), 80, 24);
    assert!(
        text.contains("up to $9.60/h, unknown since 14:03"),
        "{text}"
    );
}

#[test]
fn finished_sprint_counts_to_the_next() {
    let mut snapshot = failed();
    snapshot.mode = Mode::Auto;
    if let Some(reading) = &mut snapshot.chain.reading {
        // Its PoC and its deadline are over.
        reading.poc_start.blocks_left = Blocks(0);
        reading.registration_deadline.blocks_left = Blocks(0);
        reading.stages = vec![StageEstimate {
            epoch: EpochIndex(154),
            milestone: Milestone::PocStart,
            at: HeightEstimate {
                height: Height(2_361_782),
                blocks_left: Blocks(15_000),
                expected: Some(band(1_500)),
            },
        }];
    }
    let text = shown(&model(snapshot.clone()), 120, 40);
    assert_shows(
        &text,
        &[
            "OK       Nothing needs you. Auto rents at Tue 14:28 (1d 00h) for epoch 154",
            "NEXT     rent 1d 00h (Tue 14:28)  register by 1d 00h ±2m (Tue 15:12)  PoC 154 1d 01h",
            "✗CONFIRM",
        ],
    );
    snapshot.mode = Mode::Manual;
    let (rank, text) = first(&model(snapshot));
    assert_eq!(rank, Rank::Early);
    assert!(text.starts_with("s: start epoch 154 at "), "{text}");
}
