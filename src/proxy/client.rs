//! Asks the proxy, a process of its own, how it is.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use async_trait::async_trait;
use secrecy::SecretString;
use url::Url;

use super::figures;
use crate::config::ProxyConfig;
use crate::domain::{CallError, CallErrorKind, ProxyFigures};
use crate::http::{HttpClient, HttpRequest};
use crate::ports::InferenceProxy;

/// It is on this machine.
const TIMEOUT: Duration = Duration::from_secs(3);

/// The inference proxy, as the engine sees it.
#[derive(Debug)]
pub struct ProxyClient {
    http: HttpClient,
    at: SocketAddr,
    token: Option<SecretString>,
}

impl ProxyClient {
    /// A client of the proxy with these settings.
    pub fn new(http: HttpClient, config: &ProxyConfig) -> ProxyClient {
        ProxyClient {
            http,
            at: reached(config.listen),
            token: config.callers.token.clone(),
        }
    }
}

/// Where a listener on this machine is reached from this machine.
fn reached(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, listen.port())
}

#[async_trait]
impl InferenceProxy for ProxyClient {
    fn address(&self) -> SocketAddr {
        self.at
    }

    async fn figures(&self) -> Result<ProxyFigures, CallError> {
        let what = format!("ask the inference proxy at {}", self.at);
        let url = format!("http://{}{}", self.at, figures::PATH);
        let url = Url::parse(&url).map_err(|error| CallError {
            kind: CallErrorKind::Malformed,
            what: what.clone(),
            status: None,
            detail: error.to_string(),
        })?;
        let request = HttpRequest::get(what.clone(), url).timeout(TIMEOUT);
        let request = match &self.token {
            Some(token) => request.bearer(token.clone()),
            None => request,
        };
        self.http.send(request).await?.json(&what)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_that_listens_everywhere_is_asked_on_loopback() {
        for (listen, at) in [
            ("0.0.0.0:5000", "127.0.0.1:5000"),
            ("[::]:5000", "[::1]:5000"),
            ("10.0.0.2:5000", "10.0.0.2:5000"),
        ] {
            assert_eq!(reached(listen.parse().unwrap()), at.parse().unwrap());
        }
    }
}
