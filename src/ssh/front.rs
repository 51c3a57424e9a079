//! The local end of a tunnel: an HTTP proxy and not a plain copy of bytes, because a Network Node may
//! put the version of the software before every path (`/v3.0.8/api/v1/state`), which the `MLNode` does
//! not know. It outlives SSH sessions: a request that finds no link waits for the next one.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use hyper::body::Incoming;
use hyper::client::conn::http1::SendRequest;
use hyper::header::{self, HeaderMap, HeaderName};
use hyper::{Request, Response, StatusCode, Uri};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::sync::{Mutex, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::meter::{CountedBody, Meter};
use crate::domain::behind_version;

/// Of headers alone; bodies may take as long as they like.
const HEADER_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a request waits for a link.
const LINK_TIMEOUT: Duration = Duration::from_secs(5);
const RETRY_INTERVAL: Duration = Duration::from_millis(50);
/// The `MLNode` closes a connection that was idle for five seconds, and a request that meets the
/// close on its way is lost.
const MAX_IDLE: Duration = Duration::from_secs(2);

/// The SSH forward's local end, while there is a link.
pub(super) type Socket = Option<Arc<Path>>;

/// What every connection to a local end needs.
#[derive(Debug)]
pub(super) struct LocalEnd {
    pub(super) socket: watch::Sender<Socket>,
    pub(super) meter: Arc<Meter>,
}

type LinkSender = SendRequest<CountedBody<Incoming>>;

/// Serves a local end until it is dropped.
pub(super) async fn serve(listener: TcpListener, front: Arc<LocalEnd>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => drop(connections.spawn(serve_connection(stream, front.clone()))),
                // Out of descriptors: those under way free some.
                Err(_) => tokio::time::sleep(RETRY_INTERVAL).await,
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

/// One connection here has at most one there, opened with its first request.
async fn serve_connection(stream: TcpStream, front: Arc<LocalEnd>) {
    let _ = stream.set_nodelay(true);
    let idle = Arc::new(Mutex::new(None));
    let handler = hyper::service::service_fn(move |request| {
        let (idle, front) = (idle.clone(), front.clone());
        async move { Ok::<_, std::convert::Infallible>(front.forward(request, &idle).await) }
    });
    // A connection that ends in the middle is its client's business.
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

    /// A request that certainly never left, because its connection had been closed, gets a new one.
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

    /// A new connection to the rental, when there is a link soon enough. That one cannot be made is
    /// a link that is lost, or too many at once.
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
    let detail = format!(
        "there is no link to the rental, and none came within {} s",
        LINK_TIMEOUT.as_secs()
    );
    refusal(StatusCode::SERVICE_UNAVAILABLE, &detail)
}

fn lost(error: &hyper::Error) -> Response<Body> {
    let detail = format!("the request was under way when it failed: {error}");
    refusal(StatusCode::BAD_GATEWAY, &detail)
}

fn refusal(status: StatusCode, detail: &str) -> Response<Body> {
    let body = serde_json::json!({ "error": format!("pocpit's tunnel to the rental does not carry this request: {detail}") });
    let mut response = Response::new(Body::from(body.to_string()));
    *response.status_mut() = status;
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        header::HeaderValue::from_static("application/json"),
    );
    response
}

/// Headers that are about one connection only.
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

/// The address without the version that the Network Node put before it.
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
    fn a_version_before_the_path_is_taken_away() {
        assert_eq!(behind("/v3.0.8/api/v1/state"), Some("/api/v1/state".into()));
        assert_eq!(behind("/v3.0/health?x=1"), Some("/health?x=1".into()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_waits_some_seconds_for_a_link_and_is_told_that_there_is_none() {
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
    async fn a_link_that_comes_meanwhile_is_taken() {
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
