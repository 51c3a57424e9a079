//! The local ends of a tunnel: HTTP proxies rather than copies of bytes, because a Network Node may
//! prefix every path with the software version (`/v3.0.8/api/v1/state`), which the `MLNode` does not
//! know, and sends JSON without saying so. They outlive SSH sessions.
//!
//! If one of a node's two ports is dead and the other alive, the Network Node stops the node and reloads
//! its model; if both are silent, it leaves the node alone. It ignores the status of its commands: a
//! refusal counts as done. So both ends share one link, a read waits for the next link as long as its
//! client does, and a command that cannot be delivered gets no answer (gonka v0.2.14
//! `decentralized-api/broker/node_worker_commands.go`).

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::Body;
use axum::response::IntoResponse as _;
use hyper::body::{Body as _, Incoming};
use hyper::client::conn::http1::SendRequest;
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, Request, Response, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use serde_json::json;
use tokio::net::{TcpListener, UnixStream};
use tokio::sync::{Mutex, watch};
use tokio::time::Instant;

use super::meter::Meter;
use crate::admission::{self, Admission};
use crate::domain::behind_version;

/// The Network Node has one for each request that it relays. Each takes two file descriptors.
const MAX_CONNECTIONS: usize = 512;
/// The Network Node closes the connection of a command after 15 minutes, and that of a poll after 5 s.
const READ_PATIENCE: Duration = Duration::from_mins(10);
const SEND_PATIENCE: Duration = Duration::from_secs(5);
const RETRY_INTERVAL: Duration = Duration::from_millis(50);
/// The `MLNode` closes a connection after five idle seconds, and a request that crosses the close is
/// lost.
const MAX_IDLE: Duration = Duration::from_secs(2);
/// After this many broken new connections, a read fails: no server answers behind the link.
const MAX_BREAKS: u32 = 2;

/// The SSH forwards of both ends, as sockets: they come and go together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Link {
    pub(super) api: Arc<Path>,
    pub(super) inference: Arc<Path>,
}

impl Link {
    fn socket(&self, port: EndPort) -> &Path {
        match port {
            EndPort::Api => &self.api,
            EndPort::Inference => &self.inference,
        }
    }

    /// With one socket, the Network Node would find one port dead and the other alive.
    fn is_whole(&self) -> bool {
        self.api.exists() && self.inference.exists()
    }
}

/// The link of both ends; `None` without one.
pub(super) type Links = Arc<watch::Sender<Option<Link>>>;

/// The rental's port that an end leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum EndPort {
    Api,
    Inference,
}

#[derive(Debug)]
pub(super) struct LocalEnd {
    pub(super) port: EndPort,
    pub(super) links: Links,
    pub(super) meter: Arc<Meter>,
}

type LinkSender = SendRequest<Body>;

/// The client's connection is closed without an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the tunnel does not carry this request")]
struct HungUp;

/// How long a request waits for a link, and what happens to it without one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Manner {
    /// May be sent again.
    Read,
    /// Ends what runs. It does not wait: by then, the poll that led to it would be outdated.
    Stop,
    /// Another call of the Network Node that changes something.
    Command,
    /// Any other, such as an inference request: its client reads the answer.
    Other,
}

impl Manner {
    fn of(method: &Method, path: &str) -> Manner {
        match path {
            _ if method == Method::GET || method == Method::HEAD => Manner::Read,
            "/api/v1/stop" | "/api/v1/inference/down" => Manner::Stop,
            _ if path.starts_with("/api/") => Manner::Command,
            _ => Manner::Other,
        }
    }

    fn patience(self) -> Duration {
        match self {
            Manner::Read => READ_PATIENCE,
            Manner::Stop => Duration::ZERO,
            Manner::Command | Manner::Other => SEND_PATIENCE,
        }
    }

    fn fail(self, status: StatusCode, detail: &str) -> Result<Response<Body>, HungUp> {
        match self {
            Manner::Other => Ok(refusal(status, detail)),
            Manner::Read | Manner::Stop | Manner::Command => {
                tracing::debug!("the tunnel hangs up: {detail}");
                Err(HungUp)
            }
        }
    }
}

