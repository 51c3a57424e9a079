//! What was seen of our node in its `PoC`, by status and height. It never decides the outcome, which
//! is weight on the chain: it explains it.

use serde::{Deserialize, Serialize};

use super::Sprint;
use crate::domain::{Blocks, NodeStatus, PocStatus, Time};

/// A node that takes part generates this long after the start: the Network Node looks round every
/// half minute.
const GENERATES_WITHIN: Blocks = Blocks(15);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Proof {
    /// In generation it was at work.
    pub generated: bool,
    /// In validation it was at work.
    pub validated: bool,
}

impl Sprint {
    /// `PoC` v1 shows as the service's state, v2 as a status beside it; the Network Node's word and
    /// the node's own count alike.
    pub(super) fn record_poc_activity(&mut self) {
        let (Some(stages), Some(height)) = (self.stages().copied(), self.height()) else {
            return;
        };
        let listed = self.node.as_ref().and_then(|node| node.seen.as_ref());
        let by_list = listed.is_some_and(|seen| {
            seen.status == NodeStatus::Poc
                || matches!(
                    seen.poc,
                    PocStatus::Generating | PocStatus::Validating | PocStatus::Mixed
                )
        });
        if !(by_list || self.boot.at_work) || height < stages.poc_start {
            return;
        }
        if height < stages.poc_validation_start {
            self.proof.generated = true;
        } else if height < stages.poc_validation_end {
            self.proof.validated = true;
        }
    }

    /// Says so when the `PoC` goes on without our node.
    pub(super) fn warn_if_not_generating(&mut self, now: Time) {
        let (Some(stages), Some(height)) = (self.stages().copied(), self.height()) else {
            return;
        };
        if self.proof.generated || height < stages.poc_start + GENERATES_WITHIN {
            return;
        }
        let failure = self.failure_reason();
        let said = failure.map_or_else(String::new, |reason| format!(": {reason}"));
        if height < stages.poc_generation_end {
            self.note = Some(format!(
                "the PoC has begun and our node does not generate{said}"
            ));
            self.wake_at(now + super::CHAIN_FRESH);
        }
    }

    fn failure_reason(&self) -> Option<&str> {
        let seen = self.node.as_ref()?.seen.as_ref()?;
        Some(seen.failure.as_str()).filter(|reason| !reason.is_empty())
    }

    /// Why there is no weight, by what was seen.
    pub(super) fn no_weight_reason(&self) -> String {
        let seen = match (self.proof.generated, self.proof.validated) {
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
        match &self.note {
            Some(note) => format!("{seen}. {note}"),
            None => seen.to_owned(),
        }
    }

    /// What was seen of the `PoC`.
    pub fn proof(&self) -> Proof {
        self.proof
    }
}
