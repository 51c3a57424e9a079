//! The inference proxy's settings.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use ipnet::IpNet;
use secrecy::SecretString;
use url::Url;

use super::build::{placeholder, secret, secret_of_file};
use super::read::{KeyOf, Reader, parse_url};
use crate::domain::{Hardware, NodeConfig, NodeId};

/// The inference proxy: what is registered for it, and what it serves.
#[derive(Debug, Clone)]
pub struct ProxyConfig {
    /// Its id in the Network Node.
    pub node_id: NodeId,
    /// Its address as the Network Node sees it.
    pub host: String,
    /// Its registered inference port.
    pub inference_port: u16,
    /// Its registered `PoC` port.
    pub poc_port: u16,
    /// Where it listens.
    pub listen: SocketAddr,
    /// Model by the network's name.
    pub model: String,
    /// Who is asked first.
    pub upstream: UpstreamConfig,
    /// Who is asked when it fails, in this order.
    pub fallbacks: Vec<UpstreamConfig>,
    /// What is changed in a request.
    pub fields: FieldRules,
    /// Who may ask.
    pub callers: CallerRules,
    /// Where requests go that no transfer agent has numbered; absent to answer them like the others.
    pub transfer: Option<TransferConfig>,
    /// What is logged of requests.
    pub access_log: AccessLog,
    /// Largest request in bytes.
    pub max_body: usize,
    /// Requests at once.
    pub max_concurrent: u32,
    /// Time-out until the first byte of an answer (real time).
    pub request_timeout: std::time::Duration,
    /// Hardware that is registered for it.
    pub hardware: Hardware,
}

impl ProxyConfig {
    /// Every address that requests are sent to.
    pub fn addresses(&self) -> impl Iterator<Item = &Url> {
        let upstreams = std::iter::once(&self.upstream).chain(&self.fallbacks);
        let executor = self.transfer.iter().map(|transfer| &transfer.executor);
        upstreams.map(|upstream| &upstream.url).chain(executor)
    }

    /// What is registered for it.
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

/// Somebody who answers for the inference proxy.
#[derive(Debug, Clone)]
pub struct UpstreamConfig {
    /// OpenAI-compatible base address.
    pub url: Url,
    /// Its key; empty where it was not needed ([`KeyOf::Upstreams`]) and cannot be read.
    pub key: SecretString,
    /// Its name for the model.
    pub model: String,
}

/// What is changed in a request, for upstreams that refuse fields they do not know.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FieldRules {
    /// Old names and new ones.
    pub renamed: BTreeMap<String, String>,
    /// Left out, after the renaming.
    pub dropped: Vec<String>,
}

/// Who may ask the inference proxy.
#[derive(Debug, Clone, Default)]
pub struct CallerRules {
    /// Networks; empty for all.
    pub networks: Vec<IpNet>,
    /// Bearer token; absent for none.
    pub token: Option<SecretString>,
}

/// Where requests go that no transfer agent has numbered.
#[derive(Debug, Clone)]
pub struct TransferConfig {
    /// Base address.
    pub executor: Url,
    /// Our address as the transfer agent (`X-Transfer-Address`).
    pub transfer_address: Option<String>,
    /// Whose requests they are when the caller does not say (`X-Requester-Address`).
    pub requester_address: Option<String>,
    /// What a request must carry.
    pub signature: SignatureRule,
}

/// Whether a transfer must carry `X-TA-Signature`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignatureRule {
    /// It is passed on when it is there.
    Optional,
    /// Without it the request is refused.
    Required,
}

/// What is logged of requests to the inference proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccessLog {
    /// Nothing.
    Off,
    /// Endpoint, status, times, bytes.
    Requests,
    /// Also what was asked.
    WithPrompts,
}

