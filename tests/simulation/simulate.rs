//! The long run: `cargo run --release --example simulate -- --epochs 100000 --seed 7`.
//!
//! Many campaigns of a few hundred epochs, each on a world, a journal and a seed of its own, on all
//! cores. With `--unattended` it is one, and the time in between is played too. A violation ends its campaign
//! with the seed and what came before; the others are played on, so that one run finds more than one. With
//! `--replicas` it is one campaign of a fleet, on one core: the figures of several sizes show what a replica
//! costs.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(dead_code, reason = "the tests play the same parts, and more of them")]

mod chance;
mod epoch;
mod fleet;
mod hedge;
mod judge;
mod life;
mod plan;
mod played;
mod refusal;
mod setup;
mod storage;
mod summary;
mod unattended;
mod wire;

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use clap::Parser;
use epoch::Campaign;
use fleet::FleetCampaign;
use plan::Plan;
use summary::Summary;

/// The world's JSON is made and read some thousand times an epoch.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Plays epochs in virtual time, with faults and crashes.
#[derive(Debug, Parser)]
struct Arguments {
    /// How many epochs.
    #[arg(long, default_value = "100000")]
    epochs: u64,
    /// Seed of the first campaign; the others follow it.
    #[arg(long, default_value = "1")]
    seed: u64,
    /// Plays these epochs with one program that runs on its own between crashes.
    #[arg(long)]
    unattended: bool,
    /// Plays these epochs with so many replicas.
    #[arg(long, conflicts_with = "unattended")]
    replicas: Option<u32>,
    /// Plays only this plan.
    #[arg(long)]
    plan: Option<Plan>,
}

/// Epochs of one campaign.
const CAMPAIGN: u64 = 100;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    // A violation's panic carries its trace; the location adds nothing.
    std::panic::set_hook(Box::new(|violation| eprintln!("{violation}")));
    if arguments.unattended {
        print!("{}", unattended::play(arguments.seed, arguments.epochs));
        println!("  peak memory {}", peak_memory());
        return ExitCode::SUCCESS;
    }
    if let Some(replicas) = arguments.replicas {
        let plan = arguments.plan.unwrap_or(Plan::Calm);
        play_fleet(&arguments, plan, replicas);
        return ExitCode::SUCCESS;
    }
    let begun = Instant::now();
    let campaigns = arguments.epochs.div_ceil(CAMPAIGN);
    let next = AtomicU64::new(0);
    let all: Mutex<BTreeMap<Plan, Summary>> = Mutex::default();
    let workers = std::thread::available_parallelism().map_or(2, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= campaigns {
                        return;
                    }
                    // One campaign in four only fails, the others die too.
                    let usual = if number.is_multiple_of(4) {
                        Plan::Faulty
                    } else {
                        Plan::Crashing
                    };
                    let plan = arguments.plan.unwrap_or(usual);
                    let left = arguments.epochs - number * CAMPAIGN;
                    let played = played(arguments.seed + number, plan, left.min(CAMPAIGN));
                    let mut all = all.lock().unwrap();
                    let of_plan = all.entry(plan).or_insert_with(|| Summary {
                        seed: arguments.seed,
                        ..Summary::default()
                    });
                    of_plan.add(&played);
                    if number % 20 == 19 {
                        let epochs: u64 = all.values().map(|one| one.epochs).sum();
                        eprintln!("{} s: {epochs} epochs", begun.elapsed().as_secs());
                    }
                }
            });
        }
    });
    let all = all.into_inner().unwrap();
    for (plan, summary) in &all {
        print!("{plan:?}, {summary}");
    }
    println!(
        "  {} s on {workers} cores ({:.0} s of their time), peak memory {}",
        begun.elapsed().as_secs(),
        seconds_of_processor(),
        peak_memory()
    );
    if all.values().all(|summary| summary.violations == 0) {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// What a replica costs this program and the simulated world, and the market's busiest minute.
fn play_fleet(arguments: &Arguments, plan: Plan, replicas: u32) {
    let mut fleet = FleetCampaign::new(arguments.seed, plan, replicas);
    fleet.play(arguments.epochs);
    let parts = u64::from(replicas) * arguments.epochs;
    let each = |sum: f64| sum / f64::from(u32::try_from(parts).unwrap());
    let (all, world) = (seconds_of_processor(), fleet.world_time().as_secs_f64());
    println!(
        "  {parts} sprints: {:.3} s of a core each and {:.3} s of the world's, {:.1} entries each, peak memory {}",
        each(all - world),
        each(world),
        each(f64::from(i32::try_from(fleet.entries()).unwrap())),
        peak_memory()
    );
    println!("  busiest minute: {:?}", fleet.busiest_minute());
}

/// One campaign; of one that ended with a violation, nothing else counts.
fn played(seed: u64, plan: Plan, epochs: u64) -> Summary {
    let campaign = || Campaign::new(seed, plan).run(epochs);
    std::panic::catch_unwind(campaign).unwrap_or_else(|_| Summary {
        violations: 1,
        ..Summary::default()
    })
}

/// The peak memory of this process.
fn peak_memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.map_or_else(|| "unknown".to_owned(), |kb| kb.trim().to_owned())
}

/// What this process used of the processor; unlike the time that passed, it does not depend on who
/// else works here.
fn seconds_of_processor() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // After the name, which may hold anything: user and system time are the 12th and 13th, in
    // hundredths of a second on every Linux.
    let fields = stat.rsplit(')').next().unwrap_or_default();
    let ticks = fields.split_whitespace().skip(11).take(2);
    let ticks: u32 = ticks.filter_map(|ticks| ticks.parse::<u32>().ok()).sum();
    f64::from(ticks) / 100.0
}
