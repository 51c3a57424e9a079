//! Decides which alerts are sent: after a debounce, once a day while they last, and when they are
//! resolved.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::atomic_file;
use crate::domain::format::count;
use crate::domain::{Duration, InstanceId, Time, UsdPerHour};
use crate::engine::alerts::alert::{Alert, AlertLevel, Condition};
use crate::engine::alerts::notice_body::{self, AffectedRental, NoticeBody};
use crate::engine::observe::freshness::Freshness;
use crate::engine::snapshot::Snapshot;
use crate::notify::{Notice, NoticeLevel};

/// How long an alert must last before it is sent.
const DEBOUNCE: Duration = Duration::seconds(60);
const CRITICAL_DEBOUNCE: Duration = Duration::seconds(15);
/// How many readings of its feed must have it, however far apart they are.
const MIN_READINGS: u32 = 2;
/// How long an alert must be gone to be resolved: one that flickers is not sent again and again.
const RESOLVE_AFTER: Duration = Duration::seconds(120);
const REPEAT_INTERVAL: Duration = Duration::days(1);
/// A warning that returns this soon after its end must last longer to be sent: a service that fails now
/// and then must not wake the operator twenty times a night. Critical alerts are exempt.
const FLAP_WINDOW: Duration = Duration::hours(1);
const FLAP_DEBOUNCE: Duration = Duration::minutes(10);

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct TrackedAlert {
    #[serde(flatten)]
    alert: Alert,
    first_seen: Time,
    last_seen: Time,
    /// When its feed was last read.
    #[serde(default)]
    read_at: Option<Time>,
    /// How many readings of its feed had it.
    #[serde(default)]
    readings: u32,
    #[serde(rename = "told")]
    last_sent: Option<Time>,
}

/// Persists the alerts that were sent: over a restart none is sent twice, and one that ended meanwhile
/// is resolved.
#[derive(Debug, Default)]
pub(crate) struct AlertTracker {
    alerts: Vec<TrackedAlert>,
    /// Sent alerts that were resolved lately, and when.
    resolved: Vec<(Condition, Time)>,
    file: Option<PathBuf>,
}

impl AlertTracker {
    /// Loads the state of an earlier run. Without a readable file, active alerts are sent again.
    pub(crate) fn open(file: Option<PathBuf>, now: Time) -> AlertTracker {
        let saved = file.as_deref().map(atomic_file::read).transpose();
        let saved = saved.unwrap_or_else(|error| {
            tracing::warn!("alert state was lost; persisting alerts will be sent again: {error}");
            None
        });
        let mut alerts: Vec<TrackedAlert> = saved.unwrap_or_default();
        // An alert of before the restart gets time to appear again before it counts as resolved.
        for alert in &mut alerts {
            alert.last_seen = now;
        }
        AlertTracker {
            alerts,
            file,
            ..AlertTracker::default()
        }
    }

    /// Applies a snapshot; returns the notices that are due now.
    pub(crate) fn update(
        &mut self,
        snapshot: &Snapshot,
        freshness: &Freshness,
        prices: &Prices,
    ) -> Vec<Notice> {
        let now = snapshot.at;
        // Notices are on the screen only.
        let alerts = snapshot.alerts.iter();
        for alert in alerts.filter(|alert| alert.level > AlertLevel::Notice) {
            let read_at = freshness.last_read(&alert.condition).unwrap_or(now);
            self.track(now, read_at, alert);
        }
        let mut notices = Vec::new();
        self.resolved.retain(|(_, over)| now - *over < FLAP_WINDOW);
        for tracked in &mut self.alerts {
            if tracked.is_due(now, debounce(&tracked.alert, &self.resolved)) {
                notices.push(alert_notice(tracked, snapshot, prices));
                tracked.last_sent = Some(now);
            }
        }
        self.alerts.retain(|tracked| {
            let over = now - tracked.last_seen >= RESOLVE_AFTER;
            if over && tracked.last_sent.is_some() {
                notices.push(resolved_notice(tracked, now));
                self.resolved.push((tracked.alert.condition.clone(), now));
            }
            !over
        });
        if !notices.is_empty() {
            self.persist();
        }
        notices
    }

