//! Client of the market. A listing is complete or an error; a rent request is sent once.

use std::collections::{BTreeSet, HashSet};

use async_trait::async_trait;
use secrecy::SecretString;
use serde_json::{Value, json};
use url::Url;

use super::rate_limit::{RateLimit, RateLimiter, VastEndpoint};
use super::request::SearchPage;
use super::{refusal, request, wire};
use crate::config::VastConfig;
use crate::domain::{
    Account, CallError, CallErrorKind, Instance, InstanceId, Offer, OfferQuery, RentOrder, Time,
    Usd,
};
use crate::http::json::Fields;
use crate::http::{HttpClient, HttpReply, HttpRequest, error_message, join};
use crate::ports::{Market, RentError};

/// Enough of the cheapest: each page takes six seconds, and offers change within minutes.
const MAX_OFFERS: usize = 256;
/// Instances per page: the market's maximum.
const PAGE: usize = 25;
/// A listing with more pages is an error.
const MAX_PAGES: usize = 200;
/// The market's limit for the start script and arguments together: beyond it, 400 with code 3471.
const MAX_ONSTART_BYTES: usize = 16_384;
/// A host uploads a log within some ten seconds, or not at all.
const UPLOAD_POLLS: u32 = 10;
const UPLOAD_POLL_INTERVAL: std::time::Duration = std::time::Duration::from_secs(2);

#[derive(Debug)]
pub struct VastClient {
    http: HttpClient,
    base: Url,
    key: SecretString,
    timeout: std::time::Duration,
    tries: u32,
    pacer: RateLimiter,
}

impl VastClient {
    pub fn new(http: HttpClient, config: &VastConfig) -> Self {
        VastClient {
            http,
            base: config.base_url.clone(),
            key: config.api_key.clone(),
            timeout: config.request_timeout,
            tries: config.read_attempts,
            pacer: RateLimiter::new(RateLimit::Documented),
        }
    }

    /// Replaces the rate limit: a simulated market needs none.
    #[must_use]
    pub fn with_rate_limit(mut self, pacing: RateLimit) -> Self {
        self.pacer = RateLimiter::new(pacing);
        self
    }

    fn what(&self, deed: &str) -> String {
        format!("{deed} on {}", self.base.host_str().unwrap_or("the market"))
    }

    fn authenticated(&self, request: HttpRequest) -> HttpRequest {
        request.bearer(self.key.clone()).timeout(self.timeout)
    }

    /// Sends a request and parses its JSON. `success: false` is a refusal whatever the status.
    async fn call(&self, endpoint: VastEndpoint, request: HttpRequest) -> Result<Value, CallError> {
        let what = request.what.clone();
        self.pacer.acquire(endpoint).await;
        let reply = self.http.send(self.authenticated(request)).await?;
        let body: Value = reply.json(&what)?;
        match refused_in_body(&what, &reply, &body, &self.key) {
            Some(refusal) => Err(refusal),
            None => Ok(body),
        }
    }

    async fn read(&self, endpoint: VastEndpoint, request: HttpRequest) -> Result<Value, CallError> {
        self.call(endpoint, request.tries(self.tries)).await
    }

    async fn offers_page(
        &self,
        query: &OfferQuery,
        page: SearchPage,
    ) -> Result<Vec<Value>, CallError> {
        let what = self.what("search offers");
        let request = HttpRequest::post(what.clone(), join(&self.base, "/api/v0/bundles/"))
            .json(request::search(query, page));
        let body = self.read(VastEndpoint::Search, request).await?;
        rows(&what, &body, "offers").cloned()
    }

