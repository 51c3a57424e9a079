//! Registrations that the Network Node drops, alters, loses or ignores, and the order of a release.

use pocpit::domain::{
    Blocks, CallError, CallErrorKind, CallbackProof, Duration, EpochIndex, Likeness, NodeStatus,
    Step, WatchdogCheck,
};
use pocpit::flow::{BootReading, Effect, Event};

use super::world::World;
use super::{assert_nothing_is_left, cause};

#[test]
fn registered_arguments_are_never_changed() {
    let mut world = World::auto(60);
    // Given a Network Node that keeps its own arguments and hardware,
    world.likeness = Likeness::Altered(vec!["models".into(), "hardware".into()]);
    // then the node is not updated, and a note says so.
    world.until_step(Step::Proving);
    assert_eq!(world.registrations(), 1);
    assert!(world.notes("keeps its own models, hardware"));
    world.run_to_the_end();
    assert_eq!(world.registrations(), 1);
    assert_nothing_is_left(&world);
}

#[test]
fn loading_node_is_not_registered() {
    let mut world = World::auto(60);
    world.callback = CallbackProof::NotTried;
    world.until_step(Step::Registering);
    // Given a node whose model stopped answering before it was registered,
    let (instance, reading) = world.boot_of_first();
    let loading = BootReading {
        ready: false,
        callback: CallbackProof::Proven,
        ..reading
    };
    world.feed(Event::BootObserved {
        instance,
        reading: loading,
    });
    // then it is not: the first poll would stop it.
    assert_eq!(world.registrations(), 0);
    assert!(world.notes("the model does not answer"));
    world.callback = CallbackProof::Proven;
    world.until_step(Step::Proving);
    assert_eq!(world.registrations(), 1);
}

#[test]
fn unproven_callback_is_not_registered() {
    let mut world = World::auto(60);
    let why = "the rental does not reach http://api:9100";
    world.callback = CallbackProof::Failed(why.into());
    world.until_step(Step::Registering);
    let until = world.now + Duration::minutes(2);
    world.until(|world| world.now >= until);
    assert_eq!(world.registrations(), 0);
    assert!(world.notes(why));
    // Once it is proven, the node is registered.
    world.callback = CallbackProof::Proven;
    world.until_step(Step::Proving);
    assert_eq!(world.registrations(), 1);
}

#[test]
fn never_proven_callback_is_the_cause() {
    let mut world = World::auto(60);
    world.callback = CallbackProof::Failed("connection refused".into());
    world.run_to_the_end();
    assert_eq!(world.registrations(), 0);
    assert_eq!(cause(&world).name, "callback_unproven");
    assert_nothing_is_left(&world);
}

#[test]
fn lasting_refusal_ends_the_registration() {
    let refused = || {
        let error = CallError::new("register", CallErrorKind::Refused, "its host is taken");
        Event::RegisterFailed(error)
    };
    let mut world = World::auto(60);
    world.callback = CallbackProof::NotTried;
    world.until_step(Step::Registering);
    // Given a Network Node that refuses the node again and again, while nobody is there,
    for _ in 0..5 {
        world.feed(refused());
        assert_eq!(world.sprint.step(), Step::Registering);
        let until = world.now + Duration::minutes(1);
        world.until(|world| world.now >= until);
    }
    // when it has done so for five minutes, then the rental is given back with the cause.
    world.feed(refused());
    world.run_to_the_end();
    assert_eq!(cause(&world).name, "registration_refused");
    assert!(cause(&world).detail.contains("its host is taken"));
    assert_nothing_is_left(&world);
}

#[test]
fn watchdog_is_read_back_after_a_restart() {
    // Given a rental whose watchdog failed, which the operator tolerated,
    let reading = BootReading {
        ready: true,
        watchdog: WatchdogCheck::Failed("it does not run".into()),
        ..BootReading::default()
    };
    // when it is saved, also by an older version, then the next program judges what it reads itself.
    let mut saved = serde_json::to_value(&reading).unwrap();
    saved["watchdog"] = serde_json::json!({"failed": "it does not run"});
    let read: BootReading = serde_json::from_value(saved).unwrap();
    assert!(read.ready);
    assert_eq!(read.watchdog, WatchdogCheck::NotRead);
}

