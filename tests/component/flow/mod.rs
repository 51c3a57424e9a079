//! The state machine of a sprint against a world in virtual time.

mod hedge;
mod hold;
mod registration;
mod rehearsal;
mod serving;
mod workload;
mod world;

use pocpit::domain::{
    Blame, BootEnd, BootFault, Cause, Duration, GateKind, Height, InstanceId, Mode, NodeStatus,
    OfferId, Outcome, Step, UnknownEffect, Usd, Verdict,
};
use pocpit::flow::{Cap, Effect, Event, Plan, Sprint};
use proptest::prelude::*;
use world::{Faults, POC_START, World, lost, plan, start};

fn fault(blame: Blame) -> BootFault {
    BootFault {
        name: "disk full".into(),
        evidence: "No space left on device".into(),
        advice: "rent more disk".into(),
        blame,
        seen_at: start(),
    }
}

fn cause(world: &World) -> Cause {
    match world.sprint.outcome() {
        Some(
            Outcome::Failed { cause } | Outcome::NoWeight { cause } | Outcome::Unknown { cause },
        ) => cause.clone(),
        other => panic!("{other:?} has no cause"),
    }
}

fn assert_confirmed(world: &World) {
    let outcome = world.sprint.outcome();
    assert!(
        matches!(outcome, Some(Outcome::Confirmed { .. })),
        "{outcome:?}"
    );
}

fn assert_nothing_is_left(world: &World) {
    let rentals = &world.rentals;
    assert!(rentals.is_empty(), "left on the market: {rentals:?}");
    assert_eq!(world.registered, None);
    assert!(world.proxy);
}

fn avoided(world: &World) -> usize {
    world.count(|effect| matches!(effect, Effect::AvoidMachine { .. }))
}

#[test]
fn auto_sprint_confirms_and_leaves_nothing() {
    let mut world = World::auto(95);
    world.proxy = false;
    world.run_to_the_end();
    assert!(
        matches!(world.sprint.outcome(), Some(Outcome::Confirmed { weight }) if weight.0 == 1_234)
    );
    assert_eq!(world.rents(), 1);
    assert_nothing_is_left(&world);
}

#[test]
fn each_boot_outcome_is_remembered() {
    // Given a first machine that breaks and a second one that does not,
    let mut world = World::auto(95).with(|faults| faults.breaks(1, Blame::Host));
    // when a sprint is over,
    world.run_to_the_end();
    // then both are known, with the time that they took.
    let remembered = world.effects.iter().filter_map(|effect| match effect {
        Effect::RememberBoot {
            instance,
            took,
            end,
            ..
        } => Some((instance.0, *end, took.num_minutes())),
        _ => None,
    });
    assert_eq!(
        remembered.collect::<Vec<_>>(),
        [(1, BootEnd::Failed, 3), (2, BootEnd::Ready, 22)]
    );
}

#[test]
fn auto_replaces_rental_dearer_than_agreed() {
    let mut world = World::auto(95).with(|faults| faults.dearer_rentals = [1].into());
    world.run_to_the_end();
    assert_confirmed(&world);
    assert_eq!((world.rents(), world.most_rentals), (2, 1));
    let avoided = |effect: &Effect| matches!(effect, Effect::AvoidMachine { reason, .. } if reason.contains("$10.80/h, $9.00/h was agreed"));
    assert_eq!(world.count(avoided), 1);
    // It had no time to boot: that says nothing about its boots.
    let end = BootEnd::Failed;
    let failed =
        |effect: &Effect| matches!(effect, Effect::RememberBoot { end: e, .. } if *e == end);
    assert_eq!(world.count(failed), 0);
    assert_nothing_is_left(&world);
}

#[test]
fn dearer_rentals_count_as_attempts() {
    let mut world = World::auto(95).with(|faults| faults.dearer_rentals = (1..20).collect());
    world.run_to_the_end();
    assert!(world.rents() <= 3, "{} rentals", world.rents());
    assert_eq!(cause(&world).name, "dearer_than_agreed");
    assert_nothing_is_left(&world);
}

