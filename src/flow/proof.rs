//! How our node took part in its `PoC`, by status and height. It never decides the outcome, which is
//! weight on the chain: it explains it.

use serde::{Deserialize, Serialize};

use super::{CHAIN_FRESH, Sprint};
use crate::domain::{Blocks, NodeStatus, PocStatus, Time};

/// A node that takes part generates this long after the start: the Network Node checks its nodes every
/// half minute.
const GENERATES_WITHIN: Blocks = Blocks(15);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Proof {
    pub generated: bool,
    pub validated: bool,
}

impl Sprint {
    /// `PoC` v1 shows as the service's state, v2 as a status beside it. The Network Node's report and
    /// the node's own both count.
    pub(super) fn record_poc_activity(&mut self) {
        let Some((stages, height)) = self.position() else {
            return;
        };
        let by_list = self.listed_node().is_some_and(|node| {
            node.status == NodeStatus::Poc
                || matches!(
                    node.poc,
                    PocStatus::Generating | PocStatus::Validating | PocStatus::Mixed
                )
        });
        if !(by_list || self.volatile.boot.at_work) || height < stages.poc_start {
            return;
        }
        if height < stages.poc_validation_start {
            self.proof.generated = true;
        } else if height < stages.poc_validation_end {
            self.proof.validated = true;
        }
    }

    pub(super) fn warn_if_not_generating(&mut self, now: Time) {
        let Some((stages, height)) = self.position() else {
            return;
        };
        let generation = stages.poc_start + GENERATES_WITHIN..stages.poc_generation_end;
        if self.proof.generated || !generation.contains(&height) {
            return;
        }
        let failure = self.listed_node().map_or("", |node| &node.failure);
        let colon = if failure.is_empty() { "" } else { ": " };
        self.set_note(format!(
            "the PoC has begun and our node does not generate{colon}{failure}"
        ));
        self.wake_at(now + CHAIN_FRESH);
    }

    /// Why there is no weight, by what the node did.
    pub(super) fn no_weight_reason(&self) -> String {
        let activity = match (self.proof.generated, self.proof.validated) {
            (false, false) => {
                "our node was never seen to generate: see the node's failure reason and whether it was registered in time"
            }
            (true, false) => {
                "our node generated and was not seen to validate: see the callback address and the rental's log"
            }
            _ => {
                "our node was at work and the chain has no weight for it: see the callback address and the Network Node's log"
            }
        };
        match &self.volatile.note {
            Some(note) => format!("{activity}. {note}"),
            None => activity.to_owned(),
        }
    }
}
