//! A world and an engine on it, with the sentences that tests are made of.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use pocpit::cli;
use pocpit::config::Config;
use pocpit::domain::ReplicaId;
use pocpit::domain::{GateKind, Hedging, InstanceId, Mode, SprintReport, Step, Usd, UsdPerHour};
use pocpit::engine::{Command, EndAfter, EngineHandle, SearchState, Snapshot, SprintCommand};
use pocpit::journal::{self, Ledger};
use pocpit::ports::Market as _;
use pocpit::world::{API_KEY, PROXY_NODE, Scenario, ServedWorld, Truth, WorldOptions, serve};

use crate::market::narrowed;

/// World seconds per second: a sprint takes some ten seconds.
const SPEED: f64 = 400.0;
/// Blocks before the `PoC`: time for one boot, and for an operator on a busy machine.
const BLOCKS_BEFORE_POC: u64 = 760;
const SEED: u64 = 1;
/// Nothing in a sprint takes this long, even on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

pub struct Rig {
    pub world: ServedWorld,
    pub config: Config,
    handle: EngineHandle,
    _scratch: tempfile::TempDir,
}

/// How the Network Node reaches the rental.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reached {
    ByTunnel,
    Directly,
}

/// The same world, with its `PoC` soon.
fn soon(scenario: Scenario) -> Scenario {
    Scenario {
        blocks_before_poc: scenario.blocks_before_poc.min(BLOCKS_BEFORE_POC),
        ..scenario
    }
}

impl Rig {
    /// Runs one sprint.
    pub async fn start(mode: Mode, scenario: Scenario) -> Rig {
        let adjust = |_: &mut Config| {};
        let end = EndAfter::OneSprint;
        Rig::with(mode, soon(scenario), end, Reached::ByTunnel, adjust).await
    }

    /// Runs one sprint that begins early enough for a second machine, and may rent one.
    pub async fn start_hedging(mode: Mode, scenario: Scenario) -> Rig {
        let adjust = |config: &mut Config| {
            config.poc.hedge = Hedging::On;
            config.poc.lead = pocpit::domain::Duration::minutes(100);
            config.budget.per_hour = UsdPerHour::from_dollars(40.0);
            config.budget.per_sprint = Usd::from_dollars(90.0);
            config.budget.per_day = Usd::from_dollars(90.0);
        };
        Rig::with(
            mode,
            scenario,
            EndAfter::OneSprint,
            Reached::ByTunnel,
            adjust,
        )
        .await
    }

    /// Runs one unattended sprint, with notices to this address.
    pub async fn start_telling(scenario: Scenario, webhook: url::Url) -> Rig {
        let adjust = |config: &mut Config| config.notify.webhook = Some(webhook);
        let end = EndAfter::OneSprint;
        Rig::with(Mode::Auto, soon(scenario), end, Reached::ByTunnel, adjust).await
    }

    /// Runs sprint after sprint.
    pub async fn start_and_go_on(mode: Mode, scenario: Scenario) -> Rig {
        let adjust = |_: &mut Config| {};
        Rig::with(mode, scenario, EndAfter::Never, Reached::ByTunnel, adjust).await
    }

    /// Runs one unattended sprint, with a rental that the Network Node reaches directly.
    pub async fn start_exposed_directly(scenario: Scenario) -> Rig {
        let (end, adjust) = (EndAfter::OneSprint, |_: &mut Config| {});
        Rig::with(Mode::Auto, soon(scenario), end, Reached::Directly, adjust).await
    }

    async fn with(
        mode: Mode,
        scenario: Scenario,
        end_after: EndAfter,
        reached: Reached,
        adjust: impl FnOnce(&mut Config),
    ) -> Rig {
        let scratch = tempfile::Builder::new()
            .prefix("pocpit-")
            .tempdir()
            .unwrap();
        let options = WorldOptions {
            seed: SEED,
            scenario,
            speed: SPEED,
            ports: None,
        };
        let world = serve(options).await.unwrap();
        let text = cli::configuration(&world, scratch.path()).await.unwrap();
        let mut text = narrowed(&text);
        if reached == Reached::Directly {
            text = text.replacen("[network_node]", "[network_node]\nexposure = \"direct\"", 1);
        }
        let mut config = cli::parse_configuration(&text).unwrap();
        adjust(&mut config);
        let handle = cli::start_engine(&config, mode, end_after).unwrap();
        Rig {
            world,
            config,
            handle,
            _scratch: scratch,
        }
    }