#[test]
fn manual_mode_keeps_a_dearer_rental() {
    let mut world = World::manual(95).with(|faults| faults.dearer_rentals = [1].into());
    world.until_gate(GateKind::Start);
    world.feed(Event::Approved(GateKind::Start));
    world.until_gate(GateKind::Rent);
    world.pick(1, 20.0);
    world.until_step(Step::Warming);
    let rental = world.sprint.rental().expect("a rental");
    assert!(rental.dearer.is_some());
    assert_eq!(world.rents(), 1);
    // When auto mode takes over, it is replaced.
    world.feed(Event::ModeChanged(Mode::Auto));
    world.until(|world| world.rents() == 2);
}

#[test]
fn own_boot_fault_is_not_remembered() {
    let mut world = World::auto(95).with(|faults| faults.breaks(1, Blame::Ours));
    world.run_to_the_end();
    assert_eq!(world.rents(), 1);
    let remembered = |effect: &Effect| matches!(effect, Effect::RememberBoot { .. });
    assert_eq!(world.count(remembered), 0);
}

#[test]
fn renting_begins_on_time() {
    let mut world = World::auto(95);
    world.until(|world| world.rents() == 1);
    let rented = world.sprint.rental().unwrap().since;
    let before = world.sprint.eta(Height(POC_START)).unwrap() - rented;
    assert!(
        (49..=50).contains(&before.num_minutes()),
        "rented {before} before the PoC"
    );
}

#[test]
fn unknown_listing_rents_nothing() {
    let mut world = World::auto(60).with(|faults| faults.never_listed = true);
    world.until_note("rentals are unknown");
    world.run_to_the_end();
    assert_eq!(world.rents(), 0);
    let cause = cause(&world);
    assert_eq!(cause.name, "missed_registration_deadline");
    assert!(cause.detail.contains("rentals are unknown"), "{cause:?}");
}

#[test]
fn leftover_rental_delays_renting() {
    let mut world = World::auto(60).with(|faults| faults.leftovers = 1);
    world.until_note("being released");
    assert_eq!(world.rents(), 0);
    world.faults.leftovers = 0;
    world.run_to_the_end();
    assert_eq!(world.rents(), 1);
    assert_nothing_is_left(&world);
}

fn unapproved() -> Verdict {
    Verdict::Unmet {
        cause: "governance does not approve the model".into(),
        remedy: "set another one".into(),
    }
}

#[test]
fn unmet_or_unknown_preflight_rents_nothing() {
    let unreadable = Verdict::Unknown {
        cause: "the admin API is silent".into(),
        remedy: "start it".into(),
        effect: UnknownEffect::Blocks,
    };
    for obstacle in [unapproved(), unreadable] {
        let mut world = World::auto(60).with(|faults| faults.obstacle = Some(obstacle.clone()));
        world.run_to_the_end();
        assert_eq!(world.rents(), 0, "{obstacle:?}");
        let cause = cause(&world);
        assert_eq!(cause.name, "preflight_failed", "{obstacle:?}");
        assert!(!cause.detail.is_empty(), "{obstacle:?}");
    }
}

#[test]
fn cleared_obstacle_costs_no_epoch() {
    let mut world = World::auto(60).with(|faults| faults.obstacle = Some(unapproved()));
    world.until_note("does not approve");
    assert_eq!(world.rents(), 0);
    world.faults.obstacle = None;
    world.run_to_the_end();
    assert_eq!(world.rents(), 1);
    assert_nothing_is_left(&world);
}

#[test]
fn preflight_runs_early_and_before_renting() {
    let mut world = World::auto(95);
    world.tick();
    let early = world.sprint.preflight();
    assert!(early.is_some(), "there is time to mend it");
    world.until(|world| world.rents() == 1);
    let rented = world.sprint.rental().unwrap().since;
    let age = rented - world.sprint.preflight().unwrap().at;
    assert!(age <= Duration::seconds(90), "{age}");
}

#[test]
fn refresh_while_waiting_prices_timely_start() {
    let mut world = World::manual(95);
    world.tick();
    world.feed(Event::RefreshRequested);
    world.tick();
    let sessions = world.effects.iter().filter_map(|effect| match effect {
        Effect::SearchOffers { session, .. } => Some(session.num_minutes()),
        _ => None,
    });
    // Long before it is time, what counts is a rental from fifty minutes before it to its end.
    let sessions: Vec<i64> = sessions.collect();
    assert!(matches!(sessions[..], [60..=75]), "{sessions:?}");
    assert_eq!((world.sprint.step(), world.rents()), (Step::Waiting, 0));
}

