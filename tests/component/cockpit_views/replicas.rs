//! Several replicas: the panes are about one of them, decisions and money about all.

use super::fleet::several;
use super::*;
use pocpit::tui::fleet::FleetKey;

/// Changes a replica, by its place.
fn change(s: &mut Snapshot, place: usize, change: impl FnOnce(&mut ReplicaSnapshot)) {
    change(Arc::make_mut(&mut s.replicas[place]));
}

/// The first replica is done; the others are left out, but for as many as are told.
fn first_is_done(mut s: Snapshot, others: usize) -> Snapshot {
    change(&mut s, 0, |it| {
        (it.sprint.step, it.sprint.can_abort, it.rental) = (Step::Done, false, None);
    });
    s.replicas.truncate(1 + others);
    let first = s.replicas[0].clone();
    s.of(&first)
}

fn sprint_of(replica: &str, command: SprintCommand) -> Command {
    Command::Sprint(replica.parse().unwrap(), command)
}

/// Opens its row of the fleet.
fn open(m: &mut Model, replica: &str) {
    m.fleet.selected = Some(FleetKey::Replica(replica.parse().unwrap()));
    type_and_draw(m, "0\n");
    assert_eq!(m.snapshot.replica.to_string(), replica);
}

#[test]
fn every_sprint_is_aborted_also_where_the_shown_one_is_done() {
    // Given a shown replica that has nothing to abort, beside two that have,
    let mut m = model(first_is_done(several(), 2));
    type_and_draw(&mut m, "x");
    assert_eq!((&m.dialog, toast(&m)), (&None, Some("nothing to abort")));
    // when all are to be aborted, then that is asked, with what they cost,
    type_and_draw(&mut m, "X");
    assert_shows(
        &shown(&m, 120, 40),
        &[
            "Abort every sprint",
            "$19.20/h now for 2 rentals",
            "Type all",
        ],
    );
    // also after the next snapshot, and done;
    publish(&mut m, first_is_done(several(), 2));
    assert_eq!(type_and_draw(&mut m, "all\n"), vec![Command::AbortAll]);
    // when none is left, then the question goes.
    type_and_draw(&mut m, "X");
    publish(&mut m, first_is_done(several(), 0));
    assert_eq!(
        (&m.dialog, toast(&m)),
        (&None, Some("nothing left to abort"))
    );
}

#[test]
fn the_one_rental_of_a_hidden_replica_is_told_before_quitting() {
    // Given a rental of a replica that is not shown, and no other,
    let mut m = model(first_is_done(several(), 1));
    // then both questions are about it,
    type_and_draw(&mut m, "q");
    assert_shows(
        &shown(&m, 120, 40),
        &[
            "Quit while rental 27000002 runs?",
            "$9.60/h now, ~$4.12 est. so far, lease ends",
            "leave it running until",
        ],
    );
    press(&mut m, KeyCode::Esc);
    type_and_draw(&mut m, "X");
    assert_shows(
        &shown(&m, 120, 40),
        &["Abort every sprint", "$9.60/h now, ~$4.12 est. so far"],
    );
    // and what is counted while it quits.
    m.dialog = None;
    m.quitting = true;
    assert_shows(&shown(&m, 120, 40), &["1 rental and 0 registrations"]);
}

#[test]
fn orphaned_viewer_tells_of_the_rentals_of_all_replicas() {
    let mut m = viewer(first_is_done(several(), 2));
    update(&mut m, Message::DriverEnded);
    let screen = shown(&m, 120, 40);
    assert_shows(&screen, &["When it exited: $19.20/h now for 2 rentals"]);
}

#[test]
fn bell_rings_for_the_decision_of_any_replica() {
    // Given a shown replica without a decision, when another one begins to wait, then it rings once,
    let mut quiet = several();
    change(&mut quiet, 1, |it| it.sprint.gate = None);
    let mut m = model(quiet);
    let mut rings = |snapshot: Snapshot| {
        publish(&mut m, snapshot);
        m.effects.bell.take()
    };
    let gate = rings(several());
    assert_eq!(
        gate.as_deref(),
        Some("minimax/2: the register gate waits for you")
    );
    assert_eq!(rings(several()), None);
    // and again for one more.
    let mut both = several();
    both.replicas[2] = Arc::new(ReplicaSnapshot {
        id: both.replicas[2].id.clone(),
        ..(*both.replicas[1]).clone()
    });
    let gate = rings(both);
    assert_eq!(
        gate.as_deref(),
        Some("minimax/3: the register gate waits for you")
    );
}

