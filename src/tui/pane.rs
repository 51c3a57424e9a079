//! The panes of the cockpit.

use crate::domain::Step;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Pane {
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
    /// In the order of the number keys.
    pub const ALL: [Pane; 8] = [
        Pane::Countdown,
        Pane::Sprint,
        Pane::Offers,
        Pane::Boot,
        Pane::Nodes,
        Pane::Journal,
        Pane::History,
        Pane::Charts,
    ];

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
        Pane::ALL.iter().position(|&p| p == self).unwrap_or(0)
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