#[test]
fn manual_gates_wait_for_approval() {
    let mut world = World::manual(60);
    world.tick();
    assert_eq!(world.gate(), Some(GateKind::Start));
    assert_eq!(
        world.count(|effect| !matches!(effect, Effect::Preflight)),
        0
    );
    world.feed(Event::Approved(GateKind::Start));
    world.tick();
    assert_eq!(world.gate(), Some(GateKind::Rent));
    assert_eq!(world.rents(), 0);
    world.pick(2, 20.0);
    world.until_gate(GateKind::Register);
    assert_eq!(world.registered, None);
    world.feed(Event::Approved(GateKind::Register));
    world.until_gate(GateKind::Release);
    assert_eq!(world.rentals.len(), 1);
    world.feed(Event::Approved(GateKind::Release));
    world.run_to_the_end();
    assert_confirmed(&world);
    assert_nothing_is_left(&world);
}

#[test]
fn offer_above_agreed_cost_is_not_rented() {
    let mut world = World::manual(60);
    world.start_and_pick(2, 19.0);
    world.tick();
    assert_eq!(world.rents(), 0);
    assert!(world.notes("confirm again"));
}

#[test]
fn rate_limited_rent_is_retried() {
    let mut world = World::auto(60).with(|faults| faults.rents_too_often = (1..5).collect());
    world.run_to_the_end();
    assert_eq!(world.rents(), 5);
    assert_confirmed(&world);
    assert_nothing_is_left(&world);
}

#[test]
fn cap_that_refuses_at_the_last_check_keeps_the_gate() {
    // Given a manual sprint, when the cap of a day has too little left by the time of the call,
    let mut world = World::new(plan(), Mode::Manual, 95);
    world.faults.rents_over_cap = [1].into();
    world.start_and_pick(1, 40.0);
    world.until(|world| world.rents() == 1);
    world.tick();
    // then the operator is told, and may rent another offer,
    assert_eq!(world.sprint.step(), Step::Choosing);
    let gate = world.sprint.gate().map(|gate| gate.kind);
    assert_eq!(gate, Some(GateKind::Rent));
    let refusal = world.sprint.cap_refusal().expect("a refusal");
    assert_eq!(refusal.cap, Cap::Day);
    world.pick(2, 40.0);
    world.until(|world| world.rents() == 2);
    // and auto mode takes another one by itself.
    let mut world = World::auto(60).with(|faults| faults.rents_over_cap = [1].into());
    world.run_to_the_end();
    assert_eq!(world.rents(), 2);
    assert_confirmed(&world);
}

#[test]
fn refusal_waits_for_the_rent_calls_of_others() {
    let poor = || {
        let mut plan = plan();
        plan.caps.sprint = Usd::from_dollars(10.0);
        World::new(plan, Mode::Auto, 60)
    };
    // Given a cap that admits nothing, the sprint ends,
    let mut world = poor();
    world.run_to_the_end();
    assert_eq!(cause(&world).name, "budget_refused");
    // but not while others have reserved money for calls that may yet fail,
    let mut world = poor().with(|faults| faults.in_doubt = Usd::from_dollars(20.0));
    world.until_note("does not fit");
    for _ in 0..30 {
        world.tick();
    }
    assert_eq!(world.sprint.step(), Step::Choosing);
    // and when the last of them is answered, it ends.
    world.faults.in_doubt = Usd::ZERO;
    world.run_to_the_end();
    assert_eq!(cause(&world).name, "budget_refused");
}

#[test]
fn unrecorded_rent_is_retried() {
    let mut world = World::auto(60).with(|faults| faults.withheld_rents = (1..=8).collect());
    world.until(|world| world.rents() == 1);
    world.tick();
    let note = world.sprint.note().unwrap_or_default();
    assert!(note.contains("the journal cannot be used"), "{note}");
    world.run_to_the_end();
    assert_eq!(world.rents(), 9);
    assert_confirmed(&world);
    assert_nothing_is_left(&world);
}

