//! Alerts as an operator who looks elsewhere is told them: once they are sure, once a day while they
//! last, and once when they are over.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::atomic_file;
use crate::domain::{Duration, InstanceId, Time, UsdPerHour};
use crate::engine::alerts::condition::Condition;
use crate::engine::alerts::notice_body;
use crate::engine::alerts::notice_body::{Named, Page};
use crate::engine::observe::freshness::Reads;
use crate::engine::snapshot::{Alert, AlertLevel, Snapshot};
use crate::notify::{Notice, NoticeLevel};

/// An alert that is over by then was none. What costs something now is told sooner.
const SURE: Duration = Duration::seconds(60);
const SURE_OF_CRITICAL: Duration = Duration::seconds(15);
/// And by so many readings of what it is made of, however far they are apart: two bad ones before a
/// word. One that is shown for half a minute, until the next, is one.
const READINGS: u32 = 2;
/// Gone for so long is over; what only flickers is not told again and again.
const OVER: Duration = Duration::seconds(120);
const REMINDER: Duration = Duration::days(1);
/// A warning that is back so soon after its end is told again only when it lasts: a service that fails
/// now and then, for a night, is no reason to wake up twenty times. What costs something is told at once.
const SOON: Duration = Duration::hours(1);
const SURE_OF_RETURN: Duration = Duration::minutes(10);

/// What is known of an alert.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Known {
    condition: Condition,
    since: Time,
    advice: String,
    text: String,
    level: AlertLevel,
    first_seen: Time,
    last_seen: Time,
    /// When what it is made of was read last, and how often it was so.
    #[serde(default)]
    read_at: Option<Time>,
    #[serde(default)]
    readings: u32,
    told: Option<Time>,
}

/// The alerts that were seen. What was told of them is kept over a restart: an operator is told once,
/// and also of what was over meanwhile.
#[derive(Debug, Default)]
pub(crate) struct Told {
    known: Vec<Known>,
    /// What was told to be over, and when.
    over: Vec<(Condition, Time)>,
    file: Option<PathBuf>,
}

impl Told {
    /// What an earlier run told. A file that cannot be read means that some is told again.
    pub(crate) fn open(file: Option<PathBuf>, now: Time) -> Told {
        let kept = file.as_deref().map(atomic_file::read).transpose();
        let known = kept.unwrap_or_else(|error| {
            tracing::warn!("what was told is forgotten, and told again if it lasts: {error}");
            None
        });
        let mut known: Vec<Known> = known.unwrap_or_default();
        // What was wrong before the restart gets the time to be seen again before it is over.
        for known in &mut known {
            known.last_seen = now;
        }
        Told {
            known,
            file,
            ..Told::default()
        }
    }

    /// Takes what a snapshot shows, and gives what is to be told now.
    pub(crate) fn look(
        &mut self,
        snapshot: &Snapshot,
        reads: &Reads,
        prices: &Prices,
    ) -> Vec<Notice> {
        let now = snapshot.at;
        // What is only worth knowing is on the screen.
        let alerts = snapshot.alerts.iter();
        for alert in alerts.filter(|alert| alert.level > AlertLevel::Notice) {
            let read_at = reads.of(&alert.condition).unwrap_or(now);
            self.see(now, read_at, alert);
        }
        let mut notices = Vec::new();
        self.over.retain(|(_, over)| now - *over < SOON);
        for known in &mut self.known {
            if known.is_to_be_told(now, sure_of(known, &self.over)) {
                notices.push(notice(known, snapshot, prices));
                known.told = Some(now);
            }
        }
        self.known.retain(|known| {
            let over = now - known.last_seen >= OVER;
            if over && known.told.is_some() {
                notices.push(over_notice(known, now));
                self.over.push((known.condition.clone(), now));
            }
            !over
        });
        if !notices.is_empty() {
            self.keep();
        }
        notices
    }

    /// Keeps what was told. That it cannot is no reason not to tell.
    fn keep(&self) {
        let Some(file) = &self.file else { return };
        let told: Vec<&Known> = self
            .known
            .iter()
            .filter(|known| known.told.is_some())
            .collect();
        if let Err(error) = atomic_file::write(file, &told) {
            tracing::warn!("what was told is not kept over a restart: {error}");
        }
    }

    fn see(&mut self, now: Time, read_at: Time, alert: &Alert) {
        let mut known = self.known.iter_mut();
        // Trouble that comes and goes begins anew each time, and is one trouble all the same.
        let Some(known) = known.find(|known| known.condition == alert.condition) else {
            self.known.push(Known {
                condition: alert.condition.clone(),
                since: alert.since,
                advice: alert.advice.clone(),
                text: alert.text.clone(),
                level: alert.level,
                first_seen: now,
                last_seen: now,
                read_at: Some(read_at),
                readings: 1,
                told: None,
            });
            return;
        };
        // What became worse is told anew.
        if alert.level > known.level {
            known.told = None;
        }
        known.level = alert.level;
        known.advice.clone_from(&alert.advice);
        known.text.clone_from(&alert.text);
        known.last_seen = now;
        if known.read_at != Some(read_at) {
            known.read_at = Some(read_at);
            known.readings += 1;
        }
    }
}

/// How long it must last to be told.
fn sure_of(known: &Known, over: &[(Condition, Time)]) -> Duration {
    match known.level {
        AlertLevel::Critical => SURE_OF_CRITICAL,
        _ if over.iter().any(|(over, _)| *over == known.condition) => SURE_OF_RETURN,
        AlertLevel::Warning | AlertLevel::Notice => SURE,
    }
}

impl Known {
    fn is_to_be_told(&self, now: Time, sure: Duration) -> bool {
        if self.last_seen != now {
            return false;
        }
        if let Some(told) = self.told {
            return now - told >= REMINDER;
        }
        self.readings >= READINGS && now - self.first_seen >= sure
    }
}

fn notice(known: &Known, snapshot: &Snapshot, prices: &Prices) -> Notice {
    let named = known.condition.instance();
    let page = Page {
        to_do: &known.advice,
        money: notice_body::money(
            snapshot,
            named.map(|instance| Named {
                instance,
                price: prices.get(&instance).copied(),
            }),
        ),
        does: notice_body::does(snapshot),
        look: command(known, snapshot),
    };
    let reminder = known.told.map(|_| "still: ").unwrap_or_default();
    Notice {
        level: match known.level {
            AlertLevel::Critical => NoticeLevel::Critical,
            AlertLevel::Warning | AlertLevel::Notice => NoticeLevel::Warning,
        },
        title: format!("{reminder}{}", known.text),
        body: page.text(snapshot),
        at: snapshot.at,
    }
}

/// The command that the advice names, or the one that shows everything.
fn command<'a>(known: &'a Known, snapshot: &Snapshot) -> &'a str {
    let named = known.advice.split('`').nth(1);
    let usual = if snapshot.rental.is_some() {
        "pocpit (`pocpit release` takes everything down)"
    } else {
        "pocpit check"
    };
    named.unwrap_or(usual)
}

fn over_notice(known: &Known, now: Time) -> Notice {
    let minutes = (known.last_seen - known.since).num_minutes();
    Notice {
        level: NoticeLevel::Resolved,
        title: format!("over: {}", known.text),
        body: format!("It lasted {minutes} minutes. There is nothing to do."),
        at: now,
    }
}

/// What each rental costs that is listed or open in the journal, whosever it is.
pub(crate) type Prices = BTreeMap<InstanceId, UsdPerHour>;

#[cfg(test)]
mod tests;
