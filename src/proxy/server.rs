//! Accepts connections and serves them on worker threads, each with a runtime of its own: a request,
//! its reply and both connections stay on one thread, so that no frame waits for another to wake.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::num::NonZero;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use hyper::header::{CONNECTION, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use super::access::is_allowed;
use super::service::handle;
use super::shared::Proxy;
use super::worker::{Caller, Worker};
use crate::admission::{ACCEPT_RETRY_DELAY, Admitted, AnswerBody, HEAD_TIMEOUT};

/// Requests on open connections are still answered for this long after the shutdown began: their
/// callers could not know.
const DRAIN_GRACE: Duration = Duration::from_secs(1);
/// Accepted connections that a worker has not started to serve.
const ACCEPT_QUEUE: usize = 64;

/// How far the shutdown has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum ShutdownStage {
    Serving,
    /// No new requests; replies in flight are finished.
    Draining,
    /// Replies in flight are cut off.
    Aborting,
}

struct NewConnection {
    stream: std::net::TcpStream,
    from: SocketAddr,
    admitted: Admitted,
}

pub(super) struct Server {
    workers: Vec<mpsc::Sender<NewConnection>>,
    dispatched: AtomicUsize,
    proxy: Arc<Proxy>,
    ended: mpsc::Receiver<Infallible>,
}

impl Server {
    /// Starts one worker thread per processor.
    pub fn start(proxy: &Arc<Proxy>, stage: &watch::Receiver<ShutdownStage>) -> io::Result<Server> {
        let count = std::thread::available_parallelism().map_or(1, NonZero::get);
        let (alive, ended) = mpsc::channel(1);
        let mut workers = Vec::with_capacity(count);
        for number in 0..count {
            let worker = Worker::new(proxy);
            let (sender, receiver) = mpsc::channel(ACCEPT_QUEUE);
            let (stage, alive) = (stage.clone(), alive.clone());
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?;
            std::thread::Builder::new()
                .name(format!("proxy-{number}"))
                .spawn(move || {
                    runtime.block_on(run_worker(Arc::new(worker), receiver, stage));
                    // Do not wait for a name lookup that hangs.
                    runtime.shutdown_background();
                    drop(alive);
                })?;
            workers.push(sender);
        }
        Ok(Server {
            workers,
            dispatched: AtomicUsize::new(0),
            proxy: Arc::clone(proxy),
            ended,
        })
    }

    /// Accepts connections and deals them out to the workers, forever. May be cancelled: from `accept` on
    /// nothing waits, so that no accepted connection is lost.
    pub async fn accept(&self, listener: &TcpListener) {
        loop {
            // No queue is closed while the server accepts.
            let Ok(slot) = self.next_worker().reserve().await else {
                return;
            };
            let accepted = listener.accept().await;
            let accepted = accepted.and_then(|(stream, from)| Ok((stream.into_std()?, from)));
            match accepted.and_then(|(stream, from)| self.prepare(stream, from)) {
                Ok(Some(connection)) => slot.send(connection),
                Ok(None) => {}
                Err(error) => {
                    tracing::debug!("cannot accept a connection: {error}");
                    tokio::time::sleep(ACCEPT_RETRY_DELAY).await;
                }
            }
        }
    }

    /// Accepts what is already in the backlog and closes the listener: later callers are refused and
    /// turn to another node.
    pub async fn drain_backlog(&self, listener: TcpListener) -> io::Result<()> {
        let listener = listener.into_std()?;
        while let Ok((stream, from)) = listener.accept() {
            stream.set_nonblocking(true)?;
            match self.prepare(stream, from) {
                // A worker has only ended if the shutdown was aborted.
                Ok(Some(connection)) => drop(self.next_worker().send(connection).await),
                Ok(None) => {}
                Err(error) => tracing::debug!("cannot accept a connection: {error}"),
            }
        }
        Ok(())
    }

    fn next_worker(&self) -> &mpsc::Sender<NewConnection> {
        let turn = self.dispatched.fetch_add(1, Ordering::Relaxed);
        &self.workers[turn % self.workers.len()]
    }

    /// `None` for a caller who is not allowed, and if there are too many requests.
    fn prepare(
        &self,
        stream: std::net::TcpStream,
        from: SocketAddr,
    ) -> io::Result<Option<NewConnection>> {
        let proxy = &self.proxy;
        let is_local = proxy.is_local(from.ip());
        if !is_local && !is_allowed(&proxy.config.callers, from.ip()) {
            tracing::debug!("a connection from {from} is closed: this address is not allowed");
            return Ok(None);
        }
        let Some(admitted) = proxy.connections.admit(from.ip()) else {
            tracing::debug!("a connection from {from} is closed: too many requests");
            return Ok(None);
        };
        // Each frame of a stream leaves at once, not when the previous one is acknowledged.
        stream.set_nodelay(true)?;
        // A caller that reads nothing for this long is gone, or holds a place that another needs.
        let stall = u32::try_from(proxy.config.request_timeout.as_millis()).unwrap_or(u32::MAX);
        if let Err(error) = rustix::net::sockopt::set_tcp_user_timeout(&stream, stall) {
            tracing::debug!("a stalled caller will not be detected: {error}");
        }
        Ok(Some(NewConnection {
            stream,
            from,
            admitted,
        }))
    }

