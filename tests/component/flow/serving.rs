//! Serving: inference alone, for the time that was asked for.

use pocpit::domain::{Aim, Blame, Duration, Mode, Outcome, Step};
use pocpit::flow::{BootReading, Effect, Event, Plan};

use super::world::{Faults, World, plan, start};
use super::{assert_nothing_is_left, cause, fault};

const AIM: Aim = Aim::Serving { minutes: 120 };

fn world(minutes: i64, faults: Faults) -> World {
    let plan = Plan { aim: AIM, ..plan() };
    World::with_plan(plan, Mode::Auto, minutes, faults)
}

fn steps(world: &World) -> Vec<Step> {
    world.sprint.spans().iter().map(|span| span.step).collect()
}

fn asked_of_the_network_node(world: &World) -> bool {
    world.effects.iter().any(|effect| {
        matches!(
            effect,
            Effect::Register { .. }
                | Effect::Enable(_)
                | Effect::Disable(_)
                | Effect::Unregister(_)
                | Effect::RestoreProxy
                | Effect::ReadWeight { .. }
        )
    })
}

#[test]
fn it_serves_at_once_for_its_time_and_asks_nothing_of_the_network_node() {
    // Given a PoC in the middle of it, and one that is too near for any boot,
    for minutes in [90, 12] {
        let mut world = world(minutes, Faults::default());
        world.run_to_the_end();
        assert_eq!(world.sprint.outcome(), Some(&Outcome::Served));
        assert_eq!(steps(&world).as_slice(), AIM.steps());
        let spans = world.sprint.spans();
        let serving = spans
            .iter()
            .find(|span| span.step == Step::Serving)
            .unwrap();
        let length = serving.ended.unwrap() - serving.started;
        assert!(length >= Duration::minutes(120), "{length}");
        assert!(length < Duration::minutes(122), "{length}");
        assert!(!asked_of_the_network_node(&world));
        assert_eq!(world.sprint.poc_epoch(), None);
        assert_nothing_is_left(&world);
    }
}

#[test]
fn its_lease_covers_the_longest_boot_and_its_time() {
    let mut world = world(600, Faults::default());
    world.until(|world| world.rents() == 1);
    let rent = world.effects.iter().find_map(|effect| match effect {
        Effect::Rent { lease_until, .. } => Some(*lease_until - start()),
        _ => None,
    });
    // 50 minutes for the boot, 120 of serving, 30 of lease.
    let lease = rent.unwrap();
    assert!(lease >= Duration::minutes(200), "{lease}");
    assert!(lease < Duration::minutes(203), "{lease}");
}

#[test]
fn the_operator_ends_it_as_planned_while_it_serves_and_aborts_it_before() {
    for (step, outcome) in [
        (Step::Serving, Outcome::Served),
        (Step::Booting, Outcome::Aborted),
    ] {
        let mut world = world(600, Faults::default());
        world.until_step(step);
        world.feed(Event::AbortRequested);
        world.run_to_the_end();
        assert_eq!(world.sprint.outcome(), Some(&outcome));
        assert_nothing_is_left(&world);
    }
}

#[test]
fn a_model_that_answers_nobody_for_long_is_not_paid_for() {
    let mut world = world(600, Faults::default());
    world.until_step(Step::Serving);
    let instance = world.sprint.rental().unwrap().instance;
    let silent = || Event::BootObserved {
        instance,
        reading: BootReading::default(),
    };
    // It is told at once, and forgotten when it answers again.
    world.feed(silent());
    assert_eq!(world.sprint.note(), Some("the model does not answer"));
    world.tick();
    assert_eq!(world.sprint.note(), None);
    let began = world.now;
    world.feed(silent());
    while world.sprint.step() == Step::Serving {
        world.now += Duration::seconds(30);
        world.feed(Event::TimePassed);
    }
    let silence = world.now - began;
    assert!(silence >= Duration::minutes(10), "{silence}");
    assert!(silence < Duration::minutes(11), "{silence}");
    world.run_to_the_end();
    assert_eq!(cause(&world).name, "stopped_serving");
    assert_nothing_is_left(&world);
}

#[test]
fn a_machine_that_fails_is_replaced_and_one_that_fails_us_all_is_not() {
    for (blame, rents) in [(Blame::Host, 2), (Blame::Ours, 1)] {
        let faults = Faults {
            broken_boots: [(1, fault(blame))].into(),
            ..Faults::default()
        };
        let mut world = world(600, faults);
        world.run_to_the_end();
        assert_eq!(world.rents(), rents);
        assert_nothing_is_left(&world);
    }
}
