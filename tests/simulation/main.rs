//! Flow, engine, journal and clients against the world in one process, in virtual time, on one
//! thread, from one seed. Faults at every call, crashes at any moment; the world's own truth is the
//! judge, never the journal.
//!
//! `cargo test` plays some hundred epochs. More: `POCPIT_EPOCHS=10000 POCPIT_SEED=7 cargo test
//! --release --test simulation long -- --nocapture`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod chance;
mod epoch;
mod full_disk;
mod mangled;
mod played;
mod wire;

use epoch::{Campaign, Plan};

/// Epochs and seed of a run, from the environment or as given.
fn asked(epochs: u64, seed: u64) -> (u64, u64) {
    let number = |name: &str, usual: u64| {
        std::env::var(name).ok().map_or(usual, |text| {
            text.parse().unwrap_or_else(|_| panic!("{name}={text}"))
        })
    };
    (number("POCPIT_EPOCHS", epochs), number("POCPIT_SEED", seed))
}

#[test]
fn without_faults_every_window_is_made() {
    let summary = Campaign::new(1, Plan::Calm).run(10);
    println!("{summary}");
    assert_eq!(summary.confirmed, 10, "{summary}");
}

#[test]
fn whatever_fails_nothing_leaks_and_nothing_is_rented_twice() {
    let (epochs, seed) = asked(40, 2);
    let summary = Campaign::new(seed, Plan::Faulty).run(epochs);
    println!("{summary}");
    assert!(summary.faults > 0);
}

#[test]
fn whenever_it_crashes_it_converges() {
    let (epochs, seed) = asked(40, 3);
    let summary = Campaign::new(seed, Plan::Crashing).run(epochs);
    println!("{summary}");
    assert!(summary.crashes > 0);
}

#[test]
fn the_same_seed_gives_the_same_run() {
    let run = || Campaign::new(9, Plan::Crashing).run(8).to_string();
    assert_eq!(run(), run());
}

#[test]
#[ignore = "long: run it by name"]
fn long() {
    let (epochs, seed) = asked(2_000, 4);
    println!("{}", Campaign::new(seed, Plan::Crashing).run(epochs));
}
