//! One check and its result, as text and as JSON.

use std::fmt;

use schemars::JsonSchema;
use serde::Serialize;

use crate::cli::Exit;
use crate::domain::{Finding, Requirement, UnknownEffect, Verdict};

#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::cli) struct Probe {
    /// Name of the check. `chain source` appears once per source, `tunnel` once per port.
    pub what: Subject,
    /// The result; may be empty.
    pub seen: String,
    #[serde(flatten)]
    pub verdict: Verdict,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub(in crate::cli) enum Subject {
    #[serde(rename = "Vast key")]
    VastKey,
    #[serde(rename = "single instance")]
    SingleInstance,
    Account,
    Credit,
    Budget,
    #[serde(rename = "SSH")]
    Ssh,
    Journal,
    Clock,
    #[serde(rename = "chain source")]
    ChainSource,
    #[serde(rename = "admin API")]
    AdminApi,
    #[serde(rename = "API release")]
    ApiRelease,
    Model,
    Arguments,
    #[serde(rename = "PoC model")]
    PocModel,
    #[serde(rename = "active model")]
    ActiveModel,
    #[serde(rename = "proxy model")]
    ProxyModel,
    Participant,
    #[serde(rename = "participant status")]
    ParticipantStatus,
    Access,
    #[serde(rename = "setup report")]
    SetupReport,
    #[serde(rename = "cold key")]
    ColdKey,
    #[serde(rename = "warm key")]
    WarmKey,
    #[serde(rename = "consensus key")]
    ConsensusKey,
    #[serde(rename = "key storage")]
    KeyStorage,
    Permissions,
    Fees,
    Collateral,
    Delegation,
    #[serde(rename = "early share")]
    EarlyShare,
    #[serde(rename = "preserved nodes")]
    PreservedNodes,
    #[serde(rename = "confirmation PoC")]
    ConfirmationPoc,
    #[serde(rename = "missed requests")]
    MissedRequests,
    #[serde(rename = "reward claim")]
    RewardClaim,
    #[serde(rename = "leftover nodes")]
    LeftoverNodes,
    #[serde(rename = "block sync")]
    BlockSync,
    Chain,
    #[serde(rename = "callback address")]
    CallbackAddress,
    Callback,
    Address,
    Offers,
    Proxy,
    #[serde(rename = "upstream keys")]
    UpstreamKeys,
    #[serde(rename = "proxy runs")]
    ProxyProcess,
    Tunnel,
    Serve,
    Metrics,
}

impl From<Requirement> for Subject {
    fn from(requirement: Requirement) -> Subject {
        match requirement {
            Requirement::AdminApi => Subject::AdminApi,
            Requirement::Model => Subject::Model,
            Requirement::PocModel => Subject::PocModel,
            Requirement::ActiveModel => Subject::ActiveModel,
            Requirement::ProxyModel => Subject::ProxyModel,
            Requirement::ParticipantStatus => Subject::ParticipantStatus,
            Requirement::Access => Subject::Access,
            Requirement::SetupReport => Subject::SetupReport,
            Requirement::ColdKey => Subject::ColdKey,
            Requirement::WarmKey => Subject::WarmKey,
            Requirement::ConsensusKey => Subject::ConsensusKey,
            Requirement::KeyStorage => Subject::KeyStorage,
            Requirement::Permissions => Subject::Permissions,
            Requirement::Fees => Subject::Fees,
            Requirement::Collateral => Subject::Collateral,
            Requirement::Delegation => Subject::Delegation,
            Requirement::EarlyShare => Subject::EarlyShare,
            Requirement::PreservedNodes => Subject::PreservedNodes,
            Requirement::ConfirmationPoc => Subject::ConfirmationPoc,
            Requirement::MissedRequests => Subject::MissedRequests,
            Requirement::RewardClaim => Subject::RewardClaim,
            Requirement::LeftoverNodes => Subject::LeftoverNodes,
            Requirement::BlockSync => Subject::BlockSync,
            Requirement::SingleInstance => Subject::SingleInstance,
            Requirement::Participant => Subject::Participant,
            Requirement::ChainSynced => Subject::Chain,
            Requirement::CallbackAddress => Subject::CallbackAddress,
            Requirement::Callback => Subject::Callback,
            Requirement::Address => Subject::Address,
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

/// A check's finding, or why it failed: [`unmet`] or [`unknown`].
pub(super) type Checked = Result<String, Verdict>;

pub(super) fn unmet(cause: impl Into<String>, remedy: impl Into<String>) -> Verdict {
    Verdict::Unmet {
        cause: cause.into(),
        remedy: remedy.into(),
    }
}

pub(super) fn unknown(cause: &impl fmt::Display, remedy: impl Into<String>) -> Verdict {
    Verdict::Unknown {
        cause: cause.to_string(),
        remedy: remedy.into(),
        effect: UnknownEffect::Blocks,
    }
}

impl Probe {
    pub(super) fn new(what: Subject, checked: Checked) -> Probe {
        let (seen, verdict) = match checked {
            Ok(seen) => (seen, Verdict::Met),
            Err(verdict) => (String::new(), verdict),
        };
        Probe {
            what,
            seen,
            verdict,
        }
    }
}

impl From<Finding> for Probe {
    fn from(finding: Finding) -> Probe {
        let seen = match finding.seen {
            seen if seen.is_empty() => "ok".into(),
            seen => seen,
        };
        Probe {
            what: finding.requirement.into(),
            seen,
            verdict: finding.verdict,
        }
    }
}

/// A failed check outweighs an unknown one; warnings are no failures.
pub(super) fn exit_of(probes: &[Probe]) -> Exit {
    let is_unmet = |probe: &Probe| matches!(probe.verdict, Verdict::Unmet { .. });
    if probes.iter().any(is_unmet) {
        Exit::Failed
    } else if probes.iter().any(|probe| probe.verdict.blocks()) {
        Exit::Unknown
    } else {
        Exit::Done
    }
}

pub(super) fn text_of(probes: &[Probe]) -> String {
    let mut lines = Vec::new();
    for probe in probes {
        let (word, text, remedy) = match &probe.verdict {
            Verdict::Met => ("ok", &probe.seen, None),
            Verdict::Warning { cause, remedy } => ("WARNING", cause, Some(remedy)),
            Verdict::Unmet { cause, remedy } => ("FAILED", cause, Some(remedy)),
            Verdict::Unknown { cause, remedy, .. } => ("UNKNOWN", cause, Some(remedy)),
        };
        let what = probe.what.to_string();
        lines.push(format!("{word:<8}{what:<18} {text}"));
        lines.extend(remedy.map(|remedy| format!("{:<27}-> {remedy}", "")));
    }
    lines.push(summary(probes));
    lines.join("\n")
}

fn summary(probes: &[Probe]) -> String {
    let failed = probes.iter().filter(|probe| probe.verdict.blocks()).count();
    let troubled = probes.iter().filter(|probe| probe.verdict != Verdict::Met);
    let warnings = match troubled.count() - failed {
        0 => String::new(),
        1 => " 1 warning.".to_owned(),
        count => format!(" {count} warnings."),
    };
    match failed {
        0 => format!("All {} checks passed.{warnings}", probes.len()),
        count => format!("{count} of {} checks failed.{warnings}", probes.len()),
    }
}