#[test]
fn rent_that_must_wait_is_tried_with_new_offers() {
    // Given other replicas that rent first, and one that has the machine of the next offer,
    let mut world = World::auto(60).with(|faults| {
        faults.waiting_rents = (1..=4).collect();
        faults.taken_offers = [5].into();
    });
    world.until(|world| world.rents() == 1);
    let (began, note) = (world.now, world.sprint.note().unwrap_or_default());
    assert!(note.contains("other replicas come first"), "{note}");
    // then each try is a search later, nothing is voided, and the sixth rents.
    world.run_to_the_end();
    assert_eq!(world.rents(), 6);
    let mut booting = world.sprint.spans().iter();
    let booting = booting.rfind(|span| span.step == Step::Booting).unwrap();
    assert!(booting.started - began >= Duration::minutes(5));
    let voided = |effect: &&Effect| matches!(effect, Effect::VoidRent { .. });
    assert_eq!(world.effects.iter().filter(voided).count(), 0);
    assert_confirmed(&world);
    assert_nothing_is_left(&world);
}

#[test]
fn dead_journal_costs_only_the_epoch() {
    let mut world = World::auto(60).with(|faults| faults.withheld_rents = (1..=1_000).collect());
    world.run_to_the_end();
    assert_eq!(world.most_rentals, 0);
    let cause = cause(&world);
    assert_eq!(cause.name, "missed_registration_deadline");
    assert!(cause.detail.contains("journal"), "{}", cause.detail);
}

#[test]
fn sprint_after_failure_awaits_next_epoch() {
    let world = World::auto(60);
    let mut first = world.sprint.clone();
    first.handle(start(), world.chain_reading());
    let done = first.stages().expect("a target").epoch;
    let mut second = Sprint::new(plan(), Mode::Auto, start()).not_before(done);
    second.handle(start(), world.chain_reading());
    assert_eq!(
        second.stages().map(|stages| stages.epoch),
        Some(done.next())
    );
}

#[test]
fn unapproved_registration_is_named_as_the_cause() {
    // Given a node that is ready in time,
    let mut world = World::manual(60);
    world.start_and_pick(1, 20.0);
    world.until_gate(GateKind::Register);
    // when nobody approves its registration,
    world.run_to_the_end();
    // then that is the cause, and not the boot.
    let cause = cause(&world);
    assert_eq!(cause.name, "missed_registration_deadline");
    assert!(
        cause.detail.contains("was not approved in time"),
        "{cause:?}"
    );
    assert_nothing_is_left(&world);
}

#[test]
fn unapproved_release_happens_at_lease_end() {
    let mut world = World::manual(60);
    world.start_and_pick(1, 20.0);
    world.until_gate(GateKind::Register);
    world.feed(Event::Approved(GateKind::Register));
    world.run_to_the_end();
    assert_nothing_is_left(&world);
}

#[test]
fn late_weight_reading_still_counts() {
    // Given an operator who keeps the rental for an hour and a half after validation,
    let plan = Plan {
        lease: Duration::hours(2),
        ..plan()
    };
    let mut world = World::new(plan, Mode::Manual, 60);
    world.start_and_pick(1, 40.0);
    world.until_gate(GateKind::Register);
    world.feed(Event::Approved(GateKind::Register));
    world.until_gate(GateKind::Release);
    let held_until = world.now + Duration::minutes(90);
    world.until(|world| world.now >= held_until);
    // when the release is approved at last,
    world.feed(Event::Approved(GateKind::Release));
    world.run_to_the_end();
    // then the weight is read all the same.
    assert_confirmed(&world);
    assert_nothing_is_left(&world);
}

#[test]
fn abort_in_any_step_releases_everything() {
    for step in [
        Step::Waiting,
        Step::Choosing,
        Step::Renting,
        Step::Booting,
        Step::Warming,
        Step::Registering,
        Step::Proving,
        Step::Releasing,
        Step::Confirming,
    ] {
        let mut world = World::auto(95).with(|faults| match step {
            Step::Choosing => faults.no_offers = true,
            Step::Renting => {
                faults.lost_replies.insert(1);
                faults.listing_unknown = true;
            }
            Step::Releasing => faults.deaf_destroys = 3,
            _ => {}
        });
        world.until(|world| world.sprint.spans().iter().any(|span| span.step == step));
        world.feed(Event::AbortRequested);
        world.tick();
        world.faults.listing_unknown = false;
        world.run_to_the_end();
        let outcome = world.sprint.outcome();
        assert_eq!(outcome, Some(&Outcome::Aborted), "{step}");
        assert_nothing_is_left(&world);
    }
}