/// Reads the section; absent when nothing of it is given.
pub(super) fn read(reader: &mut Reader<'_>, warnings: &mut Vec<String>) -> Option<ProxyConfig> {
    if !reader.has_section("inference_proxy") {
        return None;
    }
    let listen = reader.parsed::<SocketAddr>("inference_proxy.listen");
    Some(ProxyConfig {
        node_id: NodeId(reader.text("inference_proxy.node_id")),
        host: reader.text("inference_proxy.host"),
        inference_port: reader.port("inference_proxy.inference_port"),
        poc_port: reader.port("inference_proxy.poc_port"),
        listen: listen.unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 0))),
        model: reader.text("inference_proxy.model"),
        upstream: upstream(reader, warnings),
        fallbacks: fallbacks(reader, warnings),
        fields: FieldRules {
            renamed: reader.table("inference_proxy.rename_fields"),
            dropped: reader.texts("inference_proxy.drop_fields"),
        },
        callers: CallerRules {
            networks: networks(reader),
            token: secret(
                reader,
                "inference_proxy.token",
                "inference_proxy.token_file",
                warnings,
            ),
        },
        transfer: transfer(reader),
        access_log: match reader.choice("inference_proxy.access_log") {
            "off" => AccessLog::Off,
            "prompts" => AccessLog::WithPrompts,
            _ => AccessLog::Requests,
        },
        max_body: max_body(reader),
        max_concurrent: reader.count("inference_proxy.max_concurrent", 1, 100_000),
        request_timeout: reader.real_time("inference_proxy.request_timeout"),
        hardware: Hardware {
            name: reader.text("inference_proxy.hardware"),
            count: reader.count("inference_proxy.hardware_count", 1, 64),
        },
    })
}

fn upstream(reader: &mut Reader<'_>, warnings: &mut Vec<String>) -> UpstreamConfig {
    let key = reader.key(KeyOf::Upstreams, |reader| upstream_key(reader, warnings));
    UpstreamConfig {
        url: reader
            .url("inference_proxy.upstream")
            .unwrap_or_else(placeholder),
        key: key.unwrap_or_default(),
        model: reader.text("inference_proxy.upstream_model"),
    }
}

fn upstream_key(reader: &mut Reader<'_>, warnings: &mut Vec<String>) -> Option<SecretString> {
    let key = secret(
        reader,
        "inference_proxy.upstream_key",
        "inference_proxy.upstream_key_file",
        warnings,
    );
    if key.is_none() && !reader.is_given("inference_proxy.upstream_key_file") {
        let right = "inference_proxy.upstream_key_file or inference_proxy.upstream_key";
        reader.problem(
            "inference_proxy.upstream_key",
            "there is no key for the upstream",
            right,
        );
    }
    key
}

fn fallbacks(reader: &mut Reader<'_>, warnings: &mut Vec<String>) -> Vec<UpstreamConfig> {
    const PATH: &str = "inference_proxy.fallbacks";
    let mut fallbacks = Vec::new();
    for mut table in reader.tables(PATH) {
        let mut take = |name: &str| table.remove(name).unwrap_or_default();
        let (url, file, model) = (take("upstream"), take("key_file"), take("model"));
        let place = reader.places.resolve(&file);
        let key = reader.key(KeyOf::Upstreams, |reader| {
            secret_of_file(reader, PATH, &place, warnings)
        });
        match parse_url(&url) {
            Ok(url) => fallbacks.push(UpstreamConfig {
                url,
                key: key.unwrap_or_default(),
                model,
            }),
            Err(what) => reader.problem(PATH, what, "an http or https address as upstream"),
        }
    }
    fallbacks
}

/// A single address is a network too.
fn networks(reader: &mut Reader<'_>) -> Vec<IpNet> {
    const PATH: &str = "inference_proxy.allow";
    let mut networks = Vec::new();
    for text in reader.texts(PATH) {
        let address = || {
            text.parse()
                .ok()
                .map(|address: std::net::IpAddr| address.into())
        };
        match text.parse().ok().or_else(address) {
            Some(network) => networks.push(network),
            None => reader.problem(
                PATH,
                format!("{text:?} is not a network"),
                "networks such as \"172.16.0.0/12\" or addresses",
            ),
        }
    }
    networks
}

fn transfer(reader: &mut Reader<'_>) -> Option<TransferConfig> {
    let transfer_address = reader.some_text("inference_proxy.transfer_address");
    let requester_address = reader.some_text("inference_proxy.requester_address");
    let signature = match reader.choice("inference_proxy.transfer_signature") {
        "required" => SignatureRule::Required,
        _ => SignatureRule::Optional,
    };
    if !reader.is_given("inference_proxy.executor") {
        return None;
    }
    Some(TransferConfig {
        executor: reader.url("inference_proxy.executor")?,
        transfer_address,
        requester_address,
        signature,
    })
}

/// At least a hundredth of a megabyte, at most a gigabyte.
fn max_body(reader: &mut Reader<'_>) -> usize {
    let bytes = reader.megabytes("inference_proxy.max_body") * 1_000_000.0;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "clamped"
    )]
    let bytes = bytes.clamp(10_000.0, 1_000_000_000.0) as usize;
    bytes
}
