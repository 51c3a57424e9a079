//! Registrations that the Network Node drops, alters, loses or ignores, and the order of a release.

use pocpit::domain::{Duration, EpochIndex, Likeness, NodeStatus, Step};
use pocpit::flow::Effect;

use super::world::World;
use super::{assert_nothing_is_left, cause};

fn registrations(world: &World) -> usize {
    world.count(|effect| matches!(effect, Effect::Register { .. }))
}

#[test]
fn altered_registration_is_repaired_twice_then_accepted() {
    let mut world = World::auto(60);
    world.likeness = Likeness::Altered(vec!["hardware".into()]);
    world.until_step(Step::Proving);
    assert_eq!(registrations(&world), 3);
    assert!(world.notes("hardware"));
    world.run_to_the_end();
    assert_nothing_is_left(&world);
}

#[test]
fn dropped_model_is_registered_until_kept() {
    let mut world = World::auto(60);
    world.likeness = Likeness::Wrong(vec!["models".into()]);
    world.until(|world| registrations(world) >= 3);
    assert_eq!(world.sprint.step(), Step::Registering);
    world.likeness = Likeness::AsWanted;
    world.until_step(Step::Proving);
}

#[test]
fn disabled_node_is_enabled_before_proving() {
    let mut world = World::auto(60);
    world.enabled = false;
    world.until_step(Step::Proving);
    assert_eq!(world.count(|effect| matches!(effect, Effect::Enable(_))), 1);
}

#[test]
fn lost_node_is_registered_again() {
    let mut world = World::auto(60);
    world.until_step(Step::Proving);
    world.registered = None;
    world.until(|world| world.registered.is_some());
    assert_eq!(world.sprint.step(), Step::Proving);
    assert_eq!(registrations(&world), 2);
    world.run_to_the_end();
    assert_nothing_is_left(&world);
}

#[test]
fn registration_after_start_fails_the_sprint() {
    let mut world = World::auto(60);
    world.status = NodeStatus::Unknown;
    world.admin_epoch = EpochIndex(359);
    world.run_to_the_end();
    assert_eq!(cause(&world).name, "registered_too_late");
    assert_nothing_is_left(&world);
}

#[test]
fn release_disables_then_removes_then_destroys() {
    let mut world = World::auto(60);
    world.run_to_the_end();
    let order = world.effects.iter().filter_map(|effect| match effect {
        Effect::Disable(_) => Some("disable"),
        Effect::Unregister(_) => Some("unregister"),
        Effect::Destroy { .. } => Some("destroy"),
        _ => None,
    });
    assert!(order.eq(["disable", "unregister", "destroy"]));
}

#[test]
fn unconfirmed_removal_delays_destroy_briefly() {
    let mut world = World::auto(60);
    world.until_step(Step::Proving);
    world.faults.node_is_silent = true;
    world.until_step(Step::Releasing);
    let began = world.now;
    world.until(|world| world.rentals.is_empty());
    let took = world.now - began;
    assert!(took <= Duration::seconds(40), "{took}");
}
