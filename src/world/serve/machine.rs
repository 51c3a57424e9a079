//! A rental behind its SSH host: files, ports, forwards.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::body::Body;
use futures_util::future::BoxFuture;
use hyper::Request;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream};
use tokio::net::TcpStream;

use crate::world::network_node::CallbackReach;
use crate::world::serve::http::serve_stream;
use crate::world::serve::shared::{Shared, SimService};
use crate::world::ssh_host::{CallbackRequest, Dialer, Machine};
use crate::world::watchdog::Renewal;

/// In real time.
const TIMEOUT: Duration = Duration::from_secs(5);

pub(in crate::world) struct RentedMachine {
    pub id: u64,
    pub shared: Arc<Shared>,
    pub forwards: Arc<Mutex<BTreeMap<u16, Dialer>>>,
}

/// Status and body of an answer.
type Answered = (u16, String);

impl RentedMachine {
    fn forwards(&self) -> MutexGuard<'_, BTreeMap<u16, Dialer>> {
        locked(&self.forwards)
    }

    /// Sends a request from inside the machine; the error is what `curl` would say.
    pub fn request(
        &self,
        host: &str,
        port: u16,
        request: Request<Body>,
    ) -> BoxFuture<'static, Result<Answered, String>> {
        let reach = self.shared.world().callback_reach(self.id, host);
        let (forwards, host) = (self.forwards.clone(), host.to_owned());
        Box::pin(async move {
            let refused = || "curl: (7) Failed to connect: Connection refused".to_owned();
            match reach {
                CallbackReach::Itself => {
                    let dialer = locked(&forwards).get(&port).cloned();
                    let dialer = dialer.ok_or_else(refused)?;
                    exchange(dialer().await.ok_or_else(refused)?, request).await
                }
                CallbackReach::Outside => {
                    let stream = TcpStream::connect((host.as_str(), port)).await;
                    exchange(stream.map_err(|_| refused())?, request).await
                }
                CallbackReach::Nowhere => Err(format!("curl: (6) Could not resolve host: {host}")),
            }
        })
    }
}

fn locked(forwards: &Mutex<BTreeMap<u16, Dialer>>) -> MutexGuard<'_, BTreeMap<u16, Dialer>> {
    forwards.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One request on a connection of its own.
async fn exchange<S>(stream: S, request: Request<Body>) -> Result<Answered, String>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let work = async {
        let connected = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await;
        let (mut sender, connection) = connected.map_err(|error| error.to_string())?;
        tokio::spawn(connection);
        let response = sender.send_request(request).await;
        let response = response.map_err(|error| error.to_string())?;
        let status = response.status().as_u16();
        let bytes = axum::body::to_bytes(Body::new(response.into_body()), 1 << 20).await;
        let bytes = bytes.map_err(|error| error.to_string())?;
        Ok((status, String::from_utf8_lossy(&bytes).into_owned()))
    };
    let in_time = tokio::time::timeout(TIMEOUT, work).await;
    in_time.unwrap_or_else(|_| Err("curl: (28) Operation timed out".to_owned()))
}

impl Machine for RentedMachine {
    fn is_up(&self) -> bool {
        self.shared.world().answers_ssh(self.id)
    }

    fn authorizes(&self, key: &str) -> bool {
        self.shared.world().authorizes(self.id, key)
    }

    fn read_file(&self, path: &str, offset: u64, max: usize) -> Option<Vec<u8>> {
        self.shared.world().read_file(self.id, path, offset, max)
    }

    fn write_file(&self, path: &str, bytes: &[u8]) {
        self.shared.world().write_file(self.id, path, bytes);
    }

    fn shell_greeting(&self) -> String {
        self.shared.world().shell_greeting().to_owned()
    }

    fn dial(&self, port: u16) -> Option<DuplexStream> {
        if !self.shared.world().listens(self.id, port) {
            return None;
        }
        let (ours, theirs) = tokio::io::duplex(64 * 1024);
        let service = SimService::Machine(self.id, port);
        tokio::spawn(serve_stream(self.shared.clone(), service, theirs));
        Some(ours)
    }

    fn offer_forward(&self, port: u16, dialer: Option<Dialer>) {
        match dialer {
            Some(dialer) => self.forwards().insert(port, dialer),
            None => self.forwards().remove(&port),
        };
    }

    fn allows_remote_forwards(&self) -> bool {
        self.shared.world().allows_remote_forwards(self.id)
    }

    fn tend_lease(&self, renewal: Option<Renewal>) -> String {
        self.shared.world().tend_lease(self.id, renewal)
    }

    fn prove_callback(&self, request: CallbackRequest) -> BoxFuture<'static, String> {
        let CallbackRequest {
            step,
            host,
            port,
            url,
        } = request;
        let mut world = self.shared.world();
        world.take_callback_host(self.id, &step, &host);
        drop(world);
        let get = url.parse::<hyper::Uri>().map_err(|error| error.to_string());
        let get = get.and_then(|uri| {
            let path = uri.path().to_owned();
            let request = Request::get(path).header("host", &host).body(Body::empty());
            request.map_err(|error| error.to_string())
        });
        let asked = get.map(|get| self.request(&host, port, get));
        Box::pin(async move {
            let answered = match asked {
                Ok(asked) => asked.await,
                Err(why) => Err(why),
            };
            match answered {
                Ok((status, body)) => format!("pocpit-callback http {status}\n{body}"),
                Err(why) => format!("pocpit-callback failed {why}"),
            }
        })
    }
}
