//! Settings of earlier versions that no longer exist.

use super::report::{Hint, Problem};

pub(super) struct RemovedSetting {
    pub(super) path: &'static str,
    loss: Loss,
}

/// What a configuration loses without it.
enum Loss {
    /// Its purpose: refused, with the reason and what to do instead.
    Purpose(&'static str),
    /// Nothing: it only refined another removed setting.
    Nothing,
}

/// Gonka v0.2.14 `decentralized-api/internal/server/public/server.go` and `cmd/devshardd/engine.go`.
const NO_TRANSFERS: &str = "requests are no longer routed to another executor: the network's public inference endpoint answers 410 Gone since v0.2.14, and its own requests carry no X-Inference-Id and X-Seed to recognize them by. All requests go to the upstream and its fallbacks: configure the API that should answer as one of these";

const fn gone(path: &'static str, loss: Loss) -> RemovedSetting {
    RemovedSetting { path, loss }
}

pub(super) const REMOVED: &[RemovedSetting] = &[
    gone("inference_proxy.executor", Loss::Purpose(NO_TRANSFERS)),
    gone("inference_proxy.transfer_address", Loss::Nothing),
    gone("inference_proxy.requester_address", Loss::Nothing),
    gone("inference_proxy.transfer_signature", Loss::Nothing),
];

impl RemovedSetting {
    /// A warning, or a problem if the configuration would lose its purpose. `given` is the name that the
    /// operator used; a variable has no line.
    pub(super) fn judge(
        &self,
        given: &str,
        line: Option<usize>,
        is_empty: bool,
    ) -> Result<String, Problem> {
        match self.loss {
            Loss::Purpose(why) if !is_empty => Err(Problem::new(given, line, why, Hint::Remove)),
            _ => Ok(format!(
                "{given} no longer exists and has no effect: remove it"
            )),
        }
    }
}