    async fn instances_page(&self, after: Option<&str>) -> Result<Value, CallError> {
        let url = join(&self.base, "/api/v1/instances/");
        let mut request = HttpRequest::get(self.what("list instances"), url)
            .query("select_filters", "{}")
            .query("order_by", r#"[{"col":"id","dir":"asc"}]"#)
            .query("limit", PAGE.to_string());
        if let Some(token) = after {
            request = request.query("after_token", token);
        }
        self.read(VastEndpoint::Instances, request).await
    }

    fn instance_url(&self, id: InstanceId) -> Url {
        join(&self.base, &format!("/api/v0/instances/{id}/"))
    }

    /// Polls a file that the host uploads outside of the market; until then the URL replies 403 or
    /// 404. Sent without our key.
    async fn fetch_upload(&self, what: &str, url: Url) -> Result<String, CallError> {
        let mut polls = 0;
        loop {
            tokio::time::sleep(UPLOAD_POLL_INTERVAL).await;
            polls += 1;
            let request = HttpRequest::get(what, url.clone())
                .timeout(self.timeout)
                .tries(1);
            match self.http.send(request).await {
                Err(error) if is_not_uploaded_yet(&error) && polls < UPLOAD_POLLS => {}
                result => return result.map(|reply| reply.body),
            }
        }
    }

    async fn account_keys(&self) -> Result<Vec<String>, CallError> {
        let what = self.what("list SSH keys");
        let request = HttpRequest::get(what.clone(), join(&self.base, "/api/v0/ssh/"));
        match self.read(VastEndpoint::Keys, request).await {
            Ok(body) => wire::public_keys(&body)
                .ok_or_else(|| malformed(&what, "the reply has no list of keys")),
            Err(error) if means_no_keys(&error) => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }
}

#[async_trait]
impl Market for VastClient {
    async fn search(&self, query: &OfferQuery, now: Time) -> Result<Vec<Offer>, CallError> {
        let mut seen = HashSet::new();
        let mut offers = Vec::new();
        let mut page = SearchPage::Cheapest;
        loop {
            let rows = match self.offers_page(query, page).await {
                Ok(rows) => rows,
                // The cheapest offers are enough to rent.
                Err(error) if page != SearchPage::Cheapest => {
                    tracing::warn!("the search stops at the cheaper offers: {error}");
                    break;
                }
                Err(error) => return Err(error),
            };
            let fresh = rows.iter().filter_map(|row| wire::offer(row, now));
            offers.extend(fresh.filter(|offer| seen.insert(offer.id)));
            let dearest = rows.iter().filter_map(wire::listed_price).reduce(f64::max);
            let next = dearest.and_then(|dearest| page.next(dearest));
            match next {
                Some(next) if rows.len() >= request::SEARCH_LIMIT && seen.len() < MAX_OFFERS => {
                    page = next;
                }
                _ => break,
            }
        }
        Ok(offers)
    }

    async fn rent(&self, order: &RentOrder) -> Result<InstanceId, RentError> {
        let what = self.what(&format!("rent offer {} as {}", order.offer, order.label));
        if order.onstart.len() > MAX_ONSTART_BYTES {
            let detail = format!(
                "the onstart script has {} bytes, the market's limit is {MAX_ONSTART_BYTES}: shorten vast.onstart_extra",
                order.onstart.len()
            );
            let error = CallError::new(what, CallErrorKind::NotSent, detail);
            return Err(RentError::Refused(error));
        }
        let url = join(&self.base, &format!("/api/v0/asks/{}/", order.offer));
        let request = HttpRequest::put(what.clone(), url).json(request::rent(order));
        self.pacer.acquire(VastEndpoint::Rent).await;
        let reply = self.http.send(self.authenticated(request)).await;
        let reply = reply.map_err(refusal::rent_error)?;
        rented_instance(&what, &reply, &self.key)
    }

    async fn instances(&self) -> Result<Vec<Instance>, CallError> {
        let what = self.what("list instances");
        let mut found = Vec::new();
        let mut ids = BTreeSet::new();
        let mut tokens = HashSet::new();
        let mut after: Option<String> = None;
        for _ in 0..MAX_PAGES {
            let body = self.instances_page(after.as_deref()).await?;
            for row in rows(&what, &body, "instances")? {
                let instance =
                    wire::instance(row).ok_or_else(|| malformed(&what, "a row has no id"))?;
                if ids.insert(instance.id) {
                    found.push(instance);
                }
            }
            let Some(token) = next_token(&what, &body)? else {
                complete(&what, &body, found.len())?;
                return Ok(found);
            };
            if !tokens.insert(token.clone()) {
                return Err(malformed(&what, "the listing repeats a page token"));
            }
            after = Some(token);
        }
        Err(malformed(&what, "the listing does not end"))
    }

    async fn instance(&self, id: InstanceId) -> Result<Option<Instance>, CallError> {
        let what = self.what(&format!("read instance {id}"));
        let request = HttpRequest::get(what.clone(), self.instance_url(id));
        let body = match self.read(VastEndpoint::Instance, request).await {
            Ok(body) => body,
            Err(error) if refusal::instance_is_gone(&error) => return Ok(None),
            Err(error) => return Err(error),
        };
        // A single row under the plural name; null means that there is none.
        let row = match body.get("instances") {
            Some(Value::Null) => return Ok(None),
            Some(row) => row,
            None => return Err(malformed(&what, "the reply has no `instances`")),
        };
        match wire::instance(row) {
            Some(instance) if instance.id == id => Ok(Some(instance)),
            Some(other) => {
                let detail = format!("the reply is about {}", other.id);
                Err(malformed(&what, &detail))
            }
            None => Err(malformed(&what, "the row has no id")),
        }
    }

    async fn destroy(&self, id: InstanceId) -> Result<(), CallError> {
        let what = self.what(&format!("destroy instance {id}"));
        let request = HttpRequest::delete(what, self.instance_url(id)).json(json!({}));
        match self.call(VastEndpoint::Destroy, request).await {
            Ok(_) => Ok(()),
            Err(error) if refusal::instance_is_gone(&error) => Ok(()),
            Err(error) => Err(error),
        }
    }

    async fn account(&self) -> Result<Account, CallError> {
        let what = self.what("read the account");
        let url = join(&self.base, "/api/v0/users/current/");
        let request = HttpRequest::get(what.clone(), url);
        let body = self.read(VastEndpoint::Account, request).await?;
        // Not `balance`, which is often 0.
        let credit = Fields(&body).number("credit");
        let credit = credit.ok_or_else(|| malformed(&what, "the reply has no credit"))?;
        Ok(Account {
            credit: Usd::from_dollars(credit),
        })
    }

    async fn ensure_account_key(&self, public_key: &str) -> Result<(), CallError> {
        let keys = self.account_keys().await?;
        if keys.iter().any(|key| wire::same_key(key, public_key)) {
            return Ok(());
        }
        let url = join(&self.base, "/api/v0/ssh/");
        let request = HttpRequest::post(self.what("add an SSH key"), url);
        let request = request.json(json!({"ssh_key": public_key.trim()}));
        self.call(VastEndpoint::Keys, request).await.map(|_| ())
    }

    async fn attach_key(&self, id: InstanceId, public_key: &str) -> Result<(), CallError> {
        let what = self.what(&format!("attach the SSH key to instance {id}"));
        let url = join(&self.base, &format!("/api/v0/instances/{id}/ssh/"));
        let request = HttpRequest::post(what, url).json(json!({"ssh_key": public_key.trim()}));
        match self.call(VastEndpoint::Keys, request).await {
            Err(error) if !is_already_attached(&error) => Err(error),
            _ => Ok(()),
        }
    }

    async fn container_log(&self, id: InstanceId, lines: u32) -> Result<String, CallError> {
        let what = self.what(&format!("read the log of instance {id}"));
        let url = join(&self.base, &format!("/api/v0/instances/request_logs/{id}/"));
        let request = HttpRequest::put(what.clone(), url).json(json!({"tail": lines.to_string()}));
        let body = self.call(VastEndpoint::Log, request).await?;
        let url = Fields(&body).text("result_url");
        let url = url
            .and_then(|url| Url::parse(&url).ok())
            .filter(|url| url.scheme() == "https" || url.host() == self.base.host())
            .ok_or_else(|| malformed(&what, "the reply has no URL of a log"))?;
        self.fetch_upload(&what, url).await
    }
}

fn malformed(what: &str, detail: &str) -> CallError {
    CallError::new(what, CallErrorKind::Malformed, detail)
}

/// The market sends `success: false` with status 200 too.
fn refused_in_body(
    what: &str,
    reply: &HttpReply,
    body: &Value,
    key: &SecretString,
) -> Option<CallError> {
    (Fields(body).flag("success") == Some(false)).then(|| CallError {
        what: what.into(),
        kind: CallErrorKind::Refused,
        status: Some(reply.status),
        detail: error_message(&reply.body, Some(key)),
    })
}

fn rows<'a>(what: &str, body: &'a Value, name: &str) -> Result<&'a Vec<Value>, CallError> {
    body.get(name)
        .and_then(Value::as_array)
        .ok_or_else(|| malformed(what, &format!("the reply has no list `{name}`")))
}

