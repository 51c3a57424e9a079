//! `pocpit ssh`: a shell on the current rental.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};

use color_eyre::eyre::{Report, WrapErr};
use schemars::JsonSchema;
use serde::Serialize;

use super::arguments::{Common, Ssh};
use super::{Exit, pools, print, print_json, runtime, stop};
use crate::config::Config;
use crate::domain::{ActualStatus, Instance, InstanceId, ReplicaId, SshEndpoint, excerpt};
use crate::journal::{self, OpenRental};
use crate::ports::Market as _;
use crate::ssh::{known_hosts, shell_command};

pub(crate) async fn run(arguments: Ssh, common: &Common) -> Result<Exit, Report> {
    let config = runtime::load_quietly(common)?;
    let state_dir = &config.paths.state_dir;
    let ledger = journal::read_only(state_dir)?;
    let rental = wanted_rental(&ledger.open_rentals(), arguments.replica.as_ref());
    let (id, open) = rental.map_err(|missing| missing.report(state_dir))?;
    let replica = &open.replica;
    let market = runtime::Clients::new(&config.of_account(&open.account)).market;
    let instance = market
        .instance(id)
        .await
        .map_err(|error| stop(Exit::Unknown, format!("cannot read rental {id}: {error}")))?;
    let Some(instance) = instance else {
        let why =
            format!("rental {id} is not listed by Vast: it is gone, or was created seconds ago");
        return Err(stop(Exit::Failed, why));
    };
    let Some(endpoint) = reachable(&instance, &config).await else {
        return Err(stop(Exit::Failed, why_unreachable(&instance)));
    };
    if arguments.json {
        print_json(&SshTarget {
            rental: id,
            replica: pools::replica_cell(replica),
            host: &endpoint.host,
            port: endpoint.port,
            user: &config.ssh.user,
            key: &config.ssh.key_file,
            known_hosts: known_hosts(&config.ssh, id),
        })?;
        return Ok(Exit::Done);
    }
    let command = shell_command(&config.ssh, id, &endpoint, &arguments.remote)?;
    if arguments.print {
        print(&shell_line(&command))?;
        return Ok(Exit::Done);
    }
    // The first to connect pins the key, and `ssh` does not create the directory for it.
    let directory = &config.ssh.known_hosts_dir;
    std::fs::create_dir_all(directory).wrap_err_with(|| {
        let directory = directory.display();
        format!("cannot create the directory {directory} for host keys")
    })?;
    exec(&command)
}

/// How to reach the current rental by SSH.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct SshTarget<'a> {
    /// Vast's id of the instance.
    rental: InstanceId,
    /// The replica that it belongs to; absent without pools.
    #[serde(skip_serializing_if = "Option::is_none")]
    replica: Option<&'a ReplicaId>,
    /// Host name or address.
    #[schemars(length(min = 1))]
    host: &'a str,
    /// TCP port.
    #[schemars(range(min = 1))]
    port: u16,
    /// User name on the rental.
    user: &'a str,
    /// Private key file, as in `ssh.key_file`.
    key: &'a Path,
    /// File with the host key of this rental alone, for `UserKnownHostsFile`. It exists after the
    /// first connection: use `StrictHostKeyChecking=accept-new` until then, `yes` afterwards.
    known_hosts: PathBuf,
}

/// Why there is no one rental to connect to.
#[derive(Debug, PartialEq, Eq)]
enum NoRental<'a> {
    Nothing,
    /// The replica has none; these have.
    NotOf(ReplicaId, Vec<&'a ReplicaId>),
    /// The operator has to name one of these.
    Several(Vec<&'a ReplicaId>),
}

impl NoRental<'_> {
    fn report(&self, state_dir: &Path) -> Report {
        let state_dir = state_dir.display();
        match self {
            NoRental::Nothing => {
                let why = format!("no active rental recorded in {state_dir}");
                stop(Exit::Failed, why)
            }
            NoRental::NotOf(replica, active) => {
                let why = format!("no active rental of {replica} recorded in {state_dir}");
                let active = listed(active);
                stop(Exit::Failed, format!("{why}; active are: {active}"))
            }
            NoRental::Several(active) => {
                let active = listed(active);
                let why = format!("several replicas have a rental, name one: {active}");
                stop(Exit::Usage, why)
            }
        }
    }
}

