//! Request bodies of the market.

use serde_json::{Map, Value, json};

use super::rank::with_slack;
use crate::domain::{OfferQuery, RentOrder, UsdPerHour, Verification};

/// The server's maximum of offers per reply, whatever the requested limit.
pub(super) const SEARCH_LIMIT: usize = 64;

/// Where a page of a search starts. The market has no page tokens, so pages continue by price, in
/// dollars per hour.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum SearchPage {
    Cheapest,
    /// At the last offer's price: others may have the same.
    From(f64),
    /// Beyond a price that filled a whole page.
    Above(f64),
}

impl SearchPage {
    /// The page after one that ended at this price; none when that made no progress.
    pub(super) fn next(self, dearest: f64) -> Option<SearchPage> {
        match self {
            SearchPage::Cheapest => Some(SearchPage::From(dearest)),
            SearchPage::From(price) | SearchPage::Above(price) if dearest > price => {
                Some(SearchPage::From(dearest))
            }
            SearchPage::From(price) if dearest >= price => Some(SearchPage::Above(price)),
            _ => None,
        }
    }
}

/// Body of `POST /api/v0/bundles/`. Every filter goes out as a number: memory in megabytes,
/// durations in seconds.
pub(super) fn search(query: &OfferQuery, page: SearchPage) -> Value {
    let mut body = Map::new();
    let mut filter = |name: &str, condition: Value| {
        body.insert(name.into(), condition);
    };
    if query.verification == Verification::Required {
        filter("verified", json!({"eq": true}));
    }
    filter("external", json!({"eq": false}));
    filter("rentable", json!({"eq": true}));
    filter("rented", json!({"eq": false}));
    if !query.gpu_names.is_empty() {
        let names = query.gpu_names.iter();
        let names = names.map(|name| name.trim().replace('_', " "));
        filter("gpu_name", json!({"in": names.collect::<Value>()}));
    }
    let counts = match query.gpu_counts.as_slice() {
        [only] => json!({"eq": only}),
        several => json!({"in": several}),
    };
    filter("num_gpus", counts);
    let least = with_slack(query.min_gpu_memory_mb);
    filter("gpu_ram", json!({"gte": least}));
    if query.min_total_gpu_memory_mb > 0 {
        let least = with_slack(query.min_total_gpu_memory_mb);
        filter("gpu_total_ram", json!({"gte": least}));
    }
    filter("disk_space", json!({"gte": query.disk_gb}));
    filter("dph_total", price_range(query.max_price, page));
    filter("reliability", json!({"gte": query.min_reliability}));
    filter("inet_down", json!({"gte": query.min_download_mbps}));
    filter("direct_port_count", json!({"gte": query.min_direct_ports}));
    filter("duration", json!({"gte": query.min_duration.num_seconds()}));
    if let Some(cuda) = query.min_cuda {
        filter("cuda_max_good", json!({"gte": cuda}));
    }
    if !query.countries.is_empty() {
        filter("geolocation", json!({"in": query.countries}));
    }
    filter("type", json!("on-demand"));
    filter("order", json!([["dph_total", "asc"]]));
    filter("limit", json!(SEARCH_LIMIT));
    // Without it prices are for 5 GB of disk, and so is the order.
    filter("allocated_storage", json!(query.disk_gb));
    Value::Object(body)
}

fn price_range(most: UsdPerHour, page: SearchPage) -> Value {
    let most = most.0.dollars();
    match page {
        SearchPage::Cheapest => json!({"lte": most}),
        SearchPage::From(price) => json!({"lte": most, "gte": price}),
        SearchPage::Above(price) => json!({"lte": most, "gt": price}),
    }
}