#[test]
fn lost_rent_reply_is_found_by_label() {
    let mut world = World::auto(95).with(|faults| faults.lost_replies = [1].into());
    world.run_to_the_end();
    assert_eq!((world.rents(), world.most_rentals), (1, 1));
    assert_confirmed(&world);
}

#[test]
fn lost_rent_call_is_searched_two_minutes() {
    let mut world = World::auto(95).with(|faults| faults.lost_calls = [1].into());
    world.until(|world| world.rents() == 1);
    let called = world.now;
    world.until(|world| world.rents() == 2);
    assert!((world.now - called).num_seconds() >= 120);
    let voided = |effect: &Effect| matches!(effect, Effect::VoidRent { .. });
    assert_eq!(world.count(voided), 1);
    world.run_to_the_end();
    assert_nothing_is_left(&world);
}

#[test]
fn gone_offer_is_replaced_under_new_label() {
    let mut world = World::auto(95).with(|faults| faults.gone_offers = [1].into());
    world.run_to_the_end();
    let labels = world.effects.iter().filter_map(|effect| match effect {
        Effect::Rent { label, .. } => Some(label.clone()),
        _ => None,
    });
    let labels: std::collections::BTreeSet<_> = labels.collect();
    assert_eq!((world.rents(), labels.len()), (2, 2));
}

#[test]
fn failed_host_is_avoided_and_replaced() {
    let mut world = World::auto(95).with(|faults| faults.breaks(1, Blame::Host));
    world.run_to_the_end();
    assert_eq!(avoided(&world), 1);
    assert_eq!((world.rents(), world.most_rentals), (2, 1));
    assert_confirmed(&world);
}

#[test]
fn own_fault_ends_without_blame() {
    let mut world = World::auto(95).with(|faults| faults.breaks(1, Blame::Ours));
    world.run_to_the_end();
    assert_eq!(cause(&world).name, "boot_failed");
    assert_eq!((world.rents(), avoided(&world)), (1, 0));
    assert_nothing_is_left(&world);
}

#[test]
fn rejected_market_key_ends_auto_sprint() {
    let mut world = World::auto(95).with(|faults| faults.refused_searches = u32::MAX);
    world.run_to_the_end();
    assert_eq!(cause(&world).name, "market_key_refused");
    assert!(
        world.height() < Height(POC_START),
        "it did not wait for the deadline"
    );
    assert_eq!(world.rents(), 0);
    // A hiccup does not end it.
    let mut world = World::auto(95).with(|faults| faults.refused_searches = 2);
    world.run_to_the_end();
    assert_confirmed(&world);
}

#[test]
fn without_offers_the_deadline_passes() {
    let mut world = World::auto(95).with(|faults| faults.no_offers = true);
    world.run_to_the_end();
    assert_eq!(cause(&world).name, "missed_registration_deadline");
    assert_eq!(world.rents(), 0);
}

#[test]
fn unknown_credit_rents_nothing() {
    let mut world = World::auto(95).with(|faults| faults.no_credit = true);
    world.run_to_the_end();
    assert_eq!(world.rents(), 0);
}

#[test]
fn unreadable_chain_rents_nothing() {
    let mut world = World::auto(95).with(|faults| faults.chain_dies_at = Some(20));
    for _ in 0..1_000 {
        world.tick();
    }
    assert_eq!(world.rents(), 0);
}

#[test]
fn failed_destroy_is_retried_until_gone() {
    let mut world = World::auto(95).with(|faults| faults.deaf_destroys = 20);
    world.run_to_the_end();
    assert_eq!(world.destroys(), 21);
    assert_nothing_is_left(&world);
}

