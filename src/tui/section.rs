//! The sections of the screen: a title and its rows. A pane is one or several of them.

use super::pane::Pane;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Section {
    /// Every sprint and node.
    Fleet,
    /// What is selected in the fleet.
    FleetDetail,
    /// The epoch, what comes next, and what the sprint depends on.
    Schedule,
    Sprint,
    Offers,
    /// Boot stages against time.
    Stages,
    /// Facts about what is rented.
    Rental,
    /// The rental's log.
    Log,
    /// Phases of the `PoC` against time.
    Proof,
    Nodes,
    Gpus,
    /// This program's own log.
    ProgramLog,
    History,
    /// Past epochs as bars.
    Epochs,
    /// Prices and times since the cockpit was opened.
    Trends,
    /// Costs, caps and credit.
    Money,
}

impl Section {
    /// The pane whose keys work here.
    pub fn pane(self) -> Pane {
        match self {
            Section::Fleet | Section::FleetDetail => Pane::Fleet,
            Section::Schedule => Pane::Schedule,
            Section::Sprint | Section::Money => Pane::Sprint,
            Section::Offers => Pane::Offers,
            Section::Stages | Section::Rental | Section::Log | Section::Gpus => Pane::Boot,
            Section::Proof | Section::Nodes => Pane::Nodes,
            Section::ProgramLog => Pane::Journal,
            Section::History => Pane::History,
            Section::Epochs | Section::Trends => Pane::Charts,
        }
    }

    /// The title, where it is not that of the pane.
    pub fn subtitle(self) -> Option<&'static str> {
        match self {
            Section::FleetDetail => Some("selected"),
            Section::Rental => Some("rental"),
            Section::Log => Some("log"),
            Section::Proof => Some("PoC"),
            Section::Gpus => Some("GPUs"),
            Section::Trends => Some("trends"),
            Section::Money => Some("money"),
            _ => None,
        }
    }
}
