//! `pocpit proxy`: the inference proxy.

use std::future::pending;
use std::time::Duration;

use color_eyre::eyre::{Report, eyre};

use tokio::signal::unix::{SignalKind, signal};

use super::arguments::Common;
use super::telemetry::{self, Audience};
use super::{Exit, runtime, say, told_to_end};
use crate::config::{Config, KeyOf};
use crate::domain::NodeConfig;
use crate::engine::ports::NetworkNode;
use crate::http::HttpClient;
use crate::network_node::NetworkNodeClient;
use crate::proxy::STATE_FILE;

/// How often its registration is looked at (real time).
const LOOK_EVERY: Duration = Duration::from_secs(60);

pub(crate) async fn run(common: &Common) -> Result<Exit, Report> {
    let config = runtime::load_for(common, &[KeyOf::Upstreams])?.config;
    let Some(proxy) = &config.inference_proxy else {
        say(format_args!(
            "pocpit: the configuration has no section [inference_proxy]: see `pocpit config init`"
        ));
        return Ok(Exit::Usage);
    };
    let _guard = telemetry::start(Audience::Terminal, common.log_format, &config.paths.log_dir)?;
    let state_file = config.paths.state_dir.join(STATE_FILE);
    let served = crate::proxy::serve(proxy, &state_file, told_to_end()?, told_again());
    tokio::select! {
        result = served => result.map_err(|error| eyre!("{error}"))?,
        () = stay_registered(&config, proxy.node()) => {}
        () = outlive_terminal() => {}
    }
    Ok(Exit::Done)
}

/// Whoever tells it to end once more does not want to wait for answers under way.
async fn told_again() {
    match told_to_end() {
        Ok(told) => told.await,
        Err(_) => pending().await,
    }
}

/// Somebody asks it round the clock: a terminal that is closed is no end.
async fn outlive_terminal() {
    let Ok(mut closed) = signal(SignalKind::hangup()) else {
        return pending().await;
    };
    while closed.recv().await.is_some() {
        tracing::info!("the terminal was closed; the inference proxy goes on");
    }
}

/// Registers the proxy whenever the Network Node does not know it. It is left registered at the end:
/// most ends are restarts.
async fn stay_registered(config: &Config, node: NodeConfig) {
    let network_node = NetworkNodeClient::new(HttpClient::new(), &config.network_node);
    let mut told = None;
    loop {
        let found = register_if_missing(&network_node, &node).await;
        let news = match &found {
            Ok(Found::There) => format!("{} is registered with the Network Node", node.id),
            Ok(Found::Missing) => format!("{} was registered with the Network Node", node.id),
            Err(error) => format!("whether {} is registered is not known: {error}", node.id),
        };
        if told.as_ref() != Some(&news) {
            if found.is_ok() {
                tracing::info!("{news}");
            } else {
                tracing::warn!("{news}");
            }
            told = Some(news);
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

enum Found {
    There,
    Missing,
}

async fn register_if_missing(
    network_node: &dyn NetworkNode,
    node: &NodeConfig,
) -> Result<Found, crate::domain::CallError> {
    let nodes = network_node.nodes().await?;
    if nodes.iter().any(|known| known.config.id == node.id) {
        return Ok(Found::There);
    }
    network_node.register(node).await?;
    Ok(Found::Missing)
}
