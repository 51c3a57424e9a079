//! Client of the market. A listing is complete or an error; a rent request is sent once.

use std::collections::HashSet;

use async_trait::async_trait;
use secrecy::SecretString;
use serde_json::{Value, json};
use url::Url;

use super::calls::{VastClient, malformed, refused_in_body, rows};
use super::instances::{InstanceFilter, NO_INSTANCE};
use super::rate_limit::VastEndpoint;
use super::request::SearchPage;
use super::{refusal, request, wire};
use crate::domain::{
    Account, CallError, CallErrorKind, Duration, Instance, InstanceId, Offer, OfferQuery,
    RentOrder, RentalCharge, RequestedPrice, Time, Usd,
};
use crate::http::json::Fields;
use crate::http::{HttpReply, HttpRequest};
use crate::ports::{Market, RentError};

/// Enough of the cheapest: each page takes six seconds, and offers change within minutes.
const MAX_OFFERS: usize = 256;
/// A host uploads a log within some ten seconds, or not at all.
const UPLOAD_POLLS: u32 = 10;
const UPLOAD_POLL_INTERVAL: std::time::Duration = std::time::Duration::from_secs(2);

impl VastClient {
    async fn offers_page(
        &self,
        query: &OfferQuery,
        page: SearchPage,
    ) -> Result<Vec<Value>, CallError> {
        let what = self.what("search offers");
        let request = HttpRequest::post(what.clone(), self.url("/api/v0/bundles/"))
            .json(request::search(query, page));
        let body = self.read(VastEndpoint::Search, request).await?;
        rows(&what, &body, "offers").cloned()
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
        let request = HttpRequest::get(what.clone(), self.url("/api/v0/ssh/"));
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
            let fresh = rows
                .iter()
                .filter_map(|row| wire::offer(row, query.disk_gb, now));
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
        let url = self.url(&format!("/api/v0/asks/{}/", order.offer));
        let request = HttpRequest::put(what.clone(), url).json(request::rent(order));
        let reply = self
            .http
            .send(self.prepare(VastEndpoint::Rent, request))
            .await;
        let reply = reply.map_err(refusal::rent_error)?;
        rented_instance(&what, &reply, &self.key)
    }

    async fn instances(&self) -> Result<Vec<Instance>, CallError> {
        let interval = self.limiter.interval(VastEndpoint::Instances);
        let list = || self.list(InstanceFilter::All);
        self.listing.read(interval, list).await
    }

    fn listing_interval(&self) -> Duration {
        let interval = self.limiter.interval(VastEndpoint::Instances);
        let interval = self.listing.interval(interval);
        self.limiter.by_the_markets_clock(interval)
    }

    async fn instance(&self, id: InstanceId) -> Result<Option<Instance>, CallError> {
        self.find_instance(id).await
    }

    async fn try_single_read(&self) -> Result<(), CallError> {
        if self.read_row(NO_INSTANCE).await?.is_none() {
            return Ok(());
        }
        let what = self.what(&format!("read instance {NO_INSTANCE}"));
        let detail = "the reply describes an instance that does not exist";
        Err(malformed(&what, detail))
    }

    async fn destroy(&self, id: InstanceId) -> Result<(), CallError> {
        let what = self.what(&format!("destroy instance {id}"));
        let url = self.url(&format!("/api/v0/instances/{id}/"));
        let request = HttpRequest::delete(what, url).json(json!({}));
        match self.call(VastEndpoint::Destroy, request).await {
            Ok(_) => Ok(()),
            Err(error) if refusal::instance_is_gone(&error) => Ok(()),
            Err(error) => Err(error),
        }
    }

    async fn account(&self) -> Result<Account, CallError> {
        let what = self.what("read the account");
        let url = self.url("/api/v0/users/current/");
        let request = HttpRequest::get(what.clone(), url).tries(self.tries);
        let (reply, body) = self.exchange(VastEndpoint::Account, request).await?;
        // Not `balance`, which is often 0.
        let credit = Fields(&body).number("credit");
        let credit = credit.ok_or_else(|| malformed(&what, "the reply has no credit"))?;
        Ok(Account {
            credit: Usd::from_dollars(credit),
            server_time: reply.server_time(),
        })
    }

    async fn charges(&self, from: Time, to: Time) -> Result<Vec<RentalCharge>, CallError> {
        self.read_charges(from, to).await
    }

    async fn requested_prices(&self) -> Result<Vec<RequestedPrice>, CallError> {
        let what = self.what("read requested prices");
        let url = self.url("/api/v0/instances/pending-price-increases/");
        let request = HttpRequest::get(what.clone(), url);
        let body = self.read(VastEndpoint::RequestedPrices, request).await?;
        let rows = rows(&what, &body, "pending_price_increases")?.iter();
        Ok(rows.filter_map(wire::requested_price).collect())
    }

    async fn ensure_account_key(&self, public_key: &str) -> Result<(), CallError> {
        let keys = self.account_keys().await?;
        if keys.iter().any(|key| wire::same_key(key, public_key)) {
            return Ok(());
        }
        let url = self.url("/api/v0/ssh/");
        let request = HttpRequest::post(self.what("add an SSH key"), url);
        let request = request.json(json!({"ssh_key": public_key.trim()}));
        match self.call(VastEndpoint::Keys, request).await {
            // The list of keys can lack it.
            Err(error) if !refusal::is_there_already(&error) => Err(error),
            _ => Ok(()),
        }
    }

    async fn attach_key(&self, id: InstanceId, public_key: &str) -> Result<(), CallError> {
        let what = self.what(&format!("attach the SSH key to instance {id}"));
        let url = self.url(&format!("/api/v0/instances/{id}/ssh/"));
        let request = HttpRequest::post(what, url).json(json!({"ssh_key": public_key.trim()}));
        match self.call(VastEndpoint::AttachKey, request).await {
            Err(error) if !refusal::is_there_already(&error) => Err(error),
            _ => Ok(()),
        }
    }

    async fn container_log(&self, id: InstanceId, lines: u32) -> Result<String, CallError> {
        let what = self.what(&format!("read the log of instance {id}"));
        let url = self.url(&format!("/api/v0/instances/request_logs/{id}/"));
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

/// The instance id in a rent reply. The reply also holds the instance's key, so it is never quoted.
fn rented_instance(
    what: &str,
    reply: &HttpReply,
    key: &SecretString,
) -> Result<InstanceId, RentError> {
    let body = reply.lenient_json(what).map_err(RentError::Unknown)?;
    let id = Fields(&body).whole("new_contract");
    let id = id.filter(|id| *id != 0);
    match (refused_in_body(what, reply, &body, key), id) {
        // With a refusal it "started in stopped state": it exists and costs storage, so it has to be
        // destroyed.
        (_, Some(id)) => Ok(InstanceId(id)),
        (Some(refusal), None) if refusal::is_certain(&refusal) => Err(refusal::rent_error(refusal)),
        (Some(mut unclear), None) => {
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
