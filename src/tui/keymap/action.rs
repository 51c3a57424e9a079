//! What keys do.

use super::super::model::Pane;

/// Declares [`Action`] together with the list of all, so that a test sees one without a row.
macro_rules! actions {
    ($($name:ident),* $(,)?) => {
        /// What a key does.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[expect(missing_docs, reason = "each has its help text in the table of keys")]
        pub enum Action {
            $($name,)*
            Pane(Pane),
        }

        impl Action {
            /// Every action.
            pub fn all() -> Vec<Action> {
                let mut all = vec![$(Action::$name),*];
                all.extend(Pane::ALL.map(Action::Pane));
                all
            }

            /// Its name in the configuration: `toggle_mode`, `pane_offers`.
            pub fn name(self) -> String {
                match self {
                    $(Action::$name => snake(stringify!($name)),)*
                    Action::Pane(pane) => format!("pane_{}", snake(&format!("{pane:?}"))),
                }
            }
        }
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
    Narrow,
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
    /// It asks something of the engine, or leads to that.
    pub fn commands(self) -> bool {
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

    /// It only moves within what is shown.
    pub fn moves(self) -> bool {
        use Action::{Bottom, Down, PageDown, PageUp, Top, Up};
        matches!(self, Up | Down | PageUp | PageDown | Top | Bottom)
    }
}
