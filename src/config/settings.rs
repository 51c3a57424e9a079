//! The operator's settings, typed. `table.rs` has their documentation, defaults and bounds.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;

use secrecy::SecretString;
use smart_default::SmartDefault;
use url::Url;

use super::proxy::ProxyConfig;
use super::value::{BLANK_ADDRESS, blank_url};
use crate::domain::{
    AccountName, CockpitId, Duration, Hedging, NetworkNodeName, OfferQuery, Participant, PoolName,
    ReleasePolicy, ReplicaId, Slot, Time, UnknownRules, Usd, UsdPerHour, WorkloadModel,
};

/// Who receives mouse events while the cockpit is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MouseMode {
    /// The cockpit receives clicks and the wheel.
    #[default]
    Cockpit,
    /// The terminal keeps them, for selecting text.
    Terminal,
}

/// How the cockpit calls for attention when a problem appears or a gate waits for approval.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum BellMode {
    /// A bell, and a desktop notification if the terminal supports it.
    #[default]
    Notify,
    Bell,
    /// Nothing.
    Off,
}

/// The operator's settings, complete and checked.
#[derive(Debug, Clone)]
pub struct Config {
    pub cockpit: CockpitId,
    /// Other cockpits that may use the same account.
    pub peers: Vec<CockpitId>,
    pub mouse: MouseMode,
    pub bell: BellMode,
    /// Key bindings that replace the defaults, by action.
    pub keys: BTreeMap<String, String>,
    /// Colours that replace the defaults, by role.
    pub colors: BTreeMap<String, String>,
    pub chain: ChainConfig,
    pub vast: VastConfig,
    pub ssh: SshConfig,
    pub mlnode: MlNodeConfig,
    /// vLLM alone, for `pocpit serve`.
    pub vllm: VllmConfig,
    pub poc: PocConfig,
    pub budget: BudgetConfig,
    /// That of the rental; the first one for the fleet.
    pub network_node: NetworkNodeConfig,
    pub other_network_nodes: Vec<NetworkNodeConfig>,
    /// Beside that of `vast`.
    pub other_accounts: Vec<AccountConfig>,
    /// The inference proxy; absent when the operator has none.
    pub inference_proxy: Option<ProxyConfig>,
    pub notify: NotifyConfig,
    pub paths: Paths,
    /// Set only by `pocpit sim`: the world's clock.
    pub simulation: Option<SimulationConfig>,
    pub pools: Pools,
}

/// The pools in the order of their priority; one at least.
#[derive(Debug, Clone)]
pub struct Pools {
    pub first: PoolConfig,
    pub others: Vec<PoolConfig>,
    /// Pools of the file that rent nothing in this run; what they have rented is finished.
    pub idle: Vec<PoolConfig>,
}

impl Pools {
    /// Those that rent.
    pub fn iter(&self) -> impl Iterator<Item = &PoolConfig> {
        std::iter::once(&self.first).chain(&self.others)
    }

    /// Also one that is idle.
    pub fn get(&self, name: &PoolName) -> Option<&PoolConfig> {
        let mut all = self.iter().chain(&self.idle);
        all.find(|pool| pool.name == *name)
    }

    /// Whether it is one of those that rent.
    pub fn has_replica(&self, id: &ReplicaId) -> bool {
        let mut pools = self.iter();
        pools.any(|pool| pool.name == id.pool && id.number <= pool.replicas)
    }

    /// The same with all pools idle but these; `None` if none of them is there.
    pub fn only(&self, names: &[PoolName]) -> Option<Pools> {
        let pools = self.iter().cloned();
        let (chosen, rest): (Vec<_>, Vec<_>) = pools.partition(|pool| names.contains(&pool.name));
        let mut chosen = chosen.into_iter();
        Some(Pools {
            first: chosen.next()?,
            others: chosen.collect(),
            idle: [self.idle.clone(), rest].concat(),
        })
    }

