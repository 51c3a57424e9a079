//! The columns of a table that are scrolled away.

/// How far a table is scrolled sideways.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ColumnScroll {
    /// Columns that are scrolled away.
    pub away: usize,
    /// So many can be: the last frame knows.
    pub most: usize,
}

impl ColumnScroll {
    /// A frame has shown how many columns can be scrolled away: no more are.
    pub fn set_most(&mut self, most: usize) {
        self.most = most;
        self.away = self.away.min(most);
    }
}
