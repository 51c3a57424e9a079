//! The state machine of a sprint against a world in virtual time.

mod hedge;
mod hold;
mod registration;
mod rehearsal;
mod serving;
mod world;

use pocpit::domain::{
    Blame, BootEnd, BootFault, Cause, Duration, GateKind, Height, InstanceId, Mode, NodeStatus,
    OfferId, Outcome, Step, Usd, Verdict,
};
use pocpit::flow::{Effect, Event, Plan, Proof, Sprint};
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

fn assert_nothing_is_left(world: &World) {
    assert!(
        world.rentals.is_empty(),
        "left on the market: {:?}",
        world.rentals
    );
    assert_eq!(world.registered, None);
    assert!(world.proxy);
}

#[test]
fn a_sprint_by_itself_ends_with_weight_and_nothing_left() {
    let mut world = World::new(Mode::Auto, 95, Faults::default());
    world.proxy = false;
    world.run_to_the_end();
    assert!(
        matches!(world.sprint.outcome(), Some(Outcome::Confirmed { weight }) if weight.0 == 1_234)
    );
    assert_eq!(world.rents(), 1);
    assert_nothing_is_left(&world);
}

#[test]
fn how_each_boot_ended_is_remembered() {
    // Given a first machine that breaks and a second one that does not,
    let faults = Faults {
        broken_boots: [(1, fault(Blame::Host))].into(),
        ..Faults::default()
    };
    let mut world = World::new(Mode::Auto, 95, faults);
    // when a sprint is over,
    world.run_to_the_end();
    // then both are known, with the time that they took.
    let remembered: Vec<(u64, BootEnd, i64)> = world
        .effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::RememberBoot {
                instance,
                took,
                end,
                ..
            } => Some((instance.0, *end, took.num_minutes())),
            _ => None,
        })
        .collect();
    assert_eq!(
        remembered,
        [(1, BootEnd::Failed, 3), (2, BootEnd::Ready, 22)]
    );
}

fn dearer() -> Faults {
    Faults {
        dearer_rentals: [1].into(),
        ..Faults::default()
    }
}

#[test]
fn a_rental_that_costs_more_than_agreed_is_given_back_by_auto_and_another_one_taken() {
    let mut world = World::new(Mode::Auto, 95, dearer());
    world.run_to_the_end();
    assert!(matches!(
        world.sprint.outcome(),
        Some(Outcome::Confirmed { .. })
    ));
    assert_eq!((world.rents(), world.most_rentals), (2, 1));
    let avoided = |effect: &Effect| matches!(effect, Effect::AvoidMachine { reason, .. } if reason.contains("$10.80/h, $9.00/h was agreed"));
    assert_eq!(world.count(avoided), 1);
    // It was never let boot: that says nothing of how it boots.
    let failed = |effect: &Effect| {
        matches!(
            effect,
            Effect::RememberBoot {
                end: BootEnd::Failed,
                ..
            }
        )
    };
    assert_eq!(world.count(failed), 0);
    assert_nothing_is_left(&world);
}

#[test]
fn rentals_that_always_cost_more_than_agreed_count_as_attempts() {
    let faults = Faults {
        dearer_rentals: (1..20).collect(),
        ..Faults::default()
    };
    let mut world = World::new(Mode::Auto, 95, faults);
    world.run_to_the_end();
    assert!(world.rents() <= 3, "{} rentals", world.rents());
    assert_eq!(cause(&world).name, "dearer_than_agreed");
    assert_nothing_is_left(&world);
}

