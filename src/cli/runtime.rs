//! Wiring: clients for the configured world, journal, engine.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use color_eyre::eyre::Report;
use rand::RngExt;

use super::arguments::Common;
use super::{Exit, logging, status_line, stop};
use crate::chain::client::ChainClient;
use crate::config::{
    self, Config, Credential, LoadError, Loaded, NoticeConfig, NotifyConfig, Paths, ReleaseConfig,
    SimulationConfig, VastConfig,
};
use crate::descriptors::OwnDescriptors;
use crate::domain::{AccountName, Aim, Instance, Mode, Time};
use crate::engine::{
    self, EndAfter, EngineError, EngineHandle, EngineOptions, LogStore, Ports, PublishInterval,
    ScaledClock, SystemClock, WorldKind, attach,
};
use crate::http::HttpClient;
use crate::journal::{Journal, JournalError, Record, WriteOutcome};
use crate::mlnode::client::MlNodeFactory;
use crate::network_node::NetworkNodeClient;
use crate::notify::Notifier;
use crate::ports::{Clock, Market, NetworkNode};
use crate::proxy::ProxyClient;
use crate::ssh::OpenSshRemote;
use crate::vast::{RateLimit, RateLimiter, VastClient};

/// Reads the configuration and prints its warnings. The upstreams' keys are not needed: the inference
/// proxy is another process, often another service with its own credentials.
pub(crate) fn load(common: &Common) -> Result<Loaded, LoadError> {
    load_for(common, &[Credential::Market])
}

/// The same for a command that needs these credentials.
pub(crate) fn load_for(common: &Common, needed: &[Credential]) -> Result<Loaded, LoadError> {
    let loaded = config::load_for(common.config.as_deref(), &environment(), needed)?;
    warn_of(&loaded.warnings);
    Ok(loaded)
}

/// The configuration of a command that logs only warnings, to standard error.
pub(crate) fn load_quietly(common: &Common) -> Result<Config, LoadError> {
    logging::start_quiet();
    Ok(load(common)?.config)
}

/// Reads what releasing rentals needs, whatever else is wrong with the configuration.
pub(crate) fn load_for_release(common: &Common) -> ReleaseConfig {
    let config = config::load_for_release(common.config.as_deref(), &environment());
    warn_of(&config.warnings);
    config
}

/// Reads what sending a notice needs, whatever else is wrong with the configuration.
pub(crate) fn load_for_notice(common: &Common) -> Result<NoticeConfig, LoadError> {
    let config = config::load_for_notice(common.config.as_deref(), &environment())?;
    warn_of(&config.warnings);
    if let Some(error) = &config.error {
        status_line(format_args!("warning: using only [notify]: {error}"));
    }
    Ok(config)
}

fn environment() -> Vec<(String, String)> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect()
}

fn warn_of(warnings: &[String]) {
    for warning in warnings {
        status_line(format_args!("warning: {warning}"));
    }
}

/// Real or simulated time.
pub(crate) fn clock(simulation: Option<SimulationConfig>) -> Arc<dyn Clock> {
    match simulation {
        None => Arc::new(SystemClock),
        Some(world) => Arc::new(ScaledClock::new(
            world.speed,
            world.world_start,
            world.real_start,
        )),
    }
}

/// Real services or a simulated world.
pub(crate) fn world_kind(config: &Config) -> WorldKind {
    match config.simulation {
        None => WorldKind::Real,
        Some(world) => WorldKind::Simulated { speed: world.speed },
    }
}

pub(crate) const TWO_COCKPITS: &str =
    "Stop one of the two, or name it in cockpit.peers if both are meant";

/// Another cockpit on the account: two of them can spend twice each budget.
pub(crate) fn another_cockpit(instances: &[Instance], config: &Config) -> Option<String> {
    let (instance, label) = engine::foreign(instances, config).next()?;
    Some(format!(
        "cockpit {} uses this Vast account too: rental {} belongs to it",
        label.cockpit, instance.id
    ))
}

/// The market's client. All clients of the process share their account's rate limit, which the simulated
/// market scales with its speed.
pub(crate) fn market(
    http: &HttpClient,
    vast: &VastConfig,
    simulation: Option<SimulationConfig>,
) -> VastClient {
    type Account = (String, AccountName);
    static LIMITERS: Mutex<BTreeMap<Account, Arc<RateLimiter>>> = Mutex::new(BTreeMap::new());
    let limit = match simulation {
        None => RateLimit::Documented,
        Some(world) => RateLimit::Scaled(world.speed),
    };
    let mut limiters = LIMITERS.lock().unwrap_or_else(PoisonError::into_inner);
    let limiter = limiters.entry((vast.base_url.to_string(), vast.account.clone()));
    let limiter = limiter.or_insert_with(|| RateLimiter::new(limit)).clone();
    VastClient::new(http.clone(), vast).with_limiter(limiter)
}

/// Clients for the configured world.
pub(crate) struct Clients {
    http: HttpClient,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) chain: ChainClient,
    pub(crate) market: VastClient,
    pub(crate) network_node: NetworkNodeClient,
}

