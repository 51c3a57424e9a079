//! Sends one request and returns its answer; retries and error policy are the client's.

use std::error::Error;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::SinkExt;
use futures_util::stream::{BoxStream, StreamExt};
use reqwest::header;
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode};
use secrecy::ExposeSecret;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::Role;
use tokio_tungstenite::tungstenite::{self, Message};
use url::{Host, Url};

use super::{HttpMethod, HttpRequest};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const READ_TIMEOUT: Duration = Duration::from_mins(1);
/// To open a WebSocket.
const OPEN_TIMEOUT: Duration = Duration::from_secs(15);
/// Longest body that is read.
pub(super) const MAX_BODY: usize = 16 * 1024 * 1024;

/// The network, or a simulated world in the same process.
#[async_trait]
pub trait Transport: Send + Sync {
    /// Sends a request once, within its timeout.
    async fn exchange(&self, request: &HttpRequest) -> Result<Answer, TransportError>;

    /// Opens a WebSocket at an `http` or `https` URL, sends `first`, and streams what arrives. Ends with
    /// the connection.
    async fn messages(&self, _url: &Url, _first: &str) -> Result<Messages, TransportError> {
        let why = "this transport has no WebSockets".to_owned();
        Err(TransportError::Unusable(why))
    }
}

pub type Messages = BoxStream<'static, Result<String, TransportError>>;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    /// The header `Retry-After`.
    pub retry_after: Option<String>,
    /// The header `X-RateLimit-Reset`: when a quota is full again, in unix seconds.
    pub quota_reset: Option<String>,
    /// The header `Date`: the server's clock.
    pub date: Option<String>,
    /// The body as far as it arrived.
    pub body: String,
    pub broken: Option<BrokenBody>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BrokenBody {
    TooLong,
    BrokeOff(String),
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TransportError {
    /// This machine cannot send it; a retry will not help.
    #[error("{0}")]
    Unusable(String),
    /// It certainly did not reach the server.
    #[error("{0}")]
    NotSent(String),
    /// It may have reached the server.
    #[error("{0}")]
    Lost(String),
}

pub(super) struct Network {
    /// Uses the proxies of the environment.
    remote: Result<Client, String>,
    /// No proxy, and no need for CA certificates on this machine.
    loopback: Result<Client, String>,
}

impl Network {
    /// Without usable CA certificates, requests to other machines fail and say so; loopback works.
    pub(super) fn new() -> Network {
        // Fails if a provider is already installed; that one is used then.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let common = || {
            Client::builder()
                .user_agent(concat!("pocpit/", env!("CARGO_PKG_VERSION")))
                .connect_timeout(CONNECT_TIMEOUT)
                .read_timeout(READ_TIMEOUT)
                .redirect(reqwest::redirect::Policy::none())
                // Only the client decides on retries: a rent call must never be sent twice.
                .retry(reqwest::retry::never())
        };
        let reason = |error: reqwest::Error| with_causes(&error);
        Network {
            remote: common().build().map_err(reason),
            loopback: common()
                .no_proxy()
                .tls_certs_only([])
                .build()
                .map_err(reason),
        }
    }

    fn client(&self, url: &Url) -> Result<&Client, TransportError> {
        let client = if is_loopback(url) {
            &self.loopback
        } else {
            &self.remote
        };
        client.as_ref().map_err(|reason| {
            TransportError::Unusable(format!(
                "the TLS client cannot be set up: {reason}; are CA certificates installed?"
            ))
        })
    }

    fn prepare(&self, request: &HttpRequest) -> Result<RequestBuilder, TransportError> {
        let client = self.client(&request.url)?;
        let method = match request.method {
            HttpMethod::Get => Method::GET,
            HttpMethod::Post => Method::POST,
            HttpMethod::Put => Method::PUT,
            HttpMethod::Delete => Method::DELETE,
        };
        let mut builder = client
            .request(method, request.url.clone())
            .timeout(request.timeout);
        for (name, value) in &request.headers {
            builder = builder.header(*name, value);
        }
        if !request.query.is_empty() {
            builder = builder.query(&request.query);
        }
        if let Some(bearer) = &request.bearer {
            builder = builder.bearer_auth(bearer.expose_secret());
        }
        if let Some(body) = &request.body {
            builder = builder.json(body);
        }
        Ok(builder)
    }
}