#[test]
fn by_hand_a_dearer_rental_is_only_told_of() {
    let mut world = World::new(Mode::Manual, 95, dearer());
    world.until(|world| world.sprint.gate().is_some());
    world.feed(Event::Approved(GateKind::Start));
    world.until(|world| {
        world
            .sprint
            .gate()
            .is_some_and(|gate| gate.kind == GateKind::Rent)
    });
    world.feed(Event::OfferPicked {
        offer: OfferId(1),
        agreed: Usd::from_dollars(20.0),
    });
    world.until_step(Step::Warming);
    let rental = world.sprint.rental().expect("a rental");
    assert!(rental.dearer.is_some());
    assert_eq!(world.rents(), 1);
    // When it is handed over to auto, then it goes.
    world.feed(Event::ModeChanged(Mode::Auto));
    world.until(|world| world.rents() == 2);
}

#[test]
fn a_boot_that_we_broke_is_not_remembered() {
    let faults = Faults {
        broken_boots: [(1, fault(Blame::Ours))].into(),
        ..Faults::default()
    };
    let mut world = World::new(Mode::Auto, 95, faults);
    world.run_to_the_end();
    assert_eq!(world.rents(), 1);
    assert_eq!(
        world.count(|effect| matches!(effect, Effect::RememberBoot { .. })),
        0
    );
}

#[test]
fn nothing_is_rented_before_it_is_time() {
    let mut world = World::new(Mode::Auto, 95, Faults::default());
    world.until(|world| world.rents() == 1);
    let rented = world.sprint.rental().unwrap().since;
    let before = world.sprint.eta(Height(POC_START)).unwrap() - rented;
    assert!(
        (49..=50).contains(&before.num_minutes()),
        "rented {before} before the PoC"
    );
}

#[test]
fn while_nobody_knows_what_is_rented_nothing_is_rented() {
    let mut world = World::new(
        Mode::Auto,
        60,
        Faults {
            never_listed: true,
            ..Faults::default()
        },
    );
    world.until(|world| {
        world
            .sprint
            .note()
            .is_some_and(|note| note.contains("not known"))
    });
    world.run_to_the_end();
    assert_eq!(world.rents(), 0);
    let cause = cause(&world);
    assert_eq!(cause.name, "missed_registration_deadline");
    assert!(cause.detail.contains("not known"), "{cause:?}");
}