/// As a viewer gets it: with the log of one replica, and the offers of its pool.
fn sent(mut s: Snapshot, shown: &str) -> Snapshot {
    let shown: ReplicaId = shown.parse().unwrap();
    for place in 0..s.replicas.len() {
        change(&mut s, place, |it| {
            if it.id != shown {
                it.boot_log = LogBuffer::default();
            }
        });
    }
    s.boot_log = s.replicas[0].boot_log.clone();
    s.offers_by_pool.retain(|pool, _| *pool == shown.pool);
    if s.replica.pool != shown.pool {
        (s.offers.rows, s.offers.read_at) = (Arc::default(), None);
    }
    s.in_focus = Some(shown);
    s
}

#[test]
fn viewer_shows_the_log_of_each_replica_as_soon_as_it_is_sent() {
    // Given a viewer, when it goes to another replica, then it waits for the log,
    let mut m = viewer(sent(several(), "minimax/1"));
    open(&mut m, "minimax/2");
    type_and_draw(&mut m, "4");
    let screen = shown(&m, 80, 24);
    assert_shows(
        &screen,
        &["Waiting for the log of minimax/2 from the main cockpit."],
    );
    assert!(!screen.contains("vllm.worker"), "{screen}");
    // which is there with the next snapshot,
    publish(&mut m, sent(several(), "minimax/2"));
    assert_shows(&shown(&m, 80, 24), &["shard 39 loaded"]);
    // and the same on the way back.
    open(&mut m, "minimax/1");
    type_and_draw(&mut m, "4");
    assert_shows(&shown(&m, 80, 24), &["Waiting for the log of minimax/1"]);
    publish(&mut m, sent(several(), "minimax/1"));
    assert_shows(&shown(&m, 80, 24), &["shard 39 loaded"]);
    // When the main cockpit is gone, then nothing more is waited for.
    update(&mut m, Message::DriverEnded);
    m.dialog = None;
    open(&mut m, "minimax/2");
    type_and_draw(&mut m, "4");
    assert_shows(
        &shown(&m, 80, 24),
        &["Not here: the main cockpit exited before it sent the log of"],
    );
    // The main cockpit has every log.
    let mut m = model(several());
    open(&mut m, "minimax/2");
    type_and_draw(&mut m, "4");
    assert_shows(&shown(&m, 80, 24), &["shard 39 loaded"]);
}

#[test]
fn nothing_of_another_replica_is_left_in_the_log() {
    // Given the log of a replica with its marks, filtered and held, when one without a rental is opened,
    let mut m = model(first_is_done(several(), 1));
    open(&mut m, "minimax/2");
    assert!(!m.log.log.is_empty());
    type_and_draw(&mut m, "4/shard\nk");
    open(&mut m, "minimax/1");
    // then neither filter nor marks are in its log.
    assert!(m.log.filter.is_none() && m.log.anchor.is_none());
    let marks: Vec<_> = m.log.marks_at_end().to_vec();
    assert_eq!(marks, []);
}

/// The third replica is of another pool, and waits for one of its offers.
fn two_pools() -> Snapshot {
    let mut s = several();
    let (ours, mut theirs) = (s.offers.clone(), s.offers.clone());
    theirs.rows = Arc::new(vec![
        offer(40_000_001, "H200", 3.0),
        offer(40_000_002, "H200", 4.0),
    ]);
    change(&mut s, 2, |it| {
        it.id = "llama/1".parse().unwrap();
        it.rental = None;
        it.sprint = choosing().sprint;
    });
    s.offers_by_pool = BTreeMap::from([
        ("minimax".parse().unwrap(), ours),
        ("llama".parse().unwrap(), theirs),
    ]);
    s
}

#[test]
fn offers_are_those_of_the_pool_of_the_shown_replica() {
    // Given a cursor and marks in the offers of one pool,
    let mut m = model(two_pools());
    type_and_draw(&mut m, "3j j ");
    assert!(m.offers.has_marks());
    // when a replica of another pool is opened, then its best offer is selected and can be rented at once,
    open(&mut m, "llama/1");
    assert!(!m.offers.has_marks() && m.offers.gone().is_none());
    let selected = m.offers.selected_offer().map(|row| row.offer.id);
    assert_eq!(selected, Some(OfferId(40_000_001)));
    assert_eq!((m.focus, m.gate()), (Pane::Offers, Some(GateKind::Rent)));
    let rent = SprintCommand::Rent {
        offer: OfferId(40_000_001),
        agreed: Usd::from_dollars(9.0),
    };
    assert_eq!(
        type_and_draw(&mut m, "\ny"),
        vec![sprint_of("llama/1", rent)]
    );
    // and back in the first pool, its offers are there again.
    open(&mut m, "minimax/1");
    let selected = m.offers.selected_offer().map(|row| row.offer.id);
    assert_eq!(selected, Some(OfferId(31_234_567)));
}

