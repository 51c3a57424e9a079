//! Rehearsals: the way is tried at once, and only as far as was asked for.

use pocpit::domain::{Aim, Blame, Duration, GateKind, Mode, NodeStatus, Outcome, Step};
use pocpit::flow::{Effect, Plan};

use super::world::{Faults, World, plan, start};
use super::{assert_nothing_is_left, cause, fault};

/// Hours before the next `PoC`.
const FAR: i64 = 600;

fn world(aim: Aim, minutes: i64, faults: Faults) -> World {
    World::with_plan(Plan { aim, ..plan() }, Mode::Auto, minutes, faults)
}

fn took(world: &World) -> Duration {
    world.now - start()
}

#[test]
fn a_registration_is_tried_at_once_and_ends_as_soon_as_it_is_good() {
    // Given a PoC that is ten hours away,
    let mut world = world(Aim::Registration, FAR, Faults::default());
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
fn it_needs_no_time_before_the_poc_and_does_not_take_part_in_it() {
    // Twelve minutes are too few for any boot that is to prove.
    let mut world = world(Aim::Registration, 12, Faults::default());
    world.run_to_the_end();
    assert_eq!(world.sprint.outcome(), Some(&Outcome::Rehearsed));
    assert_nothing_is_left(&world);
}

#[test]
fn its_lease_is_as_long_as_a_boot_may_take_and_not_until_the_poc() {
    let mut world = world(Aim::Registration, FAR, Faults::default());
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
fn a_node_that_never_becomes_good_fails_the_rehearsal_with_its_words() {
    let mut world = world(Aim::Registration, FAR, Faults::default());
    world.status = NodeStatus::Stopped;
    world.run_to_the_end();
    assert_eq!(cause(&world).name, "not_registered");
    assert!(
        cause(&world).detail.contains("STOPPED"),
        "{:?}",
        cause(&world)
    );
    assert!(took(&world) < Duration::minutes(45), "{}", took(&world));
    assert_nothing_is_left(&world);
}

#[test]
fn a_market_without_offers_ends_it() {
    let faults = Faults {
        no_offers: true,
        ..Faults::default()
    };
    let mut world = world(Aim::Registration, FAR, faults);
    world.run_to_the_end();
    assert_eq!(cause(&world).name, "no_offer_taken");
    assert_eq!(world.rents(), 0);
}

#[test]
fn a_machine_that_fails_is_replaced_however_far_the_poc_is() {
    let faults = Faults {
        broken_boots: [(1, fault(Blame::Host))].into(),
        ..Faults::default()
    };
    let mut world = world(Aim::Registration, FAR, faults);
    world.run_to_the_end();
    assert_eq!(world.sprint.outcome(), Some(&Outcome::Rehearsed));
    assert_eq!((world.rents(), world.most_rentals), (2, 1));
    assert_nothing_is_left(&world);
}

#[test]
fn a_sprint_that_only_waits_goes_by_new_rules_and_one_that_rented_keeps_its_own() {
    let cheaper = || {
        let mut new = plan();
        new.caps.sprint = pocpit::domain::Usd::from_dollars(1.0);
        new
    };
    let mut waiting = world(Aim::Proof, 95, Faults::default());
    waiting.tick();
    assert_eq!(waiting.sprint.step(), Step::Waiting);
    waiting.sprint.replan(cheaper());
    assert_eq!(waiting.sprint.plan(), &cheaper());

    let mut rented = world(Aim::Proof, 95, Faults::default());
    rented.until_step(Step::Booting);
    rented.sprint.replan(cheaper());
    assert_eq!(rented.sprint.plan(), &plan());
}

#[test]
fn with_the_poc_it_rents_at_once_and_is_a_sprint_like_any_other() {
    // Given a PoC in two hours, for which a sprint would rent in more than one,
    let mut world = world(Aim::Rehearsal, 120, Faults::default());
    // when it is rehearsed with the PoC,
    world.until(|world| world.rents() == 1);
    // then it rents now, with no gate,
    assert!(took(&world) < Duration::minutes(3), "{}", took(&world));
    assert!(
        world
            .sprint
            .gate()
            .is_none_or(|gate| gate.kind != GateKind::Start)
    );
    // and ends with the weight of that PoC.
    world.run_to_the_end();
    assert!(matches!(
        world.sprint.outcome(),
        Some(Outcome::Confirmed { .. })
    ));
    assert!(world.sprint.poc_epoch().is_some());
    assert_nothing_is_left(&world);
}
