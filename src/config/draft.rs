//! The settings while they are read, before anybody knows whether they are complete.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

use secrecy::SecretString;
use url::Url;

use super::proxy::{
    AccessLog, CallerRules, FieldRules, ProxyConfig, SignatureRule, TransferConfig, UpstreamConfig,
};
use super::settings::{
    BellMode, BudgetConfig, ChainConfig, Config, Exposure, MlNodeConfig, MouseMode,
    NetworkNodeConfig, NotifyConfig, NtfyConfig, Paths, PocConfig, SimulationConfig, SshConfig,
    TelegramConfig, VastConfig, VllmConfig,
};
use crate::domain::{
    CockpitId, Duration, Hardware, NodeId, OfferQuery, UsdPerHour, Verification, WorkloadModel,
};

/// Directories that are used when the configuration names none.
#[derive(Debug, Clone, Default)]
pub(super) struct DefaultPaths {
    pub(super) state_dir: PathBuf,
    pub(super) runtime_dir: PathBuf,
}

/// Every setting as far as it was read. What is wrong or missing holds a blank that nobody uses,
/// because its problem is reported.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) cockpit: Option<CockpitId>,
    pub(super) peers: Vec<CockpitId>,
    pub(super) mouse: MouseMode,
    pub(super) bell: BellMode,
    pub(super) keys: BTreeMap<String, String>,
    pub(super) colors: BTreeMap<String, String>,
    pub(super) chain: ChainConfig,
    pub(super) vast: VastConfig,
    pub(super) image: Option<String>,
    pub(super) ssh: SshConfig,
    pub(super) known_hosts_dir: Option<PathBuf>,
    pub(super) mlnode: MlNodeConfig,
    pub(super) vllm: VllmConfig,
    pub(super) poc: PocConfig,
    pub(super) budget: BudgetConfig,
    pub(super) per_hour: Option<UsdPerHour>,
    /// Its exposure is decided at the end.
    pub(super) network_node: NetworkNodeConfig,
    pub(super) exposure: ExposureKind,
    pub(super) tunnel: TunnelDraft,
    pub(super) proxy: ProxyConfig,
    pub(super) executor: Option<Url>,
    /// Used only with an executor.
    pub(super) transfer: TransferConfig,
    pub(super) notify: NotifyConfig,
    pub(super) telegram_token: Option<SecretString>,
    pub(super) telegram_chat: Option<String>,
    pub(super) telegram_api: Url,
    pub(super) ntfy_topic: Option<Url>,
    pub(super) ntfy_token: Option<SecretString>,
    pub(super) state_dir: PathBuf,
    pub(super) log_dir: Option<PathBuf>,
    pub(super) runtime_dir: PathBuf,
    pub(super) simulation: SimulationConfig,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ExposureKind {
    Tunnel,
    Direct,
}

#[derive(Debug, Clone, Default)]
pub(super) struct TunnelDraft {
    pub(super) host: Option<String>,
    pub(super) api_listen: Option<SocketAddr>,
    pub(super) inference_listen: Option<SocketAddr>,
    pub(super) callback_target: String,
    pub(super) callback_port: u16,
}

impl TunnelDraft {
    pub(super) fn finish(self) -> Option<Exposure> {
        Some(Exposure::Tunnel {
            host: self.host?,
            api_listen: self.api_listen?,
            inference_listen: self.inference_listen?,
            callback_target: self.callback_target,
            callback_port: self.callback_port,
        })
    }
}

/// Sections that the operator may leave out whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sections {
    pub(super) inference_proxy: bool,
    pub(super) simulation: bool,
}

impl Draft {
    /// No setting is read yet.
    pub(super) fn new(defaults: DefaultPaths) -> Draft {
        Draft {
            cockpit: None,
            peers: Vec::new(),
            mouse: MouseMode::default(),
            bell: BellMode::default(),
            keys: BTreeMap::new(),
            colors: BTreeMap::new(),
            chain: blank_chain(),
            vast: blank_vast(),
            image: None,
            ssh: SshConfig::default(),
            known_hosts_dir: None,
            mlnode: blank_mlnode(),
            vllm: VllmConfig {
                image: String::new(),
                port: 0,
                listen: NOWHERE,
            },
            poc: PocConfig::default(),
            budget: BudgetConfig::default(),
            per_hour: None,
            network_node: NetworkNodeConfig {
                admin_api: no_url(),
                request_timeout: std::time::Duration::ZERO,
                exposure: Exposure::Direct,
                node_prefix: String::new(),
                hardware_name: None,
            },
            exposure: ExposureKind::Tunnel,
            tunnel: TunnelDraft::default(),
            proxy: blank_proxy(),
            executor: None,
            transfer: TransferConfig {
                executor: no_url(),
                transfer_address: None,
                requester_address: None,
                signature: SignatureRule::Optional,
            },
            notify: NotifyConfig::default(),
            telegram_token: None,
            telegram_chat: None,
            telegram_api: no_url(),
            ntfy_topic: None,
            ntfy_token: None,
            state_dir: defaults.state_dir,
            log_dir: None,
            runtime_dir: defaults.runtime_dir,
            simulation: SimulationConfig::default(),
        }
    }

