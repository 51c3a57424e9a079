//! Runs effects: journals the intent, starts the task, reports the outcome. The intent of
//! everything that changes the world outside is durable before the call is made (law 1).

use std::sync::Arc;

use crate::domain::{
    CallError, Finding, GovernanceModel, HostId, InstanceId, MachineId, NodeId, Offer, Time,
    Workload, WorkloadModel, is_public_address,
};
use crate::engine::effects::preflight::{
    Examined, MarketFinding, judge, read_facts, run_chain_preflight,
};
use crate::engine::effects::task_key::{SHARED_FOR, TaskKey};
use crate::engine::observe::observation::{ReplicaReport, TaskReport};
use crate::engine::observe::search::Found;
use crate::engine::state::{Replica, Shared};
use crate::flow::{Effect, EffectKey, Event};
use crate::journal::Record;
use crate::mlnode::arguments;
use crate::ports::{Chain, Market};
use crate::vast::judge_single_read;

impl Replica {
    pub(crate) fn execute(&mut self, shared: &mut Shared, effect: Effect) {
        let key = effect.key();
        match effect {
            Effect::SearchOffers { .. } => self.search(shared, effect),
            Effect::Preflight => self.preflight(shared, key),
            Effect::Rent {
                offer,
                label,
                reserved,
                lease_until,
            } => self.rent(shared, &offer, label, reserved, lease_until),
            Effect::FindLabel(label) => self.find_label(shared, label),
            Effect::VoidRent { label, reason } => {
                shared.record(&Record::RentVoided { label, reason });
            }
            Effect::Adopt { label, instance } => {
                shared.record(&Record::Rented { label, instance });
            }
            Effect::StartModel { instance, .. } => self.start_model(shared, key, instance),
            Effect::Register { node, instance } => self.register(shared, node, instance),
            Effect::Enable(node) => self.enable(shared, node),
            Effect::Disable(node) => self.disable(shared, node),
            Effect::Unregister(node) => self.unregister(shared, node),
            Effect::Destroy { instance, .. } => self.destroy(shared, key, instance),
            Effect::RestoreProxy => self.restore_proxy(shared),
            Effect::ReadWeight { epoch, node } => self.read_weight(shared, key, epoch, node),
            Effect::RememberBoot {
                instance,
                offer,
                took,
                end,
            } => self.record_boot_end(shared, instance, &offer, took, end),
            Effect::AvoidMachine { machine, reason } => {
                let host = self.offers_of(shared, machine).find_map(|offer| offer.host);
                self.avoid_machine(shared, machine, reason, host);
            }
        }
    }

    pub(crate) fn avoid_machine(
        &self,
        shared: &mut Shared,
        machine: MachineId,
        reason: String,
        host: Option<HostId>,
    ) {
        let until = self.ports.clock.now() + self.config.vast.blocklist_ttl;
        tracing::warn!("machine {machine} is avoided until {until}: {reason}");
        shared.record(&Record::MachineAvoided {
            machine,
            until,
            reason,
            host,
            address: self.address_of(shared, machine),
        });
    }

