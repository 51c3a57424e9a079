//! What one worker thread serves with.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use super::shared::Proxy;
use super::transfer::Executor;
use super::upstream_client::UpstreamClient;
use super::upstreams::Upstream;

pub(super) struct Worker {
    pub proxy: Arc<Proxy>,
    pub upstreams: Vec<WorkerUpstream>,
    pub executor: Option<Executor>,
}

/// An upstream, and this thread's connections to it.
pub(super) struct WorkerUpstream {
    pub upstream: Arc<Upstream>,
    pub client: UpstreamClient,
}

impl AsRef<Upstream> for WorkerUpstream {
    fn as_ref(&self) -> &Upstream {
        &self.upstream
    }
}

pub(super) struct Caller {
    pub worker: Arc<Worker>,
    pub address: SocketAddr,
}

impl Worker {
    pub fn new(proxy: &Arc<Proxy>) -> io::Result<Worker> {
        let with_client = |upstream: &Arc<Upstream>| WorkerUpstream {
            upstream: Arc::clone(upstream),
            client: UpstreamClient::new(&upstream.destination),
        };
        let transfer = proxy.config.transfer.as_ref();
        let executor = transfer.map(|transfer| Executor::new(transfer, &proxy.config.callers));
        Ok(Worker {
            proxy: Arc::clone(proxy),
            upstreams: proxy.upstreams.iter().map(with_client).collect(),
            executor: executor.transpose()?,
        })
    }
}
