//! The steps of a sprint and how it can end.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use strum::{IntoStaticStr, VariantArray};

use super::{
    Duration, EpochIndex, Height, InstanceId, NetworkNodeName, NodeId, PocActivity, ReleaseStep,
    ReplicaId, Spent, Time, Usd, Weight, Workload,
};

/// A step of a sprint.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[derive(strum::Display, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Step {
    /// Watches the chain until it is time to rent.
    Waiting,
    /// Searches and ranks offers until one is picked.
    Choosing,
    /// Until the outcome of the rent call is known.
    Renting,
    /// Until the `MLNode` API answers through the tunnel.
    Booting,
    /// Until the model is loaded.
    Warming,
    /// Until the node is listed with a good status.
    Registering,
    /// Generation and validation on the chain.
    Proving,
    /// Until the weight on the chain is known.
    Confirming,
    /// Answers requests until its time is over, without a `PoC`.
    Serving,
    /// Until nothing is left over.
    Releasing,
    /// Over, and reported.
    Done,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Aim {
    /// The next `PoC`, rented for as late as is safe.
    #[default]
    Proof,
    /// The next `PoC`, rented for immediately: tries everything end to end.
    Rehearsal,
    /// A good registration, immediately and without a `PoC`.
    Registration,
    /// Inference only, by vLLM's own image, immediately: nothing is registered.
    Serving {
        /// Counted from the loaded model.
        minutes: u32,
    },
}

/// Where manual mode waits for the operator.
#[derive(Debug, strum::Display, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum GateKind {
    /// Before anything is searched or spent.
    Start,
    /// Pick an offer and confirm its cost.
    Rent,
    /// Pick a second offer beside a boot that is behind, and confirm its cost.
    Hedge,
    /// Before the node is registered.
    Register,
    /// Before everything is taken down.
    Release,
}

/// What to do about a boot that falls behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Hedging {
    /// Wait for it while it can still be in time.
    #[default]
    Off,
    /// Race it with a second rental, once per sprint and within the caps.
    On,
}

/// Two rentals side by side, because the first one's boot fell behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Race {
    /// The rental that fell behind.
    pub first: InstanceId,
    /// The hedge, rented to race it.
    pub second: InstanceId,
    /// The rental that was ready first; absent if neither was.
    pub winner: Option<InstanceId>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[derive(Debug, strum::Display, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[strum(serialize_all = "snake_case")]
pub enum Mode {
    #[default]
    Manual,
    /// No gates.
    Auto,
}

/// When a rental is released after its `PoC`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReleasePolicy {
    /// After validation ends: the cheapest. A confirmation `PoC` later in the epoch is then lost.
    #[default]
    AfterValidation,
    AfterWeight,
    /// After the epoch's first confirmation `PoC`, or once none can come any more.
    AfterConfirmation,
    BlocksAfterStart(u64),
    MinutesAfterStart(u32),
    /// Shortly before the next `PoC`.
    WholeEpoch,
}

/// As the setting is written: `blocks:2000`.
impl fmt::Display for ReleasePolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ReleasePolicy::AfterValidation => f.write_str("after_validation"),
            ReleasePolicy::AfterWeight => f.write_str("after_weight"),
            ReleasePolicy::AfterConfirmation => f.write_str("after_confirmation"),
            ReleasePolicy::BlocksAfterStart(blocks) => write!(f, "blocks:{blocks}"),
            ReleasePolicy::MinutesAfterStart(minutes) if minutes % 60 == 0 => {
                write!(f, "time:{}h", minutes / 60)
            }
            ReleasePolicy::MinutesAfterStart(minutes) => write!(f, "time:{minutes}m"),
            ReleasePolicy::WholeEpoch => f.write_str("whole_epoch"),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "outcome")]
pub enum Outcome {
    Confirmed {
        weight: Weight,
    },
    /// The `PoC` took place and the chain has no weight for it.
    NoWeight {
        /// The best known reason.
        cause: Cause,
    },
    /// It ended before the `PoC`.
    Failed {
        cause: Cause,
    },
    /// It reached a good registration, which was its aim.
    Rehearsed,
    /// It served requests until its time was over or the operator ended it.
    Served,
    Aborted,
    /// The `PoC` took place and the chain could not be read afterwards.
    Unknown {
        cause: Cause,
    },
}

