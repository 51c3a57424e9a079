//! What becomes of a registration that the Network Node drops, alters, loses or ignores, and in
//! which order it is taken down.

use pocpit::domain::{Duration, EpochIndex, Likeness, Mode, NodeStatus, Step};
use pocpit::flow::Effect;

use crate::flow::world::{Faults, World};
use crate::flow::{assert_nothing_is_left, cause};

fn registering() -> World {
    World::new(Mode::Auto, 60, Faults::default())
}

fn registrations(world: &World) -> usize {
    world.count(|effect| matches!(effect, Effect::Register { .. }))
}

#[test]
fn what_the_network_node_alters_is_registered_again_twice_and_then_lived_with() {
    let mut world = registering();
    world.likeness = Likeness::Altered(vec!["hardware".into()]);
    world.until_step(Step::Proving);
    assert_eq!(registrations(&world), 3);
    assert!(
        world
            .sprint
            .note()
            .is_some_and(|note| note.contains("hardware"))
    );
    world.run_to_the_end();
    assert_nothing_is_left(&world);
}

#[test]
fn a_node_whose_model_is_dropped_is_registered_again_until_it_is_kept() {
    let mut world = registering();
    world.likeness = Likeness::Wrong(vec!["models".into()]);
    world.until(|world| registrations(world) >= 3);
    assert_eq!(world.sprint.step(), Step::Registering);
    world.likeness = Likeness::AsWanted;
    world.until_step(Step::Proving);
}

#[test]
fn a_node_that_is_listed_as_disabled_is_enabled_before_it_is_counted_on() {
    let mut world = registering();
    world.enabled = false;
    world.until_step(Step::Proving);
    assert_eq!(world.count(|effect| matches!(effect, Effect::Enable(_))), 1);
}

#[test]
fn a_node_that_the_network_node_lost_is_registered_again() {
    let mut world = registering();
    world.until_step(Step::Proving);
    world.registered = None;
    world.until(|world| world.registered.is_some());
    assert_eq!(world.sprint.step(), Step::Proving);
    assert_eq!(registrations(&world), 2);
    world.run_to_the_end();
    assert_nothing_is_left(&world);
}

#[test]
fn a_node_that_was_registered_after_the_start_is_left_out_and_not_paid_for() {
    let mut world = registering();
    world.status = NodeStatus::Unknown;
    world.admin_epoch = EpochIndex(359);
    world.run_to_the_end();
    assert_eq!(cause(&world).name, "registered_too_late");
    assert_nothing_is_left(&world);
}

#[test]
fn a_release_disables_the_node_removes_it_and_then_destroys_its_rental() {
    let mut world = registering();
    world.run_to_the_end();
    let order: Vec<&str> = world
        .effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::Disable(_) => Some("disable"),
            Effect::Unregister(_) => Some("unregister"),
            Effect::Destroy { .. } => Some("destroy"),
            _ => None,
        })
        .collect();
    assert_eq!(order, ["disable", "unregister", "destroy"]);
}

#[test]
fn a_removal_that_is_not_confirmed_delays_the_destroy_by_half_a_minute_at_most() {
    let mut world = registering();
    world.until_step(Step::Proving);
    world.faults.node_is_silent = true;
    world.until_step(Step::Releasing);
    let begun = world.now;
    world.until(|world| world.rentals.is_empty());
    assert!(
        world.now - begun <= Duration::seconds(40),
        "{}",
        world.now - begun
    );
}
