//! Dispatches observations.

use std::sync::Arc;

use crate::domain::{CallError, InstanceId, ReleaseAction, ReplicaId, Time};
use crate::engine::effects::preflight::Examined;
use crate::engine::effects::task_key::TaskKey;
use crate::engine::observe::freshness::Feed;
use crate::engine::observe::observation::{Observation, ReplicaReport, TaskReport};
use crate::engine::state::{Engine, Replica, Shared};
use crate::flow::{EffectKey, Event, RentalRole};

impl Engine {
    /// Tells every sprint.
    pub(crate) fn dispatch(&mut self, now: Time, event: &Event) {
        for replica in self.replicas.iter_mut() {
            replica.dispatch(&mut self.shared, now, event.clone());
        }
    }

    pub(crate) fn handle_observation(&mut self, observation: Observation) {
        let now = self.shared.ports.clock.now();
        match observation {
            Observation::Chain(reports) => self.on_chain_reports(now, reports),
            Observation::Announced(report) => self.shared.on_announced_block(now, report),
            Observation::Headers(headers) => self.shared.on_headers(now, headers),
            Observation::Governance(Ok(governance)) => self.on_governance(now, governance),
            Observation::Governance(Err(error)) => self.shared.on_unread_governance(&error),
            Observation::Nodes(of, result) => self.on_nodes(now, &of, result),
            Observation::NodeRelease(of, result) => self.shared.on_node_release(&of, result),
            Observation::Listing(of, result) => self.on_listing(now, &of, result),
            Observation::Account(of, Ok(account)) => self.shared.on_account(now, &of, account),
            Observation::Account(_, Err(error)) => {
                tracing::warn!("cannot read the account: {error}");
            }
            Observation::RequestedPrices(of, read) => self.shared.on_requested_prices(&of, read),
            Observation::Charges(of, read) => self.shared.on_charges(&of, read),
            Observation::Proxy(reading) => {
                self.shared.observed.freshness.mark(Feed::Proxy, now);
                self.shared.observed.proxy.record(now, reading);
            }
            Observation::Descriptors(usage) => {
                self.shared.observed.freshness.mark(Feed::Descriptors, now);
                self.shared.observed.descriptors = usage;
            }
            Observation::Instance(id, result) => self.watching(id, |replica, shared| {
                replica.on_instance(shared, now, id, result);
            }),
            Observation::Link(id, change) => self.watching(id, |replica, shared| {
                replica.on_link_event(shared, now, id, change);
            }),
            Observation::Log(id, chunk) => self.watching(id, |replica, shared| {
                replica.on_log(shared, now, id, &chunk);
            }),
            Observation::ContainerLog(id, copy) => self.watching(id, |replica, shared| {
                replica.on_container_log(shared, now, id, copy);
            }),
            Observation::MlNode(id, result) => self.watching(id, |replica, shared| {
                replica.on_mlnode_status(shared, now, id, result);
            }),
            Observation::Runs(id, record) => self.watching(id, |replica, shared| {
                replica.on_run_record(shared, now, id, record);
            }),
            Observation::Replica(id, report) => self.on_replica_report(now, &id, report),
            Observation::Task(report) => self.on_task_report(now, report),
        }
    }

    /// What is told of a rental that nobody watches any more is nobody's.
    fn watching(&mut self, id: InstanceId, handle: impl FnOnce(&mut Replica, &mut Shared)) {
        if let Some(replica) = self.replicas.watching(id) {
            handle(replica, &mut self.shared);
        }
    }

