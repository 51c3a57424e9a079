//! Times as columns: bars of what took, runs and is expected.

use ratatui::text::Span;

use crate::domain::{Duration, Time};
use crate::tui::theme::Theme;

/// A stretch of time over some columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Axis {
    pub from: Time,
    pub to: Time,
    pub columns: usize,
}

/// What is drawn of a row of bars, as times.
#[derive(Debug, Clone, Copy, Default)]
pub struct Bars {
    pub took: Option<(Time, Time)>,
    /// From now on, of what runs.
    pub rest: Option<(Time, Time)>,
    pub expected: Option<(Time, Time)>,
}

impl Axis {
    /// The column of a time, at most the last.
    pub fn column(&self, at: Time) -> usize {
        let whole = (self.to - self.from).num_seconds().max(1);
        let part = (at - self.from).num_seconds().clamp(0, whole);
        let columns = i64::try_from(self.columns).unwrap_or(i64::MAX);
        let column = part.saturating_mul(columns) / whole;
        usize::try_from(column)
            .unwrap_or(0)
            .min(self.columns.saturating_sub(1))
    }

    /// A row of bars; each has a column at least.
    pub fn bars(&self, bars: Bars, theme: Theme) -> Vec<Span<'static>> {
        let mut cells = vec![' '; self.columns];
        let glyph = |unicode: char, ascii: char| if theme.unicode { unicode } else { ascii };
        let mut fill = |span: Option<(Time, Time)>, glyph: char| {
            let Some((from, to)) = span else { return };
            let (first, last) = (self.column(from), self.column(to));
            for cell in cells.iter_mut().take(last.max(first + 1)).skip(first) {
                *cell = glyph;
            }
        };
        fill(bars.expected, glyph('░', '-'));
        fill(bars.rest, glyph('▒', '='));
        fill(bars.took, glyph('█', '#'));
        let runs = cells.chunk_by(|one, next| one == next);
        let span = |run: &[char]| {
            let text: String = run.iter().collect();
            let is_expected = run
                .first()
                .is_some_and(|it| matches!(it, '░' | '-' | '▒' | '='));
            let style = if is_expected {
                theme.dim()
            } else {
                theme.accent()
            };
            Span::styled(text, style)
        };
        runs.map(span).collect()
    }

    /// Clocks of these times above their columns, and `now`.
    pub fn head(&self, clocks: &[Time], now: Time, theme: Theme) -> String {
        let mut cells = vec![' '; self.columns];
        let mut free = 0;
        for at in clocks {
            let start = self.column(*at).min(self.columns.saturating_sub(5));
            if start < free || self.columns < 5 {
                continue;
            }
            let clock = at.format("%H:%M").to_string();
            for (cell, letter) in cells.iter_mut().skip(start).zip(clock.chars()) {
                *cell = letter;
            }
            free = start + 6;
        }
        let here = self.column(now);
        if now <= self.to + Duration::seconds(1)
            && let Some(cell) = cells.get_mut(here).filter(|cell| **cell == ' ')
        {
            *cell = if theme.unicode { '▼' } else { 'v' };
        }
        cells.into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_bar_has_a_column() {
        let at = |seconds| Time::UNIX_EPOCH + Duration::seconds(seconds);
        let axis = Axis {
            from: at(0),
            to: at(1000),
            columns: 10,
        };
        assert_eq!(axis.column(at(0)), 0);
        assert_eq!(axis.column(at(999)), 9);
        assert_eq!(axis.column(at(5000)), 9);
    }
}
