//! Past sprints with all that is known of each, one row per sprint.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::Serialize;

use super::Ledger;
use crate::domain::{
    BootTimes, Confirmation, InstanceId, NetworkNodeName, RentalLabel, ReplicaId, Spent,
    SprintReport, Time, Usd, main_boot,
};

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
    /// What the market charged for its rentals, in dollars; absent until it is known for all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub charged_usd: Option<f64>,
    /// How much more than our own count that is, in dollars; negative for less.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub charge_difference_usd: Option<f64>,
}

/// Changes whenever the rows of the history do.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct HistorySource {
    reports: usize,
    confirmations: usize,
    /// Number and sum: a rental's new charge replaces the one before.
    charges: (usize, Usd),
}

impl PastSprint<'_> {
    pub fn boot(&self) -> Option<&BootTimes> {
        main_boot(self.boots.iter().copied())
    }

    /// What it cost, as far as is known by now.
    pub fn spent(&self) -> Spent {
        self.report.spent(self.charged_usd)
    }
}

impl Ledger {
    pub fn history_source(&self) -> HistorySource {
        HistorySource {
            reports: self.reports().len(),
            confirmations: self.confirmations().len(),
            charges: self.charges_known(),
        }
    }

    /// Past sprints, oldest first.
    pub fn history(&self) -> Vec<PastSprint<'_>> {
        self.recent_history(usize::MAX)
    }

    /// The last so many.
    pub fn recent_history(&self, most: usize) -> Vec<PastSprint<'_>> {
        let first = self.reports().len().saturating_sub(most);
        let mut after: BTreeMap<&ReplicaId, Time> = BTreeMap::new();
        let mut rows = Vec::new();
        for (index, (at, report)) in self.reports().iter().enumerate() {
            let after = after.insert(&report.replica, *at);
            if index < first {
                continue;
            }
            // Another sprint of the same epoch has rentals of its own.
            let ours = |replica: &ReplicaId, label: &RentalLabel, ended: Time| {
                *replica == report.replica
                    && report.epoch.is_none_or(|epoch| epoch == label.epoch)
                    && ended <= *at
                    && after.is_none_or(|after| ended > after)
            };
            let boots = self.boot_times().iter();
            let boots = boots.filter(|boot| ours(&boot.replica, &boot.label, boot.ended));
            let boots: Vec<&BootTimes> = boots.collect();
            let charged = self.charged_of(&boots, ours);
            let charged = charged.map(Usd::dollars);
            let is_its = |of: &NetworkNodeName, seen: &Confirmation| {
                Some(seen.epoch) == report.epoch
                    && report.weight.is_some()
                    && *of == report.network_node
            };
            let confirmations = self.confirmations().iter();
            let confirmations = confirmations.filter(|(of, seen)| is_its(of, seen));
            let confirmations: Vec<&Confirmation> = confirmations.map(|(_, seen)| seen).collect();
            let ratios = confirmations.iter().filter_map(|seen| seen.ratio());
            rows.push(PastSprint {
                confirmation_ratio: ratios.reduce(|left, ratio| left * ratio),
                usd_per_weight: report.usd_per_weight(),
                charged_usd: charged,
                charge_difference_usd: charged.map(|charged| charged - report.cost_usd),
                at: *at,
                report,
                boots,
                confirmations,
            });
        }
        rows
    }

    /// What the market charged for the rentals of a sprint: those that are `ours`.
    fn charged_of(
        &self,
        boots: &[&BootTimes],
        ours: impl Fn(&ReplicaId, &RentalLabel, Time) -> bool,
    ) -> Option<Usd> {
        let gone = self.settled().iter();
        let gone = gone.filter(|gone| ours(&gone.replica, &gone.label, gone.ended));
        // Compaction drops old settled rentals, and keeps their charges and boots.
        let charged = self.charged().iter();
        let charged = charged.filter(|(_, one)| ours(&one.replica, &one.label, one.ended));
        let instances: BTreeSet<InstanceId> = gone
            .map(|gone| gone.instance)
            .chain(charged.map(|(instance, _)| *instance))
            .chain(boots.iter().filter_map(|boot| boot.instance))
            .collect();
        self.charged_for(instances.into_iter())
    }
}
