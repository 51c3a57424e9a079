//! Runs effects: journals the intent, starts the task, reports the outcome. The intent of
//! everything that changes the world outside is durable before the call is made (law 1).

use std::sync::Arc;

use super::core::Engine;
use super::observe::Observation;
use super::preflight::{examine, examine_chain};
use super::workload::{recipe, tunnel_spec};
use super::{Ports, front, reconcile};
use crate::config::{Config, Exposure, ProxyConfig};
use crate::domain::{
    CallError, CallErrorKind, Duration, Hardware, InstanceId, MachineId, NodeConfig, NodeId, Offer,
    RentOrder, RentalLabel, RentalPrices, Time, Usd, Workload,
};
use crate::flow::{self, Effect, Event};
use crate::journal::Record;
use crate::ports::RentError;
use crate::vast::SessionNeeds;

/// The script that every rental runs at its start.
const ONSTART: &str = include_str!("../../assets/onstart.sh");
/// Where the operator's own lines go: after the watchdog is armed, before the workload starts.
const WORKLOAD_PART: &str = "# 4. The workload";
/// Between asking for a destroy and looking whether it worked.
const DESTROY_SHOWS_AFTER: Duration = Duration::seconds(4);

impl Engine {
    pub(super) fn execute(&mut self, effect: Effect) {
        let key = effect.key();
        match effect {
            Effect::SearchOffers { .. } => self.search(effect),
            Effect::Preflight => self.preflight(key),
            Effect::Rent {
                offer,
                label,
                reserved,
                lease_until,
            } => self.rent(&offer, label, reserved, lease_until),
            Effect::FindLabel(label) => self.find_label(label),
            Effect::VoidRent { label, reason } => {
                self.record(&Record::RentVoided { label, reason });
            }
            Effect::Adopt { label, instance } => {
                self.record(&Record::Rented { label, instance });
            }
            Effect::StartModel { instance, .. } => self.start_model(key, instance),
            Effect::Register { node, instance } => self.register(node, instance),
            Effect::Enable(node) => self.enable(node),
            Effect::Disable(node) => self.disable(node),
            Effect::Unregister(node) => self.unregister(node),
            Effect::Destroy { instance, .. } => self.destroy(key, instance),
            Effect::RestoreProxy => self.restore_proxy(),
            Effect::ReadWeight { epoch, node } => self.read_weight(key, epoch, node),
            Effect::RememberBoot {
                instance,
                offer,
                took,
                end,
            } => self.remember_boot(instance, &offer, took, end),
            Effect::AvoidMachine { machine, reason } => self.avoid_machine(machine, reason),
        }
    }

    pub(super) fn avoid_machine(&mut self, machine: MachineId, reason: String) {
        let until = self.ports.clock.now() + self.config.vast.avoid_for;
        tracing::warn!("machine {machine} is avoided until {until}: {reason}");
        self.record(&Record::MachineAvoided {
            machine,
            until,
            reason,
        });
    }

    fn search(&mut self, effect: Effect) {
        self.seen.searching = true;
        let (ports, query) = (self.ports.clone(), self.config.vast.query.clone());
        self.spawn("search", async move {
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
            Observation::Searched {
                effect,
                offers,
                account,
            }
        });
    }

    fn preflight(&mut self, key: &'static str) {
        match self.workload() {
            Workload::MlNode => self.preflight_for_a_node(key),
            Workload::Vllm => self.preflight_for_serving(key),
        }
    }

    /// What registers nothing asks nothing of the Network Node.
    fn preflight_for_serving(&mut self, key: &'static str) {
        let (ports, config) = (self.ports.clone(), self.config.clone());
        self.spawn(key, async move {
            let now = ports.clock.now();
            let preflight = examine_chain(ports.chain.as_ref(), now, &config).await;
            Observation::Done {
                key,
                records: Vec::new(),
                events: vec![Event::PreflightTaken(preflight)],
            }
        });
    }

    fn preflight_for_a_node(&mut self, key: &'static str) {
        let (ports, config) = (self.ports.clone(), self.config.clone());
        self.spawn(key, async move {
            let (chain, node) = (ports.chain.as_ref(), ports.network_node.as_ref());
            // What is left over of ours holds its address until it is gone.
            let examined = examine(chain, node, ports.clock.now(), &config, &[]).await;
            let event = Event::PreflightTaken(examined.preflight);
            Observation::Relisted {
                key,
                events: vec![event],
                nodes: examined.nodes,
            }
        });
    }

