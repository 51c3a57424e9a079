//! The figures, and that the dashboard and the rules in `assets/` go by what there is.

use std::collections::BTreeSet;

use super::*;
use crate::domain::{Usd, UsdPerHour};
use crate::engine::Condition;
use crate::engine::attach::tests::snapshot;
use crate::engine::{Alert, AlertLevel, CapSnapshot};

const DASHBOARD: &str = include_str!("../../../assets/grafana-dashboard.json");
const RULES: &str = include_str!("../../../assets/alerts.yml");

fn busy() -> Snapshot {
    let mut snapshot = snapshot(0);
    snapshot.money.per_hour = UsdPerHour::from_dollars(9.6);
    snapshot.money.caps = vec![CapSnapshot {
        name: "day".into(),
        limit: Usd::from_dollars(60.0),
        used: Usd::from_dollars(12.5),
    }];
    snapshot.alerts = vec![Alert {
        condition: Condition::ChainUnread,
        level: AlertLevel::Critical,
        text: "instance 7 is not gone".into(),
        advice: "destroy it".into(),
        since: snapshot.at,
    }];
    snapshot.rentals_read_at = Some(snapshot.at - domain::Duration::seconds(30));
    snapshot
}

/// Names of the families on a page, as a query calls them.
fn families(page: &str) -> BTreeSet<String> {
    let types = page.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    types
        .filter_map(|line| {
            let (name, kind) = line.split_once(' ')?;
            let total = if kind == "counter" { "_total" } else { "" };
            Some(format!("{name}{total}"))
        })
        .collect()
}

/// Names of our figures in a text.
fn named(text: &str) -> BTreeSet<String> {
    let words = text.split(|letter: char| !(letter.is_ascii_alphanumeric() || letter == '_'));
    let ours = words.filter(|word| word.starts_with("pocpit_"));
    ours.map(str::to_owned).collect()
}

#[test]
fn a_snapshot_is_told_in_the_openmetrics_format() {
    let page = figures::page(Arc::new(busy())).unwrap();
    for line in [
        "pocpit_hourly_cost_dollars 9.6",
        "pocpit_cap_used_dollars{cap=\"day\"} 12.5",
        "pocpit_step{step=\"waiting\"} 1.0",
        "pocpit_alerts{level=\"critical\"} 1.0",
        "pocpit_rentals_read_age_seconds 30.0",
        "pocpit_notices_lost_total 0",
    ] {
        assert!(
            page.lines().any(|known| known == line),
            "{line} is not in\n{page}"
        );
    }
    // What is not known has no figure, and is not 0.
    assert!(
        !page
            .lines()
            .any(|line| line.starts_with("pocpit_chain_height ")),
        "{page}"
    );
    assert!(page.ends_with("# EOF\n"));
}

#[test]
fn dashboard_and_rules_name_only_figures_that_there_are() {
    let ours = families(&figures::page(Arc::new(busy())).unwrap());
    let _: serde_json::Value = serde_json::from_str(DASHBOARD).unwrap();
    for (file, text) in [("grafana-dashboard.json", DASHBOARD), ("alerts.yml", RULES)] {
        let unknown: Vec<_> = named(text).difference(&ours).cloned().collect();
        assert!(
            unknown.is_empty(),
            "{file} names {unknown:?}; there are {ours:#?}"
        );
    }
    // And what costs something is in both.
    for name in ["pocpit_hourly_cost_dollars", "pocpit_rentals"] {
        assert!(
            named(DASHBOARD).contains(name) && ours.contains(name),
            "{name}"
        );
    }
}

#[test]
fn the_rules_are_yaml_with_an_expression_and_a_text_each() {
    let rules = yaml_rust2::YamlLoader::load_from_str(RULES).unwrap();
    let groups = rules[0]["groups"].as_vec().unwrap();
    let rules: Vec<_> = groups
        .iter()
        .flat_map(|group| group["rules"].as_vec().unwrap())
        .collect();
    assert!(rules.len() >= 6);
    for rule in rules {
        let name = rule["alert"].as_str().unwrap();
        let expression = rule["expr"].as_str().unwrap();
        let count = |letter| expression.matches(letter).count();
        assert_eq!((count('('), count('{')), (count(')'), count('}')), "{name}");
        assert!(rule["annotations"]["summary"].as_str().is_some(), "{name}");
        assert!(rule["labels"]["severity"].as_str().is_some(), "{name}");
    }
}

#[test]
fn it_is_well_as_long_as_it_turns_and_sees() {
    let at = |minute| domain::Time::UNIX_EPOCH + domain::Duration::minutes(minute);
    let ill = |chain: Option<i64>, rentals: Option<i64>, silent| {
        let read = LastReads {
            chain: chain.map(at),
            rentals: rentals.map(at),
        };
        let why = why_ill(at(60), read, Duration::from_secs(silent));
        why.unwrap_or_else(|| "well".to_owned())
    };
    assert_eq!(ill(Some(59), Some(51), 1), "well");
    assert_eq!(
        ill(Some(59), Some(59), 90),
        "the engine has not turned for 90 s"
    );
    assert_eq!(
        ill(Some(59), Some(49), 1),
        "the rentals could not be read for 11 minutes"
    );
    assert_eq!(ill(None, Some(59), 1), "the chain could not be read yet");
}

#[tokio::test]
async fn both_pages_are_served_until_the_engine_ends() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (publish, snapshots) = watch::channel(Arc::new(busy()));
    let served = tokio::spawn(serve_on(listener, snapshots));
    let _ = rustls::crypto::ring::default_provider().install_default();
    let get = async |path: &str| {
        reqwest::get(format!("http://{address}{path}"))
            .await
            .unwrap()
    };
    let metrics = get("/metrics").await;
    assert_eq!(metrics.headers()["content-type"], OPENMETRICS);
    assert!(
        metrics
            .text()
            .await
            .unwrap()
            .contains("pocpit_hourly_cost_dollars")
    );
    let health = get("/healthz").await;
    assert_eq!(health.status().as_u16(), 503);
    assert_eq!(
        health.text().await.unwrap(),
        "the chain could not be read yet\n"
    );
    assert_eq!(get("/else").await.status().as_u16(), 404);
    drop(publish);
    tokio::time::timeout(Duration::from_secs(30), served)
        .await
        .unwrap()
        .unwrap();
}