    /// Rented ones, then those of the last search.
    fn offers_of<'a>(
        &'a self,
        shared: &'a Shared,
        machine: MachineId,
    ) -> impl Iterator<Item = &'a Offer> {
        let rented = self.sprint.rentals().map(|rental| &rental.offer);
        let searched = shared.observed.markets.get(&self.id.pool).into_iter();
        let searched = searched.flat_map(|view| view.rows.iter().map(|row| &row.offer));
        let offers = rented.chain(searched);
        offers.filter(move |offer| offer.machine == machine)
    }

    /// By its instance, or else by its offers.
    fn address_of(&self, shared: &Shared, machine: MachineId) -> Option<String> {
        let mut listed = shared
            .observed
            .listed()
            .filter(|instance| instance.machine == Some(machine));
        let now = listed.find_map(|instance| instance.public_ip.clone());
        let now = now.filter(|address| is_public_address(address));
        let mut offers = self.offers_of(shared, machine);
        now.or_else(|| offers.find_map(|offer| offer.public_address.clone()))
    }

    fn search(&mut self, shared: &mut Shared, effect: Effect) {
        let now = self.ports.clock.now();
        let pool = self.id.pool.clone();
        if let Some((found, boots)) = shared.recently_found(now, &self.id) {
            return self.on_offers(shared, now, &effect, &found, boots);
        }
        self.running.insert(EffectKey::Search);
        let seekers = shared.searches.entry(pool.clone()).or_default();
        seekers.push((self.id.clone(), effect));
        if seekers.len() > 1 {
            // It has joined the one in flight.
            return;
        }
        shared.observed.searching = true;
        let (ports, query) = (self.ports.clone(), self.config.vast.query.clone());
        shared.spawn_task(TaskKey::Search(pool.clone()), async move {
            // A key that the account lacks would only show up as a rental that lets nobody in.
            let keyed = ports
                .market
                .ensure_account_key(ports.remote.public_key())
                .await;
            let offers = match keyed {
                Ok(()) => ports.market.search(&query, ports.clock.now()).await,
                Err(error) => Err(error),
            };
            let account = ports.market.account().await;
            let found = Found { offers, account };
            TaskReport::Searched { pool, found }
        });
    }

    fn preflight(&mut self, shared: &mut Shared, key: EffectKey) {
        match self.workload() {
            Workload::MlNode => self.preflight_for_a_node(shared, key),
            Workload::Vllm => self.preflight_for_serving(shared, key),
        }
    }

    /// What registers nothing asks nothing of the Network Node.
    fn preflight_for_serving(&mut self, shared: &mut Shared, key: EffectKey) {
        let (ports, config) = (self.ports.clone(), self.config.clone());
        self.spawn_effect(shared, key, async move {
            let now = ports.clock.now();
            let mut preflight = run_chain_preflight(ports.chain.as_ref(), now, &config).await;
            let market = market_finding(ports.market.as_ref()).await;
            preflight.findings.push(market);
            ReplicaReport::done(key, Some(Event::PreflightCompleted(preflight)))
        });
    }

    /// Replicas that ask at the same time, or soon after, share what is read.
    fn preflight_for_a_node(&mut self, shared: &mut Shared, key: EffectKey) {
        let now = self.ports.clock.now();
        let network_node = self.network_node().clone();
        let readings = shared.observed.network_node(&network_node);
        let last = readings.and_then(|readings| readings.examined.clone());
        if let Some(last) = last.as_ref().filter(|last| now - last.at <= SHARED_FOR) {
            return self.on_examined(shared, now, last);
        }
        let market = last.map(|last| last.market.clone());
        let market = market.filter(|market| market.is_good(now, self.account()));
        self.running.insert(key);
        let examining = shared.examining.entry(network_node.clone()).or_default();
        examining.push(self.id.clone());
        if examining.len() > 1 {
            return;
        }
        let (ports, config) = (self.ports.clone(), self.config.clone());
        shared.spawn_task(TaskKey::Preflight(network_node.clone()), async move {
            let (chain, node) = (ports.chain.as_ref(), ports.network_node.as_ref());
            // First: it may wait for the calls of many rentals, and the rest must not be old by then.
            let market = if let Some(market) = market {
                market
            } else {
                let finding = market_finding(ports.market.as_ref()).await;
                let at = ports.clock.now();
                let account = config.vast.account.clone();
                MarketFinding {
                    account,
                    at,
                    finding,
                }
            };
            let at = ports.clock.now();
            let facts = read_facts(chain, node, at, &config).await;
            TaskReport::Examined(Box::new(Examined {
                network_node,
                at,
                facts,
                market,
            }))
        });
    }

    pub(crate) fn on_examined(&mut self, shared: &mut Shared, now: Time, examined: &Examined) {
        // Our leftovers hold their address until they are gone.
        let mut preflight = judge(examined.at, &self.config, &[], &examined.facts);
        preflight.findings.push(examined.market.finding.clone());
        self.dispatch(shared, now, Event::PreflightCompleted(preflight));
    }

    fn start_model(&mut self, shared: &mut Shared, key: EffectKey, instance: InstanceId) {
        let ends = self.monitor(instance).and_then(|monitor| monitor.link.ends);
        let Some(ends) = ends else {
            return;
        };
        let (ports, local) = (self.ports.clone(), self.config.mlnode.model.clone());
        let (workload, change) = (self.workload(), shared.tasks.change());
        let known = shared.observed.catalogue.clone();
        self.spawn_effect(shared, key, async move {
            let model = model_to_start(ports.chain.as_ref(), workload, known, local).await;
            let model = match model {
                Ok(model) => model,
                Err(error) => {
                    return ReplicaReport::done(key, Some(Event::ModelStartFailed(error)));
                }
            };
            let result = ports.mlnodes.at(workload, ends).start_model(&model).await;
            drop(change);
            ReplicaReport::ModelStart {
                key,
                instance,
                result,
            }
        });
    }

    fn read_weight(
        &mut self,
        shared: &mut Shared,
        key: EffectKey,
        epoch: crate::domain::EpochIndex,
        node: NodeId,
    ) {
        let (ports, participant) = (
            self.ports.clone(),
            self.config.network_node.participant.clone(),
        );
        self.spawn_effect(shared, key, async move {
            let reading = ports.chain.weight(&participant, &node).await;
            let reading = reading.inspect_err(|error| {
                tracing::warn!("the weight is not known yet: {error}");
            });
            let event = reading.map(|reading| Event::WeightRead {
                for_our_epoch: reading.epoch.is_none_or(|listed| listed == epoch),
                weight: reading.node,
                participant: reading.participant,
            });
            ReplicaReport::done(key, event.ok())
        });
    }
}

/// What the market itself can tell before a rental.
async fn market_finding(market: &dyn Market) -> Finding {
    judge_single_read(&market.try_single_read().await)
}

/// The model with the arguments that the Network Node would start it with. It does not restart a healthy
/// node, so a model with other arguments would stay, and be judged by rules that it does not follow.
/// Without the catalogue nothing is started. vLLM alone is no node and keeps its own arguments.
async fn model_to_start(
    chain: &dyn Chain,
    workload: Workload,
    known: Option<Arc<[GovernanceModel]>>,
    local: WorkloadModel,
) -> Result<WorkloadModel, CallError> {
    if workload == Workload::Vllm {
        return Ok(local);
    }
    let catalogue = match known {
        Some(catalogue) => catalogue,
        None => chain.approved_models().await?.into(),
    };
    Ok(arguments::as_started(&catalogue, &local))
}
