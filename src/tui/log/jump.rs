//! Going from match to match, and from error to error.

use super::{LineIndex, LogPane};

/// Direction in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Toward {
    Newer,
    Older,
}

/// What is gone to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    Match,
    Error,
}

/// Where a jump led to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Jump {
    There,
    /// It stays: nothing further lies in this direction. So many are passed, of so many.
    NoFurther {
        passed: usize,
        all: usize,
    },
}

impl LogPane {
    /// Goes to the next match or error and holds the log there; from the end first to the newest.
    pub fn jump(&mut self, target: Target, toward: Toward) -> Jump {
        let all = self.targets(target);
        // How many lie before the place to look from.
        let passed = |line: u64| all.partition_point(|number| *number < line);
        let current = self.current.filter(|line| self.is_visible(*line));
        let found = match (current, toward) {
            (Some(line), Toward::Newer) => all.get(passed(line + 1)),
            (Some(line), Toward::Older) => passed(line).checked_sub(1).and_then(|at| all.get(at)),
            (None, Toward::Newer) if self.anchor.is_some() => {
                all.get(passed(self.top().unwrap_or(0)))
            }
            (None, _) => {
                let end = self.bottom().map_or(0, |bottom| bottom.line + 1);
                passed(end).checked_sub(1).and_then(|at| all.get(at))
            }
        };
        let Some(line) = found.copied() else {
            let end = current.or(self.bottom().map(|bottom| bottom.line));
            return Jump::NoFurther {
                passed: end.map_or(0, |line| passed(line + 1)),
                all: all.len(),
            };
        };
        self.current = Some(line);
        self.show_line(line);
        Jump::There
    }

    /// Holds the log where a line is in sight.
    pub(super) fn show_line(&mut self, line: u64) {
        let place = if self.is_visible(line) {
            self.bottom()
        } else {
            self.lines().centred(line, self.height())
        };
        self.set_anchor(place);
    }

    /// Those that are shown, in order.
    fn targets(&self, target: Target) -> Vec<u64> {
        let index = match target {
            Target::Error => Some(&self.trouble.errors),
            Target::Match => self.filter.as_ref().map(|filter| &filter.matches),
        };
        let shown = self.lines().shown;
        let numbers = index.into_iter().flat_map(LineIndex::numbers);
        numbers.filter(|line| shown.contains(*line)).collect()
    }

    pub fn is_visible(&self, line: u64) -> bool {
        self.visible().iter().any(|shown| shown.line == line)
    }
}