#[test]
fn offers_are_searched_again_while_any_replica_of_the_pool_chooses() {
    // Given a shown replica that does not choose, and one of its pool that does, then a search is sent;
    let mut s = several();
    change(&mut s, 1, |it| it.sprint = choosing().sprint);
    let mut m = model(s);
    assert_eq!(type_and_draw(&mut m, "r"), vec![Command::RefreshOffers]);
    // one of another pool is none of its.
    let mut m = model(two_pools());
    assert_eq!(type_and_draw(&mut m, "r"), vec![]);
    let refused = "offers are searched only while a sprint waits or chooses";
    assert_eq!(toast(&m), Some(refused));
}

#[test]
fn viewer_shows_no_offers_of_another_pool_as_those_of_this_one() {
    let mut m = viewer(sent(two_pools(), "minimax/1"));
    open(&mut m, "llama/1");
    assert!(m.offers.is_empty());
    let screen = shown(&m, 80, 24);
    assert_shows(
        &screen,
        &["Waiting for the offers of llama from the main cockpit."],
    );
    // When they come, then the best one is selected, and can be rented.
    publish(&mut m, sent(two_pools(), "llama/1"));
    let selected = m.offers.selected_offer().map(|row| row.offer.id);
    assert_eq!(selected, Some(OfferId(40_000_001)));
    let rent = SprintCommand::Rent {
        offer: OfferId(40_000_001),
        agreed: Usd::from_dollars(9.0),
    };
    assert_eq!(
        type_and_draw(&mut m, "\ny"),
        vec![sprint_of("llama/1", rent)]
    );
    open(&mut m, "minimax/1");
    assert!(m.offers.is_empty());
    publish(&mut m, sent(two_pools(), "minimax/1"));
    assert_eq!(m.offers.len(), 3);
}

#[test]
fn viewer_approves_the_gate_of_the_replica_that_it_shows() {
    // Given a viewer whose second and third replica wait for their registration,
    let mut s = several();
    s.replicas[2] = Arc::new(ReplicaSnapshot {
        id: s.replicas[2].id.clone(),
        ..(*s.replicas[1]).clone()
    });
    let mut m = viewer(sent(s.clone(), "minimax/1"));
    // then one line asks for both,
    assert_shows(
        &shown(&m, 120, 40),
        &["minimax/2 waits for you (register) within 9m 00s; 1 more replica waiting too"],
    );
    // and what is approved is approved for the replica that is shown, whosever log is here.
    for replica in ["minimax/3", "minimax/2"] {
        open(&mut m, replica);
        let approve = SprintCommand::Approve(GateKind::Register);
        let sent_command = type_and_draw(&mut m, "ay");
        assert_eq!(sent_command, vec![sprint_of(replica, approve)]);
        publish(&mut m, sent(s.clone(), "minimax/1"));
    }
}

#[test]
fn curves_of_two_replicas_do_not_mix() {
    // Given two replicas whose nodes count, each at its rate,
    let counts = |minute: i64| {
        let mut s = several();
        for (place, per_minute) in [(0, 1_000), (1, 2_000)] {
            change(&mut s, place, |it| {
                it.sprint.proof.nonces = Some(NonceCount {
                    total: 5_000,
                    per_minute,
                });
                it.sprint.proof.last_nonces_at = Some(at(minute));
            });
        }
        let first = s.replicas[0].clone();
        s.of(&first)
    };
    let mut m = model(counts(0));
    publish(&mut m, counts(1));
    assert_eq!(m.trends.nonces.values(), [1_000.0, 1_000.0]);
    // when the other one is opened, then the curve is its own;
    open(&mut m, "minimax/2");
    assert_eq!(m.trends.nonces.values(), [2_000.0]);
    // when its rental is replaced, then it begins anew; when that is gone, it stays.
    let mut other = counts(2);
    let mut rental = other.replicas[1].rental.clone().unwrap();
    rental.id = InstanceId(27_000_009);
    change(&mut other, 1, |it| it.rental = Some(rental));
    publish(&mut m, other.clone());
    assert_eq!(m.trends.nonces.values(), [2_000.0]);
    change(&mut other, 1, |it| it.rental = None);
    publish(&mut m, other);
    assert_eq!(m.trends.nonces.values(), [2_000.0]);
}

