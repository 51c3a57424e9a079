//! The tunnel: HTTP ends here, the rental's ports there, SSH between them.
//!
//! In front of each SSH forward is an HTTP proxy and not a plain copy of bytes, because a Network
//! Node may put the version of the software before every path (`/v3.0.8/api/v1/state`), which the
//! `MLNode` does not know.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use axum::body::Body;
use hyper::body::Incoming;
use hyper::client::conn::http1::SendRequest;
use hyper::header::{self, HeaderMap, HeaderName};
use hyper::{Request, Response, StatusCode, Uri};
use hyper_util::rt::{TokioIo, TokioTimer};
use openssh::{ForwardType, Session, Socket};
use tokio::net::{TcpListener, TcpSocket, TcpStream, UnixStream};
use tokio::sync::Mutex;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::failure;
use crate::engine::ports::{LinkError, TunnelEnds, TunnelSpec};

const BACKLOG: u32 = 1_024;
/// Of headers alone; bodies may take as long as they like.
const HEADERS_WITHIN: std::time::Duration = std::time::Duration::from_secs(30);

/// An open tunnel that is not served yet.
pub(super) struct Tunnel {
    api: End,
    inference: End,
}

struct End {
    listener: TcpListener,
    address: SocketAddr,
    /// The SSH forward's local end.
    socket: PathBuf,
}

/// Opens listeners and forwards.
pub(super) async fn open(
    session: &Session,
    spec: &TunnelSpec,
    directory: &Path,
) -> Result<Tunnel, LinkError> {
    let api = end(session, spec.api_listen, spec.api_port, directory).await?;
    let inference = end(
        session,
        spec.inference_listen,
        spec.inference_port,
        directory,
    )
    .await?;
    if let Some(callback) = &spec.callback {
        let target = host_and_port(&callback.target).ok_or_else(|| {
            LinkError::Local(format!(
                "{:?} is not a host and port for the PoC callback",
                callback.target
            ))
        })?;
        session
            .request_port_forward(
                ForwardType::Remote,
                Socket::new("127.0.0.1", callback.remote_port),
                Socket::new(target.0, target.1),
            )
            .await
            .map_err(|error| {
                LinkError::Lost(format!(
                    "the rental's port {} for the PoC callback cannot be had: {}",
                    callback.remote_port,
                    failure::lost(&error)
                ))
            })?;
    }
    Ok(Tunnel { api, inference })
}

async fn end(
    session: &Session,
    listen: SocketAddr,
    port: u16,
    directory: &Path,
) -> Result<End, LinkError> {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let listener = bind(listen).map_err(|error| LinkError::Listen {
        address: listen.to_string(),
        detail: format!("{error}. Another program may use it, or it is not an address of this machine (network_node.api_listen, network_node.inference_listen)"),
    })?;
    let address = listener.local_addr().unwrap_or(listen);
    let socket = directory.join(format!("t{}", COUNT.fetch_add(1, Ordering::Relaxed)));
    session
        .request_port_forward(
            ForwardType::Local,
            socket.clone(),
            Socket::new("127.0.0.1", port),
        )
        .await
        .map_err(|error| failure::lost(&error))?;
    Ok(End {
        listener,
        address,
        socket,
    })
}

/// The port of an earlier session is to be had again at once.
fn bind(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = if address.is_ipv4() {
        TcpSocket::new_v4()?
    } else {
        TcpSocket::new_v6()?
    };
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

fn host_and_port(text: &str) -> Option<(String, u16)> {
    let (host, port) = text.rsplit_once(':')?;
    let host = host.trim_start_matches('[').trim_end_matches(']');
    Some((host.to_owned(), port.parse().ok()?))
}

impl Tunnel {
    /// Where it listens.
    pub(super) fn ends(&self) -> TunnelEnds {
        TunnelEnds {
            api: self.api.address,
            inference: self.inference.address,
        }
    }

    /// What serves it, until `stop`.
    pub(super) fn serve(
        self,
        stop: &CancellationToken,
    ) -> [Pin<Box<dyn Future<Output = ()> + Send>>; 2] {
        let child = |end: End| -> Pin<Box<dyn Future<Output = ()> + Send>> {
            Box::pin(accept(end, stop.clone()))
        };
        [child(self.api), child(self.inference)]
    }
}

async fn accept(end: End, stop: CancellationToken) {
    let mut connections = JoinSet::new();
    let socket: Arc<Path> = end.socket.clone().into();
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            accepted = end.listener.accept() => match accepted {
                Ok((stream, _)) => drop(connections.spawn(serve_connection(stream, socket.clone()))),
                // Out of descriptors: those under way free some.
                Err(_) => tokio::time::sleep(std::time::Duration::from_millis(50)).await,
            },
            Some(_) = connections.join_next() => {}
        }
    }
    let _ = std::fs::remove_file(&end.socket);
}

