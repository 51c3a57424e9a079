//! The inputs of a preflight: what was read, and what will be registered.

use std::collections::BTreeSet;

use crate::domain::{
    CallbackAddress, Duration, GovernanceModel, NodeConfig, NodeId, Participant, Reading,
    RegisteredNode, ReleasePolicy, RewardRules, SetupReport, UnknownRules,
};

/// What was read, with the error of each failed read.
#[derive(Debug, Clone)]
pub struct PreflightFacts {
    pub nodes: Reading<Vec<RegisteredNode>>,
    pub approved_models: Reading<Vec<GovernanceModel>>,
    /// According to the public API.
    pub is_participant: Reading<bool>,
    /// Whether the chain node is in sync.
    pub chain: Reading<()>,
    /// Whether the callback answers; absent when it is not reached from here.
    pub callback: Option<Reading<()>>,
    /// Where the Network Node has nodes send their proofs.
    pub callback_address: Reading<CallbackAddress>,
    pub rules: RewardRules,
    pub report: Reading<SetupReport>,
}

/// What will be registered and by whom.
#[derive(Debug, Clone)]
pub struct PreflightTarget {
    pub participant: Participant,
    pub model: String,
    /// Models of other pools of the same participant.
    pub other_models: BTreeSet<String>,
    /// The model's revision, when pinned.
    pub revision: Option<String>,
    /// Memory of all GPUs together that every offer of the search has, in megabytes.
    pub gpu_memory_mb: u64,
    /// The inference proxy, which is registered too.
    pub proxy: Option<ProxyTarget>,
    /// Where the tunnel delivers a rental's proofs; absent when rentals send them directly.
    pub callback: Option<String>,
    /// The future node, as far as it is known before a rental. Its id will end in the instance id,
    /// which is unique: the configuration requires a prefix that does not end in a digit.
    pub address: Option<NodeConfig>,
    /// Prefix of our nodes' ids.
    pub node_prefix: String,
    /// Our registrations that will be removed before the next rental.
    pub leaving: Vec<NodeId>,
    pub release: ReleasePolicy,
    /// How long before the `PoC` a node is registered, at the latest.
    pub registration_margin: Duration,
    pub unknown_rules: UnknownRules,
}

#[derive(Debug, Clone)]
pub struct ProxyTarget {
    pub node: NodeId,
    pub model: String,
}
