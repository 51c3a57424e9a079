//! The fleet: every sprint and node of the operator, by Network Node.

mod groups;
mod key;
mod pane;
mod row;

pub use groups::groups;
pub use key::FleetKey;
pub use pane::FleetPane;
pub use row::{Boot, FleetGroup, FleetRow, Stage, Urgency};
