//! Reads what the market charged (`show_charges.yaml` of its documentation).

use serde_json::{Value, json};

use super::calls::{VastClient, rows};
use super::rate_limit::VastEndpoint;
use crate::domain::{CallError, InstanceId, RentalCharge, Time, Usd};
use crate::http::HttpRequest;
use crate::http::json::Fields;

/// Contracts per page: the documented default.
const PAGE: usize = 100;

impl VastClient {
    pub(super) async fn read_charges(
        &self,
        from: Time,
        to: Time,
    ) -> Result<Vec<RentalCharge>, CallError> {
        let what = self.what("read the charges");
        let day = json!({"gte": from.timestamp(), "lte": to.timestamp()});
        let filters = json!({"day": day, "type": {"in": ["instance"]}}).to_string();
        let request = HttpRequest::get(what.clone(), self.url("/api/v0/charges/"))
            .query("select_filters", filters)
            .query("format", "table")
            .query("latest_first", "true")
            .query("limit", PAGE.to_string());
        let mut charges = Vec::new();
        let add = |page: &Value| {
            charges.extend(rows(&what, page, "results")?.iter().filter_map(charge));
            Ok(())
        };
        self.read_pages(VastEndpoint::Charges, request, add).await?;
        Ok(charges)
    }
}

/// The charge of one contract; `None` unless it is an instance with an amount.
fn charge(row: &Value) -> Option<RentalCharge> {
    let fields = Fields(row);
    let source = fields.text("source")?;
    let instance = source.strip_prefix("instance-")?.parse().ok()?;
    let mut charge = RentalCharge {
        instance: InstanceId(instance),
        total: Usd::from_dollars(fields.number("amount")?),
        gpu: Usd::ZERO,
        storage: Usd::ZERO,
        traffic: Usd::ZERO,
    };
    for item in fields.list("items").unwrap_or_default() {
        let item = Fields(item);
        let amount = item.number("amount").map_or(Usd::ZERO, Usd::from_dollars);
        match item.text("type").as_deref() {
            Some("gpu") => charge.gpu += amount,
            Some("disk") => charge.storage += amount,
            Some("bwd" | "bwu") => charge.traffic += amount,
            _ => {}
        }
    }
    Some(charge)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documented_charge_is_parsed() {
        let item = |kind: &str, amount: f64| json!({"type": kind, "amount": amount, "items": []});
        let row = json!({"start": 1_730_419_200, "end": 1_730_678_400, "type": "instance",
            "source": "instance-12345678", "description": "Instance 12345678 Charges - 4 days",
            "amount": 38.421, "metadata": {"label": "my-training-job"},
            "items": [item("gpu", 37.344), item("disk", 1.0), item("bwd", 0.05), item("bwu", 0.027)]});
        let expected = RentalCharge {
            instance: InstanceId(12_345_678),
            total: Usd(38_421_000),
            gpu: Usd(37_344_000),
            storage: Usd(1_000_000),
            traffic: Usd(77_000),
        };
        assert_eq!(charge(&row), Some(expected));
    }

    #[test]
    fn other_contracts_and_odd_rows_are_skipped() {
        for row in [
            json!({"source": "volume-5", "amount": 1.0}),
            json!({"source": "instance-x", "amount": 1.0}),
            json!({"source": "instance-5", "amount": null}),
            json!({"source": null, "amount": 1.0}),
            json!(null),
        ] {
            assert_eq!(charge(&row), None, "{row}");
        }
    }
}
