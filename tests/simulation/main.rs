//! Flow, engine, journal and clients against the world in one process, in virtual time, on one
//! thread, from one seed. Faults at every call, crashes at any moment; the world's own truth is the
//! judge, never the journal.
//!
//! `cargo test` plays two thousand epochs and every moment at which the program can die in a sprint.
//! More: `cargo run --release --example simulate -- --epochs 100000 --seed 7`. `POCPIT_TRACE=1`
//! prints what came before each window that was missed without an excuse.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod boot;
mod calibration;
mod chance;
mod confirmation;
mod crash;
mod epoch;
mod full_disk;
mod hedge;
mod judge;
mod life;
mod mangled;
mod missed;
mod outage;
mod played;
mod storage;
mod unattended;
mod wake;
mod wire;

use pocpit::domain::{BootStage, Duration, Hedging, InstanceId, ReleasePolicy, UsdPerHour};

use boot::Failure;
use epoch::{Campaign, Plan, Summary};

const MINUTE: Duration = Duration::seconds(60);

/// Epochs of each campaign: `cargo test` plays two thousand in all.
const EPOCHS: u64 = 500;
/// Seeds that found something once. Each is played again for ever, as long as it took.
const ONCE_FAILED: [(u64, Plan, u64); 4] = [
    // A sprint that was over was saved again after its report, and reported again.
    (4, Plan::Crashing, 60),
    (11, Plan::Crashing, 15),
    // Two machines of an old world had offers of the same number, and prices of their own.
    (8, Plan::Crashing, 185),
    // A clock that was half an hour ahead took yesterday's sprint out of the day's budget.
    (92, Plan::Crashing, 100),
];

/// Campaigns side by side.
fn play(campaigns: &[(u64, Plan, u64)]) -> Summary {
    let mut all = Summary::default();
    std::thread::scope(|scope| {
        let running: Vec<_> = campaigns
            .iter()
            .map(|&(seed, plan, epochs)| scope.spawn(move || Campaign::new(seed, plan).run(epochs)))
            .collect();
        for campaign in running {
            let summary = campaign.join().unwrap();
            println!("{summary}");
            all.add(&summary);
        }
    });
    all
}

#[test]
fn without_faults_every_window_is_made() {
    let summary = Campaign::new(1, Plan::Calm).run(20);
    println!("{summary}");
    assert_eq!(summary.confirmed, 20, "{summary}");
}

#[test]
fn the_band_of_a_boots_end_holds_eight_in_ten_of_them() {
    let boots = Campaign::new(3, Plan::Calm).boots_of(80);
    for stage in [BootStage::Placed, BootStage::Downloading] {
        let told = calibration::judge(&boots, stage);
        println!(
            "{stage}: {} of {} within p10-p90, which are {:.2} apart; middle wrong by {:.0} %",
            told.within,
            told.judged,
            told.width,
            100.0 * told.median_error
        );
        assert!(told.judged >= 50, "{told:?}");
        assert!(told.share() > 0.75, "{stage}: {told:?}");
        // A band that is too wide is as useless as one that is too narrow.
        assert!(told.width < 2.2, "{stage}: {told:?}");
        assert!(told.median_error < 0.2, "{stage}: {told:?}");
    }
}

#[test]
fn a_clock_that_is_an_hour_behind_costs_no_epoch() {
    let summary = Campaign::new(1, Plan::WrongClock).run(5);
    assert_eq!(summary.confirmed, 5, "{summary}");
}

#[test]
fn whatever_fails_nothing_leaks_and_nothing_is_rented_twice() {
    let all = play(&[(2, Plan::Faulty, EPOCHS), (13, Plan::Faulty, EPOCHS)]);
    assert!(all.faults > 10_000, "{all}");
    assert!(all.windows > 500 && all.made() > 0.99, "{all}");
}

#[test]
fn whenever_it_crashes_it_converges() {
    let all = play(&[(4, Plan::Crashing, EPOCHS), (5, Plan::Crashing, EPOCHS)]);
    assert!(all.crashes > 500, "{all}");
    assert!(all.windows > 500 && all.made() > 0.97, "{all}");
}

#[test]
fn left_alone_for_days_each_epoch_is_in_the_journal_and_nothing_is_left_over() {
    let account = unattended::play(1, 4);
    println!("{account}");
    assert_eq!(account.epochs, 4);
    assert!(account.confirmed() >= 1, "{account}");
    assert!(account.deaths >= 2 && account.beats > 100, "{account}");
    // Every epoch's end is told, by a notice that may come twice when its answer was lost; and whoever is
    // told is not told all day.
    let titles = account.told.keys();
    let confirmed = titles.filter(|told| told.contains("confirmed"));
    assert_eq!(confirmed.count() as u64, account.confirmed(), "{account}");
    let pages = account.told_with("warning") + account.told_with("critical");
    assert!((1..12 * account.epochs).contains(&pages), "{account}");
}

