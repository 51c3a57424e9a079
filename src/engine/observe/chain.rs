//! Readings of the chain.

use crate::domain::{BlockHeader, EpochView, Governance, SourceReport, Time};
use crate::engine::observe::freshness::Feed;
use crate::engine::observe::logged_failure::LoggedFailure;
use crate::engine::observe::observation::Headers;
use crate::engine::observe::pollers::PollSchedule;
use crate::engine::state::Engine;
use crate::flow::Event;
use crate::ports::SourceSelection;

impl Engine {
    pub(crate) fn on_headers(&mut self, now: Time, headers: Headers) {
        if let Some(newest) = headers.newest {
            self.observed.skew.compare_with_block(now, newest.time);
        }
        for header in headers.older.into_iter().chain(headers.newest) {
            self.block_clock.observe_header(header);
        }
    }

    /// An announced height that decides something is polled at once.
    pub(crate) fn on_announced_block(&mut self, now: Time, report: SourceReport) {
        let Ok(head) = &report.head else {
            return;
        };
        let (height, time) = (head.height, head.block_time);
        if !self.sources.corroborate(now, report) {
            return;
        }
        self.observed.announced = Some(height);
        if let Some(time) = time {
            self.on_headers(
                now,
                Headers {
                    newest: Some(BlockHeader { height, time }),
                    older: Vec::new(),
                },
            );
        }
    }

    pub(crate) fn on_chain_reports(&mut self, now: Time, reports: Vec<SourceReport>) {
        self.observed.freshness.mark(Feed::ChainPoll, now);
        match self.sources.observe(now, reports) {
            Ok(view) => {
                self.observed.freshness.mark(Feed::Chain, now);
                self.apply_chain_view(now, view);
            }
            Err(why) => {
                self.observed.chain_error = Some(why);
                self.dispatch(now, Event::TimePassed);
            }
        }
    }

    pub(crate) fn on_governance(&mut self, now: Time, governance: Option<Governance>) {
        self.observed.freshness.mark(Feed::Governance, now);
        let upgrade = governance.as_ref().and_then(|known| known.upgrade.clone());
        self.observed.governance = governance;
        self.observed.governance_failure = LoggedFailure::default();
        self.dispatch(now, Event::UpgradePlanned(upgrade));
    }

    /// Applies a view that the sources agree on.
    pub(crate) fn apply_chain_view(&mut self, now: Time, view: EpochView) {
        self.observed.chain_error = None;
        self.block_clock.observe_height(now, view.height);
        self.observed.view = Some((now, view.clone()));
        self.track_confirmation(now, &view);
        let block_time = self.block_clock.block_time();
        // A source that answers with an old height is not a fresh reading.
        if self.block_clock.stalled_since().is_none() {
            // An obstacle of an earlier run, or from before the first reading, made no epoch missed.
            let read_before = self.observed.first_poc.is_some();
            let held_up = self.sprint.blocked_by().filter(|_| read_before);
            let first = *self.observed.first_poc.get_or_insert(view.next.epoch);
            self.dispatch(now, Event::ChainObserved { view, block_time });
            self.record_missed_epochs(now, first, held_up.as_deref());
        }
    }

    pub(crate) fn poll_schedule(&self, now: Time) -> PollSchedule {
        let heights = self.sprint.decision_heights().into_iter();
        let ahead =
            heights.filter(|height| self.block_clock.height().is_some_and(|tip| tip < *height));
        let expected = ahead.filter_map(|height| match self.observed.announced {
            Some(announced) if announced >= height => Some(now),
            _ => Some(self.block_clock.estimate(now, height)?.p50),
        });
        let doubt = self.sources.has_unhealthy_source() || self.observed.chain_error.is_some();
        PollSchedule {
            next: expected.min(),
            sources: if doubt {
                SourceSelection::All
            } else {
                SourceSelection::Preferred
            },
        }
    }
}
