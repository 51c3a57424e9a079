//! The panes of the cockpit.

use strum::VariantArray as _;

use crate::domain::Step;

/// In the order of the number keys. `Default` exists only because `EnumIter` on `Action` needs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, strum::Display, strum::VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum Pane {
    #[default]
    Countdown,
    Sprint,
    Offers,
    /// Boot and log of the rental.
    Boot,
    Nodes,
    Journal,
    History,
    Charts,
}

impl Pane {
    pub const ALL: &[Pane] = Pane::VARIANTS;

    pub fn title(self) -> &'static str {
        match self {
            Pane::Countdown => "Countdown",
            Pane::Sprint => "Sprint",
            Pane::Offers => "Offers",
            Pane::Boot => "Boot log",
            Pane::Nodes => "Registrations",
            Pane::Journal => "Program log",
            Pane::History => "History",
            Pane::Charts => "Charts",
        }
    }

    pub fn tab(self) -> &'static str {
        match self {
            Pane::Boot => "Boot",
            Pane::Nodes => "Nodes",
            Pane::Journal => "Log",
            other => other.title(),
        }
    }

    /// Index in [`Pane::ALL`].
    pub fn index(self) -> usize {
        self as usize
    }

    /// The pane this many places further, wrapping around.
    #[must_use]
    pub fn step(self, by: usize) -> Pane {
        Pane::ALL[(self.index() + by) % Pane::ALL.len()]
    }

    /// False for the two panes that are in every layout.
    pub fn is_work(self) -> bool {
        !matches!(self, Pane::Countdown | Pane::Sprint)
    }
}

/// The work pane that matters in a step.
pub fn suggested_pane(step: Step) -> Pane {
    match step {
        Step::Waiting | Step::Choosing | Step::Renting | Step::Done => Pane::Offers,
        Step::Booting | Step::Warming | Step::Serving => Pane::Boot,
        Step::Registering | Step::Proving | Step::Confirming | Step::Releasing => Pane::Nodes,
    }
}