    /// The configuration; absent when something without a blank is missing, which was reported.
    pub(super) fn finish(self, given: Sections) -> Option<Config> {
        let paths = self.paths();
        let vast = self.vast();
        let notify = self.notify();
        let mut ssh = self.ssh;
        ssh.known_hosts_dir = self
            .known_hosts_dir
            .unwrap_or_else(|| paths.state_dir.join("known_hosts"));
        let mut budget = self.budget;
        // Without a cap of its own, an hour may cost what one rental may: two at once never fit.
        budget.per_hour = self.per_hour.unwrap_or(vast.query.max_price);
        let mut network_node = self.network_node;
        network_node.exposure = match self.exposure {
            ExposureKind::Direct => Exposure::Direct,
            ExposureKind::Tunnel => self.tunnel.finish()?,
        };
        let mut proxy = self.proxy;
        proxy.transfer = self.executor.map(|executor| TransferConfig {
            executor,
            ..self.transfer
        });
        Some(Config {
            cockpit: self.cockpit?,
            peers: self.peers,
            mouse: self.mouse,
            bell: self.bell,
            keys: self.keys,
            colors: self.colors,
            chain: self.chain,
            vast,
            ssh,
            mlnode: self.mlnode,
            vllm: self.vllm,
            poc: self.poc,
            budget,
            network_node,
            inference_proxy: given.inference_proxy.then_some(proxy),
            notify,
            paths,
            simulation: given.simulation.then_some(self.simulation),
        })
    }

    pub(super) fn paths(&self) -> Paths {
        let log_dir = self.log_dir.clone();
        Paths {
            log_dir: log_dir.unwrap_or_else(|| self.state_dir.join("log")),
            runtime_dir: self.runtime_dir.clone(),
            state_dir: self.state_dir.clone(),
        }
    }

    pub(super) fn vast(&self) -> VastConfig {
        let mut vast = self.vast.clone();
        vast.image = self.image.clone().unwrap_or_default();
        // A measured lead is at most twice the setting.
        vast.query.min_duration = self.poc.lead * 2 + self.poc.margin + Duration::minutes(30);
        vast
    }

    pub(super) fn notify(&self) -> NotifyConfig {
        let telegram = self.telegram_token.clone().zip(self.telegram_chat.clone());
        let ntfy = self.ntfy_topic.clone().map(|topic| NtfyConfig {
            topic,
            token: self.ntfy_token.clone(),
        });
        NotifyConfig {
            telegram: telegram.map(|(token, chat)| TelegramConfig {
                api: self.telegram_api.clone(),
                token,
                chat,
            }),
            ntfy,
            ..self.notify.clone()
        }
    }
}

const NOWHERE: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);

#[expect(clippy::expect_used, reason = "the literal is a valid URL")]
fn no_url() -> Url {
    "http://invalid.invalid/".parse().expect("a valid URL")
}

fn blank_chain() -> ChainConfig {
    ChainConfig {
        public_api: Vec::new(),
        rpc: Vec::new(),
        rest: Vec::new(),
        participant: crate::domain::Participant(String::new()),
        poll: Duration::zero(),
    }
}

fn blank_vast() -> VastConfig {
    VastConfig {
        api_key: SecretString::default(),
        base_url: no_url(),
        query: OfferQuery {
            gpu_names: Vec::new(),
            gpu_count: 0,
            min_gpu_memory_mb: 0,
            min_total_gpu_memory_mb: 0,
            disk_gb: 0.0,
            max_price: UsdPerHour::default(),
            min_reliability: 0.0,
            min_download_mbps: 0.0,
            min_cuda: None,
            min_direct_ports: 0,
            min_duration: Duration::zero(),
            verification: Verification::default(),
            countries: Vec::new(),
        },
        image: String::new(),
        template_hash: None,
        onstart_extra: String::new(),
        env: BTreeMap::new(),
        request_timeout: std::time::Duration::ZERO,
        read_attempts: 0,
        blocklist_ttl: Duration::zero(),
        max_attempts: 0,
        image_gb: 0.0,
        model_gb: 0.0,
    }
}

fn blank_mlnode() -> MlNodeConfig {
    MlNodeConfig {
        model: WorkloadModel {
            id: String::new(),
            revision: None,
            args: Vec::new(),
        },
        api_port: 0,
        inference_port: 0,
        poc_segment: String::new(),
        inference_segment: String::new(),
        max_concurrent: 0,
        startup_timeout: Duration::zero(),
        command: String::new(),
    }
}

fn blank_proxy() -> ProxyConfig {
    ProxyConfig {
        node_id: NodeId(String::new()),
        host: String::new(),
        inference_port: 0,
        poc_port: 0,
        listen: NOWHERE,
        model: String::new(),
        upstream: UpstreamConfig {
            url: no_url(),
            key: SecretString::default(),
            model: String::new(),
        },
        fallbacks: Vec::new(),
        fields: FieldRules::default(),
        callers: CallerRules::default(),
        transfer: None,
        access_log: AccessLog::Requests,
        max_body: 0,
        max_concurrent: 0,
        request_timeout: std::time::Duration::ZERO,
        hardware: Hardware {
            name: String::new(),
            count: 0,
        },
    }
}