#[test]
fn curves_of_two_pools_do_not_mix() {
    let mut m = model(two_pools());
    assert_eq!(m.trends.price.values(), [9.6]);
    open(&mut m, "llama/1");
    assert_eq!(m.trends.price.values(), [3.0]);
}

#[test]
fn replicas_stand_in_the_order_of_their_numbers() {
    // Given twelve replicas that do the same, then the tenth comes after the ninth.
    let mut s = several();
    let last = s.replicas[2].clone();
    s.replicas = (1..=12)
        .map(|number| {
            let mut replica = (*last).clone();
            replica.id = format!("minimax/{number}").parse().unwrap();
            Arc::new(replica)
        })
        .collect();
    let m = model(s);
    let rows = m.fleet.rows();
    let names: Vec<&str> = rows.iter().map(|row| &*row.name).take(12).collect();
    assert_eq!(names[..2], ["minimax/1", "minimax/2"]);
    assert_eq!(
        names[8..],
        ["minimax/9", "minimax/10", "minimax/11", "minimax/12"]
    );
}

#[test]
fn race_costs_what_both_rentals_cost() {
    let mut s = several();
    change(&mut s, 2, |it| it.hedge = it.rental.clone());
    let m = model(s);
    let rows = m.fleet.rows();
    let row = rows.iter().find(|row| row.name == "minimax/3").unwrap();
    assert_eq!(row.price, Some(UsdPerHour::from_dollars(19.2)));
    assert_eq!(row.cost, Some(Usd::from_dollars(8.24)));
    // The first rows count it too.
    assert_shows(&shown(&m, 120, 40), &[", 4 rentals"]);
}

#[test]
fn others_that_wait_are_counted() {
    let mut s = several();
    let second = s.replicas[1].clone();
    s.replicas[2] = Arc::new(ReplicaSnapshot {
        id: s.replicas[2].id.clone(),
        ..(*second).clone()
    });
    let screen = shown(&model(s.clone()), 120, 40);
    assert_shows(
        &screen,
        &["minimax/2 waits for you (register) within 9m 00s; 1 more replica waiting too"],
    );
    s.replicas.push(Arc::new(ReplicaSnapshot {
        id: "minimax/4".parse().unwrap(),
        ..(*second).clone()
    }));
    assert_shows(
        &shown(&model(s), 120, 40),
        &["; 2 more replicas waiting too"],
    );
}

#[test]
fn keys_in_the_fleet_act_on_the_selected_row() {
    // Given a shown replica, and another one that waits, then its row tells to open it first;
    let mut m = model(several());
    m.fleet.selected = Some(FleetKey::Replica("minimax/1".parse().unwrap()));
    type_and_draw(&mut m, "0");
    assert_shows(
        &shown(&m, 80, 24),
        &["! minimax/2       REGISTER", "Enter, a"],
    );
    type_and_draw(&mut m, "x");
    assert_shows(
        &shown(&m, 80, 24),
        &["minimax/1: Abort epoch 153 and release rental 27000001?"],
    );
    press(&mut m, KeyCode::Esc);
    // when its row is selected, then the keys are about it, and it is shown.
    m.fleet.selected = Some(FleetKey::Replica("minimax/2".parse().unwrap()));
    assert_shows(&shown(&m, 80, 24), &["waits: a"]);
    type_and_draw(&mut m, "a");
    assert_shows(&shown(&m, 80, 24), &["minimax/2: Register rental 27000002"]);
    assert_eq!(
        type_and_draw(&mut m, "y"),
        vec![sprint_of(
            "minimax/2",
            SprintCommand::Approve(GateKind::Register)
        )]
    );
    assert_eq!(m.snapshot.replica.to_string(), "minimax/2");
    // Elsewhere they are about the one that is shown.
    m.fleet.selected = Some(FleetKey::Replica("minimax/1".parse().unwrap()));
    type_and_draw(&mut m, "2x");
    assert_shows(
        &shown(&m, 80, 24),
        &["minimax/2: Abort epoch 153 and release rental 27000002?"],
    );
}

#[test]
fn replica_with_the_least_time_for_its_decision_comes_first() {
    // Given one that waits for its start, and one that waits for an offer and has less time,
    let mut s = several();
    change(&mut s, 0, |it| it.sprint = waiting().sprint);
    change(&mut s, 2, |it| it.sprint = choosing().sprint);
    let m = model(s);
    let names: Vec<_> = m.fleet.rows().iter().map(|row| row.name.clone()).collect();
    assert_eq!(
        names[..3],
        ["minimax/2", "minimax/3", "minimax/1"].map(str::to_owned)
    );
}
