//! Which lines are shown: all, those with a text, or those among the others.

use super::index::LineIndex;
use super::query::Query;
use super::{LogPane, lines};
use crate::engine::LogBuffer;

/// Lines with a text, alone or among the others.
#[derive(Debug, Clone)]
pub struct Filter {
    pub query: Query,
    pub matches: LineIndex,
    /// With the others, where those are shown too.
    pub(super) with_others: Option<LineIndex>,
}

impl Filter {
    pub(super) fn new(query: Query, log: &LogBuffer) -> Filter {
        let mut filter = Filter {
            query,
            matches: LineIndex::default(),
            with_others: None,
        };
        filter.update(log);
        filter
    }

    pub(super) fn update(&mut self, log: &LogBuffer) {
        let query = &self.query;
        self.matches.update(log, |_, line| query.is_in(line));
        if let Some(all) = &mut self.with_others {
            let wanted = |number, line: &_| query.is_in(line) || lines::is_shown(log, number, line);
            all.update(log, wanted);
        }
    }

    /// For another log.
    pub(super) fn restart(&mut self) {
        self.matches = LineIndex::default();
        if let Some(all) = &mut self.with_others {
            *all = LineIndex::default();
        }
    }

    pub fn shows_others(&self) -> bool {
        self.with_others.is_some()
    }
}

impl LogPane {
    /// Shows only lines with this text; all for an empty one.
    pub fn set_filter(&mut self, text: &str) {
        self.filter = Query::new(text).map(|query| Filter::new(query, &self.log));
        self.current = None;
    }

    /// The lines to show, where a filter hides the others.
    pub fn only(&self) -> Option<&LineIndex> {
        let filter = self.filter.as_ref();
        let filter = filter.filter(|filter| !filter.shows_others());
        filter.map(|filter| &filter.matches)
    }

    /// What is filtered by; empty without a filter.
    pub fn filter_text(&self) -> &str {
        let filter = self.filter.as_ref();
        filter.map_or("", |filter| filter.query.text())
    }

    pub fn hides_others(&self) -> bool {
        self.only().is_some()
    }

    /// Shows the lines without the text too, or hides them again. The match that was gone to stays in sight.
    pub fn toggle_others(&mut self) {
        let log = &self.log;
        if let Some(filter) = &mut self.filter {
            filter.with_others = match filter.with_others.take() {
                Some(_) => None,
                None => Some(LineIndex::default()),
            };
            filter.update(log);
        }
        if let (Some(current), Some(_)) = (self.current, self.anchor) {
            self.show_line(current);
        }
    }
}
