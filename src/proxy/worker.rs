//! What one worker thread serves with.

use std::net::SocketAddr;
use std::sync::Arc;

use super::shared::Proxy;
use super::upstream_client::UpstreamClient;
use super::upstreams::Upstream;

pub(super) struct Worker {
    pub proxy: Arc<Proxy>,
    pub upstreams: Vec<WorkerUpstream>,
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
    pub fn new(proxy: &Arc<Proxy>) -> Worker {
        let with_client = |upstream: &Arc<Upstream>| WorkerUpstream {
            upstream: Arc::clone(upstream),
            client: UpstreamClient::new(&upstream.destination),
        };
        Worker {
            proxy: Arc::clone(proxy),
            upstreams: proxy.upstreams.iter().map(with_client).collect(),
        }
    }
}
