//! What a release does, one step at a time.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use strum::VariantArray;

use super::{Duration, Time};

/// Complete listings in a row that do not have a rental, until it counts as gone.
pub const LISTINGS_WITHOUT: u32 = 2;
/// Between two such listings: a single one can lag.
pub const BETWEEN_LISTINGS: Duration = Duration::seconds(30);

/// In the order in which they are shown.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    VariantArray,
    Serialize,
    Deserialize,
    JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum ReleaseAction {
    /// The node takes part in no later `PoC`, however long its removal takes.
    DisableNode,
    DestroyRental,
    /// Two complete listings without the rental, and its own GET agrees both times.
    ProveGone,
    /// Remove the node's registration, and read the list back.
    RemoveNode,
    /// Register the inference proxy, if it is not listed.
    RegisterProxy,
}

/// How far one of them is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReleaseStep {
    /// What is called or proven.
    pub action: ReleaseAction,
    /// The first call; absent while it is still to come.
    pub started: Option<Time>,
    /// Calls so far. Of `prove_gone`: listings in a row without the rental, of 2.
    pub count: u32,
    /// When the last reply came.
    pub replied: Option<Time>,
    /// Why the last reply was no success.
    pub failure: Option<String>,
    /// When it was proven done.
    pub done: Option<Time>,
}

impl ReleaseAction {
    /// In order.
    pub const ALL: &'static [ReleaseAction] = ReleaseAction::VARIANTS;
}

impl ReleaseStep {
    /// Still to come.
    pub fn of(action: ReleaseAction) -> ReleaseStep {
        ReleaseStep {
            action,
            started: None,
            count: 0,
            replied: None,
            failure: None,
            done: None,
        }
    }
}
