//! The operator's settings as the state machine needs them, fixed when a sprint begins.

use serde::{Deserialize, Serialize};

use super::budget::Caps;
use crate::domain::{Aim, CockpitId, Duration, Hedging, InstanceId, NodeId, ReleasePolicy, Slot};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    #[serde(default)]
    pub aim: Aim,
    pub cockpit: CockpitId,
    /// Prefix of node ids; the contract id is added.
    pub node_prefix: String,
    /// p95 of a boot.
    #[serde(with = "millis")]
    pub lead: Duration,
    /// Added to the lead.
    #[serde(with = "millis")]
    pub margin: Duration,
    /// Added for the rent calls of other replicas, which come before this one's.
    #[serde(with = "millis", default)]
    pub head_start: Duration,
    /// A registration must be complete this long before the `PoC` starts.
    #[serde(with = "millis")]
    pub registration_margin: Duration,
    /// Longest time from renting to a loaded model.
    #[serde(with = "millis")]
    pub startup_timeout: Duration,
    pub release: ReleasePolicy,
    /// A rental lives no longer than this after the `PoC` started.
    #[serde(with = "millis")]
    pub execution_timeout: Duration,
    /// What the lease adds to the planned release.
    #[serde(with = "millis")]
    pub lease: Duration,
    /// Rentals at most.
    pub max_attempts: u32,
    #[serde(default)]
    pub hedging: Hedging,
    pub caps: Caps,
    /// The replica's place among those of its Network Node.
    #[serde(default)]
    pub slot: Slot,
    /// Makes labels unique; drawn once per sprint.
    pub nonce: u64,
}

impl Plan {
    /// The id under which a rental is registered.
    pub fn node_id(&self, instance: InstanceId) -> NodeId {
        NodeId(format!("{}{instance}", self.node_prefix))
    }
}

/// Durations as whole milliseconds.
mod millis {
    use serde::{Deserialize, Deserializer, Serializer};

    use crate::domain::Duration;

    pub fn serialize<S: Serializer>(duration: &Duration, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_i64(duration.num_milliseconds())
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
        let millis = i64::deserialize(from)?;
        Duration::try_milliseconds(millis)
            .ok_or_else(|| serde::de::Error::custom("duration out of range"))
    }
}