/// Each connection uses at most one to the rental, opened by its first request.
pub(super) async fn serve(listener: TcpListener, front: Arc<LocalEnd>) {
    let new_service = || {
        let (idle, front) = (Arc::new(Mutex::new(None)), front.clone());
        hyper::service::service_fn(move |request| {
            let (idle, front) = (idle.clone(), front.clone());
            async move { front.forward(request, &idle).await }
        })
    };
    let admission = Admission::within_descriptors(MAX_CONNECTIONS);
    admission::serve(listener, admission, new_service).await;
}

impl LocalEnd {
    async fn forward(
        &self,
        mut request: Request<Incoming>,
        idle: &Mutex<Option<(LinkSender, Instant)>>,
    ) -> Result<Response<Body>, HungUp> {
        if let Some(uri) = without_version(request.uri()) {
            *request.uri_mut() = uri;
        }
        remove_hop_by_hop(request.headers_mut());
        name_json(&mut request);
        let manner = Manner::of(request.method(), request.uri().path());
        let request = request.map(|body| Body::new(self.meter.count_sent(body)));
        let mut idle = idle.lock().await;
        let reused = match idle.take().filter(|(_, since)| since.elapsed() < MAX_IDLE) {
            Some((mut connection, _)) => connection.ready().await.is_ok().then_some(connection),
            None => None,
        };
        let (response, connection) = match self.send(request, reused, manner).await {
            Ok(answered) => answered,
            Err((status, detail)) => return manner.fail(status, &detail),
        };
        *idle = Some((connection, Instant::now()));
        let mut response = response.map(|body| Body::new(self.meter.count_received(body)));
        remove_hop_by_hop(response.headers_mut());
        Ok(response)
    }

    /// Retries what was certainly not sent, and reads in any case, on a new connection. The error is the
    /// refusal's status and detail.
    async fn send(
        &self,
        mut request: Request<Body>,
        mut reused: Option<LinkSender>,
        manner: Manner,
    ) -> Result<(Response<Incoming>, LinkSender), (StatusCode, String)> {
        let until = Instant::now() + manner.patience();
        let mut breaks = 0;
        loop {
            let is_new = reused.is_none();
            let mut connection = match reused.take() {
                Some(connection) => connection,
                None => self
                    .connect(until)
                    .await
                    .ok_or_else(|| (StatusCode::SERVICE_UNAVAILABLE, NO_LINK.to_owned()))?,
            };
            let again = (manner == Manner::Read).then(|| without_body(&request));
            let begin = Instant::now();
            let mut error = match connection.try_send_request(request).await {
                Ok(response) => {
                    self.meter.record_round_trip(begin.elapsed());
                    return Ok((response, connection));
                }
                Err(error) => error,
            };
            breaks += u32::from(is_new);
            let unsent = error.take_message().filter(|_| !is_new);
            request = match unsent.or(again) {
                Some(request) if breaks < MAX_BREAKS => request,
                _ => {
                    let error = error.into_error();
                    let detail = format!("the connection failed during the request: {error}");
                    return Err((StatusCode::BAD_GATEWAY, detail));
                }
            };
        }
    }

    /// Connects to the rental, waiting for a link. A failed attempt means that the link was lost or has
    /// too many channels.
    async fn connect(&self, until: Instant) -> Option<LinkSender> {
        let mut links = self.links.subscribe();
        let connected = async {
            loop {
                let link = links.wait_for(Option::is_some).await.ok()?.clone()?;
                if link.is_whole()
                    && let Ok(stream) = UnixStream::connect(link.socket(self.port)).await
                {
                    let stream = TokioIo::new(stream);
                    let shaken = hyper::client::conn::http1::handshake(stream).await;
                    let (sender, connection) = shaken.ok()?;
                    tokio::spawn(connection);
                    return Some(sender);
                }
                tokio::time::sleep(RETRY_INTERVAL).await;
            }
        };
        // Even without patience, a present link is tried once.
        tokio::time::timeout_at(until.max(Instant::now() + RETRY_INTERVAL), connected)
            .await
            .ok()?
    }
}

