//! What the market says about money: the account, charges per rental, invoices, deposits.

use serde_json::{Value, json};

use crate::world::account::{AccountId, Bill, DAY, DayCharge};
use crate::world::exchange::{ApiRequest, ApiResponse};
use crate::world::numbers::signed;
use crate::world::state::World;
use crate::world::vast::access::json_parameter;
use crate::world::vast::instances::no_such_instance;

/// The invoice of the money on the account.
const INVOICE: u64 = 2_185_418;
const PER_PAGE: usize = 100;

impl World {
    pub(super) fn account(&self, by: AccountId) -> ApiResponse {
        let key = self.accounts[by].keys.first().map(|key| key.key.clone());
        ApiResponse::ok(&json!({
            "id": by.user(), "key_id": 1, "sid": "0f1e2d3c", "username": "operator", "fullname": "", "email": "operator@example.net",
            "email_verified": true, "balance": 0.0, "credit": self.credit(by), "balance_threshold": 0.0,
            "balance_threshold_enabled": false, "can_pay": true, "has_billing": true, "has_payout": false,
            "billing_creditonly": true, "got_signup_credit": false, "host_agreement_accepted": false,
            "ssh_key": key.unwrap_or_default(), "api_key": by.api_key(),
        }))
    }

    /// `show_charges.yaml`: a row per rental, over the days asked for.
    pub(super) fn charges(&self, by: AccountId, request: &ApiRequest) -> ApiResponse {
        let filters = json_parameter(request, "select_filters");
        let day = |op: &str| filters["day"][op].as_f64();
        let (Some(from), Some(to)) = (day("gte"), day("lte")) else {
            let text = "Must provide both 'day' gte and lte filters for instance charges";
            return ApiResponse::new(400, &json!({"success": false, "msg": text}));
        };
        let types = filters["type"]["in"].as_array();
        let with_instances = types.is_none_or(|types| types.iter().any(|kind| kind == "instance"));
        let bills = self.bills(by).filter(|_| with_instances);
        let mut rows: Vec<Value> = bills
            .filter_map(|bill| charge_row(bill, from, to))
            .collect();
        if request
            .query
            .get("latest_first")
            .is_none_or(|text| text != "false" && text != "False")
        {
            rows.reverse();
        }
        paged(request, rows)
    }

    fn bills(&self, by: AccountId) -> impl Iterator<Item = &Bill> {
        let own = self.instances.values().filter(move |one| one.account == by);
        let current = own.map(|instance| &instance.bill);
        self.accounts[by].past_bills.iter().chain(current)
    }

    /// `show_invoices.yaml`: the money on the account was paid in once, at the start.
    pub(super) fn invoices(&self, request: &ApiRequest) -> ApiResponse {
        let filters = json_parameter(request, "select_filters");
        let when = |op: &str, other: &str| {
            filters["when"][op]
                .as_f64()
                .or(filters["when"][other].as_f64())
        };
        let (Some(from), Some(to)) = (when("gte", "gt"), when("lte", "lt")) else {
            let body = json!({"success": false, "error": "Invalid date range", "count": 0, "total": 0, "results": [], "next_token": null});
            return ApiResponse::ok(&body);
        };
        let paid = self.start.timestamp();
        let services = filters["service"]["in"].as_array();
        let by_card = services.is_none_or(|all| all.iter().any(|one| one == "stripe_payments"));
        let is_wanted = by_card && (from..=to).contains(&signed(paid));
        let row = json!({"start": paid, "end": paid, "type": "credit", "source": "stripe",
            "description": "Manual Billing from MASTERCARD ...7376", "amount": -self.scenario.credit,
            "metadata": {"invoice_id": INVOICE, "service": "stripe_payments"}, "items": []});
        paged(request, if is_wanted { vec![row] } else { Vec::new() })
    }

    /// The older reports: payments and charges in one list.
    fn statement_rows(&self, by: AccountId) -> Vec<Value> {
        let paid = json!({"id": INVOICE, "type": "payment", "description": "Manual Billing from MASTERCARD ...7376",
            "quantity": "1.000", "rate": format!("{:.4}", self.scenario.credit), "amount": format!("{:.3}", self.scenario.credit),
            "timestamp": self.start.timestamp(), "instance_id": null});
        let charges = self.bills(by).flat_map(|bill| {
            let day = bill.days.iter();
            day.flat_map(|(day, charge)| {
                parts(charge).map(|(kind, quantity, amount)| {
                    json!({"type": "charge", "description": format!("Instance {} {kind} charge", bill.id),
                        "quantity": format!("{quantity:.3}"), "rate": format!("{:.4}", per_unit(amount, quantity)),
                        "amount": format!("{amount:.3}"), "timestamp": *day, "instance_id": bill.id})
                })
            })
        });
        [paid].into_iter().chain(charges).collect()
    }

