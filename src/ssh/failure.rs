//! Turns the output of `ssh` into a short error. Pure.

use std::error::Error;
use std::io::{self, ErrorKind};
use std::path::Path;

use crate::descriptors;
use crate::domain::{ForeignText, SshEndpoint};
use crate::ports::LinkError;

/// Characters of `ssh`'s output in an error.
const MAX_DETAIL: usize = 200;

/// `directory` is the one with the control sockets; `ssh` itself is known to be there.
pub(super) fn connect_error(
    endpoint: &SshEndpoint,
    directory: &Path,
    error: &openssh::Error,
) -> LinkError {
    let kind = match error {
        openssh::Error::Connect(source) | openssh::Error::Master(source) => source.kind(),
        _ => ErrorKind::Other,
    };
    let words = words(error);
    if ran_out(error) {
        return LinkError::Exhausted(short(&words));
    }
    if kind == ErrorKind::NotFound {
        return LinkError::Local(format!(
            "{} vanished while SSH connected; the next try makes it anew",
            directory.display()
        ));
    }
    classify(endpoint, kind == ErrorKind::PermissionDenied, &words)
}

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
        let detail = "it is not the key that this rental showed first. Someone may be intercepting the connection, or the host was replaced; nothing is sent to it".into();
        return LinkError::HostKeyChanged { endpoint, detail };
    }
    let detail = short(words);
    if denied || words.contains("Permission denied (") {
        return LinkError::Denied { endpoint, detail };
    }
    LinkError::Unreachable { endpoint, detail }
}

/// The error of a request to a session.
pub(super) fn session_error(error: &openssh::Error) -> LinkError {
    request_error("what was asked", error)
}

/// The error of a request for a forward.
pub(super) fn forward_error(request: &str, error: &openssh::Error) -> LinkError {
    request_error(request, error)
}

/// A server that answers with a refusal is no lost link; it is known by the words of
/// `openssh-mux-client-error` 0.1 (`RequestFailure`, `PermissionDenied`).
fn request_error(request: &str, error: &openssh::Error) -> LinkError {
    let words = words(error);
    if ran_out(error) {
        return LinkError::Exhausted(short(&words));
    }
    refusal(request, &words)
}

fn refusal(request: &str, words: &str) -> LinkError {
    let Some((_, refusal)) = words.split_once("Server refused the request") else {
        return LinkError::Lost(short(words));
    };
    let (_, why) = refusal.split_once(": ").unwrap_or_default();
    LinkError::Refused(format!("{request}: {}", short(why.trim_end_matches('.'))))
}

/// What failed on this machine, when `otherwise` is what it is without a shortage.
pub(super) fn local(error: &io::Error, otherwise: impl FnOnce() -> LinkError) -> LinkError {
    if descriptors::ran_out(error) {
        LinkError::Exhausted(error.to_string())
    } else {
        otherwise()
    }
}

fn ran_out(error: &(dyn Error + 'static)) -> bool {
    let io = error.downcast_ref::<io::Error>();
    io.is_some_and(descriptors::ran_out) || error.source().is_some_and(ran_out)
}

/// The innermost cause: `ssh`'s own output.
fn words(error: &openssh::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = cause.to_string();
        source = cause.source();
    }
    text
}

/// The first meaningful line, truncated.
pub(super) fn short(words: &str) -> String {
    const NOISE: [&str; 2] = ["Warning: Permanently added", "@@"];
    let is_noise = |line: &str| NOISE.iter().any(|noise| line.starts_with(noise));
    let mut lines = words.lines().map(str::trim);
    let line = lines.find(|line| !line.is_empty() && !is_noise(line));
    ForeignText(line.unwrap_or("no reason given")).line(MAX_DETAIL)
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
    fn refused_key_is_not_unreachable() {
        let output = "root@198.51.100.7: Permission denied (publickey).";
        let error = classify(&endpoint(), false, output);
        assert!(matches!(error, LinkError::Denied { .. }), "{error}");
    }

    #[test]
    fn shortage_of_descriptors_is_no_lost_link() {
        let shortage = || io::Error::from_raw_os_error(24);
        let directory = Path::new("/run/pocpit");
        for error in [
            connect_error(&endpoint(), directory, &openssh::Error::Master(shortage())),
            connect_error(&endpoint(), directory, &openssh::Error::Connect(shortage())),
            session_error(&openssh::Error::Remote(shortage())),
            local(&shortage(), || unreachable!()),
        ] {
            assert!(matches!(error, LinkError::Exhausted(_)), "{error}");
            assert!(error.to_string().contains("Too many open files"), "{error}");
        }
        let lost = session_error(&openssh::Error::Remote(io::Error::other("broken pipe")));
        assert!(matches!(lost, LinkError::Lost(_)), "{lost}");
    }

    #[test]
    fn changed_host_key_is_one_sentence() {
        let banner = "@@@@@@@@@@@\n@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @\n@@@@@@@@@@@\nIT IS POSSIBLE";
        let error = classify(&endpoint(), false, banner);
        assert!(matches!(error, LinkError::HostKeyChanged { .. }), "{error}");
        assert!(!error.to_string().contains('@'), "{error}");
    }

    #[test]
    fn refused_request_is_no_lost_link() {
        for words in [
            "Server refused the request: Session open refused by peer.",
            "Server refused the request due to insufficient permission: Session open refused by peer.",
        ] {
            assert_eq!(
                refusal("what was asked", words).to_string(),
                "the rental refuses what was asked: Session open refused by peer"
            );
        }
        let lost = refusal("what was asked", "the connection was terminated");
        assert!(matches!(lost, LinkError::Lost(_)), "{lost}");
    }

    #[test]
    fn other_errors_quote_ssh() {
        let output = "connect to host 198.51.100.7 port 41022: Connection refused\r\n";
        let error = classify(&endpoint(), false, output);
        assert_eq!(
            error.to_string(),
            "no connection to 198.51.100.7:41022: connect to host 198.51.100.7 port 41022: Connection refused"
        );
    }
}