const NO_LINK: &str = "no link to the rental";

fn refusal(status: StatusCode, detail: &str) -> Response<Body> {
    let error = format!("pocpit's tunnel to the rental does not carry this request: {detail}");
    (status, Json(json!({ "error": error }))).into_response()
}

/// The Network Node sends JSON without a `Content-Type` (gonka v0.2.14 `decentralized-api/utils/http.go`),
/// which newer `MLNode`s answer with 422.
fn name_json(request: &mut Request<Incoming>) {
    let has_body = !request.body().is_end_stream();
    if request.method() == Method::POST && has_body {
        let headers = request.headers_mut();
        let json = HeaderValue::from_static("application/json");
        headers.entry(header::CONTENT_TYPE).or_insert(json);
    }
}

/// A copy of a read, which has no body.
fn without_body(request: &Request<Body>) -> Request<Body> {
    let mut copy = Request::new(Body::empty());
    copy.method_mut().clone_from(request.method());
    copy.uri_mut().clone_from(request.uri());
    copy.headers_mut().clone_from(request.headers());
    copy
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
    use tokio::net::TcpStream;
    use tokio::task::JoinSet;

    use super::*;

    fn behind(path: &str) -> Option<String> {
        without_version(&path.parse().unwrap()).map(|uri| uri.to_string())
    }

    #[test]
    fn version_prefix_is_removed() {
        assert_eq!(behind("/v3.0.8/api/v1/state"), Some("/api/v1/state".into()));
        assert_eq!(behind("/v3.0/health?x=1"), Some("/health?x=1".into()));
    }

    struct Scene {
        scratch: tempfile::TempDir,
        links: Links,
        ends: [std::net::SocketAddr; 2],
        _serving: JoinSet<()>,
    }

    impl Scene {
        async fn new() -> Scene {
            let links = Links::new(watch::Sender::new(None));
            let mut serving = JoinSet::new();
            let mut ends = Vec::new();
            for port in [EndPort::Api, EndPort::Inference] {
                let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
                ends.push(listener.local_addr().unwrap());
                let front = LocalEnd {
                    port,
                    links: links.clone(),
                    meter: Arc::default(),
                };
                serving.spawn(serve(listener, Arc::new(front)));
            }
            Scene {
                scratch: tempfile::tempdir().unwrap(),
                links,
                ends: [ends[0], ends[1]],
                _serving: serving,
            }
        }

        fn link(&self) -> Link {
            let socket = |name: &str| Arc::from(self.scratch.path().join(name));
            Link {
                api: socket("api"),
                inference: socket("inference"),
            }
        }

        /// What a client reads from an end until it closes, or within a second.
        async fn exchange(&self, end: usize, request: &str) -> Option<String> {
            use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
            let mut stream = TcpStream::connect(self.ends[end]).await.unwrap();
            stream.write_all(request.as_bytes()).await.unwrap();
            let mut text = String::new();
            let read = stream.read_to_string(&mut text);
            let in_time = tokio::time::timeout(Duration::from_secs(1), read).await;
            in_time.is_ok().then_some(text)
        }
    }

    /// An `MLNode` behind a socket; gives the requests that arrive.
    fn rental(socket: &Path) -> tokio::sync::mpsc::UnboundedReceiver<String> {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        let listener = tokio::net::UnixListener::bind(socket).unwrap();
        let (sender, receiver) = tokio::sync::mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut buffer = [0; 4096];
                let count = stream.read(&mut buffer).await.unwrap_or(0);
                let text = String::from_utf8_lossy(&buffer[..count]).into_owned();
                let _ = sender.send(text);
                let reply = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}";
                let _ = stream.write_all(reply.as_bytes()).await;
            }
        });
        receiver
    }

    const GET_STATE: &str =
        "GET /v3.0.8/api/v1/state HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    const GET_HEALTH: &str = "GET /health HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    const STOP: &str = "POST /v3.0.8/api/v1/stop HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";

    #[tokio::test]
    async fn half_broken_tunnel_never_reloads() {
        // Given a tunnel whose forward of the inference port is gone,
        let scene = Scene::new().await;
        let mut arrived = rental(&scene.link().api);
        scene.links.send_replace(Some(scene.link()));
        // when the Network Node polls, then neither port answers,
        let (state, health) =
            tokio::join!(scene.exchange(0, GET_STATE), scene.exchange(1, GET_HEALTH));
        assert_eq!((state, health), (None, None));
        // and its command to stop gets a broken connection, which ends the reload.
        assert_eq!(scene.exchange(0, STOP).await.as_deref(), Some(""));
        assert!(arrived.try_recv().is_err(), "nothing reached the rental");
        // Given the whole tunnel, then a read that waited is answered.
        let waiting = scene.exchange(0, GET_STATE);
        let mending = async {
            tokio::time::sleep(Duration::from_millis(200)).await;
            rental(&scene.link().inference)
        };
        let (state, _inference) = tokio::join!(waiting, mending);
        assert!(state.unwrap().starts_with("HTTP/1.1 200"));
    }

    #[tokio::test]
    async fn missing_content_type_is_added() {
        let scene = Scene::new().await;
        let mut arrived = rental(&scene.link().api);
        let _inference = rental(&scene.link().inference);
        scene.links.send_replace(Some(scene.link()));
        let mut sent = async |head: &str, body: &str| {
            let length = body.len();
            let request =
                format!("{head} HTTP/1.1\r\nhost: x\r\ncontent-length: {length}\r\n\r\n{body}");
            let _ = scene.exchange(0, &request).await;
            arrived.recv().await.unwrap().to_lowercase()
        };
        let json = "content-type: application/json";
        let text = sent("POST /v3.0.8/api/v1/inference/pow/stop", "{}").await;
        assert!(
            text.starts_with("post /api/v1/inference/pow/stop") && text.contains(json),
            "{text}"
        );
        // What says what it is stays as it is, and an empty body is nothing.
        let text = sent(
            "POST /v1/audio HTTP/1.1\r\ncontent-type: audio/wav\r\nx: y",
            "...",
        )
        .await;
        assert!(!text.contains(json), "{text}");
        let text = sent("POST /api/v1/stop", "").await;
        assert!(!text.contains(json), "{text}");
    }

    #[tokio::test]
    async fn dead_inference_server_is_told_at_once() {
        // Given a link whose inference port has no server behind it any more,
        let scene = Scene::new().await;
        let _api = rental(&scene.link().api);
        let closing = tokio::net::UnixListener::bind(&scene.link().inference).unwrap();
        tokio::spawn(async move { while closing.accept().await.is_ok() {} });
        scene.links.send_replace(Some(scene.link()));
        // then that is what a read learns.
        assert_eq!(scene.exchange(1, GET_HEALTH).await.as_deref(), Some(""));
        let state = scene.exchange(0, GET_STATE).await.unwrap();
        assert!(state.starts_with("HTTP/1.1 200"), "{state}");
    }

    #[tokio::test]
    async fn inference_request_without_link_is_refused() {
        let scene = Scene::new().await;
        let front = LocalEnd {
            port: EndPort::Inference,
            links: scene.links.clone(),
            meter: Arc::default(),
        };
        assert!(front.connect(Instant::now()).await.is_none());
        let manner = Manner::of(&Method::POST, "/v1/chat/completions");
        let refused = manner
            .fail(StatusCode::SERVICE_UNAVAILABLE, NO_LINK)
            .unwrap();
        assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    }

    #[test]
    fn manners_of_calls_differ() {
        for (method, path, manner) in [
            (Method::GET, "/api/v1/state", Manner::Read),
            (Method::GET, "/health", Manner::Read),
            (Method::POST, "/api/v1/stop", Manner::Stop),
            (Method::POST, "/api/v1/inference/up", Manner::Command),
            (Method::POST, "/v1/chat/completions", Manner::Other),
        ] {
            assert_eq!(Manner::of(&method, path), manner, "{path}");
        }
    }
}
