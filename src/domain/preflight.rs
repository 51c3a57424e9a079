//! What must hold before money is spent on a rental.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use strum::VariantArray;

use super::Time;

/// Something that a rental would be useless without.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[derive(Debug, strum::Display, VariantArray, Clone, Copy, PartialEq, Eq, Hash)]
#[strum(serialize_all = "lowercase")]
pub enum Requirement {
    /// The Network Node's admin API lists its nodes.
    #[strum(serialize = "admin API")]
    AdminApi,
    Model,
    /// The operator's address is a participant on the chain.
    Participant,
    #[strum(serialize = "chain")]
    ChainSynced,
    /// The Network Node's callback can be reached from here, and so through the tunnel.
    Callback,
    /// No other node is registered at our address.
    Address,
}

impl Requirement {
    /// In the order in which they are checked.
    pub const ALL: &'static [Requirement] = Requirement::VARIANTS;
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
    #[serde(flatten)]
    pub verdict: Verdict,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Preflight {
    pub at: Time,
    pub findings: Vec<Finding>,
}

impl Preflight {
    /// Unmet or unknown requirements; any of them blocks renting.
    pub fn obstacles(&self) -> impl Iterator<Item = &Finding> {
        let findings = self.findings.iter();
        findings.filter(|finding| finding.verdict != Verdict::Met)
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
            Verdict::Unmet { cause, remedy } | Verdict::Unknown { cause, remedy } => {
                Some((cause, remedy))
            }
        }
    }
}

impl fmt::Display for Preflight {
    /// Each obstacle with its remedy; without any, the names of what is met.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_clear() {
            let names = self.findings.iter().map(|one| one.requirement.to_string());
            let names: Vec<String> = names.collect();
            return write!(f, "ready to rent: {}", names.join(", "));
        }
        let troubles = self.obstacles().filter_map(Finding::trouble);
        let texts: Vec<String> = troubles
            .map(|(cause, remedy)| format!("{cause}; {remedy}"))
            .collect();
        f.write_str(&texts.join(". "))
    }
}
