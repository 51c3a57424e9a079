//! What all workers share.

use std::io;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use tokio::sync::Semaphore;

use super::counters::CounterFile;
use super::upstreams::{self, Upstream};
use crate::admission::Admission;
use crate::config::ProxyConfig;

/// Connections beyond those of admitted requests: idle, or still sending their request. One address may
/// have half of them.
const SPARE_CONNECTIONS: usize = 1_024;

pub(super) struct Proxy {
    pub config: ProxyConfig,
    pub upstreams: Vec<Arc<Upstream>>,
    /// One permit per request in flight.
    pub requests: Arc<Semaphore>,
    /// Bounds the open connections, from before their first request.
    pub connections: Arc<Admission>,
    pub counters: CounterFile,
    /// Seconds from the request to the first byte of its reply.
    pub first_byte: Histogram,
}

impl Proxy {
    pub fn new(config: &ProxyConfig, state_file: &Path) -> io::Result<Proxy> {
        let requests = config.max_concurrent as usize;
        Ok(Proxy {
            upstreams: upstreams::from_config(config)?,
            requests: Arc::new(Semaphore::new(requests)),
            connections: Admission::new(
                requests + SPARE_CONNECTIONS,
                requests + SPARE_CONNECTIONS / 2,
            ),
            counters: CounterFile::open(state_file),
            // 10 ms to 82 s.
            first_byte: Histogram::new(exponential_buckets(0.01, 2.0, 14)),
            config: config.clone(),
        })
    }

    /// True for an address of this machine.
    pub fn is_local(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        address.is_loopback() || address == self.config.listen.ip()
    }

    pub fn in_flight(&self) -> u64 {
        let free = self.requests.available_permits();
        (self.config.max_concurrent as usize).saturating_sub(free) as u64
    }
}
