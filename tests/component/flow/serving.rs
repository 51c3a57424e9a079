//! Serving: inference alone, for a given time.

use pocpit::domain::{Aim, Blame, Duration, Mode, Outcome, Step};
use pocpit::flow::{BootReading, Effect, Event, Plan};

use super::world::{World, plan, start};
use super::{assert_nothing_is_left, cause};

const AIM: Aim = Aim::Serving { minutes: 120 };

fn world(minutes: i64) -> World {
    let plan = Plan { aim: AIM, ..plan() };
    World::new(plan, Mode::Auto, minutes)
}

fn steps(world: &World) -> Vec<Step> {
    world.sprint.spans().iter().map(|span| span.step).collect()
}

fn calls_network_node(world: &World) -> bool {
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
fn serving_never_calls_the_network_node() {
    // Given a PoC in the middle of it, and one that is too near for any boot,
    for minutes in [90, 12] {
        let mut world = world(minutes);
        world.run_to_the_end();
        assert_eq!(world.sprint.outcome(), Some(&Outcome::Served));
        assert_eq!(steps(&world).as_slice(), AIM.steps());
        let mut spans = world.sprint.spans().iter();
        let serving = spans.find(|span| span.step == Step::Serving).unwrap();
        let length = serving.ended.unwrap() - serving.started;
        assert!(length >= Duration::minutes(120), "{length}");
        assert!(length < Duration::minutes(122), "{length}");
        assert!(!calls_network_node(&world));
        assert_eq!(world.sprint.poc_epoch(), None);
        assert_nothing_is_left(&world);
    }
}

#[test]
fn serving_lease_covers_boot_and_time() {
    let mut world = world(600);
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
fn abort_while_serving_counts_as_served() {
    for (step, outcome) in [
        (Step::Serving, Outcome::Served),
        (Step::Booting, Outcome::Aborted),
    ] {
        let mut world = world(600);
        world.until_step(step);
        world.feed(Event::AbortRequested);
        world.run_to_the_end();
        assert_eq!(world.sprint.outcome(), Some(&outcome));
        assert_nothing_is_left(&world);
    }
}

#[test]
fn silent_model_is_released() {
    let mut world = world(600);
    world.until_step(Step::Serving);
    let instance = world.sprint.rental().unwrap().instance;
    let silent = || Event::BootObserved {
        instance,
        reading: BootReading::default(),
    };
    // It is noted at once, until the model answers again.
    world.feed(silent());
    let note = world.sprint.note();
    assert_eq!(note.as_deref(), Some("the model does not answer"));
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
fn serving_replaces_machine_unless_own_fault() {
    for (blame, rents) in [(Blame::Host, 2), (Blame::Ours, 1)] {
        let mut world = world(600).with(|faults| faults.breaks(1, blame));
        world.run_to_the_end();
        assert_eq!(world.rents(), rents);
        assert_nothing_is_left(&world);
    }
}
