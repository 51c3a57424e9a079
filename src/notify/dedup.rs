//! Suppresses a notice that was sent before: an alert that comes and goes is not sent over and over. Pure.

use std::collections::VecDeque;

use chrono::TimeDelta;

use super::notice::Notice;

const WINDOW: TimeDelta = TimeDelta::minutes(30);
const CAPACITY: usize = 256;

#[derive(Default)]
pub(super) struct Dedup(VecDeque<Notice>);

impl Dedup {
    /// True when the same was sent within the window, before or after by a clock that stepped.
    pub(super) fn contains(&self, notice: &Notice) -> bool {
        self.0.iter().any(|sent| {
            (sent.level, &sent.title, &sent.body) == (notice.level, &notice.title, &notice.body)
                && (notice.at - sent.at).abs() < WINDOW
        })
    }

    pub(super) fn insert(&mut self, notice: Notice) {
        if self.0.len() == CAPACITY {
            self.0.pop_front();
        }
        self.0.push_back(notice);
    }
}