#[test]
fn beside_a_rental_that_is_still_being_taken_down_none_is_rented() {
    let mut world = World::new(
        Mode::Auto,
        60,
        Faults {
            leftovers: 1,
            ..Faults::default()
        },
    );
    world.until(|world| {
        world
            .sprint
            .note()
            .is_some_and(|note| note.contains("taken down"))
    });
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

fn unreadable() -> Verdict {
    Verdict::Unknown {
        cause: "the admin API is silent".into(),
        remedy: "start it".into(),
    }
}

#[test]
fn while_anything_that_a_rental_needs_is_missing_or_unknown_nothing_is_rented() {
    for obstacle in [unapproved(), unreadable()] {
        let mut world = World::new(
            Mode::Auto,
            60,
            Faults {
                obstacle: Some(obstacle),
                ..Faults::default()
            },
        );
        world.run_to_the_end();
        assert_eq!(world.rents(), 0);
        let cause = cause(&world);
        assert_eq!(cause.name, "preflight_failed");
        assert!(!cause.detail.is_empty());
    }
}

#[test]
fn an_obstacle_that_goes_while_there_is_time_costs_no_epoch() {
    let mut world = World::new(
        Mode::Auto,
        60,
        Faults {
            obstacle: Some(unapproved()),
            ..Faults::default()
        },
    );
    world.until(|world| {
        world
            .sprint
            .note()
            .is_some_and(|note| note.contains("does not approve"))
    });
    assert_eq!(world.rents(), 0);
    world.faults.obstacle = None;
    world.run_to_the_end();
    assert_eq!(world.rents(), 1);
    assert_nothing_is_left(&world);
}

#[test]
fn what_a_rental_needs_is_looked_at_long_before_and_again_right_before_renting() {
    let mut world = World::new(Mode::Auto, 95, Faults::default());
    world.tick();
    assert!(
        world.sprint.preflight().is_some(),
        "there is time to mend it"
    );
    world.until(|world| world.rents() == 1);
    let rented = world.sprint.rental().unwrap().since;
    let taken = world.sprint.preflight().unwrap().at;
    assert!(
        rented - taken <= Duration::seconds(90),
        "{}",
        rented - taken
    );
}

#[test]
fn a_look_at_the_market_while_waiting_prices_a_start_in_time_and_rents_nothing() {
    let mut world = World::new(Mode::Manual, 95, Faults::default());
    world.tick();
    world.feed(Event::RefreshRequested);
    world.tick();
    let looks = world.effects.iter().filter_map(|effect| match effect {
        Effect::SearchOffers { session, .. } => Some(session.num_minutes()),
        _ => None,
    });
    // Long before it is time, what counts is a rental from fifty minutes before it to its end.
    let looks: Vec<i64> = looks.collect();
    assert!(matches!(looks[..], [60..=75]), "{looks:?}");
    assert_eq!((world.sprint.step(), world.rents()), (Step::Waiting, 0));
}

#[test]
fn by_hand_each_gate_waits_and_passes_when_approved() {
    let mut world = World::new(Mode::Manual, 60, Faults::default());
    world.tick();
    assert_eq!(
        world.sprint.gate().map(|gate| gate.kind),
        Some(GateKind::Start)
    );
    assert_eq!(
        world.count(|effect| !matches!(effect, Effect::Preflight)),
        0
    );
    world.feed(Event::Approved(GateKind::Start));
    world.tick();
    assert_eq!(
        world.sprint.gate().map(|gate| gate.kind),
        Some(GateKind::Rent)
    );
    assert_eq!(world.rents(), 0);
    world.feed(Event::OfferPicked {
        offer: OfferId(2),
        agreed: Usd::from_dollars(20.0),
    });
    world.until(|world| {
        world
            .sprint
            .gate()
            .is_some_and(|gate| gate.kind == GateKind::Register)
    });
    assert_eq!(world.registered, None);
    world.feed(Event::Approved(GateKind::Register));
    world.until(|world| {
        world
            .sprint
            .gate()
            .is_some_and(|gate| gate.kind == GateKind::Release)
    });
    assert_eq!(world.rentals.len(), 1);
    world.feed(Event::Approved(GateKind::Release));
    world.run_to_the_end();
    assert!(matches!(
        world.sprint.outcome(),
        Some(Outcome::Confirmed { .. })
    ));
    assert_nothing_is_left(&world);
}

/// Starts a sprint by hand and agrees to an offer at a worst case.
fn start_and_pick(world: &mut World, offer: OfferId, agreed: Usd) {
    world.feed(Event::Approved(GateKind::Start));
    world.until_step(Step::Choosing);
    world.feed(Event::OfferPicked { offer, agreed });
}

#[test]
fn an_offer_that_became_dearer_than_agreed_is_not_rented() {
    let mut world = World::new(Mode::Manual, 60, Faults::default());
    start_and_pick(&mut world, OfferId(2), Usd::from_dollars(19.0));
    world.tick();
    assert_eq!(world.rents(), 0);
    assert!(
        world
            .sprint
            .note()
            .is_some_and(|note| note.contains("confirm again"))
    );
}

#[test]
fn a_rent_call_that_came_too_often_is_made_again_and_ends_nothing() {
    let faults = Faults {
        rents_too_often: [1, 2, 3, 4].into(),
        ..Faults::default()
    };
    let mut world = World::new(Mode::Auto, 60, faults);
    world.run_to_the_end();
    assert_eq!(world.rents(), 5);
    assert!(matches!(
        world.sprint.outcome(),
        Some(Outcome::Confirmed { .. })
    ));
    assert_nothing_is_left(&world);
}

#[test]
fn a_rent_call_that_could_not_be_written_down_is_made_later_and_ends_nothing() {
    let faults = Faults {
        withheld_rents: (1..=8).collect(),
        ..Faults::default()
    };
    let mut world = World::new(Mode::Auto, 60, faults);
    world.until(|world| world.rents() == 1);
    world.tick();
    let note = world.sprint.note().unwrap_or_default().to_owned();
    assert!(note.contains("the journal cannot be written"), "{note}");
    world.run_to_the_end();
    assert_eq!(world.rents(), 9);
    assert!(matches!(
        world.sprint.outcome(),
        Some(Outcome::Confirmed { .. })
    ));
    assert_nothing_is_left(&world);
}

#[test]
fn a_journal_that_is_never_written_again_costs_the_epoch_and_nothing_else() {
    let faults = Faults {
        withheld_rents: (1..=1_000).collect(),
        ..Faults::default()
    };
    let mut world = World::new(Mode::Auto, 60, faults);
    world.run_to_the_end();
    assert_eq!(world.most_rentals, 0);
    let cause = cause(&world);
    assert_eq!(cause.name, "missed_registration_deadline");
    assert!(cause.detail.contains("journal"), "{}", cause.detail);
}

#[test]
fn a_sprint_after_a_failed_one_waits_for_the_next_epoch() {
    let world = World::new(Mode::Auto, 60, Faults::default());
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
fn a_release_that_nobody_approves_happens_when_the_lease_ends() {
    let mut world = World::new(Mode::Manual, 60, Faults::default());
    start_and_pick(&mut world, OfferId(1), Usd::from_dollars(20.0));
    world.until(|world| {
        world
            .sprint
            .gate()
            .is_some_and(|gate| gate.kind == GateKind::Register)
    });
    world.feed(Event::Approved(GateKind::Register));
    world.run_to_the_end();
    assert_nothing_is_left(&world);
}

#[test]
fn a_weight_that_is_read_long_after_it_was_set_still_counts() {
    // Given an operator who keeps the rental for an hour and a half after validation,
    let plan = Plan {
        lease: Duration::hours(2),
        ..plan()
    };
    let mut world = World::with_plan(plan, Mode::Manual, 60, Faults::default());
    start_and_pick(&mut world, OfferId(1), Usd::from_dollars(40.0));
    let gate = |world: &World| world.sprint.gate().map(|gate| gate.kind);
    world.until(|world| gate(world) == Some(GateKind::Register));
    world.feed(Event::Approved(GateKind::Register));
    world.until(|world| gate(world) == Some(GateKind::Release));
    let held_until = world.now + Duration::minutes(90);
    world.until(|world| world.now >= held_until);
    // when the release is approved at last,
    world.feed(Event::Approved(GateKind::Release));
    world.run_to_the_end();
    // then the weight is read all the same.
    assert!(matches!(
        world.sprint.outcome(),
        Some(Outcome::Confirmed { .. })
    ));
    assert_nothing_is_left(&world);
}

#[test]
fn an_abort_in_any_step_takes_everything_down() {
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
        let mut faults = Faults {
            no_offers: step == Step::Choosing,
            ..Faults::default()
        };
        if step == Step::Renting {
            faults.lost_replies.insert(1);
            faults.listing_unknown = true;
        }
        if step == Step::Releasing {
            faults.deaf_destroys = 3;
        }
        let mut world = World::new(Mode::Auto, 95, faults);
        world.until(|world| world.sprint.spans().iter().any(|span| span.step == step));
        world.feed(Event::AbortRequested);
        world.tick();
        world.faults.listing_unknown = false;
        world.run_to_the_end();
        assert!(
            matches!(world.sprint.outcome(), Some(Outcome::Aborted)),
            "{step}: {:?}",
            world.sprint.outcome()
        );
        assert_nothing_is_left(&world);
    }
}

#[test]
fn a_lost_reply_is_found_by_label_and_never_rented_twice() {
    let mut world = World::new(
        Mode::Auto,
        95,
        Faults {
            lost_replies: [1].into(),
            ..Faults::default()
        },
    );
    world.run_to_the_end();
    assert_eq!((world.rents(), world.most_rentals), (1, 1));
    assert!(matches!(
        world.sprint.outcome(),
        Some(Outcome::Confirmed { .. })
    ));
}

#[test]
fn a_lost_call_is_looked_for_two_minutes_before_the_next_offer() {
    let mut world = World::new(
        Mode::Auto,
        95,
        Faults {
            lost_calls: [1].into(),
            ..Faults::default()
        },
    );
    world.until(|world| world.rents() == 1);
    let called = world.now;
    world.until(|world| world.rents() == 2);
    assert!((world.now - called).num_seconds() >= 120);
    assert_eq!(
        world.count(|effect| matches!(effect, Effect::VoidRent { .. })),
        1
    );
    world.run_to_the_end();
    assert_nothing_is_left(&world);
}

#[test]
fn an_offer_that_is_gone_leads_to_the_next_one_under_a_new_label() {
    let mut world = World::new(
        Mode::Auto,
        95,
        Faults {
            gone_offers: [1].into(),
            ..Faults::default()
        },
    );
    world.run_to_the_end();
    let labels: std::collections::BTreeSet<_> = world
        .effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::Rent { label, .. } => Some(label.clone()),
            _ => None,
        })
        .collect();
    assert_eq!((world.rents(), labels.len()), (2, 2));
}

