//! Settings of earlier versions that are gone.

use super::report::{Hint, Problem};

pub(super) struct RemovedSetting {
    pub(super) path: &'static str,
    loss: Loss,
}

/// What a configuration loses by it.
enum Loss {
    /// It would no longer do what the operator wants: refused, with the reason and what to do instead.
    Purpose(&'static str),
    /// Nothing: it only shaped a setting that is gone as well.
    Nothing,
}

/// Gonka v0.2.14 `decentralized-api/internal/server/public/server.go` and `cmd/devshardd/engine.go`.
const NO_TRANSFERS: &str = "requests are not routed to another executor any more: the network's public inference endpoint answers 410 Gone since v0.2.14, and its own requests carry no X-Inference-Id and X-Seed to be told apart by. All requests go to the upstream and its fallbacks: name the API that shall answer there";

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
    /// A warning, or a problem when the configuration would not do what it says. `given` is the name that
    /// the operator used; a variable has no line.
    pub(super) fn judge(
        &self,
        given: &str,
        line: Option<usize>,
        is_empty: bool,
    ) -> Result<String, Problem> {
        match self.loss {
            Loss::Purpose(why) if !is_empty => Err(Problem::new(given, line, why, Hint::Remove)),
            _ => Ok(format!("{given} is gone and has no effect: remove it")),
        }
    }
}
