//! The SSH host of a simulated rental: a real SSH server in front of a simulated machine.

mod connection;
mod exec;
mod forwards;
mod script;

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::BoxFuture;
use russh::keys::PrivateKey;
use russh::keys::ssh_key::private::Ed25519Keypair;
use russh::server::Config;
use russh::{MethodKind, MethodSet};
use tokio::io::DuplexStream;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;

use connection::Connection;
use forwards::Forwards;
pub use script::CallbackRequest;

use super::watchdog::Renewal;

/// Opens a connection through a remote forward, from the machine to the client.
pub type Dialer = Arc<dyn Fn() -> BoxFuture<'static, Option<DuplexStream>> + Send + Sync>;

/// The simulated machine behind an SSH host.
pub trait Machine: Send + Sync + 'static {
    /// Connections are dropped when false.
    fn is_up(&self) -> bool;
    /// Whether a public key, as `ssh-ed25519 AAAA…` without comment, is accepted yet.
    fn authorizes(&self, key: &str) -> bool;
    /// `None` if the file does not exist or ends before `offset`; empty at its end.
    fn read_file(&self, path: &str, offset: u64, max: usize) -> Option<Vec<u8>>;
    fn write_file(&self, path: &str, bytes: &[u8]);
    /// What its shell prints before a command's output.
    fn shell_greeting(&self) -> String {
        String::new()
    }
    /// Connects to a port inside the machine.
    fn dial(&self, port: u16) -> Option<DuplexStream>;
    /// Whether its SSH server lets clients listen on its ports, as `AllowTcpForwarding yes` does.
    fn allows_remote_forwards(&self) -> bool {
        true
    }
    /// Called when a remote forward opens (`Some`) or closes (`None`).
    fn offer_forward(&self, port: u16, dialer: Option<Dialer>);
    /// Renews the lease, if asked to, and returns the script's output.
    fn tend_lease(&self, _renewal: Option<Renewal>) -> String {
        String::new()
    }
    /// Maps the callback's host and sends it a request; returns the script's output.
    fn prove_callback(&self, _request: CallbackRequest) -> BoxFuture<'static, String> {
        Box::pin(std::future::ready(
            "pocpit-callback failed connection refused".to_owned(),
        ))
    }
}

/// Bytes between the wire and the server.
const WIRE_BUFFER: usize = 256 * 1024;

/// The SSH server of one machine.
#[derive(Debug)]
pub struct SshHost {
    addr: SocketAddr,
    task: JoinHandle<()>,
    live: Arc<Mutex<CancellationToken>>,
}

impl SshHost {
    /// Listens. The host key depends on the seed only.
    pub async fn start(
        listen: SocketAddr,
        host_key_seed: u64,
        machine: Arc<dyn Machine>,
    ) -> io::Result<SshHost> {
        let listener = TcpListener::bind(listen).await?;
        let addr = listener.local_addr()?;
        let live = Arc::new(Mutex::new(CancellationToken::new()));
        let config = Arc::new(config(host_key_seed));
        let task = tokio::spawn(accept(listener, config, machine, live.clone()));
        Ok(SshHost { addr, task, live })
    }

    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Stops listening and cuts every connection.
    pub async fn stop(self) {
        self.drop_connections();
        self.task.abort();
        // The port is free once the task has ended; `Err` only means aborted.
        let _ = self.task.await;
    }

    /// Cuts live connections without a disconnect message, as a broken link does.
    pub fn drop_connections(&self) {
        let mut live = self.live.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *live).cancel();
    }
}

fn config(host_key_seed: u64) -> Config {
    let mut seed = [0; 32];
    for (index, part) in seed.chunks_exact_mut(8).enumerate() {
        part.copy_from_slice(&host_key_seed.wrapping_add(index as u64).to_le_bytes());
    }
    Config {
        keys: vec![PrivateKey::from(Ed25519Keypair::from_seed(&seed))],
        methods: MethodSet::from(&[MethodKind::PublicKey][..]),
        auth_rejection_time: std::time::Duration::from_millis(20),
        auth_rejection_time_initial: Some(std::time::Duration::ZERO),
        // Boots are silent for long; keep-alive is up to the client.
        inactivity_timeout: None,
        nodelay: true,
        ..Config::default()
    }
}

async fn accept(
    listener: TcpListener,
    config: Arc<Config>,
    machine: Arc<dyn Machine>,
    live: Arc<Mutex<CancellationToken>>,
) {
    let forwards = Arc::new(Forwards::default());
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((wire, _)) = accepted else {
                    tokio::time::sleep(std::time::Duration::from_millis(20)).await;
                    continue;
                };
                if !machine.is_up() {
                    continue;
                }
                let cut = live.lock().unwrap_or_else(PoisonError::into_inner).child_token();
                let connection = Connection::new(machine.clone(), forwards.clone(), cut.clone());
                connections.spawn(serve(wire, config.clone(), connection, cut));
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

/// Copies bytes between socket and server, so that the link can be cut.
async fn serve(
    mut wire: TcpStream,
    config: Arc<Config>,
    connection: Connection,
    cut: CancellationToken,
) {
    let _ = wire.set_nodelay(true);
    let (mut near, far) = tokio::io::duplex(WIRE_BUFFER);
    let server = async {
        // Clients may disconnect during login.
        if let Ok(session) = russh::server::run_stream(config, far, connection).await {
            let _ = session.await;
        }
    };
    let work = async { tokio::join!(server, tokio::io::copy_bidirectional(&mut wire, &mut near)) };
    cut.run_until_cancelled(work).await;
}
