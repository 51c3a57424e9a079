//! The simulated world with a matching configuration, shared by `demo` and `sim`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::ops::Range;
use std::path::Path;

use color_eyre::eyre::{Report, WrapErr, eyre};
use rand::RngExt;
use tempfile::TempDir;

use super::arguments::SimulatedWorld;
use crate::config::{self, BaseDirs, Config};
use crate::domain::{GpuFamily, known_model};
use crate::ssh::generate_key;
use crate::world::{
    API_KEY, AccountId, HostId, IMAGE, MODEL, PARTICIPANT, PROXY_NODE, Scenario, ServedWorld,
    UPSTREAM_KEY, WorldOptions, serve,
};

/// Removed when it is dropped. Its path is short, because SSH sockets live in it.
pub(crate) fn scratch_dir() -> Result<TempDir, Report> {
    let scratch = tempfile::Builder::new().prefix("pocpit-").tempdir();
    scratch.wrap_err("cannot create a directory for the simulated world")
}

/// Starts a world with money and machines for so many replicas.
pub(crate) async fn start(world: &SimulatedWorld, replicas: u32) -> Result<ServedWorld, Report> {
    let scenario = Scenario::named(&world.scenario)
        .ok_or_else(|| eyre!("unknown scenario {:?}", world.scenario))?;
    let served = serve(WorldOptions {
        seed: world.seed,
        scenario: scenario.for_replicas(replicas),
        speed: world.speed,
        ports: None,
    });
    served
        .await
        .wrap_err("cannot listen on the loopback address for the simulated world")
}

/// A configuration for the world, as TOML. Creates the SSH key; every file is in `directory`.
pub async fn configuration(world: &ServedWorld, directory: &Path) -> Result<String, Report> {
    configuration_of(world, directory, 1).await
}

/// The same with ports and money for so many replicas.
pub(crate) async fn configuration_of(
    world: &ServedWorld,
    directory: &Path,
    replicas: u32,
) -> Result<String, Report> {
    let key = directory.join("id_ed25519");
    generate_key(&key).await?;
    let pools = pools(world, replicas);
    let replicas: u32 = pools.iter().map(|pool| pool.replicas).sum();
    let ends = u16::try_from(replicas)?;
    let first = free_range(2 * ends + 3)?;
    let at = |offset: u16| SocketAddr::from((Ipv4Addr::LOCALHOST, first + offset));
    let [proxy, proxy_poc, vllm] = [0, 1, 2].map(|offset| at(2 * ends + offset));
    let path = |path: &Path| text(&path.display().to_string());
    let dollars = |each: f64| format!("{:?}", each * f64::from(replicas));
    let clock = world.clock();
    let time = |time: crate::domain::Time| text(&time.to_rfc3339());
    let mut values: BTreeMap<&str, String> = [
        ("cockpit.id", text("demo")),
        ("chain.public_api", urls(&world.public_api_url())),
        ("chain.rpc", urls(&world.rpc_url())),
        ("chain.rest", urls(&world.public_api_url())),
        ("chain.participant", text(PARTICIPANT)),
        ("vast.api_key", text(API_KEY)),
        ("vast.base_url", text(world.vast_url().as_str())),
        ("vast.image", text(IMAGE)),
        ("vast.gpu_names", texts(&market_names(&GPUS))),
        ("vast.gpu_count", "[4, 8]".to_owned()),
        ("vast.max_price", format!("{MAX_PRICE:?}")),
        ("vast.min_reliability", "0.9".to_owned()),
        ("vast.min_download_mbps", "300.0".to_owned()),
        ("vast.verification", text("any")),
        ("ssh.key_file", path(&key)),
        ("mlnode.model", text(MODEL)),
        ("mlnode.args", texts(official_args(MODEL))),
        ("budget.per_sprint", "40.0".to_owned()),
        ("budget.per_day", dollars(60.0)),
        ("budget.per_month", dollars(900.0)),
        ("vllm.listen", text(&vllm.to_string())),
        ("inference_proxy.node_id", text(PROXY_NODE)),
        ("inference_proxy.host", text("127.0.0.1")),
        ("inference_proxy.inference_port", proxy.port().to_string()),
        ("inference_proxy.poc_port", proxy_poc.port().to_string()),
        ("inference_proxy.listen", text(&proxy.to_string())),
        ("inference_proxy.model", text(MODEL)),
        (
            "inference_proxy.upstream",
            text(world.upstream_url().as_str()),
        ),
        ("inference_proxy.upstream_key", text(UPSTREAM_KEY)),
        ("inference_proxy.upstream_model", text(MODEL)),
        (
            "inference_proxy.upstream_features",
            "[\"token_ids\", \"enforced_tokens\"]".to_owned(),
        ),
        ("paths.state_dir", path(&directory.join("state"))),
        ("paths.runtime_dir", path(&directory.join("run"))),
        ("simulation.speed", format!("{:?}", clock.speed)),
        ("simulation.world_start", time(clock.world_start)),
        ("simulation.real_start", time(clock.real_start)),
    ]
    .into();
    if replicas > 1 {
        values.insert("budget.per_hour", dollars(MAX_PRICE));
    }
    let mut next = 0;
    let mut nodes: Vec<(HostId, String)> = Vec::new();
    for host in world.hosts() {
        let here = pools.iter().filter(|pool| pool.host == host);
        let own = u16::try_from(here.map(|pool| pool.replicas).sum::<u32>())?;
        nodes.push((host, network_node(world, host, at(next), at(next + own))));
        next += 2 * own;
    }
    let mut tables = String::new();
    match nodes.as_slice() {
        [(_, only)] => {
            let _ = write!(tables, "\n[network_node]\n{only}");
        }
        several => {
            for (host, settings) in several {
                let (name, participant) = (text(&place(*host)), text(&host.participant()));
                let _ = write!(
                    tables,
                    "\n[[network_node]]\nname = {name}\nparticipant = {participant}\n{settings}"
                );
            }
        }
    }
    for account in world
        .accounts()
        .filter(|account| *account != AccountId::FIRST)
    {
        let (name, key) = (text(&account.name()), text(&account.api_key()));
        let _ = write!(tables, "\n[[account]]\nname = {name}\napi_key = {key}\n");
    }
    if replicas > 1 {
        tables.extend(pools.iter().map(|pool| pool.table(nodes.len())));
    }
    Ok(config::only(&values) + &tables)
}