/// Body of `PUT /api/v0/asks/{id}/`.
pub(super) fn rent(order: &RentOrder) -> Value {
    let mut env: Map<String, Value> = order
        .env
        .iter()
        .map(|(name, value)| (name.clone(), json!(value)))
        .collect();
    for port in &order.ports {
        env.insert(format!("-p {port}:{port}"), json!("1"));
    }
    let mut body = json!({
        "client_id": "me",
        "env": env,
        "disk": order.disk_gb,
        "label": order.label.to_string(),
        "onstart": order.onstart,
        "runtype": "ssh_direc ssh_proxy",
        // The vendor's CLI sends false; then a lost race leaves a stopped instance that is billed.
        "cancel_unavail": true,
    });
    // An absent field keeps the template's value; an empty one would replace it.
    if !order.image.is_empty() {
        body["image"] = json!(order.image);
    }
    if let Some(hash) = &order.template_hash {
        body["template_hash_id"] = json!(hash);
    }
    body
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Duration, OfferId};
    use crate::vast::rank::tests::a_query;

    #[test]
    fn search_filters_use_wire_units() {
        let mut query = a_query();
        query.gpu_names = vec!["RTX_4090".into()];
        query.min_gpu_memory_mb = 24_000;
        query.min_duration = Duration::hours(24);
        query.min_cuda = Some(12.4);
        let body = search(&query, SearchPage::Cheapest);
        assert_eq!(body["gpu_name"], json!({"in": ["RTX 4090"]}));
        assert_eq!(body["gpu_ram"], json!({"gte": 21_600}));
        assert_eq!(body["duration"], json!({"gte": 86_400}));
        assert_eq!(body["cuda_max_good"], json!({"gte": 12.4}));
        assert_eq!(body["allocated_storage"], json!(query.disk_gb));
        assert_eq!(body["order"], json!([["dph_total", "asc"]]));
        assert_eq!(body["limit"], json!(64));
        assert_eq!(body["verified"], json!({"eq": true}));
        assert_eq!(body["num_gpus"], json!({"eq": 4}));
        query.gpu_counts = vec![4, 8];
        let body = search(&query, SearchPage::Cheapest);
        assert_eq!(body["num_gpus"], json!({"in": [4, 8]}));
    }

    #[test]
    fn next_page_starts_at_last_price() {
        let body = search(&a_query(), SearchPage::From(1.25));
        assert_eq!(body["dph_total"]["gte"], json!(1.25));
        assert!(body["dph_total"]["lte"].is_f64());
    }

    #[test]
    fn page_of_one_price_advances_beyond() {
        let second = SearchPage::Cheapest.next(1.25).expect("a second page");
        assert_eq!(second, SearchPage::From(1.25));
        // When it holds nothing but that price, then the next page starts beyond it,
        let third = second.next(1.25).expect("a third page");
        assert_eq!(search(&a_query(), third)["dph_total"]["gt"], json!(1.25));
        assert_eq!(third.next(1.5), Some(SearchPage::From(1.5)));
        // and a market that ignores the filter does not cause an endless search.
        assert_eq!(third.next(1.25), None);
        assert_eq!(second.next(0.9), None);
    }

    fn an_order() -> RentOrder {
        RentOrder {
            offer: OfferId(7),
            label: "pocpit/home/3/1-abc".parse().expect("a label"),
            image: "registry.example/mlnode:1".into(),
            template_hash: None,
            disk_gb: 200.0,
            env: [("A".to_owned(), "1".to_owned())].into(),
            ports: vec![8080, 5000],
            onstart: "echo hi".into(),
        }
    }

    #[test]
    fn rent_body_maps_ports_and_cancels() {
        let body = rent(&an_order());
        assert_eq!(
            body["env"],
            json!({"A": "1", "-p 8080:8080": "1", "-p 5000:5000": "1"})
        );
        assert_eq!(body["cancel_unavail"], json!(true));
        assert_eq!(body["runtype"], json!("ssh_direc ssh_proxy"));
        assert_eq!(body["label"], json!("pocpit/home/3/1-abc"));
        assert!(body.get("template_hash_id").is_none());
        assert!(body.get("price").is_none(), "a price would make it a bid");
    }

    #[test]
    fn template_replaces_missing_image() {
        let body = rent(&RentOrder {
            image: String::new(),
            template_hash: Some("hash".into()),
            ..an_order()
        });
        assert!(body.get("image").is_none());
        assert_eq!(body["template_hash_id"], json!("hash"));
    }
}
