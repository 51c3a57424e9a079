//! Where a Network Node has `MLNode`s send their proofs.

// Addresses without the sockets of `std::net`: this file is pure.
use core::net::IpAddr;
use std::fmt;

use serde::{Deserialize, Serialize};
use url::{Host, Url};

/// `api.poc_callback_url` of the Network Node's configuration: `http://api:9100`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallbackAddress {
    url: Url,
    host: CallbackHost,
    port: u16,
}

/// What the host of a callback is to a rental, which is not in any of the operator's private networks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallbackHost {
    /// A name. A rental can map it to itself.
    Name(String),
    /// The rental itself.
    Loopback,
    /// An address of a private network, unreachable from any other.
    Private(String),
    /// Reachable from a rental without our help, if at all.
    Public(String),
}

/// Why a text is not a callback address that a rental could use.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidCallback {
    #[error("api.poc_callback_url is empty")]
    Empty,
    #[error("api.poc_callback_url is not an http URL with a host: {0:?}")]
    NotHttp(String),
    #[error("api.poc_callback_url has a host that cannot be called: {0:?}")]
    NoSuchHost(String),
}

/// Whether a request from a rental has reached the callback.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallbackProof {
    #[default]
    NotTried,
    /// The Network Node's callback server answered.
    Proven,
    /// Cause and remedy.
    Failed(String),
    /// The rental's SSH server refuses the way, and does so again and again.
    Refused(String),
}

impl CallbackProof {
    /// Why proofs would not arrive.
    pub fn failure(&self) -> Option<&str> {
        match self {
            CallbackProof::Failed(why) | CallbackProof::Refused(why) => Some(why),
            CallbackProof::NotTried | CallbackProof::Proven => None,
        }
    }
}

impl CallbackAddress {
    pub fn parse(text: &str) -> Result<CallbackAddress, InvalidCallback> {
        let text = text.trim();
        if text.is_empty() {
            return Err(InvalidCallback::Empty);
        }
        let not_http = || InvalidCallback::NotHttp(shown(text));
        let url = Url::parse(text).map_err(|_| not_http())?;
        // Paths are appended to it: a query or a fragment would end up in the middle.
        let is_plain = matches!(url.scheme(), "http" | "https")
            && url.username().is_empty()
            && url.password().is_none()
            && url.query().is_none()
            && url.fragment().is_none();
        let (Some(host), Some(port), true) = (url.host(), url.port_or_known_default(), is_plain)
        else {
            return Err(not_http());
        };
        let host = classify(&host).ok_or_else(|| InvalidCallback::NoSuchHost(shown(text)))?;
        Ok(CallbackAddress { url, host, port })
    }

    pub fn host(&self) -> &CallbackHost {
        &self.host
    }

    /// As written in the address.
    pub fn host_text(&self) -> &str {
        self.url.host_str().unwrap_or_default()
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// `GET` of it distinguishes a Network Node's callback server from any other (v0.2.13 and later).
    pub fn versions_url(&self) -> String {
        let base = self.url.as_str().trim_end_matches('/');
        format!("{base}/versions")
    }
}

impl fmt::Display for CallbackAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.url.as_str().trim_end_matches('/'))
    }
}

/// The user part may contain a password.
fn shown(text: &str) -> String {
    if text.contains('@') {
        return "(not shown: it holds an @)".to_owned();
    }
    super::excerpt(text)
}

fn classify(host: &Host<&str>) -> Option<CallbackHost> {
    match host {
        Host::Domain(name) if name.eq_ignore_ascii_case("localhost") => {
            Some(CallbackHost::Loopback)
        }
        // It goes into the rental's hosts file.
        Host::Domain(name) if is_host_name(name) => Some(CallbackHost::Name((*name).to_owned())),
        Host::Domain(_) => None,
        Host::Ipv4(ip) if ip.is_unspecified() || ip.is_multicast() || ip.is_broadcast() => None,
        Host::Ipv4(ip) if ip.is_loopback() => Some(CallbackHost::Loopback),
        Host::Ipv4(ip) => {
            let [first, second, ..] = ip.octets();
            // Carrier-grade NAT (RFC 6598), which overlay networks use too.
            let is_shared = first == 100 && (64..128).contains(&second);
            Some(if ip.is_private() || ip.is_link_local() || is_shared {
                CallbackHost::Private(ip.to_string())
            } else {
                CallbackHost::Public(ip.to_string())
            })
        }
        Host::Ipv6(ip) if ip.is_unspecified() || ip.is_multicast() => None,
        Host::Ipv6(ip) if ip.is_loopback() => Some(CallbackHost::Loopback),
        Host::Ipv6(ip) if ip.is_unique_local() || ip.is_unicast_link_local() => {
            Some(CallbackHost::Private(ip.to_string()))
        }
        Host::Ipv6(ip) => Some(CallbackHost::Public(ip.to_string())),
    }
}

