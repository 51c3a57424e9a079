//! What was seen of a node's work in a `PoC`. It explains the outcome, which is weight on the chain.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Duration, Time};

/// Nonces of a generation by vLLM's own count (`GET /api/v1/inference/pow/status`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct NonceCount {
    /// Since its beginning, over all instances of vLLM.
    pub total: u64,
    /// At its present rate.
    pub per_minute: u64,
}

/// How a node took part in its `PoC`, as far as was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct PocActivity {
    /// When it was first seen to generate.
    pub generating_since: Option<Time>,
    /// When it was first seen to validate.
    pub validating_since: Option<Time>,
    /// What its last generation has made; absent where the image does not count.
    pub nonces: Option<NonceCount>,
    /// When that count last grew.
    pub last_nonces_at: Option<Time>,
}

impl PocActivity {
    /// A node that generates is read every few seconds, and has more each time.
    pub const STANDS_STILL_AFTER: Duration = Duration::seconds(30);

    /// Adds a reading of the count. A generation that begins again counts from zero.
    pub fn count(&mut self, now: Time, nonces: NonceCount) {
        let before = self.nonces.map(|nonces| nonces.total);
        if before != Some(nonces.total) {
            self.last_nonces_at = Some(now);
        }
        self.nonces = Some(nonces);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn count_that_stands_still_keeps_its_time() {
        let at = |seconds| Time::UNIX_EPOCH + Duration::seconds(seconds);
        let nonces = |total| NonceCount {
            total,
            per_minute: 600,
        };
        let mut activity = PocActivity::default();
        activity.count(at(8), nonces(80));
        activity.count(at(16), nonces(160));
        activity.count(at(24), nonces(160));
        assert_eq!(activity.last_nonces_at, Some(at(16)));
        activity.count(at(900), nonces(40));
        assert_eq!(activity.last_nonces_at, Some(at(900)));
        assert_eq!(activity.nonces, Some(nonces(40)));
    }
}
