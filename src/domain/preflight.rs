//! What must be right before money is spent on a rental.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Time;

/// Something that a rental would be useless without.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Requirement {
    /// The Network Node's admin API lists its nodes.
    AdminApi,
    Model,
    /// The operator's address is a participant on the chain.
    Participant,
    /// The chain node is in step with the chain.
    ChainSynced,
    /// The Network Node's callback can be reached from here, and so through the tunnel.
    Callback,
    /// No other node is registered where ours will be.
    Address,
}

impl Requirement {
    /// All, in the order in which they are asked.
    pub const ALL: [Requirement; 6] = [
        Requirement::AdminApi,
        Requirement::Model,
        Requirement::Participant,
        Requirement::ChainSynced,
        Requirement::Callback,
        Requirement::Address,
    ];
}

/// Whether a requirement is met.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", tag = "verdict")]
#[schemars(inline)]
pub enum Verdict {
    Met,
    Unmet {
        /// Why it is not met.
        cause: String,
        /// What to do.
        remedy: String,
    },
    /// Could not be checked. It blocks as `Unmet` does: unknown is not fine.
    Unknown {
        /// Why it could not be checked.
        cause: String,
        /// What to do.
        remedy: String,
    },
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    pub requirement: Requirement,
    /// Whether it is met.
    #[serde(flatten)]
    pub verdict: Verdict,
}

/// All of them at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Preflight {
    pub at: Time,
    pub findings: Vec<Finding>,
}

impl Preflight {
    /// What is not met or not known; nothing may be rented while there is any.
    pub fn obstacles(&self) -> impl Iterator<Item = &Finding> {
        self.findings
            .iter()
            .filter(|finding| finding.verdict != Verdict::Met)
    }

    pub fn is_clear(&self) -> bool {
        self.obstacles().next().is_none()
    }
}

impl Finding {
    /// What is in the way and what to do about it; absent when it is met.
    pub fn trouble(&self) -> Option<(&str, &str)> {
        match &self.verdict {
            Verdict::Met => None,
            Verdict::Unmet { cause, remedy } | Verdict::Unknown { cause, remedy } => {
                Some((cause, remedy))
            }
        }
    }
}

impl fmt::Display for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Requirement::AdminApi => "admin API",
            Requirement::Model => "model",
            Requirement::Participant => "participant",
            Requirement::ChainSynced => "chain",
            Requirement::Callback => "callback",
            Requirement::Address => "address",
        })
    }
}

impl fmt::Display for Preflight {
    /// What is in the way, each with its remedy; the names of what is met when nothing is.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_clear() {
            let names: Vec<String> = self
                .findings
                .iter()
                .map(|finding| finding.requirement.to_string())
                .collect();
            return write!(f, "ready to rent: {}", names.join(", "));
        }
        let troubles = self.obstacles().filter_map(Finding::trouble);
        let texts: Vec<String> = troubles
            .map(|(cause, remedy)| format!("{cause}; {remedy}"))
            .collect();
        f.write_str(&texts.join(". "))
    }
}
