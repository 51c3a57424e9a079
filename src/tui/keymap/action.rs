//! Actions that can be bound to keys.

use crate::tui::pane::Pane;

/// Declares [`Action`] with [`Action::all`], so that a test finds an action without a row.
macro_rules! actions {
    ($($name:ident $(= $old:literal)?),* $(,)?) => {
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Action {
            $($name,)*
            Pane(Pane),
        }

        impl Action {
            pub fn all() -> Vec<Action> {
                let mut all = vec![$(Action::$name),*];
                all.extend(Pane::ALL.map(Action::Pane));
                all
            }

            /// Name in the configuration: `toggle_mode`, `pane_offers`.
            pub fn name(self) -> String {
                match self {
                    $(Action::$name => name!($name $($old)?),)*
                    Action::Pane(pane) => format!("pane_{}", snake(&format!("{pane:?}"))),
                }
            }
        }
    };
}

macro_rules! name {
    ($name:ident $old:literal) => {
        $old.to_owned()
    };
    ($name:ident) => {
        snake(stringify!($name))
    };
}

/// `ToggleMode` as `toggle_mode`.
fn snake(name: &str) -> String {
    let mut snake = String::new();
    for letter in name.chars() {
        if letter.is_uppercase() && !snake.is_empty() {
            snake.push('_');
        }
        snake.extend(letter.to_lowercase());
    }
    snake
}

actions! {
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
    SortBefore,
    SortAfter,
    Reverse,
    FilterOffers = "narrow",
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
    Zoom,
    Alerts,
    Palette,
    Run,
    Help,
    Redraw,
    Suspend,
    Quit,
}

impl Action {
    /// Sends the engine a command, maybe after a dialog.
    pub fn sends_command(self) -> bool {
        use Action::{
            Abort, Allow, Approve, Avoid, DisableNode, EnableNode, PickLeave, PickRelease, Refresh,
            RemoveNode, Rent, Start, ToggleMode,
        };
        matches!(
            self,
            Abort
                | Allow
                | Approve
                | Avoid
                | DisableNode
                | EnableNode
                | PickLeave
                | PickRelease
                | Refresh
                | RemoveNode
                | Rent
                | Start
                | ToggleMode
        )
    }

    /// Only scrolls or moves the selection.
    pub fn is_navigation(self) -> bool {
        use Action::{Bottom, Down, PageDown, PageUp, Top, Up};
        matches!(self, Up | Down | PageUp | PageDown | Top | Bottom)
    }
}