/// How a sprint ended, in one word.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
#[derive(Debug, strum::Display, IntoStaticStr, Clone, Copy, PartialEq, Eq, Default)]
#[strum(serialize_all = "snake_case")]
pub enum OutcomeKind {
    Confirmed,
    NoWeight,
    Failed,
    Rehearsed,
    Served,
    Aborted,
    NotTried,
    #[default]
    #[serde(other)]
    Unknown,
}

/// A named cause, with its evidence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cause {
    /// Stable name for scripts and history: `missed_registration_deadline`.
    pub name: String,
    /// A sentence for the operator: what happened and what to do.
    pub detail: String,
}

/// When a step began and ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StepSpan {
    pub step: Step,
    /// When it began.
    pub started: Time,
    /// Absent while it lasts.
    pub ended: Option<Time>,
    /// The chain's height when it began, if known.
    pub started_height: Option<Height>,
}

/// How a sprint ended, for scripts: the last line of `--json`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct SprintReport {
    /// The replica whose sprint it was, as `pool/number`; absent without pools.
    #[serde(default, skip_serializing_if = "ReplicaId::is_default")]
    pub replica: ReplicaId,
    /// Name of the Network Node that it was for; absent where there is only one.
    #[serde(default, skip_serializing_if = "NetworkNodeName::is_default")]
    pub network_node: NetworkNodeName,
    pub outcome: OutcomeKind,
    /// Why, when it is none of `confirmed`, `rehearsed` and `served`.
    pub cause: Option<String>,
    /// The epoch of its `PoC`; absent when it was for none.
    pub epoch: Option<EpochIndex>,
    /// Weight of our node on the chain.
    pub weight: Option<Weight>,
    /// Weight of the whole participant in that epoch.
    #[serde(default)]
    pub participant_weight: Option<Weight>,
    /// What it cost by our own count, in dollars.
    pub cost_usd: f64,
    /// What the market charged for it by then, in dollars; absent until that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub charged_usd: Option<f64>,
    /// Our rentals left on the account afterwards; absent if unknown.
    pub rentals_left: Option<u32>,
    /// Our registrations left afterwards; absent if unknown.
    pub registrations_left: Option<u32>,
    /// The inference proxy is registered; absent when none is configured.
    pub proxy_registered: Option<bool>,
    /// The node's id in this sprint, if one was registered.
    pub node: Option<NodeId>,
    /// Steps in order.
    #[serde(default)]
    pub steps: Vec<StepSpan>,
    /// How a boot that was behind was hedged; absent when none was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub race: Option<Race>,
    /// How the node took part in its `PoC`; absent when it was never seen at work.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proof: Option<PocActivity>,
    /// What the release did; empty when nothing was rented.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub release_steps: Vec<ReleaseStep>,
}

impl Race {
    /// `first`, `second` or `neither`.
    pub fn won_by(self) -> &'static str {
        match self.winner {
            Some(winner) if winner == self.first => "first",
            Some(_) => "second",
            None => "neither",
        }
    }
}

impl SprintReport {
    pub fn succeeded(&self) -> bool {
        matches!(
            self.outcome,
            OutcomeKind::Confirmed | OutcomeKind::Rehearsed | OutcomeKind::Served
        )
    }

    /// The same at this Network Node.
    #[must_use]
    pub fn for_network_node(self, network_node: &NetworkNodeName) -> SprintReport {
        SprintReport {
            network_node: network_node.clone(),
            ..self
        }
    }

    /// The report of an epoch for which nothing was rented.
    pub fn not_tried(replica: ReplicaId, epoch: EpochIndex, cause: &Cause) -> SprintReport {
        SprintReport {
            replica,
            outcome: OutcomeKind::NotTried,
            cause: Some(format!("{}: {}", cause.name, cause.detail)),
            epoch: Some(epoch),
            ..SprintReport::default()
        }
    }

    pub fn was_tried(&self) -> bool {
        self.outcome != OutcomeKind::NotTried
    }

    /// The stable name of the cause, and its sentence.
    pub fn cause_parts(&self) -> Option<(&str, &str)> {
        let cause = self.cause.as_deref()?;
        Some(cause.split_once(": ").unwrap_or((cause, cause)))
    }

    /// What a unit of weight cost by our own count, in dollars; absent without weight.
    pub fn usd_per_weight(&self) -> Option<f64> {
        Some(self.cost_usd / self.units()?)
    }

    /// What 1000 units of weight cost at this sum.
    pub fn per_1000_weight(&self, spent: Spent) -> Option<Spent> {
        Some(spent.scaled(1_000.0 / self.units()?))
    }