    /// Another engine on the same files, after this one has ended.
    pub async fn restart(self, mode: Mode) -> Rig {
        let ended = tokio::time::timeout(PATIENCE, self.handle.ended).await;
        ended.expect("the engine ends").unwrap().unwrap();
        let handle = cli::start_engine(&self.config, mode, EndAfter::OneSprint).unwrap();
        Rig { handle, ..self }
    }

    /// The inference proxy of the configuration, for as long as the task runs; and where it listens.
    pub fn serve_proxy(&self) -> (tokio::task::JoinHandle<()>, std::net::SocketAddr) {
        let settings = self.config.inference_proxy.clone().unwrap();
        let state_file = self.config.paths.state_dir.join(pocpit::proxy::STATE_FILE);
        let listen = settings.listen;
        let served = tokio::spawn(async move {
            pocpit::proxy::serve(&settings, &state_file, pending(), pending())
                .await
                .unwrap();
        });
        (served, listen)
    }

    pub fn state_dir(&self) -> &std::path::Path {
        &self.config.paths.state_dir
    }

    pub fn snapshot(&self) -> Arc<Snapshot> {
        Arc::clone(&self.handle.snapshots.borrow())
    }

    pub async fn send(&self, command: Command) {
        self.handle
            .commands
            .send(command)
            .await
            .expect("the engine takes commands");
    }

    pub async fn until(&mut self, what: &str, holds: impl Fn(&Snapshot) -> bool) {
        let mut snapshots = self.handle.snapshots.clone();
        let waited =
            tokio::time::timeout(PATIENCE, snapshots.wait_for(|snapshot| holds(snapshot))).await;
        let snapshot = self.snapshot();
        assert!(
            matches!(waited, Ok(Ok(_))),
            "{what} never came (seed {SEED}): {} in step {}, gate {:?}, outcome {:?}, alerts {:?}",
            snapshot.sprint.doing,
            snapshot.sprint.step,
            snapshot.sprint.gate,
            snapshot.sprint.outcome,
            snapshot.alerts,
        );
    }

    /// Waits until the sprint is in this step or past it: snapshots are coalesced, and a machine
    /// that stands still for a second can miss a whole step.
    pub async fn until_past(&mut self, step: Step) {
        self.until(step.name(), |snapshot| snapshot.sprint.step >= step)
            .await;
    }

    /// True once the sprint is in this step, false if it ends without.
    pub async fn is_seen_in(&mut self, step: Step) -> bool {
        let seen = |snapshot: &Snapshot| snapshot.sprint.step == step;
        self.until(step.name(), |snapshot| seen(snapshot) || snapshot.ended)
            .await;
        seen(&self.snapshot())
    }

    pub async fn until_gate(&mut self, kind: GateKind) {
        let gate = |snapshot: &Snapshot| snapshot.sprint.gate.as_ref().map(|gate| gate.kind);
        self.until(&format!("gate {kind}"), |snapshot| {
            gate(snapshot) == Some(kind)
        })
        .await;
    }