    fn rent(&mut self, offer: &Offer, label: RentalLabel, reserved: Usd, lease_until: Time) {
        let now = self.ports.clock.now();
        // The caps were checked when the offers came; what counts is what is spent now (law 5).
        let price = offer.price_with_disk(self.config.vast.query.disk_gb);
        let caps = self.sprint.plan().caps;
        if let Err(refusal) = flow::admit(price, reserved, &self.funds(now), &caps) {
            return self.feed(
                now,
                Event::RentRefused(local_error("rent", &refusal.to_string())),
            );
        }
        let intent = Record::RentIntended {
            label: label.clone(),
            offer: offer.id,
            machine: offer.machine,
            host: offer.host,
            prices: prices(offer, &self.config),
            reserved,
        };
        if !self.intend(&intent) {
            return self.feed(now, Event::RentWithheld);
        }
        // The sprint that rents too: one that is taken up in the step before would choose again.
        self.save();
        let order = self.order(offer, label.clone(), lease_until);
        let market = self.ports.clone();
        tracing::info!("renting offer {} as {label}", offer.id);
        self.spawn("rent", async move {
            let (records, event) = match market.market.rent(&order).await {
                Ok(instance) => (
                    vec![Record::Rented { label, instance }],
                    Event::Rented(instance),
                ),
                Err(RentError::OfferGone(_)) => (Vec::new(), Event::OfferWasGone),
                Err(RentError::Refused(error)) => (Vec::new(), Event::RentRefused(error)),
                Err(RentError::Unknown(error)) => (Vec::new(), Event::RentReplyLost(error)),
            };
            Observation::Done {
                key: "rent",
                records,
                events: vec![event],
            }
        });
    }

    fn order(&self, offer: &Offer, label: RentalLabel, lease_until: Time) -> RentOrder {
        let vast = &self.config.vast;
        let recipe = recipe(&self.config, self.workload());
        let mut env = vast.env.clone();
        env.insert(
            "POCPIT_LEASE_UNTIL".into(),
            self.by_true_clock(lease_until).timestamp().to_string(),
        );
        env.insert("POCPIT_COMMAND".into(), recipe.command);
        env.insert(
            "POCPIT_SSH_KEY".into(),
            self.ports.remote.public_key().to_owned(),
        );
        let onstart = onstart_script(&vast.onstart_extra);
        RentOrder {
            offer: offer.id,
            label,
            image: recipe.image,
            template_hash: recipe.template_hash,
            disk_gb: vast.query.disk_gb,
            env,
            ports: recipe.ports,
            onstart,
        }
    }

    fn find_label(&mut self, label: RentalLabel) {
        let ports = self.ports.clone();
        self.spawn("find", async move {
            let events = match ports.market.instances().await {
                Ok(instances) => vec![reconcile::find(&instances, &label)],
                Err(error) => {
                    tracing::warn!("the rental is still being looked for: {error}");
                    Vec::new()
                }
            };
            Observation::Done {
                key: "find",
                records: Vec::new(),
                events,
            }
        });
    }

    fn start_model(&mut self, key: &'static str, instance: InstanceId) {
        let ends = self.watched(instance).and_then(|watched| watched.link.ends);
        let Some(ends) = ends else {
            return;
        };
        let (ports, model) = (self.ports.clone(), self.config.mlnode.model.clone());
        let workload = self.workload();
        self.spawn(key, async move {
            let node = ports.mlnodes.at(workload, ends.api);
            let event = match node.start_model(&model).await {
                Ok(()) => Event::ModelStartAccepted,
                Err(error) => Event::ModelStartFailed(error),
            };
            Observation::Done {
                key,
                records: Vec::new(),
                events: vec![event],
            }
        });
    }

    fn register(&mut self, node: NodeId, instance: InstanceId) {
        let Some(wanted) = self.wanted_node() else {
            tracing::warn!("registration waits for the tunnel");
            return;
        };
        if !self.intend(&Record::RegisterIntended { node, instance }) {
            return self.feed(self.ports.clock.now(), Event::RegisterWithheld);
        }
        let ports = self.ports.clone();
        self.spawn("register", async move {
            let events = match ports.network_node.register(&wanted).await {
                Ok(()) => Vec::new(),
                Err(error) => vec![Event::RegisterFailed(error)],
            };
            relist(&ports, "register", events).await
        });
    }

