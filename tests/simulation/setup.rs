//! The real clients on a stage, and the operator's configuration.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use pocpit::chain::client::ChainClient;
use pocpit::cli;
use pocpit::config::{self, Config};
use pocpit::engine::{LogStore, Ports};
use pocpit::http::HttpClient;
use pocpit::mlnode::client::MlNodeFactory;
use pocpit::network_node::NetworkNodeClient;
use pocpit::notify::Notifier;
use pocpit::ports::{Market, NetworkNode};
use pocpit::vast::VastClient;
use pocpit::world::{
    API_KEY, AccountId, HostId, IMAGE, MODEL, PARTICIPANT, PROXY_NODE, SECOND_MODEL,
};

use crate::judge::Caps;
use crate::played::{Stage, StageClock, StageDescriptors, StageRemote};
use crate::wire::Wire;

/// The real clients against the stage.
pub fn ports(stage: &Arc<Stage>, config: &Config) -> Ports {
    let http = HttpClient::over(Arc::new(Wire {
        stage: stage.clone(),
        mangle: None,
    }));
    let others = config.other_accounts.iter().map(|account| {
        let vast = config.of_account(&account.name).vast;
        let market: Arc<dyn Market> = Arc::new(VastClient::new(http.clone(), &vast));
        (account.name.clone(), market)
    });
    let other_markets = others.collect();
    let others = config.other_network_nodes.iter().map(|other| {
        let client = NetworkNodeClient::new(http.clone(), other);
        let network_node: Arc<dyn NetworkNode> = Arc::new(client);
        (other.name.clone(), network_node)
    });
    Ports {
        other_markets,
        other_network_nodes: others.collect(),
        clock: Arc::new(StageClock(stage.clone())),
        chain: Arc::new(ChainClient::new(http.clone(), &config.chain)),
        market: Arc::new(VastClient::new(http.clone(), &config.vast)),
        network_node: Arc::new(NetworkNodeClient::new(http.clone(), &config.network_node)),
        // A process of its own, and no part of a sprint.
        inference_proxy: None,
        mlnodes: MlNodeFactory::new(http.clone()),
        remote: Arc::new(StageRemote(stage.clone())),
        rental_logs: LogStore::disabled(),
        descriptors: Arc::new(StageDescriptors(stage.clone())),
        alerts_file: None,
        notifier: Arc::new(Notifier::new(
            http,
            &config.notify,
            Some(config.paths.state_dir.join("outbox.json")),
        )),
    }
}

/// The only Network Node.
const NETWORK_NODE: &str = "[network_node]
admin_api = \"http://admin.sim\"
host = \"127.0.0.1\"
api_listen = \"127.0.0.1:18080\"
inference_listen = \"127.0.0.1:15000\"
";

pub fn configuration(state: &Path, caps: Caps) -> Config {
    configuration_with(state, caps, NETWORK_NODE)
}

/// Two Network Nodes with their participants, two accounts, and pools that take turns with them. Every second
/// pool has the second model.
pub fn spread_configuration(directory: &Path, caps: Caps, stage: &Stage, pools: &[u32]) -> Config {
    let (hosts, accounts): (Vec<HostId>, Vec<AccountId>) = {
        let world = stage.world();
        (world.hosts().collect(), world.accounts().collect())
    };
    let nodes = hosts.iter().zip(0..).map(|(host, index)| {
        let (name, admin) = (host.service("north"), host.service("admin"));
        let (participant, callback) = (host.participant(), 9_100 + index);
        let [api, inference] = [18_000, 15_000].map(|first| first + 500 * index);
        format!(
            "[[network_node]]\nname = {name:?}\nparticipant = {participant:?}\nadmin_api = \"http://{admin}.sim\"\nhost = \"127.0.0.1\"\napi_listen = \"127.0.0.1:{api}\"\ninference_listen = \"127.0.0.1:{inference}\"\ncallback_target = \"127.0.0.1:{callback}\"\n"
        )
    });
    let further = accounts.iter().skip(1).map(|account| {
        let (name, key) = (account.name(), account.api_key());
        format!("[[account]]\nname = {name:?}\napi_key = {key:?}\n")
    });
    let pools = pools.iter().enumerate().map(|(index, replicas)| {
        let host = hosts[index % hosts.len()].service("north");
        // The third pool is the first one that another account pays for at the same host.
        let account = accounts[(index + index / 2) % accounts.len()].name();
        let model = match index % 2 {
            0 => String::new(),
            _ => format!("[pool.mlnode]\nmodel = {SECOND_MODEL:?}\n"),
        };
        format!(
            "[[pool]]\nname = \"pool-{index}\"\nreplicas = {replicas}\nnetwork_node = {host:?}\naccount = {account:?}\n{model}"
        )
    });
    let tables: String = nodes.chain(further).chain(pools).collect();
    configuration_with(directory, caps, &tables)
}

fn configuration_with(state: &Path, caps: Caps, tables: &str) -> Config {
    let text = |value: &str| format!("{value:?}");
    let values: BTreeMap<&str, String> = [
        ("cockpit.id", text("demo")),
        ("chain.public_api", "[\"http://api.sim\"]".into()),
        ("chain.rest", "[\"http://api.sim\"]".into()),
        ("chain.rpc", "[\"http://rpc.sim\"]".into()),
        ("chain.participant", text(PARTICIPANT)),
        ("chain.poll", text("45s")),
        ("vast.api_key", text(API_KEY)),
        ("vast.base_url", text("https://vast.sim")),
        ("vast.image", text(IMAGE)),
        ("ssh.key_file", text("/nonexistent")),
        ("mlnode.model", text(MODEL)),
        ("budget.per_sprint", caps.sprint.to_string()),
        ("budget.per_day", caps.day.to_string()),
        ("budget.per_month", caps.month().to_string()),
        ("inference_proxy.node_id", text(PROXY_NODE)),
        ("inference_proxy.host", text("10.0.0.2")),
        ("inference_proxy.inference_port", "5050".into()),
        ("inference_proxy.poc_port", "8080".into()),
        ("inference_proxy.listen", text("127.0.0.1:5050")),
        ("inference_proxy.model", text(MODEL)),
        ("inference_proxy.upstream", text("http://up.sim")),
        ("inference_proxy.upstream_key", text("none")),
        ("inference_proxy.upstream_model", text(MODEL)),
        ("paths.state_dir", text(&state.display().to_string())),
    ]
    .into();
    let text = format!("{}\n{tables}", config::only(&values));
    cli::parse_configuration(&text).unwrap()
}