#[test]
fn a_host_at_fault_is_avoided_and_another_one_tried() {
    let faults = Faults {
        broken_boots: [(1, fault(Blame::Host))].into(),
        ..Faults::default()
    };
    let mut world = World::new(Mode::Auto, 95, faults);
    world.run_to_the_end();
    assert_eq!(
        world.count(|effect| matches!(effect, Effect::AvoidMachine { .. })),
        1
    );
    assert_eq!((world.rents(), world.most_rentals), (2, 1));
    assert!(matches!(
        world.sprint.outcome(),
        Some(Outcome::Confirmed { .. })
    ));
}

#[test]
fn our_own_fault_blames_nobody_and_is_not_paid_for_twice() {
    let faults = Faults {
        broken_boots: [(1, fault(Blame::Ours))].into(),
        ..Faults::default()
    };
    let mut world = World::new(Mode::Auto, 95, faults);
    world.run_to_the_end();
    assert_eq!(cause(&world).name, "boot_failed");
    assert_eq!(
        (
            world.rents(),
            world.count(|effect| matches!(effect, Effect::AvoidMachine { .. }))
        ),
        (1, 0)
    );
    assert_nothing_is_left(&world);
}

#[test]
fn a_key_that_the_market_refuses_ends_an_auto_sprint_with_that_cause_and_a_hiccup_does_not() {
    let refused = |times| Faults {
        refused_searches: times,
        ..Faults::default()
    };
    let mut world = World::new(Mode::Auto, 95, refused(u32::MAX));
    world.run_to_the_end();
    assert_eq!(cause(&world).name, "market_key_refused");
    assert!(
        world.height() < Height(POC_START),
        "it did not wait for the deadline"
    );
    assert_eq!(world.rents(), 0);
    let mut world = World::new(Mode::Auto, 95, refused(2));
    world.run_to_the_end();
    assert!(matches!(
        world.sprint.outcome(),
        Some(Outcome::Confirmed { .. })
    ));
}

