//! The inference proxy's settings.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use ipnet::IpNet;
use secrecy::{ExposeSecret as _, SecretString};
use smart_default::SmartDefault;
use url::Url;

use super::value::{BLANK_ADDRESS, blank_url};
use crate::domain::{Hardware, NetworkNodeName, NodeConfig, NodeId};

/// The inference proxy: what is registered for it, and what it serves.
/// The default is a blank for the draft, not a working configuration.
#[derive(Debug, Clone, SmartDefault)]
pub struct ProxyConfig {
    /// Its id in the Network Node.
    pub node_id: NodeId,
    /// Where it is registered; `None`: at the first one.
    pub network_node: Option<NetworkNodeName>,
    /// Its address as the Network Node sees it.
    pub host: String,
    pub inference_port: u16,
    /// Its registered `PoC` port.
    pub poc_port: u16,
    #[default(BLANK_ADDRESS)]
    pub listen: SocketAddr,
    pub model: String,
    /// Tried first.
    pub upstream: UpstreamConfig,
    /// Tried in this order when it fails.
    pub fallbacks: Vec<UpstreamConfig>,
    pub fields: FieldRules,
    pub callers: CallerRules,
    pub access_log: AccessLog,
    /// Largest request in bytes.
    pub max_body: usize,
    pub max_concurrent: u32,
    /// Time to the first byte of a response (real time).
    pub request_timeout: std::time::Duration,
    /// Hardware that is registered for it.
    pub hardware: Hardware,
}

impl ProxyConfig {
    /// Every address that requests are sent to.
    pub fn addresses(&self) -> impl Iterator<Item = &Url> {
        self.upstreams().map(|upstream| &upstream.url)
    }

    /// In the order in which they are tried.
    pub fn upstreams(&self) -> impl Iterator<Item = &UpstreamConfig> {
        std::iter::once(&self.upstream).chain(&self.fallbacks)
    }

    /// What to register at the Network Node.
    pub fn node(&self) -> NodeConfig {
        NodeConfig {
            id: self.node_id.clone(),
            host: self.host.clone(),
            inference_port: self.inference_port,
            inference_segment: String::new(),
            poc_port: self.poc_port,
            poc_segment: String::new(),
            max_concurrent: self.max_concurrent,
            models: [(self.model.clone(), Vec::new())].into(),
            hardware: vec![self.hardware.clone()],
        }
    }
}

/// An API that answers for the inference proxy.
/// The default is a blank for the draft, not a working configuration.
#[derive(Debug, Clone, SmartDefault)]
pub struct UpstreamConfig {
    #[default(blank_url())]
    pub url: Url,
    /// Empty when it was not needed ([`Credential::Upstreams`](super::Credential::Upstreams)) and could not be read.
    pub key: SecretString,
    pub model: String,
    pub features: BTreeSet<UpstreamFeature>,
}

impl UpstreamConfig {
    pub fn has_key(&self) -> bool {
        !self.key.expose_secret().is_empty()
    }
}

/// What the network needs of an upstream beyond the usual API. The vLLM of an `MLNode` has both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum UpstreamFeature {
    /// The tokens inside its logprobs are numeric ids. The network asks for them with every request
    /// (`return_token_ids`), and judges text there invalid (gonka v0.2.14
    /// `decentralized-api/completionapi/request.go`, `internal/validation/inference_validation.go`).
    TokenIds,
    /// It replays another host's tokens (`enforced_tokens`), as validation requires. An upstream that ignores
    /// the field makes this host vote others invalid.
    EnforcedTokens,
}

impl UpstreamFeature {
    pub const ALL: &'static [UpstreamFeature] =
        &[UpstreamFeature::TokenIds, UpstreamFeature::EnforcedTokens];

    pub(super) fn parse(text: &str) -> Result<UpstreamFeature, String> {
        let mut all = UpstreamFeature::ALL.iter();
        let known = all.find(|feature| feature.word() == text);
        known.copied().ok_or_else(|| {
            let words: Vec<&str> = UpstreamFeature::ALL.iter().map(|one| one.word()).collect();
            format!("{text:?} is none of {}", words.join(", "))
        })
    }

    /// Its word in the settings.
    pub fn word(self) -> &'static str {
        match self {
            UpstreamFeature::TokenIds => "token_ids",
            UpstreamFeature::EnforcedTokens => "enforced_tokens",
        }
    }
}

/// Changes to a request, for upstreams that reject unknown fields.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FieldRules {
    pub renamed: BTreeMap<String, String>,
    pub dropped: Vec<String>,
}

/// Who may send requests to the inference proxy.
#[derive(Debug, Clone, Default)]
pub struct CallerRules {
    /// Networks; empty for all.
    pub networks: Vec<IpNet>,
    /// Bearer token; absent for none.
    pub token: Option<SecretString>,
}

/// What is logged of requests to the inference proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AccessLog {
    Off,
    /// Endpoint, status, times, bytes.
    #[default]
    Requests,
    WithPrompts,
}
