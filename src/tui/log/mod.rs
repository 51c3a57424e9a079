//! State of the log pane: followed or paused, filtered. Cost depends on the screen, not on the length of
//! the log.

mod matches;
mod rows;
mod scroll;
#[cfg(test)]
mod tests;

use ratatui::layout::Size;

use crate::domain::{InstanceId, LogLine, Time};
use crate::engine::BootLog;

pub use matches::{Matches, Query};
pub use rows::{LongLines, row_starts};
pub use scroll::{Anchor, Lines, VisibleLine};

const COLUMNS: u16 = 8;
/// Lines are not longer than this (`ssh::sanitize`).
const LAST_COLUMN: u16 = 4_096;
/// Size of the pane until it is drawn.
const DEFAULT_SIZE: Size = Size::new(80, 10);

/// Lines without the text of the filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Others {
    Hidden,
    Shown,
}

#[derive(Debug, Clone)]
pub struct Filter {
    pub lines: Matches,
    pub others: Others,
    /// The match that was gone to.
    pub current: Option<u64>,
}

/// Direction in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Toward {
    Newer,
    Older,
}

#[derive(Debug, Clone)]
pub struct LogPane {
    /// Log of the current rental or of a past one.
    pub log: BootLog,
    /// The past rental whose log is shown.
    pub past: Option<InstanceId>,
    /// Where the log is paused; `None` while it follows the end.
    pub anchor: Option<Anchor>,
    pub long: LongLines,
    pub filter: Option<Filter>,
    /// Size of the log when it was last drawn.
    pub size: Size,
    /// The newest line at the last update: the log of another rental does not have it.
    newest: Option<(u64, Time)>,
}

impl LogPane {
    /// Follows the end of a log, without a filter.
    pub fn new(log: BootLog) -> LogPane {
        let newest = newest_of(&log);
        LogPane {
            log,
            past: None,
            anchor: None,
            long: LongLines::Cut { column: 0 },
            filter: None,
            size: DEFAULT_SIZE,
            newest,
        }
    }

    /// Shows another log from its end.
    pub fn show(&mut self, past: Option<InstanceId>, log: BootLog) {
        *self = LogPane {
            past,
            size: self.size,
            ..LogPane::new(log)
        };
    }

    /// Replaces the log by a newer state of it, or by that of another rental.
    pub fn set_log(&mut self, log: BootLog) {
        let is_other = self.is_of_another(&log);
        self.log = log;
        self.newest = newest_of(&self.log);
        if is_other {
            self.anchor = None;
        }
        let Some(filter) = &mut self.filter else {
            return;
        };
        if is_other {
            filter.lines.restart(&self.log);
            filter.current = None;
        }
        filter.lines.update(&self.log);
    }

    fn is_of_another(&self, log: &BootLog) -> bool {
        let Some((last, at)) = self.newest else {
            return false;
        };
        match log.line(last) {
            Some(line) => line.at != at,
            // Dropped, if newer lines came.
            None => last >= log.end_seq(),
        }
    }