#[test]
fn unverified_watchdog_is_replaced_in_auto() {
    let mut world = World::auto(60);
    world.until_step(Step::Booting);
    // Given a rental that would not end itself,
    world.watchdog = WatchdogCheck::Failed("its watchdog does not run".into());
    // when auto learns it, then the machine is avoided and another one is rented.
    world.until(|world| reason_to_avoid(world).is_some());
    let reason = reason_to_avoid(&world).unwrap();
    assert!(reason.contains("its watchdog does not run"), "{reason}");
    world.watchdog = WatchdogCheck::Verified;
    world.until_step(Step::Proving);
    assert_eq!(world.rents(), 2);
    // In the PoC it is kept: an alert tells it, and this program ends it.
    world.watchdog = WatchdogCheck::Failed("its clock is 24 hours behind".into());
    world.run_to_the_end();
    assert_eq!(world.rents(), 2);
    assert_nothing_is_left(&world);
}

#[test]
fn manual_mode_keeps_unverified_rental() {
    let mut world = World::manual(60);
    world.start_and_pick(1, 20.0);
    world.watchdog = WatchdogCheck::Failed("its watchdog does not run".into());
    world.until_step(Step::Warming);
    assert_eq!(world.rents(), 1);
}

#[test]
fn refused_forward_is_the_hosts_fault() {
    let mut world = World::auto(60);
    world.until_step(Step::Booting);
    // Given a rental whose SSH server refuses the callback's forward,
    let why = "the rental refuses to listen on its port 9100";
    world.callback = CallbackProof::Refused(why.into());
    // when it has refused it a few times, then another machine is rented at once.
    world.until(|world| reason_to_avoid(world).is_some());
    assert!(reason_to_avoid(&world).is_some_and(|reason| reason.contains(why)));
    world.callback = CallbackProof::Proven;
    world.until_step(Step::Proving);
    assert_eq!(world.rents(), 2);
}

/// Why the first machine is avoided.
fn reason_to_avoid(world: &World) -> Option<&str> {
    world.effects.iter().find_map(|effect| match effect {
        Effect::AvoidMachine { reason, .. } => Some(reason.as_str()),
        _ => None,
    })
}

#[test]
fn refused_registration_ends_with_its_cause() {
    let mut world = World::auto(60);
    world.until_step(Step::Registering);
    let error = CallError::new(
        "register",
        CallErrorKind::Refused,
        "no governance-valid models",
    );
    world.feed(Event::RegisterRefused(error));
    world.run_to_the_end();
    assert_eq!(cause(&world).name, "registration_refused");
    assert_nothing_is_left(&world);
}

#[test]
fn delete_waits_while_poc_is_near() {
    for (others, at_once) in [(0, true), (1, false)] {
        let mut world = World::auto(60);
        world.others = others;
        // Given a sprint that is given up in the PoC of a host with other nodes,
        world.until_step(Step::Proving);
        let start = world.sprint.stages().unwrap().poc_start;
        world.until(|world| world.height() > start + Blocks(10));
        world.feed(Event::AbortRequested);
        let aborted = world.now;
        // then the rental ends at once,
        world.until(|world| world.rentals.is_empty());
        assert!(world.now - aborted <= Duration::seconds(40));
        let removals =
            |world: &World| world.count(|effect| matches!(effect, Effect::Unregister(_)));
        assert_eq!(removals(&world) > 0, at_once, "{others}");
        assert_eq!(
            world.notes("stays registered until the PoC is over"),
            !at_once
        );
        // and the registration after the validation.
        world.run_to_the_end();
        assert_eq!(removals(&world), 1);
        assert_nothing_is_left(&world);
    }
}

#[test]
fn dropped_model_is_registered_until_kept() {
    let mut world = World::auto(60);
    world.likeness = Likeness::Wrong(vec!["models".into()]);
    world.until(|world| world.registrations() >= 3);
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
    assert_eq!(world.registrations(), 2);
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
