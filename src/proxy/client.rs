//! Reads the status of the proxy, which is another process.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use async_trait::async_trait;
use secrecy::SecretString;
use url::Url;

use super::route::STATUS_PATH;
use crate::config::ProxyConfig;
use crate::domain::{CallError, CallErrorKind, ProxyFigures};
use crate::http::{HttpClient, HttpRequest};
use crate::ports::InferenceProxy;

/// Short: the proxy is on this machine.
const TIMEOUT: Duration = Duration::from_secs(3);

/// A client of the inference proxy.
#[derive(Debug)]
pub struct ProxyClient {
    http: HttpClient,
    address: SocketAddr,
    token: Option<SecretString>,
}

impl ProxyClient {
    pub fn new(http: HttpClient, config: &ProxyConfig) -> ProxyClient {
        ProxyClient {
            http,
            address: local_address(config.listen),
            token: config.callers.token.clone(),
        }
    }
}

/// The address under which this machine reaches its own listener.
fn local_address(listen: SocketAddr) -> SocketAddr {
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
        self.address
    }

    async fn figures(&self) -> Result<ProxyFigures, CallError> {
        let what = format!("read the status of the inference proxy at {}", self.address);
        let url = format!("http://{}{}", self.address, STATUS_PATH);
        let url = Url::parse(&url)
            .map_err(|error| CallError::new(&what, CallErrorKind::Malformed, error.to_string()))?;
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
    fn wildcard_listener_is_reached_on_loopback() {
        for (listen, at) in [
            ("0.0.0.0:5000", "127.0.0.1:5000"),
            ("[::]:5000", "[::1]:5000"),
            ("10.0.0.2:5000", "10.0.0.2:5000"),
        ] {
            assert_eq!(local_address(listen.parse().unwrap()), at.parse().unwrap());
        }
    }
}