fn next_token(what: &str, body: &Value) -> Result<Option<String>, CallError> {
    match body.get("next_token") {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(token)) if token.is_empty() => Ok(None),
        Some(Value::String(token)) => Ok(Some(token.clone())),
        Some(Value::Number(token)) => Ok(Some(token.to_string())),
        Some(_) => Err(malformed(what, "`next_token` is neither text nor null")),
    }
}

/// A listing that ends early would hide an instance that costs money.
fn complete(what: &str, last_page: &Value, found: usize) -> Result<(), CallError> {
    let total = Fields(last_page).whole("total_instances");
    match total.and_then(|total| usize::try_from(total).ok()) {
        Some(total) if found < total => {
            let detail = format!("the listing has {found} of {total} instances");
            Err(malformed(what, &detail))
        }
        _ => Ok(()),
    }
}

/// The instance id in a rent reply. The reply also holds the instance's key, so it is never quoted.
fn rented_instance(
    what: &str,
    reply: &HttpReply,
    key: &SecretString,
) -> Result<InstanceId, RentError> {
    let body: Value = reply.json(what).map_err(RentError::Unknown)?;
    let id = Fields(&body).whole("new_contract");
    let id = id.filter(|id| *id != 0);
    match (refused_in_body(what, reply, &body, key), id) {
        (None, Some(id)) => Ok(InstanceId(id)),
        (Some(refusal), None) if refusal::is_certain(&refusal) => Err(refusal::rent_error(refusal)),
        (Some(mut unclear), _) => {
            unclear.kind = CallErrorKind::Ambiguous;
            Err(RentError::Unknown(unclear))
        }
        (None, None) => {
            let detail = "the market reports success without an instance id";
            Err(RentError::Unknown(malformed(what, detail)))
        }
    }
}

fn means_no_keys(error: &CallError) -> bool {
    error.kind == CallErrorKind::NotFound && error.detail.contains("No SSH keys")
}

fn is_not_uploaded_yet(error: &CallError) -> bool {
    matches!(error.status, Some(403 | 404))
}

fn is_already_attached(error: &CallError) -> bool {
    error.kind == CallErrorKind::Refused && error.detail.to_lowercase().contains("already")
}
