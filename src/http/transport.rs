//! Carries one request there and its answer back, and knows nothing of policy.

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

/// What carries requests: the network, or a simulated world in the same process.
#[async_trait]
pub trait Transport: Send + Sync {
    /// Sends a request once, and waits no longer than its time-out.
    async fn exchange(&self, request: &HttpRequest) -> Result<Answer, TransportError>;

    /// Opens a WebSocket at an `http` or `https` address, says `first`, and carries what comes. Ends
    /// with the connection.
    async fn messages(&self, _url: &Url, _first: &str) -> Result<Messages, TransportError> {
        let nobody = "nobody sends messages here".to_owned();
        Err(TransportError::Unusable(nobody))
    }
}

/// Texts as they come.
pub type Messages = BoxStream<'static, Result<String, TransportError>>;

/// Whatever came back, of any status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// The header `Retry-After`.
    pub retry_after: Option<String>,
    /// The body as far as it came.
    pub body: String,
    /// Why that is not all of it.
    pub broken: Option<BrokenBody>,
}

/// Why a body is not whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BrokenBody {
    /// It is longer than anything that is asked for.
    TooLong,
    /// The connection ended in the middle.
    BrokeOff(String),
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TransportError {
    /// This machine cannot send it, now or later.
    #[error("{0}")]
    Unusable(String),
    /// It certainly never reached the other side.
    #[error("{0}")]
    NotSent(String),
    /// It may have arrived.
    #[error("{0}")]
    Lost(String),
}

/// The network.
pub(super) struct Network {
    /// For everybody else: proxies of the environment apply.
    remote: Result<Client, String>,
    /// For loopback: no proxy, and no certificates needed on this machine.
    loopback: Result<Client, String>,
}

impl Network {
    /// Should the machine's certificates be unusable, calls to other machines say so; loopback
    /// works all the same.
    pub(super) fn new() -> Network {
        // Somebody else may have installed a provider first: then that one is used.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let common = || {
            Client::builder()
                .user_agent(concat!("pocpit/", env!("CARGO_PKG_VERSION")))
                .connect_timeout(CONNECT_TIMEOUT)
                .read_timeout(READ_TIMEOUT)
                .redirect(reqwest::redirect::Policy::none())
                // Retries are decided by the client and nowhere else: a rent must never be sent twice.
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
        let retry_after = response
            .headers()
            .get(reqwest::header::RETRY_AFTER)
            .and_then(|value| value.to_str().ok())
            .map(str::to_owned);
        let (body, broken) = read_body(response).await;
        Ok(Answer {
            status,
            retry_after,
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
            let refused = format!("no WebSocket there: HTTP {}", answer.status());
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

/// True for an address that no other machine answers.
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
        return TransportError::Unusable(reason);
    }
    if connecting {
        return TransportError::NotSent(reason);
    }
    TransportError::Lost(reason)
}

/// The body as far as it came, and why that is not all of it.
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

/// An error and what led to it, in one line.
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
