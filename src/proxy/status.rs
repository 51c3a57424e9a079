//! What the cockpit shows of the proxy.

use tokio::time::Instant;

use super::Proxy;
use crate::domain::{ProxyFigures, UpstreamFigures, UpstreamHealth};

/// Where they are read.
pub(super) const PATH: &str = "/figures";

pub(super) fn figures(proxy: &Proxy) -> ProxyFigures {
    let (kept, now) = (proxy.memory.copy(), Instant::now());
    let statuses = kept.answers.values().flatten();
    let with = |hundreds: u16| {
        let those = statuses
            .clone()
            .filter(|(status, _)| **status / 100 == hundreds);
        those.map(|(_, count)| count).sum::<u64>()
    };
    let upstreams = proxy.upstreams.iter().map(|upstream| {
        let attempts = kept.upstreams.get(&**upstream.name()).copied();
        let attempts = attempts.unwrap_or_default();
        UpstreamFigures {
            name: (**upstream.name()).to_owned(),
            answered: attempts.answered,
            failed: attempts.failed,
            health: match upstream.rests_until(now) {
                None => UpstreamHealth::Well,
                Some(_) => UpstreamHealth::Resting,
            },
        }
    });
    ProxyFigures {
        serving: kept.service,
        under_way: proxy.under_way(),
        answered: with(2),
        refused: with(4),
        failed: with(5),
        unfinished: kept.unfinished,
        upstreams: upstreams.collect(),
    }
}
