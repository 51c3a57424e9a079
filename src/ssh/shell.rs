//! The command for a shell on a rental: with our key, and only to the host whose key is pinned.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use super::options::path_word;
use crate::config::SshConfig;
use crate::domain::{InstanceId, SshEndpoint};
use crate::ports::LinkError;

/// The known-hosts file of one rental: the same address may later belong to another.
pub fn known_hosts(config: &SshConfig, instance: InstanceId) -> PathBuf {
    config.known_hosts_dir.join(instance.to_string())
}

/// `ssh` and its arguments to reach this rental and no other host. Without `remote`, an interactive
/// shell. The first connection pins the rental's host key.
pub fn shell_command(
    config: &SshConfig,
    instance: InstanceId,
    endpoint: &SshEndpoint,
    remote: &[String],
) -> Result<Vec<OsString>, LinkError> {
    let pinned = known_hosts(config, instance);
    let check = if pinned.exists() { "yes" } else { "accept-new" };
    let mut command: Vec<OsString> = vec!["ssh".into()];
    // The operator's ssh_config is for other hosts.
    command.extend(["-F".into(), "none".into()]);
    command.extend(["-p".into(), endpoint.port.to_string().into()]);
    let mut option = |name: &str, value: &OsStr| {
        let mut text = OsString::from(format!("{name}="));
        text.push(value);
        command.extend(["-o".into(), text]);
    };
    option("IdentityFile", path_word(&config.key_file)?.as_ref());
    option("IdentitiesOnly", "yes".as_ref());
    option("UserKnownHostsFile", path_word(&pinned)?.as_ref());
    option("GlobalKnownHostsFile", "/dev/null".as_ref());
    option("StrictHostKeyChecking", check.as_ref());
    option("UpdateHostKeys", "no".as_ref());
    option("HashKnownHosts", "no".as_ref());
    option("ForwardAgent", "no".as_ref());
    let seconds = |time: std::time::Duration| OsString::from(time.as_secs().max(1).to_string());
    option("ConnectTimeout", &seconds(config.connect_timeout));
    option("ServerAliveInterval", &seconds(config.keepalive));
    command.push(format!("{}@{}", config.user, endpoint.host).into());
    command.extend(remote.iter().map(OsString::from));
    Ok(command)
}

/// Quotes a word for a POSIX shell.
pub fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn command(known_hosts_dir: &Path, remote: &[String]) -> Vec<String> {
        let config = SshConfig {
            key_file: "/keys/pocpit".into(),
            known_hosts_dir: known_hosts_dir.to_owned(),
            user: "root".into(),
            connect_timeout: std::time::Duration::from_secs(10),
            keepalive: std::time::Duration::from_millis(500),
        };
        let endpoint = SshEndpoint {
            host: "203.0.113.7".into(),
            port: 41_022,
        };
        let command = shell_command(&config, InstanceId(7), &endpoint, remote).unwrap();
        let texts = command.into_iter().map(|word| word.into_string().unwrap());
        texts.collect()
    }

    #[test]
    fn command_has_key_port_and_pinned_host() {
        let scratch = tempfile::tempdir().unwrap();
        let words = command(scratch.path(), &[]);
        let file = scratch.path().join("7").display().to_string();
        for pair in [
            ["-o", "IdentityFile=/keys/pocpit"],
            ["-p", "41022"],
            ["-F", "none"],
            ["-o", &format!("UserKnownHostsFile={file}")],
            ["-o", "StrictHostKeyChecking=accept-new"],
        ] {
            assert!(
                words.windows(2).any(|two| two == pair),
                "{pair:?}: {words:?}"
            );
        }
        assert_eq!(words.last().map(String::as_str), Some("root@203.0.113.7"));
        // Once a key is pinned no other one is taken.
        std::fs::write(&file, "").unwrap();
        let pinned = command(scratch.path(), &["nvidia-smi".into()]);
        assert!(pinned.contains(&"StrictHostKeyChecking=yes".to_owned()));
        assert_eq!(pinned.last().map(String::as_str), Some("nvidia-smi"));
    }

    #[test]
    fn known_hosts_path_is_escaped() {
        let words = command(Path::new("/home/an operator/100%"), &[]);
        let wanted = "UserKnownHostsFile=\"/home/an operator/100%%/7\"".to_owned();
        assert!(words.contains(&wanted), "{words:?}");
    }
}
