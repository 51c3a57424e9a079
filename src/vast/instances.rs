//! Reads the account's instances: complete listings, and single ones by whichever route still has them.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::calls::{VastClient, malformed, rows};
use super::rate_limit::VastEndpoint;
use super::shared_listing::PAGE;
use super::{refusal, wire};
use crate::domain::{CallError, CallErrorKind, Instance, InstanceId};
use crate::http::HttpRequest;
use crate::http::json::Fields;

/// Ids count up from 1: the first contract ended years ago, and was never ours.
pub(super) const NO_INSTANCE: InstanceId = InstanceId(1);

#[derive(Debug, Clone, Copy)]
pub(super) enum InstanceFilter {
    All,
    Id(InstanceId),
}

impl InstanceFilter {
    /// The query parameter `select_filters` (`show_instances.yaml`).
    fn json(self) -> Value {
        match self {
            InstanceFilter::All => json!({}),
            InstanceFilter::Id(id) => json!({"id": {"eq": id}}),
        }
    }
}

/// A listing, as far as it was read.
#[derive(Default)]
struct Listing {
    instances: Vec<Instance>,
    ids: BTreeSet<InstanceId>,
    /// Unreadable rows of others.
    skipped: usize,
}

impl VastClient {
    /// From the v1 list: the v0 list is being retired account by account, with 410 or an empty list.
    pub(super) async fn list(&self, filter: InstanceFilter) -> Result<Vec<Instance>, CallError> {
        let what = self.what("list instances");
        let request = HttpRequest::get(what.clone(), self.url("/api/v1/instances/"))
            .query("select_filters", filter.json().to_string())
            .query("order_by", r#"[{"col":"id","dir":"asc"}]"#)
            .query("limit", PAGE.to_string());
        let mut listing = Listing::default();
        let add = |page: &Value| {
            let mut rows = rows(&what, page, "instances")?.iter();
            rows.try_for_each(|row| listing.add(&what, row))
        };
        let last = self
            .read_pages(VastEndpoint::Instances, request, add)
            .await?;
        listing.check_total(&what, &last)?;
        Ok(listing.instances)
    }

    /// By its own route, or from the list where that route is gone or replies in another shape.
    pub(super) async fn find_instance(
        &self,
        id: InstanceId,
    ) -> Result<Option<Instance>, CallError> {
        use CallErrorKind::{NotSent, RateLimited, Unauthorized};
        match self.read_row(id).await {
            Err(error) if !matches!(error.kind, NotSent | RateLimited | Unauthorized) => {
                tracing::debug!("reading instance {id} from the list: {error}");
                let listed = self.list(InstanceFilter::Id(id)).await?;
                Ok(listed.into_iter().find(|instance| instance.id == id))
            }
            result => result,
        }
    }

    /// By its own route alone. The market has several ways to say that there is none.
    pub(super) async fn read_row(&self, id: InstanceId) -> Result<Option<Instance>, CallError> {
        let what = self.what(&format!("read instance {id}"));
        let url = self.url(&format!("/api/v0/instances/{id}/"));
        let request = HttpRequest::get(what.clone(), url);
        let body = match self.read(VastEndpoint::Instance, request).await {
            Ok(body) => body,
            Err(error) if refusal::instance_is_gone(&error) => return Ok(None),
            Err(error) => return Err(error),
        };
        let row = match body.get("instances") {
            // A single row under the plural name.
            Some(row @ Value::Object(fields)) if !fields.is_empty() => row,
            Some(Value::Array(rows)) if rows.len() == 1 => &rows[0],
            Some(Value::Null | Value::Object(_)) => return Ok(None),
            Some(Value::Array(rows)) if rows.is_empty() => return Ok(None),
            _ => return Err(malformed(&what, "the reply has no single `instances`")),
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
}

impl Listing {
    /// Skips a row without an id, unless it may be ours: unknown is not absent.
    fn add(&mut self, what: &str, row: &Value) -> Result<(), CallError> {
        let Some(instance) = wire::instance(row) else {
            if wire::may_be_ours(row) {
                return Err(malformed(what, "a row with a label of pocpit has no id"));
            }
            tracing::warn!("{what}: skipping a row without an id");
            self.skipped += 1;
            return Ok(());
        };
        if self.ids.insert(instance.id) {
            self.instances.push(instance);
        }
        Ok(())
    }

    /// A listing that ends early would hide an instance that costs money.
    fn check_total(&self, what: &str, last_page: &Value) -> Result<(), CallError> {
        let found = self.instances.len() + self.skipped;
        let total = Fields(last_page).whole("total_instances");
        match total.and_then(|total| usize::try_from(total).ok()) {
            Some(total) if found < total => {
                let detail = format!("the listing has {found} of {total} instances");
                Err(malformed(what, &detail))
            }
            _ => Ok(()),
        }
    }
}