#[async_trait]
impl Transport for Network {
    async fn exchange(&self, request: &HttpRequest) -> Result<Answer, TransportError> {
        let response = self.prepare(request)?.send().await.map_err(failure)?;
        let status = response.status().as_u16();
        let text = |name: &str| {
            let value = response.headers().get(name)?;
            value.to_str().ok().map(str::to_owned)
        };
        let retry_after = text(header::RETRY_AFTER.as_str());
        let quota_reset = text("x-ratelimit-reset");
        let date = text(header::DATE.as_str());
        let (body, broken) = read_body(response).await;
        Ok(Answer {
            status,
            retry_after,
            quota_reset,
            date,
            body,
            broken,
        })
    }

    async fn messages(&self, url: &Url, first: &str) -> Result<Messages, TransportError> {
        let key = generate_key();
        let asked = self
            .client(url)?
            .get(url.clone())
            .header(header::CONNECTION, "Upgrade")
            .header(header::UPGRADE, "websocket")
            .header(header::SEC_WEBSOCKET_VERSION, "13")
            .header(header::SEC_WEBSOCKET_KEY, &key)
            .timeout(OPEN_TIMEOUT);
        let answer = asked.send().await.map_err(failure)?;
        let accepts = answer.headers().get(header::SEC_WEBSOCKET_ACCEPT);
        let is_open = answer.status() == StatusCode::SWITCHING_PROTOCOLS
            && accepts.is_some_and(|accepts| *accepts == derive_accept_key(key.as_bytes()));
        if !is_open {
            let refused = format!("the server offers no WebSocket: HTTP {}", answer.status());
            return Err(TransportError::Lost(refused));
        }
        let stream = answer.upgrade().await.map_err(failure)?;
        let mut socket = WebSocketStream::from_raw_socket(stream, Role::Client, None).await;
        let first = Message::text(first);
        socket.send(first).await.map_err(|error| broken(&error))?;
        let texts = socket.filter_map(async |message| match message {
            Ok(Message::Text(text)) => Some(Ok(text.to_string())),
            Ok(_) => None,
            Err(error) => Some(Err(broken(&error))),
        });
        Ok(texts.boxed())
    }
}

fn broken(error: &tungstenite::Error) -> TransportError {
    TransportError::Lost(with_causes(error))
}

/// True for an address of this machine.
pub fn is_loopback(url: &url::Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

fn failure(error: reqwest::Error) -> TransportError {
    let (connecting, building) = (error.is_connect(), error.is_builder());
    let reason = with_causes(&error.without_url());
    if building {
        TransportError::Unusable(reason)
    } else if connecting {
        TransportError::NotSent(reason)
    } else {
        TransportError::Lost(reason)
    }
}

/// The body as far as it arrived, and why it is incomplete.
async fn read_body(mut response: Response) -> (String, Option<BrokenBody>) {
    let mut bytes = Vec::new();
    let broken = loop {
        match response.chunk().await {
            Ok(Some(chunk)) if bytes.len() + chunk.len() > MAX_BODY => {
                break Some(BrokenBody::TooLong);
            }
            Ok(Some(chunk)) => bytes.extend_from_slice(&chunk),
            Ok(None) => break None,
            Err(error) => break Some(BrokenBody::BrokeOff(with_causes(&error.without_url()))),
        }
    };
    (String::from_utf8_lossy(&bytes).into_owned(), broken)
}

/// An error and its causes in one line.
pub fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let words = inner.to_string();
        if !text.contains(&words) {
            text.push_str(": ");
            text.push_str(&words);
        }
        cause = inner.source();
    }
    text
}