    /// The first replica alone.
    #[must_use]
    pub fn of_one(&self) -> Pools {
        Pools {
            first: PoolConfig {
                replicas: NonZeroU32::MIN,
                min_replicas: NonZeroU32::MIN,
                ..self.first.clone()
            },
            others: Vec::new(),
            idle: [self.idle.clone(), self.others.clone()].concat(),
        }
    }

    /// How many replicas all of them have.
    pub fn replicas(&self) -> u32 {
        self.iter().map(|pool| pool.replicas.get()).sum()
    }
}

/// The only replica of a configuration without pools.
impl Default for Pools {
    fn default() -> Pools {
        Pools {
            first: PoolConfig::new(PoolName::default(), NonZeroU32::MIN),
            others: Vec::new(),
            idle: Vec::new(),
        }
    }
}

/// Replicas that are alike.
#[derive(Debug, Clone)]
pub struct PoolConfig {
    pub name: PoolName,
    pub replicas: NonZeroU32,
    pub network_node: NetworkNodeName,
    pub account: AccountName,
    /// With fewer weights the pool has failed its epoch.
    pub min_replicas: NonZeroU32,
    /// At most so many of them rent from one host.
    pub max_per_host: u32,
    /// At most so many of them have a second machine at the same time.
    pub hedges: u32,
    pub budget: PoolBudget,
    /// `None`: those of the fleet.
    pub settings: Option<Box<PoolSettings>>,
}

/// The settings that a pool may have of its own.
#[derive(Debug, Clone)]
pub struct PoolSettings {
    pub vast: VastConfig,
    pub mlnode: MlNodeConfig,
    pub poc: PocConfig,
    pub budget: BudgetConfig,
}

impl PoolConfig {
    /// Replicas with the settings of the fleet.
    pub fn new(name: PoolName, replicas: NonZeroU32) -> PoolConfig {
        PoolConfig {
            name,
            replicas,
            network_node: NetworkNodeName::default(),
            account: AccountName::default(),
            min_replicas: NonZeroU32::MIN,
            max_per_host: usual_per_host(replicas),
            hedges: replicas.get().div_ceil(5),
            budget: PoolBudget::default(),
            settings: None,
        }
    }

    pub fn replica_ids(&self) -> impl Iterator<Item = ReplicaId> {
        let numbers = (1..=self.replicas.get()).filter_map(NonZeroU32::new);
        numbers.map(|number| self.replica_id(number))
    }

    pub fn replica_id(&self, number: NonZeroU32) -> ReplicaId {
        ReplicaId {
            pool: self.name.clone(),
            number,
        }
    }
}

/// A third of the replicas: two hosts may fail before half a pool does.
fn usual_per_host(replicas: NonZeroU32) -> u32 {
    replicas.get().div_ceil(3)
}

impl Config {
    /// The first one, then the others.
    pub fn network_nodes(&self) -> impl Iterator<Item = &NetworkNodeConfig> {
        std::iter::once(&self.network_node).chain(&self.other_network_nodes)
    }

    /// That of `vast`, then the others.
    pub fn accounts(&self) -> impl Iterator<Item = AccountConfig> {
        let first = AccountConfig {
            name: self.vast.account.clone(),
            api_key: self.vast.api_key.clone(),
            credit_floor: self.budget.credit_floor,
        };
        std::iter::once(first).chain(self.other_accounts.iter().cloned())
    }

    /// What a sentence calls it.
    pub fn network_node_title(&self, name: &NetworkNodeName) -> String {
        match self.other_network_nodes.as_slice() {
            [] => "the Network Node".to_owned(),
            _ => format!("the Network Node {name}"),
        }
    }

    /// As it is for rentals at this Network Node, the first one if there is no such.
    #[must_use]
    pub fn at_network_node(&self, name: &NetworkNodeName) -> Config {
        let mut config = self.clone();
        if let Some(network_node) = self.network_nodes().find(|one| one.name == *name) {
            config.network_node = network_node.clone();
        }
        let proxy = config.inference_proxy.as_ref();
        if proxy.is_some_and(|proxy| *self.network_node_of(proxy) != config.network_node.name) {
            config.inference_proxy = None;
        }
        config
    }

