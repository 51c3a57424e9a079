//! How long a rental is held, and what delays or cancels a plan.

use pocpit::domain::{Duration, Height, Mode, NodeDuty, ReleasePolicy, Step, UpgradePlan};
use pocpit::flow::{Event, Plan};

use super::assert_confirmed;
use super::world::{POC_START, World, plan};

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
    let mut world = World::new(holding(release), Mode::Auto, 95);
    world.faults.confirmations = confirmations.to_vec();
    world.until(|world| world.destroys() > 0);
    let height = world.height().0;
    world.run_to_the_end();
    assert_confirmed(&world);
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
fn after_validation_releases_at_its_end() {
    assert_near(destroyed_at(ReleasePolicy::AfterValidation, &[3_000]), 185);
}

#[test]
fn after_confirmation_releases_when_it_ends() {
    let height = destroyed_at(ReleasePolicy::AfterConfirmation, &[3_000, 9_000]);
    assert_near(height, 3_000 + 80 + 189);
}

#[test]
fn absent_confirmation_releases_after_last_trigger() {
    // The confirmation, the validators' change and the safety window must fit in before the next PoC.
    let last_trigger = 15_391 - (80 + 190) - 120 - 500;
    assert_near(
        destroyed_at(ReleasePolicy::AfterConfirmation, &[]),
        last_trigger + 5,
    );
}

#[test]
fn fixed_policy_releases_at_its_height() {
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
fn whole_epoch_releases_before_next_poc() {
    assert_near(destroyed_at(ReleasePolicy::WholeEpoch, &[]), 15_391 - 20);
}

#[test]
fn running_confirmation_is_completed_before_release() {
    let height = destroyed_at(ReleasePolicy::BlocksAfterStart(2_000), &[1_900]);
    assert_near(height, 1_900 + 80 + 189);
}

/// A world in which a challenge lasts, with a rental that is held by this policy.
fn challenged(release: ReleasePolicy, challenge: (u64, u64)) -> World {
    World::new(holding(release), Mode::Auto, 95).with(|faults| faults.challenge = Some(challenge))
}

#[test]
fn challenged_node_is_never_released() {
    // Given a challenge that lasts beyond the time of every policy.
    for release in [
        ReleasePolicy::BlocksAfterStart(2_000),
        ReleasePolicy::MinutesAfterStart(110),
    ] {
        let mut world = challenged(release, (1_000, 14_891));
        world.sprint.replan(Plan {
            lease: Duration::hours(30),
            ..holding(release)
        });
        // When it is over, then the rental is destroyed, and not before.
        world.until(|world| world.destroys() > 0);
        assert_near(world.height().0 - POC_START, 15_391 - 500);
        world.run_to_the_end();
        assert_confirmed(&world);
    }
}

#[test]
fn challenge_holds_no_longer_than_it_lasts() {
    let release = ReleasePolicy::BlocksAfterStart(2_000);
    let mut world = challenged(release, (1_900, 2_300));
    world.until_note("PoC Challenge is open");
    world.until(|world| world.destroys() > 0);
    let height = world.height().0 - POC_START;
    // The list of nodes is read every half minute.
    assert!((2_300..2_320).contains(&height), "{height}");
    world.run_to_the_end();
    assert_confirmed(&world);
}

#[test]
fn challenge_ends_with_the_lease() {
    // The lease is what was reserved: half an hour beyond the planned release.
    let release = ReleasePolicy::BlocksAfterStart(2_000);
    let mut world = challenged(release, (1_900, 14_891));
    world.until(|world| world.destroys() > 0);
    let height = world.height().0 - POC_START;
    assert!((2_300..2_400).contains(&height), "{height}");
}

#[test]
fn preserved_node_is_not_idle() {
    // Given a node that serves on through the PoC: dapi says so, or at least that it has weight.
    for (duty, is_said) in [
        (NodeDuty::Preserved, true),
        (NodeDuty::ServesWithWeight, false),
    ] {
        let mut world = World::auto(95).with(|faults| {
            faults.preserved = Some(duty);
            faults.never_generates = true;
        });
        world.until(|world| world.height().0 > POC_START + 30);
        let note = world.sprint.note().unwrap_or_default();
        assert!(!note.contains("does not generate"), "{note}");
        assert_eq!(note.contains("is preserved"), is_said, "{note}");
        world.run_to_the_end();
        assert_confirmed(&world);
    }
}

fn upgrading(name: &str, height: u64) -> World {
    let mut world = World::auto(95);
    world.feed(Event::UpgradePlanned(Some(UpgradePlan {
        name: name.into(),
        height: Height(height),
    })));
    world
}

#[test]
fn upgrade_before_poc_blocks_renting() {
    let mut world = upgrading("v0.2.14", POC_START - 100);
    world.until(|world| world.height().0 > POC_START - 400);
    assert_eq!((world.sprint.step(), world.rents()), (Step::Waiting, 0));
    assert!(world.sprint.note().unwrap().contains("v0.2.14"));
    // After it there is too little time for a boot: the sprint targets the next epoch.
    world.until(|world| world.sprint.stages().unwrap().epoch.0 == 360);
    assert_eq!(world.rents(), 0);
}

#[test]
fn upgrade_after_poc_is_ignored() {
    let mut world = upgrading("later", POC_START + 186);
    world.run_to_the_end();
    assert_eq!(world.rents(), 1);
}

#[test]
fn early_halt_delays_the_plan() {
    // Without the halt it would rent after 45 minutes.
    let mut world = World::auto(95).with(|faults| faults.halt = Some((30, 60)));
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
    assert_confirmed(&world);
}

#[test]
fn halt_during_boot_costs_no_epoch() {
    // Rented after 45 minutes; the chain stands still from the 50th to the 70th.
    let mut world = World::auto(95).with(|faults| faults.halt = Some((50, 20)));
    world.until(|world| world.destroys() > 0);
    assert_near(world.height().0 - POC_START, 185);
    world.run_to_the_end();
    assert_eq!(world.rents(), 1);
    assert_confirmed(&world);
}

#[test]
fn unreachable_poc_is_skipped_with_note() {
    let mut world = World::auto(10);
    world.until(|world| matches!(world.sprint.stages(), Some(stages) if stages.epoch.0 == 360));
    let note = world.sprint.note().unwrap();
    assert!(note.contains("too late for the PoC of epoch 359"), "{note}");
    assert_eq!((world.sprint.step(), world.rents()), (Step::Waiting, 0));
}
