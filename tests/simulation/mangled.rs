//! Replies that are well-formed JSON and not what the wire says: every client reads ten thousand of
//! them. None panics, and none turns one into money spent or a rental forgotten for good.

use std::sync::Arc;

use pocpit::chain::client::ChainClient;
use pocpit::chain::sources::ChainSources;
use pocpit::domain::{InstanceId, NodeId, OfferId, Participant, RentOrder, Time, Workload};
use pocpit::http::HttpClient;
use pocpit::mlnode::client::MlNodeFactory;
use pocpit::network_node::NetworkNodeClient;
use pocpit::ports::{Chain, Market, NetworkNode, SourceSelection, TunnelEnds};
use pocpit::vast::{RateLimit, RentalHistory, SessionNeeds, VastClient, rank};
use pocpit::world::{PARTICIPANT, Scenario};
use serde_json::{Value, json};

use crate::chance::Chance;
use crate::played::Stage;
use crate::setup::configuration;
use crate::wire::Wire;

/// Changes one place of a reply, wherever that is.
pub fn mangle(body: &str, chance: &mut Chance) -> String {
    let Ok(mut value) = serde_json::from_str::<Value>(body) else {
        return body.chars().rev().collect();
    };
    let places = count(&value);
    let mut place = chance.between(0, i64::try_from(places).unwrap() - 1);
    change(&mut value, &mut place, chance);
    value.to_string()
}

fn count(value: &Value) -> usize {
    1 + match value {
        Value::Array(items) => items.iter().map(count).sum(),
        Value::Object(fields) => fields.values().map(count).sum::<usize>(),
        _ => 0,
    }
}

fn change(value: &mut Value, place: &mut i64, chance: &mut Chance) {
    if *place == 0 {
        *value = instead(value, chance);
    }
    *place -= 1;
    match value {
        Value::Array(items) => items
            .iter_mut()
            .for_each(|item| change(item, place, chance)),
        Value::Object(fields) => fields
            .values_mut()
            .for_each(|field| change(field, place, chance)),
        _ => {}
    }
}

/// What a careless server might say there.
fn instead(value: &Value, chance: &mut Chance) -> Value {
    match chance.between(0, 11) {
        0 => Value::Null,
        1 => json!(""),
        2 => json!(-1),
        3 => json!(1e308),
        4 => json!(u64::MAX),
        5 => json!([]),
        6 => json!({}),
        7 => json!([value.clone(), value.clone()]),
        8 => json!("9".repeat(400)),
        9 => json!(value.to_string()),
        10 => json!("\u{1b}[2J\u{0}\u{202e}"),
        _ => json!(i64::MIN),
    }
}

#[test]
fn mangled_replies_do_no_harm() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(async {
        let start = Time::from_timestamp(1_790_000_000, 0).unwrap();
        let scenario = Scenario {
            credit: 1e9,
            rate_limits: false,
            ..Scenario::default()
        };
        let stage = Stage::new(5, scenario, start);
        stage.start_clock();
        let config = configuration(
            std::path::Path::new("/nonexistent"),
            crate::judge::Caps::WIDE,
        );
        let http = HttpClient::over(Arc::new(Wire {
            stage: stage.clone(),
            mangle: Some(mangle),
        }));
        let market = VastClient::new(http.clone(), &config.vast).with_rate_limit(RateLimit::Off);
        let chain = ChainClient::new(http.clone(), &config.chain);
        let network_node = NetworkNodeClient::new(http.clone(), &config.network_node);
        let mlnode = MlNodeFactory::new(http).at(
            Workload::MlNode,
            TunnelEnds {
                api: "127.0.0.1:18080".parse().unwrap(),
                inference: "127.0.0.1:15000".parse().unwrap(),
            },
        );
        let mut usable = 0;
        let mut sources = ChainSources::default();
        for round in 0..1_000_u32 {
            let now = stage.time();
            let _ = chain
                .epoch()
                .await
                .map(|view| pocpit::chain::epoch::consistent(&view));
            let _ = sources.observe(now, chain.query_sources(SourceSelection::All).await);
            let _ = chain.stored_blocks().await;
            let _ = chain
                .weight(
                    &Participant(PARTICIPANT.into()),
                    &NodeId("colleague-1".into()),
                )
                .await;
            let _ = chain.approved_models().await;
            let _ = market.instances().await;
            let _ = market.instance(InstanceId(31_415_001)).await;
            let _ = market.account().await;
            let _ = network_node.nodes().await;
            let _ = mlnode.status(&config.mlnode.model).await;
            if let Ok(offers) = market.search(&config.vast.query, now).await {
                let needs = SessionNeeds {
                    now,
                    until: now,
                    at_worst_until: now,
                    boot_within: None,
                    image_gb: 1.0,
                    model_gb: 1.0,
                };
                usable += rank(
                    offers,
                    &config.vast.query,
                    &needs,
                    &RentalHistory::default(),
                )
                .usable
                .len();
            }
            if round % 50 == 0 {
                let order = RentOrder {
                    offer: OfferId(u64::from(round)),
                    label: format!("pocpit/demo/1/{round}-x").parse().unwrap(),
                    image: "x".into(),
                    template_hash: None,
                    disk_gb: 50.0,
                    env: std::collections::BTreeMap::new(),
                    ports: Vec::new(),
                    onstart: String::new(),
                };
                // There is no such offer: no mangled refusal may look like a contract.
                assert!(market.rent(&order).await.is_err());
            }
            tokio::time::sleep(std::time::Duration::from_secs(7)).await;
        }
        assert!(usable > 0, "most replies stay readable");
        assert!(stage.world().live_rentals().is_empty());
    });
}