#[test]
fn silent_network_node_keeps_no_rental() {
    let mut world = World::auto(95);
    world.until_step(Step::Proving);
    world.faults.node_is_silent = true;
    world.until_step(Step::Releasing);
    let began = world.now;
    world.until(|world| world.rentals.is_empty());
    assert!((world.now - began).num_seconds() <= 60);
}

#[test]
fn idle_node_explains_missing_weight() {
    let mut world = World::auto(60).with(|faults| {
        faults.no_weight = true;
        faults.never_generates = true;
    });
    // It is noted while there is time to mend it.
    world.until_note("does not generate");
    assert_eq!(world.sprint.step(), Step::Proving);
    world.run_to_the_end();
    let cause = cause(&world);
    assert_eq!(cause.name, "no_weight");
    assert!(cause.detail.contains("never seen to generate"), "{cause:?}");
}

#[test]
fn late_start_names_early_share() {
    let mut world = World::auto(60).with(|faults| {
        faults.no_weight = true;
        faults.never_generates = true;
    });
    world.until_step(Step::Proving);
    world.until(|world| world.height() >= Height(POC_START + 20));
    world.faults.never_generates = false;
    world.run_to_the_end();
    let cause = cause(&world);
    assert!(
        cause.detail.contains("early share") && cause.detail.contains("at work"),
        "{cause:?}"
    );
}

#[test]
fn rule_behind_missing_weight_is_named() {
    let mut world = World::auto(60).with(|faults| faults.no_weight = true);
    world.until_step(Step::Proving);
    // Governance dropped the model meanwhile.
    world.faults.obstacle = Some(unapproved());
    world.run_to_the_end();
    let cause = cause(&world);
    assert_eq!(cause.name, "no_weight");
    assert!(
        cause.detail.contains("does not approve the model"),
        "{cause:?}"
    );
}

#[test]
fn both_poc_versions_are_followed() {
    let is_followed = |world: &World| {
        let proof = world.sprint.proof();
        let (generating, validating) = (proof.generating_since, proof.validating_since);
        assert!(proof.generated && proof.validated && proof.idle_until.is_none());
        assert!(generating.is_some() && generating < validating, "{proof:?}");
    };
    // The second version: a status beside the service's state.
    let mut world = World::auto(60);
    world.run_to_the_end();
    is_followed(&world);
    // The first one: the service's state alone, which does not say which of the two it is.
    let mut world = World::auto(60).with(|faults| faults.never_generates = true);
    world.until_step(Step::Proving);
    world.until(|world| world.height() >= Height(POC_START + 2));
    world.status = NodeStatus::Poc;
    world.run_to_the_end();
    is_followed(&world);
}

#[test]
fn missing_weight_is_not_success() {
    let mut world = World::auto(95).with(|faults| faults.no_weight = true);
    world.run_to_the_end();
    let outcome = world.sprint.outcome();
    assert!(matches!(outcome, Some(Outcome::NoWeight { .. })));
}

#[test]
fn unreadable_weight_is_unknown() {
    let mut world = World::auto(95).with(|faults| faults.weight_unreadable = true);
    world.run_to_the_end();
    let outcome = world.sprint.outcome();
    assert!(matches!(outcome, Some(Outcome::Unknown { .. })));
}

fn lost_and_unlisted(faults: &mut Faults) {
    faults.lost_replies = [1].into();
    faults.listing_unknown = true;
}

#[test]
fn restart_while_renting_rents_nothing_new() {
    let mut world = World::auto(95).with(lost_and_unlisted);
    world.until_step(Step::Renting);
    let saved = serde_json::to_value(&world.sprint).unwrap();
    world.sprint = serde_json::from_value(saved).unwrap();
    world.faults.listing_unknown = false;
    world.feed(Event::Resumed);
    world.run_to_the_end();
    assert_eq!(world.rents(), 1);
    assert_nothing_is_left(&world);
}

#[test]
fn forecast_of_an_earlier_life_ends_no_boot() {
    // Given a boot that looked too slow when the program ended,
    let mut world = World::auto(95);
    world.until_step(Step::Booting);
    let mut saved = serde_json::to_value(&world.sprint).unwrap();
    saved["boot"]["least_left"] = serde_json::json!([36_000, 0]);
    world.sprint = serde_json::from_value(saved).unwrap();
    // when it goes on, then the boot is judged by what is seen now.
    world.feed(Event::Resumed);
    assert_eq!(world.sprint.step(), Step::Booting);
    world.run_to_the_end();
    assert_eq!(world.rents(), 1);
    assert_confirmed(&world);
}