#[test]
fn without_offers_the_deadline_passes_and_nothing_is_spent() {
    let mut world = World::new(
        Mode::Auto,
        95,
        Faults {
            no_offers: true,
            ..Faults::default()
        },
    );
    world.run_to_the_end();
    assert_eq!(cause(&world).name, "missed_registration_deadline");
    assert_eq!(world.rents(), 0);
}

#[test]
fn unknown_credit_rents_nothing() {
    let mut world = World::new(
        Mode::Auto,
        95,
        Faults {
            no_credit: true,
            ..Faults::default()
        },
    );
    world.run_to_the_end();
    assert_eq!(world.rents(), 0);
}

#[test]
fn an_unreadable_chain_rents_nothing() {
    let mut world = World::new(
        Mode::Auto,
        95,
        Faults {
            chain_dies_at: Some(20),
            ..Faults::default()
        },
    );
    for _ in 0..1_000 {
        world.tick();
    }
    assert_eq!(world.rents(), 0);
}

#[test]
fn a_destroy_that_does_not_work_is_repeated_until_the_rental_is_gone() {
    let mut world = World::new(
        Mode::Auto,
        95,
        Faults {
            deaf_destroys: 20,
            ..Faults::default()
        },
    );
    world.run_to_the_end();
    assert_eq!(
        world.count(|effect| matches!(effect, Effect::Destroy { .. })),
        21
    );
    assert_nothing_is_left(&world);
}

