//! Where requests are passed on to: how they are addressed, and how a connection there is made.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use hyper::Uri;
use hyper::header::{HOST, HeaderMap, HeaderValue, PROXY_AUTHORIZATION};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder, MaybeHttpsStream};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::proxy::Tunnel;
use hyper_util::client::proxy::matcher::{Intercept, Matcher};
use hyper_util::rt::TokioIo;
use rustls::crypto::ring;
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tower_service::Service;
use url::Url;

use super::surface::Endpoint;
use crate::http::is_loopback;

/// A connection that says nothing for so long is asked by the kernel whether it is still there.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// Shared by the addresses of a name: one that swallows everything leaves time for the next.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// A connection, with TLS or without.
pub(super) type Stream = MaybeHttpsStream<TokioIo<TcpStream>>;
type Direct = HttpsConnector<HttpConnector>;
type Tunnelled = HttpsConnector<Tunnel<HttpConnector>>;
type AnyError = Box<dyn std::error::Error + Send + Sync>;

/// A server that speaks HTTP/1.1.
#[derive(Debug, Clone)]
pub(super) struct Destination {
    base: Url,
    way: Way,
}

/// How it is reached.
#[derive(Debug, Clone)]
enum Way {
    Direct(Direct, Uri),
    /// Through a proxy of the environment that passes on bytes that it cannot read.
    Tunnelled(Tunnelled, Uri),
    /// Through a proxy of the environment that reads requests and asks for us.
    Relayed(Direct, Intercept),
}

/// How requests name its endpoints.
#[derive(Debug, Clone)]
pub(super) struct Targets {
    chat_completions: Uri,
    completions: Uri,
}

impl Targets {
    /// `prefix` is between the base address and the endpoints' names.
    pub fn new(destination: &Destination, prefix: &str) -> io::Result<Targets> {
        let target =
            |endpoint: Endpoint| destination.target(&format!("{prefix}{}", endpoint.path()));
        Ok(Targets {
            chat_completions: target(Endpoint::ChatCompletions)?,
            completions: target(Endpoint::Completions)?,
        })
    }

    pub fn of(&self, endpoint: Endpoint) -> &Uri {
        match endpoint {
            Endpoint::ChatCompletions => &self.chat_completions,
            Endpoint::Completions => &self.completions,
        }
    }
}

impl Destination {
    /// Whatever is not on this machine is reached through the proxy that the environment names
    /// (`HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY`, `NO_PROXY`), as with every other call.
    pub fn new(base: &Url) -> io::Result<Destination> {
        let proxies = if is_loopback(base) {
            Matcher::builder().build()
        } else {
            Matcher::from_env()
        };
        Destination::through(base, &proxies)
    }

    fn through(base: &Url, proxies: &Matcher) -> io::Result<Destination> {
        let server = address(base.as_str())?;
        let way = match proxies.intercept(&server) {
            None => Way::Direct(tls(tcp(), &server)?, server),
            Some(proxy) if !can_be_used(&proxy, &server) => return Err(unusable(&proxy, &server)),
            Some(proxy) if is_readable(&server) => Way::Relayed(tls(tcp(), proxy.uri())?, proxy),
            Some(proxy) => Way::Tunnelled(tls(tunnel(&proxy), &server)?, server),
        };
        Ok(Destination {
            base: base.clone(),
            way,
        })
    }

    /// How requests name a path below the base address.
    fn target(&self, path: &str) -> io::Result<Uri> {
        let url = crate::http::join(&self.base, path);
        match self.way {
            Way::Relayed(..) => address(url.as_str()),
            Way::Direct(..) | Way::Tunnelled(..) => address(&url[url::Position::BeforePath..]),
        }
    }

    /// What every request there carries.
    pub fn headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        let host = &self.base[url::Position::BeforeHost..url::Position::AfterPort];
        // What is an address's host is no other than a header's.
        headers.extend(HeaderValue::from_str(host).map(|host| (HOST, host)));
        if let Way::Relayed(_, proxy) = &self.way {
            let known = proxy.basic_auth().cloned();
            headers.extend(known.map(|known| (PROXY_AUTHORIZATION, known)));
        }
        headers
    }

    /// A new connection.
    pub async fn connect(&self) -> Result<Stream, AnyError> {
        match &self.way {
            Way::Direct(connector, server) => connected(connector.clone(), server).await,
            Way::Tunnelled(connector, server) => connected(connector.clone(), server).await,
            Way::Relayed(connector, proxy) => connected(connector.clone(), proxy.uri()).await,
        }
    }
}