/// Whether an IP address can identify a machine: many have the same private one.
pub fn is_public_address(address: &str) -> bool {
    let host = match address.parse() {
        Ok(IpAddr::V4(ip)) => Host::Ipv4(ip),
        Ok(IpAddr::V6(ip)) => Host::Ipv6(ip),
        Err(_) => return false,
    };
    matches!(classify(&host), Some(CallbackHost::Public(_)))
}

/// Whether what is sent to this URL stays on this machine or in a private network. A name without a dot is
/// one of a container network or of the hosts file.
pub fn is_private_url(url: &Url) -> bool {
    const PRIVATE_DOMAINS: [&str; 5] = [".localhost", ".local", ".internal", ".lan", ".home.arpa"];
    let host = url.host().as_ref().and_then(classify);
    match host {
        None => false,
        Some(CallbackHost::Loopback | CallbackHost::Private(_)) => true,
        Some(CallbackHost::Public(_)) => false,
        Some(CallbackHost::Name(name)) => {
            let name = name.trim_end_matches('.');
            !name.contains('.') || PRIVATE_DOMAINS.iter().any(|end| name.ends_with(end))
        }
    }
}

/// A host name or an address, and nothing that a program takes for an option or for a user and a host.
pub fn is_host(text: &str) -> bool {
    is_host_name(text) || text.parse::<IpAddr>().is_ok()
}

fn is_host_name(name: &str) -> bool {
    let is_of_a_name = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_');
    !name.is_empty() && !name.starts_with('-') && name.bytes().all(is_of_a_name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(text: &str) -> CallbackHost {
        CallbackAddress::parse(text).unwrap().host().clone()
    }

    #[test]
    fn callback_host_is_classified() {
        let name = |name: &str| CallbackHost::Name(name.into());
        let private = |ip: &str| CallbackHost::Private(ip.into());
        let public = |ip: &str| CallbackHost::Public(ip.into());
        for (text, expected) in [
            ("http://api:9100", name("api")),
            ("http://node.example.org:9100/", name("node.example.org")),
            ("http://gonka_api:9100", name("gonka_api")),
            ("http://localhost:9100", CallbackHost::Loopback),
            ("http://127.0.0.1:9100", CallbackHost::Loopback),
            ("http://[::1]:9100", CallbackHost::Loopback),
            ("http://10.0.0.5:9100", private("10.0.0.5")),
            ("http://172.18.0.3:9100", private("172.18.0.3")),
            ("http://192.168.1.2:9100", private("192.168.1.2")),
            ("http://100.101.102.103:9100", private("100.101.102.103")),
            ("http://169.254.1.1:9100", private("169.254.1.1")),
            ("http://[fd00::5]:9100", private("fd00::5")),
            ("http://172.32.0.1:9100", public("172.32.0.1")),
            ("http://100.128.0.1:9100", public("100.128.0.1")),
            ("http://203.0.113.9:9100", public("203.0.113.9")),
            ("http://[2001:db8::1]:9100", public("2001:db8::1")),
        ] {
            assert_eq!(host(text), expected, "{text}");
        }
    }

    #[test]
    fn private_urls_stay_at_home() {
        let is_private = |url: &str| is_private_url(&url.parse().unwrap());
        for url in [
            "http://127.0.0.1:1",
            "http://localhost",
            "http://[::1]:2",
            "http://10.1.2.3",
            "http://100.64.0.7",
            "http://api:9200",
            "http://gateway.lan",
            "http://node.home.arpa.",
        ] {
            assert!(is_private(url), "{url}");
        }
        for url in [
            "http://console.vast.ai",
            "http://203.0.113.1",
            "http://[2001:db8::1]",
            "http://notlocal",
            "http://evillan.example",
        ] {
            assert_eq!(is_private(url), url == "http://notlocal", "{url}");
        }
    }

    #[test]
    fn callback_port_follows_the_scheme() {
        for (text, port) in [
            ("http://api:9100", 9100),
            ("http://api", 80),
            ("https://api/", 443),
        ] {
            assert_eq!(CallbackAddress::parse(text).unwrap().port(), port, "{text}");
        }
    }

    #[test]
    fn versions_url_keeps_the_path() {
        let versions = |text: &str| CallbackAddress::parse(text).unwrap().versions_url();
        assert_eq!(versions("http://api:9100/"), "http://api:9100/versions");
        assert_eq!(versions("http://api:80/poc"), "http://api/poc/versions");
    }

    #[test]
    fn unusable_callback_is_refused() {
        assert_eq!(CallbackAddress::parse(" "), Err(InvalidCallback::Empty));
        for text in [
            "api:9100",
            "/versions",
            "ftp://api:9100",
            "http://user:word@api:9100",
            "http://api:9100/?x=1",
        ] {
            let refused = CallbackAddress::parse(text);
            assert!(
                matches!(refused, Err(InvalidCallback::NotHttp(_))),
                "{text}"
            );
        }
        for text in [
            "http://0.0.0.0:9100",
            "http://[::]:9100",
            "http://224.0.0.1:9",
        ] {
            let refused = CallbackAddress::parse(text);
            assert!(
                matches!(refused, Err(InvalidCallback::NoSuchHost(_))),
                "{text}"
            );
        }
    }
}
