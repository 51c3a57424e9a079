//! Entries of the operator's Network Node.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{EpochIndex, NodeId};

/// What is registered: the body of `POST /admin/v1/nodes`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NodeConfig {
    pub id: NodeId,
    /// Where the Network Node reaches it; no scheme.
    pub host: String,
    /// Port of the inference API (the container's 5000).
    pub inference_port: u16,
    /// Path prefix; empty in today's configurations.
    pub inference_segment: String,
    /// Port of the management and `PoC` API (the container's 8080).
    pub poc_port: u16,
    /// Path prefix; empty in today's configurations.
    pub poc_segment: String,
    /// Requests at once; more than 0.
    pub max_concurrent: u32,
    /// Model id to vLLM arguments; at least one, approved by governance.
    pub models: BTreeMap<String, Vec<String>>,
    /// Its GPUs.
    pub hardware: Vec<Hardware>,
}

/// Some equal GPUs of a node.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Hardware {
    /// Full name, from the driver.
    #[serde(rename = "type")]
    pub name: String,
    /// Number of GPUs.
    pub count: u32,
}

/// Status of a node as the Network Node reports it.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[derive(Debug, strum::Display, Clone, Copy, PartialEq, Eq)]
#[strum(serialize_all = "SCREAMING_SNAKE_CASE")]
pub enum NodeStatus {
    /// Not queried yet, or a word that this program does not know.
    Unknown,
    /// Serves inference.
    Inference,
    /// In `PoC` (the first version's service state).
    Poc,
    /// Trains.
    Training,
    /// Nothing loaded.
    Stopped,
    /// The failure reason says why.
    Failed,
}

impl NodeStatus {
    /// For people; a failure is loud.
    pub fn word(self) -> String {
        match self {
            NodeStatus::Poc => "PoC".to_owned(),
            NodeStatus::Failed => "FAILED".to_owned(),
            status => status.to_string().to_lowercase(),
        }
    }
}

/// `PoC` status of a node or of a service.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[derive(Debug, strum::Display, Clone, Copy, PartialEq, Eq)]
#[strum(serialize_all = "SCREAMING_SNAKE_CASE")]
pub enum PocStatus {
    /// Not in `PoC`.
    Idle,
    /// Generates nonces.
    Generating,
    /// Validates other nodes' nonces.
    Validating,
    /// Backends disagree.
    Mixed,
    /// No backend is up.
    NoBackends,
    /// A word that this program does not know.
    Unknown,
}

impl PocStatus {
    /// For people.
    pub fn word(self) -> String {
        self.to_string().to_lowercase()
    }
}

/// Weight on the chain: what a `PoC` earns by.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
#[schemars(inline)]
#[derive(Debug, derive_more::Display, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Weight(pub u64);

/// What a confirmation `PoC` left of a participant's confirmation weight, as the chain reports it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Confirmation {
    pub epoch: EpochIndex,
    /// Which event of the epoch, from 0.
    pub sequence: u64,
    /// The participant's weight in the epoch, on another scale than the confirmation weights: the two
    /// cannot be compared.
    pub weight: Weight,
    /// The confirmation weight after the event; also 0 when the participant was removed from the epoch.
    pub confirmed: Weight,
    /// The confirmation weight before the event; null when it was not read in time.
    #[serde(default)]
    pub before: Option<Weight>,
}

impl Confirmation {
    /// The share of the confirmation weight that the event left, from 0 to 1; `None` when the weight before
    /// it is unknown or zero.
    #[expect(clippy::cast_precision_loss, reason = "a ratio for people")]
    pub fn ratio(&self) -> Option<f64> {
        match self.before?.0 {
            0 => None,
            before => Some((self.confirmed.0 as f64 / before as f64).min(1.0)),
        }
    }
}

/// What the Network Node currently has a node do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NodeDuty {
    #[default]
    Unknown,
    Serves,
    /// It serves and has weight in the current epoch: during a `PoC` it may be preserved. The Network Node
    /// does not say.
    ServesWithWeight,
    /// It serves through the `PoC` and keeps its weight.
    Preserved,
    Generates,
    Validates,
}

/// A row of `GET /admin/v1/nodes`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RegisteredNode {
    /// As dapi stores it.
    pub config: NodeConfig,
    /// What dapi intends it to be.
    pub intended: NodeStatus,
    /// What dapi observed last.
    pub current: NodeStatus,
    /// What dapi wants of its `PoC`.
    pub poc_intended: PocStatus,
    /// What dapi observed of its `PoC`.
    pub poc_current: PocStatus,
    /// Why it failed; empty when it did not.
    pub failure_reason: String,
    /// Whether it takes part.
    pub enabled: bool,
    /// Epoch of its last registering, enabling or disabling: it takes part in later `PoC`s only.
    pub admin_epoch: EpochIndex,
    /// Version of the `MLNode`, if reported.
    pub version: Option<String>,
    /// `PoC` weight by model in the running epoch.
    pub weights: BTreeMap<String, Weight>,
    /// Models for which it is preserved: it serves through the `PoC` and keeps its weight. Null when dapi
    /// does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preserved_models: Option<Vec<String>>,
}

