//! Hedging: a second rental races a boot that falls behind.

use pocpit::domain::{
    Blame, Duration, GateKind, Hedging, HostId, InstanceId, Mode, Offer, OfferId, Outcome, Race,
    Step, Usd, UsdPerHour,
};
use pocpit::flow::{Effect, Event, HedgeRoom, Plan};
use proptest::prelude::*;

use super::world::{self, World};
use super::{assert_confirmed, assert_nothing_is_left, avoided, cause, read_back};

const FIRST: InstanceId = InstanceId(1);
const SECOND: InstanceId = InstanceId(2);

/// A plan that hedges, with room for two rentals in the budget of an hour.
pub fn plan() -> Plan {
    let mut plan = Plan {
        hedging: Hedging::On,
        ..world::plan()
    };
    plan.caps.hour = UsdPerHour::from_dollars(20.0);
    plan
}

/// A world in which the first boot stalls.
fn stalled(plan: Plan) -> World {
    World::new(plan, Mode::Auto, 95).with(|faults| faults.stalled_boots = [1].into())
}

/// The same, once a hedge is rented.
fn racing() -> World {
    let mut world = stalled(plan());
    world.until(|world| world.rents() == 2);
    world
}

/// The same in manual mode, once the operator is to pick a hedge.
fn manual() -> World {
    let mut world = World::new(plan(), Mode::Manual, 60);
    world.faults.stalled_boots = [1].into();
    world.start_and_pick(1, 20.0);
    world.until_gate(GateKind::Hedge);
    world
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

/// The hedge's rent call is lost, and nothing can be listed any more.
fn lost_hedge() -> World {
    let mut world = stalled(plan());
    world.faults.lost_replies.insert(2);
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
fn likely_late_boot_is_hedged() {
    // Given a first boot that is on track beside others, but whose bytes need longer than is left,
    let mut world = stalled(plan()).with(|faults| faults.stalls_show_in_bytes = true);
    // when it is forecast to be late, then it is hedged and the epoch is saved.
    world.until(|world| world.rents() == 2);
    world.run_to_the_end();
    assert_confirmed(&world);
    assert_eq!(world.sprint.race(), Some(race(Some(SECOND))));
}

#[test]
fn hedge_saves_epoch_of_stalled_boot() {
    // Given a first machine whose boot stalls, when hedging is off,
    let mut world = stalled(world::plan());
    world.run_to_the_end();
    // then the epoch is missed with one rental;
    assert_eq!(cause(&world).name, "boot_too_slow");
    assert_eq!((world.rents(), world.most_rentals), (1, 1));
    assert_eq!(world.sprint.race(), None);
    // when it is on,
    let mut world = stalled(plan());
    world.until(|world| world.registered.is_some());
    // then the second one is registered, and the first is destroyed at once.
    assert_eq!(world.registered, world.sprint.node_id().cloned());
    assert_eq!(world.sprint.rental().unwrap().instance, SECOND);
    assert_eq!(destroyed(&world), [FIRST]);
    world.run_to_the_end();
    assert_confirmed(&world);
    assert_eq!((world.rents(), world.most_rentals), (2, 2));
    assert_eq!(world.sprint.race(), Some(race(Some(SECOND))));
    assert_nothing_is_left(&world);
}

#[test]
fn pool_without_room_rents_no_second_machine() {
    for (room, says) in [
        (HedgeRoom::Full(2), "the pool has 2 second machines"),
        (
            HedgeRoom::of_boots(3, 6),
            "3 of 6 boots of the pool are behind",
        ),
    ] {
        // Given a boot that is behind in a pool with too many races, or with a common cause,
        let mut world = stalled(plan()).with(|faults| faults.hedges = room);
        // then nothing is rented beside it, and the reason is told;
        world.until_note(says);
        assert_eq!(world.rents(), 1);
        // when there is room again, it is hedged after all.
        world.faults.hedges = HedgeRoom::Free;
        world.run_to_the_end();
        assert_eq!(world.rents(), 2);
        assert_confirmed(&world);
    }
}

#[test]
fn one_slow_boot_is_no_common_cause() {
    assert_eq!(HedgeRoom::of_boots(1, 1), HedgeRoom::Free);
    assert_eq!(HedgeRoom::of_boots(1, 2), HedgeRoom::Free);
    assert_eq!(HedgeRoom::of_boots(2, 6), HedgeRoom::Free);
    assert_ne!(HedgeRoom::of_boots(2, 2), HedgeRoom::Free);
}

#[test]
fn boot_on_track_is_not_hedged() {
    let mut world = World::new(plan(), Mode::Auto, 95);
    world.run_to_the_end();
    assert_confirmed(&world);
    assert_eq!((world.rents(), world.sprint.race()), (1, None));
}

#[test]
fn recovered_primary_wins_the_race() {
    let mut world = racing();
    world.faults.stalled_boots.clear();
    world.until_step(Step::Registering);
    assert_eq!(destroyed(&world), [SECOND]);
    world.run_to_the_end();
    assert_confirmed(&world);
    assert_eq!(world.sprint.race(), Some(race(Some(FIRST))));
    assert_nothing_is_left(&world);
}

#[test]
fn hedge_prefers_machine_of_another_host() {
    let mut world = stalled(plan());
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
fn hedge_is_another_machine_under_any_id() {
    // Given a stalled boot, and the best offer of another host is the same machine under a new id,
    let mut world = stalled(plan()).with(|faults| faults.relisted = Some(3));
    world.run_to_the_end();
    // then the hedge is the next one.
    assert_eq!(rented_offers(&world)[1].id, OfferId(4));
}

#[test]
fn tight_cap_refuses_hedge_by_name() {
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
        let mut world = stalled(plan);
        world.until_note(cap);
        let note = world.sprint.note().unwrap();
        assert!(note.contains("no second machine is rented"), "{note}");
        world.run_to_the_end();
        assert_eq!(world.rents(), 1);
        assert_eq!(cause(&world).name, "boot_too_slow");
    }
}

#[test]
fn manual_hedge_needs_a_picked_offer() {
    let mut world = manual();
    // An approval names neither offer nor cost.
    world.feed(Event::Approved(GateKind::Hedge));
    world.tick();
    assert_eq!(world.rents(), 1);
    world.pick(4, 20.0);
    world.tick();
    assert_eq!((world.rents(), world.gate()), (2, None));
    assert_eq!(rented_offers(&world)[1].id, OfferId(4));
}

#[test]
fn moot_hedge_gate_is_closed() {
    let mut world = manual();
    world.faults.stalled_boots.clear();
    world.until_gate(GateKind::Register);
    assert_eq!((world.rents(), world.sprint.race()), (1, None));
}

#[test]
fn broken_hedge_leaves_primary_racing() {
    let mut world = stalled(plan());
    world.faults.breaks(2, Blame::Host);
    world.until(|world| !destroyed(world).is_empty());
    assert_eq!(destroyed(&world), [SECOND]);
    assert_eq!(avoided(&world), 1);
    world.faults.stalled_boots.clear();
    world.run_to_the_end();
    assert_confirmed(&world);
    assert_eq!(
        (world.rents(), world.sprint.race()),
        (2, Some(race(Some(FIRST))))
    );
    assert_nothing_is_left(&world);
}

#[test]
fn broken_primary_is_replaced_by_hedge() {
    let mut world = racing();
    world.faults.breaks(1, Blame::Host);
    world.until(|world| !destroyed(world).is_empty());
    assert_eq!(destroyed(&world), [FIRST]);
    world.run_to_the_end();
    assert_confirmed(&world);
    assert_eq!(
        (world.rents(), world.sprint.race()),
        (2, Some(race(Some(SECOND))))
    );
    assert_nothing_is_left(&world);
}

#[test]
fn own_fault_ends_both_rentals() {
    let mut world = racing();
    world.faults.breaks(1, Blame::Ours);
    world.run_to_the_end();
    assert_eq!(cause(&world).name, "boot_failed");
    assert_eq!(world.sprint.race(), Some(race(None)));
    assert_nothing_is_left(&world);
}

#[test]
fn abort_releases_both_rentals() {
    let mut world = racing();
    world.feed(Event::AbortRequested);
    world.run_to_the_end();
    assert!(matches!(world.sprint.outcome(), Some(Outcome::Aborted)));
    assert_nothing_is_left(&world);
}

#[test]
fn abort_with_lost_hedge_call_leaks_nothing() {
    let mut world = stalled(plan());
    world.faults.lost_replies.insert(2);
    world.until(|world| world.rents() == 2);
    world.feed(Event::AbortRequested);
    world.until(|world| world.rentals.is_empty());
    world.run_to_the_end();
    assert!(matches!(world.sprint.outcome(), Some(Outcome::Aborted)));
    assert_nothing_is_left(&world);
}

#[test]
fn gone_hedge_offer_is_replaced() {
    let mut world = stalled(plan());
    world.faults.gone_offers.insert(2);
    world.run_to_the_end();
    assert_eq!((world.rents(), world.most_rentals), (3, 2));
    assert_confirmed(&world);
}

#[test]
fn refused_hedge_keeps_sprint_running() {
    let mut world = stalled(plan());
    world.faults.refused_rents.insert(2);
    world.until(|world| world.rents() == 2);
    world.faults.stalled_boots.clear();
    world.run_to_the_end();
    assert_confirmed(&world);
    assert_eq!((world.rents(), world.sprint.race()), (2, None));
}

#[test]
fn hedge_found_late_is_destroyed() {
    let mut world = lost_hedge();
    world.faults.stalled_boots.clear();
    world.until_step(Step::Registering);
    assert_eq!(world.rentals.len(), 2);
    world.faults.listing_unknown = false;
    world.run_to_the_end();
    assert_confirmed(&world);
    assert_eq!(world.sprint.race(), Some(race(Some(FIRST))));
    assert_nothing_is_left(&world);
}

#[test]
fn broken_primary_waits_for_lost_hedge() {
    let mut world = lost_hedge();
    world.faults.breaks(1, Blame::Host);
    world.until_step(Step::Renting);
    world.faults.listing_unknown = false;
    world.run_to_the_end();
    assert_confirmed(&world);
    assert_eq!((world.rents(), world.most_rentals), (2, 2));
    assert_nothing_is_left(&world);
}

#[test]
fn loser_is_destroyed_until_gone() {
    let mut world = racing();
    world.faults.deaf_destroys = 9;
    world.run_to_the_end();
    assert_confirmed(&world);
    let mut destroyed = destroyed(&world);
    destroyed.retain(|instance| *instance == FIRST);
    assert_eq!(destroyed.len(), 10);
    assert_nothing_is_left(&world);
}

#[test]
fn sprint_hedges_only_once() {
    // Given machines that all stall,
    let mut world = stalled(Plan {
        max_attempts: 10,
        lead: Duration::minutes(80),
        ..plan()
    });
    world.faults.stalled_boots = (1..=6).collect();
    world.run_to_the_end();
    assert_eq!(world.most_rentals, 2);
    assert!(world.sprint.race().is_some());
    assert_nothing_is_left(&world);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Whenever the program restarts in a sprint with two rentals, it resumes both.
    #[test]
    fn restart_resumes_both_racing_rentals(
        ticks in 200usize..700,
        lost in any::<bool>(),
    ) {
        let mut world = stalled(plan());
        if lost {
            world.faults.lost_replies.insert(2);
        }
        for _ in 0..ticks {
            world.tick();
        }
        let read = read_back(&serde_json::to_string(&world.sprint).unwrap());
        prop_assert_eq!(&read, &world.sprint);
        world.sprint = read;
        world.feed(Event::Resumed);
        world.run_to_the_end();
        assert_confirmed(&world);
        prop_assert_eq!((world.rents(), world.most_rentals), (2, 2));
        prop_assert_eq!(world.sprint.race(), Some(race(Some(SECOND))));
    }
}