    /// Where the inference proxy is registered.
    pub fn network_node_of<'a>(&'a self, proxy: &'a ProxyConfig) -> &'a NetworkNodeName {
        proxy
            .network_node
            .as_ref()
            .unwrap_or(&self.network_node.name)
    }

    /// As it is for rentals of this account, that of `vast` if there is no such.
    #[must_use]
    pub fn of_account(&self, name: &AccountName) -> Config {
        let mut config = self.clone();
        if let Some(account) = self.accounts().find(|account| account.name == *name) {
            config.vast.account = account.name;
            config.vast.api_key = account.api_key;
            config.budget.credit_floor = account.credit_floor;
        }
        config
    }

    /// As the replicas of a pool see it: with the pool's settings, its Network Node and its account.
    #[must_use]
    pub fn of_pool(&self, pool: &PoolConfig) -> Config {
        let mut config = self.clone();
        if let Some(settings) = pool.settings.as_deref().cloned() {
            config.vast = settings.vast;
            config.mlnode = settings.mlnode;
            config.poc = settings.poc;
            config.budget = settings.budget;
        }
        config.budget.pool = pool.budget;
        let mut config = config
            .at_network_node(&pool.network_node)
            .of_account(&pool.account);
        config.network_node.models = self.models_at(&pool.network_node);
        config
    }

    /// What the pools at a Network Node serve: its participant is penalised for each model that nobody does.
    fn models_at(&self, network_node: &NetworkNodeName) -> BTreeSet<String> {
        let pools = self.pools.iter().chain(&self.pools.idle);
        let here = pools.filter(|pool| pool.network_node == *network_node);
        let models = here.map(|pool| {
            let settings = pool.settings.as_deref();
            let mlnode = settings.map_or(&self.mlnode, |own| &own.mlnode);
            mlnode.model.id.clone()
        });
        models.collect()
    }

    /// The same with ports of the replica's own.
    #[must_use]
    pub fn of_replica(&self, pool: &PoolConfig, slot: Slot) -> Config {
        let mut config = self.of_pool(pool);
        if let Exposure::Tunnel {
            api_listen,
            inference_listen,
            ..
        } = &mut config.network_node.exposure
        {
            for address in [api_listen, inference_listen] {
                address.set_port(address.port().saturating_add(slot.0));
            }
        }
        config
    }
}

/// The default is a blank for the draft, not a working configuration.
#[derive(Debug, Clone, Default)]
pub struct ChainConfig {
    /// Public API addresses (port 9000, or 8000 through the node's proxy), first preferred.
    pub public_api: Vec<Url>,
    /// CometBFT RPC addresses (port 26657 or `/chain-rpc/`), for block times; may be empty.
    pub rpc: Vec<Url>,
    /// The chain's own REST addresses (port 1317 or `/chain-api/`), for upgrades and the odds of
    /// confirmation `PoC`s; may be empty.
    pub rest: Vec<Url>,
    /// How often to read the chain.
    pub poll: Duration,
}

/// The default is a blank for the draft, not a working configuration.
#[derive(Debug, Clone, SmartDefault)]
pub struct VastConfig {
    pub account: AccountName,
    /// The key. Never in a URL, never printed.
    pub api_key: SecretString,
    /// `https://console.vast.ai`.
    #[default(blank_url())]
    pub base_url: Url,
    pub query: OfferQuery,
    pub image: String,
    /// Template by content hash, instead of or beside the image.
    pub template_hash: Option<String>,
    /// Extra lines of the onstart script, run before the workload.
    pub onstart_extra: String,
    pub env: BTreeMap<String, String>,
    /// Timeout of one request (real time).
    pub request_timeout: std::time::Duration,
    /// Attempts of a read before it counts as failed.
    pub read_attempts: u32,
    /// How long a machine that failed is avoided.
    pub blocklist_ttl: Duration,
    /// Maximum rentals per sprint; offers taken by someone else do not count.
    pub max_attempts: u32,
    /// Gigabytes that a start downloads beside the model: image layers.
    pub image_gb: f64,
    pub model_gb: f64,
}

