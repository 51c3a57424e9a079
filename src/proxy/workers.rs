//! The threads that serve, each with a runtime of its own: a request, its upstream's answer and both
//! connections stay on one thread, so that no piece of an answer waits for another thread to wake.

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
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::interval;

use super::connections::{Connections, TIDY_EVERY};
use super::patience::Patience;
use super::transfer::Executor;
use super::upstreams::Upstream;
use super::{Proxy, answer};

/// A caller that does not send the head of its request in this time is no caller.
const SLOWEST_HEAD: Duration = Duration::from_secs(30);
/// After a connection that could not be taken: most often there are no descriptors left.
const AFTER_FAILURE: Duration = Duration::from_millis(100);

/// So long after the end was asked for, requests on open connections are answered still.
const LAST_REQUESTS: Duration = Duration::from_secs(1);

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
type Call = (std::net::TcpStream, SocketAddr);

/// The threads.
pub(super) struct Workers {
    callers: Vec<mpsc::UnboundedSender<Call>>,
    dealt: AtomicUsize,
    longest_stall: Duration,
    ended: mpsc::Receiver<Infallible>,
}

impl Workers {
    /// One for each processor.
    pub fn start(proxy: &Arc<Proxy>, stage: &watch::Receiver<Stage>) -> io::Result<Workers> {
        let count = std::thread::available_parallelism().map_or(1, NonZero::get);
        let (alive, ended) = mpsc::channel(1);
        let mut callers = Vec::with_capacity(count);
        for number in 0..count {
            let worker = Worker::new(proxy)?;
            let (sender, receiver) = mpsc::unbounded_channel();
            let (stage, alive) = (stage.clone(), alive.clone());
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?;
            std::thread::Builder::new()
                .name(format!("proxy-{number}"))
                .spawn(move || {
                    runtime.block_on(work(Arc::new(worker), receiver, stage));
                    // A name that nobody resolves must not hold up the end.
                    runtime.shutdown_background();
                    drop(alive);
                })?;
            callers.push(sender);
        }
        Ok(Workers {
            callers,
            dealt: AtomicUsize::new(0),
            longest_stall: proxy.config.request_timeout,
            ended,
        })
    }

    /// Takes connections and deals them out in turn, for ever.
    pub async fn deal(&self, listener: &TcpListener) {
        loop {
            let taken = listener.accept().await;
            let taken = taken.and_then(|(stream, from)| Ok((stream.into_std()?, from)));
            if let Err(error) = taken.and_then(|call| self.hand_over(call)) {
                tracing::debug!("a connection could not be taken: {error}");
                tokio::time::sleep(AFTER_FAILURE).await;
            }
        }
    }

    /// Takes the connections that are there already. Whoever comes later finds nobody listening, and
    /// asks somebody else.
    pub fn deal_rest(&self, listener: TcpListener) -> io::Result<()> {
        let listener = listener.into_std()?;
        while let Ok((stream, from)) = listener.accept() {
            let taken = stream.set_nonblocking(true);
            if let Err(error) = taken.and_then(|()| self.hand_over((stream, from))) {
                tracing::debug!("a connection could not be taken: {error}");
            }
        }
        Ok(())
    }

    fn hand_over(&self, call: Call) -> io::Result<()> {
        let (stream, _) = &call;
        // Each piece of a stream goes out when it is there, not when the one before has been
        // acknowledged.
        stream.set_nodelay(true)?;
        // A caller that takes nothing for so long is gone, or holds a place that is another's.
        let stall = u32::try_from(self.longest_stall.as_millis()).unwrap_or(u32::MAX);
        if let Err(error) = rustix::net::sockopt::set_tcp_user_timeout(stream, stall) {
            tracing::debug!("a caller that takes nothing will not be noticed: {error}");
        }
        let turn = self.dealt.fetch_add(1, Ordering::Relaxed);
        if let Some(worker) = self.callers.get(turn % self.callers.len().max(1)) {
            // Only at the end is nobody there to take it.
            let _ = worker.send(call);
        }
        Ok(())
    }

    /// Until all have ended.
    pub async fn end(mut self) {
        self.callers.clear();
        self.ended.recv().await;
    }
}

/// What a thread serves with.
pub(super) struct Worker {
    pub proxy: Arc<Proxy>,
    /// The connections are its own: they are kept on the thread that uses them.
    pub upstreams: Vec<Line>,
    pub executor: Option<Executor>,
}

/// An upstream, and this thread's connections to it.
pub(super) struct Line {
    pub upstream: Arc<Upstream>,
    pub connections: Connections,
}

impl AsRef<Upstream> for Line {
    fn as_ref(&self) -> &Upstream {
        &self.upstream
    }
}

/// Who asks on a connection.
pub(super) struct Caller {
    pub worker: Arc<Worker>,
    pub from: SocketAddr,
    /// For one request after the other.
    pub patience: Patience,
    stage: watch::Receiver<Stage>,
}

impl Worker {
    fn new(proxy: &Arc<Proxy>) -> io::Result<Worker> {
        let line = |upstream: &Arc<Upstream>| Line {
            upstream: Arc::clone(upstream),
            connections: Connections::new(upstream.destination.clone()),
        };
        let transfer = proxy.config.transfer.as_ref();
        let executor = transfer.map(|transfer| Executor::new(transfer, &proxy.config.callers));
        Ok(Worker {
            proxy: Arc::clone(proxy),
            upstreams: proxy.upstreams.iter().map(line).collect(),
            executor: executor.transpose()?,
        })
    }

    fn tidy(&self) {
        let upstreams = self.upstreams.iter().map(|line| &line.connections);
        let executor = self.executor.iter().map(|executor| &executor.connections);
        upstreams.chain(executor).for_each(Connections::tidy);
    }
}

async fn work(
    worker: Arc<Worker>,
    mut callers: mpsc::UnboundedReceiver<Call>,
    stage: watch::Receiver<Stage>,
) {
    let mut connections = JoinSet::new();
    let mut tidying = interval(TIDY_EVERY);
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
            _ = tidying.tick() => worker.tidy(),
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

/// Until a connection without a request may be closed. What was sent before its caller could know of the
/// end is still answered.
async fn may_close(stage: watch::Receiver<Stage>) {
    reached(stage, Stage::Draining).await;
    tokio::time::sleep(LAST_REQUESTS).await;
}

/// Answers what comes on one connection, until it ends.
async fn converse(
    worker: Arc<Worker>,
    stream: TcpStream,
    from: SocketAddr,
    stage: watch::Receiver<Stage>,
) {
    let patience = Patience::new();
    let caller = Arc::new(Caller {
        worker,
        from,
        patience: patience.clone(),
        stage: stage.clone(),
    });
    let service = service_fn(|request| {
        let caller = Arc::clone(&caller);
        async move {
            let mut reply = answer(&caller, request).await;
            if *caller.stage.borrow() != Stage::Serving {
                let close = HeaderValue::from_static("close");
                reply.headers_mut().insert(CONNECTION, close);
            }
            Ok::<_, Infallible>(reply)
        }
    });
    let connection = http1::Builder::new()
        .writev(false)
        .timer(patience)
        .header_read_timeout(SLOWEST_HEAD)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = may_close(stage) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!("a connection from {from} broke: {error}");
    }
}
