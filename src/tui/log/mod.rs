//! How the boot log is looked at: followed or held still, whole or filtered, searched. What it costs
//! follows the screen, not the log.

mod matches;
mod rows;
mod scroll;
#[cfg(test)]
mod tests;

use ratatui::layout::Size;

use crate::domain::{LogLine, Time};
use crate::engine::BootLog;

pub use matches::{Matches, Query};
pub use rows::{LongLines, row_starts};
pub use scroll::{Held, Lines, Shown};

/// Columns of a horizontal step.
const COLUMNS: u16 = 8;
/// Lines are not longer than this (`ssh::sanitize`).
const LAST_COLUMN: u16 = 4_096;
/// What is assumed of the pane until it was drawn.
const USUAL_SIZE: Size = Size::new(80, 10);

/// The lines that a filter lets through.
#[derive(Debug, Clone)]
pub struct Filter {
    /// What they hold.
    pub query: Query,
    /// The lines.
    pub lines: Matches,
}

/// A search that is on.
#[derive(Debug, Clone)]
pub struct Search {
    /// What is looked for.
    pub query: Query,
    /// The lines that hold it, of those that the filter lets through.
    pub lines: Matches,
    /// The one that was gone to.
    pub current: Option<u64>,
}

/// Which match is gone to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Toward {
    /// The next newer one.
    Newer,
    /// The next older one.
    Older,
}

/// The operator's view of the log.
#[derive(Debug, Clone)]
pub struct LogView {
    /// Where it is held; absent while it follows the log's end.
    pub held: Option<Held>,
    /// What becomes of long lines.
    pub long: LongLines,
    /// Only these lines are shown.
    pub filter: Option<Filter>,
    /// What is looked for.
    pub search: Option<Search>,
    /// The log's part of the screen when it was last drawn.
    pub size: Size,
    /// The newest line that was seen: the log of another rental does not have it.
    seen: Option<(u64, Time)>,
}

impl LogView {
    /// Follows the log's end and shows everything.
    pub fn new(log: &BootLog) -> LogView {
        let mut view = LogView {
            held: None,
            long: LongLines::Cut { column: 0 },
            filter: None,
            search: None,
            size: USUAL_SIZE,
            seen: None,
        };
        view.take(log);
        view
    }

    /// Takes a newer log in, or that of another rental.
    pub fn take(&mut self, log: &BootLog) {
        if self.is_of_another(log) {
            self.held = None;
            if let Some(filter) = &mut self.filter {
                filter.lines = Matches::of(vec![filter.query.clone()], log);
            }
            self.search_again(log);
        }
        if let Some(filter) = &mut self.filter {
            filter.lines.keep_up(log);
        }
        if let Some(search) = &mut self.search {
            search.lines.keep_up(log);
        }
        let last = log.end_seq().checked_sub(1);
        self.seen = last.and_then(|last| Some((last, log.line(last)?.at)));
    }

    fn is_of_another(&self, log: &BootLog) -> bool {
        let Some((last, at)) = self.seen else {
            return false;
        };
        match log.line(last) {
            Some(line) => line.at != at,
            // So many lines may have come that it is no longer kept.
            None => last >= log.end_seq(),
        }
    }

    /// The lines that are shown.
    pub fn lines<'a>(&'a self, log: &'a BootLog) -> Lines<'a> {
        Lines {
            log,
            only: self.filter.as_ref().map(|filter| &filter.lines),
            long: self.long,
            width: self.size.width,
        }
    }

    /// Rows of a page: a row of the last one stays.
    pub fn page(&self) -> usize {
        self.pane().saturating_sub(1).max(1)
    }

    /// Rows for lines: search and filter are told in one below them. A prompt stands there too, but
    /// nothing moves while it is open.
    pub fn pane(&self) -> usize {
        let told = self.search.is_some() || self.filter.is_some();
        usize::from(self.size.height.saturating_sub(u16::from(told)))
    }

    /// Where it ends on the screen.
    pub fn place(&self, log: &BootLog) -> Option<Held> {
        self.place_in(self.lines(log), self.pane())
    }

    /// Where it ends in a pane of this height.
    pub fn place_in(&self, lines: Lines<'_>, pane: usize) -> Option<Held> {
        match self.held {
            // It is gone: the oldest lines that are kept are nearest.
            Some(held) if held.line < lines.log.first_seq() => lines.topped(held.line, pane),
            Some(held) => lines.settle(held),
            None => lines.end(),
        }
    }

