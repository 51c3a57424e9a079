//! The Network Node and the inference proxy.

use super::probe::{Probe, Subject};
use crate::config::{Credential, Loaded, ProxyConfig};
use crate::domain::{CallError, NodeId, RegisteredNode, Time, Verdict};
use crate::engine::preflight;
use crate::http::HttpClient;
use crate::network_node::{RegistrationState, registration_state};
use crate::ports::{Chain, InferenceProxy, NetworkNode};
use crate::proxy::ProxyClient;

/// The checks that the engine makes before it rents, and those of the proxy.
pub(super) async fn sprint_needs(
    chain: &dyn Chain,
    network_node: &dyn NetworkNode,
    now: Time,
    loaded: &Loaded,
    leaving: &[NodeId],
) -> Vec<Probe> {
    let config = &loaded.config;
    let examined = preflight::run_preflight(chain, network_node, now, config, leaving).await;
    let findings = examined.preflight.findings.into_iter();
    let mut probes: Vec<Probe> = findings
        .map(|finding| Probe {
            what: finding.requirement.into(),
            seen: "ok".into(),
            verdict: finding.verdict,
        })
        .collect();
    if let Some(settings) = &config.inference_proxy {
        let client = ProxyClient::new(HttpClient::new(), settings);
        probes.push(registered_proxy(settings, &examined.nodes));
        let running = running_proxy(&client).await;
        probes.push(upstream_keys(loaded, &running.verdict));
        probes.push(running);
    }
    probes
}

/// Whether the upstream keys can be read. The proxy's process may have credentials that this one lacks,
/// and does not start without them.
fn upstream_keys(loaded: &Loaded, proxy_runs: &Verdict) -> Probe {
    let what = Subject::UpstreamKeys;
    let unread: Vec<String> = loaded
        .credential_problems(Credential::Upstreams)
        .map(|problem| format!("{}: {}", problem.key, problem.what))
        .collect();
    if unread.is_empty() {
        return Probe::met(what, "can be read");
    }
    if *proxy_runs == Verdict::Met {
        return Probe::met(what, "the running proxy has them; this process needs none");
    }
    Probe::unmet(
        what,
        unread.join("; "),
        "put it where the setting says; a key that only pocpit-proxy.service can read is fine once that runs",
    )
}

/// Whether the proxy's process answers and has a healthy upstream.
pub(super) async fn running_proxy(proxy: &dyn InferenceProxy) -> Probe {
    let what = Subject::ProxyProcess;
    let address = proxy.address();
    match proxy.figures().await {
        Err(error) => Probe::unmet(
            what,
            error.to_string(),
            "start it (systemctl start pocpit-proxy, or `pocpit proxy`), or give inference_proxy.listen a free port",
        ),
        Ok(figures) if figures.has_nobody_to_ask() => Probe::unmet(
            what,
            format!("runs at {address}, but every upstream failed recently"),
            "check its log, inference_proxy.upstream, its key and its credit",
        ),
        Ok(figures) => Probe::met(
            what,
            format!(
                "answers at {address}; {} requests so far",
                figures.requests()
            ),
        ),
    }
}

pub(super) fn registered_proxy(
    proxy: &ProxyConfig,
    nodes: &Result<Vec<RegisteredNode>, CallError>,
) -> Probe {
    let what = Subject::Proxy;
    let id = &proxy.node_id;
    let nodes = match nodes {
        Ok(nodes) => nodes,
        Err(error) => {
            let remedy = "check network_node.admin_api and that the Network Node is running";
            return Probe::unknown(what, error, remedy);
        }
    };
    let cause = match registration_state(&proxy.node(), nodes) {
        RegistrationState::Good => return Probe::met(what, format!("{id} is registered")),
        RegistrationState::Altered(fields) => {
            let fields = fields.join(", ");
            let seen = format!("{id} is registered; the Network Node keeps its own {fields}");
            return Probe::met(what, seen);
        }
        RegistrationState::Missing => format!("{id} is not registered"),
        RegistrationState::Disabled => format!("{id} is disabled at the Network Node"),
        RegistrationState::Wrong(fields) => format!(
            "{id} is registered with another {} than configured",
            fields.join(", ")
        ),
    };
    Probe::unmet(
        what,
        cause,
        "start `pocpit proxy`, or restart it: it registers itself as configured",
    )
}
