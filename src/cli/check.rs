//! `pocpit check`: asks everything that a sprint needs, and spends nothing.

use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener};

use color_eyre::eyre::Report;
use serde::Serialize;
use tokio::process::Command;

use super::arguments::{Common, Output};
use super::{Exit, print, print_json, runtime, telemetry};
use crate::chain::client::ChainClient;
use crate::config::{Config, Exposure, KeyOf, Loaded, ProxyConfig};
use crate::domain::{
    Account, CallError, CallErrorKind, Instance, NodeId, Offer, RegisteredNode, SourceReport,
    SyncState, Time, Verdict,
};
use crate::engine::ports::{Chain, InferenceProxy, Look, Market, NetworkNode};
use crate::engine::{CLOCK_SLACK, preflight};
use crate::http::HttpClient;
use crate::journal::{self, Journal, JournalError, Ledger};
use crate::network_node::NetworkNodeClient;
use crate::proxy::ProxyClient;
use crate::ssh::OpenSshRemote;

/// One thing that was asked, and what came of it.
#[derive(Debug, Serialize)]
struct Probe {
    what: String,
    /// What was seen.
    seen: String,
    #[serde(flatten)]
    verdict: Verdict,
}

impl Probe {
    fn met(what: &str, seen: impl Into<String>) -> Probe {
        Probe {
            what: what.into(),
            seen: seen.into(),
            verdict: Verdict::Met,
        }
    }

    fn unmet(what: &str, cause: impl Into<String>, remedy: impl Into<String>) -> Probe {
        Probe {
            what: what.into(),
            seen: String::new(),
            verdict: Verdict::Unmet {
                cause: cause.into(),
                remedy: remedy.into(),
            },
        }
    }

    fn unknown(what: &str, error: &CallError, remedy: impl Into<String>) -> Probe {
        Probe {
            what: what.into(),
            seen: String::new(),
            verdict: Verdict::Unknown {
                cause: error.to_string(),
                remedy: remedy.into(),
            },
        }
    }
}

pub(crate) async fn run(common: &Common, output: Output) -> Result<Exit, Report> {
    telemetry::quiet();
    let probes = probes(&runtime::load(common)?).await;
    if output.json {
        print_json(&probes)?;
    } else {
        print(&in_words(&probes))?;
    }
    Ok(exit_of(&probes))
}

/// What is wrong weighs more than what nobody could tell; neither is fine.
fn exit_of(probes: &[Probe]) -> Exit {
    let has = |is: fn(&Verdict) -> bool| probes.iter().any(|probe| is(&probe.verdict));
    if has(|verdict| matches!(verdict, Verdict::Unmet { .. })) {
        return Exit::Failed;
    }
    if has(|verdict| matches!(verdict, Verdict::Unknown { .. })) {
        return Exit::Unknown;
    }
    Exit::Done
}

fn in_words(probes: &[Probe]) -> String {
    let mut lines = Vec::new();
    for probe in probes {
        let (word, text) = match &probe.verdict {
            Verdict::Met => ("ok", &probe.seen),
            Verdict::Unmet { cause, .. } => ("FAILED", cause),
            Verdict::Unknown { cause, .. } => ("UNKNOWN", cause),
        };
        lines.push(format!("{word:<8}{:<13} {text}", probe.what));
        if let Verdict::Unmet { remedy, .. } | Verdict::Unknown { remedy, .. } = &probe.verdict {
            lines.push(format!("{:<22}{remedy}", ""));
        }
    }
    let bad = probes.iter().filter(|one| one.verdict != Verdict::Met);
    lines.push(match bad.count() {
        0 => "Nothing is in the way of a sprint.".to_owned(),
        count => format!("{count} of {} are not as they should be.", probes.len()),
    });
    lines.join("\n")
}

async fn probes(loaded: &Loaded) -> Vec<Probe> {
    let config = &loaded.config;
    let http = HttpClient::new();
    let market = runtime::market(&http, &config.vast, config.simulation);
    let chain = ChainClient::new(http.clone(), &config.chain);
    let node = NetworkNodeClient::new(http, &config.network_node);
    let now = runtime::clock(config.simulation).now();
    let (instances, sources) = tokio::join!(market.instances(), chain.look(Look::Every));
    // One after the other: the market limits calls by the second.
    let account = market.account().await;
    let offers = market.search(&config.vast.query, now).await;
    let mut probes = vec![
        key(config, &instances),
        neighbours(config, &instances),
        credit(config, account),
        market_offers(&offers),
        ssh(config).await,
    ];
    // Held for this moment only: a cockpit that starts meanwhile would be a viewer.
    let opened = Journal::open(&config.paths.state_dir);
    let owner = owner(&opened);
    probes.push(journal(&opened));
    drop(opened);
    let leaving = journal::read_only(&config.paths.state_dir)
        .map(|ledger| ledger.registered())
        .unwrap_or_default();
    probes.extend(clock(now, &sources));
    probes.extend(sources.iter().map(source));
    probes.extend(sprint_needs(&chain, &node, now, loaded, &leaving).await);
    probes.extend(listeners(config, owner));
    probes.push(serving(loaded, owner));
    probes
}

