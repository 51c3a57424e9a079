//! The results of campaigns.

use std::collections::BTreeMap;
use std::fmt;

/// The result of a campaign, or of several together.
#[derive(Debug, Default, Clone)]
pub struct Summary {
    pub seed: u64,
    pub epochs: u64,
    pub confirmed: u64,
    /// Epochs whose machines worked as promised, so that the window could be made.
    pub windows: u64,
    pub windows_made: u64,
    /// Epochs with a confirmation or challenge while the rental was held, and those that kept the reward.
    pub holds: u64,
    pub holds_kept: u64,
    pub faults: u64,
    pub crashes: u64,
    /// Campaigns that ended with one; each ends at its first.
    pub violations: u64,
    /// Boots that were raced by a second rental, and races that this one won.
    pub races: u64,
    pub races_won: u64,
    /// Outcomes and causes other than confirmed.
    pub misses: BTreeMap<String, u64>,
    pub spend: f64,
}

impl Summary {
    pub fn add(&mut self, other: &Summary) {
        self.epochs += other.epochs;
        self.confirmed += other.confirmed;
        self.windows += other.windows;
        self.windows_made += other.windows_made;
        self.holds += other.holds;
        self.holds_kept += other.holds_kept;
        self.faults += other.faults;
        self.crashes += other.crashes;
        self.violations += other.violations;
        self.races += other.races;
        self.races_won += other.races_won;
        self.spend += other.spend;
        for (cause, count) in &other.misses {
            *self.misses.entry(cause.clone()).or_default() += count;
        }
    }

    /// Share of the windows that could be made and were.
    #[expect(clippy::cast_precision_loss, reason = "counts here are below 2^52")]
    pub fn made(&self) -> f64 {
        self.windows_made as f64 / self.windows.max(1) as f64
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "seed {}: {} epochs, {} confirmed, {} faults, {} crashes, {} violations, ${:.2} spent",
            self.seed,
            self.epochs,
            self.confirmed,
            self.faults,
            self.crashes,
            self.violations,
            self.spend
        )?;
        if self.races > 0 {
            writeln!(
                f,
                "  races: {}, won by the second rental: {}",
                self.races, self.races_won
            )?;
        }
        if self.holds > 0 {
            writeln!(
                f,
                "  asked again while a rental was held: {}, kept the reward: {}",
                self.holds, self.holds_kept
            )?;
        }
        writeln!(
            f,
            "  windows made: {} of {} ({:.2} %)",
            self.windows_made,
            self.windows,
            100.0 * self.made()
        )?;
        for (cause, count) in &self.misses {
            writeln!(f, "  {count} x {cause}")?;
        }
        Ok(())
    }
}
