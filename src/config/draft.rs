//! The settings while they are read, before it is known whether they are complete.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;

use directories::ProjectDirs;
use secrecy::SecretString;
use smart_default::SmartDefault;
use url::Url;

use super::proxy::ProxyConfig;
use super::settings::{
    BellMode, BudgetConfig, ChainConfig, Config, Exposure, MlNodeConfig, MouseMode,
    NetworkNodeConfig, NotifyConfig, NtfyConfig, Paths, PocConfig, PoolBudget, PoolConfig,
    PoolSettings, Pools, SimulationConfig, SshConfig, TelegramConfig, VastConfig, VllmConfig,
};
use super::value::blank_url;
use crate::domain::{AccountName, CockpitId, Duration, NetworkNodeName, PoolName, UsdPerHour};

/// Every setting as far as it was read. What is wrong or missing has a blank value that is never used,
/// because its problem is reported.
#[derive(Debug, SmartDefault)]
pub(super) struct Draft {
    pub(super) cockpit: Option<CockpitId>,
    pub(super) peers: Vec<CockpitId>,
    pub(super) mouse: MouseMode,
    pub(super) bell: BellMode,
    pub(super) keys: BTreeMap<String, String>,
    pub(super) colors: BTreeMap<String, String>,
    pub(super) chain: ChainConfig,
    pub(super) vast: VastConfig,
    /// What is absent here follows from the model, its image and the GPUs.
    pub(super) given: Given,
    /// An empty `known_hosts_dir` stands for the default.
    pub(super) ssh: SshConfig,
    pub(super) mlnode: MlNodeConfig,
    pub(super) vllm: VllmConfig,
    pub(super) poc: PocConfig,
    pub(super) budget: BudgetConfig,
    pub(super) per_hour: Option<UsdPerHour>,
    /// Its exposure follows from the next two.
    pub(super) network_node: NetworkNodeConfig,
    pub(super) exposure: ExposureKind,
    pub(super) tunnel: TunnelDraft,
    pub(super) proxy: ProxyConfig,
    pub(super) notify: NotifyConfig,
    pub(super) telegram_token: Option<SecretString>,
    pub(super) telegram_chat: Option<String>,
    #[default(blank_url())]
    pub(super) telegram_api: Url,
    pub(super) ntfy_topic: Option<Url>,
    pub(super) ntfy_token: Option<SecretString>,
    /// An empty `log_dir` stands for the default.
    #[default(default_paths())]
    pub(super) paths: Paths,
    pub(super) simulation: SimulationConfig,
    /// Its own keys, in the draft of a pool.
    pub(super) pool: PoolDraft,
}

/// A pool's own keys.
#[derive(Debug, SmartDefault)]
pub(super) struct PoolDraft {
    pub(super) name: Option<PoolName>,
    #[default = 1]
    pub(super) replicas: u32,
    #[default = 1]
    pub(super) min_replicas: u32,
    pub(super) network_node: Option<NetworkNodeName>,
    pub(super) account: Option<AccountName>,
    pub(super) max_per_host: Option<u32>,
    pub(super) hedges: Option<u32>,
    pub(super) budget: PoolBudget,
}

impl PoolDraft {
    /// `None` without a name, which was reported. Without a Network Node of its own it has the first one.
    pub(super) fn finish(
        &self,
        first: &NetworkNodeName,
        settings: Option<PoolSettings>,
    ) -> Option<PoolConfig> {
        let at_least_one = |count| NonZeroU32::new(count).unwrap_or(NonZeroU32::MIN);
        let pool = PoolConfig::new(self.name.clone()?, at_least_one(self.replicas));
        Some(PoolConfig {
            network_node: self.network_node.clone().unwrap_or_else(|| first.clone()),
            account: self.account.clone().unwrap_or_default(),
            min_replicas: at_least_one(self.min_replicas),
            max_per_host: self.max_per_host.unwrap_or(pool.max_per_host),
            hedges: self.hedges.unwrap_or(pool.hedges),
            budget: self.budget,
            settings: settings.map(Box::new),
            ..pool
        })
    }
}