/// One connection here has at most one there, opened with its first request.
async fn serve_connection(stream: TcpStream, socket: Arc<Path>) {
    let _ = stream.set_nodelay(true);
    let there = Arc::new(Mutex::new(None));
    let handler = hyper::service::service_fn(move |request| {
        let (there, socket) = (there.clone(), socket.clone());
        async move { Ok::<_, std::convert::Infallible>(forward(request, &there, &socket).await) }
    });
    // A connection that ends in the middle is its client's business.
    let _ = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADERS_WITHIN)
        .serve_connection(TokioIo::new(stream), handler)
        .await;
}

async fn forward(
    mut request: Request<Incoming>,
    there: &Mutex<Option<SendRequest<Incoming>>>,
    socket: &Path,
) -> Response<Body> {
    if let Some(uri) = without_version(request.uri()) {
        *request.uri_mut() = uri;
    }
    remove_hop_by_hop(request.headers_mut());
    let mut there = there.lock().await;
    let ready = match there.take() {
        Some(mut sender) => sender.ready().await.is_ok().then_some(sender),
        None => None,
    };
    let mut sender = match ready {
        Some(sender) => sender,
        None => match connect(socket).await {
            Ok(sender) => sender,
            Err(error) => return bad_gateway(&error.to_string()),
        },
    };
    match sender.send_request(request).await {
        Ok(mut response) => {
            remove_hop_by_hop(response.headers_mut());
            *there = Some(sender);
            response.map(Body::new)
        }
        Err(error) => bad_gateway(&error.to_string()),
    }
}

async fn connect(
    socket: &Path,
) -> Result<SendRequest<Incoming>, Box<dyn std::error::Error + Send + Sync>> {
    let stream = UnixStream::connect(socket).await?;
    let (sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    Ok(sender)
}

fn bad_gateway(detail: &str) -> Response<Body> {
    let body = serde_json::json!({ "error": format!("pocpit's tunnel to the rental does not carry this request: {detail}") });
    let mut response = Response::new(Body::from(body.to_string()));
    *response.status_mut() = StatusCode::BAD_GATEWAY;
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

/// The path behind a version such as `/v3.0.8/`. A bare `/v1/` is part of the API.
fn without_version(uri: &Uri) -> Option<Uri> {
    let rest = uri.path().strip_prefix("/v")?;
    let (version, path) = rest.split_once('/')?;
    let mut numbers = version.split('.');
    let is_version = version.contains('.')
        && numbers.all(|number| number.bytes().all(|b| b.is_ascii_digit()) && !number.is_empty());
    if !is_version {
        return None;
    }
    let query = uri
        .query()
        .map_or_else(String::new, |query| format!("?{query}"));
    format!("/{path}{query}").parse().ok()
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

    #[test]
    fn the_apis_own_version_stays() {
        for path in [
            "/v1/models",
            "/api/v1/state",
            "/",
            "/v3.0.8",
            "/v3..8/x",
            "/version/x",
        ] {
            assert_eq!(behind(path), None, "{path}");
        }
    }

    #[test]
    fn callback_targets_are_a_host_and_a_port() {
        assert_eq!(
            host_and_port("127.0.0.1:9100"),
            Some(("127.0.0.1".into(), 9100))
        );
        assert_eq!(host_and_port("[::1]:9100"), Some(("::1".into(), 9100)));
        assert_eq!(host_and_port("host"), None);
    }
}