async fn connected<C>(mut connector: C, to: &Uri) -> Result<Stream, AnyError>
where
    C: Service<Uri, Response = Stream, Error = AnyError>,
{
    std::future::poll_fn(|context| connector.poll_ready(context)).await?;
    connector.call(to.clone()).await
}

fn tcp() -> HttpConnector {
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    tcp.set_keepalive(Some(KEEP_ALIVE));
    tcp.set_connect_timeout(Some(CONNECT_TIMEOUT));
    tcp
}

/// A proxy can read what is not encrypted.
fn is_readable(server: &Uri) -> bool {
    server.scheme_str() == Some("http")
}

fn can_be_used(proxy: &Intercept, server: &Uri) -> bool {
    let scheme = proxy.uri().scheme_str();
    scheme == Some("http") || is_readable(server) && scheme == Some("https")
}

fn unusable(proxy: &Intercept, server: &Uri) -> io::Error {
    let scheme = proxy.uri().scheme_str().unwrap_or_default();
    let host = server.host().unwrap_or_default();
    io::Error::other(format!(
        "the environment names a {scheme}:// proxy for {host}, and only one of http:// can be used; NO_PROXY={host} asks it without"
    ))
}

fn tunnel(proxy: &Intercept) -> Tunnel<HttpConnector> {
    let tunnel = Tunnel::new(proxy.uri().clone(), tcp());
    match proxy.basic_auth() {
        Some(known) => tunnel.with_auth(known.clone()),
        None => tunnel,
    }
}

/// Certificates are held to what the machine trusts, as with every other call. A machine that trusts
/// nobody can still ask what is not encrypted.
fn tls<C>(tcp: C, to: &Uri) -> io::Result<HttpsConnector<C>> {
    let provider = ring::default_provider();
    let connector = HttpsConnectorBuilder::new();
    let connector = if is_readable(to) {
        let config = ClientConfig::builder_with_provider(Arc::new(provider))
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?
            .with_root_certificates(RootCertStore::empty());
        connector.with_tls_config(config.with_no_client_auth())
    } else {
        connector.with_provider_and_platform_verifier(provider)?
    };
    Ok(connector.https_or_http().enable_http1().wrap_connector(tcp))
}

fn address(text: &str) -> io::Result<Uri> {
    text.parse().map_err(io::Error::other)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxies() -> Matcher {
        let known = "http://someone:secret@proxy.example:3128";
        Matcher::builder().all(known).no("near.example").build()
    }

    fn destination(base: &str) -> Destination {
        Destination::through(&base.parse().unwrap(), &proxies()).unwrap()
    }

    fn target(destination: &Destination) -> String {
        let targets = Targets::new(destination, "").unwrap();
        targets.of(Endpoint::Completions).to_string()
    }

    #[test]
    fn what_no_proxy_stands_before_is_asked_by_its_path_and_host() {
        let near = destination("http://near.example:8000/api/v1");
        assert!(
            matches!(&near.way, Way::Direct(_, server) if *server == "http://near.example:8000/api/v1")
        );
        assert_eq!(target(&near), "/api/v1/completions");
        assert_eq!(near.headers()[HOST], "near.example:8000");
        assert!(!near.headers().contains_key(PROXY_AUTHORIZATION));
    }

    #[test]
    fn a_proxy_that_relays_is_told_the_whole_address_and_who_asks() {
        let far = destination("http://far.example/v1");
        assert!(
            matches!(&far.way, Way::Relayed(_, proxy) if proxy.uri().host() == Some("proxy.example"))
        );
        assert_eq!(target(&far), "http://far.example/v1/completions");
        assert_eq!(far.headers()[HOST], "far.example");
        // By `printf someone:secret | base64`.
        assert_eq!(
            far.headers()[PROXY_AUTHORIZATION],
            "Basic c29tZW9uZTpzZWNyZXQ="
        );
    }

    #[test]
    fn a_proxy_that_tunnels_learns_nothing_but_the_host() {
        let far = destination("https://far.example/v1");
        assert!(
            matches!(&far.way, Way::Tunnelled(_, server) if server.host() == Some("far.example"))
        );
        assert_eq!(target(&far), "/v1/completions");
        assert!(!far.headers().contains_key(PROXY_AUTHORIZATION));
    }

    #[test]
    fn a_proxy_of_another_kind_is_an_error_that_says_what_to_do() {
        let socks = Matcher::builder()
            .all("socks5://proxy.example:1080")
            .build();
        let base = "https://far.example/v1".parse().unwrap();
        let error = Destination::through(&base, &socks).unwrap_err().to_string();
        assert!(
            error.contains("socks5://") && error.contains("NO_PROXY=far.example"),
            "{error}"
        );
    }
}
