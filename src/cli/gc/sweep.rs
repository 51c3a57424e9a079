//! Removes leftovers.

use std::collections::{BTreeMap, BTreeSet};

use super::leftover::Leftover;
use crate::cli::places::Places;
use crate::cli::status_line;
use crate::domain::{AccountName, InstanceId, NetworkNodeName, NodeId, RegisteredNode, Time};
use crate::engine::{CleanupAction, NEVER_LISTED, Registration};
use crate::journal::{Journal, Ledger, Record};
use crate::ports::{Clock, NetworkNode as _};

/// Each change has its intent in the journal first; a destroy that cannot be recorded is still right.
pub(super) struct Sweep<'a> {
    pub(super) places: &'a Places,
    /// Which account each rental is on.
    pub(super) accounts: BTreeMap<InstanceId, AccountName>,
    /// Absent if it cannot be used.
    pub(super) journal: Option<&'a mut Journal>,
    pub(super) ledger: &'a Ledger,
    pub(super) clock: &'a dyn Clock,
}

impl Sweep<'_> {
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
                CleanupAction::Unregister(registration) => {
                    let node = &registration.node;
                    is_absent(node, nodes.get(&registration.network_node))
                        && self.record(&Record::Unregistered { node: node.clone() })
                }
                // It is in no list.
                CleanupAction::Forget(node) => {
                    self.record(&Record::Unregistered { node: node.clone() })
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
        let mut rentals = self.accounts.clone();
        rentals.retain(|id, _| ids.contains(id));
        for instance in &ids {
            self.record(&Record::DestroyIntended {
                instance: *instance,
            });
        }
        self.places.destroy(self.clock, &rentals).await
    }

    /// The lists afterwards, where they are known.
    async fn unregister(
        &mut self,
        found: &[Leftover],
    ) -> BTreeMap<NetworkNodeName, Vec<RegisteredNode>> {
        let mut changed = BTreeSet::new();
        for leftover in found {
            let CleanupAction::Unregister(registration) = &leftover.planned else {
                continue;
            };
            let Registration { network_node, node } = registration;
            let Some(api) = self.places.network_nodes.get(network_node) else {
                continue;
            };
            changed.insert(network_node);
            self.record(&Record::UnregisterIntended { node: node.clone() });
            if let Err(error) = api.unregister(node).await {
                status_line(format_args!("warning: {node} is still registered: {error}"));
            }
        }
        let mut lists = BTreeMap::new();
        for network_node in changed {
            if let Some(api) = self.places.network_nodes.get(network_node)
                && let Ok(nodes) = api.nodes().await
            {
                lists.insert(network_node.clone(), nodes);
            }
        }
        lists
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

fn is_absent(node: &NodeId, nodes: Option<&Vec<RegisteredNode>>) -> bool {
    nodes.is_some_and(|nodes| nodes.iter().all(|listed| listed.config.id != *node))
}
