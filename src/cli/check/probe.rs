//! One check and its result, as text and as JSON.

use std::fmt;

use schemars::JsonSchema;
use serde::Serialize;

use crate::cli::Exit;
use crate::cli::page::{Look, Page};
use crate::domain::format::count;
use crate::domain::{
    AccountName, Finding, NetworkNodeName, PoolName, Requirement, UnknownEffect, Verdict,
};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub(in crate::cli) struct Probe {
    /// Name of the check. `chain source` appears once per source, `tunnel` once per range of ports.
    pub what: Subject,
    /// The pool that was checked; absent if it is about all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pool: Option<PoolName>,
    /// Name of the account that was checked, if there are several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<AccountName>,
    /// Name of the Network Node that was checked, if there are several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub network_node: Option<NetworkNodeName>,
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

impl Subject {
    /// Whether nothing is rented while it fails. The rest serves requests and monitoring.
    fn blocks_sprint(self) -> bool {
        !matches!(
            self,
            Subject::Proxy
                | Subject::UpstreamKeys
                | Subject::ProxyProcess
                | Subject::Serve
                | Subject::Metrics
        )
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
            pool: None,
            account: None,
            network_node: None,
            seen,
            verdict,
        }
    }
}

impl Probe {
    /// Which of several it is about.
    fn place(&self) -> Option<String> {
        let pool = self.pool.as_ref().map(ToString::to_string);
        let account = self.account.as_ref().map(|name| format!("account {name}"));
        let network_node = self.network_node.as_ref().map(ToString::to_string);
        pool.or(account).or(network_node)
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
            pool: None,
            account: None,
            network_node: None,
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

/// Columns of the verdict.
const VERDICT: usize = 8;

pub(super) fn text_of(probes: &[Probe], page: &Page) -> String {
    let names = probes.iter().map(|probe| probe.what.to_string().len());
    let indent = VERDICT + names.max().unwrap_or(0) + 2;
    let mut lines = Vec::new();
    for probe in probes {
        let (word, look, text, remedy) = match &probe.verdict {
            Verdict::Met => ("ok", Look::Good, &probe.seen, None),
            Verdict::Warning { cause, remedy } => ("WARNING", Look::Warn, cause, Some(remedy)),
            Verdict::Unmet { cause, remedy } => ("FAILED", Look::Bad, cause, Some(remedy)),
            Verdict::Unknown { cause, remedy, .. } => ("UNKNOWN", Look::Warn, cause, Some(remedy)),
        };
        let head = format!("{word:<VERDICT$}{}", probe.what);
        let text = match probe.place() {
            Some(place) => format!("{place}: {text}"),
            None => text.clone(),
        };
        let mut found = page.paragraph(&text, indent);
        if let Some(first) = found.first_mut() {
            let rest = indent.saturating_sub(head.chars().count());
            let head = head.replacen(word, &page.paint(look, word), 1);
            *first = format!("{head}{:rest$}{first}", "");
        }
        lines.extend(found);
        lines.extend(remedy.iter().flat_map(|remedy| {
            let text = format!("-> {remedy}");
            page.labelled("", Look::Plain, indent, &text)
        }));
    }
    lines.extend(page.paragraph(&summary(probes), 0));
    lines.join("\n")
}

fn summary(probes: &[Probe]) -> String {
    let failed = probes.iter().filter(|probe| probe.verdict.blocks());
    // One source of the chain is enough.
    let is_source = |probe: &&Probe| probe.what == Subject::ChainSource;
    let mut sources = probes.iter().filter(is_source);
    let one_answers = sources.any(|source| !source.verdict.blocks());
    let is_spare = |probe: &&Probe| one_answers && is_source(probe);
    let blocking = failed
        .clone()
        .filter(|probe| probe.what.blocks_sprint() && !is_spare(probe));
    let warnings = probes
        .iter()
        .filter(|probe| matches!(probe.verdict, Verdict::Warning { .. }));
    let warnings = match warnings.count() {
        0 => String::new(),
        number => format!(" {}.", count(number, "warning")),
    };
    let blocks = if blocking.count() == 0 { "no" } else { "yes" };
    match failed.count() {
        0 => format!("All {} passed.{warnings}", count(probes.len(), "check")),
        failed => format!(
            "{failed} of {} failed. Blocks a sprint: {blocks}.{warnings}",
            count(probes.len(), "check")
        ),
    }
}