    /// All parts of a report, in this order: what to record, what the sprint learns, what everybody learns.
    fn on_replica_report(&mut self, now: Time, id: &ReplicaId, report: ReplicaReport) {
        let Some(replica) = self.replicas.get_mut(id) else {
            return;
        };
        let shared = &mut self.shared;
        let (account, network_node) = (replica.account().clone(), replica.network_node().clone());
        match report {
            ReplicaReport::Done {
                key,
                records,
                events,
                nodes,
            } => {
                for record in records {
                    shared.record(&record);
                }
                for event in events {
                    replica.dispatch(shared, now, event);
                }
                if let Some(nodes) = nodes {
                    self.on_nodes(now, &network_node, nodes);
                }
                self.effect_ended(id, key);
            }
            ReplicaReport::ModelStart {
                key,
                instance,
                result,
            } => {
                replica.on_model_start(shared, now, instance, result);
                replica.effect_ended(shared, key);
            }
            ReplicaReport::Release { action, reply } => {
                replica.release_log.reply(now, action, reply);
            }
            ReplicaReport::Gone {
                key,
                instance,
                absence,
            } => {
                if key == EffectKey::Destroy(RentalRole::Primary) {
                    replica.release_log.done(now, ReleaseAction::ProveGone);
                }
                self.settle(now, instance, absence.since);
                self.on_listing(now, &account, Ok(absence.listing));
                self.effect_ended(id, key);
            }
            ReplicaReport::Leftovers {
                instances,
                nodes,
                charges,
            } => {
                if let Some(charges) = charges {
                    shared.on_charges(&account, charges);
                }
                self.finish_report(now, id, instances, nodes);
            }
        }
    }

    fn effect_ended(&mut self, id: &ReplicaId, key: EffectKey) {
        if let Some(replica) = self.replicas.get_mut(id) {
            replica.effect_ended(&mut self.shared, key);
        }
    }

    fn on_examined(&mut self, now: Time, examined: Examined) {
        if let Ok(catalogue) = &examined.facts.approved_models {
            self.shared.observed.catalogue = Some(catalogue.clone().into());
        }
        let (network_node, nodes) = (examined.network_node.clone(), examined.facts.nodes.clone());
        let examined = Arc::new(examined);
        let readings = self.shared.observed.network_node_mut(&network_node);
        readings.examined = Some(examined.clone());
        let asked = self.shared.examining.remove(&network_node);
        let asked = asked.unwrap_or_default();
        for id in &asked {
            if let Some(replica) = self.replicas.get_mut(id) {
                replica.on_examined(&mut self.shared, now, &examined);
            }
        }
        self.on_nodes(now, &network_node, nodes);
        for id in &asked {
            self.effect_ended(id, EffectKey::Preflight);
        }
    }

    fn on_task_report(&mut self, now: Time, report: TaskReport) {
        self.shared.running.remove(&report.key());
        match report {
            TaskReport::Searched { pool, found } => self.on_searched(now, &pool, found),
            TaskReport::Examined(examined) => self.on_examined(now, *examined),
            TaskReport::Broken(TaskKey::Preflight(of)) => {
                for id in self.shared.examining.remove(&of).unwrap_or_default() {
                    self.effect_ended(&id, EffectKey::Preflight);
                }
            }
            TaskReport::Broken(TaskKey::Search(pool)) => {
                for (id, _) in self.shared.searches.remove(&pool).unwrap_or_default() {
                    self.effect_ended(&id, EffectKey::Search);
                }
            }
            TaskReport::NodeChanged {
                network_node,
                error,
                nodes,
            } => {
                let readings = self.shared.observed.network_node_mut(&network_node);
                readings.change_error = error.map(|error| (now, error));
                self.on_nodes(now, &network_node, nodes);
            }
            TaskReport::NodeCleanedUp {
                network_node,
                nodes,
            } => self.on_nodes(now, &network_node, nodes),
            TaskReport::RentalCleanedUp {
                account,
                instance,
                proof,
            } => {
                if let Some(absence) = proof {
                    self.settle(now, instance, absence.since);
                    self.on_listing(now, &account, Ok(absence.listing));
                }
            }
            TaskReport::Broken(_) => {}
            TaskReport::ConfirmationWeight(of, read) => {
                self.shared.on_confirmation_weight(now, &of, read);
            }
        }
    }
}

impl Shared {
    fn on_unread_governance(&mut self, error: &CallError) {
        if self.observed.governance_failure.is_new(error) {
            tracing::warn!("planned upgrades and the odds of a confirmation are unknown: {error}");
        }
    }
}