    /// By a clock that was set forward by so much: no debounce and no repetition becomes longer.
    pub(crate) fn shift(&mut self, by: Duration) {
        for tracked in &mut self.alerts {
            let read = tracked.read_at.iter_mut().chain(&mut tracked.last_sent);
            for time in read.chain([&mut tracked.first_seen, &mut tracked.last_seen]) {
                *time += by;
            }
        }
        for (_, over) in &mut self.resolved {
            *over += by;
        }
    }

    /// Persists the alerts that were sent. A failure does not stop notices.
    fn persist(&self) {
        let Some(file) = &self.file else { return };
        let sent: Vec<&TrackedAlert> = self
            .alerts
            .iter()
            .filter(|alert| alert.last_sent.is_some())
            .collect();
        if let Err(error) = atomic_file::write(file, &sent) {
            tracing::warn!("alert state was not persisted: {error}");
        }
    }

    fn track(&mut self, now: Time, read_at: Time, alert: &Alert) {
        let mut tracked = self.alerts.iter_mut();
        // A condition that flickers has a new onset each time, and is one alert all the same.
        let Some(tracked) = tracked.find(|tracked| tracked.alert.condition == alert.condition)
        else {
            self.alerts.push(TrackedAlert {
                alert: alert.clone(),
                first_seen: now,
                last_seen: now,
                read_at: Some(read_at),
                readings: 1,
                last_sent: None,
            });
            return;
        };
        // An alert that got worse is sent again.
        if alert.level > tracked.alert.level {
            tracked.last_sent = None;
        }
        let since = tracked.alert.since;
        tracked.alert = Alert {
            since,
            ..alert.clone()
        };
        tracked.last_seen = now;
        if tracked.read_at != Some(read_at) {
            tracked.read_at = Some(read_at);
            tracked.readings += 1;
        }
    }
}

fn debounce(alert: &Alert, resolved: &[(Condition, Time)]) -> Duration {
    match alert.level {
        AlertLevel::Critical => CRITICAL_DEBOUNCE,
        _ if resolved
            .iter()
            .any(|(condition, _)| *condition == alert.condition) =>
        {
            FLAP_DEBOUNCE
        }
        AlertLevel::Warning | AlertLevel::Notice => DEBOUNCE,
    }
}

impl TrackedAlert {
    fn is_due(&self, now: Time, debounce: Duration) -> bool {
        if self.last_seen != now {
            return false;
        }
        if let Some(sent) = self.last_sent {
            return now - sent >= REPEAT_INTERVAL;
        }
        self.readings >= MIN_READINGS && now - self.first_seen >= debounce
    }
}

fn alert_notice(tracked: &TrackedAlert, snapshot: &Snapshot, prices: &Prices) -> Notice {
    let alert = &tracked.alert;
    let named = alert.condition.instance();
    let body = NoticeBody {
        action: &alert.advice.text,
        money: notice_body::money(
            snapshot,
            named.map(|instance| AffectedRental {
                instance,
                price: prices.get(&instance).copied(),
            }),
        ),
        activity: notice_body::current_activity(snapshot),
        command: match &alert.advice.command {
            Some(command) => command,
            None if snapshot.rental.is_some() => "pocpit (`pocpit release` releases everything)",
            None => "pocpit check",
        },
    };
    let reminder = tracked.last_sent.map(|_| "still: ").unwrap_or_default();
    Notice {
        level: match alert.level {
            AlertLevel::Critical => NoticeLevel::Critical,
            AlertLevel::Warning | AlertLevel::Notice => NoticeLevel::Warning,
        },
        title: format!("{reminder}{}", alert.text),
        body: body.text(snapshot),
        at: snapshot.at,
    }
}

fn resolved_notice(tracked: &TrackedAlert, now: Time) -> Notice {
    let alert = &tracked.alert;
    let minutes = (tracked.last_seen - alert.since).num_minutes();
    Notice {
        level: NoticeLevel::Resolved,
        title: format!("over: {}", alert.text),
        body: format!(
            "It lasted {}. There is nothing to do.",
            count(minutes, "minute")
        ),
        at: now,
    }
}

/// The price of each rental that is listed or open in the journal, ours or not.
pub(crate) type Prices = BTreeMap<InstanceId, UsdPerHour>;

#[cfg(test)]
mod tests;
