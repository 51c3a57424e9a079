//! What was told lately, so that an alert that stays is not told over and over. Pure.

use std::collections::VecDeque;

use chrono::TimeDelta;

use super::{Notice, NoticeLevel};
use crate::domain::Time;

const QUIET: TimeDelta = TimeDelta::minutes(30);
const CAPACITY: usize = 256;

#[derive(Default)]
pub(super) struct Recent {
    told: VecDeque<(NoticeLevel, String, String, Time)>,
}

impl Recent {
    /// True when the same was told within the quiet time, before or after by a clock that stepped.
    pub(super) fn holds(&self, notice: &Notice) -> bool {
        self.told.iter().any(|(level, title, body, at)| {
            *level == notice.level
                && *title == notice.title
                && *body == notice.body
                && (notice.at - *at).abs() < QUIET
        })
    }

    pub(super) fn remember(&mut self, notice: Notice) {
        if self.told.len() == CAPACITY {
            self.told.pop_front();
        }
        let Notice {
            level,
            title,
            body,
            at,
        } = notice;
        self.told.push_back((level, title, body, at));
    }
}
