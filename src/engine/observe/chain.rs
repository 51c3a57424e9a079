//! Readings of the chain.

use crate::domain::{BlockHeader, EpochView, Governance, SourceReport, Time};
use crate::engine::observe::freshness::Source;
use crate::engine::observe::observation::Headers;
use crate::engine::observe::pollers::Attention;
use crate::engine::state::Engine;
use crate::flow::Event;
use crate::ports::Look;

impl Engine {
    pub(crate) fn see_headers(&mut self, now: Time, headers: Headers) {
        if let Some(newest) = headers.newest {
            self.compare_clocks(now, newest.time);
        }
        for header in headers.older.into_iter().chain(headers.newest) {
            self.block_clock.observe_header(header);
        }
    }

    fn compare_clocks(&mut self, now: Time, newest_block: Time) {
        self.seen.ahead_of_chain = now - newest_block;
    }

    /// A height that decides something and is announced is looked for at once.
    pub(crate) fn see_announced(&mut self, now: Time, report: SourceReport) {
        let Ok(told) = &report.head else {
            return;
        };
        let (height, time) = (told.height, told.block_time);
        if !self.sources.corroborate(now, report) {
            return;
        }
        self.seen.announced = Some(height);
        if let Some(time) = time {
            let newest = Some(BlockHeader { height, time });
            let older = Vec::new();
            self.see_headers(now, Headers { newest, older });
        }
    }

    pub(crate) fn see_chain(&mut self, now: Time, reports: Vec<SourceReport>) {
        self.seen.reads.note(Source::ChainAsked, now);
        match self.sources.observe(now, reports) {
            Ok(view) => {
                self.seen.reads.note(Source::Chain, now);
                self.go_by(now, view);
            }
            Err(why) => {
                self.seen.chain_trouble = Some(why);
                self.feed(now, Event::TimePassed);
            }
        }
    }

    pub(crate) fn see_governance(&mut self, now: Time, governance: Option<Governance>) {
        self.seen.reads.note(Source::Governance, now);
        let upgrade = governance.as_ref().and_then(|known| known.upgrade.clone());
        self.seen.governance = governance;
        self.feed(now, Event::UpgradePlanned(upgrade));
    }

    /// A view of the chain that can be relied on.
    pub(crate) fn go_by(&mut self, now: Time, view: EpochView) {
        self.seen.chain_trouble = None;
        self.block_clock.observe_height(now, view.height);
        self.seen.view = Some((now, view.clone()));
        self.follow_confirmation(now, &view);
        let block_time = self.block_clock.block_time();
        // A source that answers with an old height is not a fresh reading.
        if self.block_clock.stalled_since().is_none() {
            // What was in the way of an earlier run, or of a run that knows no chain yet, held up none.
            let held_up = self.seen.first_poc.and_then(|_| self.sprint.blocked_by());
            let first = *self.seen.first_poc.get_or_insert(view.next.epoch);
            self.feed(now, Event::ChainObserved { view, block_time });
            self.write_down_what_was_not_tried(now, first, held_up.as_deref());
        }
    }

    /// When the next height that decides something is expected, and whom to ask of it.
    pub(crate) fn attention(&self, now: Time) -> Attention {
        let heights = self.sprint.decision_heights();
        let expected = heights
            .into_iter()
            .filter(|height| self.block_clock.height().is_some_and(|tip| tip < *height))
            .filter_map(|height| {
                if self
                    .seen
                    .announced
                    .is_some_and(|announced| announced >= height)
                {
                    return Some(now);
                }
                Some(self.block_clock.estimate(now, height)?.p50)
            })
            .min();
        let doubt = self.sources.has_unhealthy_source() || self.seen.chain_trouble.is_some();
        Attention {
            next: expected,
            whom: if doubt { Look::Every } else { Look::One },
        }
    }
}
