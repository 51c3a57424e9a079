//! The cockpit in the terminal: the screen and the operator's view. It sees the engine's snapshots, sends
//! commands, and never blocks.

mod app;
pub mod attention;
mod bell;
pub mod breakpoint;
mod column_scroll;
mod decoder;
mod error;
pub mod filter;
mod filtering;
pub mod fleet;
pub mod hit_areas;
mod input;
pub mod keymap;
pub mod layout;
mod lists;
pub mod log;
pub mod message;
pub mod milestones;
pub mod model;
pub mod offers;
mod options;
pub mod pane;
mod program_log;
pub mod prompt;
mod refresh;
pub mod scene;
pub mod section;
pub mod setup;
mod signals;
pub mod task;
mod terminal;
pub mod theme;
mod timings;
pub mod trends;
pub mod update;
pub mod view;

pub use app::{Session, run};
pub use error::{ExitReason, TuiError};
pub use keymap::markdown_table;
pub use options::{CockpitLogs, TuiOptions};
pub use program_log::ProgramLog;
pub use terminal::{check as check_terminal, is_taken as has_terminal};
pub use timings::TimingsChoice;