#[test]
fn unlisted_lost_rental_is_not_abandoned() {
    let mut world = World::auto(95).with(lost_and_unlisted);
    world.until_step(Step::Renting);
    for _ in 0..60 {
        world.tick();
    }
    assert_eq!((world.rents(), world.sprint.step()), (1, Step::Renting));
    world.faults.listing_unknown = false;
    world.run_to_the_end();
    assert_nothing_is_left(&world);
}

/// Reads a saved sprint; what it saves again is the same.
fn read_back(saved: &str) -> Sprint {
    let sprint: Sprint = serde_json::from_str(saved).unwrap();
    let wanted: serde_json::Value = serde_json::from_str(saved).unwrap();
    assert_eq!(serde_json::to_value(&sprint).unwrap(), wanted);
    sprint
}

/// What the program before the split of [`Sprint`] saved: choosing, in a race, proving, releasing, done,
/// with a lost rent call, after a failed boot, and with two notes that later steps recognise.
#[test]
fn sprints_of_old_versions_read_back() {
    let saved: Vec<serde_json::Value> =
        serde_json::from_str(include_str!("saved_sprints.json")).unwrap();
    assert_eq!(saved.len(), 9);
    for old in saved {
        let sprint: Sprint = serde_json::from_value(old.clone()).unwrap();
        let new = serde_json::to_value(&sprint).unwrap();
        assert!(includes(&new, &old), "{new}\n{old}");
    }
}

/// Whether nothing that was saved is lost; only the repairs of altered registrations are no longer counted.
fn includes(new: &serde_json::Value, old: &serde_json::Value) -> bool {
    let (Some(new), Some(old)) = (new.as_object(), old.as_object()) else {
        return new == old;
    };
    old.iter()
        .filter(|(name, _)| *name != "repairs")
        .all(|(name, old)| new.get(name).is_some_and(|new| includes(new, old)))
}

#[test]
fn saved_sprint_reads_back_in_every_step() {
    let mut world = World::auto(95);
    world.until(|world| {
        let read = read_back(&serde_json::to_string(&world.sprint).unwrap());
        assert_eq!(read, world.sprint);
        world.sprint.step() == Step::Done
    });
}

#[test]
fn notes_take_effect_after_a_restart() {
    let mut world = World::auto(95).with(|faults| faults.chain_dies_at = Some(20));
    world.until_note("the chain stands still");
    world.sprint = read_back(&serde_json::to_string(&world.sprint).unwrap());
    world.feed(world.chain_reading());
    assert_eq!(world.sprint.note(), None);

    let mut world = World::manual(10);
    world.until_note("too late for the PoC");
    let read = read_back(&serde_json::to_string(&world.sprint).unwrap());
    assert_eq!(read.blocked_by(), None);
}

#[test]
fn only_durable_changes_are_saved() {
    let mut world = World::auto(95);
    world.tick();
    let saved = world.sprint.clone();
    world.tick();
    assert_ne!(world.sprint.last_height(), saved.last_height());
    assert_eq!(world.sprint, saved);
    world.feed(Event::ModeChanged(Mode::Manual));
    assert_ne!(world.sprint, saved);
}

fn any_event() -> impl Strategy<Value = Event> {
    prop_oneof![
        Just(Event::TimePassed),
        Just(Event::Resumed),
        Just(Event::ModeChanged(Mode::Manual)),
        Just(Event::ModeChanged(Mode::Auto)),
        Just(Event::Approved(GateKind::Start)),
        Just(Event::Approved(GateKind::Register)),
        Just(Event::Approved(GateKind::Release)),
        Just(Event::OfferPicked {
            offer: OfferId(1),
            agreed: Usd::from_dollars(20.0)
        }),
        Just(Event::RefreshRequested),
        Just(Event::SearchFailed(lost())),
        (1u64..3).prop_map(|id| Event::RentalRepriced {
            instance: InstanceId(id),
            dearer: world::dearer(),
        }),
        Just(Event::OfferGone),
        Just(Event::RentNotRecorded),
        Just(Event::RentMustWait),
        Just(Event::OffersTaken {
            left: vec![OfferId(1)]
        }),
        Just(Event::RegisterNotRecorded),
        Just(Event::RentReplyLost(lost())),
        Just(Event::LabelAbsent),
        Just(Event::RentalsListed { leftovers: 0 }),
        Just(Event::RentalsListed { leftovers: 1 }),
        (1u64..3).prop_map(|id| Event::RentalVanished(InstanceId(id))),
        Just(Event::RegisterFailed(lost())),
        Just(Event::RentalRemains(InstanceId(1))),
    ]
}

