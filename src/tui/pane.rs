//! The panes of the cockpit.

use strum::VariantArray as _;

/// In the order of the number keys, from 0. `Default` exists only because `EnumIter` on `Action` needs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, strum::Display, strum::VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum Pane {
    /// Every sprint and node.
    Fleet,
    #[default]
    Schedule,
    Sprint,
    Offers,
    /// Boot and log of the rental.
    Boot,
    Nodes,
    /// What the program itself logs.
    #[strum(to_string = "log")]
    Journal,
    History,
    Charts,
}

impl Pane {
    pub const ALL: &[Pane] = Pane::VARIANTS;

    /// It shows a log, by lines.
    pub fn is_log(self) -> bool {
        matches!(self, Pane::Boot | Pane::Journal)
    }

    pub fn title(self) -> &'static str {
        match self {
            Pane::Fleet => "Fleet",
            Pane::Schedule => "Schedule",
            Pane::Sprint => "Sprint",
            Pane::Offers => "Offers",
            Pane::Boot => "Boot",
            Pane::Nodes => "Nodes",
            Pane::Journal => "Log",
            Pane::History => "History",
            Pane::Charts => "Charts",
        }
    }

    /// A shorter title, for the row of tabs with every pane.
    pub fn short_title(self) -> &'static str {
        match self {
            Pane::Schedule => "Sched",
            Pane::History => "Past",
            Pane::Charts => "Chart",
            other => other.title(),
        }
    }

    /// Its key and its title: `3 Offers`.
    pub fn name(self) -> String {
        format!("{} {}", self.number(), self.title())
    }

    /// Its key.
    pub fn number(self) -> usize {
        self as usize
    }
}