    /// Waits until all workers have ended.
    pub async fn join(mut self) {
        self.workers.clear();
        self.ended.recv().await;
    }
}

async fn run_worker(
    worker: Arc<Worker>,
    mut accepted: mpsc::Receiver<NewConnection>,
    stage: watch::Receiver<ShutdownStage>,
) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            connection = accepted.recv() => {
                let Some(connection) = connection else { break };
                connections.spawn(serve_connection(Arc::clone(&worker), connection, stage.clone()));
            }
            Some(_) = connections.join_next() => {}
        }
    }
    let all = async { while connections.join_next().await.is_some() {} };
    tokio::select! {
        () = all => {}
        () = wait_for_stage(stage, ShutdownStage::Aborting) => {}
    }
}

/// Returns when the shutdown has come this far, or its owner is gone.
async fn wait_for_stage(mut stage: watch::Receiver<ShutdownStage>, wanted: ShutdownStage) {
    let _ = stage.wait_for(|stage| *stage >= wanted).await;
}

/// Returns when connections without a request may be closed.
async fn drain_grace_over(stage: watch::Receiver<ShutdownStage>) {
    wait_for_stage(stage, ShutdownStage::Draining).await;
    tokio::time::sleep(DRAIN_GRACE).await;
}

/// Serves requests on one connection until it ends.
async fn serve_connection(
    worker: Arc<Worker>,
    connection: NewConnection,
    stage: watch::Receiver<ShutdownStage>,
) {
    let NewConnection {
        stream,
        from,
        admitted,
    } = connection;
    let stream = match TcpStream::from_std(stream) {
        Ok(stream) => stream,
        Err(error) => {
            tracing::debug!("cannot serve a connection from {from}: {error}");
            return;
        }
    };
    let caller = Arc::new(Caller {
        worker,
        address: from,
    });
    let service = service_fn(|request| {
        let (caller, stage) = (Arc::clone(&caller), stage.clone());
        let answering = admitted.answering();
        async move {
            let mut reply = handle(&caller, request).await;
            if *stage.borrow() != ShutdownStage::Serving {
                let close = HeaderValue::from_static("close");
                reply.headers_mut().insert(CONNECTION, close);
            }
            Ok::<_, Infallible>(reply.map(|body| AnswerBody::new(body, answering)))
        }
    });
    let connection = http1::Builder::new()
        .writev(false)
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    let result = tokio::select! {
        result = connection.as_mut() => result,
        () = drain_grace_over(stage.clone()) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
        () = admitted.gives_way() => return,
    };
    if let Err(error) = result {
        tracing::debug!("a connection from {from} broke: {error}");
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::time::timeout;

    use super::*;
    use crate::admission::Admission;
    use crate::proxy::tests::{LONG, config};

    const HEALTH: &[u8] = b"GET /health HTTP/1.1\r\nHost: proxy\r\n\r\n";

    async fn is_answered(caller: &mut TcpStream, within: Duration) -> bool {
        let mut byte = [0];
        let read = timeout(within, caller.read(&mut byte)).await;
        matches!(read, Ok(Ok(1)))
    }

    #[tokio::test]
    async fn silent_caller_gives_way() {
        // Given a server with two connections at most, both of them taken, one by a caller who is silent,
        let scratch = tempfile::tempdir().unwrap();
        let settings = config("http://127.0.0.1:1", 1, LONG);
        let mut proxy = Proxy::new(&settings, &scratch.path().join("state")).unwrap();
        proxy.connections = Admission::new(2, 2);
        let (_stage, stages) = watch::channel(ShutdownStage::Serving);
        let server = Server::start(&Arc::new(proxy), &stages).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { server.accept(&listener).await });
        let mut silent = TcpStream::connect(address).await.unwrap();
        let mut other = TcpStream::connect(address).await.unwrap();
        other.write_all(HEALTH).await.unwrap();
        assert!(is_answered(&mut other, LONG).await);
        // when a third one comes, then it takes the silent one's place, and the other one stays.
        let mut third = TcpStream::connect(address).await.unwrap();
        third.write_all(HEALTH).await.unwrap();
        assert!(is_answered(&mut third, LONG).await);
        let ended = timeout(LONG, silent.read(&mut [0])).await.unwrap();
        assert_eq!(ended.unwrap_or(0), 0);
        let mut rest = [0; 4_096];
        while let Ok(Ok(_)) = timeout(Duration::from_millis(50), other.read(&mut rest)).await {}
        other.write_all(HEALTH).await.unwrap();
        assert!(is_answered(&mut other, LONG).await);
    }
}
