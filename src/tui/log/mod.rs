//! State of a log pane: followed or held, filtered. Cost depends on the screen, not on the length of the
//! log.

mod columns;
mod filter;
mod hold;
mod index;
mod jump;
mod lines;
mod marks;
mod query;
mod rows;
mod scroll;
#[cfg(test)]
mod tests;
mod trouble;

use ratatui::layout::Size;

use crate::domain::{InstanceId, LogLine, Time};
use crate::engine::LogBuffer;

pub use columns::Times;
pub use filter::Filter;
pub use index::LineIndex;
pub use jump::{Jump, Target, Toward};
pub use lines::{repeats, whole_text};
pub use marks::{Mark, RentalMarks};
pub use query::Query;
pub use rows::{LongLines, row_starts};
pub use scroll::{Anchor, Lines, PlacedMark, VisibleLine};
pub use trouble::Trouble;

/// Size of the pane until it is drawn.
const DEFAULT_SIZE: Size = Size::new(80, 10);
#[derive(Debug, Clone)]
pub struct LogPane {
    /// Log of the current rental, of a past one, or of this program.
    pub log: LogBuffer,
    /// The past rental whose log is shown.
    pub past: Option<InstanceId>,
    /// Where the log is held; `None` while it follows the end.
    pub anchor: Option<Anchor>,
    /// Lines from this one on came since it is held.
    held_until: u64,
    pub long: LongLines,
    times: Times,
    pub filter: Option<Filter>,
    /// The match or error that was gone to last.
    pub current: Option<u64>,
    /// The lines that are shown without a filter.
    plain: LineIndex,
    pub trouble: Trouble,
    marks: Vec<PlacedMark>,
    /// Size of the pane when it was last drawn.
    pub size: Size,
    /// The newest line at the last update: the log of another rental does not have it.
    newest: Option<(u64, Time)>,
}

impl LogPane {
    /// Follows the end of a log, without a filter.
    pub fn new(log: LogBuffer) -> LogPane {
        let mut pane = LogPane {
            newest: newest_of(&log),
            log,
            past: None,
            anchor: None,
            held_until: 0,
            long: LongLines::Cut { column: 0 },
            times: Times::Shown,
            filter: None,
            current: None,
            plain: LineIndex::default(),
            trouble: Trouble::default(),
            marks: Vec::new(),
            size: DEFAULT_SIZE,
        };
        pane.update_indexes();
        pane
    }

    /// Shows another log from its end.
    pub fn show(&mut self, past: Option<InstanceId>, log: LogBuffer) {
        *self = LogPane {
            past,
            size: self.size,
            long: self.long,
            times: self.times,
            ..LogPane::new(log)
        };
    }

    /// Replaces the log by a newer state of it, or by that of another rental.
    pub fn set_log(&mut self, log: LogBuffer) {
        let is_other = self.is_of_another(&log);
        self.log = log;
        self.newest = newest_of(&self.log);
        if is_other {
            (self.anchor, self.current) = (None, None);
            (self.plain, self.trouble) = (LineIndex::default(), Trouble::default());
            if let Some(filter) = &mut self.filter {
                filter.restart();
            }
        }
        self.update_indexes();
    }

    /// Adds lines of this program.
    pub fn extend(&mut self, lines: Vec<LogLine>) {
        for line in lines {
            self.log.push(line);
        }
        self.newest = newest_of(&self.log);
        self.update_indexes();
    }

    fn update_indexes(&mut self) {
        let log = &self.log;
        self.plain
            .update(log, |number, line| lines::is_shown(log, number, line));
        self.trouble.update(log);
        if let Some(filter) = &mut self.filter {
            filter.update(log);
        }
    }

    /// Puts marks between the lines, in order; those after the newest line wait for the next one.
    pub fn set_marks(&mut self, marks: Vec<Mark>) {
        let place = |mark: Mark| {
            let line = self.plain.first_from(first_from(&self.log, mark.at));
            (line.unwrap_or(u64::MAX), mark)
        };
        self.marks = marks
            .into_iter()
            .map(place)
            .filter(|(line, _)| *line > self.log.first_seq() || self.log.first_seq() == 0)
            .collect();
    }

    fn is_of_another(&self, log: &LogBuffer) -> bool {
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
        let shown = self
            .filter
            .as_ref()
            .map(|filter| match &filter.with_others {
                Some(all) => all,
                None => &filter.matches,
            });
        Lines {
            log: &self.log,
            shown: shown.unwrap_or(&self.plain),
            marks: self.marks(),
            long: self.long,
            width: self.size.width.saturating_sub(self.text_column()),
        }
    }

    /// There is nothing to show or to filter.
    pub fn is_empty(&self) -> bool {
        self.rows() == 0 && self.log.is_empty() && self.log.live.is_none()
    }

    /// Lines that are shown without a filter.
    pub fn plain_count(&self) -> usize {
        self.plain.count()
    }

    /// Rows of unwrapped lines and marks. A filter takes none away, so nothing moves while one is typed.
    pub fn rows(&self) -> usize {
        let shown = self.lines().shown.count();
        self.plain_count().max(shown) + self.marks.len()
    }

    /// The marks, unless a filter hides what they stand between.
    fn marks(&self) -> &[PlacedMark] {
        match &self.filter {
            Some(filter) if !filter.shows_others() => &[],
            _ => &self.marks,
        }
    }

    /// What has happened since the newest line.
    pub fn marks_at_end(&self) -> &[PlacedMark] {
        let marks = self.marks();
        let first = marks.partition_point(|(line, _)| *line < u64::MAX);
        if self.anchor.is_none() {
            &marks[first..]
        } else {
            &[]
        }
    }

    /// Rows of a page; one row of the last page stays visible.
    pub fn page(&self) -> usize {
        self.height().saturating_sub(1).max(1)
    }

    /// Rows for lines, without the row of the filter. A prompt uses that row too, but nothing scrolls while
    /// it is open.
    pub fn height(&self) -> usize {
        let filter = u16::from(self.filter.is_some());
        usize::from(self.size.height.saturating_sub(filter))
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
        live.filter(|line| {
            self.filter
                .as_ref()
                .is_none_or(|filter| filter.shows_others() || filter.query.is_in(line))
        })
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
}

fn newest_of(log: &LogBuffer) -> Option<(u64, Time)> {
    let last = log.end_seq().checked_sub(1)?;
    Some((last, log.line(last)?.at))
}

/// Number of the first line at or after this time; lines are in order of arrival.
pub fn first_from(log: &LogBuffer, at: Time) -> u64 {
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
