//! A workload that ends is started again while there is time for it.

use pocpit::domain::{Blame, BootFault, Duration, Height, Mode, ReleasePolicy, Step};
use pocpit::flow::{BootReading, Effect, Event, Plan};

use super::world::{Exit, POC_START, World, plan, start};
use super::{assert_confirmed, assert_nothing_is_left, avoided, cause};

fn killed(blame: Blame) -> BootFault {
    BootFault {
        name: "the workload ended".into(),
        evidence: "exit 137".into(),
        advice: "see the boot log".into(),
        blame,
        seen_at: start(),
    }
}

/// A workload that ends `after` minutes from renting, and takes `load` minutes to load again.
fn exit(after: i64, blame: Blame, load: i64) -> Exit {
    Exit {
        after: Duration::minutes(after),
        why: killed(blame),
        load: Duration::minutes(load),
    }
}

fn starts(world: &World) -> usize {
    world.count(|effect| matches!(effect, Effect::StartModel { .. }))
}

/// How often the model is started from the exit until it is served again.
fn starts_after_exit(world: &mut World) -> usize {
    world.until_note("the workload ended: exit 137");
    let before = starts(world);
    world.until(|world| !world.notes("exit 137"));
    starts(world) - before
}

#[test]
fn exited_workload_is_started_again() {
    // Given a workload that ends during its load, or when it is registered, but can load again in time,
    for (minutes, step) in [(15, Step::Warming), (25, Step::Proving)] {
        let mut world =
            World::auto(95).with(|faults| faults.exit = Some(exit(minutes, Blame::Nobody, 8)));
        world.until_note("the workload ended: exit 137");
        assert_eq!(world.sprint.step(), step);
        // when its API is up again, then its model is started once more, and once is enough,
        assert_eq!(starts_after_exit(&mut world), 1, "{step}");
        // and the epoch is kept, on the same machine.
        world.run_to_the_end();
        assert_confirmed(&world);
        assert_eq!((world.rents(), avoided(&world)), (1, 0), "{step}");
        assert_nothing_is_left(&world);
    }
}

#[test]
fn ended_workload_is_not_registered() {
    // Given a workload that ends while the operator is asked,
    let mut world = World::manual(60).with(|faults| faults.exit = Some(exit(25, Blame::Nobody, 8)));
    world.start_and_pick(1, 20.0);
    world.until_note("the workload ended");
    assert_eq!(world.sprint.step(), Step::Registering);
    world.feed(Event::Approved(pocpit::domain::GateKind::Register));
    // when it is approved, then it waits for the model all the same: the Network Node would reload it.
    world.until(|world| world.registrations() > 0);
    assert!(!world.notes("the workload ended"));
    assert_eq!(world.sprint.step(), Step::Registering);
}

#[test]
fn restart_too_late_names_the_true_cause() {
    for (blame, avoids) in [(Blame::Nobody, 0), (Blame::Host, 1)] {
        // Given a workload that ends when there is no time for another machine,
        let late = Plan {
            lead: Duration::minutes(35),
            ..plan()
        };
        let mut world = World::new(late, Mode::Auto, 95);
        world.faults.exit = Some(exit(21, blame, 40));
        world.run_to_the_end();
        // then it is given up as soon as that is clear, and what ended it is the cause.
        let cause = cause(&world);
        assert_eq!(cause.name, "boot_failed", "{cause:?}");
        for part in ["the workload ended: exit 137", "started again, too late"] {
            assert!(cause.detail.contains(part), "{cause:?}");
        }
        assert_eq!((world.rents(), avoided(&world)), (1, avoids));
        assert!(world.height() < Height(POC_START), "it did not wait");
        assert_nothing_is_left(&world);
    }
}

#[test]
fn machine_that_broke_is_replaced_in_time() {
    let mut world = World::auto(95).with(|faults| faults.exit = Some(exit(10, Blame::Host, 5)));
    world.run_to_the_end();
    assert_confirmed(&world);
    assert_eq!((world.rents(), avoided(&world)), (2, 1));
    assert_nothing_is_left(&world);
}

#[test]
fn held_rental_restarts_its_workload() {
    // Given a rental that is held for a confirmation, whose workload ends after the PoC,
    let plan = Plan {
        release: ReleasePolicy::AfterConfirmation,
        execution_timeout: Duration::hours(30),
        ..plan()
    };
    let mut world = World::new(plan, Mode::Auto, 95).with(|faults| {
        faults.confirmations = vec![3_000];
        faults.exit = Some(exit(120, Blame::Nobody, 8));
    });
    // when that is seen, then its model is started again,
    assert_eq!(starts_after_exit(&mut world), 1);
    assert_eq!(world.sprint.step(), Step::Confirming);
    // and it is there for the confirmation.
    world.until(|world| world.destroys() > 0);
    assert!(world.height() >= Height(POC_START + 3_000));
    world.run_to_the_end();
    assert_confirmed(&world);
}

#[test]
fn held_rental_that_cannot_work_is_released() {
    let plan = Plan {
        release: ReleasePolicy::WholeEpoch,
        execution_timeout: Duration::hours(30),
        ..plan()
    };
    let mut world = World::new(plan, Mode::Auto, 95);
    world.until_step(Step::Confirming);
    let instance = world.sprint.rental().unwrap().instance;
    world.feed(Event::BootObserved {
        instance,
        reading: BootReading {
            fault: Some(killed(Blame::Host)),
            ..BootReading::default()
        },
    });
    world.until(|world| world.rentals.is_empty());
    assert_eq!(avoided(&world), 1);
    assert!(world.height() < Height(POC_START + 1_000));
    world.run_to_the_end();
    assert_confirmed(&world);
}

#[test]
fn node_at_work_is_left_alone() {
    let mut world = World::auto(95);
    world.until_step(Step::Proving);
    let (instance, before) = (world.sprint.rental().unwrap().instance, starts(&world));
    // Unhealthy for a moment, and at its PoC: the Network Node decides.
    world.feed(Event::BootObserved {
        instance,
        reading: BootReading {
            api_up: true,
            at_work: true,
            ..BootReading::default()
        },
    });
    assert_eq!(starts(&world), before);
}