/// A Vast account, with its own credit and its own limits.
#[derive(Debug, Clone)]
pub struct AccountConfig {
    pub name: AccountName,
    pub api_key: SecretString,
    /// Credit that must remain on it after the worst case.
    pub credit_floor: Usd,
}

/// The default is a blank for the draft, not a working configuration.
#[derive(Debug, Clone, Default)]
pub struct SshConfig {
    /// Private key file; its `.pub` lies beside it.
    pub key_file: PathBuf,
    /// Directory of our own known-hosts files, one per rental.
    pub known_hosts_dir: PathBuf,
    /// `root` on Vast.
    pub user: String,
    /// Timeout of a connection attempt (real time).
    pub connect_timeout: std::time::Duration,
    /// Keepalive interval (real time); a connection is dead after four missed ones.
    pub keepalive: std::time::Duration,
}

/// The default is a blank for the draft, not a working configuration.
#[derive(Debug, Clone, Default)]
pub struct MlNodeConfig {
    pub model: WorkloadModel,
    pub api_port: u16,
    pub inference_port: u16,
    /// Path prefix for the API; empty today.
    pub poc_segment: String,
    /// Path prefix for inference; empty today.
    pub inference_segment: String,
    pub max_concurrent: u32,
    /// Longest time from renting to a loaded model.
    pub startup_timeout: Duration,
    /// Command that starts the service in the container; the image's own by default.
    pub command: String,
}

/// vLLM alone; its model is the `MLNode`'s, with the operator's own arguments.
/// The default is a blank for the draft, not a working configuration.
#[derive(Debug, Clone, SmartDefault)]
pub struct VllmConfig {
    pub image: String,
    pub model: WorkloadModel,
    /// Port of its server in the container.
    pub port: u16,
    /// Local address whose requests are forwarded to it.
    #[default(BLANK_ADDRESS)]
    pub listen: SocketAddr,
}

/// Timing and policy of a sprint.
/// The default is a blank for the draft, not a working configuration.
#[derive(Debug, Clone, Default)]
pub struct PocConfig {
    /// How long before `poc_start` to rent: p95 of a boot.
    pub lead: Duration,
    /// Added to the lead, for the unforeseen.
    pub margin: Duration,
    /// A registration must be done this long before `poc_start`.
    pub registration_margin: Duration,
    pub release: ReleasePolicy,
    /// A rental never lives longer than this after `poc_start`, whatever the policy.
    pub execution_timeout: Duration,
    /// Lease on the rental beyond the planned release; it is renewed while the cockpit lives.
    pub lease: Duration,
    /// What to do about a slow boot.
    pub hedge: Hedging,
    /// Whether to rent although a rule that decides the reward could not be read.
    pub unknown_rules: UnknownRules,
}

/// Spending caps. A step whose worst case exceeds one is refused.
/// The default is a blank for the draft, not a working configuration.
#[derive(Debug, Clone, Default)]
pub struct BudgetConfig {
    /// Of everything that is rented at the same time.
    pub per_hour: UsdPerHour,
    pub per_sprint: Usd,
    /// Of all sprints of an epoch.
    pub per_epoch: Option<Usd>,
    /// Of 24 hours, rolling, UTC.
    pub per_day: Usd,
    /// Of 30 days, rolling, UTC.
    pub per_month: Usd,
    /// Credit that must remain on the account after the worst case.
    pub credit_floor: Usd,
    /// A rental whose worst case is above this is approved by typing the sum.
    pub confirm_above: Usd,
    /// Of the replica's pool, within these.
    pub pool: PoolBudget,
}

