//! Pooled HTTP/1.1 connections to one upstream, direct or through a proxy of the environment.

use std::error::Error as _;
use std::io;
use std::iter::successors;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{HeaderMap, HeaderValue, PROXY_AUTHORIZATION};
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper::{Method, Request, Response, Uri};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder, MaybeHttpsStream};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::proxy::Tunnel;
use hyper_util::client::legacy::connect::{Connected, Connection, HttpConnector};
use hyper_util::client::proxy::matcher::{Intercept, Matcher};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustls::crypto::ring;
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tower_service::Service;
use url::Url;

use super::route::InferenceEndpoint;
use crate::http::{is_loopback, join, with_causes};

/// After this much silence the kernel probes whether the peer is still there.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// Shared by all addresses of a name: one that swallows packets leaves time for the next.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Most servers close an idle connection after a minute or two.
const IDLE_TIMEOUT: Duration = Duration::from_mins(1);

pub(super) type UpstreamRequest = Request<Full<Bytes>>;
pub(super) type UpstreamBody = Incoming;
type AnyError = Box<dyn std::error::Error + Send + Sync>;

/// Why there is no reply, or no more of it. Without addresses.
#[derive(Debug, thiserror::Error)]
pub(super) enum UpstreamError {
    #[error("{}", with_causes(.0))]
    NoReply(#[from] hyper_util::client::legacy::Error),
    #[error("the connection broke: {}", with_causes(.0))]
    Broken(#[from] hyper::Error),
    #[error("no data for {} s", .0.as_secs())]
    Idle(Duration),
}

/// Connections to one upstream, for one worker thread.
pub(super) struct UpstreamClient {
    pooled: Client<Connector, Full<Bytes>>,
    /// Opens a connection for each request.
    fresh: Client<Connector, Full<Bytes>>,
}

impl UpstreamClient {
    pub fn new(destination: &Destination) -> UpstreamClient {
        let pooled = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_TIMEOUT)
            .build(destination.connector.clone());
        let fresh = Client::builder(TokioExecutor::new())
            .pool_max_idle_per_host(0)
            .build(destination.connector.clone());
        UpstreamClient { pooled, fresh }
    }

    /// Returns when the head of the reply has arrived. A server may close an idle connection just as a
    /// request goes out on it. That is no failure of the server, so the request is sent once more, on a new
    /// connection: it changes nothing there, and is answered at most once.
    pub async fn send(
        &self,
        request: impl Fn() -> UpstreamRequest,
    ) -> Result<Response<UpstreamBody>, UpstreamError> {
        match self.pooled.request(request()).await {
            Err(error) if is_closed_before_reply(&error) => {}
            other => return Ok(other?),
        }
        Ok(self.fresh.request(request()).await?)
    }
}

/// The connection was open and ended before the first byte of the reply.
fn is_closed_before_reply(error: &hyper_util::client::legacy::Error) -> bool {
    if error.is_connect() {
        return false;
    }
    let mut causes = successors(error.source(), |error| (*error).source());
    causes.any(|cause| {
        let closed = cause.downcast_ref::<hyper::Error>();
        let lost = cause.downcast_ref::<io::Error>().map(io::Error::kind);
        closed.is_some_and(|error| error.is_incomplete_message() || error.is_closed())
            || matches!(
                lost,
                Some(io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe)
            )
    })
}

/// An upstream's address, and how to connect to it.
#[derive(Clone)]
pub(super) struct Destination {
    chat_completions: Uri,
    completions: Uri,
    connector: Connector,
    /// For a proxy that relays requests.
    proxy_authorization: Option<HeaderValue>,
}

impl Destination {
    /// The endpoints below `base`. An upstream that is not on this machine is reached through the proxy that
    /// the environment names (`HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY`, `NO_PROXY`), like every other request
    /// of pocpit.
    pub fn new(base: &Url) -> io::Result<Destination> {
        let proxies = if is_loopback(base) {
            Matcher::builder().build()
        } else {
            Matcher::from_env()
        };
        Destination::through(base, &proxies)
    }

