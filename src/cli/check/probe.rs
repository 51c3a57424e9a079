//! One check and its result, as text and as JSON.

use std::fmt;

use schemars::JsonSchema;
use serde::Serialize;

use crate::cli::Exit;
use crate::domain::{Requirement, Verdict};

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
    Model,
    Participant,
    Chain,
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
            Requirement::Participant => Subject::Participant,
            Requirement::ChainSynced => Subject::Chain,
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

/// A failed check outweighs an unknown one.
pub(super) fn exit_of(probes: &[Probe]) -> Exit {
    let is_unmet = |probe: &Probe| matches!(probe.verdict, Verdict::Unmet { .. });
    if probes.iter().any(is_unmet) {
        Exit::Failed
    } else if probes.iter().all(|probe| probe.verdict == Verdict::Met) {
        Exit::Done
    } else {
        Exit::Unknown
    }
}

pub(super) fn text_of(probes: &[Probe]) -> String {
    let mut lines = Vec::new();
    for probe in probes {
        let (word, text) = match &probe.verdict {
            Verdict::Met => ("ok", &probe.seen),
            Verdict::Unmet { cause, .. } => ("FAILED", cause),
            Verdict::Unknown { cause, .. } => ("UNKNOWN", cause),
        };
        let what = probe.what.to_string();
        lines.push(format!("{word:<8}{what:<13} {text}"));
        if let Verdict::Unmet { remedy, .. } | Verdict::Unknown { remedy, .. } = &probe.verdict {
            lines.push(format!("{:<22}-> {remedy}", ""));
        }
    }
    let failed = probes.iter().filter(|probe| probe.verdict != Verdict::Met);
    lines.push(match failed.count() {
        0 => format!("All {} checks passed.", probes.len()),
        count => format!("{count} of {} checks failed.", probes.len()),
    });
    lines.join("\n")
}
