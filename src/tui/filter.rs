//! What a filter is about, and which rows pass it.

use super::fleet::{FleetGroup, FleetRow};
use super::pane::Pane;
use crate::domain::AvoidedMachine;
use crate::engine::{NodeRow, PastSprintRow, RejectedOffer};

/// Where a filter is typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Filtered {
    Pane(Pane),
    Help,
}

/// Words that a row must have all of, ignoring case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Words(Vec<String>);

impl Words {
    pub fn of(text: &str) -> Words {
        Words(text.split_whitespace().map(str::to_lowercase).collect())
    }

    /// The text is made only where there is a word to look for.
    pub fn are_in(&self, text: impl FnOnce() -> String) -> bool {
        self.0.is_empty() || {
            let text = text().to_lowercase();
            self.0.iter().all(|word| text.contains(word))
        }
    }
}

/// What a filter of the fleet looks at.
pub fn fleet_text(group: &FleetGroup, row: &FleetRow) -> String {
    let machine = row.machine.map(|machine| machine.to_string());
    let texts = [&machine, &row.gpus, &row.location];
    let texts: Vec<&str> = texts.into_iter().flatten().map(String::as_str).collect();
    format!(
        "{} {} {} {} {}",
        group.name,
        row.name,
        row.stage.word(),
        row.status,
        texts.join(" ")
    )
}

/// What a filter of the registrations looks at.
pub fn node_text(row: &NodeRow) -> String {
    let node = &row.node;
    let config = &node.config;
    format!(
        "{} {}:{}/{} {} {} {} {}",
        config.id,
        config.host,
        config.poc_port,
        config.inference_port,
        node.current.word(),
        node.poc_word(),
        row.owner.word(),
        node.failure_reason
    )
}

/// What a filter of the history looks at.
pub fn past_text(row: &PastSprintRow) -> String {
    let report = &row.report;
    let epoch = report.epoch.map(|epoch| epoch.to_string());
    let boots = row.boots.iter();
    let boots: Vec<String> = boots
        .map(|boot| format!("{} {}", boot.gpus(), boot.machine))
        .collect();
    format!(
        "{} {} {} {} {}",
        row.at.format("%m-%d %H:%M"),
        epoch.unwrap_or_default(),
        report.outcome,
        report.cause.as_deref().unwrap_or_default(),
        boots.join(" ")
    )
}

pub fn rejected_text(out: &RejectedOffer) -> String {
    let offer = &out.offer;
    format!(
        "{} {} {} {}",
        offer.id,
        offer.gpus(),
        offer.machine,
        out.reason
    )
}

pub fn avoided_text(avoided: &AvoidedMachine) -> String {
    format!("machine {} {}", avoided.machine, avoided.why())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_must_be_there_in_any_case() {
        let words = Words::of(" H100  us ");
        assert!(words.are_in(|| "4x h100 SXM, Washington, US".into()));
        assert!(!words.are_in(|| "4x H100 SXM, Quebec, CA".into()));
        assert!(Words::of("").are_in(|| "anything".into()));
    }
}
