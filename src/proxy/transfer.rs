//! Transfer routing: a request that no transfer agent has numbered yet goes to the executor, with the
//! headers that the network expects. Their names and meaning are those of the operator's earlier
//! proxy.

use std::io;

use hyper::body::Bytes;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use rand::RngExt;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::route::InferenceEndpoint;
use super::upstream_client::{Destination, UpstreamClient, UpstreamRequest};
use crate::config::{CallerRules, SignatureRule, TransferConfig};
use crate::domain::hexadecimal;

pub(super) const INFERENCE_ID: HeaderName = HeaderName::from_static("x-inference-id");
pub(super) const SEED: HeaderName = HeaderName::from_static("x-seed");
const TIMESTAMP: HeaderName = HeaderName::from_static("x-timestamp");
const PROMPT_HASH: HeaderName = HeaderName::from_static("x-prompt-hash");
const TRANSFER_ADDRESS: HeaderName = HeaderName::from_static("x-transfer-address");
const REQUESTER_ADDRESS: HeaderName = HeaderName::from_static("x-requester-address");
const SIGNATURE: HeaderName = HeaderName::from_static("x-ta-signature");

const MAX_SEED: u32 = 2_000_000_000;

/// Whom the callers' bearer tokens are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum TokenOwner {
    /// This proxy: nobody else may see them.
    Proxy,
    Executor,
}

/// Answers requests that no transfer agent has numbered.
pub(super) struct Executor {
    config: TransferConfig,
    destination: Destination,
    token_owner: TokenOwner,
    pub client: UpstreamClient,
}

impl Executor {
    pub fn new(config: &TransferConfig, callers: &CallerRules) -> io::Result<Executor> {
        let destination = Destination::new(&config.executor, "v1/")?;
        Ok(Executor {
            config: config.clone(),
            client: UpstreamClient::new(&destination),
            destination,
            token_owner: match callers.token {
                Some(_) => TokenOwner::Proxy,
                None => TokenOwner::Executor,
            },
        })
    }

    /// The caller's request, unchanged. The error is for the caller.
    pub fn request(
        &self,
        endpoint: InferenceEndpoint,
        caller: &HeaderMap,
        body: Bytes,
    ) -> Result<UpstreamRequest, &'static str> {
        let now = chrono::Utc::now().timestamp();
        let mut headers = headers(&self.config, caller, &body, now)?;
        if self.token_owner == TokenOwner::Proxy {
            headers.remove(AUTHORIZATION);
        }
        Ok(self.destination.request(endpoint, headers, body))
    }
}

/// True if the Network Node sent the request here to be answered.
pub(super) fn is_numbered_by_network(headers: &HeaderMap) -> bool {
    headers.contains_key(INFERENCE_ID) && headers.contains_key(SEED)
}

/// The headers for the executor; `now` in seconds since the Unix epoch. The error is for the caller.
fn headers(
    config: &TransferConfig,
    caller: &HeaderMap,
    body: &[u8],
    now: i64,
) -> Result<HeaderMap, &'static str> {
    let mut headers = HeaderMap::new();
    let json = HeaderValue::from_static("application/json");
    let mut copy = |name: HeaderName, otherwise: Option<HeaderValue>| {
        if let Some(value) = caller.get(&name).cloned().or(otherwise) {
            headers.insert(name, value);
        }
    };
    copy(CONTENT_TYPE, Some(json));
    copy(AUTHORIZATION, None);
    copy(INFERENCE_ID, text(&Uuid::new_v4().to_string()));
    let seed = rand::rng().random_range(1..=MAX_SEED);
    copy(SEED, Some(seed.into()));
    copy(
        REQUESTER_ADDRESS,
        config.requester_address.as_deref().and_then(text),
    );
    copy(SIGNATURE, None);
    headers.insert(TIMESTAMP, now.into());
    headers.extend(text(&hash(body)).map(|hash| (PROMPT_HASH, hash)));
    let address = config.transfer_address.as_deref().and_then(text);
    headers.extend(address.map(|address| (TRANSFER_ADDRESS, address)));
    if config.signature == SignatureRule::Required && !headers.contains_key(SIGNATURE) {
        return Err("a transfer requires the header X-TA-Signature");
    }
    Ok(headers)
}

fn text(text: &str) -> Option<HeaderValue> {
    HeaderValue::from_str(text).ok()
}

/// SHA-256 in hexadecimal.
fn hash(body: &[u8]) -> String {
    hexadecimal(&Sha256::digest(body))
}
