//! Actions that can be bound to keys.

use crate::tui::pane::Pane;

/// Displayed as in the configuration: `toggle_mode`, `pane_offers`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, strum::Display, strum::EnumIter)]
#[strum(serialize_all = "snake_case")]
pub enum Action {
    Confirm,
    Cancel,
    PickRelease,
    PickLeave,
    Close,
    Start,
    Approve,
    Rent,
    Explain,
    Abort,
    ToggleMode,
    Refresh,
    AcceptJournal,
    SortBefore,
    SortAfter,
    Reverse,
    #[strum(to_string = "narrow")]
    FilterOffers,
    ShowAll,
    Compare,
    Rejected,
    Avoided,
    Avoid,
    Allow,
    EnableNode,
    DisableNode,
    RemoveNode,
    OpenLog,
    LiveLog,
    Pause,
    Follow,
    Wrap,
    Search,
    NextMatch,
    PreviousMatch,
    Filter,
    ClearSearch,
    GoTo,
    PreviousStage,
    NextStage,
    Save,
    Copy,
    Accept,
    ClosePrompt,
    Erase,
    EraseAll,
    Left,
    Right,
    Up,
    Down,
    PageUp,
    PageDown,
    Top,
    Bottom,
    NextPane,
    PreviousPane,
    Back,
    Zoom,
    Alerts,
    Palette,
    Run,
    Help,
    Redraw,
    Suspend,
    Quit,
    #[strum(to_string = "pane_{0}")]
    Pane(Pane),
}

impl Action {
    /// Sends the engine a command, maybe after a dialog.
    pub fn sends_command(self) -> bool {
        matches!(
            self,
            Action::Abort
                | Action::AcceptJournal
                | Action::Allow
                | Action::Approve
                | Action::Avoid
                | Action::DisableNode
                | Action::EnableNode
                | Action::PickLeave
                | Action::PickRelease
                | Action::Refresh
                | Action::RemoveNode
                | Action::Rent
                | Action::Start
                | Action::ToggleMode
        )
    }

    /// Only scrolls or moves the selection.
    pub fn is_navigation(self) -> bool {
        use Action::{Bottom, Down, PageDown, PageUp, Top, Up};
        matches!(self, Up | Down | PageUp | PageDown | Top | Bottom)
    }
}
