//! The command for a shell on a rental: with our key, and only to the host whose key is pinned.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use crate::config::SshConfig;
use crate::domain::{InstanceId, SshEndpoint};

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
) -> Vec<OsString> {
    let pinned = known_hosts(config, instance);
    let check = if pinned.exists() { "yes" } else { "accept-new" };
    let mut command: Vec<OsString> = vec!["ssh".into()];
    // The operator's ssh_config is for other hosts.
    command.extend(["-F".into(), "none".into()]);
    command.extend(["-i".into(), config.key_file.clone().into_os_string()]);
    command.extend(["-p".into(), endpoint.port.to_string().into()]);
    let mut option = |name: &str, value: &OsStr| {
        let mut text = OsString::from(format!("{name}="));
        text.push(value);
        command.extend(["-o".into(), text]);
    };
    option("IdentitiesOnly", "yes".as_ref());
    option("UserKnownHostsFile", &file_name(&pinned));
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
    command
}

/// Quotes a word for a POSIX shell.
pub fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// A file name as an option's value: `ssh` splits it at spaces and expands `%`.
fn file_name(path: &Path) -> OsString {
    let text = path.to_string_lossy().replace('%', "%%");
    if text.contains(' ') {
        format!("\"{text}\"").into()
    } else {
        text.into()
    }
}

#[cfg(test)]
mod tests {
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
        let command = shell_command(&config, InstanceId(7), &endpoint, remote);
        let texts = command.into_iter().map(|word| word.into_string().unwrap());
        texts.collect()
    }

    #[test]
    fn command_has_key_port_and_pinned_host() {
        let scratch = tempfile::tempdir().unwrap();
        let words = command(scratch.path(), &[]);
        let file = scratch.path().join("7").display().to_string();
        for pair in [
            ["-i", "/keys/pocpit"],
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