    fn enable(&mut self, node: NodeId) {
        let ports = self.ports.clone();
        self.spawn("register", async move {
            let events = match ports.network_node.enable(&node).await {
                Ok(()) => Vec::new(),
                Err(error) => vec![Event::RegisterFailed(error)],
            };
            relist(&ports, "register", events).await
        });
    }

    fn disable(&mut self, node: NodeId) {
        let ports = self.ports.clone();
        self.spawn("register", async move {
            if let Err(error) = ports.network_node.disable(&node).await {
                tracing::warn!("{node} is not disabled: {error}; it is removed all the same");
            }
            Observation::Done {
                key: "register",
                records: Vec::new(),
                events: Vec::new(),
            }
        });
    }

    pub(super) fn unregister(&mut self, node: NodeId) {
        self.record(&Record::UnregisterIntended { node: node.clone() });
        let ports = self.ports.clone();
        self.spawn("register", async move {
            match ports.network_node.unregister(&node).await {
                Ok(true) => tracing::info!("{node} is unregistered"),
                Ok(false) => tracing::info!("{node} was not registered"),
                Err(error) => tracing::warn!("{node} is not unregistered yet: {error}"),
            }
            relist(&ports, "register", Vec::new()).await
        });
    }

    pub(super) fn destroy(&mut self, key: &'static str, instance: InstanceId) {
        let now = self.ports.clock.now();
        self.destroying.entry(instance).or_insert(now);
        // Releasing never waits for the journal: a destroy that is not recorded is still right.
        self.record(&Record::DestroyIntended { instance });
        let ports = self.ports.clone();
        self.spawn(key, async move {
            if let Err(error) = ports.market.destroy(instance).await {
                tracing::warn!("instance {instance} is not destroyed yet: {error}");
            }
            ports.clock.sleep(DESTROY_SHOWS_AFTER).await;
            let (market, clock) = (ports.market.as_ref(), ports.clock.as_ref());
            if let Some(absence) = reconcile::prove_absence(market, clock, instance).await {
                tracing::info!("instance {instance} is gone");
                return Observation::Gone {
                    key,
                    instance,
                    absence,
                };
            }
            Observation::Done {
                key,
                records: Vec::new(),
                events: vec![Event::RentalRemains(instance)],
            }
        });
    }

    fn restore_proxy(&mut self) {
        let proxy = self.config.inference_proxy.as_ref().map(ProxyConfig::node);
        let ports = self.ports.clone();
        self.spawn("proxy", async move {
            let nodes = ports.network_node.nodes().await;
            let missing = proxy.filter(|proxy| {
                nodes
                    .as_ref()
                    .is_ok_and(|nodes| nodes.iter().all(|node| node.config.id != proxy.id))
            });
            let Some(proxy) = missing else {
                return listed("proxy", nodes);
            };
            if let Err(error) = ports.network_node.register(&proxy).await {
                tracing::warn!("the inference proxy is not registered: {error}");
            }
            relist(&ports, "proxy", Vec::new()).await
        });
    }

    fn read_weight(&mut self, key: &'static str, epoch: crate::domain::EpochIndex, node: NodeId) {
        let (ports, participant) = (self.ports.clone(), self.config.chain.participant.clone());
        self.spawn(key, async move {
            let events = match ports.chain.weight(&participant, &node).await {
                Ok(reading) => vec![Event::WeightRead {
                    for_our_epoch: reading.epoch.is_none_or(|listed| listed == epoch),
                    weight: reading.node,
                    participant: reading.participant,
                }],
                Err(error) => {
                    tracing::warn!("the weight is not known yet: {error}");
                    Vec::new()
                }
            };
            Observation::Done {
                key,
                records: Vec::new(),
                events,
            }
        });
    }

