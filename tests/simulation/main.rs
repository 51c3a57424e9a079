//! Flow, engine, journal and clients against the world in one process, in virtual time, on one
//! thread, from one seed. Faults at every call, crashes at any moment; the world itself is the judge,
//! never the journal.
//!
//! `cargo test` plays some epochs of each plan. The deep tier plays thousands, and every moment at
//! which the program can die in a sprint:
//! `cargo test --test simulation -- --ignored`. More:
//! `cargo run --release --example simulate -- --epochs 100000 --seed 7`. `POCPIT_TRACE=1` prints what
//! came before each window that was missed without an excuse.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod boot;
mod calibration;
mod chance;
mod confirmation;
mod crash;
mod epoch;
mod fleet;
mod full_disk;
mod hedge;
mod judge;
mod life;
mod mangled;
mod market;
mod missed;
mod outage;
mod plan;
mod played;
mod refusal;
mod setup;
mod storage;
mod summary;
mod unattended;
mod wake;
mod wire;

use std::sync::atomic::{AtomicUsize, Ordering};

use pocpit::domain::{
    BootStage, Duration, Hedging, InstanceId, Outcome, OutcomeKind, ReleasePolicy, Step, UsdPerHour,
};
use pocpit::engine::{AlertLevel, Condition};
use pocpit::flow::Cap;
use pocpit::world::{MlNodeRelease, WorkloadFault};

use boot::Failure;
use epoch::Campaign;
use fleet::{FleetCampaign, FleetSum};
use plan::Plan;
use played::{MachineFault, MarketCall};
use summary::Summary;

const MINUTE: Duration = Duration::seconds(60);

/// The world's JSON is built and parsed some thousand times an epoch.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Epochs of a campaign in the default tier.
const SHORT: u64 = 40;
/// Epochs of a campaign in the deep tier, which plays 3,280 in all.
const LONG: u64 = 320;

/// Least share of the windows that could be made and are made.
const MADE: f64 = 0.995;

/// Regressions: seeds that once failed, for as many epochs as it took.
const REGRESSIONS: [(u64, Plan, u64); 6] = [
    // A finished sprint was saved again after its report, and reported again.
    (11, Plan::Crashing, 15),
    (4, Plan::Crashing, 60),
    // A clock half an hour ahead took yesterday's sprint out of the day's budget.
    (92, Plan::Crashing, 100),
    // Two machines of an old world had offers with the same id and different prices.
    (8, Plan::Crashing, 185),
    // A rental was lost while the chain stood still, until four minutes before the `PoC`.
    (1, Plan::Crashing, 60),
    // A clock that was set back stopped the polls and the searches for as long.
    (6, Plan::Crashing, 100),
];
/// The first of them are short enough for the default tier.
const SHORT_REGRESSIONS: usize = 2;

/// Plays campaigns on all cores. A violation prints its seed.
fn play(campaigns: &[(u64, Plan, u64)]) -> Summary {
    let mut all = Summary::default();
    for summary in on_all_cores(campaigns, |&(seed, plan, epochs)| {
        Campaign::new(seed, plan).run(epochs)
    }) {
        println!("{summary}");
        all.add(&summary);
    }
    all
}

/// One campaign a seed.
fn play_seeds(seeds: &[u64], plan: Plan, epochs: u64) -> Summary {
    let campaigns = seeds.iter().map(|&seed| (seed, plan, epochs));
    play(&campaigns.collect::<Vec<_>>())
}

/// Maps the items in order, one thread per core.
fn on_all_cores<T: Sync, R: Send>(items: &[T], map: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let workers = std::thread::available_parallelism().map_or(2, usize::from);
    let worker = || {
        let mut done = Vec::new();
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(item) = items.get(index) else {
                return done;
            };
            done.push((index, map(item)));
        }
    };
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..workers).map(|_| scope.spawn(worker)).collect();
        let done = workers.into_iter().map(std::thread::ScopedJoinHandle::join);
        // A panic carries on with its message, which names the seed.
        let mut all: Vec<(usize, R)> = done
            .flat_map(|done| done.unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .collect();
        all.sort_by_key(|(index, _)| *index);
        all.into_iter().map(|(_, result)| result).collect()
    })
}

#[test]
fn calm_epochs_make_every_window() {
    let summary = Campaign::new(1, Plan::Calm).run(20);
    println!("{summary}");
    assert_eq!(summary.confirmed, 20, "{summary}");
}

