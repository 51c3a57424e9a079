//! The local end of a tunnel: an HTTP proxy rather than a copy of bytes, because a Network Node may
//! prefix every path with the software version (`/v3.0.8/api/v1/state`), which the `MLNode` does not
//! know. It outlives SSH sessions: a request without a link waits for the next session.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::Body;
use axum::response::IntoResponse as _;
use hyper::body::Incoming;
use hyper::client::conn::http1::SendRequest;
use hyper::header::{self, HeaderMap, HeaderName};
use hyper::{Request, Response, StatusCode, Uri};
use hyper_util::rt::{TokioIo, TokioTimer};
use serde_json::json;
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::sync::{Mutex, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::meter::{CountedBody, Meter};
use crate::domain::behind_version;

/// For headers only; bodies may take any time.
const HEADER_TIMEOUT: Duration = Duration::from_secs(30);
const LINK_TIMEOUT: Duration = Duration::from_secs(5);
const RETRY_INTERVAL: Duration = Duration::from_millis(50);
/// The `MLNode` closes a connection after five idle seconds, and a request that crosses the close is
/// lost.
const MAX_IDLE: Duration = Duration::from_secs(2);

/// The SSH forward's socket; `None` without a link.
pub(super) type Socket = Option<Arc<Path>>;

#[derive(Debug)]
pub(super) struct LocalEnd {
    pub(super) socket: watch::Sender<Socket>,
    pub(super) meter: Arc<Meter>,
}

type LinkSender = SendRequest<CountedBody<Incoming>>;

pub(super) async fn serve(listener: TcpListener, front: Arc<LocalEnd>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => drop(connections.spawn(serve_connection(stream, front.clone()))),
                // Out of file descriptors: open connections will free some.
                Err(_) => tokio::time::sleep(RETRY_INTERVAL).await,
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

/// Each connection uses at most one to the rental, opened by its first request.
async fn serve_connection(stream: TcpStream, front: Arc<LocalEnd>) {
    let _ = stream.set_nodelay(true);
    let idle = Arc::new(Mutex::new(None));
    let handler = hyper::service::service_fn(move |request| {
        let (idle, front) = (idle.clone(), front.clone());
        async move { Ok::<_, std::convert::Infallible>(front.forward(request, &idle).await) }
    });
    // A connection that breaks off is its client's concern.
    let _ = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .serve_connection(TokioIo::new(stream), handler)
        .await;
}

impl LocalEnd {
    async fn forward(
        &self,
        mut request: Request<Incoming>,
        idle: &Mutex<Option<(LinkSender, Instant)>>,
    ) -> Response<Body> {
        if let Some(uri) = without_version(request.uri()) {
            *request.uri_mut() = uri;
        }
        remove_hop_by_hop(request.headers_mut());
        let request = request.map(|body| self.meter.count_sent(body));
        let mut idle = idle.lock().await;
        let reused = match idle.take().filter(|(_, since)| since.elapsed() < MAX_IDLE) {
            Some((mut connection, _)) => connection.ready().await.is_ok().then_some(connection),
            None => None,
        };
        let (response, connection) = match self.send(request, reused).await {
            Ok(answered) => answered,
            Err(refusal) => return refusal,
        };
        *idle = Some((connection, Instant::now()));
        let mut response = response.map(|body| Body::new(self.meter.count_received(body)));
        remove_hop_by_hop(response.headers_mut());
        response
    }

    /// Retries on a new connection if the reused one was closed before the request was sent.
    async fn send(
        &self,
        mut request: Request<CountedBody<Incoming>>,
        mut reused: Option<LinkSender>,
    ) -> Result<(Response<Incoming>, LinkSender), Response<Body>> {
        loop {
            let is_new = reused.is_none();
            let mut connection = match reused.take() {
                Some(connection) => connection,
                None => self.connect().await.ok_or_else(no_link)?,
            };
            let begin = Instant::now();
            match connection.try_send_request(request).await {
                Ok(response) => {
                    self.meter.record_round_trip(begin.elapsed());
                    return Ok((response, connection));
                }
                Err(mut error) => match error.take_message() {
                    Some(unsent) if !is_new => request = unsent,
                    _ => return Err(lost(&error.into_error())),
                },
            }
        }
    }

    /// Connects to the rental, waiting for a link. A failed attempt means that the link was lost or has
    /// too many channels.
    async fn connect(&self) -> Option<LinkSender> {
        let mut socket = self.socket.subscribe();
        let connected = async {
            loop {
                let place = socket.wait_for(Option::is_some).await.ok()?.clone()?;
                if let Ok(stream) = UnixStream::connect(&place).await {
                    let stream = TokioIo::new(stream);
                    let shaken = hyper::client::conn::http1::handshake(stream).await;
                    let (sender, connection) = shaken.ok()?;
                    tokio::spawn(connection);
                    return Some(sender);
                }
                tokio::time::sleep(RETRY_INTERVAL).await;
            }
        };
        tokio::time::timeout(LINK_TIMEOUT, connected).await.ok()?
    }
}

fn no_link() -> Response<Body> {
    let detail = format!("no link to the rental within {} s", LINK_TIMEOUT.as_secs());
    refusal(StatusCode::SERVICE_UNAVAILABLE, &detail)
}

fn lost(error: &hyper::Error) -> Response<Body> {
    let detail = format!("the request was under way when it failed: {error}");
    refusal(StatusCode::BAD_GATEWAY, &detail)
}

fn refusal(status: StatusCode, detail: &str) -> Response<Body> {
    let error = format!("pocpit's tunnel to the rental does not carry this request: {detail}");
    (status, Json(json!({ "error": error }))).into_response()
}

/// Removes headers that concern one connection only.
fn remove_hop_by_hop(headers: &mut HeaderMap) {
    const NAMES: [HeaderName; 6] = [
        header::CONNECTION,
        header::PROXY_AUTHENTICATE,
        header::TE,
        header::TRAILER,
        header::TRANSFER_ENCODING,
        header::UPGRADE,
    ];
    for name in NAMES {
        headers.remove(name);
    }
    headers.remove("keep-alive");
    headers.remove("proxy-connection");
}

/// The URI without the Network Node's version prefix.
fn without_version(uri: &Uri) -> Option<Uri> {
    let path = behind_version(uri.path())?;
    let query = uri
        .query()
        .map_or_else(String::new, |query| format!("?{query}"));
    format!("{path}{query}").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn behind(path: &str) -> Option<String> {
        without_version(&path.parse().unwrap()).map(|uri| uri.to_string())
    }

    #[test]
    fn version_prefix_is_removed() {
        assert_eq!(behind("/v3.0.8/api/v1/state"), Some("/api/v1/state".into()));
        assert_eq!(behind("/v3.0/health?x=1"), Some("/health?x=1".into()));
    }

    #[tokio::test(start_paused = true)]
    async fn request_without_link_times_out() {
        let front = LocalEnd {
            socket: watch::Sender::new(None),
            meter: Arc::default(),
        };
        let begin = Instant::now();
        assert!(front.connect().await.is_none());
        assert_eq!(begin.elapsed(), LINK_TIMEOUT);
        assert_eq!(no_link().status(), StatusCode::SERVICE_UNAVAILABLE);
    }

    #[tokio::test]
    async fn waiting_request_uses_new_link() {
        let scratch = tempfile::tempdir().unwrap();
        let front = LocalEnd {
            // The socket of a master that is gone.
            socket: watch::Sender::new(Some(scratch.path().join("gone").into())),
            meter: Arc::default(),
        };
        let next = scratch.path().join("next");
        let coming = async {
            tokio::task::yield_now().await;
            let listener = tokio::net::UnixListener::bind(&next).unwrap();
            front.socket.send_replace(Some(next.as_path().into()));
            listener.accept().await.unwrap()
        };
        let (connection, _) = tokio::join!(front.connect(), coming);
        assert!(connection.is_some());
    }
}
