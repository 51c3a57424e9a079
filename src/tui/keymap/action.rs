//! Actions that can be bound to keys.

use crate::tui::pane::Pane;

/// Displayed as in the configuration: `toggle_mode`, `pane_offers`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, strum::Display, strum::EnumIter)]
#[strum(serialize_all = "snake_case")]
pub enum Action {
    Confirm,
    Cancel,
    Close,
    Start,
    Approve,
    Abort,
    AbortAll,
    ToggleMode,
    Refresh,
    AcceptJournal,
    /// Opens the selected row, or acts on it.
    Open,
    Details,
    Filter,
    /// With a filter: the other lines too, or not.
    OtherLines,
    NextMatch,
    PreviousMatch,
    NextError,
    PreviousError,
    /// The times of the lines, or not.
    Times,
    Mark,
    /// Allows the machine, enables the node.
    PutBack,
    /// Avoids the machine, disables the node.
    TakeOut,
    RemoveNode,
    OtherList,
    SortBefore,
    SortAfter,
    Reverse,
    GoTo,
    PreviousStage,
    NextStage,
    Pause,
    Follow,
    Wrap,
    Left,
    Right,
    Copy,
    Save,
    Accept,
    ClosePrompt,
    Erase,
    EraseAll,
    Up,
    Down,
    PageUp,
    PageDown,
    Top,
    Bottom,
    NextPane,
    PreviousPane,
    Back,
    NextSprint,
    PreviousSprint,
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
    /// Sends the engine a command in every pane, maybe after a dialog.
    pub fn sends_command(self) -> bool {
        matches!(
            self,
            Action::Abort
                | Action::AbortAll
                | Action::AcceptJournal
                | Action::Approve
                | Action::PutBack
                | Action::Refresh
                | Action::RemoveNode
                | Action::Start
                | Action::TakeOut
                | Action::ToggleMode
        )
    }

    /// Acts on the sprint of one replica.
    pub fn is_about_a_sprint(self) -> bool {
        matches!(self, Action::Start | Action::Approve | Action::Abort)
    }

    /// Only scrolls or moves the selection.
    pub fn is_navigation(self) -> bool {
        use Action::{Bottom, Down, PageDown, PageUp, Top, Up};
        matches!(self, Up | Down | PageUp | PageDown | Top | Bottom)
    }
}