#[test]
fn every_replica_of_a_calm_fleet_makes_its_window() {
    let sum = FleetCampaign::new(1, Plan::Calm, 6).run(3);
    assert_eq!((sum.windows, sum.made), (18, 18), "{sum:?}");
}

/// Two models at two hosts, paid by two accounts.
#[test]
fn pools_at_several_places_make_their_windows() {
    let mut fleet = FleetCampaign::spread(1, Plan::Calm, &[2, 1, 1, 2]);
    fleet.play(3);
    let sum = fleet.sum;
    assert_eq!((sum.windows, sum.made), (18, 18), "{sum:?}");
    let rentals = fleet.rentals_by_account();
    assert!(
        rentals.len() == 2 && rentals.values().all(|each| *each >= 2),
        "{rentals:?}"
    );
}

/// Faults, and deaths at any moment: what one account does not list is not gone.
#[test]
fn pools_at_several_places_leak_no_rental() {
    let campaigns = [(2, Plan::Faulty), (3, Plan::Crashing)];
    on_all_cores(&campaigns, |&(seed, plan)| {
        let sum = FleetCampaign::spread(seed, plan, &[2, 2, 1]).run(5);
        let made = f64::from(sum.made) / f64::from(sum.windows.max(1));
        assert!(sum.windows > 0 && made >= 0.95, "seed {seed}: {sum:?}");
    });
}

/// What the market allows in a minute, or less where others with the same key need it.
#[test]
#[ignore = "deep: 50 replicas"]
fn fifty_replicas_stay_within_the_markets_limits() {
    let mut fleet = FleetCampaign::new(1, Plan::Calm, 50);
    fleet.play(2);
    let sum = fleet.sum;
    assert_eq!((sum.windows, sum.made), (100, 100), "{sum:?}");
    assert!(sum.slowest_rent <= 30, "{sum:?}");
    let limits = [
        (MarketCall::Listing, 18),
        (MarketCall::Instance, 30),
        (MarketCall::Search, 6),
        (MarketCall::Rent, 12),
        (MarketCall::Destroy, 20),
        (MarketCall::Log, 30),
    ];
    let busiest = fleet.busiest_minute();
    for (call, limit) in limits {
        let most = busiest.get(&call).copied().unwrap_or_default();
        assert!(most <= limit, "{call:?}: {most} in a minute, {busiest:?}");
    }
    let entries = fleet.entries();
    assert!(entries <= 80 * 100, "{entries} entries");
}

/// The judge compares the cap with what the world has charged, at every look.
#[test]
fn cap_of_an_epoch_holds_for_all_replicas_together() {
    for cap in [Cap::Epoch, Cap::PoolEpoch] {
        let sum = FleetCampaign::new(1, Plan::Calm, 6)
            .with_cap(cap, 60.0)
            .run(2);
        assert!(sum.made > 2 && sum.refused > 2, "{cap:?} {sum:?}");
        assert_eq!(sum.made + sum.refused, 12, "{cap:?} {sum:?}");
    }
}

/// Enough for some replicas at worst: the others are refused, and nobody's rental ends for want of credit.
#[test]
fn credit_of_an_account_is_shared_by_its_rentals() {
    let sum = FleetCampaign::with_credit(1, Plan::Calm, 6, 60.0).run(1);
    assert!(sum.made > 1 && sum.refused > 1, "{sum:?}");
    assert_eq!(sum.made + sum.refused, 6, "{sum:?}");
}

#[test]
fn few_second_machines_race_at_the_same_time() {
    let sum = FleetCampaign::new(3, Plan::Faulty, 6).with_hedges().run(3);
    assert!(sum.races > 0, "{sum:?}");
}

#[test]
fn replicas_that_are_taken_out_finish_what_they_rented() {
    FleetCampaign::new(6, Plan::Calm, 3).retire_two();
}

#[test]
fn pools_that_are_left_out_finish_what_they_rented() {
    FleetCampaign::spread(6, Plan::Calm, &[1, 2, 1]).leave_out_other_pools();
}

/// Faults on a fifth of the calls: one machine once, caps by the world's word, nothing left.
#[test]
fn faulty_fleets_leak_no_rental() {
    play_fleets(&[(2, 4), (3, 6)], Plan::Faulty, 5);
}

