//! A boot that falls behind, and the second rental that races it.

use pocpit::domain::{
    Blame, Duration, GateKind, Hedging, HostId, InstanceId, Mode, Offer, OfferId, Outcome, Race,
    Step, Usd, UsdPerHour,
};
use pocpit::flow::{Effect, Event, Plan, Sprint};
use proptest::prelude::*;

use crate::flow::world::{self, Faults, World};
use crate::flow::{assert_nothing_is_left, cause, fault, start_and_pick};

const FIRST: InstanceId = InstanceId(1);
const SECOND: InstanceId = InstanceId(2);

/// A plan that hedges, with room for two in an hour.
pub fn plan() -> Plan {
    let mut plan = Plan {
        hedging: Hedging::On,
        ..world::plan()
    };
    plan.caps.hour = UsdPerHour::from_dollars(20.0);
    plan
}

fn stalling(rentals: &[u32]) -> Faults {
    Faults {
        stalled_boots: rentals.iter().copied().collect(),
        ..Faults::default()
    }
}

fn hedging(faults: Faults) -> World {
    World::with_plan(plan(), Mode::Auto, 95, faults)
}

fn is_confirmed(world: &World) -> bool {
    matches!(world.sprint.outcome(), Some(Outcome::Confirmed { .. }))
}

fn destroyed(world: &World) -> Vec<InstanceId> {
    let destroyed = world.effects.iter().filter_map(|effect| match effect {
        Effect::Destroy { instance, .. } => Some(*instance),
        _ => None,
    });
    destroyed.collect()
}

fn rented_offers(world: &World) -> Vec<Offer> {
    let rented = world.effects.iter().filter_map(|effect| match effect {
        Effect::Rent { offer, .. } => Some(offer.clone()),
        _ => None,
    });
    rented.collect()
}

/// A world in which nobody knows what the second call rented, and nothing can be listed any more.
fn whose_second_call_is_lost() -> World {
    let mut faults = stalling(&[1]);
    faults.lost_replies.insert(2);
    let mut world = hedging(faults);
    let is_almost_behind = |world: &World| {
        let rental = world.sprint.rental();
        rental.is_some_and(|rental| world.now - rental.since > Duration::seconds(640))
    };
    world.until(is_almost_behind);
    world.faults.listing_unknown = true;
    world.until(|world| world.rents() == 2);
    world
}

fn race(winner: Option<InstanceId>) -> Race {
    Race {
        first: FIRST,
        second: SECOND,
        winner,
    }
}

#[test]
fn a_machine_that_stalls_costs_the_epoch_unless_it_is_hedged() {
    // Given a first machine whose boot stops in the middle, when hedging is off,
    let mut world = World::with_plan(world::plan(), Mode::Auto, 95, stalling(&[1]));
    world.run_to_the_end();
    // then the epoch is missed with one rental;
    assert_eq!(cause(&world).name, "boot_too_slow");
    assert_eq!((world.rents(), world.most_rentals), (1, 1));
    assert_eq!(world.sprint.race(), None);
    // when it is on,
    let mut world = hedging(stalling(&[1]));
    world.until(|world| world.registered.is_some());
    // then the second one is what is registered, and the first is destroyed at once.
    assert_eq!(world.registered, world.sprint.node_id().cloned());
    assert_eq!(world.sprint.rental().unwrap().instance, SECOND);
    assert_eq!(destroyed(&world), [FIRST]);
    world.run_to_the_end();
    assert!(is_confirmed(&world));
    assert_eq!((world.rents(), world.most_rentals), (2, 2));
    assert_eq!(world.sprint.race(), Some(race(Some(SECOND))));
    assert_nothing_is_left(&world);
}

#[test]
fn a_boot_that_is_not_behind_is_not_hedged() {
    let mut world = hedging(Faults::default());
    world.run_to_the_end();
    assert!(is_confirmed(&world));
    assert_eq!((world.rents(), world.sprint.race()), (1, None));
}

#[test]
fn a_first_one_that_catches_up_wins_and_the_second_is_destroyed() {
    let mut world = hedging(stalling(&[1]));
    world.until(|world| world.rents() == 2);
    world.faults.stalled_boots.clear();
    world.until_step(Step::Registering);
    assert_eq!(destroyed(&world), [SECOND]);
    world.run_to_the_end();
    assert!(is_confirmed(&world));
    assert_eq!(world.sprint.race(), Some(race(Some(FIRST))));
    assert_nothing_is_left(&world);
}

