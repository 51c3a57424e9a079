//! Screen sizes at which the layout changes.

/// How much fits on the screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Breakpoint {
    Tiny,
    Narrow,
    /// Panes below one another.
    Normal,
    /// Two beside each other, others below.
    Wide,
    /// Two columns of panes.
    Full,
}

impl Breakpoint {
    pub fn of(width: u16, height: u16) -> Breakpoint {
        match (width, height) {
            (w, h) if w < 60 || h < 16 => Breakpoint::Tiny,
            (w, h) if w < 80 || h < 24 => Breakpoint::Narrow,
            (w, h) if w < 120 || h < 36 => Breakpoint::Normal,
            (w, h) if w < 180 || h < 50 => Breakpoint::Wide,
            _ => Breakpoint::Full,
        }
    }
}