/// The same, and the program dies at any moment.
#[test]
fn crashing_fleets_converge_without_a_leak() {
    let all = play_fleets(&[(4, 3), (5, 6)], Plan::Crashing, 5);
    assert!(all.iter().all(|sum| sum.crashes > 0), "{all:?}");
}

/// Many rentals must not hold up what one of them waits for.
#[test]
#[ignore = "deep: 200 replicas"]
fn every_replica_of_a_fleet_of_200_makes_its_window() {
    let mut fleet = FleetCampaign::new(1, Plan::Calm, 200);
    fleet.play(1);
    let sum = fleet.sum;
    assert_eq!((sum.windows, sum.made), (200, 200), "{sum:?}");
    let entries = fleet.entries();
    assert!(entries <= 60 * 200, "{entries} entries");
}

/// Seeds with their number of replicas.
fn play_fleets(fleets: &[(u64, u32)], plan: Plan, epochs: u64) -> Vec<FleetSum> {
    on_all_cores(fleets, |&(seed, replicas)| {
        let sum = FleetCampaign::new(seed, plan, replicas).run(epochs);
        let made = f64::from(sum.made) / f64::from(sum.windows.max(1));
        assert!(sum.windows > 0 && made >= 0.95, "seed {seed}: {sum:?}");
        sum
    })
}