#[test]
fn a_silent_network_node_does_not_keep_a_rental_alive() {
    let mut world = World::new(Mode::Auto, 95, Faults::default());
    world.until_step(Step::Proving);
    world.faults.node_is_silent = true;
    world.until_step(Step::Releasing);
    let began = world.now;
    world.until(|world| world.rentals.is_empty());
    assert!((world.now - began).num_seconds() <= 60);
}

#[test]
fn a_node_that_sits_the_poc_out_is_told_while_it_lasts_and_explains_the_missing_weight() {
    let mut world = World::new(
        Mode::Auto,
        60,
        Faults {
            no_weight: true,
            never_generates: true,
            ..Faults::default()
        },
    );
    world.until(|world| {
        world
            .sprint
            .note()
            .is_some_and(|note| note.contains("does not generate"))
    });
    assert_eq!(world.sprint.step(), Step::Proving);
    world.run_to_the_end();
    let cause = cause(&world);
    assert_eq!(cause.name, "no_weight");
    assert!(cause.detail.contains("never seen to generate"), "{cause:?}");
}

#[test]
fn a_poc_is_followed_by_status_and_height_in_both_versions() {
    // The second version: a status beside the service's state.
    let mut world = World::new(Mode::Auto, 60, Faults::default());
    world.run_to_the_end();
    let both = Proof {
        generated: true,
        validated: true,
    };
    assert_eq!(world.sprint.proof(), both);
    // The first one: the service's state alone, which does not say which of the two it is.
    let mut world = World::new(
        Mode::Auto,
        60,
        Faults {
            never_generates: true,
            ..Faults::default()
        },
    );
    world.until_step(Step::Proving);
    world.until(|world| world.height() >= Height(POC_START + 2));
    world.status = NodeStatus::Poc;
    world.run_to_the_end();
    assert_eq!(world.sprint.proof(), both);
}

#[test]
fn no_weight_on_the_chain_is_not_success() {
    let mut world = World::new(
        Mode::Auto,
        95,
        Faults {
            no_weight: true,
            ..Faults::default()
        },
    );
    world.run_to_the_end();
    assert!(matches!(
        world.sprint.outcome(),
        Some(Outcome::NoWeight { .. })
    ));
}

#[test]
fn an_unreadable_weight_is_unknown_and_not_failure() {
    let mut world = World::new(
        Mode::Auto,
        95,
        Faults {
            weight_unreadable: true,
            ..Faults::default()
        },
    );
    world.run_to_the_end();
    assert!(matches!(
        world.sprint.outcome(),
        Some(Outcome::Unknown { .. })
    ));
}