#[test]
fn late_start_targets_the_poc_after() {
    // Given a PoC in ten minutes, which no boot can make,
    let mut world = World::manual(10);
    world.tick();
    let after_it = world.sprint.stages().unwrap().poc_start;
    assert!(after_it > Height(POC_START + 10_000));
    // when the operator starts all the same,
    world.feed(Event::Approved(GateKind::Start));
    world.until_step(Step::Choosing);
    // then the search is for a day, and the offers' cost says so.
    let session = world.effects.iter().find_map(|effect| match effect {
        Effect::SearchOffers { session, .. } => Some(*session),
        _ => None,
    });
    assert!(session.unwrap() > Duration::hours(20), "{session:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// In whatever order events come, there is never more than one rental, or two with hedging, no rent
    /// call after the deadline, and an abort ends everything.
    #[test]
    fn random_events_leak_no_rental(
        storm in prop::collection::vec((0usize..40, any_event()), 0..60),
        stalled in prop::collection::btree_set(1u32..4, 0..3),
        hedges in any::<bool>(),
    ) {
        let (plan, most) = if hedges { (hedge::plan(), 2) } else { (plan(), 1) };
        let mut world = World::new(plan, Mode::Auto, 70);
        world.faults.stalled_boots = stalled;
        for (ticks, event) in storm {
            for _ in 0..ticks {
                let rents = world.rents();
                world.tick();
                // It can be the PoC after the next one: the operator may start a sprint for that.
                let start = world.sprint.stages().map(|stages| stages.poc_start);
                let late = start.is_some_and(|start| world.height() >= start);
                prop_assert!(world.rents() == rents || !late, "rented after the PoC started");
            }
            // A rent call's outcome only counts while one is in flight; elsewhere these are echoes.
            world.feed(event);
        }
        world.feed(Event::AbortRequested);
        world.run_to_the_end();
        prop_assert!(world.sprint.rentals().next().is_none());
        prop_assert!(world.most_rentals <= most, "{} rentals at once", world.most_rentals);
    }

    #[test]
    fn spurious_wake_changes_nothing(ticks in 0usize..900) {
        let mut world = World::auto(95);
        for _ in 0..ticks {
            world.tick();
        }
        world.feed(Event::TimePassed);
        // Equality leaves out what is volatile.
        let before = format!("{:?}", world.sprint);
        let effects = world.sprint.handle(world.now, Event::TimePassed);
        prop_assert_eq!(effects, vec![]);
        prop_assert_eq!(format!("{:?}", world.sprint), before);
    }
}

#[test]
fn refused_pick_says_which_cap_until_the_next() {
    // Given a manual sprint whose cap is below every worst case,
    let mut plan = plan();
    plan.caps.sprint = Usd::from_dollars(5.0);
    let mut world = World::new(plan, Mode::Manual, 95);
    world.start_and_pick(1, 20.0);
    world.tick();
    // when an offer is picked, then the cap, what is left and what is needed are told,
    let refusal = world.sprint.cap_refusal().expect("a refusal");
    assert_eq!(refusal.cap, Cap::Sprint);
    assert_eq!(refusal.left, Usd::from_dollars(5.0));
    assert_eq!(refusal.missing, refusal.cost - refusal.left);
    assert_eq!((world.sprint.step(), world.rents()), (Step::Choosing, 0));
    // and forgotten with the next pick.
    world.feed(Event::ModeChanged(Mode::Auto));
    world.run_to_the_end();
    assert_eq!(world.sprint.cap_refusal(), None);
}
