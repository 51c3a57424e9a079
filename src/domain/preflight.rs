//! What must hold before money is spent on a rental, and what reduces its reward.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use strum::VariantArray;

use super::Time;

/// Something that a rental would be useless without, or whose lack costs a part of its reward.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[derive(
    Debug, strum::Display, VariantArray, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord,
)]
#[strum(serialize_all = "lowercase")]
pub enum Requirement {
    /// The Network Node's admin API lists its nodes.
    #[strum(serialize = "admin API")]
    AdminApi,
    /// The model is in governance's catalogue: the Network Node registers no other.
    Model,
    /// `PoC` runs for the model.
    #[strum(serialize = "PoC model")]
    PocModel,
    /// The model is part of the epoch, not only of the parameters.
    #[strum(serialize = "active model")]
    ActiveModel,
    /// The inference proxy's model is in the catalogue.
    #[strum(serialize = "proxy model")]
    ProxyModel,
    /// The operator's address is a participant on the chain.
    Participant,
    #[strum(serialize = "participant status")]
    ParticipantStatus,
    /// Neither blocked nor missing on a list of those who may take part.
    Access,
    /// The Network Node's report on its own setup.
    #[strum(serialize = "setup report")]
    SetupReport,
    #[strum(serialize = "cold key")]
    ColdKey,
    #[strum(serialize = "warm key")]
    WarmKey,
    #[strum(serialize = "consensus key")]
    ConsensusKey,
    /// The cold key is not on the Network Node's machine.
    #[strum(serialize = "key storage")]
    KeyStorage,
    /// What the cold key lets the warm key sign.
    Permissions,
    /// Fees of transactions, and who pays them.
    Fees,
    Collateral,
    /// The host's choice for each `PoC` model that it does not serve.
    Delegation,
    /// Work begins early enough to count.
    #[strum(serialize = "early share")]
    EarlyShare,
    /// Nodes that serve through the `PoC` instead of taking part.
    #[strum(serialize = "preserved nodes")]
    PreservedNodes,
    /// What a confirmation `PoC` costs a rental that is gone by then.
    #[strum(serialize = "confirmation PoC")]
    ConfirmationPoc,
    #[strum(serialize = "missed requests")]
    MissedRequests,
    /// The last reward was claimed.
    #[strum(serialize = "reward claim")]
    RewardClaim,
    /// None of our nodes is left over from earlier sprints.
    #[strum(serialize = "leftover nodes")]
    LeftoverNodes,
    #[strum(serialize = "chain")]
    ChainSynced,
    /// The chain node that the Network Node itself uses.
    #[strum(serialize = "block sync")]
    BlockSync,
    /// A rental can send its proofs to the address that the Network Node gives it.
    #[strum(serialize = "callback address")]
    CallbackAddress,
    /// The Network Node's callback can be reached from here, and so through the tunnel.
    Callback,
    /// No other node is registered at our address.
    Address,
    /// The market replies to the read of a single instance as documented.
    #[strum(serialize = "single instance")]
    SingleInstance,
}

impl Requirement {
    /// In the order in which they are checked.
    pub const ALL: &'static [Requirement] = Requirement::VARIANTS;

    /// Whether it is a rule of the chain or of the host's account that decides the reward. Without the
    /// others this cockpit could not even operate a rental.
    pub fn is_reward_rule(self) -> bool {
        !matches!(
            self,
            Requirement::AdminApi
                | Requirement::Model
                | Requirement::Participant
                | Requirement::ChainSynced
                | Requirement::Callback
                | Requirement::Address
                | Requirement::SingleInstance
        )
    }

    /// Whether not meeting it can be why there is little or no weight.
    pub fn decides_weight(self) -> bool {
        !matches!(
            self,
            Requirement::AdminApi
                | Requirement::ProxyModel
                | Requirement::KeyStorage
                | Requirement::EarlyShare
                | Requirement::PreservedNodes
                | Requirement::ConfirmationPoc
                | Requirement::MissedRequests
                | Requirement::RewardClaim
                | Requirement::LeftoverNodes
                | Requirement::Address
                | Requirement::SingleInstance
        )
    }
}

/// Whether a requirement is met.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", tag = "verdict")]
#[schemars(inline)]
pub enum Verdict {
    Met,
    /// It costs something, and does not block.
    Warning {
        /// What it costs, and why.
        cause: String,
        /// What to do.
        remedy: String,
    },
    Unmet {
        /// Why it is not met.
        cause: String,
        /// What to do.
        remedy: String,
    },
    /// Could not be checked: unknown is not fine.
    Unknown {
        /// Why it could not be checked.
        cause: String,
        /// What to do.
        remedy: String,
        /// Whether it blocks as `unmet` does.
        #[serde(default)]
        effect: UnknownEffect,
    },
}

/// What follows when a requirement could not be checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum UnknownEffect {
    /// Nothing is rented.
    #[default]
    Blocks,
    /// It is only shown: even the worst answer would not block, or the operator allowed it.
    Shown,
}

/// Whether something is rented although a rule that decides its reward could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UnknownRules {
    #[default]
    Refuse,
    Allow,
}

impl Verdict {
    /// Whether nothing may be rented because of it.
    pub fn blocks(&self) -> bool {
        match self {
            Verdict::Met | Verdict::Warning { .. } => false,
            Verdict::Unmet { .. } => true,
            Verdict::Unknown { effect, .. } => *effect == UnknownEffect::Blocks,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    pub requirement: Requirement,
    /// Details of the reading, if any.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub seen: String,
    #[serde(flatten)]
    pub verdict: Verdict,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Preflight {
    pub at: Time,
    pub findings: Vec<Finding>,
}

impl Preflight {
    /// Unmet and unknown requirements, any of which blocks renting.
    pub fn obstacles(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|one| one.verdict.blocks())
    }

    /// What costs something or is unknown but does not block.
    pub fn warnings(&self) -> impl Iterator<Item = &Finding> {
        let findings = self.findings.iter();
        findings.filter(|one| one.verdict != Verdict::Met && !one.verdict.blocks())
    }

    pub fn is_clear(&self) -> bool {
        self.obstacles().next().is_none()
    }
}

impl Finding {
    /// Cause and remedy; `None` when it is met.
    pub fn trouble(&self) -> Option<(&str, &str)> {
        match &self.verdict {
            Verdict::Met => None,
            Verdict::Warning { cause, remedy }
            | Verdict::Unmet { cause, remedy }
            | Verdict::Unknown { cause, remedy, .. } => Some((cause, remedy)),
        }
    }
}

impl fmt::Display for Preflight {
    /// Each obstacle with its remedy; without any, the names of what is met and the warnings.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.is_clear() {
            let troubles = self.obstacles().filter_map(Finding::trouble);
            let texts: Vec<String> = troubles
                .map(|(cause, remedy)| format!("{cause}; {remedy}"))
                .collect();
            return f.write_str(&texts.join(". "));
        }
        let met = self.findings.iter();
        let met = met.filter(|one| one.verdict == Verdict::Met);
        let names: Vec<String> = met.map(|one| one.requirement.to_string()).collect();
        write!(f, "ready to rent: {}", names.join(", "))?;
        for (cause, _) in self.warnings().filter_map(Finding::trouble) {
            write!(f, ". Warning: {cause}")?;
        }
        Ok(())
    }
}