#[test]
fn a_restart_while_renting_looks_for_the_label_and_rents_nothing_new() {
    let faults = Faults {
        lost_replies: [1].into(),
        listing_unknown: true,
        ..Faults::default()
    };
    let mut world = World::new(Mode::Auto, 95, faults);
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
fn while_listings_are_unknown_a_lost_rental_is_not_given_up() {
    let faults = Faults {
        lost_replies: [1].into(),
        listing_unknown: true,
        ..Faults::default()
    };
    let mut world = World::new(Mode::Auto, 95, faults);
    world.until_step(Step::Renting);
    for _ in 0..60 {
        world.tick();
    }
    assert_eq!((world.rents(), world.sprint.step()), (1, Step::Renting));
    world.faults.listing_unknown = false;
    world.run_to_the_end();
    assert_nothing_is_left(&world);
}

#[test]
fn a_sprint_survives_being_written_and_read_in_every_step() {
    let mut world = World::new(Mode::Auto, 95, Faults::default());
    world.until(|world| {
        let saved = serde_json::to_string(&world.sprint).unwrap();
        let read: Sprint = serde_json::from_str(&saved).unwrap();
        assert!(world.sprint.is_saved_by(&read) && read.is_saved_by(&world.sprint));
        assert_eq!(serde_json::to_string(&read).unwrap(), saved);
        world.sprint.step() == Step::Done
    });
}

#[test]
fn what_a_restart_needs_makes_a_saved_copy_stale_and_a_new_height_does_not() {
    let mut world = World::new(Mode::Auto, 95, Faults::default());
    world.tick();
    let saved = world.sprint.clone();
    world.tick();
    assert_ne!(world.sprint, saved, "a new height was read");
    assert!(world.sprint.is_saved_by(&saved));
    world.feed(Event::ModeChanged(Mode::Manual));
    assert!(!world.sprint.is_saved_by(&saved));
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
fn a_start_when_the_next_poc_is_too_near_is_for_the_one_after_it() {
    // Given a PoC in ten minutes, which no boot can make,
    let mut world = World::new(Mode::Manual, 10, Faults::default());
    world.tick();
    let after_it = world.sprint.stages().unwrap().poc_start;
    assert!(after_it > Height(POC_START + 10_000));
    // when the operator starts all the same,
    world.feed(Event::Approved(GateKind::Start));
    world.until_step(Step::Choosing);
    // then offers are asked for a day, and their cost says so.
    let session = world.effects.iter().find_map(|effect| match effect {
        Effect::SearchOffers { session, .. } => Some(*session),
        _ => None,
    });
    assert!(session.unwrap() > Duration::hours(20), "{session:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever is said in whatever order, there is never more than one rental, or two with hedging,
    /// no rent call after the deadline, and an abort ends everything.
    #[test]
    fn no_order_of_events_rents_twice_or_leaves_anything(
        storm in prop::collection::vec((0usize..40, any_event()), 0..60),
        stalled in prop::collection::btree_set(1u32..4, 0..3),
        hedges in any::<bool>(),
    ) {
        let faults = Faults { stalled_boots: stalled, ..Faults::default() };
        let (plan, most) = if hedges { (hedge::plan(), 2) } else { (plan(), 1) };
        let mut world = World::with_plan(plan, Mode::Auto, 70, faults);
        for (ticks, event) in storm {
            for _ in 0..ticks {
                let rents = world.rents();
                world.tick();
                // It can be the PoC after the next one: the operator may start a sprint for that.
                let start = world.sprint.stages().map(|stages| stages.poc_start);
                let late = start.is_some_and(|start| world.height() >= start);
                prop_assert!(world.rents() == rents || !late, "rented after the PoC started");
            }
            // What a rent call did is only lost while one is open; elsewhere these are echoes.
            world.feed(event);
        }
        world.feed(Event::AbortRequested);
        world.run_to_the_end();
        prop_assert!(world.sprint.rentals().next().is_none());
        prop_assert!(world.most_rentals <= most, "{} rentals at once", world.most_rentals);
    }

    #[test]
    fn a_spurious_wake_up_does_nothing(ticks in 0usize..900) {
        let mut world = World::new(Mode::Auto, 95, Faults::default());
        for _ in 0..ticks {
            world.tick();
        }
        world.feed(Event::TimePassed);
        let before = world.sprint.clone();
        let effects = world.sprint.handle(world.now, Event::TimePassed);
        prop_assert_eq!(effects, vec![]);
        prop_assert_eq!(world.sprint, before);
    }
}