    /// Picks the first offer and agrees to the cost that is shown, as often as it takes.
    pub async fn rent_the_best(&mut self) {
        for _ in 0..20 {
            self.until("an offer", |snapshot| {
                snapshot.sprint.gate.is_some()
                    && snapshot.offers.state == SearchState::Ready
                    && !snapshot.offers.rows.is_empty()
            })
            .await;
            let attempts = self.snapshot().sprint.attempts;
            let best = self.snapshot().offers.rows[0].clone();
            let rent = SprintCommand::Rent {
                offer: best.offer.id,
                agreed: best.worst_cost,
            };
            self.send(Command::Sprint(ReplicaId::default(), rent)).await;
            let mut snapshots = self.handle.snapshots.clone();
            let rented = snapshots.wait_for(|snapshot| {
                snapshot.sprint.attempts > attempts && snapshot.sprint.step > Step::Choosing
            });
            if tokio::time::timeout(Duration::from_secs(2), rented)
                .await
                .is_ok()
            {
                return;
            }
        }
        panic!(
            "nothing was rented (seed {SEED}): {}",
            self.snapshot().sprint.doing
        );
    }

    /// A rental on the same account that the engine does not know.
    pub async fn rent_behind_its_back(&self, label: &str) -> InstanceId {
        let vast = &self.config.vast;
        let market = crate::market::market(vast);
        for _ in 0..100 {
            // Another search of the engine's may have used up the interval.
            tokio::time::sleep(Duration::from_millis(30)).await;
            let Ok(offers) = market.search(&vast.query, self.world.clock().now()).await else {
                continue;
            };
            let body = serde_json::json!({
                "label": label, "image": vast.image, "disk": vast.query.disk_gb, "runtype": "ssh_direct", "cancel_unavail": true,
            });
            // By hand: labels of others are none that our client could write.
            let reply = reqwest::Client::builder()
                .no_proxy()
                .build()
                .unwrap()
                .put(
                    vast.base_url
                        .join(&format!("/api/v0/asks/{}/", offers[0].id))
                        .unwrap(),
                )
                .bearer_auth(API_KEY)
                .json(&body)
                .send()
                .await
                .unwrap();
            let reply: serde_json::Value = reply.json().await.unwrap_or_default();
            if let Some(id) = reply["new_contract"].as_u64() {
                return InstanceId(id);
            }
        }
        panic!("nothing could be rented");
    }

    /// Our registrations at the Network Node, as the world has them.
    pub fn ours_registered(&self) -> Vec<String> {
        let nodes = self.world.truth().first_host().nodes.clone();
        nodes
            .into_iter()
            .filter(|id| id.starts_with(&self.config.network_node.node_prefix))
            .collect()
    }

    /// Waits for something in the journal.
    pub async fn until_the_journal(&mut self, holds: impl Fn(&Ledger) -> bool) {
        let waited = tokio::time::timeout(PATIENCE, async {
            while !holds(&journal::read_only(self.state_dir()).unwrap()) {
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        });
        waited.await.expect("the journal has it");
    }

    /// Somebody removes a node by hand.
    pub async fn unregister(&self, node: &str) {
        let path = format!("/admin/v1/nodes/{node}");
        let url = self.world.admin_url().join(&path).unwrap();
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let reply = client.delete(url).send().await.unwrap();
        assert_eq!(reply.text().await.unwrap(), "true", "{node} was registered");
    }

    /// Waits for the end and holds the world to it: nothing is left over, the proxy is there.
    pub async fn end(mut self) -> (SprintReport, Truth) {
        self.until("the end", |snapshot| snapshot.ended).await;
        let report = self
            .handle
            .ended
            .await
            .unwrap()
            .unwrap()
            .pop()
            .expect("a report");
        let truth = self.world.truth();
        let left: Vec<_> = truth
            .rentals
            .iter()
            .filter(|rental| rental.ended.is_none())
            .collect();
        assert!(left.is_empty(), "rentals are left: {left:?}");
        let ours = |id: &&String| id.starts_with(&self.config.network_node.node_prefix);
        assert_eq!(
            truth.first_host().nodes.iter().filter(ours).count(),
            0,
            "{:?}",
            truth.first_host().nodes
        );
        assert!(
            truth.first_host().nodes.contains(&PROXY_NODE.to_owned()),
            "{:?}",
            truth.first_host().nodes
        );
        assert_eq!(
            (report.rentals_left, report.registrations_left),
            (Some(0), Some(0)),
            "{report:?}"
        );
        (report, truth)
    }
}
