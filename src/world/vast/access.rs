//! Who may call which route of the market, and how often.

use serde_json::{Value, json};

use crate::world::account::{AccountId, DAY};
use crate::world::clock::{as_seconds, seconds};
use crate::world::exchange::{ApiRequest, ApiResponse};
use crate::world::numbers::whole;
use crate::world::oddity::MarketOddity;
use crate::world::state::World;

/// Calls that a search's bucket holds. The market publishes its threshold, not the bucket's size.
const SEARCH_BURST: f64 = 5.0;

impl World {
    pub(super) fn is_odd(&self, oddity: MarketOddity) -> bool {
        self.scenario.market_oddities.contains(&oddity)
    }

    /// Refuses a request without a valid key, without the right, or too soon after another one.
    pub(super) fn refused(
        &mut self,
        caller: Option<AccountId>,
        request: &ApiRequest,
        parts: &[&str],
    ) -> Option<ApiResponse> {
        let needs_a_key =
            !is_search(&request.method, parts) && !matches!(parts, [_, "gpu_names", ..]);
        if needs_a_key {
            let refused = self.unauthorized(caller, parts);
            if refused.is_some() {
                return refused;
            }
        }
        self.rate_limited(caller, &request.method, parts)
    }

    /// Whose key the request has.
    pub(super) fn caller(&self, request: &ApiRequest) -> Option<AccountId> {
        let in_query = request.query.get("api_key").map(String::as_str);
        let key = request.bearer.as_deref().or(in_query)?;
        self.accounts().find(|account| account.api_key() == key)
    }

    fn unauthorized(&self, caller: Option<AccountId>, parts: &[&str]) -> Option<ApiResponse> {
        // Only the first account has a defect.
        let is_odd = |oddity| self.is_odd(oddity) && caller.unwrap_or_default() == AccountId::FIRST;
        if is_odd(MarketOddity::KeyDeleted) {
            return Some(ApiResponse::refusal(404, "auth_error", "Invalid user key"));
        }
        if caller.is_none() {
            return Some(ApiResponse::refusal(401, "auth_error", "Invalid user key"));
        }
        let is_protected = matches!(parts, [_, "instances" | "asks" | "launch_instance", ..]);
        let text =
            "API key lacks proper privileges: this endpoint requires Two Factor Authentication";
        (is_protected && is_odd(MarketOddity::TwoFactorMissing))
            .then(|| ApiResponse::refusal(401, "auth_error", text))
    }

    /// Limits are each caller's own.
    fn rate_limited(
        &mut self,
        caller: Option<AccountId>,
        method: &str,
        parts: &[&str],
    ) -> Option<ApiResponse> {
        if is_search(method, parts) && self.is_odd(MarketOddity::SearchQuotaExceeded) {
            let text = "Daily search quota exceeded";
            let refusal = ApiResponse::refusal(429, "search_quota_exceeded", text);
            let midnight = (self.now.timestamp() / DAY + 1) * DAY;
            return Some(refusal.with_header("X-RateLimit-Reset", midnight.to_string()));
        }
        let (name, interval, burst) = threshold(method, parts)?;
        // A token bucket, kept as the time at which it is full again.
        let full_at = self
            .last_calls
            .get(&(caller, name))
            .copied()
            .unwrap_or(self.now);
        let missing = as_seconds(full_at.max(self.now) - self.now);
        let is_early = missing > interval * (burst - 1.0);
        let full_at = full_at.max(self.now) + seconds(interval);
        if is_early && self.scenario.rate_limits {
            let wait = missing - interval * (burst - 1.0);
            return Some(self.too_frequent(name, interval, wait));
        }
        self.last_calls.insert((caller, name), full_at);
        None
    }

    /// The shapes differ from route to route. The vendor's client 1.9.1 waits for as long as the header
    /// says; whether the market sends it today is not documented.
    fn too_frequent(&self, name: &str, interval: f64, wait: f64) -> ApiResponse {
        let text = format!("API requests too frequent endpoint threshold={interval:.1}");
        if self.is_odd(MarketOddity::TokenBuckets) {
            let wait = whole(wait.ceil());
            let body = json!({"error": "HTTPTooManyRequests", "retry_after": wait, "limit": 1, "remaining": 0});
            return ApiResponse::new(429, &body).with_header("Retry-After", wait.to_string());
        }
        match name {
            "delete" => ApiResponse::refusal(429, "rate_limit_exceeded", &text),
            "search" | "rent" | "charges" => ApiResponse::new(429, &json!({"detail": text})),
            _ => ApiResponse::text(
                429,
                text.replace("endpoint", ": endpoint").replace(" :", ":"),
            ),
        }
    }
}

fn is_search(method: &str, parts: &[&str]) -> bool {
    matches!(
        (method, parts),
        ("POST" | "GET", [_, "bundles"]) | ("PUT", [_, "search", "asks"])
    )
}

/// Documented seconds between two calls (`x-rate-limit` of the vendor's files), and how many calls may
/// come at once.
fn threshold(method: &str, parts: &[&str]) -> Option<(&'static str, f64, f64)> {
    Some(match (method, parts) {
        _ if is_search(method, parts) => ("search", 2.0, SEARCH_BURST),
        ("PUT", [_, "asks", _]) => ("rent", 4.5, 1.0),
        ("PUT", [_, "launch_instance"]) => ("launch", 5.0, 1.0),
        ("GET", ["v0", "instances"]) => ("v0 list", 20.0, 1.0),
        ("GET", ["v1", "instances"]) => ("list", 1.0, 1.0),
        ("GET", [_, "instances", _]) => ("one", 2.0, 1.0),
        ("PUT", [_, "instances", "command", _]) => ("execute", 1.5, 1.0),
        ("POST", [_, "instances", _, "ssh"]) => ("attach", 2.0, 1.0),
        ("PUT", [_, "instances", "reboot" | "recycle", _]) => ("restart", 1.0, 1.0),
        ("PUT", [_, "instances", _]) => ("change", 1.0, 1.0),
        ("DELETE", [_, "instances", ..]) => ("delete", 3.0, 1.0),
        ("POST", [_, "ssh"]) => ("keys", 1.0, 1.0),
        ("GET", [_, "charges"]) => ("charges", 1.0, 1.0),
        _ => return None,
    })
}

/// The number in a path.
pub(super) fn id(text: &str) -> u64 {
    text.parse().unwrap_or(0)
}

/// The numbers in a list.
pub(super) fn ids(list: &Value) -> Vec<u64> {
    let list = list.as_array().into_iter().flatten();
    list.filter_map(Value::as_u64).collect()
}

/// A query parameter that holds JSON.
pub(super) fn json_parameter(request: &ApiRequest, name: &str) -> Value {
    let text = request.query.get(name);
    text.and_then(|text| serde_json::from_str(text).ok())
        .unwrap_or_default()
}
