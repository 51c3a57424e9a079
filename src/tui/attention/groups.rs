//! Alerts by root cause: a cause counts once, however many alerts it has.

use crate::domain::{SourceHealth, Time, UsdPerHour};
use crate::engine::{Alert, AlertLevel, ChainSnapshot, Condition, RootCause, began_together};
use crate::tui::model::Model;
use crate::tui::view::format;

use super::{Attention, Rank};

/// What several alerts have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GroupCause {
    /// This machine, or its network: what is far away fails together.
    Offline,
    One(RootCause),
}

/// Alerts of one root cause.
#[derive(Debug, Clone, PartialEq)]
pub struct AlertGroup {
    pub cause: GroupCause,
    pub level: AlertLevel,
    /// What happened, to what, and what it means: one line.
    pub line: String,
    /// What to do.
    pub remedy: String,
    /// When the first of them began.
    pub since: Time,
    /// Worst first.
    pub members: Vec<Alert>,
}

impl AlertGroup {
    pub fn rank(&self) -> Rank {
        match self.level {
            AlertLevel::Notice => Rank::Notice,
            AlertLevel::Warning => Rank::Warning,
            AlertLevel::Critical => Rank::Critical,
        }
    }

    pub(super) fn attention(&self) -> Attention {
        let line = self.line.trim_end_matches('.').to_owned();
        Attention::new(self.rank(), line).with_more(&format!(". {}", capitalized(&self.remedy)))
    }

    /// It says that something is not read.
    pub(super) fn explains_silence(&self) -> bool {
        matches!(
            self.cause,
            GroupCause::Offline | GroupCause::One(RootCause::Chain | RootCause::Market)
        )
    }
}

/// Worst first, then oldest first.
pub fn groups(model: &Model) -> Vec<AlertGroup> {
    let snapshot = &*model.snapshot;
    let offline = began_together(&snapshot.alerts);
    let mut groups: Vec<(GroupCause, Vec<Alert>)> = Vec::new();
    for alert in &snapshot.alerts {
        let cause = if offline.contains(&&alert.condition) {
            GroupCause::Offline
        } else {
            GroupCause::One(alert.condition.root_cause())
        };
        match groups.iter_mut().find(|(known, _)| *known == cause) {
            Some((_, members)) => members.push(alert.clone()),
            None => groups.push((cause, vec![alert.clone()])),
        }
    }
    let groups = groups.into_iter();
    let mut groups: Vec<AlertGroup> = groups
        .filter_map(|(cause, members)| group(cause, members, model))
        .collect();
    groups.sort_by(|a, b| b.level.cmp(&a.level).then(a.since.cmp(&b.since)));
    groups
}

/// What does not answer, where that is an outage.
fn silent(condition: &Condition) -> Option<&'static str> {
    match condition {
        Condition::ChainUnreachable => Some("chain"),
        Condition::RentalsUnknown => Some("Vast"),
        Condition::NetworkNodeDown => Some("Network Node"),
        Condition::LinkDown(_) => Some("rental"),
        _ => None,
    }
}

fn group(cause: GroupCause, members: Vec<Alert>, model: &Model) -> Option<AlertGroup> {
    let worst = members.first()?;
    let since = members.iter().map(|alert| alert.since).min()?;
    let level = members.iter().map(|alert| alert.level).max()?;
    let lasted = format::short(model.now() - since);
    let line = match cause {
        GroupCause::Offline => offline_line(&members, &lasted, model),
        GroupCause::One(RootCause::Chain) => chain_line(worst, &lasted, model),
        GroupCause::One(RootCause::ChainSource) => source_line(&members, &model.snapshot.chain),
        GroupCause::One(RootCause::DestroyOverdue(instance)) => format!(
            "run: vastai destroy instance {instance} (not gone for {lasted}, {})",
            model.snapshot.money.per_hour
        ),
        GroupCause::One(_) => first_line(&members),
    };
    Some(AlertGroup {
        cause,
        level,
        line,
        remedy: worst.advice.text.clone(),
        since,
        members,
    })
}

fn offline_line(members: &[Alert], lasted: &str, model: &Model) -> String {
    let names = members.iter().filter_map(|alert| silent(&alert.condition));
    let names: Vec<&str> = names.collect();
    let mut line = format!("Offline {lasted}: {} unreachable", format::listed(&names));
    let rentals = || model.snapshot.rentals();
    if let Some(lease) = rentals().map(|rental| rental.lease_until).max() {
        let lease = format::clock(lease, model.now());
        let price: UsdPerHour = rentals().map(|rental| rental.price).sum();
        line = format!("{line}. {price} may be running; lease ends {lease}");
    }
    line
}

fn chain_line(worst: &Alert, lasted: &str, model: &Model) -> String {
    let chain = &model.snapshot.chain;
    let frozen = chain.reading.as_ref().and_then(|it| it.poc_start.expected);
    let frozen = frozen.map(|band| format::clock(band.p50, model.now()));
    let frozen = frozen.map_or_else(String::new, |at| format!(". Countdown frozen at {at}"));
    if worst.condition == Condition::ChainStalled {
        let height = chain.reading.as_ref().map(|it| it.view.height);
        let height = height.map_or_else(String::new, |height| {
            format!(" at {}", format::grouped(height.0))
        });
        return format!("Chain halted for {lasted}{height}: times are unknown");
    }
    let sources = match chain.sources.len() {
        0 => "no source answers".to_owned(),
        all => {
            let failing = chain.sources.iter().filter(|it| !is_healthy(&it.health));
            format!("{} of {all} sources fail", failing.count())
        }
    };
    format!("Chain unreadable {lasted}: {sources}{frozen}")
}

fn is_healthy(health: &SourceHealth) -> bool {
    matches!(health, SourceHealth::Good)
}

fn source_line(members: &[Alert], chain: &ChainSnapshot) -> String {
    let names: Vec<String> = members
        .iter()
        .filter_map(|alert| match &alert.condition {
            Condition::UnreliableSource(source) => Some(source.to_string()),
            _ => None,
        })
        .collect();
    let verb = if names.len() == 1 { "fails" } else { "fail" };
    format!(
        "{} of {} chain sources {verb} ({}): using the others",
        names.len(),
        chain.sources.len(),
        names.join(", ")
    )
}

/// The worst one's text; the others are counted.
fn first_line(members: &[Alert]) -> String {
    let text = members.first().map(|alert| capitalized(&alert.text));
    let text = text.unwrap_or_default();
    match members.len() {
        0 | 1 => text,
        all => format!("{text} (+{} of the same cause)", all - 1),
    }
}

pub(super) fn capitalized(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters
        .next()
        .map(|letter| letter.to_uppercase().to_string());
    format!("{}{}", first.unwrap_or_default(), letters.as_str())
}
