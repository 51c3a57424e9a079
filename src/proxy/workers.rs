//! The threads that serve, each with a runtime of its own: a request, its upstream's answer and both
//! connections stay on one thread, so that no piece of an answer waits for another thread to wake.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::num::NonZero;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use super::{Proxy, answer, client};

/// A caller that does not send the head of its request in this time is no caller.
const SLOWEST_HEAD: Duration = Duration::from_secs(30);
/// After a connection that could not be taken: most often there are no descriptors left.
const AFTER_FAILURE: Duration = Duration::from_millis(100);

/// How far the end is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stage {
    Serving,
    /// No new requests; answers under way come to their end.
    Draining,
    /// What is still under way is cut off.
    Cut,
}

/// A connection, and who it is from.
type Caller = (std::net::TcpStream, SocketAddr);

/// The threads.
pub(super) struct Workers {
    callers: Vec<mpsc::UnboundedSender<Caller>>,
    ended: mpsc::Receiver<Infallible>,
}

impl Workers {
    /// One for each processor.
    pub fn start(proxy: &Arc<Proxy>, stage: &watch::Receiver<Stage>) -> io::Result<Workers> {
        let count = std::thread::available_parallelism().map_or(1, NonZero::get);
        let (alive, ended) = mpsc::channel(1);
        let mut callers = Vec::with_capacity(count);
        for number in 0..count {
            let worker = Worker {
                proxy: Arc::clone(proxy),
                client: client(&proxy.config).map_err(io::Error::other)?,
            };
            let (sender, receiver) = mpsc::unbounded_channel();
            let (stage, alive) = (stage.clone(), alive.clone());
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?;
            std::thread::Builder::new()
                .name(format!("proxy-{number}"))
                .spawn(move || {
                    runtime.block_on(work(Arc::new(worker), receiver, stage));
                    drop((runtime, alive));
                })?;
            callers.push(sender);
        }
        Ok(Workers { callers, ended })
    }

    /// Takes connections and deals them out in turn, for ever.
    pub async fn deal(&self, listener: &TcpListener) {
        for worker in self.callers.iter().cycle() {
            let caller = next(listener).await;
            // Only at the end is nobody there to take it.
            let _ = worker.send(caller);
        }
    }

    /// Until all have ended.
    pub async fn end(mut self) {
        self.callers.clear();
        self.ended.recv().await;
    }
}

async fn next(listener: &TcpListener) -> Caller {
    loop {
        let taken = async {
            let (stream, from) = listener.accept().await?;
            // Each piece of a stream goes out when it is there, not when the one before has been
            // acknowledged.
            stream.set_nodelay(true)?;
            Ok::<Caller, io::Error>((stream.into_std()?, from))
        };
        match taken.await {
            Ok(caller) => return caller,
            Err(error) => {
                tracing::debug!("a connection could not be taken: {error}");
                tokio::time::sleep(AFTER_FAILURE).await;
            }
        }
    }
}

/// What a thread serves with.
pub(super) struct Worker {
    pub proxy: Arc<Proxy>,
    /// Its own: connections to upstreams are kept on the thread that uses them.
    pub client: reqwest::Client,
}

async fn work(
    worker: Arc<Worker>,
    mut callers: mpsc::UnboundedReceiver<Caller>,
    stage: watch::Receiver<Stage>,
) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            caller = callers.recv() => {
                let Some((stream, from)) = caller else { break };
                match TcpStream::from_std(stream) {
                    Ok(stream) => {
                        connections.spawn(converse(Arc::clone(&worker), stream, from, stage.clone()));
                    }
                    Err(error) => tracing::debug!("a connection could not be taken: {error}"),
                }
            }
            Some(_) = connections.join_next() => {}
        }
    }
    let all = async { while connections.join_next().await.is_some() {} };
    tokio::select! {
        () = all => {}
        () = reached(stage, Stage::Cut) => {}
    }
}

/// Until the end is so far. Nobody there to tell it is the end, too.
async fn reached(mut stage: watch::Receiver<Stage>, wanted: Stage) {
    let _ = stage.wait_for(|stage| *stage >= wanted).await;
}

/// Answers what comes on one connection, until it ends.
async fn converse(
    worker: Arc<Worker>,
    stream: TcpStream,
    from: SocketAddr,
    stage: watch::Receiver<Stage>,
) {
    let service = service_fn(|request: hyper::Request<hyper::body::Incoming>| {
        let worker = Arc::clone(&worker);
        async move {
            let answer = answer(&worker, from, request.map(Body::new)).await;
            Ok::<_, Infallible>(answer)
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(SLOWEST_HEAD)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = reached(stage, Stage::Draining) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!("a connection from {from} broke: {error}");
    }
}
