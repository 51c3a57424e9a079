//! Removes leftovers.

use std::collections::BTreeMap;

use super::leftover::Leftover;
use crate::cli::status_line;
use crate::cli::teardown::destroy_all;
use crate::domain::{InstanceId, NodeId, RegisteredNode, Time};
use crate::engine::{CleanupAction, NEVER_LISTED};
use crate::journal::{Journal, Ledger, Record};
use crate::ports::{Clock, Market, NetworkNode};

/// Each change has its intent in the journal first; a destroy that cannot be recorded is still right.
pub(super) struct Sweep<'a, M, N> {
    pub(super) market: &'a M,
    pub(super) network_node: &'a N,
    /// Absent if it cannot be used.
    pub(super) journal: Option<&'a mut Journal>,
    pub(super) ledger: &'a Ledger,
    pub(super) clock: &'a dyn Clock,
}

impl<M: Market, N: NetworkNode> Sweep<'_, M, N> {
    pub(super) async fn carry_out(&mut self, found: &mut [Leftover]) {
        let gone = self.destroy(found).await;
        let nodes = self.unregister(found).await;
        for leftover in found {
            leftover.done = match &leftover.planned {
                CleanupAction::Destroy(id) => gone
                    .get(id)
                    .is_some_and(|since| self.settle(Some(*since), *since, *id)),
                // It is in no listing.
                CleanupAction::Verify(id) => gone
                    .get(id)
                    .is_some_and(|since| self.settle(None, *since, *id)),
                CleanupAction::Void(label) => self.record(&Record::RentVoided {
                    label: label.clone(),
                    reason: NEVER_LISTED.to_owned(),
                }),
                CleanupAction::Unregister(node) | CleanupAction::Forget(node) => {
                    is_absent(node, nodes.as_deref())
                        && self.record(&Record::Unregistered { node: node.clone() })
                }
            };
        }
    }

    /// Those that are verified gone, and since when.
    async fn destroy(&mut self, found: &[Leftover]) -> BTreeMap<InstanceId, Time> {
        let ids: Vec<InstanceId> = found
            .iter()
            .filter_map(|leftover| match leftover.planned {
                CleanupAction::Destroy(id) | CleanupAction::Verify(id) => Some(id),
                _ => None,
            })
            .collect();
        for instance in &ids {
            self.record(&Record::DestroyIntended {
                instance: *instance,
            });
        }
        destroy_all(self.market, self.clock, &ids).await
    }

    /// The list afterwards, if it is known.
    async fn unregister(&mut self, found: &[Leftover]) -> Option<Vec<RegisteredNode>> {
        for leftover in found {
            let CleanupAction::Unregister(node) = &leftover.planned else {
                continue;
            };
            self.record(&Record::UnregisterIntended { node: node.clone() });
            if let Err(error) = self.network_node.unregister(node).await {
                status_line(format_args!("warning: {node} is still registered: {error}"));
            }
        }
        self.network_node.nodes().await.ok()
    }

    fn settle(&mut self, seen: Option<Time>, ended: Time, instance: InstanceId) -> bool {
        let settlement = self.ledger.settlement(seen, ended, instance);
        settlement.is_none_or(|record| self.record(&record))
    }

    fn record(&mut self, record: &Record) -> bool {
        let Some(journal) = &mut self.journal else {
            return true;
        };
        match journal.append(self.clock.now(), record) {
            Ok(_) => true,
            Err(error) => {
                status_line(format_args!("warning: {error}"));
                false
            }
        }
    }
}

fn is_absent(node: &NodeId, nodes: Option<&[RegisteredNode]>) -> bool {
    nodes.is_some_and(|nodes| nodes.iter().all(|listed| listed.config.id != *node))
}