    fn through(base: &Url, proxies: &Matcher) -> io::Result<Destination> {
        let uri = |endpoint: InferenceEndpoint| {
            let url = join(base, endpoint.path());
            url.as_str().parse().map_err(io::Error::other)
        };
        let completions: Uri = uri(InferenceEndpoint::Completions)?;
        let proxy = proxies.intercept(&completions);
        let relay = proxy.as_ref().filter(|_| !is_tls(&completions));
        Ok(Destination {
            proxy_authorization: relay.and_then(|proxy| proxy.basic_auth().cloned()),
            connector: Connector::new(&completions, proxy)?,
            chat_completions: uri(InferenceEndpoint::ChatCompletions)?,
            completions,
        })
    }

    /// A request for an endpoint, with these headers and those that the way there needs.
    pub fn request(
        &self,
        endpoint: InferenceEndpoint,
        mut headers: HeaderMap,
        body: Bytes,
    ) -> UpstreamRequest {
        let uri = match endpoint {
            InferenceEndpoint::ChatCompletions => &self.chat_completions,
            InferenceEndpoint::Completions => &self.completions,
        };
        if let Some(authorization) = &self.proxy_authorization {
            headers.insert(PROXY_AUTHORIZATION, authorization.clone());
        }
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = uri.clone();
        *request.headers_mut() = headers;
        request
    }
}

#[derive(Clone)]
enum Connector {
    Direct(HttpsConnector<HttpConnector>),
    /// A proxy that passes on encrypted bytes.
    Tunnel(HttpsConnector<Tunnel<HttpConnector>>),
    /// A proxy that reads each request and sends it on.
    Relay(HttpsConnector<HttpConnector>, Uri),
}

impl Connector {
    fn new(upstream: &Uri, proxy: Option<Intercept>) -> io::Result<Connector> {
        let Some(proxy) = proxy else {
            return Ok(Connector::Direct(https(tcp(), upstream)?));
        };
        match (proxy.uri().scheme_str(), is_tls(upstream)) {
            (Some("http" | "https"), false) => {
                let connector = https(tcp(), proxy.uri())?;
                Ok(Connector::Relay(connector, proxy.uri().clone()))
            }
            (Some("http"), true) => {
                let tunnel = Tunnel::new(proxy.uri().clone(), tcp());
                let tunnel = match proxy.basic_auth() {
                    Some(authorization) => tunnel.with_auth(authorization.clone()),
                    None => tunnel,
                };
                Ok(Connector::Tunnel(https(tunnel, upstream)?))
            }
            (scheme, _) => Err(unsupported_proxy(scheme.unwrap_or_default(), upstream)),
        }
    }
}

fn unsupported_proxy(scheme: &str, upstream: &Uri) -> io::Error {
    let host = upstream.host().unwrap_or_default();
    io::Error::other(format!(
        "the environment names a {scheme}:// proxy for {host}; only http:// proxies are supported. Use one, or set NO_PROXY={host} to connect directly"
    ))
}

fn is_tls(uri: &Uri) -> bool {
    uri.scheme_str() == Some("https")
}

fn tcp() -> HttpConnector {
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    tcp.set_keepalive(Some(KEEP_ALIVE));
    tcp.set_connect_timeout(Some(CONNECT_TIMEOUT));
    tcp
}

/// Certificates are verified as the platform does. They are loaded for a TLS peer only, so that a
/// machine without any can still reach the others.
fn https<C>(tcp: C, peer: &Uri) -> io::Result<HttpsConnector<C>> {
    let provider = ring::default_provider();
    let connector = HttpsConnectorBuilder::new();
    let connector = if is_tls(peer) {
        connector.with_provider_and_platform_verifier(provider)?
    } else {
        let config = ClientConfig::builder_with_provider(Arc::new(provider))
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?
            .with_root_certificates(RootCertStore::empty());
        connector.with_tls_config(config.with_no_client_auth())
    };
    Ok(connector.https_or_http().enable_http1().wrap_connector(tcp))
}

type TlsOrTcp = MaybeHttpsStream<TokioIo<TcpStream>>;
type Connecting = Pin<Box<dyn Future<Output = Result<UpstreamStream, AnyError>> + Send>>;

impl Service<Uri> for Connector {
    type Response = UpstreamStream;
    type Error = AnyError;
    type Future = Connecting;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), AnyError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, upstream: Uri) -> Connecting {
        match self.clone() {
            Connector::Direct(connector) => connect(connector, upstream, Hop::Upstream),
            Connector::Tunnel(connector) => connect(connector, upstream, Hop::Upstream),
            Connector::Relay(connector, proxy) => connect(connector, proxy, Hop::Relay),
        }
    }
}

