//! This machine: SSH, journal, listening addresses.

use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener};

use tokio::process::Command;

use super::probe::{Probe, Subject};
use crate::config::{Config, Exposure, Loaded};
use crate::domain::Verdict;
use crate::journal::{Journal, JournalError, Ledger};
use crate::ssh::OpenSshRemote;

pub(super) async fn ssh(config: &Config) -> Probe {
    let what = Subject::Ssh;
    if let Err(error) = OpenSshRemote::new(&config.ssh, &config.paths.runtime_dir) {
        return Probe::unmet(
            what,
            format!("{error}: without SSH there is no log and leases cannot be renewed"),
            format!(
                "check that ssh.key_file is a private key without a passphrase, readable only by you (create one: ssh-keygen -t ed25519 -N '' -f {}), that the OpenSSH client is in PATH, and that paths.runtime_dir is writable",
                config.ssh.key_file.display()
            ),
        );
    }
    match ssh_version().await {
        Some(version) if version.number >= LEAST_SSH => {
            Probe::met(what, format!("{}; the key is usable", version.text))
        }
        Some(version) => Probe::unmet(
            what,
            format!("{} cannot pin host keys", version.text),
            "install OpenSSH 7.6 or later",
        ),
        None => Probe::unmet(
            what,
            "the `ssh` in PATH is not OpenSSH",
            "install openssh-client (Debian) or the like: rentals are watched over its shared connections",
        ),
    }
}

/// Host keys are pinned at first sight (`StrictHostKeyChecking=accept-new`) since this version.
pub(super) const LEAST_SSH: (u32, u32) = (7, 6);

/// What `ssh -V` says.
pub(super) struct SshVersion {
    pub text: String,
    pub number: (u32, u32),
}

async fn ssh_version() -> Option<SshVersion> {
    let said = Command::new("ssh").arg("-V").output().await.ok()?;
    // It says so on standard error.
    version_of(&String::from_utf8_lossy(&said.stderr))
}

/// `OpenSSH_9.2p1 Debian-2+deb12u7, OpenSSL 3.0.17 1 Jul 2025`.
pub(super) fn version_of(said: &str) -> Option<SshVersion> {
    let text = said.trim().split(',').next()?;
    let number = text.strip_prefix("OpenSSH_")?;
    let (major, rest) = number.split_once('.')?;
    let minor: String = rest.chars().take_while(char::is_ascii_digit).collect();
    Some(SshVersion {
        text: text.to_owned(),
        number: (major.parse().ok()?, minor.parse().ok()?),
    })
}

/// Whether a pocpit uses this state directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Owner {
    Runs,
    Nobody,
}

impl Owner {
    /// By what came of opening the journal.
    pub fn by(opened: &Result<(Journal, Ledger), JournalError>) -> Owner {
        match opened {
            Err(JournalError::Locked { .. }) => Owner::Runs,
            _ => Owner::Nobody,
        }
    }
}

pub(super) fn journal(opened: &Result<(Journal, Ledger), JournalError>) -> Probe {
    let what = Subject::Journal;
    match opened {
        Ok((_, ledger)) => {
            let open = ledger.open_rentals().len();
            Probe::met(what, format!("can be opened; {open} open rentals"))
        }
        Err(JournalError::Locked { .. }) => Probe::met(what, "in use by a running pocpit"),
        Err(error) => Probe::unmet(
            what,
            error.to_string(),
            "check that paths.state_dir is writable and its disk has room: nothing is rented without a journal",
        ),
    }
}

/// Every address that the program listens on.
pub(super) fn listeners(loaded: &Loaded, owner: Owner) -> Vec<Probe> {
    let config = &loaded.config;
    let mut probes = tunnel(config, owner);
    probes.push(serving(loaded, owner));
    let metrics = config.notify.metrics_listen;
    probes.extend(
        metrics.map(|address| listener(Subject::Metrics, "notify.metrics_listen", address, owner)),
    );
    probes
}

fn tunnel(config: &Config, owner: Owner) -> Vec<Probe> {
    let Exposure::Tunnel {
        api_listen,
        inference_listen,
        ..
    } = &config.network_node.exposure
    else {
        return Vec::new();
    };
    let of_tunnel = |setting, address| listener(Subject::Tunnel, setting, address, owner);
    let api = of_tunnel("network_node.api_listen", *api_listen);
    let inference = of_tunnel("network_node.inference_listen", *inference_listen);
    vec![api, inference]
}

/// Where `pocpit serve` would listen. If [vllm] is not configured, an occupied default port is no failure.
fn serving(loaded: &Loaded, owner: Owner) -> Probe {
    let (what, setting) = (Subject::Serve, "vllm.listen");
    let address = loaded.config.vllm.listen;
    let probe = listener(what, setting, address, owner);
    if probe.verdict == Verdict::Met || loaded.names_section("vllm") {
        return probe;
    }
    let advice = format!("cannot listen on {address}: set {setting} before `pocpit serve`");
    Probe::met(what, advice)
}

pub(super) fn listener(what: Subject, setting: &str, address: SocketAddr, owner: Owner) -> Probe {
    match TcpListener::bind(address) {
        Ok(_) => Probe::met(what, format!("{address} is free ({setting})")),
        Err(error) if error.kind() == ErrorKind::AddrInUse && owner == Owner::Runs => Probe::met(
            what,
            format!("{address} is in use while a pocpit runs ({setting})"),
        ),
        Err(error) => Probe::unmet(
            what,
            format!("cannot listen on {address}: {error}"),
            format!("free it, or set {setting} to a free port on an address of this machine"),
        ),
    }
}
