//! How a rental reaches the `PoC` callback, and whether it does.

use crate::domain::{CallError, CallbackAddress, CallbackHost, CallbackProof, excerpt};
use crate::ports::{CallbackForward, CommandOutput};
use crate::ssh::quoted;

const SCRIPT: &str = include_str!("prove_callback.sh");
/// Before what the script says.
const MARK: &str = "pocpit-callback ";

/// How rentals get to the callback.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallbackWay {
    /// Through the SSH session, to this `host:port` as reached from here.
    Tunnel { target: String },
    /// The rental calls its public address.
    Direct,
}

/// The route from a rental to a callback.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallbackRoute {
    address: CallbackAddress,
    /// The port forward that it needs, if any.
    pub forward: Option<CallbackForward>,
}

impl CallbackRoute {
    pub fn of(address: CallbackAddress, way: &CallbackWay) -> CallbackRoute {
        let target = match (way, address.host()) {
            // A private address could only be served at the rental's own loopback, and a rental is an
            // unprivileged container (guide to Vast.ai, section on machines), which can add none.
            (CallbackWay::Direct, _) | (_, CallbackHost::Public(_) | CallbackHost::Private(_)) => {
                None
            }
            (CallbackWay::Tunnel { target }, CallbackHost::Name(_) | CallbackHost::Loopback) => {
                Some(target)
            }
        };
        let forward = target.map(|target| CallbackForward {
            remote_port: address.port(),
            target: target.clone(),
        });
        CallbackRoute { address, forward }
    }

    /// How the script makes the callback's host lead into the tunnel: the rental maps a name to itself.
    fn step(&self) -> &'static str {
        match (&self.forward, self.address.host()) {
            (Some(_), CallbackHost::Name(_)) => "name",
            _ => "plain",
        }
    }

    /// The command that sets up the route on the rental and calls the callback.
    pub fn command(&self) -> String {
        let (script, host) = (quoted(SCRIPT), quoted(self.address.host_text()));
        let (step, url) = (self.step(), quoted(&self.address.versions_url()));
        format!("sh -c {script} callback {step} {host} {url}")
    }

    /// What the command's output proves.
    pub fn proof(&self, output: &CommandOutput) -> CallbackProof {
        let text = String::from_utf8_lossy(&output.stdout);
        let (_, said) = text.split_once(MARK).unwrap_or_default();
        let (first, body) = said.split_once('\n').unwrap_or((said, ""));
        let (word, rest) = first.split_once(' ').unwrap_or((first, ""));
        let address = &self.address;
        let why = match (word, rest.trim()) {
            ("http", "200") if body.trim_start().starts_with('{') => return CallbackProof::Proven,
            ("http", status) => format!(
                "{address}/versions answered HTTP {status}: it is no callback server of a Network Node (0.2.13 or later). {}",
                self.target_remedy()
            ),
            ("unmapped", why) => format!(
                "the rental's /etc/hosts cannot be changed, so {address} does not lead here: {}",
                excerpt(why)
            ),
            ("failed", why) => format!(
                "the rental does not reach {address}: {}. {}",
                excerpt(why),
                self.target_remedy()
            ),
            _ => format!(
                "cannot check on the rental whether it reaches {address}: {}",
                output.reason()
            ),
        };
        CallbackProof::Failed(why)
    }

    fn target_remedy(&self) -> String {
        match &self.forward {
            Some(forward) => format!(
                "Check that the Network Node's callback is at {} as seen from this machine (network_node.callback_target)",
                forward.target
            ),
            None => "Open this port of the Network Node to the internet, or set a name such as http://api:9100 in DAPI_API__POC_CALLBACK_URL and use network_node.exposure = \"tunnel\"".to_owned(),
        }
    }
}

/// The proof when the address could not be read.
pub fn unread_callback(error: &CallError) -> CallbackProof {
    CallbackProof::Failed(format!(
        "{error}; check network_node.admin_api, and api.poc_callback_url in its /admin/v1/config"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(url: &str, way: &CallbackWay) -> CallbackRoute {
        CallbackRoute::of(CallbackAddress::parse(url).unwrap(), way)
    }

    fn tunnel() -> CallbackWay {
        CallbackWay::Tunnel {
            target: "127.0.0.1:9100".into(),
        }
    }

    fn output(stdout: &str) -> CommandOutput {
        CommandOutput {
            status: Some(0),
            stdout: stdout.into(),
            stderr: b"sh: not found".to_vec(),
        }
    }

    #[test]
    fn each_kind_of_host_has_its_route() {
        let direct = CallbackWay::Direct;
        for (url, way, step, port) in [
            ("http://api:9100", tunnel(), "name", Some(9_100)),
            ("http://node.example.org", tunnel(), "name", Some(80)),
            ("http://10.0.0.5:9101", tunnel(), "plain", None),
            ("http://127.0.0.1:9100", tunnel(), "plain", Some(9_100)),
            ("http://203.0.113.9:9100", tunnel(), "plain", None),
            (
                "http://node.example.org:9100",
                direct.clone(),
                "plain",
                None,
            ),
            ("http://10.0.0.5:9100", direct, "plain", None),
        ] {
            let route = route(url, &way);
            let forwarded = route.forward.as_ref().map(|forward| forward.remote_port);
            assert_eq!((route.step(), forwarded), (step, port), "{url} {way:?}");
        }
    }

    #[test]
    fn command_names_the_url_last() {
        let command = route("http://api:9100", &tunnel()).command();
        let end = " callback name 'api' 'http://api:9100/versions'";
        assert!(command.ends_with(end), "{command}");
    }

    #[test]
    fn only_a_callback_server_proves_the_callback() {
        let route = route("http://api:9100", &tunnel());
        let proof = |text: &str| route.proof(&output(text));
        let proven = "pocpit-callback http 200\n{\"versions\": []}";
        // A noisy .bashrc is no answer.
        for greeting in ["", "http 404\nfailed logins: 3\n", "Welcome"] {
            let text = format!("{greeting}{proven}");
            assert_eq!(proof(&text), CallbackProof::Proven, "{greeting}");
        }
        for (text, cause) in [
            ("pocpit-callback http 200\n<html>", "no callback server"),
            ("pocpit-callback http 404\n{}", "HTTP 404"),
            ("pocpit-callback http 502\n", "HTTP 502"),
            (
                "pocpit-callback failed curl: (7) Connection refused\n",
                "Connection refused",
            ),
            (
                "pocpit-callback unmapped Read-only file system\n",
                "/etc/hosts",
            ),
            ("", "sh: not found"),
            ("Welcome\n", "sh: not found"),
        ] {
            let CallbackProof::Failed(why) = proof(text) else {
                panic!("{text}");
            };
            assert!(why.contains(cause), "{why}");
        }
    }

    #[test]
    fn unreached_private_address_names_the_remedy() {
        let route = route("http://10.0.0.5:9100", &tunnel());
        let proof = route.proof(&output(
            "pocpit-callback failed curl: (28) Connection timed out\n",
        ));
        let CallbackProof::Failed(why) = proof else {
            panic!("{proof:?}");
        };
        assert!(why.contains("DAPI_API__POC_CALLBACK_URL"), "{why}");
    }
}
