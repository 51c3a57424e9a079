//! Sprints in a snapshot.

use serde::{Deserialize, Serialize};

use crate::domain::{
    Aim, BootTimes, EpochIndex, GateKind, Lead, Outcome, PocActivity, Preflight, ReleasePolicy,
    ReleaseStep, Spent, SprintReport, Step, StepSpan, Time, TimeBand,
};
use crate::mlnode::arguments::Overridden;

/// The sprint's part of a snapshot.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SprintSnapshot {
    /// The epoch whose `PoC` this sprint is for, once the chain was read.
    pub epoch: Option<EpochIndex>,
    pub aim: Aim,
    pub step: Step,
    /// One sentence: what it does or waits for right now.
    pub doing: String,
    /// Steps so far, in order.
    pub spans: Vec<StepSpan>,
    /// The gate that waits for the operator, if any.
    pub gate: Option<GateSnapshot>,
    /// Whether a rental could do its work, once found out.
    pub preflight: Option<Preflight>,
    /// Arguments of the configuration that governance overrides, as far as is known.
    #[serde(default)]
    pub overridden: Vec<Overridden>,
    /// How the node takes part in the `PoC`, as far as was seen.
    #[serde(default)]
    pub proof: PocActivity,
    /// What the release has done and is still to do; empty before anything is rented.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub release_steps: Vec<ReleaseStep>,
    /// When it means to rent, once known.
    pub rent_at: Option<Time>,
    /// How long before the `PoC` the next sprint rents, and why.
    pub lead: Lead,
    /// Why it is being released, when that is not the plan.
    pub cause: Option<String>,
    /// When the rental will be released, by policy.
    pub release_at: Option<TimeBand>,
    pub release_policy: ReleasePolicy,
    /// Set when it is over.
    pub outcome: Option<Outcome>,
    /// Rent calls made in this sprint.
    pub attempts: u32,
    /// Whether abort is possible now.
    pub can_abort: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GateSnapshot {
    pub kind: GateKind,
    /// What approving does, in a sentence.
    pub question: String,
    /// Since when it waits.
    pub since: Time,
    /// When waiting longer makes it moot.
    pub until: Option<Time>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PastSprintRow {
    pub at: Time,
    pub report: SprintReport,
    /// Its boots that were watched from beginning to end.
    pub boots: Vec<BootTimes>,
    /// What confirmation `PoC`s left of the confirmation weight, 0 to 1; absent if unknown.
    pub confirmation_ratio: Option<f64>,
    /// What the market charged for its rentals, in dollars; absent until that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub charged_usd: Option<f64>,
}

impl PastSprintRow {
    /// What it cost, as far as is known by now.
    pub fn spent(&self) -> Spent {
        self.report.spent(self.charged_usd)
    }
}