    #[expect(clippy::cast_precision_loss, reason = "weights are far below 2^52")]
    fn units(&self) -> Option<f64> {
        let weight = self.weight.filter(|weight| weight.0 > 0)?;
        Some(weight.0 as f64)
    }

    /// What it cost: what the market charged, as far as it is known by now, else our own count. Where
    /// nothing was rented there is nothing to bill.
    pub fn spent(&self, charged_usd: Option<f64>) -> Spent {
        let own = Usd::from_dollars(self.cost_usd);
        match charged_usd.or(self.charged_usd) {
            Some(charged) => Spent::Billed(Usd::from_dollars(charged)),
            None if own == Usd::ZERO => Spent::Billed(own),
            None => Spent::Estimated(own),
        }
    }

    /// What the market charged, and how much more than our own count that is: `$8.04 (+0.02)`.
    pub fn beside_own_count(&self, charged_usd: f64) -> String {
        let more = charged_usd - self.cost_usd;
        let charged = Usd::from_dollars(charged_usd).in_cents();
        format!("{charged} ({more:+.2})")
    }

    /// Time spent in a step, summed over its visits; `None` without any.
    pub fn time_in(&self, step: Step) -> Option<Duration> {
        let visits = self.steps.iter().filter(|span| span.step == step);
        let times = visits.filter_map(|span| Some(span.ended? - span.started));
        times.reduce(|sum, time| sum + time)
    }
}

impl Aim {
    pub fn proves(self) -> bool {
        matches!(self, Aim::Proof | Aim::Rehearsal)
    }

    /// How long it serves; `None` when it does not.
    pub fn serves_for(self) -> Option<Duration> {
        match self {
            Aim::Serving { minutes } => Some(Duration::minutes(i64::from(minutes))),
            Aim::Proof | Aim::Rehearsal | Aim::Registration => None,
        }
    }

    /// The steps on its way, in order.
    pub fn steps(self) -> Vec<Step> {
        let left_out: &[Step] = match self {
            Aim::Serving { .. } => &[Step::Registering, Step::Proving, Step::Confirming],
            Aim::Proof | Aim::Rehearsal | Aim::Registration => &[Step::Serving],
        };
        let all = Step::ALL.iter().copied();
        all.filter(|step| !left_out.contains(step)).collect()
    }

    pub fn workload(self) -> Workload {
        match self {
            Aim::Serving { .. } => Workload::Vllm,
            Aim::Proof | Aim::Rehearsal | Aim::Registration => Workload::MlNode,
        }
    }
}

impl Step {
    /// In order.
    pub const ALL: &'static [Step] = Step::VARIANTS;

    /// Its name on the wire and in scripts.
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// What is done in it.
    pub fn verb(self) -> &'static str {
        match self {
            Step::Waiting => "wait",
            Step::Choosing => "choose",
            Step::Renting => "rent",
            Step::Booting => "boot",
            Step::Warming => "warm",
            Step::Registering => "register",
            Step::Proving => "prove",
            Step::Confirming => "confirm",
            Step::Serving => "serve",
            Step::Releasing => "release",
            Step::Done => "done",
        }
    }
}

impl Outcome {
    pub fn kind(&self) -> OutcomeKind {
        match self {
            Outcome::Confirmed { .. } => OutcomeKind::Confirmed,
            Outcome::NoWeight { .. } => OutcomeKind::NoWeight,
            Outcome::Failed { .. } => OutcomeKind::Failed,
            Outcome::Rehearsed => OutcomeKind::Rehearsed,
            Outcome::Served => OutcomeKind::Served,
            Outcome::Aborted => OutcomeKind::Aborted,
            Outcome::Unknown { .. } => OutcomeKind::Unknown,
        }
    }
}

impl OutcomeKind {
    /// Its name for people.
    pub fn headline(self) -> &'static str {
        match self {
            OutcomeKind::Confirmed => "CONFIRMED",
            OutcomeKind::NoWeight => "NO WEIGHT",
            OutcomeKind::Failed => "FAILED",
            OutcomeKind::Rehearsed => "REHEARSED",
            OutcomeKind::Served => "SERVED",
            OutcomeKind::Aborted => "ABORTED",
            OutcomeKind::NotTried => "SKIPPED",
            OutcomeKind::Unknown => "UNKNOWN",
        }
    }

    /// Its name on the wire and in scripts.
    pub fn name(self) -> &'static str {
        self.into()
    }
}

impl Cause {
    pub fn new(name: &str, detail: impl Into<String>) -> Cause {
        Cause {
            name: name.to_owned(),
            detail: detail.into(),
        }
    }
}