#[test]
fn boot_estimate_band_is_calibrated() {
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
fn slow_clock_costs_no_epoch() {
    let summary = Campaign::new(1, Plan::WrongClock).run(5);
    assert_eq!(summary.confirmed, 5, "{summary}");
}

/// Set right, set ahead, set back: in each boot by an hour.
#[test]
fn clock_set_during_a_boot_costs_no_epoch() {
    let summary = Campaign::new(1, Plan::SetClock).run(6);
    assert_eq!(summary.confirmed, 6, "{summary}");
}

/// Set back, set right from behind and from ahead: each time by an hour. No poll or search waits for the time
/// that was.
#[test]
fn clock_set_before_renting_costs_no_epoch() {
    let summary = Campaign::new(1, Plan::SetIdleClock).run(6);
    assert_eq!(summary.confirmed, 6, "{summary}");
}

/// A full disk, a read-only one, and no descriptors: in each boot for five minutes.
#[test]
fn machine_faults_that_pass_cost_no_epoch() {
    let summary = Campaign::new(1, Plan::BrokenMachine).run(6);
    assert_eq!(summary.confirmed, 6, "{summary}");
}

#[test]
fn few_descriptors_are_an_alert() {
    let alert = boot::watch(boot::generous(), |stage, snapshot| {
        let (now, hour) = (stage.time(), Duration::hours(1));
        let fault = (MachineFault::NoDescriptors, now..now + hour);
        stage.break_machine(Some(fault));
        let mut alerts = snapshot.alerts.iter();
        let few = alerts.find(|alert| alert.condition == Condition::DescriptorsLow);
        few.cloned()
    });
    assert_eq!(alert.level, AlertLevel::Critical);
    assert!(alert.text.contains("1024 of 1024"), "{}", alert.text);
    assert!(alert.advice.text.contains("LimitNOFILE"), "{alert:?}");
}

#[test]
fn fast_clock_rents_nothing() {
    let summary = Campaign::new(1, Plan::FastClock).run(2);
    assert_eq!((summary.confirmed, summary.violations), (0, 0), "{summary}");
    assert!(summary.spend < 0.01, "{summary}");
    let mut causes = summary.misses.keys();
    assert!(
        causes.any(|cause| cause.contains("missed_registration_deadline")),
        "{summary}"
    );
}

/// Shorter than a sprint's lead, and restarts of the Network Node with an old list of its nodes.
#[test]
fn outages_before_a_poc_cost_no_epoch() {
    let summary = play_seeds(&[1, 2], Plan::Outages, 12);
    assert_eq!(
        (summary.windows, summary.windows_made),
        (24, 24),
        "{summary}"
    );
}

/// Except those that break in their `PoC` or just before it.
#[test]
fn broken_workloads_cost_no_epoch() {
    let summary = play_seeds(&[1, 2], Plan::Workloads, 12);
    assert!(summary.windows > 12, "{summary}");
    assert_eq!(summary.windows_made, summary.windows, "{summary}");
}

/// Two to four of them, of mixed releases, at each release of the Network Node: no removal of ours holds up
/// their `PoC`, and none is loaded again.
#[test]
fn other_nodes_are_never_harmed() {
    beside_other_nodes(3);
}

#[test]
#[ignore = "deep: 400 epochs"]
fn other_nodes_are_never_harmed_for_long() {
    beside_other_nodes(40);
}

/// A registration that comes back with a restart of dapi, and is not removed near `PoC` because of the other
/// nodes, does not reach the next rental.
fn beside_other_nodes(epochs: u64) {
    let seeds = [2, 3, 4, 6, 7];
    for plan in [Plan::Workloads, Plan::Outages] {
        let summary = play_seeds(&seeds, plan, epochs);
        assert_eq!(summary.epochs, 5 * epochs, "{summary}");
        assert!(summary.windows > 0 && summary.made() >= MADE, "{summary}");
    }
}

#[test]
fn faults_leak_no_rental() {
    let all = play_seeds(&[2, 13], Plan::Faulty, SHORT);
    assert!(all.faults > 800, "{all}");
    assert!(all.windows > 40 && all.made() > 0.95, "{all}");
}

#[test]
#[ignore = "deep: 1,280 epochs"]
fn long_faulty_campaigns_leak_no_rental() {
    let all = play_seeds(&[2, 13, 38, 102], Plan::Faulty, LONG);
    assert!(all.faults > 12_800, "{all}");
    assert!(all.windows > 640 && all.made() >= MADE, "{all}");
    assert!(
        all.holds > 10 && all.holds_kept * 20 >= all.holds * 19,
        "{all}"
    );
}

#[test]
fn crashes_converge_without_a_leak() {
    let all = play_seeds(&[4, 5, 6], Plan::Crashing, SHORT);
    assert!(all.crashes > 40, "{all}");
    assert!(all.windows > 40 && all.made() > 0.9, "{all}");
}

#[test]
#[ignore = "deep: 1,600 epochs"]
fn long_crashing_campaigns_converge() {
    let all = play_seeds(&[4, 5, 6, 23, 105], Plan::Crashing, LONG);
    assert!(all.crashes > 640, "{all}");
    assert!(all.windows > 640 && all.made() >= MADE, "{all}");
    // A program that is dead when its confirmation begins has no tunnel: 48 of 52 were kept.
    assert!(
        all.holds > 10 && all.holds_kept * 10 >= all.holds * 9,
        "{all}"
    );
}

#[test]
fn short_regressions_stay_fixed() {
    play(&REGRESSIONS[..SHORT_REGRESSIONS]);
}

#[test]
#[ignore = "deep: 345 epochs"]
fn long_regressions_stay_fixed() {
    play(&REGRESSIONS[SHORT_REGRESSIONS..]);
}

/// Every epoch is in the journal once, its end is sent as a notice, and nothing is left over.
fn run_unattended(seed: u64, epochs: u64) -> unattended::Account {
    let account = unattended::play(seed, epochs);
    println!("{account}");
    assert_eq!(account.epochs, epochs);
    // A notice whose answer was lost may come twice, so titles are counted.
    let titles = account.told.keys();
    let confirmed = titles.filter(|title| title.contains(": confirmed"));
    assert_eq!(confirmed.count() as u64, account.confirmed(), "{account}");
    account
}

#[test]
fn unattended_day_is_journaled_and_clean() {
    run_unattended(1, 1);
}

#[test]
#[ignore = "deep: 8 days"]
fn unattended_days_are_journaled_and_clean() {
    for account in on_all_cores(&[1, 2], |&seed| run_unattended(seed, 4)) {
        assert!(account.confirmed() >= 1, "{account}");
        assert!(account.deaths >= 2 && account.beats > 100, "{account}");
        // Alerts are sent, but not all day long.
        let alerts = account.told_with("warning") + account.told_with("critical");
        assert!((1..12 * account.epochs).contains(&alerts), "{account}");
    }
}

#[test]
fn sampled_crash_moments_resume_one_rental() {
    let moments = crash::die_in_a_sprint(crash::Moments::Sampled { seed: 21, of: 16 });
    assert!(moments > 60, "{moments} moments");
}

#[test]
fn sampled_crash_moments_of_a_fleet_resume_each_rental() {
    let moments = crash::die_in_a_fleet(crash::Moments::Sampled { seed: 21, of: 96 });
    assert!(moments > 10, "{moments} moments");
}

#[test]
#[ignore = "deep: more than 1,000 crashes"]
fn many_crash_moments_of_a_fleet_resume_each_rental() {
    let moments = crash::die_in_a_fleet(crash::Moments::Sampled { seed: 5, of: 16 });
    assert!(moments > 1_000, "{moments} moments");
}

#[test]
#[ignore = "by hand: every moment of a sprint of three replicas, for most of an hour"]
fn every_crash_moment_of_a_fleet_resumes_each_rental() {
    let moments = crash::die_in_a_fleet(crash::Moments::All { seed: 21 });
    assert!(moments > 1_000, "{moments} moments");
}

#[test]
#[ignore = "deep: more than 2,000 crashes"]
fn every_crash_moment_resumes_one_rental() {
    for seed in [21, 22] {
        let moments = crash::die_in_a_sprint(crash::Moments::All { seed });
        println!("seed {seed}: {moments} moments");
        assert!(moments > 1_000, "seed {seed}: {moments} moments");
    }
}

#[test]
fn sampled_race_crashes_resume_both_rentals() {
    let moments = crash::die_in_a_race(crash::Moments::Sampled { seed: 21, of: 16 });
    assert!(moments > 15, "{moments} moments");
}

#[test]
#[ignore = "deep: more than 500 crashes"]
fn every_race_crash_resumes_both_rentals() {
    for seed in [21, 22] {
        let moments = crash::die_in_a_race(crash::Moments::All { seed });
        println!("seed {seed}: {moments} moments");
        assert!(moments > 250, "seed {seed}: {moments} moments");
    }
}

#[test]
fn hedge_overtakes_a_stalled_machine() {
    // Given a first machine that stops in the middle of its download, when nothing is hedged,
    let missed = hedge::play(1, Hedging::Off, |_| {});
    // then the epoch is missed,
    assert_eq!(missed.report.outcome, OutcomeKind::Failed, "{missed:?}");
    assert_eq!((missed.peak, missed.report.race), (1, None));
    // and with a second rental beside it, in the same world, it is made.
    let made = hedge::play(1, Hedging::On, |_| {});
    assert_eq!(made.report.outcome, OutcomeKind::Confirmed, "{made:?}");
    assert!(made.weight.is_some_and(|weight| weight > 0), "{made:?}");
    let race = made.report.race.expect("a race");
    let [first, second] = &made.rentals[..] else {
        panic!("{made:?}");
    };
    assert_eq!(race.winner, Some(InstanceId(second.id)));
    assert_eq!((made.peak, race.first), (2, InstanceId(first.id)));
    // Both are counted, and the loser was released long before the winner.
    let (counted, spent) = (made.report.cost_usd, (first.cost + second.cost).dollars());
    // The loser's weights count in full, although it downloaded only some of them.
    let over = counted - spent;
    assert!(
        over > -0.02 * spent && over < 0.02 * spent + epoch::UNUSED_WEIGHTS,
        "{counted} of {spent}"
    );
    assert!(second.ended.unwrap() - first.ended.unwrap() > Duration::minutes(10));
    assert!(made.ledger.open_rentals().is_empty());
}

#[test]
fn tight_budget_prevents_a_hedge() {
    let narrow = |config: &mut pocpit::config::Config| {
        config.budget.per_hour = UsdPerHour::from_dollars(14.0);
    };
    let played = hedge::play(1, Hedging::On, narrow);
    assert_eq!((played.peak, played.report.race), (1, None));
    assert_eq!(played.report.outcome, OutcomeKind::Failed, "{played:?}");
}

#[test]
fn same_seed_gives_same_run() {
    let run = || Campaign::new(9, Plan::Crashing).run(8).to_string();
    assert_eq!(run(), run());
}

#[test]
fn rare_polls_wake_within_fifteen_seconds() {
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
fn announced_heights_are_acted_on_within_seconds() {
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
fn release_before_confirmation_costs_the_reward() {
    let played = confirmation::play(ReleasePolicy::AfterValidation);
    assert_eq!(played.report.outcome, OutcomeKind::Confirmed);
    assert!(played.confirmation.costs_the_reward(), "{played:?}");
}

#[test]
fn hold_through_confirmation_keeps_the_reward() {
    let played = confirmation::play(ReleasePolicy::AfterConfirmation);
    assert_eq!(played.report.outcome, OutcomeKind::Confirmed);
    assert!(!played.confirmation.costs_the_reward(), "{played:?}");
    let after = played.given_back - played.confirmed_at;
    let soon = Duration::zero()..Duration::minutes(2);
    assert!(soon.contains(&after), "{after} after the confirmation");
}

#[test]
fn machine_failure_is_replaced_within_a_minute() {
    let log = [
        "RuntimeError: No CUDA GPUs are available",
        "torch.distributed.DistBackendError: NCCL error in: NCCLUtils.cpp:77, unhandled system error",
        "RuntimeError: The NVIDIA driver on your system is too old (found version 12020).",
        "torch.AcceleratorError: CUDA error: uncorrectable ECC error encountered",
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

/// Realistic nodes: silent downloads, INFERENCE during the load, a time limit, exits and restarts.
#[test]
fn workload_that_ends_costs_no_epoch() {
    let (old, new) = (MlNodeRelease::V3_0_14, MlNodeRelease::V3_0_16);
    for (release, fault) in [
        (old, None),
        (old, Some(WorkloadFault::Exits { after: 30.0 })),
        (new, None),
        (new, Some(WorkloadFault::VllmCrashes { after: 30.0 })),
        (new, Some(WorkloadFault::FirstStartFails)),
        (new, Some(WorkloadFault::AlarmingPrompt { after: 30.0 })),
    ] {
        let lived = boot::live_through(release, fault);
        let confirmed = matches!(lived.outcome, Outcome::Confirmed { .. });
        assert!(confirmed, "{release} {fault:?}: {lived:?}");
        assert_eq!(lived.rentals, 1, "{release} {fault:?}: {lived:?}");
    }
}

#[test]
fn broken_workload_is_reported_within_fifteen_seconds() {
    const KNOWN: [&str; 7] = [
        "vLLM did not start",
        "the workload ended",
        "a GPU program crashed",
        "vLLM hangs",
        "vLLM ended",
        "the model is no longer served",
        // By how the polls fall; the cause follows when the process has ended.
        "the node does not answer",
    ];
    let mut breaks = vec![(WorkloadFault::FirstStartFails, Step::Warming)];
    for (after, step) in [
        // Later than the next poll of a node that has become ready.
        (8.0, Step::Registering),
        (240.0, Step::Proving),
        // Held for a confirmation.
        (6_600.0, Step::Confirming),
    ] {
        breaks.push((WorkloadFault::Exits { after }, step));
        breaks.push((WorkloadFault::VllmCrashes { after }, step));
        breaks.push((WorkloadFault::VllmFreezes { after }, step));
    }
    for release in [MlNodeRelease::V3_0_14, MlNodeRelease::V3_0_16] {
        for (fault, step) in &breaks {
            let reported = boot::report_of(release, *fault);
            println!("{release} {fault:?}: {reported:?}");
            let soon = reported.after <= Duration::seconds(15);
            assert!(soon, "{release} {fault:?}: {reported:?}");
            assert_eq!(reported.step, *step, "{release} {fault:?}: {reported:?}");
            let known = KNOWN.contains(&reported.trouble.as_str());
            assert!(known, "{release} {fault:?}: {reported:?}");
        }
    }
}

#[test]
fn own_failure_stops_within_a_minute() {
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

/// What would never get better is given back long before the boot's time is over.
#[test]
fn lasting_refusal_ends_the_boot_with_its_cause() {
    for (failure, cause, took_another) in [
        (
            Failure::SilentSsh,
            "no SSH server answers on the rental",
            true,
        ),
        (
            Failure::RefusedStart,
            "the node refuses to start the model",
            false,
        ),
    ] {
        let acted = boot::act_on(failure);
        assert!(
            acted.given_back_after <= MINUTE * 12,
            "{failure:?}: {acted:?}"
        );
        assert!(
            acted.evidence.contains(failure.words()),
            "{failure:?}: {acted:?}"
        );
        assert_eq!(acted.took_another, took_another, "{failure:?}: {acted:?}");
        let is_said = took_another || acted.cause.contains(cause);
        assert!(is_said, "{failure:?}: {acted:?}");
    }
}

#[test]
fn late_ssh_key_is_awaited() {
    let denied = boot::deny_for(150.0);
    assert!(denied.was_let_in, "{denied:?}");
    assert!(denied.lasted >= MINUTE * 2, "{denied:?}");
    assert_eq!(denied.rentals, 1, "{denied:?}");
}

#[test]
fn rejected_ssh_key_blames_no_machine() {
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
fn market_log_lines_appear_once() {
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
fn chain_upgrade_is_waited_out_without_rental() {
    assert_eq!(confirmation::wait_out_an_upgrade(), 0);
}
