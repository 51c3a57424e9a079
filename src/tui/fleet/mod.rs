//! The fleet: every sprint and node of the operator, by Network Node.

mod key;
mod rows;

pub use key::FleetKey;
pub use rows::{Boot, FleetGroup, FleetRow, Stage, Urgency, groups};
