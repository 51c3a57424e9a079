//! Rentals made past the program under test.

use std::collections::BTreeMap;

use pocpit::config::VastConfig;
use pocpit::domain::{InstanceId, RentOrder};
use pocpit::http::HttpClient;
use pocpit::ports::{Market as _, RentError};
use pocpit::vast::{RateLimit, VastClient};

/// Settings in place of the demo's, which finds hundreds of offers: at hundreds of times real time, on busy
/// cores, a search of several pages ends too late.
pub fn narrowed(config: &str) -> String {
    let lines = config.lines().map(|line| match line.split_once(" = ") {
        Some(("gpu_names", _)) => "gpu_names = [\"H100 SXM\"]",
        Some(("gpu_count", _)) => "gpu_count = 4",
        _ => line,
    });
    lines.flat_map(|line| [line, "\n"]).collect()
}

pub fn market(vast: &VastConfig) -> VastClient {
    VastClient::new(HttpClient::new(), vast).with_rate_limit(RateLimit::Off)
}

/// Rents the first offer under a label.
pub async fn rent(vast: &VastConfig, label: &str) -> InstanceId {
    let market = market(vast);
    for _ in 0..20 {
        let now = chrono::Utc::now();
        let offers = market.search(&vast.query, now).await.unwrap();
        let order = RentOrder {
            offer: offers[0].id,
            label: label.parse().unwrap(),
            image: vast.image.clone(),
            template_hash: None,
            disk_gb: vast.query.disk_gb,
            env: BTreeMap::new(),
            ports: Vec::new(),
            onstart: String::new(),
        };
        match market.rent(&order).await {
            Ok(id) => return id,
            // In a fast world an offer can be gone between the search and the request.
            Err(RentError::OfferGone(_)) => {}
            // The market of a slow world wants seconds between two calls.
            Err(RentError::Refused(error)) if error.is_passing() => {
                tokio::time::sleep(std::time::Duration::from_millis(200)).await;
            }
            Err(error) => panic!("{error}"),
        }
    }
    panic!("every offer was gone");
}