impl RegisteredNode {
    /// Whether the Network Node says that it is preserved: then dapi does not start its `PoC` (gonka v0.2.14
    /// decentralized-api/broker/broker.go `ShouldContinueInference`).
    pub fn is_preserved(&self) -> bool {
        let models = self.preserved_models.as_ref();
        models.is_some_and(|models| !models.is_empty())
    }

    /// What it does in the `PoC`; a preserved node is idle for that reason.
    pub fn poc_word(&self) -> String {
        match self.poc_current {
            PocStatus::Idle if self.is_preserved() => "preserved".to_owned(),
            status => status.word(),
        }
    }

    /// What the Network Node currently has it do.
    pub fn duty(&self) -> NodeDuty {
        let has_weight = self.weights.values().any(|weight| weight.0 > 0);
        let is_told = self.preserved_models.is_some();
        match (self.intended, self.poc_intended) {
            (NodeStatus::Poc, PocStatus::Generating) => NodeDuty::Generates,
            (NodeStatus::Poc, PocStatus::Validating) => NodeDuty::Validates,
            (NodeStatus::Inference, _) if self.is_preserved() => NodeDuty::Preserved,
            (NodeStatus::Inference, _) if has_weight && !is_told => NodeDuty::ServesWithWeight,
            (NodeStatus::Inference, _) => NodeDuty::Serves,
            _ => NodeDuty::Unknown,
        }
    }
}

/// How our registration compares with what was requested.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Likeness {
    /// The tunnel is down, so our node's address is unknown.
    #[default]
    Unknown,
    AsWanted,
    /// It works, but these fields are not ours.
    Altered(Vec<String>),
    /// It cannot work, because of these fields.
    Wrong(Vec<String>),
}

impl Likeness {
    pub fn is_usable(&self) -> bool {
        matches!(self, Likeness::AsWanted | Likeness::Altered(_))
    }
}

/// Strips the version that the Network Node puts before a path (`/v3.0.8/api/v1/state`,
/// `/v3.0.11-post1/health`). A bare `/v1/` is part of the API.
pub fn behind_version(path: &str) -> Option<&str> {
    let rest = path.strip_prefix("/v")?;
    let version = &rest[..rest.find('/')?];
    let is_version = version.starts_with(|c: char| c.is_ascii_digit())
        && version.contains('.')
        && version.split('.').all(is_of_a_version);
    is_version.then(|| &rest[version.len()..])
}

fn is_of_a_version(part: &str) -> bool {
    !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::samples;

    #[test]
    fn preserved_nodes_have_a_duty_of_their_own() {
        let listed = samples::listed(samples::node_config("vastai-1"));
        let duty = |weight: u64, preserved: Option<&[&str]>| {
            let preserved =
                preserved.map(|models| models.iter().map(ToString::to_string).collect());
            let node = RegisteredNode {
                weights: BTreeMap::from([("m".to_owned(), Weight(weight))]),
                preserved_models: preserved,
                ..listed.clone()
            };
            node.duty()
        };
        // An older dapi does not say.
        assert_eq!(duty(812, None), NodeDuty::ServesWithWeight);
        assert_eq!(duty(812, Some(&[])), NodeDuty::Serves);
        assert_eq!(duty(812, Some(&["m"])), NodeDuty::Preserved);
        assert_eq!(duty(0, None), NodeDuty::Serves);
    }

    #[test]
    fn version_before_path_is_stripped() {
        for (path, behind) in [
            ("/v3.0.8/api/v1/state", "/api/v1/state"),
            ("/v3.0/health", "/health"),
            ("/v3.0.11-post1/v1/models", "/v1/models"),
            ("/v3.0.8/", "/"),
        ] {
            assert_eq!(behind_version(path), Some(behind), "{path}");
        }
    }

    #[test]
    fn api_version_is_kept() {
        for path in [
            "/v1/models",
            "/api/v1/state",
            "/",
            "/v3.0.8",
            "/v3..8/x",
            "/version/x",
            "/vx.y/z",
            "/v3.0%2f/x",
        ] {
            assert_eq!(behind_version(path), None, "{path}");
        }
    }
}
