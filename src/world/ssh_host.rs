//! The SSH host of a simulated rental: the seam between the machine and the server in front of it.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use tokio::io::DuplexStream;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// Opens one connection through a remote forward, from inside the machine to the other side.
pub type Dialer = Arc<dyn Fn() -> BoxFuture<'static, Option<DuplexStream>> + Send + Sync>;

/// What the SSH host needs to know about the machine that it plays.
pub trait Machine: Send + Sync + 'static {
    /// False: connections are dropped.
    fn is_up(&self) -> bool;
    /// A public key as `ssh-ed25519 AAAA…`, without comment; false until it propagated.
    fn authorizes(&self, key: &str) -> bool;
    /// `None`: no such file; empty: at its end.
    fn read_file(&self, path: &str, offset: u64, max: usize) -> Option<Vec<u8>>;
    /// Replaces a file.
    fn write_file(&self, path: &str, bytes: &[u8]);
    /// Connects inside the machine, for example to 8080.
    fn dial(&self, port: u16) -> Option<DuplexStream>;
    /// A remote forward was opened (`Some`) or closed (`None`).
    fn offer_forward(&self, port: u16, dialer: Option<Dialer>);
}

/// Holds the port of a machine's SSH server and closes every connection: the server itself is
/// another file's work.
#[derive(Debug)]
pub struct SshHost {
    addr: SocketAddr,
    task: JoinHandle<()>,
}

impl SshHost {
    /// Binds the port.
    pub async fn start(
        listen: SocketAddr,
        _host_key_seed: u64,
        _machine: Arc<dyn Machine>,
    ) -> io::Result<SshHost> {
        let listener = TcpListener::bind(listen).await?;
        let addr = listener.local_addr()?;
        let task = tokio::spawn(async move { while listener.accept().await.is_ok() {} });
        Ok(SshHost { addr, task })
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Stops listening.
    #[expect(clippy::unused_async, reason = "the signature of the real host")]
    pub async fn stop(self) {
        self.task.abort();
    }

    /// Drops live connections; this one never has any.
    pub fn drop_connections(&self) {}
}
