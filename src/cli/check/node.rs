//! The Network Node and the inference proxy.

use super::fleet::merged;
use super::probe::{Checked, Probe, Subject, unknown, unmet};
use crate::cli::places::Places;
use crate::config::{Config, Credential, Loaded, ProxyConfig};
use crate::domain::format::count;
use crate::domain::{ApiRelease, CallError, NodeId, PoolName, RegisteredNode, Time};
use crate::engine::preflight;
use crate::http::HttpClient;
use crate::mlnode::arguments::{self, Merged};
use crate::network_node::{RegistrationState, registration_state};
use crate::ports::{Chain, InferenceProxy, NetworkNode as _};
use crate::proxy::ProxyClient;

/// The checks that the engine makes before it rents, and those of the proxy.
pub(super) async fn sprint_needs(
    chain: &dyn Chain,
    places: &Places,
    now: Time,
    loaded: &Loaded,
    pools: &[(&PoolName, Config)],
    leaving: &[NodeId],
) -> Vec<Probe> {
    let mut of_pools = Vec::new();
    for (pool, config) in pools {
        let Some(api) = places.network_nodes.get(&config.network_node.name) else {
            continue;
        };
        let examined = preflight::run_preflight(chain, api, now, config, leaving).await;
        of_pools.push((*pool, config, examined));
    }
    let findings = of_pools.iter().map(|(pool, _, examined)| {
        let findings = examined.preflight.findings.iter().cloned();
        (*pool, findings.map(Probe::from).collect())
    });
    let mut probes = merged(&findings.collect::<Vec<_>>());
    for (name, api) in &places.network_nodes {
        let release = api_release(&api.release().await);
        probes.push(Probe {
            network_node: (places.network_nodes.len() > 1).then(|| name.clone()),
            ..Probe::new(Subject::ApiRelease, Ok(release))
        });
    }
    let arguments = of_pools.iter().map(|(pool, config, examined)| {
        let catalogue = examined.catalogue.as_ref().ok();
        let merged = catalogue.map(|known| arguments::of_model(known, &config.mlnode.model));
        let probe = merged.map(|merged| Probe::new(Subject::Arguments, arguments_of(&merged)));
        (*pool, Vec::from_iter(probe))
    });
    probes.extend(merged(&arguments.collect::<Vec<_>>()));
    if let Some(settings) = &loaded.config.inference_proxy
        && let Some(api) = places
            .network_nodes
            .get(loaded.config.network_node_of(settings))
    {
        let client = ProxyClient::new(HttpClient::new(), settings);
        let registered = registered_proxy(settings, &api.nodes().await);
        let running = running_proxy(&client).await;
        let keys = upstream_keys(loaded, running.is_ok());
        probes.extend([
            Probe::new(Subject::Proxy, registered),
            Probe::new(Subject::UpstreamKeys, keys),
            Probe::new(Subject::ProxyProcess, running),
        ]);
    }
    probes
}

/// The release of the Network Node's API service, and what it means for removals. An unknown release blocks
/// nothing.
pub(super) fn api_release(read: &Result<Option<ApiRelease>, CallError>) -> String {
    let careful = "our nodes are not removed near a PoC of other nodes";
    match read {
        Ok(Some(release)) if release.removes_at_once() => {
            format!("{release}: a removal holds up no other node")
        }
        Ok(Some(release)) => format!("{release}: {careful}"),
        Ok(None) => format!(
            "unknown: no address in chain.public_api is on the host of network_node.admin_api; {careful}"
        ),
        Err(error) => format!("unknown: {error}; {careful}"),
    }
}

/// How governance changes the node's own arguments.
pub(super) fn arguments_of(merged: &Merged) -> Checked {
    if !merged.dropped.is_empty() {
        return Err(unmet(
            format!(
                "the Network Node ignores these items of mlnode.args: {}",
                merged.dropped.join(" ")
            ),
            "correct mlnode.args: full names with two dashes, each value as a separate item",
        ));
    }
    let overridden: Vec<String> = merged.overridden.iter().map(ToString::to_string).collect();
    if overridden.is_empty() {
        return Ok("governance overrides none of mlnode.args".to_owned());
    }
    Ok(format!("governance overrides {}", overridden.join(", ")))
}

/// Whether the upstream keys can be read. The proxy's process may have credentials that this one lacks; if
/// it runs, it has them.
fn upstream_keys(loaded: &Loaded, proxy_runs: bool) -> Checked {
    let unread: Vec<String> = loaded
        .credential_problems(Credential::Upstreams)
        .map(|problem| format!("{}: {}", problem.key, problem.what))
        .collect();
    if unread.is_empty() {
        return Ok("can be read".to_owned());
    }
    if proxy_runs {
        return Ok("the running proxy has them; this process needs none".to_owned());
    }
    Err(unmet(
        unread.join("; "),
        "put it where the setting says; a key that only pocpit-proxy.service can read is fine once that runs",
    ))
}

/// Whether the proxy's process answers and has a healthy upstream.
pub(super) async fn running_proxy(proxy: &dyn InferenceProxy) -> Checked {
    let address = proxy.address();
    let figures = proxy.figures().await.map_err(|error| {
        unmet(
            format!("{address}: {}", error.last_cause()),
            "start it (systemctl start pocpit-proxy, or `pocpit proxy`), or give inference_proxy.listen a free port",
        )
    })?;
    if figures.has_no_usable_upstream() {
        return Err(unmet(
            format!("runs at {address}, but every upstream failed recently"),
            "check its log, inference_proxy.upstream, its key and its credit",
        ));
    }
    let requests = figures.requests();
    Ok(format!(
        "answers at {address}; {} so far",
        count(requests, "request")
    ))
}

pub(super) fn registered_proxy(
    proxy: &ProxyConfig,
    nodes: &Result<Vec<RegisteredNode>, CallError>,
) -> Checked {
    let id = &proxy.node_id;
    let nodes = nodes.as_ref().map_err(|error| {
        let remedy = "check network_node.admin_api and that the Network Node is running";
        unknown(&error.in_brief(), remedy)
    })?;
    let cause = match registration_state(&proxy.node(), nodes) {
        RegistrationState::Good => return Ok(format!("{id} is registered")),
        RegistrationState::Altered(fields) => {
            let fields = fields.join(", ");
            return Ok(format!(
                "{id} is registered; the Network Node keeps its own {fields}"
            ));
        }
        RegistrationState::Missing => format!("{id} is not registered"),
        RegistrationState::Disabled => format!("{id} is disabled at the Network Node"),
        RegistrationState::Wrong(fields) => format!(
            "{id} is registered with another {} than configured",
            fields.join(", ")
        ),
    };
    let remedy = "start `pocpit proxy`, or restart it: it registers itself as configured";
    Err(unmet(cause, remedy))
}
