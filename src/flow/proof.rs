//! How our node took part in its `PoC`, by status and height. It never decides the outcome, which is
//! weight on the chain: it explains it.

use serde::{Deserialize, Serialize};

use super::{CHAIN_FRESH, Sprint};
use crate::domain::{Blocks, Height, NodeDuty, NodeStatus, PocStatus, Time};

/// A node that takes part generates this long after the start: the Network Node checks its nodes every
/// half minute.
const GENERATES_WITHIN: Blocks = Blocks(15);
/// A node that generates evenly but starts later than this has less than half of the usual share after a
/// third of the generation (gonka v0.2.14 `decentralized-api/poc/earlyshare`).
pub const EARLY_SHARE_ALLOWS: Blocks = Blocks(12);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Proof {
    pub generated: bool,
    pub validated: bool,
    /// Since when, as it was seen; absent in sprints that an older version saved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generating_since: Option<Time>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validating_since: Option<Time>,
    /// The last height at which it was still idle, if that was too late for the early share.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idle_until: Option<Height>,
}

impl Sprint {
    /// `PoC` v1 shows as the service's state, v2 as a status beside it. The Network Node's report and
    /// the node's own both count.
    pub(super) fn record_poc_activity(&mut self, now: Time) {
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
        if height < stages.poc_start {
            return;
        }
        if !(by_list || self.volatile.boot.at_work) {
            let late = stages.poc_start + EARLY_SHARE_ALLOWS..stages.poc_generation_end;
            if !self.proof.generated && late.contains(&height) {
                self.proof.idle_until = Some(height);
            }
            return;
        }
        if height < stages.poc_validation_start {
            self.proof.generated = true;
            self.proof.generating_since.get_or_insert(now);
        } else if height < stages.poc_validation_end {
            self.proof.validated = true;
            self.proof.validating_since.get_or_insert(now);
        }
    }

    /// A preserved node keeps serving through a `PoC` and keeps its weight: it is drawn from the nodes with
    /// weight in the running epoch.
    pub(super) fn warn_if_not_generating(&mut self, now: Time) {
        let Some((stages, height)) = self.position() else {
            return;
        };
        let generation = stages.poc_start + GENERATES_WITHIN..stages.poc_generation_end;
        if self.proof.generated || !generation.contains(&height) {
            return;
        }
        match self.listed_node() {
            Some(node) if node.status == NodeStatus::Failed => {}
            Some(node) if node.duty == NodeDuty::Preserved => {
                return self.set_note(
                    "our node is preserved: it serves through this PoC and keeps its weight",
                );
            }
            // It may be.
            Some(node) if node.duty == NodeDuty::ServesWithWeight => return,
            _ => {}
        }
        let failure = self.listed_node().map_or("", |node| &node.failure);
        let colon = if failure.is_empty() { "" } else { ": " };
        self.set_note(format!(
            "the PoC has begun and our node does not generate{colon}{failure}"
        ));
        self.wake_at(now + CHAIN_FRESH);
    }

    /// Why there is no weight: what the node did, and which rules are not met.
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
        let mut parts = vec![activity.to_owned()];
        parts.extend(self.late_start());
        let causes = self.volatile.readiness.weight_causes();
        parts.extend(causes.into_iter().map(str::to_owned));
        parts.extend(self.volatile.note.as_ref().map(ToString::to_string));
        parts.join(". ")
    }

    /// The early share: the first miss is free, the next costs the epoch until a confirmation is passed.
    fn late_start(&self) -> Option<String> {
        let (stages, idle_until) = (self.stages()?, self.proof.idle_until?);
        let late = stages.poc_start.until(idle_until);
        self.proof.generated.then(|| {
            format!(
                "it did not generate yet {late} blocks after the start: validators count more than {EARLY_SHARE_ALLOWS} as a miss of the early share, and vote against the second"
            )
        })
    }
}
