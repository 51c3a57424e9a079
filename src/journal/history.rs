//! Past sprints with all that is known of each, one row per sprint.

use schemars::JsonSchema;
use serde::Serialize;

use super::Ledger;
use crate::domain::{BootTimes, Confirmation, SprintReport, Time, main_boot};

#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct PastSprint<'a> {
    /// When it ended.
    pub at: Time,
    pub report: &'a SprintReport,
    /// Its boots that were watched from beginning to end.
    pub boots: Vec<&'a BootTimes>,
    /// What confirmation `PoC`s of its epoch left of the confirmation weight.
    pub confirmations: Vec<&'a Confirmation>,
    /// What is left after all of them, 0 to 1; absent without any that was measured.
    pub confirmation_ratio: Option<f64>,
    /// What a unit of weight cost, in dollars; absent without weight.
    pub usd_per_weight: Option<f64>,
}

impl PastSprint<'_> {
    pub fn boot(&self) -> Option<&BootTimes> {
        main_boot(self.boots.iter().copied())
    }
}

impl Ledger {
    /// Past sprints, oldest first.
    pub fn history(&self) -> Vec<PastSprint<'_>> {
        let mut after: Option<Time> = None;
        let mut rows = Vec::new();
        for (at, report) in self.reports() {
            let ours = |boot: &&BootTimes| {
                // Another sprint of the same epoch has boots of its own.
                report.epoch.is_none_or(|epoch| epoch == boot.label.epoch)
                    && boot.ended <= *at
                    && after.is_none_or(|after| boot.ended > after)
            };
            let of_epoch =
                |seen: &&Confirmation| Some(seen.epoch) == report.epoch && report.weight.is_some();
            let confirmations = self.confirmations().iter().filter(of_epoch);
            let confirmations: Vec<&Confirmation> = confirmations.collect();
            let ratios = confirmations.iter().filter_map(|seen| seen.ratio());
            rows.push(PastSprint {
                confirmation_ratio: ratios.reduce(|left, ratio| left * ratio),
                usd_per_weight: report.usd_per_weight(),
                at: *at,
                report,
                boots: self.boot_times().iter().filter(ours).collect(),
                confirmations,
            });
            after = Some(*at);
        }
        rows
    }
}