    /// The line that is being written, while it is looked at.
    pub fn live<'a>(&self, log: &'a BootLog) -> Option<&'a LogLine> {
        let filter = self.filter.as_ref();
        log.live
            .as_ref()
            .filter(|_| self.held.is_none())
            .filter(|line| filter.is_none_or(|filter| filter.lines.would_hold(line)))
    }

    /// Holds it still, or lets it go on.
    pub fn pause(&mut self, log: &BootLog) {
        self.held = match self.held {
            Some(_) => None,
            None => self.place(log),
        };
    }

    /// Follows the end.
    pub fn follow(&mut self) {
        self.held = None;
    }

    /// Moves up, and holds still there.
    pub fn up(&mut self, log: &BootLog, rows: usize) {
        let pane = self.pane();
        self.held = self
            .place(log)
            .and_then(|place| self.lines(log).up(place, rows, pane));
    }

    /// Moves down; at the end it follows again.
    pub fn down(&mut self, log: &BootLog, rows: usize) {
        let Some(place) = self.place(log) else { return };
        let lines = self.lines(log);
        let held = lines.down(place, rows);
        self.held = held.filter(|held| Some(*held) != lines.end());
    }

    /// Cuts long lines, or wraps them.
    pub fn wrap(&mut self) {
        self.long = match self.long {
            LongLines::Wrap => LongLines::Cut { column: 0 },
            LongLines::Cut { .. } => LongLines::Wrap,
        };
        if let Some(held) = &mut self.held {
            held.below = 0;
        }
    }

    /// Looks further to the left.
    pub fn left(&mut self) {
        if let LongLines::Cut { column } = &mut self.long {
            *column = column.saturating_sub(COLUMNS);
        }
    }

    /// Looks further to the right.
    pub fn right(&mut self) {
        if let LongLines::Cut { column } = &mut self.long {
            *column = column.saturating_add(COLUMNS).min(LAST_COLUMN);
        }
    }

    /// Shows only lines that hold this; all of them for an empty text.
    pub fn filter(&mut self, text: &str, log: &BootLog) {
        self.filter = Query::new(text).map(|query| Filter {
            lines: Matches::of(vec![query.clone()], log),
            query,
        });
        self.search_again(log);
    }

    /// Looks for this and goes to the newest line with it that is not below the pane; to the next one
    /// below when there is none. An empty text ends the search. False when it is nowhere.
    pub fn search(&mut self, text: &str, log: &BootLog) -> bool {
        self.search = None;
        let Some(query) = Query::new(text) else {
            return true;
        };
        self.search = Some(Search {
            lines: Matches::default(),
            query,
            current: None,
        });
        self.search_again(log);
        let from = self.place(log).map_or(0, |place| place.line);
        let found = self.search.as_ref().and_then(|search| {
            search
                .lines
                .last_before(from.saturating_add(1))
                .or_else(|| search.lines.first_from(from))
        });
        self.find(found, log)
    }

    fn search_again(&mut self, log: &BootLog) {
        let filter = self.filter.as_ref().map(|filter| filter.query.clone());
        if let Some(search) = &mut self.search {
            let queries = filter.into_iter().chain([search.query.clone()]);
            search.lines = Matches::of(queries.collect(), log);
            search.current = None;
        }
    }

    /// Goes to another line with what is looked for, around the end. False when there is none.
    pub fn next_match(&mut self, toward: Toward, log: &BootLog) -> bool {
        let Some(search) = &self.search else {
            return false;
        };
        let from = search
            .current
            .or_else(|| self.place(log).map(|place| place.line))
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
        self.find(found, log)
    }

    fn find(&mut self, found: Option<u64>, log: &BootLog) -> bool {
        let Some(line) = found else { return false };
        if let Some(search) = &mut self.search {
            search.current = Some(line);
        }
        let pane = self.pane();
        let place = self.place(log);
        let lines = self.lines(log);
        let shown = place
            .map(|place| lines.window(place, pane))
            .unwrap_or_default();
        let visible = shown.iter().any(|shown| shown.line == line);
        self.held = if visible {
            place
        } else {
            lines.centred(line, pane)
        };
        true
    }

    /// Ends search and filter.
    pub fn clear(&mut self) {
        (self.search, self.filter) = (None, None);
    }

    /// Goes to the first line from this time on.
    pub fn go_to(&mut self, at: Time, log: &BootLog) {
        let held = self.lines(log).topped(first_from(log, at), self.pane());
        self.held = held;
    }

    /// The line at the top of the pane.
    pub fn top(&self, log: &BootLog) -> Option<u64> {
        let window = self.lines(log).window(self.place(log)?, self.pane());
        window.first().map(|shown| shown.line)
    }

    /// Lines that came after what is shown.
    pub fn new_below(&self, log: &BootLog) -> u64 {
        self.place(log)
            .map_or(0, |place| self.lines(log).after(place.line))
    }
}

/// Number of the first line that came at this time or later: lines are in the order they came.
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