#[test]
fn what_failed_once_does_not_fail_again() {
    play(&ONCE_FAILED);
}

#[test]
fn whenever_it_dies_before_or_after_a_call_or_a_write_it_goes_on_with_one_rental() {
    let moments = crash::die_at_every_moment();
    println!("{moments} moments");
    assert!(moments > 1_000, "{moments} moments");
}

#[test]
fn whenever_it_dies_in_a_race_of_two_rentals_it_goes_on_with_both() {
    let moments = crash::die_in_a_race();
    println!("{moments} moments");
    assert!(moments > 250, "{moments} moments");
}

#[test]
fn a_machine_that_stalls_is_overtaken_and_the_epoch_that_it_would_have_cost_is_made() {
    // Given a first machine that stops in the middle of its download, when nothing is hedged,
    let missed = hedge::play(1, Hedging::Off, |_| {});
    // then the epoch is missed,
    assert_eq!(missed.report.outcome, "failed", "{missed:?}");
    assert_eq!((missed.peak, missed.report.race), (1, None));
    // and with a second rental beside it, in the same world, it is made.
    let made = hedge::play(1, Hedging::On, |_| {});
    assert_eq!(made.report.outcome, "confirmed", "{made:?}");
    assert!(made.weight.is_some_and(|weight| weight > 0), "{made:?}");
    let race = made.report.race.expect("a race");
    let [first, second] = &made.rentals[..] else {
        panic!("{made:?}");
    };
    assert_eq!(race.winner, Some(InstanceId(second.id)));
    assert_eq!((made.peak, race.first), (2, InstanceId(first.id)));
    // Both are counted, and the loser was given back long before the winner.
    let (counted, spent) = (made.report.cost_usd, (first.cost + second.cost).dollars());
    assert!(
        (counted - spent).abs() < 0.02 * spent,
        "{counted} of {spent}"
    );
    assert!(second.ended.unwrap() - first.ended.unwrap() > Duration::minutes(10));
    assert!(made.ledger.open_rentals().is_empty());
}

#[test]
fn a_budget_without_room_for_two_keeps_the_second_rental_from_being_made() {
    let narrow = |config: &mut pocpit::config::Config| {
        config.budget.per_hour = UsdPerHour::from_dollars(14.0);
    };
    let played = hedge::play(1, Hedging::On, narrow);
    assert_eq!((played.peak, played.report.race), (1, None));
    assert_eq!(played.report.outcome, "failed", "{played:?}");
}

#[test]
fn the_same_seed_gives_the_same_run() {
    let run = || Campaign::new(9, Plan::Crashing).run(8).to_string();
    assert_eq!(run(), run());
}

#[test]
fn wake_ups_come_within_fifteen_seconds_however_rarely_the_chain_is_read() {
    let (most, beat) = (Duration::seconds(15), Duration::seconds(100));
    for seed in 1..=8 {
        let late = wake::lateness(seed, beat, wake::Blocks::Asked);
        println!("seed {seed}: {late:?}");
        assert!(late.renting.abs() <= most, "{late:?}");
        let after = Duration::zero()..=most;
        assert!(after.contains(&late.releasing), "{late:?}");
        assert!(after.contains(&late.confirming), "{late:?}");
    }
}

#[test]
fn where_blocks_are_announced_a_height_that_decides_is_acted_on_within_seconds() {
    let (most, beat) = (Duration::seconds(7), Duration::seconds(100));
    for seed in 1..=8 {
        let late = wake::lateness(seed, beat, wake::Blocks::Announced);
        println!("seed {seed}: {late:?}");
        let after = Duration::zero()..=most;
        assert!(after.contains(&late.releasing), "{late:?}");
        assert!(after.contains(&late.confirming), "{late:?}");
    }
}

#[test]
fn a_node_that_is_gone_in_a_confirmation_costs_the_epochs_reward() {
    let played = confirmation::play(ReleasePolicy::AfterValidation);
    assert_eq!(played.report.outcome, "confirmed");
    assert!(played.confirmation.costs_the_reward(), "{played:?}");
}

#[test]
fn a_node_that_is_held_through_the_confirmation_keeps_the_reward_and_is_then_given_back() {
    let played = confirmation::play(ReleasePolicy::AfterConfirmation);
    assert_eq!(played.report.outcome, "confirmed");
    assert!(!played.confirmation.costs_the_reward(), "{played:?}");
    let after = played.given_back - played.confirmed_at;
    let soon = Duration::zero()..Duration::minutes(2);
    assert!(soon.contains(&after), "{after} after the confirmation");
}

