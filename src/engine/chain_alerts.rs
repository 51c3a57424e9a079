//! What is wrong with the chain or with those who tell of it, for people.

use super::core::Engine;
use super::snapshot::{Alert, AlertLevel};
use crate::chain::sources::Standstill;
use crate::domain::{Duration, SourceHealth, SourceStatus, Time};

/// A change of parameters is news for so long.
const CHANGE_IS_NEWS: Duration = Duration::hours(24);

impl Engine {
    pub(super) fn chain_alerts(&self, now: Time) -> Vec<Alert> {
        let mut alerts = Vec::new();
        if let Some(trouble) = &self.seen.chain_trouble {
            alerts.push(Alert {
                level: AlertLevel::Warning,
                text: format!("the chain cannot be read: {trouble}"),
                advice: "check chain.public_api; nothing is rented meanwhile".to_owned(),
                since: now,
            });
        }
        if let Some(since) = self.block_clock.stalled_since() {
            alerts.push(standstill(self.sources.standstill(now, since), since));
        }
        alerts.extend(self.sources.statuses().iter().filter_map(unreliable));
        let changed = self.sources.changed();
        if let Some((at, change)) = changed.filter(|(at, _)| now - *at <= CHANGE_IS_NEWS) {
            alerts.push(Alert {
                level: AlertLevel::Notice,
                text: format!("parameters of the chain changed: {change}"),
                advice: "the plan follows by itself; see whether lead and budget still fit"
                    .to_owned(),
                since: *at,
            });
        }
        alerts
    }
}

fn standstill(standstill: Standstill, since: Time) -> Alert {
    let (text, advice) = match standstill {
        Standstill::Halted { witnesses } => (
            format!("the chain is halted: {witnesses} sources show no new block"),
            "nothing is rented until it moves; what is rented costs money meanwhile, until its lease ends",
        ),
        Standstill::Unproven => (
            "the chain shows no new block".to_owned(),
            "nothing is rented until it moves; compare another source",
        ),
    };
    Alert {
        level: AlertLevel::Warning,
        text,
        advice: advice.to_owned(),
        since,
    }
}

/// What is wrong with a source, if anything is.
fn unreliable(status: &SourceStatus) -> Option<Alert> {
    let lag = status
        .lag
        .map_or_else(String::new, |lag| format!(" ({lag} blocks behind)"));
    let wrong = match &status.health {
        SourceHealth::Good => return None,
        SourceHealth::CatchingUp => format!("is catching up{lag}: its height is old"),
        SourceHealth::Behind => format!("is behind the chain{lag}"),
        SourceHealth::Ahead => "tells a height that the chain cannot have".to_owned(),
        SourceHealth::WentBack { from } => format!("went back from height {from}{lag}"),
        SourceHealth::Contradicts(why) => format!("contradicts itself: {why}"),
        SourceHealth::Silent(why) => format!("does not answer: {why}"),
    };
    Some(Alert {
        level: AlertLevel::Notice,
        text: format!("{} {wrong}", status.source),
        advice: "the others decide; replace it in chain.public_api or chain.rpc if it stays so"
            .to_owned(),
        since: status.since,
    })
}
