//! This machine: SSH, journal, listening addresses.

use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener};

use tokio::process::Command;

use super::probe::{Checked, Probe, Subject, unmet};
use crate::cli::accept_journal;
use crate::config::{Config, Exposure, Loaded};
use crate::journal::{Journal, JournalError, Ledger};
use crate::ssh::OpenSshRemote;

pub(super) async fn ssh(config: &Config) -> Checked {
    OpenSshRemote::new(&config.ssh, &config.paths.runtime_dir).map_err(|error| {
        unmet(
            format!("{error}: without SSH there is no log and leases cannot be renewed"),
            format!(
                "check that ssh.key_file is a private key without a passphrase, readable only by you (create one: ssh-keygen -t ed25519 -N '' -f {}), that the OpenSSH client is in PATH, and that paths.runtime_dir is writable",
                config.ssh.key_file.display()
            ),
        )
    })?;
    let version = ssh_version().await.ok_or_else(|| {
        unmet(
            "the `ssh` in PATH is not OpenSSH",
            "install openssh-client (Debian) or the like: rentals are watched over its shared connections",
        )
    })?;
    let (name, number) = version;
    if number < LEAST_SSH {
        return Err(unmet(
            format!("{name} cannot pin host keys"),
            "install OpenSSH 7.6 or later",
        ));
    }
    Ok(format!("{name}; the key is usable"))
}

/// The first version that pins unknown host keys (`StrictHostKeyChecking=accept-new`).
pub(super) const LEAST_SSH: (u32, u32) = (7, 6);

async fn ssh_version() -> Option<(String, (u32, u32))> {
    let output = Command::new("ssh").arg("-V").output().await.ok()?;
    version_of(&String::from_utf8_lossy(&output.stderr))
}

/// Name and number: `OpenSSH_9.2p1 Debian-2+deb12u7, OpenSSL 3.0.17 1 Jul 2025`.
pub(super) fn version_of(output: &str) -> Option<(String, (u32, u32))> {
    let text = output.trim().split(',').next()?;
    let (major, rest) = text.strip_prefix("OpenSSH_")?.split_once('.')?;
    let minor: String = rest.chars().take_while(char::is_ascii_digit).collect();
    let number = (major.parse().ok()?, minor.parse().ok()?);
    Some((text.to_owned(), number))
}

/// Whether a pocpit uses this state directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Owner {
    Running,
    Absent,
}

impl Owner {
    /// By the result of opening the journal.
    pub fn by(opened: &Result<(Journal, Ledger), JournalError>) -> Owner {
        match opened {
            Err(JournalError::Locked { .. }) => Owner::Running,
            _ => Owner::Absent,
        }
    }
}

pub(super) fn journal(opened: &Result<(Journal, Ledger), JournalError>) -> Checked {
    match opened {
        Ok((_, ledger)) => {
            if let Some(reason) = ledger.lost() {
                return Err(unmet(reason, accept_journal::REMEDY));
            }
            let open = ledger.open_rentals().len();
            Ok(format!("can be opened; {open} open rentals"))
        }
        Err(JournalError::Locked { .. }) => Ok("in use by a running pocpit".to_owned()),
        Err(error) => Err(unmet(
            error.to_string(),
            "check that paths.state_dir is writable and its disk has room: nothing is rented without a journal",
        )),
    }
}

/// Every address that the program listens on.
pub(super) fn listeners(loaded: &Loaded, owner: Owner) -> Vec<Probe> {
    let config = &loaded.config;
    let probe = |what, setting, address| Probe::new(what, listener(setting, address, owner));
    let mut probes = Vec::new();
    if let Exposure::Tunnel {
        api_listen,
        inference_listen,
        ..
    } = config.network_node.exposure
    {
        let replicas = config.pools.replicas();
        let ends = [
            ("network_node.api_listen", api_listen),
            ("network_node.inference_listen", inference_listen),
        ];
        probes.extend(ends.map(|(setting, first)| {
            Probe::new(
                Subject::Tunnel,
                tunnel_ends(setting, first, replicas, owner),
            )
        }));
    }
    probes.push(Probe::new(Subject::Serve, serving(loaded, owner)));
    let metrics = config.notify.metrics_listen;
    probes.extend(metrics.map(|address| probe(Subject::Metrics, "notify.metrics_listen", address)));
    probes
}

/// One end of every replica's tunnel: the first port and those after it.
pub(super) fn tunnel_ends(
    setting: &str,
    first: SocketAddr,
    replicas: u32,
    owner: Owner,
) -> Checked {
    if replicas == 1 {
        return listener(setting, first, owner);
    }
    let ports = (first.port()..).take(replicas as usize);
    let mut last = first;
    for port in ports {
        last = SocketAddr::new(first.ip(), port);
        listener(setting, last, owner)?;
    }
    let state = match owner {
        Owner::Running => "free, or in use by a running pocpit",
        Owner::Absent => "free",
    };
    let last = last.port();
    Ok(format!("{first} to {last} are {state} ({setting})"))
}

/// Where `pocpit serve` would listen. If [vllm] is not configured, an occupied default port is no failure.
fn serving(loaded: &Loaded, owner: Owner) -> Checked {
    let setting = "vllm.listen";
    let address = loaded.config.vllm.listen;
    match listener(setting, address, owner) {
        Err(_) if !loaded.names_section("vllm") => Ok(format!(
            "cannot listen on {address}: set {setting} before `pocpit serve`"
        )),
        checked => checked,
    }
}

pub(super) fn listener(setting: &str, address: SocketAddr, owner: Owner) -> Checked {
    match TcpListener::bind(address) {
        Ok(_) => Ok(format!("{address} is free ({setting})")),
        Err(error) if error.kind() == ErrorKind::AddrInUse && owner == Owner::Running => Ok(
            format!("{address} is in use while a pocpit runs ({setting})"),
        ),
        Err(error) => Err(unmet(
            format!("cannot listen on {address}: {error}"),
            format!("free it, or set {setting} to a free port on an address of this machine"),
        )),
    }
}
