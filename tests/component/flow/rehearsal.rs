//! Rehearsals: one trial at once, up to a registration or with the `PoC`.

use pocpit::domain::{Aim, Blame, Duration, GateKind, Mode, NodeStatus, Outcome, Step};
use pocpit::flow::{Effect, Plan};

use super::world::{World, plan, start};
use super::{assert_confirmed, assert_nothing_is_left, cause};

/// Minutes before the next `PoC`.
const FAR: i64 = 600;

fn world(aim: Aim, minutes: i64) -> World {
    World::new(Plan { aim, ..plan() }, Mode::Auto, minutes)
}

fn took(world: &World) -> Duration {
    world.now - start()
}

#[test]
fn registration_rehearsal_ends_when_good() {
    // Given a PoC that is ten hours away,
    let mut world = world(Aim::Registration, FAR);
    // when a registration is rehearsed,
    world.run_to_the_end();
    // then it takes a boot and no longer, and nothing is left.
    assert_eq!(world.sprint.outcome(), Some(&Outcome::Rehearsed));
    assert!(took(&world) < Duration::minutes(35), "{}", took(&world));
    assert_eq!(world.rents(), 1);
    assert_nothing_is_left(&world);
    // It was for no PoC: that one is still to be made.
    assert_eq!(world.sprint.poc_epoch(), None);
    let steps: Vec<Step> = world.sprint.spans().iter().map(|span| span.step).collect();
    assert!(!steps.contains(&Step::Proving), "{steps:?}");
    assert!(!steps.contains(&Step::Confirming), "{steps:?}");
}

#[test]
fn registration_rehearsal_ignores_the_poc() {
    // Twelve minutes are too few for any boot that is to prove.
    let mut world = world(Aim::Registration, 12);
    world.run_to_the_end();
    assert_eq!(world.sprint.outcome(), Some(&Outcome::Rehearsed));
    assert_nothing_is_left(&world);
}

#[test]
fn registration_rehearsal_has_a_short_lease() {
    let mut world = world(Aim::Registration, FAR);
    world.run_to_the_end();
    let rent = world.effects.iter().find_map(|effect| match effect {
        Effect::Rent { lease_until, .. } => Some(*lease_until),
        _ => None,
    });
    assert!(rent.unwrap() - start() < Duration::minutes(95));
    let search = world.effects.iter().find_map(|effect| match effect {
        Effect::SearchOffers {
            session,
            longest,
            ready_by,
        } => Some((*session, *longest, *ready_by - start())),
        _ => None,
    });
    let (session, longest, ready_within) = search.unwrap();
    assert!(session <= Duration::minutes(45), "{session}");
    assert!(longest <= Duration::minutes(90), "{longest}");
    assert!(ready_within <= Duration::minutes(51), "{ready_within}");
}

#[test]
fn bad_node_fails_rehearsal_with_its_status() {
    let mut world = world(Aim::Registration, FAR);
    world.status = NodeStatus::Stopped;
    world.run_to_the_end();
    assert_eq!(cause(&world).name, "not_registered");
    let detail = cause(&world).detail;
    assert!(detail.contains("STOPPED"), "{detail}");
    assert!(took(&world) < Duration::minutes(45), "{}", took(&world));
    assert_nothing_is_left(&world);
}

#[test]
fn rehearsal_without_offers_ends() {
    let mut world = world(Aim::Registration, FAR).with(|faults| faults.no_offers = true);
    world.run_to_the_end();
    assert_eq!(cause(&world).name, "no_offer_taken");
    assert_eq!(world.rents(), 0);
}

#[test]
fn rehearsal_replaces_a_failed_machine() {
    let mut world = world(Aim::Registration, FAR);
    world.faults.breaks(1, Blame::Host);
    world.run_to_the_end();
    assert_eq!(world.sprint.outcome(), Some(&Outcome::Rehearsed));
    assert_eq!((world.rents(), world.most_rentals), (2, 1));
    assert_nothing_is_left(&world);
}

#[test]
fn new_rules_apply_only_while_waiting() {
    let cheaper = || {
        let mut new = plan();
        new.caps.sprint = pocpit::domain::Usd::from_dollars(1.0);
        new
    };
    let mut waiting = world(Aim::Proof, 95);
    waiting.tick();
    assert_eq!(waiting.sprint.step(), Step::Waiting);
    waiting.sprint.replan(cheaper());
    assert_eq!(waiting.sprint.plan(), &cheaper());

    let mut rented = world(Aim::Proof, 95);
    rented.until_step(Step::Booting);
    rented.sprint.replan(cheaper());
    assert_eq!(rented.sprint.plan(), &plan());
}

#[test]
fn poc_rehearsal_rents_at_once_and_proves() {
    // Given a PoC in two hours, for which a sprint would rent in more than one,
    let mut world = world(Aim::Rehearsal, 120);
    // when it is rehearsed with the PoC,
    world.until(|world| world.rents() == 1);
    // then it rents now, with no gate,
    assert!(took(&world) < Duration::minutes(3), "{}", took(&world));
    assert_ne!(world.gate(), Some(GateKind::Start));
    // and ends with the weight of that PoC.
    world.run_to_the_end();
    assert_confirmed(&world);
    assert!(world.sprint.poc_epoch().is_some());
    assert_nothing_is_left(&world);
}