/// What a scoped key must be allowed, by Vast's own table of permissions.
const SCOPE: &str = "a scoped key needs misc, user_read, instance_read and instance_write, and user_write if it is to register the SSH key";

fn key(config: &Config, instances: &Result<Vec<Instance>, CallError>) -> Probe {
    let what = "Vast key";
    match instances {
        Ok(all) => {
            let is_ours = |instance: &&Instance| {
                let label = instance.rental_label();
                label.is_some_and(|label| label.cockpit == config.cockpit)
            };
            let ours = all.iter().filter(is_ours).count();
            Probe::met(
                what,
                format!(
                    "accepted; {} instances, {ours} of them ours; that it may rent shows in `pocpit rehearse` alone",
                    all.len()
                ),
            )
        }
        Err(error) if error.kind == CallErrorKind::Unauthorized => Probe::unmet(
            what,
            error.to_string(),
            format!(
                "make a key in the Vast console and put it where vast.api_key_file says; {SCOPE}"
            ),
        ),
        Err(error) => Probe::unknown(
            what,
            error,
            "nothing is rented until Vast answers; try again",
        ),
    }
}

fn neighbours(config: &Config, instances: &Result<Vec<Instance>, CallError>) -> Probe {
    let what = "account";
    let instances = match instances {
        Ok(instances) => instances,
        Err(error) => {
            return Probe::unknown(what, error, "who else works on the account is not known");
        }
    };
    match runtime::another_cockpit(instances, config) {
        None => Probe::met(what, "no other cockpit works on it"),
        Some(cause) => Probe::unmet(what, cause, runtime::TWO_COCKPITS),
    }
}

fn credit(config: &Config, account: Result<Account, CallError>) -> Probe {
    let what = "credit";
    let budget = &config.budget;
    match account {
        Err(error) if error.kind == CallErrorKind::Unauthorized => Probe::unmet(
            what,
            format!("the key may not read the account: {error}"),
            SCOPE,
        ),
        Err(error) => Probe::unknown(
            what,
            &error,
            "nothing is rented while the credit is not known",
        ),
        Ok(account) if account.credit <= budget.credit_floor => Probe::unmet(
            what,
            format!(
                "{} is left, and {} must be left after a sprint (budget.credit_floor)",
                account.credit, budget.credit_floor
            ),
            "add credit in the Vast console",
        ),
        Ok(account) => Probe::met(what, format!("{} on the account", account.credit)),
    }
}

/// Whether the market's search works, which a scoped key may not be allowed.
fn market_offers(offers: &Result<Vec<Offer>, CallError>) -> Probe {
    let what = "offers";
    match offers {
        Ok(offers) => Probe::met(
            what,
            format!("{} match now; `pocpit offers` ranks them", offers.len()),
        ),
        Err(error) if error.kind == CallErrorKind::Unauthorized => {
            Probe::unmet(what, format!("the key may not search: {error}"), SCOPE)
        }
        Err(error) => Probe::unknown(what, error, "nothing is rented until a search works"),
    }
}

async fn ssh(config: &Config) -> Probe {
    let what = "SSH";
    if let Err(error) = OpenSshRemote::new(&config.ssh, &config.paths.runtime_dir) {
        let why = "without it no log is seen and no lease is renewed";
        return Probe::unmet(what, error.to_string(), why);
    }
    match ssh_version().await {
        Some(version) if version.number >= LEAST_SSH => {
            Probe::met(what, format!("{}, and the key can be used", version.text))
        }
        Some(version) => Probe::unmet(
            what,
            format!(
                "{} does not know how to pin a rental's host key",
                version.text
            ),
            "install OpenSSH 7.6 or later",
        ),
        None => Probe::unmet(
            what,
            "the `ssh` in PATH does not say that it is OpenSSH",
            "install Debian's openssh-client, or the like: rentals are watched over its shared connections",
        ),
    }
}

/// Host keys are pinned at first sight (`StrictHostKeyChecking=accept-new`) since this version.
const LEAST_SSH: (u32, u32) = (7, 6);