    /// What is to be registered, once it is known where the node can be reached.
    pub(super) fn wanted_node(&self) -> Option<NodeConfig> {
        let rental = self.sprint.rental()?;
        let watched = self.watched(rental.instance)?;
        let (mlnode, network) = (&self.config.mlnode, &self.config.network_node);
        let place = match &network.exposure {
            Exposure::Tunnel { host, .. } => {
                // A tunnel that still ends elsewhere is being moved.
                let spec = tunnel_spec(&self.config);
                let ends = watched.link.ends.filter(|ends| spec.is_met_by(*ends))?;
                Place {
                    host: host.clone(),
                    api: ends.api.port(),
                    inference: ends.inference.port(),
                }
            }
            Exposure::Direct => {
                let instance = watched.row.as_ref()?;
                let outside = |port: u16| {
                    let port = front::public_port(port);
                    instance
                        .ports
                        .iter()
                        .find(|mapping| mapping.container == port)
                        .map(|mapping| mapping.external)
                };
                Place {
                    host: instance.public_ip.clone()?,
                    api: outside(mlnode.api_port)?,
                    inference: outside(mlnode.inference_port)?,
                }
            }
        };
        let seen_name = watched
            .mlnode
            .as_ref()
            .and_then(|status| status.gpus.first())
            .map(|gpu| gpu.name.clone());
        let name = network
            .hardware_name
            .clone()
            .or(seen_name)
            .unwrap_or_else(|| rental.offer.gpu_name.clone());
        let id = self.sprint.plan().node_id(rental.instance);
        let hardware = vec![Hardware {
            name,
            count: rental.offer.gpu_count,
        }];
        Some(node_config(&self.config, id, place, hardware))
    }
}

/// Where the Network Node reaches a node.
pub(super) struct Place {
    pub(super) host: String,
    pub(super) api: u16,
    pub(super) inference: u16,
}

pub(super) fn node_config(
    config: &Config,
    id: NodeId,
    place: Place,
    hardware: Vec<Hardware>,
) -> NodeConfig {
    let mlnode = &config.mlnode;
    NodeConfig {
        id,
        host: place.host,
        inference_port: place.inference,
        inference_segment: mlnode.inference_segment.clone(),
        poc_port: place.api,
        poc_segment: mlnode.poc_segment.clone(),
        max_concurrent: mlnode.max_concurrent,
        models: [(mlnode.model.id.clone(), mlnode.model.args.clone())].into(),
        hardware,
    }
}

async fn relist(ports: &Arc<Ports>, key: &'static str, events: Vec<Event>) -> Observation {
    let nodes = ports.network_node.nodes().await;
    Observation::Relisted { key, events, nodes }
}

fn listed(
    key: &'static str,
    nodes: Result<Vec<crate::domain::RegisteredNode>, CallError>,
) -> Observation {
    Observation::Relisted {
        key,
        events: Vec::new(),
        nodes,
    }
}

fn local_error(what: &str, detail: &str) -> CallError {
    CallError {
        what: what.into(),
        kind: CallErrorKind::NotSent,
        status: None,
        detail: detail.into(),
    }
}

/// What a ranking must know about the session.
/// What an offer must do for a search.
pub fn needs(now: Time, effect: &Effect, config: &Config) -> SessionNeeds {
    let (session, longest, ready_by) = match effect {
        Effect::SearchOffers {
            session,
            longest,
            ready_by,
        } => (*session, *longest, *ready_by),
        _ => (Duration::zero(), Duration::zero(), now),
    };
    SessionNeeds {
        now,
        until: now + session,
        at_worst_until: now + longest,
        boot_within: Some(ready_by - now),
        image_gb: config.vast.image_gb,
        model_gb: config.vast.model_gb,
    }
}

fn prices(offer: &Offer, config: &Config) -> RentalPrices {
    RentalPrices {
        gpu_price: offer.gpu_price,
        storage_price: offer.storage_price(config.vast.query.disk_gb),
        download_per_gb: offer.download_per_gb,
        download_gb: config.vast.image_gb + config.vast.model_gb,
    }
}

/// The script with the operator's lines in it. They run in a subshell: whatever they do, the
/// workload still starts.
fn onstart_script(extra: &str) -> String {
    if extra.trim().is_empty() {
        return ONSTART.to_owned();
    }
    ONSTART.replacen(WORKLOAD_PART, &format!("(\n{extra}\n)\n{WORKLOAD_PART}"), 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_operators_lines_run_after_the_watchdog_and_before_the_workload() {
        let script = onstart_script("echo mine");
        let position = |text: &str| script.find(text).unwrap();
        assert!(position("# 1. The watchdog") < position("echo mine"));
        assert!(position("echo mine") < position(WORKLOAD_PART));
    }

    #[test]
    fn without_lines_of_the_operator_the_script_is_ours() {
        assert_eq!(onstart_script(" \n"), ONSTART);
    }
}