fn text(value: &str) -> String {
    toml::Value::from(value).to_string()
}

fn texts(values: &[&'static str]) -> String {
    toml::Value::from(values.to_vec()).to_string()
}

fn urls(url: &url::Url) -> String {
    format!("[{}]", text(url.as_str()))
}

/// The settings of a host's Network Node, with the first ports of its tunnels.
fn network_node(
    world: &ServedWorld,
    host: HostId,
    api: SocketAddr,
    inference: SocketAddr,
) -> String {
    let settings = [
        ("admin_api", world.admin_url_of(host).to_string()),
        ("host", "127.0.0.1".to_owned()),
        ("api_listen", api.to_string()),
        ("inference_listen", inference.to_string()),
        ("callback_target", world.callback_addr_of(host).to_string()),
    ];
    let lines = settings.map(|(name, value)| format!("{name} = {}\n", text(&value)));
    lines.concat()
}

/// What a host's Network Node is called.
fn place(host: HostId) -> String {
    host.service("north")
}

/// A pool of the simulated fleet.
struct SimulatedPool {
    name: String,
    replicas: u32,
    model: String,
    host: HostId,
    account: AccountId,
}

/// A pool for each model of the world. They share hosts, accounts and the replicas, at least one each.
fn pools(world: &ServedWorld, replicas: u32) -> Vec<SimulatedPool> {
    let (hosts, accounts): (Vec<_>, Vec<_>) = (world.hosts().collect(), world.accounts().collect());
    let models = world.models();
    let number = u32::try_from(models.len()).unwrap_or(u32::MAX).max(1);
    let pools = models.into_iter().zip(0_u32..).map(|(model, index)| {
        let more = u32::from(index < replicas % number);
        let nth = index as usize;
        SimulatedPool {
            name: short_name(&model),
            replicas: (replicas / number + more).max(1),
            model,
            host: hosts.get(nth).copied().unwrap_or(HostId::FIRST),
            account: accounts.get(nth).copied().unwrap_or(AccountId::FIRST),
        }
    });
    pools.collect()
}

/// `minimax` of `MiniMaxAI/MiniMax-M2.7`.
fn short_name(model: &str) -> String {
    let name = model.rsplit('/').next().unwrap_or(model);
    let name = name.split('-').next().unwrap_or(name);
    name.to_lowercase()
}

impl SimulatedPool {
    /// Where there are several Network Nodes it names its own.
    fn table(&self, network_nodes: usize) -> String {
        let (name, replicas) = (text(&self.name), self.replicas);
        let mut table = format!("\n[[pool]]\nname = {name}\nreplicas = {replicas}\n");
        if network_nodes > 1 {
            let (network_node, account) = (text(&place(self.host)), text(&self.account.name()));
            let _ = write!(
                table,
                "network_node = {network_node}\naccount = {account}\n"
            );
        }
        if self.model != MODEL {
            let (model, args) = (text(&self.model), texts(official_args(&self.model)));
            let _ = write!(table, "[pool.mlnode]\nmodel = {model}\nargs = {args}\n");
        }
        table
    }
}

/// Of one rental, in dollars an hour.
const MAX_PRICE: f64 = 40.0;

/// Wide enough for hundreds of offers: everything that the arguments of [`official_args`] run on.
const GPUS: [GpuFamily; 3] = [GpuFamily::H100, GpuFamily::H200, GpuFamily::B200];

fn market_names(families: &[GpuFamily]) -> Vec<&'static str> {
    let names = families.iter().map(|family| family.market_names());
    names.flatten().copied().collect()
}

/// The official arguments for H100s. Of several families none follow by themselves.
fn official_args(model: &str) -> &'static [&'static str] {
    let profile = known_model(model).and_then(|model| model.profile(GpuFamily::H100));
    profile.map_or(&[], |profile| profile.args)
}

/// Parses such a configuration like any other.
pub fn parse_configuration(text: &str) -> Result<Config, Report> {
    let origin = "the simulated world's configuration";
    let loaded = config::parse(text, &[], origin, &BaseDirs::default())?;
    Ok(loaded.config)
}

/// Ports for listeners, below Linux's ephemeral ports (`ip_local_port_range`): an outgoing connection could
/// take a free port there before its listener does.
const LISTENERS: Range<u16> = 10_000..32_000;

/// The first of so many free ports, one after the other.
fn free_range(length: u16) -> Result<u16, Report> {
    let mut random = rand::rng();
    let last = LISTENERS.end - length;
    let mut starts = (0..5_000).map(|_| random.random_range(LISTENERS.start..last));
    let is_free = |port: u16| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok();
    let free = starts.find(|start| (*start..start + length).all(is_free));
    free.ok_or_else(|| eyre!("no {length} free ports in a row on 127.0.0.1"))
}
