//! How long a rental is held, and what delays or cancels a plan.

use pocpit::domain::{Duration, Height, Mode, Outcome, ReleasePolicy, Step, UpgradePlan};
use pocpit::flow::{Effect, Event, Plan};

use crate::flow::world::{Faults, POC_START, World, plan};

/// A plan that may hold for an epoch.
fn holding(release: ReleasePolicy) -> Plan {
    Plan {
        release,
        execution_timeout: Duration::hours(30),
        ..plan()
    }
}

/// The height at which the rental is destroyed, as blocks after the start of the PoC.
fn destroyed_at(release: ReleasePolicy, confirmations: &[u64]) -> u64 {
    let faults = Faults {
        confirmations: confirmations.to_vec(),
        ..Faults::default()
    };
    let mut world = World::with_plan(holding(release), Mode::Auto, 95, faults);
    world.until(|world| world.count(|effect| matches!(effect, Effect::Destroy { .. })) > 0);
    let height = world.height().0;
    world.run_to_the_end();
    let outcome = world.sprint.outcome();
    assert!(
        matches!(outcome, Some(Outcome::Confirmed { .. })),
        "{outcome:?}"
    );
    height - POC_START
}

/// A tick is about two blocks.
fn assert_near(height: u64, wanted: u64) {
    assert!(
        (wanted..wanted + 6).contains(&height),
        "{height} and not {wanted}"
    );
}

#[test]
fn the_predecessors_policy_gives_back_at_the_end_of_validation() {
    assert_near(destroyed_at(ReleasePolicy::AfterValidation, &[3_000]), 185);
}

#[test]
fn held_for_the_first_confirmation_it_is_given_back_when_that_is_over() {
    let height = destroyed_at(ReleasePolicy::AfterConfirmation, &[3_000, 9_000]);
    assert_near(height, 3_000 + 80 + 185);
}

#[test]
fn held_for_a_confirmation_that_never_comes_it_is_given_back_when_none_can_come_any_more() {
    let last_trigger = 15_391 - 80 - 185 - 500;
    assert_near(
        destroyed_at(ReleasePolicy::AfterConfirmation, &[]),
        last_trigger + 5,
    );
}

#[test]
fn held_until_a_height_or_a_time_it_is_given_back_then() {
    assert_near(
        destroyed_at(ReleasePolicy::BlocksAfterStart(2_000), &[]),
        2_000,
    );
    // Blocks of 5.5 s.
    assert_near(
        destroyed_at(ReleasePolicy::MinutesAfterStart(110), &[]),
        1_200,
    );
}

#[test]
fn held_for_the_epoch_it_is_given_back_before_the_next_poc() {
    assert_near(destroyed_at(ReleasePolicy::WholeEpoch, &[]), 15_391 - 20);
}

#[test]
fn no_rental_is_given_back_in_a_confirmation_that_has_begun() {
    let height = destroyed_at(ReleasePolicy::BlocksAfterStart(2_000), &[1_900]);
    assert_near(height, 1_900 + 80 + 185);
}

#[test]
fn before_an_upgrade_that_halts_the_chain_nothing_is_rented_and_it_says_why() {
    let mut world = World::new(Mode::Auto, 95, Faults::default());
    let upgrade = UpgradePlan {
        name: "v0.2.14".into(),
        height: Height(POC_START - 100),
    };
    world.feed(Event::UpgradePlanned(Some(upgrade)));
    world.until(|world| world.height().0 > POC_START - 400);
    assert_eq!((world.sprint.step(), world.rents()), (Step::Waiting, 0));
    assert!(world.sprint.note().unwrap().contains("v0.2.14"));
    // What is left after it is too little for a boot: the epoch after it is meant.
    world.until(|world| world.sprint.stages().unwrap().epoch.0 == 360);
    assert_eq!(world.rents(), 0);
}

#[test]
fn an_upgrade_after_the_poc_is_over_is_none_of_our_business() {
    let mut world = World::new(Mode::Auto, 95, Faults::default());
    let upgrade = UpgradePlan {
        name: "later".into(),
        height: Height(POC_START + 186),
    };
    world.feed(Event::UpgradePlanned(Some(upgrade)));
    world.run_to_the_end();
    assert_eq!(world.rents(), 1);
}

#[test]
fn a_halt_before_the_time_to_rent_delays_the_plan_and_it_says_so() {
    // Without the halt it would rent after 45 minutes.
    let faults = Faults {
        halt: Some((30, 60)),
        ..Faults::default()
    };
    let mut world = World::new(Mode::Auto, 95, faults);
    let began = world.now;
    world.until(|world| world.now - began >= Duration::minutes(80));
    assert_eq!((world.sprint.step(), world.rents()), (Step::Waiting, 0));
    assert!(world.sprint.note().unwrap().contains("stands still"));
    world.until(|world| world.rents() == 1);
    let minutes = (world.now - began).num_minutes();
    assert!(
        (104..=107).contains(&minutes),
        "rented after {minutes} minutes"
    );
    world.run_to_the_end();
    assert!(matches!(
        world.sprint.outcome(),
        Some(Outcome::Confirmed { .. })
    ));
}

#[test]
fn a_halt_in_the_middle_of_a_boot_costs_no_epoch() {
    // Rented after 45 minutes; the chain stands still from the 50th to the 70th.
    let faults = Faults {
        halt: Some((50, 20)),
        ..Faults::default()
    };
    let mut world = World::new(Mode::Auto, 95, faults);
    world.until(|world| world.count(|effect| matches!(effect, Effect::Destroy { .. })) > 0);
    assert_near(world.height().0 - POC_START, 185);
    world.run_to_the_end();
    assert_eq!(world.rents(), 1);
    assert!(matches!(
        world.sprint.outcome(),
        Some(Outcome::Confirmed { .. })
    ));
}

#[test]
fn a_poc_that_no_boot_can_make_is_passed_over_and_it_says_so() {
    let mut world = World::new(Mode::Auto, 10, Faults::default());
    world.until(|world| {
        world
            .sprint
            .stages()
            .is_some_and(|stages| stages.epoch.0 == 360)
    });
    let note = world.sprint.note().unwrap();
    assert!(note.contains("too late for the PoC of epoch 359"), "{note}");
    assert_eq!((world.sprint.step(), world.rents()), (Step::Waiting, 0));
}
