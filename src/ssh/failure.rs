//! What `ssh` said, as one of our errors in a short sentence. Pure.

use std::error::Error as _;
use std::io::ErrorKind;

use crate::domain::SshEndpoint;
use crate::ports::LinkError;

/// Longest text of `ssh` that is repeated.
const MAX_DETAIL: usize = 200;

/// Why a connection attempt failed.
pub(super) fn connect_error(endpoint: &SshEndpoint, error: &openssh::Error) -> LinkError {
    let kind = match error {
        openssh::Error::Connect(source) | openssh::Error::Master(source) => source.kind(),
        _ => ErrorKind::Other,
    };
    let words = words(error);
    if kind == ErrorKind::NotFound {
        return missing_ssh_error();
    }
    classify(endpoint, kind == ErrorKind::PermissionDenied, &words)
}

/// `ssh` itself is not there.
pub(super) fn missing_ssh_error() -> LinkError {
    LinkError::Local(
        "the program `ssh` was not found: install the OpenSSH client (Debian and Ubuntu: apt install openssh-client)".into(),
    )
}

fn classify(endpoint: &SshEndpoint, denied: bool, words: &str) -> LinkError {
    let endpoint = endpoint.to_string();
    let changed = words.contains("IDENTIFICATION HAS CHANGED")
        || words.contains("Host key verification failed");
    if changed {
        let detail = "it is not the key that this rental showed first. Either somebody is in between, or the host was swapped; nothing is sent to it".into();
        return LinkError::HostKeyChanged { endpoint, detail };
    }
    let detail = short(words);
    if denied || words.contains("Permission denied (") {
        return LinkError::Denied { endpoint, detail };
    }
    LinkError::Unreachable { endpoint, detail }
}

/// A link that was up and is not any more.
pub(super) fn lost_error(error: &openssh::Error) -> LinkError {
    LinkError::Lost(short(&words(error)))
}

/// The words of the innermost cause: `ssh` itself.
fn words(error: &openssh::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = cause.to_string();
        source = cause.source();
    }
    text
}

/// The first line that says something, capped.
fn short(words: &str) -> String {
    let line = words
        .lines()
        .map(str::trim)
        .find(|line| {
            !line.is_empty()
                && !line.starts_with("Warning: Permanently added")
                && !line.starts_with("@@")
        })
        .unwrap_or("no reason given");
    line.chars()
        .filter(|character| !character.is_control())
        .take(MAX_DETAIL)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint() -> SshEndpoint {
        SshEndpoint {
            host: "198.51.100.7".into(),
            port: 41022,
        }
    }

    #[test]
    fn a_refused_key_is_not_an_unreachable_host() {
        let error = classify(
            &endpoint(),
            false,
            "root@198.51.100.7: Permission denied (publickey).",
        );
        assert!(matches!(error, LinkError::Denied { .. }), "{error}");
    }

    #[test]
    fn a_changed_host_key_is_one_sentence_and_not_a_banner() {
        let banner = "@@@@@@@@@@@\n@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @\n@@@@@@@@@@@\nIT IS POSSIBLE";
        let error = classify(&endpoint(), false, banner);
        assert!(matches!(error, LinkError::HostKeyChanged { .. }), "{error}");
        assert!(!error.to_string().contains('@'), "{error}");
    }

    #[test]
    fn everything_else_is_a_host_that_cannot_be_reached_in_its_own_words() {
        let error = classify(
            &endpoint(),
            false,
            "connect to host 198.51.100.7 port 41022: Connection refused\r\n",
        );
        assert_eq!(
            error.to_string(),
            "no connection to 198.51.100.7:41022: connect to host 198.51.100.7 port 41022: Connection refused"
        );
    }
}