/// What `ssh -V` says.
struct SshVersion {
    text: String,
    number: (u32, u32),
}

async fn ssh_version() -> Option<SshVersion> {
    let said = Command::new("ssh").arg("-V").output().await.ok()?;
    // It says so on standard error.
    version_of(&String::from_utf8_lossy(&said.stderr))
}

/// `OpenSSH_9.2p1 Debian-2+deb12u7, OpenSSL 3.0.17 1 Jul 2025`.
fn version_of(said: &str) -> Option<SshVersion> {
    let text = said.trim().split(',').next()?;
    let number = text.strip_prefix("OpenSSH_")?;
    let (major, rest) = number.split_once('.')?;
    let minor: String = rest.chars().take_while(char::is_ascii_digit).collect();
    Some(SshVersion {
        text: text.to_owned(),
        number: (major.parse().ok()?, minor.parse().ok()?),
    })
}

/// Whether a pocpit runs on this state directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Owner {
    Runs,
    Nobody,
}

fn owner(opened: &Result<(Journal, Ledger), JournalError>) -> Owner {
    match opened {
        Err(JournalError::Locked { .. }) => Owner::Runs,
        _ => Owner::Nobody,
    }
}

fn journal(opened: &Result<(Journal, Ledger), JournalError>) -> Probe {
    let what = "journal";
    match opened {
        Ok((_, ledger)) => {
            let open = ledger.open_rentals().len();
            Probe::met(what, format!("can be opened; rentals open in it: {open}"))
        }
        Err(JournalError::Locked { .. }) => Probe::met(what, "a running pocpit holds it"),
        Err(error) => Probe::unmet(
            what,
            error.to_string(),
            "nothing is rented without a journal; see the path and its disk",
        ),
    }
}

/// By the newest block: none comes from the future, and a chain in step has a new one every few
/// seconds.
fn clock(now: Time, sources: &[SourceReport]) -> Option<Probe> {
    let told = sources
        .iter()
        .filter_map(|report| report.told.as_ref().ok());
    let block = told.filter_map(|told| told.block_time).max()?;
    let off = now - block;
    let what = "clock";
    Some(if off < -CLOCK_SLACK {
        Probe::unmet(
            what,
            format!(
                "this machine is at least {} s behind the chain",
                -off.num_seconds()
            ),
            "set its clock (timedatectl set-ntp true): leases and caps go by it",
        )
    } else if off > CLOCK_SLACK {
        Probe::unmet(
            what,
            format!("the newest block is {} s old", off.num_seconds()),
            "either this machine's clock is ahead, or the chain stands still",
        )
    } else {
        Probe::met(
            what,
            format!("within {} s of the chain", off.num_seconds().abs()),
        )
    })
}

fn source(report: &SourceReport) -> Probe {
    let what = "chain source";
    match &report.told {
        Ok(told) if told.sync == SyncState::CatchingUp => Probe::unmet(
            what,
            format!(
                "{} is catching up, at height {}",
                report.source, told.height
            ),
            "it is no witness until it has; name another in chain.public_api or chain.rpc",
        ),
        Ok(told) => Probe::met(what, format!("{} at height {}", report.source, told.height)),
        Err(error) => Probe::unknown(
            what,
            error,
            "see its address in chain.public_api and chain.rpc",
        ),
    }
}

