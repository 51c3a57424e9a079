//! Tunnels: local HTTP ends ([`super::front`]), the rental's ports, and SSH in between. The ends belong
//! to the rental and stay open across sessions.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use openssh::{ForwardType, Session, Socket, Stdio};
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

use super::failure;
use super::front::{self, EndPort, Link, Links, LocalEnd};
use super::meter::Meter;
use super::shell::quoted;
use crate::domain::InstanceId;
use crate::ports::{CallbackForward, LinkError, TunnelEnds, TunnelSpec, TunnelTraffic};

const BACKLOG: u32 = 1_024;

#[derive(Debug, Default)]
pub(super) struct Tunnels(Mutex<HashMap<InstanceId, Arc<Tunnel>>>);

impl Tunnels {
    fn all(&self) -> MutexGuard<'_, HashMap<InstanceId, Arc<Tunnel>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The rental's tunnel from an earlier session, or a new one.
    pub(super) fn of(
        &self,
        instance: InstanceId,
        spec: &TunnelSpec,
    ) -> Result<Arc<Tunnel>, LinkError> {
        let mut all = self.all();
        if let Some(tunnel) = all.get(&instance) {
            return Ok(tunnel.clone());
        }
        let tunnel = Arc::new(Tunnel::listen(spec)?);
        all.insert(instance, tunnel.clone());
        Ok(tunnel)
    }

    pub(super) fn traffic(&self, instance: InstanceId) -> TunnelTraffic {
        let tunnel = self.all().get(&instance).cloned();
        tunnel.map_or_else(TunnelTraffic::default, |tunnel| tunnel.meter.traffic())
    }

    pub(super) fn close(&self, instance: InstanceId) {
        self.all().remove(&instance);
    }
}

/// The local ends of one rental's tunnel. Closed when dropped.
#[derive(Debug)]
pub(super) struct Tunnel {
    api: TunnelEnd,
    inference: TunnelEnd,
    links: Links,
    meter: Arc<Meter>,
}

#[derive(Debug)]
struct TunnelEnd {
    address: SocketAddr,
    _serving: AbortOnDropHandle<()>,
}

impl Tunnel {
    fn listen(spec: &TunnelSpec) -> Result<Tunnel, LinkError> {
        let meter: Arc<Meter> = Arc::default();
        let links = Links::new(watch::Sender::new(None));
        let end = |port| LocalEnd {
            port,
            links: links.clone(),
            meter: meter.clone(),
        };
        Ok(Tunnel {
            api: TunnelEnd::listen(spec.api_listen, end(EndPort::Api))?,
            inference: TunnelEnd::listen(spec.inference_listen, end(EndPort::Inference))?,
            links,
            meter,
        })
    }

    pub(super) fn ends(&self) -> TunnelEnds {
        TunnelEnds {
            api: self.api.address,
            inference: self.inference.address,
        }
    }

    /// Forwards both ends into a session while the returned link lives.
    pub(super) async fn lead(
        &self,
        session: &Session,
        spec: &TunnelSpec,
        directory: &Path,
    ) -> Result<ActiveLink, LinkError> {
        let link = Link {
            api: forward_socket(session, spec.api_port, directory).await?,
            inference: forward_socket(session, spec.inference_port, directory).await?,
        };
        self.links.send_replace(Some(link.clone()));
        Ok(ActiveLink {
            links: self.links.clone(),
            link,
        })
    }
}

impl TunnelEnd {
    fn listen(address: SocketAddr, front: LocalEnd) -> Result<TunnelEnd, LinkError> {
        let listener = bind(address).map_err(|error| failure::local(&error, || LinkError::Listen {
            address: address.to_string(),
            detail: format!("{error}. Another program may be using it, or it is not an address of this machine (network_node.api_listen, network_node.inference_listen)"),
        }))?;
        let address = listener.local_addr().unwrap_or(address);
        let serving = tokio::spawn(front::serve(listener, Arc::new(front)));
        Ok(TunnelEnd {
            address,
            _serving: AbortOnDropHandle::new(serving),
        })
    }
}

/// A local socket that leads to a port of the rental.
async fn forward_socket(
    session: &Session,
    port: u16,
    directory: &Path,
) -> Result<Arc<Path>, LinkError> {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let socket = directory.join(format!("t{number}"));
    let target = Socket::new("127.0.0.1", port);
    let forwarded = session.request_port_forward(ForwardType::Local, socket.clone(), target);
    let forwarded = forwarded.await;
    forwarded.map_err(|error| failure::session_error(&error))?;
    Ok(socket.into())
}

/// Forwards the rental's callback port to the PoC callback's target.
pub(super) async fn forward_callback(
    session: &Session,
    callback: &CallbackForward,
) -> Result<(), LinkError> {
    let (host, port) = host_and_port(&callback.target).ok_or_else(|| {
        LinkError::Local(format!(
            "{:?} is not a host and port for the PoC callback",
            callback.target
        ))
    })?;
    let forward = || {
        session.request_port_forward(
            ForwardType::Remote,
            Socket::new("127.0.0.1", callback.remote_port),
            Socket::new(host.clone(), port),
        )
    };
    if forward().await.is_ok() {
        return Ok(());
    }
    free_remote_port(session, callback.remote_port).await;
    forward().await.map_err(|error| {
        let port = callback.remote_port;
        let request = format!("to listen on its port {port} for the PoC callback");
        failure::forward_error(&request, &error)
    })
}

const FREE_PORT: &str = include_str!("free_port.sh");
const FREE_TIMEOUT: Duration = Duration::from_secs(15);

/// Takes the port from our earlier session. When a link dies silently, the rental's sshd keeps its
/// port for a quarter of an hour or forever.
async fn free_remote_port(session: &Session, port: u16) {
    let command = format!("sh -c {} free-port {port}", quoted(FREE_PORT));
    let mut command = session.raw_command(command);
    let freed = command.stdin(Stdio::null()).stderr(Stdio::null()).output();
    match tokio::time::timeout(FREE_TIMEOUT, freed).await {
        Ok(Ok(output)) if output.status.success() => {
            tracing::info!(port, "nothing listens on this port of the rental any more");
        }
        // The forward reports the error.
        _ => tracing::debug!(port, "cannot free the port on the rental"),
    }
}

/// Forwards both ends into a session while it lives.
#[derive(Debug)]
pub(super) struct ActiveLink {
    links: Links,
    link: Link,
}

impl Drop for ActiveLink {
    fn drop(&mut self) {
        self.links.send_if_modified(|link| {
            // Another session may have replaced it.
            link.take_if(|link| *link == self.link).is_some()
        });
        for socket in [&self.link.api, &self.link.inference] {
            let _ = std::fs::remove_file(socket);
        }
    }
}

/// With `SO_REUSEADDR`, so that the port of an earlier run is available at once.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn callback_target_is_host_and_port() {
        assert_eq!(
            host_and_port("127.0.0.1:9100"),
            Some(("127.0.0.1".into(), 9100))
        );
        assert_eq!(host_and_port("[::1]:9100"), Some(("::1".into(), 9100)));
        assert_eq!(host_and_port("host"), None);
    }
}
