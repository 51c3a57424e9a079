//! `pocpit check`: asks everything that a sprint needs, and spends nothing.

use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener};

use color_eyre::eyre::Report;
use serde::Serialize;

use super::arguments::{Common, Output};
use super::{Exit, print, print_json, runtime, telemetry};
use crate::chain::client::ChainClient;
use crate::config::{Config, Exposure};
use crate::domain::{
    Account, CallError, CallErrorKind, Instance, NodeId, RegisteredNode, SourceReport, SyncState,
    Time, Verdict,
};
use crate::engine::ports::{Chain, Look, Market, NetworkNode};
use crate::engine::{CLOCK_SLACK, preflight};
use crate::http::HttpClient;
use crate::journal::{self, Journal, JournalError, Ledger};
use crate::network_node::NetworkNodeClient;
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
    let config = runtime::load(common)?.config;
    let probes = probes(&config).await;
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

async fn probes(config: &Config) -> Vec<Probe> {
    let http = HttpClient::new();
    let market = runtime::market(&http, &config.vast, config.simulation);
    let chain = ChainClient::new(http.clone(), &config.chain);
    let node = NetworkNodeClient::new(http, &config.network_node);
    let now = runtime::clock(config.simulation).now();
    let (instances, sources) = tokio::join!(market.instances(), chain.look(Look::Every));
    // One after the other: the market limits calls by the second.
    let account = market.account().await;
    let mut probes = vec![
        key(config, &instances),
        neighbours(config, &instances),
        credit(config, account),
        ssh(config),
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
    probes.extend(sprint_needs(&chain, &node, now, config, &leaving).await);
    probes.extend(listeners(config, owner));
    probes
}

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
                format!("accepted; {} instances, {ours} of them ours", all.len()),
            )
        }
        Err(error) if error.kind == CallErrorKind::Unauthorized => Probe::unmet(
            what,
            error.to_string(),
            "make a key in the Vast console and put it where vast.api_key_file says",
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

fn ssh(config: &Config) -> Probe {
    match OpenSshRemote::new(&config.ssh, &config.paths.runtime_dir) {
        Ok(_) => Probe::met("SSH", "there is an `ssh`, and the key can be used"),
        Err(error) => Probe::unmet(
            "SSH",
            error.to_string(),
            "without it no log is seen and no lease is renewed",
        ),
    }
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
    config: &Config,
    leaving: &[NodeId],
) -> Vec<Probe> {
    let examined = preflight::examine(chain, network_node, now, config, leaving).await;
    let findings = examined.preflight.findings.into_iter();
    let mut probes: Vec<Probe> = findings
        .map(|finding| Probe {
            what: finding.requirement.to_string(),
            seen: "as a sprint needs it".into(),
            verdict: finding.verdict,
        })
        .collect();
    probes.extend(proxy(config, &examined.nodes));
    probes
}

fn proxy(config: &Config, nodes: &Result<Vec<RegisteredNode>, CallError>) -> Option<Probe> {
    let proxy = config.inference_proxy.as_ref()?;
    let what = "proxy";
    let nodes = match nodes {
        Ok(nodes) => nodes,
        Err(error) => return Some(Probe::unknown(what, error, "see the admin API")),
    };
    let is_there = nodes.iter().any(|node| node.config.id == proxy.node_id);
    Some(if is_there {
        Probe::met(what, format!("{} is registered", proxy.node_id))
    } else {
        Probe::unmet(
            what,
            format!("{} is not registered", proxy.node_id),
            "it is registered again after the next sprint; see that `pocpit proxy` runs",
        )
    })
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
    let api = listener("network_node.api_listen", *api_listen, owner);
    let inference = listener("network_node.inference_listen", *inference_listen, owner);
    vec![api, inference]
}

fn listener(setting: &str, address: SocketAddr, owner: Owner) -> Probe {
    let what = "tunnel";
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