fn connect<C>(mut connector: C, to: Uri, hop: Hop) -> Connecting
where
    C: Service<Uri, Response = TlsOrTcp, Error = AnyError> + Send + 'static,
    C::Future: Send,
{
    Box::pin(async move {
        let connected = async {
            std::future::poll_fn(|context| connector.poll_ready(context)).await?;
            connector.call(to).await
        };
        let stream = timeout(CONNECT_TIMEOUT, connected).await??;
        Ok(UpstreamStream { stream, hop })
    })
}

/// Who reads the requests on a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Hop {
    Upstream,
    Relay,
}

struct UpstreamStream {
    stream: TlsOrTcp,
    hop: Hop,
}

impl Connection for UpstreamStream {
    /// A relay needs the whole URI in the request line.
    fn connected(&self) -> Connected {
        self.stream.connected().proxy(self.hop == Hop::Relay)
    }
}

impl Read for UpstreamStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl Write for UpstreamStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;

    fn proxied(base: &str, proxy: &str) -> io::Result<Destination> {
        let proxies = Matcher::builder().all(proxy).no("localhost").build();
        Destination::through(&base.parse().unwrap(), &proxies)
    }

    /// The first head that arrives on a listener. It is answered with 502.
    async fn first_head(listener: TcpListener) -> String {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut head = Vec::new();
        while !head.windows(4).any(|end| end == b"\r\n\r\n") {
            assert!(stream.read_buf(&mut head).await.unwrap() > 0);
        }
        let refusal = b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n";
        stream.write_all(refusal).await.unwrap();
        String::from_utf8(head).unwrap().to_lowercase()
    }

    /// What a proxy or server on loopback, at `{place}` in the addresses, receives.
    async fn head_sent(base: &str, proxy: &str) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let place = listener.local_addr().unwrap().port().to_string();
        let base = base.replace("{port}", &place);
        let destination = proxied(&base, &proxy.replace("{port}", &place)).unwrap();
        let request = || {
            let endpoint = InferenceEndpoint::Completions;
            destination.request(endpoint, HeaderMap::new(), "{}".into())
        };
        let client = UpstreamClient::new(&destination);
        let (head, _) = tokio::join!(first_head(listener), client.send(request));
        head
    }

    #[tokio::test]
    async fn direct_request_has_path_and_host() {
        let head = head_sent("http://localhost:{port}/api/v1", "http://proxy.invalid").await;
        assert!(
            head.starts_with("post /api/v1/completions http/1.1"),
            "{head}"
        );
        assert!(head.contains("\nhost: localhost:"), "{head}");
        assert!(!head.contains("proxy-authorization"), "{head}");
    }

    #[tokio::test]
    async fn relay_gets_whole_uri_and_authorization() {
        let proxy = "http://someone:secret@127.0.0.1:{port}";
        let head = head_sent("http://far.example/v1", proxy).await;
        let line = "post http://far.example/v1/completions http/1.1";
        assert!(head.starts_with(line), "{head}");
        assert!(head.contains("\nhost: far.example\r"), "{head}");
        // By `printf someone:secret | base64`.
        let authorization = "proxy-authorization: basic c29tZW9uZTpzZWNyZXQ=".to_lowercase();
        assert!(head.contains(&authorization), "{head}");
    }

    #[tokio::test]
    async fn tunnel_learns_only_the_host() {
        let proxy = "http://someone:secret@127.0.0.1:{port}";
        let head = head_sent("https://far.example/v1", proxy).await;
        assert!(
            head.starts_with("connect far.example:443 http/1.1"),
            "{head}"
        );
        assert!(head.contains("proxy-authorization"), "{head}");
        assert!(!head.contains("completions"), "{head}");
        // Inside the tunnel, the upstream must not see the proxy's credentials.
        let far = proxied(
            "https://far.example/v1",
            "http://someone:secret@proxy.example",
        )
        .unwrap();
        assert!(far.proxy_authorization.is_none());
    }

    #[test]
    fn unsupported_proxy_error_says_what_to_do() {
        let result = proxied("https://far.example/v1", "socks5://proxy.example:1080");
        let error = result.err().unwrap().to_string();
        assert!(
            error.contains("socks5://") && error.contains("NO_PROXY=far.example"),
            "{error}"
        );
    }
}
