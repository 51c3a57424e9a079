//! The status that the cockpit shows.

use tokio::time::Instant;

use super::shared::Proxy;
use crate::domain::{ProxyFigures, UpstreamFigures, UpstreamHealth};

pub(super) fn status(proxy: &Proxy) -> ProxyFigures {
    let (counters, now) = (proxy.counters.snapshot(), Instant::now());
    let upstreams = proxy.upstreams.iter().map(|upstream| {
        let attempts = counters.upstreams.get(&**upstream.name()).copied();
        let attempts = attempts.unwrap_or_default();
        UpstreamFigures {
            name: (**upstream.name()).to_owned(),
            answered: attempts.answered,
            failed: attempts.failed,
            health: match upstream.cooldown_until(now) {
                None => UpstreamHealth::Well,
                Some(_) => UpstreamHealth::Resting,
            },
        }
    });
    ProxyFigures {
        serving: counters.serving,
        under_way: proxy.in_flight(),
        answered: counters.replies_of_class(2),
        refused: counters.replies_of_class(4),
        failed: counters.replies_of_class(5),
        unfinished: counters.unfinished,
        upstreams: upstreams.collect(),
    }
}