#[test]
fn a_known_failure_of_a_machine_is_acted_upon_within_a_minute_by_taking_another() {
    let log = [
        "RuntimeError: No CUDA GPUs are available",
        "torch.distributed.DistBackendError: NCCL error in: NCCLUtils.cpp:77, unhandled system error",
        "RuntimeError: The NVIDIA driver on your system is too old (found version 12020).",
        "torch.AcceleratorError: CUDA error: uncorrectable ECC error encountered",
        "RuntimeError: Engine core initialization failed. See root cause above.",
    ];
    let row = [
        "failed to register layer: write /usr/lib/libtorch.so: no space left on device",
        "Error response from daemon: failed to create task for container: OCI runtime create failed: unresolvable CDI devices /gpu=8: unknown",
        "Error response from daemon: toomanyrequests: You have reached your unauthenticated pull rate limit.",
        "docker: Error response from daemon: could not select device driver \"\" with capabilities: [[gpu]].",
    ];
    let log = log.map(Failure::Log);
    let row = row.map(Failure::Row);
    let machine = [Failure::MissingGpus(1), Failure::OldDriver("12.2")];
    for failure in log.into_iter().chain(row).chain(machine) {
        let acted = boot::act_on(failure);
        assert!(acted.given_back_after <= MINUTE, "{failure:?}: {acted:?}");
        assert!(
            acted.evidence.contains(failure.words()),
            "{failure:?}: {acted:?}"
        );
        assert!(acted.took_another, "{failure:?}: {acted:?}");
    }
}

#[test]
fn a_known_failure_of_ours_is_acted_upon_within_a_minute_by_stopping_with_its_cause() {
    for (failure, cause) in [
        (
            Failure::Log("torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB."),
            "GPU memory is too small",
        ),
        (
            Failure::Log("OSError: [Errno 28] No space left on device"),
            "the disk is full",
        ),
        (
            Failure::Log(
                "huggingface_hub.errors.GatedRepoError: 401 Client Error. Cannot access gated repo for url",
            ),
            "the model is gated",
        ),
        (
            Failure::Row(
                "Error response from daemon: manifest for org/node:3.9 not found: manifest unknown",
            ),
            "the image does not exist",
        ),
        (
            Failure::Row("Error response from daemon: pull access denied for org/node"),
            "the image is not public",
        ),
    ] {
        let acted = boot::act_on(failure);
        assert!(acted.given_back_after <= MINUTE, "{failure:?}: {acted:?}");
        assert!(
            acted.evidence.contains(failure.words()),
            "{failure:?}: {acted:?}"
        );
        assert!(!acted.took_another, "{failure:?}: {acted:?}");
        assert!(acted.cause.contains(cause), "{failure:?}: {acted:?}");
    }
}

#[test]
fn a_key_that_is_accepted_after_minutes_is_waited_for() {
    let denied = boot::deny_for(150.0);
    assert!(denied.was_let_in, "{denied:?}");
    assert!(denied.lasted >= MINUTE * 2, "{denied:?}");
    assert_eq!(denied.rentals, 1, "{denied:?}");
}

#[test]
fn a_key_that_is_never_accepted_is_ours_to_mend_and_blames_no_machine() {
    let denied = boot::deny_for(1e6);
    assert!(!denied.was_let_in, "{denied:?}");
    // Ten minutes are no delay any more, and no other machine would take it.
    assert!(denied.lasted <= MINUTE * 12, "{denied:?}");
    assert_eq!(denied.rentals, 1, "{denied:?}");
    for said in ["SSH rejects our key", "ssh.key_file"] {
        assert!(denied.cause.contains(said), "{said}: {denied:?}");
    }
}

#[test]
fn before_the_log_file_begins_the_markets_copies_are_shown_each_line_once() {
    let lines = boot::shown_log();
    let place = |part: &str| {
        let mut places = (0..).zip(&lines).filter(|(_, line)| line.contains(part));
        let place = places.next();
        assert!(places.next().is_none(), "twice: {part}: {lines:#?}");
        place.map(|(place, _)| place).expect(part)
    };
    let order = [
        "as the market copies its last lines",
        "Starting OpenBSD Secure Shell server",
        "onstart of C.",
        "own log from here on",
        "Started server process",
        "Uvicorn running",
    ];
    let places = order.map(place);
    assert!(places.is_sorted(), "{lines:#?}");
}

#[test]
fn an_upgrade_that_halts_the_chain_before_the_poc_is_waited_out_without_a_rental() {
    assert_eq!(confirmation::wait_out_an_upgrade(), 0);
}