/// Settings that follow from others unless the operator gave them.
#[derive(Debug, Default)]
pub(super) struct Given {
    pub(super) args: Option<Vec<String>>,
    pub(super) revision: Option<String>,
    pub(super) model_gb: Option<f64>,
    pub(super) disk_gb: Option<f64>,
    pub(super) min_total_gpu_memory_mb: Option<u64>,
    pub(super) min_cuda: Option<f64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum ExposureKind {
    #[default]
    Tunnel,
    Direct,
}

#[derive(Debug, Clone, Default)]
pub(super) struct TunnelDraft {
    pub(super) host: String,
    pub(super) api_listen: Option<SocketAddr>,
    pub(super) inference_listen: Option<SocketAddr>,
    pub(super) callback_target: String,
    pub(super) callback_port: u16,
}

impl TunnelDraft {
    fn finish(&self) -> Option<Exposure> {
        Some(Exposure::Tunnel {
            host: self.host.clone(),
            api_listen: self.api_listen?,
            inference_listen: self.inference_listen?,
            callback_target: self.callback_target.clone(),
            callback_port: self.callback_port,
        })
    }
}

impl Draft {
    /// The configuration, with the optional sections that are `given`. `None` if a setting without a blank
    /// value is missing, which was reported.
    pub(super) fn finish(self, given: impl Fn(&str) -> bool) -> Option<Config> {
        let paths = self.paths();
        let vast = self.vast();
        let notify = self.notify();
        let network_node = self.network_node()?;
        let mut ssh = self.ssh;
        if ssh.known_hosts_dir.as_os_str().is_empty() {
            ssh.known_hosts_dir = paths.state_dir.join("known_hosts");
        }
        Some(Config {
            cockpit: self.cockpit?,
            peers: self.peers,
            mouse: self.mouse,
            bell: self.bell,
            keys: self.keys,
            colors: self.colors,
            chain: self.chain,
            ssh,
            mlnode: self.mlnode,
            vllm: self.vllm,
            poc: self.poc,
            budget: BudgetConfig {
                // By default an hour may cost what one rental may: two at once never fit.
                per_hour: self.per_hour.unwrap_or(vast.query.max_price),
                ..self.budget
            },
            vast,
            network_node,
            other_network_nodes: Vec::new(),
            other_accounts: Vec::new(),
            inference_proxy: given("inference_proxy").then_some(self.proxy),
            notify,
            paths,
            simulation: given("simulation").then_some(self.simulation),
            pools: Pools::default(),
        })
    }

    pub(super) fn paths(&self) -> Paths {
        let mut paths = self.paths.clone();
        if paths.log_dir.as_os_str().is_empty() {
            paths.log_dir = paths.state_dir.join("log");
        }
        paths
    }

    pub(super) fn vast(&self) -> VastConfig {
        let mut vast = self.vast.clone();
        // A measured lead is at most twice the setting.
        vast.query.min_duration = self.poc.lead * 2 + self.poc.margin + Duration::minutes(30);
        vast
    }

    /// `None` if an end of the tunnel is missing, which was reported.
    pub(super) fn network_node(&self) -> Option<NetworkNodeConfig> {
        let exposure = match self.exposure {
            ExposureKind::Direct => Exposure::Direct,
            ExposureKind::Tunnel => self.tunnel.finish()?,
        };
        Some(NetworkNodeConfig {
            exposure,
            ..self.network_node.clone()
        })
    }

    pub(super) fn notify(&self) -> NotifyConfig {
        let telegram = self.telegram_token.clone().zip(self.telegram_chat.clone());
        NotifyConfig {
            telegram: telegram.map(|(token, chat)| TelegramConfig {
                api: self.telegram_api.clone(),
                token,
                chat,
            }),
            ntfy: self.ntfy_topic.clone().map(|topic| NtfyConfig {
                topic,
                token: self.ntfy_token.clone(),
            }),
            ..self.notify.clone()
        }
    }
}

/// The XDG directories; no `log_dir`.
fn default_paths() -> Paths {
    let Some(directories) = ProjectDirs::from("", "", "pocpit") else {
        return Paths::default();
    };
    let state_dir = directories.state_dir();
    let state_dir = state_dir.unwrap_or(directories.data_local_dir()).to_owned();
    let runtime_dir = directories.runtime_dir().map(ToOwned::to_owned);
    Paths {
        runtime_dir: runtime_dir.unwrap_or_else(|| state_dir.join("run")),
        log_dir: PathBuf::new(),
        state_dir,
    }
}