/// What a rental would be useless without, as the engine asks before it rents; and the proxy.
async fn sprint_needs(
    chain: &dyn Chain,
    network_node: &dyn NetworkNode,
    now: Time,
    loaded: &Loaded,
    leaving: &[NodeId],
) -> Vec<Probe> {
    let config = &loaded.config;
    let examined = preflight::examine(chain, network_node, now, config, leaving).await;
    let findings = examined.preflight.findings.into_iter();
    let mut probes: Vec<Probe> = findings
        .map(|finding| Probe {
            what: finding.requirement.to_string(),
            seen: "as a sprint needs it".into(),
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

/// Whether the keys of the upstreams can be read. The proxy's own process may have credentials that
/// this one has not, and does not start without them.
fn upstream_keys(loaded: &Loaded, proxy_runs: &Verdict) -> Probe {
    let what = "upstream keys";
    let unread: Vec<String> = loaded
        .unread(KeyOf::Upstreams)
        .map(|problem| format!("{}: {}", problem.key, problem.what))
        .collect();
    if unread.is_empty() {
        return Probe::met(what, "can be read");
    }
    if *proxy_runs == Verdict::Met {
        return Probe::met(
            what,
            "the proxy that runs has them, and this process needs none",
        );
    }
    Probe::unmet(
        what,
        unread.join("; "),
        "put it where the setting says; a key that only pocpit-proxy.service can read is in order when that runs",
    )
}

/// Whether the proxy's process answers, and has somebody to ask.
async fn running_proxy(proxy: &dyn InferenceProxy) -> Probe {
    let what = "proxy runs";
    let address = proxy.address();
    match proxy.figures().await {
        Err(error) => Probe::unmet(
            what,
            error.to_string(),
            "start it (systemctl start pocpit-proxy, or `pocpit proxy`), or give inference_proxy.listen a free port",
        ),
        Ok(figures) if figures.has_nobody_to_ask() => Probe::unmet(
            what,
            format!("at {address} it runs, and every upstream failed lately"),
            "see its log; check inference_proxy.upstream, its key and its credit",
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

fn registered_proxy(proxy: &ProxyConfig, nodes: &Result<Vec<RegisteredNode>, CallError>) -> Probe {
    let what = "proxy";
    let nodes = match nodes {
        Ok(nodes) => nodes,
        Err(error) => return Probe::unknown(what, error, "see the admin API"),
    };
    let is_there = nodes.iter().any(|node| node.config.id == proxy.node_id);
    if is_there {
        Probe::met(what, format!("{} is registered", proxy.node_id))
    } else {
        Probe::unmet(
            what,
            format!("{} is not registered", proxy.node_id),
            "it is registered again after the next sprint; see that `pocpit proxy` runs",
        )
    }
}

/// Where the tunnel will listen.
fn listeners(config: &Config, owner: Owner) -> Vec<Probe> {
    let Exposure::Tunnel {
        api_listen,
        inference_listen,
        ..
    } = &config.network_node.exposure
    else {
        return Vec::new();
    };
    let of_tunnel = |setting, address| listener("tunnel", setting, address, owner);
    let api = of_tunnel("network_node.api_listen", *api_listen);
    let inference = of_tunnel("network_node.inference_listen", *inference_listen);
    vec![api, inference]
}

/// Where `pocpit serve` would take requests. Who never said so need not mean to serve: the usual port
/// is also that of others.
fn serving(loaded: &Loaded, owner: Owner) -> Probe {
    let (what, setting) = ("serve", "vllm.listen");
    let address = loaded.config.vllm.listen;
    let probe = listener(what, setting, address, owner);
    if probe.verdict == Verdict::Met || loaded.names_section("vllm") {
        return probe;
    }
    let advice = format!("nobody can listen on {address}: set {setting} before `pocpit serve`");
    Probe::met(what, advice)
}

fn listener(what: &str, setting: &str, address: SocketAddr, owner: Owner) -> Probe {
    match TcpListener::bind(address) {
        Ok(_) => Probe::met(what, format!("{address} is free ({setting})")),
        Err(error) if error.kind() == ErrorKind::AddrInUse && owner == Owner::Runs => Probe::met(
            what,
            format!("{address} is in use while a pocpit runs ({setting})"),
        ),
        Err(error) => Probe::unmet(
            what,
            format!("nobody can listen on {address}: {error}"),
            format!("free it, or set {setting} to an address of this machine"),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ssh_says_of_itself_is_understood() {
        for (said, number) in [
            (
                "OpenSSH_9.2p1 Debian-2+deb12u7, OpenSSL 3.0.17 1 Jul 2025\n",
                Some((9, 2)),
            ),
            ("OpenSSH_10.0p2, LibreSSL 3.3.6", Some((10, 0))),
            ("OpenSSH_for_Windows_9.5p1, LibreSSL 3.8.2", None),
            ("OpenSSH_7.4p1, OpenSSL 1.0.2k-fips", Some((7, 4))),
            ("Dropbear v2022.83", None),
            ("", None),
        ] {
            assert_eq!(
                version_of(said).map(|version| version.number),
                number,
                "{said}"
            );
        }
        assert!((7, 4) < LEAST_SSH && (10, 0) > LEAST_SSH);
    }

    #[test]
    fn a_key_that_lacks_a_permission_is_told_which_ones_it_needs() {
        let error = CallError {
            what: "search offers".into(),
            kind: CallErrorKind::Unauthorized,
            status: Some(403),
            detail: "forbidden".into(),
        };
        let probe = market_offers(&Err(error));
        let Verdict::Unmet { cause, remedy } = probe.verdict else {
            panic!("{probe:?}");
        };
        assert!(cause.contains("may not search") && remedy.contains("instance_write"));
    }
}
