//! State of the log pane: followed or paused, filtered, searched. Cost depends on the screen, not on the
//! length of the log.

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

#[derive(Debug, Clone)]
pub struct Filter {
    pub query: Query,
    pub lines: Matches,
}

#[derive(Debug, Clone)]
pub struct Search {
    pub query: Query,
    pub lines: Matches,
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
    pub search: Option<Search>,
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
            search: None,
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
            if let Some(filter) = &mut self.filter {
                filter.lines = Matches::of(vec![filter.query.clone()], &self.log);
            }
            self.search_again();
        }
        if let Some(filter) = &mut self.filter {
            filter.lines.update(&self.log);
        }
        if let Some(search) = &mut self.search {
            search.lines.update(&self.log);
        }
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
            only: self.filter.as_ref().map(|filter| &filter.lines),
            long: self.long,
            width: self.size.width,
        }
    }

    /// Rows of a page; one row of the last page stays visible.
    pub fn page(&self) -> usize {
        self.height().saturating_sub(1).max(1)
    }

    /// Rows for lines, without the status row of search and filter. A prompt uses that row too, but
    /// nothing scrolls while it is open.
    pub fn height(&self) -> usize {
        let has_status = self.search.is_some() || self.filter.is_some();
        usize::from(self.size.height.saturating_sub(u16::from(has_status)))
    }

    pub fn bottom(&self) -> Option<Anchor> {
        self.bottom_in(self.lines(), self.height())
    }

    /// The last visible row in a pane of this height.
    pub fn bottom_in(&self, lines: Lines<'_>, height: usize) -> Option<Anchor> {
        match self.anchor {
            // The line was dropped: show the oldest ones.
            Some(anchor) if anchor.line < lines.log.first_seq() => {
                lines.at_top(anchor.line, height)
            }
            Some(anchor) => lines.clamp(anchor),
            None => lines.end(),
        }
    }

    /// The unfinished line at the end, if it is visible.
    pub fn live(&self) -> Option<&LogLine> {
        let filter = self.filter.as_ref();
        self.log
            .live
            .as_ref()
            .filter(|_| self.anchor.is_none())
            .filter(|line| filter.is_none_or(|filter| filter.lines.matches(line)))
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
            lines: Matches::of(vec![query.clone()], &self.log),
            query,
        });
        self.search_again();
    }

    /// Goes to the newest match that is not below the pane, else to the next one below. An empty text
    /// ends the search. False without a match.
    pub fn search(&mut self, text: &str) -> bool {
        self.search = None;
        let Some(query) = Query::new(text) else {
            return true;
        };
        self.search = Some(Search {
            lines: Matches::default(),
            query,
            current: None,
        });
        self.search_again();
        let from = self.bottom().map_or(0, |bottom| bottom.line);
        let found = self.search.as_ref().and_then(|search| {
            search
                .lines
                .last_before(from.saturating_add(1))
                .or_else(|| search.lines.first_from(from))
        });
        self.select_match(found)
    }

    fn search_again(&mut self) {
        let filter = self.filter.as_ref().map(|filter| filter.query.clone());
        if let Some(search) = &mut self.search {
            let queries = filter.into_iter().chain([search.query.clone()]);
            search.lines = Matches::of(queries.collect(), &self.log);
            search.current = None;
        }
    }

    /// Goes to the next match, wrapping around. False without one.
    pub fn next_match(&mut self, toward: Toward) -> bool {
        let Some(search) = &self.search else {
            return false;
        };
        let from = search
            .current
            .or_else(|| self.bottom().map(|bottom| bottom.line))
            .unwrap_or(0);
        let lines = &search.lines;
        let found = match toward {
            Toward::Newer => lines
                .first_from(from.saturating_add(1))
                .or_else(|| lines.first_from(0)),
            Toward::Older => lines
                .last_before(from)
                .or_else(|| lines.last_before(u64::MAX)),
        };
        self.select_match(found)
    }

    fn select_match(&mut self, found: Option<u64>) -> bool {
        let Some(line) = found else { return false };
        if let Some(search) = &mut self.search {
            search.current = Some(line);
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

    pub fn clear(&mut self) {
        (self.search, self.filter) = (None, None);
    }

    /// Goes to the first line at or after this time.
    pub fn go_to(&mut self, at: Time) {
        self.anchor = self
            .lines()
            .at_top(first_from(&self.log, at), self.height());
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