fn listed(replicas: &[&ReplicaId]) -> String {
    let names: Vec<String> = replicas.iter().map(ToString::to_string).collect();
    names.join(", ")
}

/// The newest rental of the replica, or of the only one that has any; preferably one that is not being
/// destroyed.
fn wanted_rental<'a>(
    rentals: &[&'a OpenRental],
    replica: Option<&ReplicaId>,
) -> Result<(InstanceId, &'a OpenRental), NoRental<'a>> {
    let rented = || rentals.iter().filter(|rental| rental.instance.is_some());
    let all = replicas(rented());
    let kept = replicas(rented().filter(|rental| !rental.destroying));
    let active = if kept.is_empty() { &all } else { &kept };
    let chosen = match (replica, active.as_slice()) {
        (_, []) => return Err(NoRental::Nothing),
        (Some(replica), _) => {
            let found = all.iter().find(|known| **known == replica);
            *found.ok_or_else(|| NoRental::NotOf(replica.clone(), all.clone()))?
        }
        (None, [only]) => *only,
        (None, several) => return Err(NoRental::Several(several.to_vec())),
    };
    let newest = rented()
        .filter(|rental| rental.replica == *chosen)
        .max_by_key(|rental| (!rental.destroying, rental.intended_at));
    let found = newest.and_then(|rental| Some((rental.instance?, *rental)));
    found.ok_or(NoRental::Nothing)
}

/// Each of them once.
fn replicas<'a, 'b>(rentals: impl Iterator<Item = &'b &'a OpenRental>) -> Vec<&'a ReplicaId>
where
    'a: 'b,
{
    let replicas: BTreeSet<&ReplicaId> = rentals.map(|rental| &rental.replica).collect();
    replicas.into_iter().collect()
}

/// The first address that accepts a connection; if none does, the first, so that `ssh` reports why.
async fn reachable(instance: &Instance, config: &Config) -> Option<SshEndpoint> {
    if instance.actual != ActualStatus::Running {
        return None;
    }
    for endpoint in &instance.ssh {
        let address = (endpoint.host.as_str(), endpoint.port);
        let connecting = tokio::net::TcpStream::connect(address);
        let connected = tokio::time::timeout(config.ssh.connect_timeout, connecting).await;
        if matches!(connected, Ok(Ok(_))) {
            return Some(endpoint.clone());
        }
    }
    instance.ssh.first().cloned()
}

fn why_unreachable(instance: &Instance) -> String {
    let (id, status) = (instance.id, &instance.actual);
    if *status == ActualStatus::Running {
        return format!("rental {id} has no SSH address yet: retry in a few seconds");
    }
    let message = excerpt(instance.status_message.as_deref().unwrap_or_default());
    let why = format!("rental {id} is {status}; SSH needs a running container. {message}");
    why.trim_end().to_owned()
}

/// Replaces this process by `ssh`, which then owns terminal, signals and exit code.
fn exec(command: &[OsString]) -> Result<Exit, Report> {
    let mut words = command.iter();
    let program = words.next().map_or("ssh".as_ref(), OsString::as_os_str);
    let error = std::process::Command::new(program).args(words).exec();
    Err(error).wrap_err("cannot start ssh: install the OpenSSH client")
}

/// The command for pasting into a shell.
fn shell_line(command: &[OsString]) -> String {
    let words = command.iter().map(|word| quoted(&word.to_string_lossy()));
    words.collect::<Vec<_>>().join(" ")
}

fn quoted(word: &str) -> String {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "-_./=:@,+%".contains(letter);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    crate::ssh::quoted(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn printed_command_survives_the_shell() {
        let command: Vec<OsString> = ["ssh", "-i", "/my keys/it's", "", "root@h", "echo $HOME"]
            .map(OsString::from)
            .into();
        let shell = std::process::Command::new("sh")
            .arg("-c")
            .arg(format!("printf '%s\\n' {}", shell_line(&command)))
            .output()
            .unwrap();
        let said = String::from_utf8(shell.stdout).unwrap();
        assert_eq!(said.lines().collect::<Vec<_>>(), command);
    }
}
