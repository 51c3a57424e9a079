//! Reading instances: the paged list, a single one, and what they can be filtered by.

use std::collections::BTreeMap;
use std::ops::Range;

use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::world::account::AccountId;
use crate::world::exchange::{ApiRequest, ApiResponse};
use crate::world::model::SimInstance;
use crate::world::oddity::MarketOddity;
use crate::world::state::World;
use crate::world::vast::access::json_parameter;
use crate::world::vast::filter::{self, Direction};
use crate::world::vast::row::InstanceRow;

/// The most rows of a page, and how many there are without a limit or with one of 0.
const PAGE: usize = 25;
const SMALL_PAGE: usize = 5;

/// Columns that a listing can be filtered and ordered by: those of the contract itself. Others are
/// computed, and refused (`show_instances.yaml`).
const STORED: [&str; 16] = [
    "id",
    "label",
    "actual_status",
    "intended_status",
    "cur_state",
    "next_state",
    "gpu_name",
    "verification",
    "machine_id",
    "host_id",
    "image_uuid",
    "template_id",
    "template_hash_id",
    "start_date",
    "end_date",
    "geolocation",
];

/// The reply to a listing of instances.
#[derive(Serialize)]
struct InstanceListing<R> {
    success: bool,
    instances_found: usize,
    total_instances: usize,
    label_counts: BTreeMap<String, usize>,
    next_token: Option<String>,
    instances: Vec<R>,
}

/// The reply about one instance: the row is under the plural name.
#[derive(Serialize)]
struct SingleInstance<R> {
    instances: R,
}

/// What a listing asks for.
struct ListQuery {
    filters: Value,
    order: Vec<(String, Direction)>,
    limit: usize,
    after: usize,
    columns: Value,
}

impl ListQuery {
    fn of(request: &ApiRequest) -> Result<ListQuery, ApiResponse> {
        let filters = json_parameter(request, "select_filters");
        let order = json_parameter(request, "order_by");
        let order = order.as_array().into_iter().flatten();
        let order: Vec<(String, Direction)> = order
            .filter_map(|key| Some((key["col"].as_str()?.to_owned(), Direction::of(&key["dir"]))))
            .collect();
        let named = filters.as_object().into_iter().flatten();
        let named = named.map(|(name, _)| name.as_str());
        let named = named.chain(order.iter().map(|(name, _)| name.as_str()));
        if let Some(other) = named.into_iter().find(|name| !STORED.contains(name)) {
            let text = format!("Error in query parameters: {other} is not a valid search key");
            let body = json!({"success": false, "error": "invalid_request", "msg": text});
            return Err(ApiResponse::new(400, &body));
        }
        let limit = match json_parameter(request, "limit").as_i64() {
            Some(..=0) => SMALL_PAGE,
            Some(limit) => usize::try_from(limit).unwrap_or(PAGE).min(PAGE),
            None => PAGE,
        };
        let after = match request.query.get("after_token").map(|token| place(token)) {
            Some(None) => {
                let body = json!({"success": false, "error": "invalid_token", "msg": "Invalid after_token"});
                return Err(ApiResponse::new(400, &body));
            }
            Some(Some(after)) => after,
            None => 0,
        };
        Ok(ListQuery {
            filters,
            order,
            limit,
            after,
            columns: json_parameter(request, "select_cols"),
        })
    }

    /// The page's rows among so many.
    fn page(&self, total: usize) -> Range<usize> {
        let start = self.after.min(total);
        start..total.min(start + self.limit)
    }

    /// All columns, by id: what most clients ask for, millions of times in a simulation.
    fn is_plain(&self) -> bool {
        let by_id = [("id".to_owned(), Direction::Ascending)];
        (self.order.is_empty() || self.order == by_id) && self.columns.is_null()
    }
}

/// A page's token is the number of rows before it, in disguise.
fn token(place: usize) -> String {
    format!("eyJ{place:x}")
}

fn place(token: &str) -> Option<usize> {
    usize::from_str_radix(token.strip_prefix("eyJ")?, 16).ok()
}

impl World {
    pub(super) fn visible(&self, by: AccountId, id: u64) -> Option<&SimInstance> {
        self.owned(by, id).filter(|i| i.visible_at <= self.now)
    }

    fn all_visible(&self, by: AccountId) -> impl Iterator<Item = &SimInstance> {
        let own = self.live().filter(move |i| i.account == by);
        own.filter(|i| i.visible_at <= self.now)
    }

