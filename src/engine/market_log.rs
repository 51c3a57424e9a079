//! The market's copy of a container's log: all that there is before SSH lets us in, and where the
//! workload writes no log file. It is asked for until the log file itself says something.
//!
//! `onstart` sends the workload's output to the log file and not to the container's log, so that no
//! line is in both. A host whose docker could be asked is not among those that are rented: rentals
//! are containers, never virtual machines.

use std::sync::Arc;

use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use super::Ports;
use super::core::Engine;
use super::observe::Observation;
use super::watched::Watched;
use crate::domain::{
    ActualStatus, CallError, Duration, Instance, InstanceId, LineStyle, LogLine, Time,
};
use crate::ssh::sanitize::Sanitizer;

/// Lines of a copy.
const LINES: u32 = 200;
/// The host uploads each copy, which takes it some seconds.
const COPY_EVERY: Duration = Duration::seconds(15);

const BEGINS: &str = "The container's log, as the market copies its last lines now and then:";
const MISSES: &str = "What came between these lines was in no copy.";
const ENDS: &str = "The workload's own log from here on:";

/// Asks for copies as long as the container runs, until `heard` is cancelled.
pub(super) async fn poll(
    ports: Arc<Ports>,
    id: InstanceId,
    mut instances: watch::Receiver<Option<Instance>>,
    reports: mpsc::Sender<Observation>,
    heard: CancellationToken,
) {
    let running = |seen: &Option<Instance>| {
        seen.as_ref()
            .is_some_and(|instance| instance.actual == ActualStatus::Running)
    };
    let work = async {
        while instances.wait_for(running).await.is_ok() {
            let copy = ports.market.container_log(id, LINES).await;
            let seen = Observation::MarketLog(id, copy);
            if reports.send(seen).await.is_err() {
                return;
            }
            ports.clock.sleep(COPY_EVERY).await;
        }
    };
    heard.run_until_cancelled(work).await;
}

/// What of the copies was shown.
#[derive(Debug, Default)]
pub(super) struct MarketLog {
    /// The lines of the last copy.
    last: Vec<String>,
}

/// What a copy adds.
#[derive(Debug, PartialEq, Eq)]
struct News<'a> {
    /// Whether it goes on where the last copy ended.
    joint: Joint,
    lines: &'a [String],
}

#[derive(Debug, PartialEq, Eq)]
enum Joint {
    First,
    Whole,
    /// More was written since the last copy than a copy holds.
    Gap,
}

impl MarketLog {
    fn is_empty(&self) -> bool {
        self.last.is_empty()
    }

    /// The lines that the last copy did not have. What is written over and over cannot be told from
    /// what was there before: then rather too little is shown than a line twice.
    fn take(&mut self, copy: &str) -> News<'_> {
        // A line that is not finished would be another one in the next copy.
        let whole = copy.rfind('\n').map_or("", |end| &copy[..end]);
        let lines = whole.lines().map(str::to_owned).collect();
        let last = std::mem::replace(&mut self.last, lines);
        let longest = last.len().min(self.last.len());
        let common = (1..=longest)
            .rev()
            .find(|&count| last[last.len() - count..] == self.last[..count]);
        let joint = match common {
            _ if last.is_empty() => Joint::First,
            Some(_) => Joint::Whole,
            None => Joint::Gap,
        };
        News {
            joint,
            lines: &self.last[common.unwrap_or_default()..],
        }
    }
}

impl Engine {
    pub(super) fn see_market_log(
        &mut self,
        now: Time,
        id: InstanceId,
        copy: Result<String, CallError>,
    ) {
        let Some(watched) = self.watched_mut(id) else {
            return;
        };
        match copy {
            Ok(copy) => watched.see_market_log(now, &copy),
            Err(error) => return tracing::debug!("{error}"),
        }
        self.feed_boot(now, id);
    }
}

impl Watched {
    fn see_market_log(&mut self, now: Time, copy: &str) {
        // It was on its way when the log file began.
        if self.log_began {
            return;
        }
        let News { joint, lines } = self.market_log.take(copy);
        if lines.is_empty() {
            return;
        }
        let note = match joint {
            Joint::First => Some(BEGINS),
            Joint::Gap => Some(MISSES),
            Joint::Whole => None,
        };
        let text = lines.join("\n") + "\n";
        if let Some(note) = note {
            self.log.push(remark(now, note));
        }
        for line in Sanitizer::new().feed(now, text.as_bytes()) {
            self.boot.observe_line(now, line.text());
            self.log.push(line);
        }
    }

    /// The log file says something: from now on it is what is shown.
    pub(super) fn begin_log(&mut self, now: Time) {
        if !std::mem::replace(&mut self.log_began, true) && !self.market_log.is_empty() {
            self.log.push(remark(now, ENDS));
        }
    }
}

/// A line of ours among those of the rental.
fn remark(at: Time, text: &str) -> LogLine {
    let style = LineStyle {
        italic: true,
        dim: true,
        ..LineStyle::default()
    };
    LogLine::styled(at, text, vec![(0, style)])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is shown of each copy.
    fn shown(copies: &[&str]) -> Vec<(Joint, Vec<String>)> {
        let mut log = MarketLog::default();
        let mut take = |copy: &&str| {
            let news = log.take(copy);
            (news.joint, news.lines.to_vec())
        };
        copies.iter().map(&mut take).collect()
    }

    #[test]
    fn a_line_that_is_in_several_copies_is_shown_once() {
        assert_eq!(
            shown(&["a\nb\n", "a\nb\nc\n", "b\nc\n", "c\nd\ne\n"]),
            [
                (Joint::First, vec!["a".into(), "b".into()]),
                (Joint::Whole, vec!["c".into()]),
                (Joint::Whole, vec![]),
                (Joint::Whole, vec!["d".into(), "e".into()]),
            ]
        );
    }

    #[test]
    fn lines_that_are_alike_are_rather_missed_than_shown_twice() {
        assert_eq!(
            shown(&["x\nx\n", "x\nx\n", "x\nx\ny\n"])[1..],
            [(Joint::Whole, vec![]), (Joint::Whole, vec!["y".into()]),]
        );
    }

    #[test]
    fn a_line_that_is_not_finished_waits_for_the_next_copy() {
        assert_eq!(
            shown(&["a\nhalf", "a\nhalf a line\n"]),
            [
                (Joint::First, vec!["a".into()]),
                (Joint::Whole, vec!["half a line".into()]),
            ]
        );
    }

    #[test]
    fn a_gap_between_two_copies_is_told() {
        assert_eq!(
            shown(&["a\nb\n", "y\nz\n"])[1],
            (Joint::Gap, vec!["y".into(), "z".into()])
        );
    }

    #[test]
    fn an_empty_copy_is_no_beginning_and_no_gap() {
        assert_eq!(shown(&["", "a\n"])[1], (Joint::First, vec!["a".into()]));
    }
}
