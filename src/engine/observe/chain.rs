//! Readings of the chain.

use crate::domain::{BlockHeader, EpochView, Governance, ReplicaId, SourceReport, Time};
use crate::engine::observe::freshness::Feed;
use crate::engine::observe::logged_failure::LoggedFailure;
use crate::engine::observe::observation::Headers;
use crate::engine::observe::pollers::{LISTING_INTERVAL, PLACING_LISTING_INTERVAL, PollSchedule};
use crate::engine::rental::monitor::RentalMonitor;
use crate::engine::state::{Engine, Shared};
use crate::flow::Event;
use crate::ports::SourceSelection;

impl Engine {
    pub(crate) fn on_chain_reports(&mut self, now: Time, reports: Vec<SourceReport>) {
        self.shared.observed.freshness.mark(Feed::ChainPoll, now);
        match self.shared.sources.observe(now, reports) {
            Ok(view) => {
                self.shared.observed.freshness.mark(Feed::Chain, now);
                self.apply_chain_view(now, view);
            }
            Err(why) => {
                self.shared.observed.chain_error = Some(why);
                self.dispatch(now, &Event::TimePassed);
            }
        }
    }

    pub(crate) fn on_governance(&mut self, now: Time, governance: Option<Governance>) {
        self.shared.observed.freshness.mark(Feed::Governance, now);
        let upgrade = governance.as_ref().and_then(|known| known.upgrade.clone());
        self.shared.observed.governance = governance;
        self.shared.observed.governance_failure = LoggedFailure::default();
        self.dispatch(now, &Event::UpgradePlanned(upgrade));
    }

    /// Applies a view that the sources agree on.
    pub(crate) fn apply_chain_view(&mut self, now: Time, view: EpochView) {
        self.shared.observed.chain_error = None;
        self.shared.block_clock.observe_height(now, view.height);
        self.shared.observed.view = Some((now, view.clone()));
        self.shared.track_confirmation(now, &view);
        let block_time = self.shared.block_clock.block_time();
        // A source that answers with an old height is not a fresh reading.
        if self.shared.block_clock.stalled_since().is_none() {
            // An obstacle of an earlier run, or from before the first reading, made no epoch missed.
            let read_before = self.shared.observed.first_poc.is_some();
            let held_up: Vec<(ReplicaId, Option<String>)> = self
                .replicas
                .iter()
                .map(|replica| (replica.id.clone(), replica.sprint.blocked_by()))
                .collect();
            let first = *self
                .shared
                .observed
                .first_poc
                .get_or_insert(view.next.epoch);
            self.dispatch(now, &Event::ChainObserved { view, block_time });
            for (id, held_up) in held_up {
                let held_up = held_up.filter(|_| read_before);
                self.record_missed_epochs(now, &id, first, held_up.as_deref());
            }
        }
    }

    /// Shows the last view to a sprint that has just begun.
    pub(crate) fn show_chain(&mut self, now: Time, id: &ReplicaId) {
        let known = self.shared.observed.view.clone();
        let is_stalled = self.shared.block_clock.stalled_since().is_some();
        let Some((_, view)) = known.filter(|_| !is_stalled) else {
            return;
        };
        let block_time = self.shared.block_clock.block_time();
        let first = self.shared.observed.first_poc.unwrap_or(view.next.epoch);
        if let Some(replica) = self.replicas.get_mut(id) {
            let event = Event::ChainObserved { view, block_time };
            replica.dispatch(&mut self.shared, now, event);
        }
        self.record_missed_epochs(now, id, first, None);
    }

    pub(crate) fn poll_schedule(&self, now: Time) -> PollSchedule {
        let replicas = self.replicas.iter();
        let heights = replicas.flat_map(|replica| replica.decision_heights.iter().copied());
        let tip = self.shared.block_clock.height();
        let ahead = heights.filter(|height| tip.is_some_and(|tip| tip < *height));
        let next = ahead.min();
        let expected = next.and_then(|height| match self.shared.observed.announced {
            Some(announced) if announced >= height => Some(now),
            _ => Some(self.shared.block_clock.estimate(now, height)?.p50),
        });
        let doubt = self.shared.sources.has_unhealthy_source()
            || self.shared.observed.chain_error.is_some();
        let is_placing = self.replicas.monitors().any(RentalMonitor::is_being_placed);
        PollSchedule {
            listing: if is_placing {
                PLACING_LISTING_INTERVAL
            } else {
                LISTING_INTERVAL
            },
            next: expected,
            sources: if doubt {
                SourceSelection::All
            } else {
                SourceSelection::Preferred
            },
        }
    }
}

impl Shared {
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
}