/// Caps of a pool beside those of the fleet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PoolBudget {
    /// Of its rentals at the same time.
    pub per_hour: Option<UsdPerHour>,
    /// Of its sprints of an epoch.
    pub per_epoch: Option<Usd>,
}

/// The default is a blank for the draft, not a working configuration.
#[derive(Debug, Clone, SmartDefault)]
pub struct NetworkNodeConfig {
    pub name: NetworkNodeName,
    /// Whose node it is on the chain.
    pub participant: Participant,
    /// Models of all pools that register there, in a pool's configuration.
    pub models: BTreeSet<String>,
    /// Admin API (port 9200, private network only).
    #[default(blank_url())]
    pub admin_api: Url,
    /// Timeout of one request (real time).
    pub request_timeout: std::time::Duration,
    /// How the Network Node reaches the rental.
    #[default(Exposure::Direct)]
    pub exposure: Exposure,
    /// Prefix of our node ids; the contract id is added.
    pub node_prefix: String,
    /// Hardware name to register; the GPU's own name when absent.
    pub hardware_name: Option<String>,
}

/// How the Network Node reaches the rental's ports.
#[derive(Debug, Clone)]
pub enum Exposure {
    /// Through an SSH tunnel that ends here: nothing of the rental is reachable from the internet.
    Tunnel {
        /// Address that is registered: this machine as the Network Node sees it.
        host: String,
        api_listen: SocketAddr,
        inference_listen: SocketAddr,
        /// The callback listener of the Network Node as reached from here (`127.0.0.1:9100`).
        callback_target: String,
        /// Has no effect: the rental listens on the port of the callback's URL.
        callback_port: u16,
    },
    /// The rental's public ports are registered. Anyone who finds them can stop the node.
    Direct,
}

impl Exposure {
    /// The `host:port` that rentals reach the callback at through a tunnel.
    pub fn callback_target(&self) -> Option<&str> {
        match self {
            Exposure::Tunnel {
                callback_target, ..
            } => Some(callback_target),
            Exposure::Direct => None,
        }
    }
}

/// Where alerts and outcomes are sent.
#[derive(Debug, Clone, Default)]
pub struct NotifyConfig {
    /// Receives a JSON object by POST.
    pub webhook: Option<Url>,
    /// Sent to the webhook as a bearer token.
    pub webhook_token: Option<SecretString>,
    /// Signs what is sent to the webhook: HMAC-SHA256.
    pub webhook_secret: Option<SecretString>,
    pub telegram: Option<TelegramConfig>,
    pub discord: Option<SecretString>,
    pub ntfy: Option<NtfyConfig>,
    /// A program and its arguments; nothing when empty.
    pub command: Vec<String>,
    /// Requested as long as all is well.
    pub heartbeat: Option<Url>,
    pub heartbeat_interval: Duration,
    /// Where `/metrics` and `/healthz` are served.
    pub metrics_listen: Option<SocketAddr>,
}

/// A Telegram bot and its chat.
#[derive(Debug, Clone)]
pub struct TelegramConfig {
    pub api: Url,
    pub token: SecretString,
    /// Id of the chat, or `@channel`.
    pub chat: String,
}

#[derive(Debug, Clone)]
pub struct NtfyConfig {
    /// Server and topic: `https://ntfy.sh/topic`.
    pub topic: Url,
    /// An access token, for topics that are protected.
    pub token: Option<SecretString>,
}

/// The default is a blank for the draft, not a working configuration.
#[derive(Debug, Clone, Default)]
pub struct Paths {
    /// Journal, lock, known hosts, rental logs.
    pub state_dir: PathBuf,
    pub log_dir: PathBuf,
    /// SSH control sockets; short, because socket paths are.
    pub runtime_dir: PathBuf,
}

/// The simulated world's clock, so that a cockpit can follow a `pocpit sim` at any speed.
/// The default is a blank for the draft, not a working configuration.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct SimulationConfig {
    /// World seconds per second.
    pub speed: f64,
    /// World time at `real_start`.
    pub world_start: Time,
    pub real_start: Time,
}