    pub fn lines(&self) -> Lines<'_> {
        Lines {
            log: &self.log,
            only: self.only(),
            long: self.long,
            width: self.size.width,
        }
    }

    /// The lines to show, where others are hidden.
    pub fn only(&self) -> Option<&Matches> {
        let filter = self.filter.as_ref();
        let hides = filter.filter(|filter| filter.others == Others::Hidden);
        hides.map(|filter| &filter.lines)
    }

    /// Rows of a page; one row of the last page stays visible.
    pub fn page(&self) -> usize {
        self.height().saturating_sub(1).max(1)
    }

    /// Rows for lines, without the status row of the filter. A prompt uses that row too, but nothing
    /// scrolls while it is open.
    pub fn height(&self) -> usize {
        let has_status = self.filter.is_some();
        usize::from(self.size.height.saturating_sub(u16::from(has_status)))
    }

    pub fn bottom(&self) -> Option<Anchor> {
        self.bottom_in(self.lines(), self.height())
    }

    /// The last visible row in a pane of this height.
    pub fn bottom_in(&self, lines: Lines<'_>, height: usize) -> Option<Anchor> {
        match self.anchor {
            // The line was dropped: show the oldest ones.
            Some(Anchor { line, .. }) if line < lines.log.first_seq() => lines.at_top(line, height),
            Some(anchor) => lines.clamp(anchor),
            None => lines.end(),
        }
    }

    /// The unfinished line at the end, if it is visible.
    pub fn live(&self) -> Option<&LogLine> {
        let live = self.log.live.as_ref().filter(|_| self.anchor.is_none());
        live.filter(|line| self.only().is_none_or(|only| only.matches(line)))
    }

    pub fn toggle_pause(&mut self) {
        self.anchor = match self.anchor {
            Some(_) => None,
            None => self.bottom(),
        };
    }

    pub fn follow(&mut self) {
        self.anchor = None;
    }

    pub fn up(&mut self, rows: usize) {
        let bottom = self.bottom();
        self.anchor = bottom.and_then(|bottom| self.lines().up(bottom, rows, self.height()));
    }

    /// Scrolls down; follows again at the end.
    pub fn down(&mut self, rows: usize) {
        let Some(bottom) = self.bottom() else { return };
        let lines = self.lines();
        let anchor = lines.down(bottom, rows);
        self.anchor = anchor.filter(|anchor| Some(*anchor) != lines.end());
    }

    pub fn toggle_wrap(&mut self) {
        self.long = match self.long {
            LongLines::Wrap => LongLines::Cut { column: 0 },
            LongLines::Cut { .. } => LongLines::Wrap,
        };
        if let Some(anchor) = &mut self.anchor {
            anchor.below = 0;
        }
    }

    pub fn left(&mut self) {
        if let LongLines::Cut { column } = &mut self.long {
            *column = column.saturating_sub(COLUMNS);
        }
    }

    pub fn right(&mut self) {
        if let LongLines::Cut { column } = &mut self.long {
            *column = column.saturating_add(COLUMNS).min(LAST_COLUMN);
        }
    }

    /// Shows only lines with this text; all for an empty one.
    pub fn set_filter(&mut self, text: &str) {
        self.filter = Query::new(text).map(|query| Filter {
            lines: Matches::of(query, &self.log),
            others: Others::Hidden,
            current: None,
        });
    }

    /// Shows the other lines too, or hides them again.
    pub fn toggle_others(&mut self) {
        if let Some(filter) = &mut self.filter {
            filter.others = match filter.others {
                Others::Hidden => Others::Shown,
                Others::Shown => Others::Hidden,
            };
        }
        // The match that was gone to stays in sight.
        let current = self.filter.as_ref().and_then(|filter| filter.current);
        if self.anchor.is_some() {
            self.select_match(current);
        }
    }

    pub fn hides_others(&self) -> bool {
        self.only().is_some()
    }

    /// Goes to the next match, wrapping around. False without one.
    pub fn next_match(&mut self, toward: Toward) -> bool {
        let Some(Filter { lines, current, .. }) = &self.filter else {
            return false;
        };
        let below = self.bottom().map_or(0, |bottom| bottom.line + 1);
        let found = match toward {
            Toward::Newer => lines
                .first_from(current.map_or(below, |line| line + 1))
                .or_else(|| lines.first_from(0)),
            // The first one is the newest that is not below the pane.
            Toward::Older => lines
                .last_before(current.unwrap_or(below))
                .or_else(|| lines.last_before(u64::MAX)),
        };
        self.select_match(found)
    }

    fn select_match(&mut self, found: Option<u64>) -> bool {
        let Some(line) = found else { return false };
        if let Some(filter) = &mut self.filter {
            filter.current = Some(line);
        }
        let bottom = self.bottom();
        let is_visible = self.visible().iter().any(|shown| shown.line == line);
        self.anchor = if is_visible {
            bottom
        } else {
            self.lines().centred(line, self.height())
        };
        true
    }

    /// Goes to the first line at or after this time.
    pub fn go_to(&mut self, at: Time) {
        let line = first_from(&self.log, at);
        self.anchor = self.lines().at_top(line, self.height());
    }

    /// The visible lines, from top to bottom.
    pub fn visible(&self) -> Vec<VisibleLine> {
        let window = |bottom| self.lines().window(bottom, self.height());
        self.bottom().map(window).unwrap_or_default()
    }

    /// The first visible line.
    pub fn top(&self) -> Option<u64> {
        self.visible().first().map(|shown| shown.line)
    }

    pub fn lines_below(&self) -> u64 {
        let bottom = self.bottom();
        bottom.map_or(0, |bottom| self.lines().after(bottom.line))
    }
}

fn newest_of(log: &BootLog) -> Option<(u64, Time)> {
    let last = log.end_seq().checked_sub(1)?;
    Some((last, log.line(last)?.at))
}

/// Number of the first line at or after this time; lines are in order of arrival.
pub fn first_from(log: &BootLog, at: Time) -> u64 {
    let (mut low, mut high) = (log.first_seq(), log.end_seq());
    while low < high {
        let middle = low + (high - low) / 2;
        if log.line(middle).is_some_and(|line| line.at < at) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    low
}