    pub(super) fn list(&self, by: AccountId, request: &ApiRequest) -> ApiResponse {
        let query = match ListQuery::of(request) {
            Ok(query) => query,
            Err(refusal) => return refusal,
        };
        let takes_all = query.filters.as_object().is_none_or(Map::is_empty);
        let is_wanted = |i: &&SimInstance| {
            takes_all || filter::matches_exactly(&self.stored(i), &query.filters)
        };
        let found: Vec<&SimInstance> = self.all_visible(by).filter(is_wanted).collect();
        let mut label_counts = BTreeMap::new();
        for instance in &found {
            *label_counts.entry(instance.label.clone()).or_insert(0) += 1;
        }
        if query.is_plain() && !self.is_odd(MarketOddity::OddRows) {
            let page = query.page(found.len());
            let rows = found[page.clone()].iter().map(|i| self.row(i));
            return self.written(&listing(rows.collect(), &page, found.len(), label_counts));
        }
        let mut rows: Vec<Value> = found.iter().map(|i| self.row(i).whole()).collect();
        if self.is_odd(MarketOddity::OddRows) {
            rows.extend(odd_rows());
        }
        filter::sort(&mut rows, &query.order);
        let (total, page) = (rows.len(), query.page(rows.len()));
        let rows = rows.drain(page.clone());
        let rows: Vec<Value> = rows
            .map(|row| filter::select(row, &query.columns))
            .collect();
        self.written(&listing(rows, &page, total, label_counts))
    }

    /// The list without pages, which the market retires account by account.
    pub(super) fn list_all_at_once(&self, by: AccountId) -> ApiResponse {
        let rows: Vec<InstanceRow<'_>> = if self.is_odd(MarketOddity::V0ListServed) {
            self.all_visible(by).map(|i| self.row(i)).collect()
        } else if self.is_odd(MarketOddity::V0ListEmpty) {
            Vec::new()
        } else {
            return deprecated();
        };
        self.written(&SingleInstance { instances: rows })
    }

    pub(super) fn one(&self, by: AccountId, id: u64) -> ApiResponse {
        if self.is_odd(MarketOddity::SingleReadRetired) {
            return deprecated();
        }
        let row = self.visible(by, id).map(|i| self.row(i));
        let Some(row) = row else {
            let gone = if self.is_odd(MarketOddity::GoneIsEmptyObject) {
                json!({})
            } else if self.is_odd(MarketOddity::GoneIsEmptyList)
                || self.is_odd(MarketOddity::SingleReadIsList)
            {
                json!([])
            } else {
                Value::Null
            };
            return ApiResponse::ok(&json!({"instances": gone}));
        };
        if self.is_odd(MarketOddity::SingleReadIsList) {
            return self.written(&SingleInstance { instances: [row] });
        }
        self.written(&SingleInstance { instances: row })
    }

    /// What instances can be filtered by, each combination once.
    pub(super) fn instance_filters(&self, by: AccountId) -> ApiResponse {
        let combinations = self.all_visible(by).map(|i| {
            let stored = self.stored(i);
            ["actual_status", "verification", "gpu_name"].map(|name| stored[name].clone())
        });
        let mut seen: Vec<[Value; 3]> = Vec::new();
        for combination in combinations {
            if !seen.contains(&combination) {
                seen.push(combination);
            }
        }
        let filters = seen.into_iter().map(|[status, verification, gpu]| {
            json!({"actual_status": status, "verification": verification, "gpu_name": gpu})
        });
        ApiResponse::ok(&json!({"success": true, "filters": filters.collect::<Value>()}))
    }

    /// A reply of the market. An odd one writes `NaN` and `Infinity` without quotes, as Python does.
    pub(super) fn written(&self, body: &impl Serialize) -> ApiResponse {
        let mut response = ApiResponse::written(body);
        if self.is_odd(MarketOddity::NotANumber) {
            response.body = response.body.replace("\"@NaN\"", "NaN");
            response.body = response.body.replace("\"@Infinity\"", "Infinity");
        }
        response
    }
}

fn listing<R>(
    instances: Vec<R>,
    page: &Range<usize>,
    total: usize,
    label_counts: BTreeMap<String, usize>,
) -> InstanceListing<R> {
    InstanceListing {
        success: true,
        instances_found: instances.len(),
        total_instances: total,
        label_counts,
        next_token: (page.end < total).then(|| token(page.end)),
        instances,
    }
}

/// Rows that no client expects: without an id, and with an id as text.
fn odd_rows() -> [Value; 2] {
    [
        json!({"label": "no id", "actual_status": "running", "dph_total": 1.0}),
        json!({"id": "31400001", "label": 7, "actual_status": 3, "num_gpus": "two", "ports": "none",
            "dph_total": "1.0", "start_date": null, "extra_env": null}),
    ]
}

fn deprecated() -> ApiResponse {
    let text = "This endpoint is deprecated. Use GET /api/v1/instances/ instead.";
    ApiResponse::refusal(410, "deprecated_endpoint", text)
}

pub(super) fn no_such_instance(id: u64) -> ApiResponse {
    ApiResponse::refusal(
        404,
        "no_such_instance",
        &format!("Instance {id} not found."),
    )
}
