//! Transfer routing: a request that no transfer agent has numbered yet is handed to the executor,
//! with what the network wants to know of it. Header names and meaning are those that the
//! operator's earlier proxy sent.

use std::io;

use hyper::body::Bytes;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use rand::RngExt;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::connections::{self, Asked, Connections};
use super::destination::{Destination, Targets};
use super::surface::Endpoint;
use crate::config::{CallerRules, SignatureRule, TransferConfig};
use crate::domain::hexadecimal;

pub(super) const INFERENCE_ID: HeaderName = HeaderName::from_static("x-inference-id");
pub(super) const SEED: HeaderName = HeaderName::from_static("x-seed");
const TIMESTAMP: HeaderName = HeaderName::from_static("x-timestamp");
const PROMPT_HASH: HeaderName = HeaderName::from_static("x-prompt-hash");
const TRANSFER_ADDRESS: HeaderName = HeaderName::from_static("x-transfer-address");
const REQUESTER_ADDRESS: HeaderName = HeaderName::from_static("x-requester-address");
const SIGNATURE: HeaderName = HeaderName::from_static("x-ta-signature");

/// Largest seed that is drawn.
const LARGEST_SEED: u32 = 2_000_000_000;

/// Whose the bearer tokens of callers are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Bearer {
    /// They open this proxy: nobody else may see them.
    Ours,
    Theirs,
}

/// Who answers requests that nobody has numbered.
pub(super) struct Executor {
    config: TransferConfig,
    targets: Targets,
    headers: HeaderMap,
    bearer: Bearer,
    pub connections: Connections,
}

impl Executor {
    pub fn new(config: &TransferConfig, callers: &CallerRules) -> io::Result<Executor> {
        let destination = Destination::new(&config.executor)?;
        Ok(Executor {
            config: config.clone(),
            targets: Targets::new(&destination, "v1/")?,
            headers: destination.headers(),
            bearer: match callers.token {
                Some(_) => Bearer::Ours,
                None => Bearer::Theirs,
            },
            connections: Connections::new(destination),
        })
    }

    /// A caller's request for it, as it came. The error is for the caller.
    pub fn request(
        &self,
        endpoint: Endpoint,
        caller: &HeaderMap,
        body: Bytes,
    ) -> Result<Asked, &'static str> {
        let now = chrono::Utc::now().timestamp();
        let mut headers = headers(&self.config, caller, &body, now)?;
        if self.bearer == Bearer::Ours {
            headers.remove(AUTHORIZATION);
        }
        headers.extend(self.headers.clone());
        let target = self.targets.of(endpoint).clone();
        Ok(connections::post(target, headers, body))
    }
}

/// True when the Network Node has sent it here to be answered.
pub(super) fn is_numbered(headers: &HeaderMap) -> bool {
    headers.contains_key(INFERENCE_ID) && headers.contains_key(SEED)
}

/// The headers for the executor, at `now` in seconds of the Unix epoch. The error is for the caller.
fn headers(
    config: &TransferConfig,
    caller: &HeaderMap,
    body: &[u8],
    now: i64,
) -> Result<HeaderMap, &'static str> {
    let mut headers = HeaderMap::new();
    let json = HeaderValue::from_static("application/json");
    let mut take = |name: HeaderName, otherwise: Option<HeaderValue>| {
        if let Some(value) = caller.get(&name).cloned().or(otherwise) {
            headers.insert(name, value);
        }
    };
    take(CONTENT_TYPE, Some(json));
    take(AUTHORIZATION, None);
    take(INFERENCE_ID, text(&Uuid::new_v4().to_string()));
    let seed = rand::rng().random_range(1..=LARGEST_SEED);
    take(SEED, Some(seed.into()));
    take(
        REQUESTER_ADDRESS,
        config.requester_address.as_deref().and_then(text),
    );
    take(SIGNATURE, None);
    headers.insert(TIMESTAMP, now.into());
    headers.extend(text(&hash(body)).map(|hash| (PROMPT_HASH, hash)));
    let address = config.transfer_address.as_deref().and_then(text);
    headers.extend(address.map(|address| (TRANSFER_ADDRESS, address)));
    if config.signature == SignatureRule::Required && !headers.contains_key(SIGNATURE) {
        return Err("a transfer needs the header X-TA-Signature");
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