#[test]
fn the_second_one_is_another_machine_and_rather_of_another_host() {
    let mut world = hedging(stalling(&[1]));
    world.run_to_the_end();
    let offers = rented_offers(&world);
    assert_eq!(offers[0].host, Some(HostId(1)));
    // The next best offer, 2, is of the same host.
    assert_eq!(
        (offers[1].id, offers[1].host),
        (OfferId(3), Some(HostId(2)))
    );
}

#[test]
fn a_cap_that_has_no_room_for_two_refuses_the_second_by_its_name() {
    type Narrow = fn(&mut Plan);
    let narrow: [(Narrow, &str); 2] = [
        (
            |plan| plan.caps.hour = UsdPerHour::from_dollars(14.0),
            "budget.per_hour",
        ),
        (
            |plan| plan.caps.sprint = Usd::from_dollars(39.0),
            "budget.per_sprint",
        ),
    ];
    for (narrow, cap) in narrow {
        let mut plan = plan();
        narrow(&mut plan);
        let mut world = World::with_plan(plan, Mode::Auto, 95, stalling(&[1]));
        world.until(|world| world.sprint.note().is_some_and(|note| note.contains(cap)));
        let note = world.sprint.note().unwrap().to_owned();
        assert!(note.contains("no second machine is rented"), "{note}");
        world.run_to_the_end();
        assert_eq!(world.rents(), 1);
        assert_eq!(cause(&world).name, "boot_too_slow");
    }
}

#[test]
fn by_hand_the_second_one_is_asked_for_and_agreed_to() {
    let mut world = World::with_plan(plan(), Mode::Manual, 60, stalling(&[1]));
    start_and_pick(&mut world, OfferId(1), Usd::from_dollars(20.0));
    let gate = |world: &World| world.sprint.gate().map(|gate| gate.kind);
    world.until(|world| gate(world) == Some(GateKind::Hedge));
    // Approving it says nothing of which offer at which cost.
    world.feed(Event::Approved(GateKind::Hedge));
    world.tick();
    assert_eq!(world.rents(), 1);
    world.feed(Event::OfferPicked {
        offer: OfferId(4),
        agreed: Usd::from_dollars(20.0),
    });
    world.tick();
    assert_eq!((world.rents(), gate(&world)), (2, None));
    assert_eq!(rented_offers(&world)[1].id, OfferId(4));
}

#[test]
fn by_hand_a_question_that_is_moot_is_taken_back() {
    let mut world = World::with_plan(plan(), Mode::Manual, 60, stalling(&[1]));
    start_and_pick(&mut world, OfferId(1), Usd::from_dollars(20.0));
    let gate = |world: &World| world.sprint.gate().map(|gate| gate.kind);
    world.until(|world| gate(world) == Some(GateKind::Hedge));
    world.faults.stalled_boots.clear();
    world.until(|world| gate(world) == Some(GateKind::Register));
    assert_eq!((world.rents(), world.sprint.race()), (1, None));
}

#[test]
fn a_second_one_that_breaks_is_given_back_and_the_first_goes_on() {
    let mut faults = stalling(&[1]);
    faults.broken_boots.insert(2, fault(Blame::Host));
    let mut world = hedging(faults);
    world.until(|world| !destroyed(world).is_empty());
    assert_eq!(destroyed(&world), [SECOND]);
    assert_eq!(
        world.count(|effect| matches!(effect, Effect::AvoidMachine { .. })),
        1
    );
    world.faults.stalled_boots.clear();
    world.run_to_the_end();
    assert!(is_confirmed(&world));
    assert_eq!(
        (world.rents(), world.sprint.race()),
        (2, Some(race(Some(FIRST))))
    );
    assert_nothing_is_left(&world);
}

#[test]
fn a_first_one_that_breaks_leaves_its_place_to_the_second() {
    let mut world = hedging(stalling(&[1]));
    world.until(|world| world.rents() == 2);
    world.faults.broken_boots.insert(1, fault(Blame::Host));
    world.until(|world| !destroyed(world).is_empty());
    assert_eq!(destroyed(&world), [FIRST]);
    world.run_to_the_end();
    assert!(is_confirmed(&world));
    assert_eq!(
        (world.rents(), world.sprint.race()),
        (2, Some(race(Some(SECOND))))
    );
    assert_nothing_is_left(&world);
}

#[test]
fn a_fault_of_our_own_ends_both() {
    let mut world = hedging(stalling(&[1]));
    world.until(|world| world.rents() == 2);
    world.faults.broken_boots.insert(1, fault(Blame::Ours));
    world.run_to_the_end();
    assert_eq!(cause(&world).name, "boot_failed");
    assert_eq!(world.sprint.race(), Some(race(None)));
    assert_nothing_is_left(&world);
}

