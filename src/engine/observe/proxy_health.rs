//! Readings of the inference proxy.

use crate::domain::{CallError, ProxyFigures, Time};
use crate::engine::observe::freshness::Source;
use crate::engine::snapshot::ProxySnapshot;
use crate::engine::state::Engine;

impl Engine {
    pub(crate) fn see_proxy(&mut self, now: Time, reading: Result<ProxyFigures, CallError>) {
        self.seen.reads.note(Source::Proxy, now);
        self.seen.proxy.take(now, reading);
    }

    pub(crate) fn proxy_snapshot(&self) -> Option<ProxySnapshot> {
        let proxy = self.ports.inference_proxy.as_ref()?;
        Some(self.seen.proxy.shown(proxy.address()))
    }
}
