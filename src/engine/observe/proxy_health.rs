//! Readings of the inference proxy.

use crate::domain::{CallError, ProxyFigures, Time};
use crate::engine::observe::freshness::Feed;
use crate::engine::snapshot::ProxySnapshot;
use crate::engine::state::Engine;

impl Engine {
    pub(crate) fn on_proxy_status(&mut self, now: Time, reading: Result<ProxyFigures, CallError>) {
        self.observed.freshness.mark(Feed::Proxy, now);
        self.observed.proxy.record(now, reading);
    }

    pub(crate) fn proxy_snapshot(&self) -> Option<ProxySnapshot> {
        let proxy = self.ports.inference_proxy.as_ref()?;
        Some(self.observed.proxy.snapshot(proxy.address()))
    }
}
