//! The panes of the cockpit.

use crate::domain::Step;

/// A pane of the cockpit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Pane {
    /// The chain's countdown.
    Countdown,
    /// Steps and gate of the sprint.
    Sprint,
    /// The market.
    Offers,
    /// The rental's boot and log.
    Boot,
    /// The Network Node's list.
    Nodes,
    /// The program's own log.
    Journal,
    /// Past sprints.
    History,
    /// Pictures.
    Charts,
}

impl Pane {
    /// Every pane, in the order of its number key.
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

    /// The pane's title.
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

    /// Its name where there is little room.
    pub fn tab(self) -> &'static str {
        match self {
            Pane::Boot => "Boot",
            Pane::Nodes => "Nodes",
            Pane::Journal => "Log",
            other => other.title(),
        }
    }

    /// Its place in [`Pane::ALL`].
    pub fn index(self) -> usize {
        Pane::ALL.iter().position(|&p| p == self).unwrap_or(0)
    }

    /// The pane that is this many places further, around the end.
    #[must_use]
    pub fn step(self, by: usize) -> Pane {
        Pane::ALL[(self.index() + by) % Pane::ALL.len()]
    }

    /// False for the two panes that every layout shows.
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