impl Clients {
    pub(crate) fn new(config: &Config) -> Clients {
        let http = HttpClient::new();
        Clients {
            clock: clock(config.simulation),
            chain: ChainClient::new(http.clone(), &config.chain),
            market: market(&http, &config.vast, config.simulation),
            network_node: NetworkNodeClient::new(http.clone(), &config.network_node)
                .with_public_api(&config.chain.public_api),
            http,
        }
    }
}

/// Records a decision of the operator. It costs no money, so the spool will do.
pub(crate) fn record(journal: &mut Journal, at: Time, record: &Record) -> Result<(), JournalError> {
    if let WriteOutcome::Spooled(error) = journal.append(at, record)? {
        status_line(format_args!("warning: recorded in the spool only: {error}"));
    }
    Ok(())
}

pub(crate) fn rental_logs(config: &Config) -> LogStore {
    LogStore::in_directory(config.paths.state_dir.join("rental_logs"))
}

pub(crate) fn outbox(paths: &Paths) -> PathBuf {
    paths.state_dir.join("outbox.json")
}

/// Undelivered notices survive restarts. It starts to deliver immediately, so there is one per engine.
fn notifier(config: &Config) -> Notifier {
    let outbox = outbox(&config.paths);
    Notifier::new(HttpClient::new(), &config.notify, Some(outbox))
}

/// Checks that an engine could start with this configuration.
pub(crate) fn try_ports(config: &Config) -> Result<(), Report> {
    let without_channels = Notifier::new(HttpClient::new(), &NotifyConfig::default(), None);
    ports(config, without_channels).map(drop)
}

fn ports(config: &Config, notifier: Notifier) -> Result<Ports, Report> {
    let clients = Clients::new(config);
    let inference_proxy = config.inference_proxy.as_ref().map(|proxy| {
        let client = ProxyClient::new(clients.http.clone(), proxy);
        Arc::new(client) as Arc<_>
    });
    let others = config.other_accounts.iter().map(|account| {
        let market = Clients::new(&config.of_account(&account.name)).market;
        (account.name.clone(), Arc::new(market) as Arc<dyn Market>)
    });
    let other_markets = others.collect();
    let others = config.other_network_nodes.iter().map(|other| {
        let network_node = Clients::new(&config.at_network_node(&other.name)).network_node;
        (
            other.name.clone(),
            Arc::new(network_node) as Arc<dyn NetworkNode>,
        )
    });
    Ok(Ports {
        clock: clients.clock,
        chain: Arc::new(clients.chain),
        market: Arc::new(clients.market),
        other_markets,
        network_node: Arc::new(clients.network_node),
        other_network_nodes: others.collect(),
        inference_proxy,
        mlnodes: MlNodeFactory::new(clients.http),
        remote: Arc::new(OpenSshRemote::new(&config.ssh, &config.paths.runtime_dir)?),
        rental_logs: rental_logs(config),
        descriptors: Arc::new(OwnDescriptors),
        notifier: Arc::new(notifier),
        alerts_file: Some(config.paths.state_dir.join("told.json")),
    })
}

/// Opens the journal and starts the engine.
pub fn start_engine(
    config: &Config,
    mode: Mode,
    end_after: EndAfter,
) -> Result<EngineHandle, Report> {
    start_for(config, Aim::Proof, mode, end_after)
}

/// Opens the journal and starts an engine for one sprint that begins now.
pub(crate) fn start_on_demand(config: &Config, aim: Aim) -> Result<EngineHandle, Report> {
    start_for(config, aim, Mode::Auto, EndAfter::OneSprint)
}

fn start_for(
    config: &Config,
    aim: Aim,
    mode: Mode,
    end_after: EndAfter,
) -> Result<EngineHandle, Report> {
    // The journal first: it refuses a second writer before anything else happens.
    let (journal, ledger) = Journal::open(&config.paths.state_dir)?;
    let options = EngineOptions {
        aim,
        mode,
        end_after,
        world: world_kind(config),
        nonce: rand::rng().random(),
        publish_interval: PublishInterval::default(),
    };
    if let Some(unknown) = engine::unknown_places(&ledger, config) {
        return Err(stop(Exit::Usage, unknown));
    }
    let ports = ports(config, notifier(config))?;
    let handle = engine::start(ports, config.clone(), journal, ledger, options);
    super::monitor::serve(config.notify.metrics_listen, handle.snapshots.clone());
    Ok(with_viewers(handle, &config.paths))
}

/// Serves viewers. If that fails, the engine still runs.
fn with_viewers(handle: EngineHandle, paths: &Paths) -> EngineHandle {
    let viewers = match attach::serve(paths, handle.snapshots.clone(), handle.commands.clone()) {
        Ok(viewers) => viewers,
        Err(error) => {
            tracing::warn!("a second pocpit cannot attach: {error}");
            return handle;
        }
    };
    // The process must not exit before viewers have received the last snapshot.
    let ended = tokio::spawn(async move {
        let ended = handle.ended.await;
        let _ = viewers.await;
        ended.unwrap_or_else(|error| Err(EngineError::Broken(error.into())))
    });
    EngineHandle { ended, ..handle }
}