    pub(super) fn old_invoices(&self, by: AccountId) -> ApiResponse {
        ApiResponse::ok(&self.statement_rows(by).into())
    }

    pub(super) fn own_invoices(&self, by: AccountId) -> ApiResponse {
        let spent: f64 = self
            .bills(by)
            .map(|bill| sum(bill.days.values()).total())
            .sum();
        let current = json!({"charges": spent, "service_fee": 0.0, "total": spent, "credit": self.credit(by)});
        ApiResponse::ok(&json!({"invoices": self.statement_rows(by), "current": current}))
    }

    /// Nothing here is rented ahead, so nothing is deposited.
    pub(super) fn deposit(&self, by: AccountId, id: u64) -> ApiResponse {
        if self.owned(by, id).is_none() {
            return no_such_instance(id);
        }
        ApiResponse::ok(
            &json!({"success": true, "refundable_deposit": 0.0, "total_discount": 0.0, "discount_months": 0.0}),
        )
    }
}

fn sum<'a>(days: impl IntoIterator<Item = &'a DayCharge>) -> DayCharge {
    let mut sum = DayCharge::default();
    for day in days {
        sum.add(day);
    }
    sum
}

/// The row of a bill's days within these times, if there are any.
fn charge_row(bill: &Bill, from: f64, to: f64) -> Option<Value> {
    let within = |day: &i64| signed(*day + DAY) > from && signed(*day) <= to;
    let days = bill.days.iter().filter(|(day, _)| within(day));
    let days: Vec<(&i64, &DayCharge)> = days.collect();
    let (start, end) = (days.first()?.0, days.last()?.0);
    let sum = sum(days.iter().map(|(_, charge)| *charge));
    let items = parts(&sum).map(|(kind, quantity, amount)| {
        let unit = if kind == "bwd" { "GB" } else { "hours" };
        let text = format!(
            "{quantity:.3} {unit} at ${:.3}/{}",
            per_unit(amount, quantity),
            unit.trim_end_matches('s')
        );
        json!({"start": start, "end": end, "type": kind, "source": null, "description": text,
            "amount": amount, "metadata": {}, "items": []})
    });
    let count = days.len();
    let many = if count == 1 { "" } else { "s" };
    let mut metadata = json!({"label": bill.label, "template_id": bill.template});
    if let Some(metadata) = metadata.as_object_mut() {
        metadata.retain(|_, value| !value.is_null() && value != "");
    }
    Some(
        json!({"start": start, "end": end, "type": "instance", "source": format!("instance-{}", bill.id),
        "description": format!("Instance {} Charges - {count} day{many}", bill.id),
        "amount": (sum.total() * 1e3).round() / 1e3, "metadata": metadata, "items": items.collect::<Value>()}),
    )
}

/// Kind, quantity and amount of what was charged.
fn parts(charge: &DayCharge) -> impl Iterator<Item = (&'static str, f64, f64)> + use<> {
    let parts = [
        ("gpu", charge.gpu_hours, charge.gpu),
        ("disk", charge.storage_hours, charge.storage),
        ("bwd", charge.download_gb, charge.download),
    ];
    parts.into_iter().filter(|(_, _, amount)| *amount > 0.0)
}

fn per_unit(amount: f64, quantity: f64) -> f64 {
    if quantity > 0.0 {
        amount / quantity
    } else {
        0.0
    }
}

/// A page of results; its token is the number of rows before the next.
fn paged(request: &ApiRequest, rows: Vec<Value>) -> ApiResponse {
    let limit = json_parameter(request, "limit")
        .as_u64()
        .and_then(|limit| usize::try_from(limit).ok());
    let limit = limit.filter(|limit| *limit > 0).unwrap_or(PER_PAGE);
    let after = match request
        .query
        .get("after_token")
        .map(|token| token.parse::<usize>())
    {
        Some(Err(_)) => {
            return ApiResponse::refusal(400, "invalid_token", "Invalid pagination token");
        }
        Some(Ok(after)) => after,
        None => 0,
    };
    let total = rows.len();
    let end = total.min(after.saturating_add(limit));
    let page: Vec<Value> = rows.into_iter().skip(after).take(limit).collect();
    let next = (end < total).then(|| end.to_string());
    ApiResponse::ok(
        &json!({"success": true, "count": page.len(), "total": total, "next_token": next, "results": page}),
    )
}