#[test]
fn an_abort_takes_both_down() {
    let mut world = hedging(stalling(&[1]));
    world.until(|world| world.rents() == 2);
    world.feed(Event::AbortRequested);
    world.run_to_the_end();
    assert!(matches!(world.sprint.outcome(), Some(Outcome::Aborted)));
    assert_nothing_is_left(&world);
}

#[test]
fn an_abort_while_nobody_knows_what_the_second_call_rented_leaves_nothing() {
    let mut faults = stalling(&[1]);
    faults.lost_replies.insert(2);
    let mut world = hedging(faults);
    world.until(|world| world.rents() == 2);
    world.feed(Event::AbortRequested);
    world.until(|world| world.rentals.is_empty());
    world.run_to_the_end();
    assert!(matches!(world.sprint.outcome(), Some(Outcome::Aborted)));
    assert_nothing_is_left(&world);
}

#[test]
fn a_second_call_that_rented_nothing_is_followed_by_another_one() {
    let mut faults = stalling(&[1]);
    faults.gone_offers.insert(2);
    let mut world = hedging(faults);
    world.run_to_the_end();
    assert_eq!((world.rents(), world.most_rentals), (3, 2));
    assert!(is_confirmed(&world));
}

#[test]
fn a_second_call_that_the_market_refuses_ends_the_hedge_and_not_the_sprint() {
    let mut faults = stalling(&[1]);
    faults.refused_rents.insert(2);
    let mut world = hedging(faults);
    world.until(|world| world.rents() == 2);
    world.faults.stalled_boots.clear();
    world.run_to_the_end();
    assert!(is_confirmed(&world));
    assert_eq!((world.rents(), world.sprint.race()), (2, None));
}

#[test]
fn a_second_one_that_is_found_after_the_first_is_ready_is_destroyed() {
    let mut world = whose_second_call_is_lost();
    world.faults.stalled_boots.clear();
    world.until_step(Step::Registering);
    assert_eq!(world.rentals.len(), 2);
    world.faults.listing_unknown = false;
    world.run_to_the_end();
    assert!(is_confirmed(&world));
    assert_eq!(world.sprint.race(), Some(race(Some(FIRST))));
    assert_nothing_is_left(&world);
}

#[test]
fn a_first_one_that_breaks_while_the_second_is_being_rented_leaves_its_place_to_it() {
    let mut world = whose_second_call_is_lost();
    world.faults.broken_boots.insert(1, fault(Blame::Host));
    world.until_step(Step::Renting);
    world.faults.listing_unknown = false;
    world.run_to_the_end();
    assert!(is_confirmed(&world));
    assert_eq!((world.rents(), world.most_rentals), (2, 2));
    assert_nothing_is_left(&world);
}

#[test]
fn a_loser_whose_destroy_does_not_work_is_destroyed_again_until_it_is_gone() {
    let mut world = hedging(stalling(&[1]));
    world.until(|world| world.rents() == 2);
    world.faults.deaf_destroys = 9;
    world.run_to_the_end();
    assert!(is_confirmed(&world));
    let first = destroyed(&world)
        .into_iter()
        .filter(|instance| *instance == FIRST);
    assert_eq!(first.count(), 10);
    assert_nothing_is_left(&world);
}

#[test]
fn there_is_one_hedge_in_a_sprint() {
    // Given machines that all stall,
    let mut world = World::with_plan(
        Plan {
            max_attempts: 10,
            lead: Duration::minutes(80),
            ..plan()
        },
        Mode::Auto,
        95,
        stalling(&[1, 2, 3, 4, 5, 6]),
    );
    world.run_to_the_end();
    assert_eq!(world.most_rentals, 2);
    assert!(world.sprint.race().is_some());
    assert_nothing_is_left(&world);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Whenever the program is started again in a sprint with two rentals, it goes on with both.
    #[test]
    fn a_restart_at_any_moment_of_a_race_goes_on_with_both(
        ticks in 200usize..700,
        lost in any::<bool>(),
    ) {
        let mut faults = stalling(&[1]);
        if lost {
            faults.lost_replies.insert(2);
        }
        let mut world = hedging(faults);
        for _ in 0..ticks {
            world.tick();
        }
        let saved = serde_json::to_string(&world.sprint).unwrap();
        let read: Sprint = serde_json::from_str(&saved).unwrap();
        prop_assert!(world.sprint.is_saved_by(&read) && read.is_saved_by(&world.sprint));
        prop_assert_eq!(serde_json::to_string(&read).unwrap(), saved);
        world.sprint = read;
        world.feed(Event::Resumed);
        world.run_to_the_end();
        prop_assert!(is_confirmed(&world));
        prop_assert_eq!((world.rents(), world.most_rentals), (2, 2));
        prop_assert_eq!(world.sprint.race(), Some(race(Some(SECOND))));
    }
}
