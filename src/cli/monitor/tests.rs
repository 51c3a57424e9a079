//! The metrics and the health.

mod assets;

use super::*;
use crate::domain::{BootEnd, ChainPhase, Usd, UsdPerHour};
use crate::engine::attach::tests::snapshot;
use crate::engine::{Alert, AlertLevel, CapSnapshot, Condition, WorldKind};

fn busy() -> Snapshot {
    let mut snapshot = snapshot(0);
    snapshot.money.per_hour = UsdPerHour::from_dollars(9.6);
    snapshot.money.caps = vec![CapSnapshot {
        name: "day".into(),
        limit: Usd::from_dollars(60.0),
        used: Usd::from_dollars(12.5),
    }];
    snapshot.alerts = vec![Alert {
        condition: Condition::ChainUnreachable,
        level: AlertLevel::Critical,
        text: "instance 7 is not gone".into(),
        advice: "destroy it".into(),
        since: snapshot.at,
    }];
    snapshot.rentals_read_at = Some(snapshot.at - domain::Duration::seconds(30));
    snapshot
}

/// The page of a snapshot that has just arrived.
fn page(snapshot: Snapshot) -> String {
    metrics::page(Arc::new(snapshot), Duration::ZERO).unwrap()
}

fn boot(fault: Option<&str>) -> domain::BootTimes {
    domain::BootTimes {
        label: "pocpit/north/7/1-0000000a".parse().unwrap(),
        replica: domain::ReplicaId::default(),
        instance: None,
        machine: domain::MachineId(7),
        host: None,
        gpu_name: "H100 SXM".into(),
        gpu_count: 4,
        started: Vec::new(),
        ended: domain::Time::UNIX_EPOCH,
        fault: fault.map(str::to_owned),
        meaning: domain::StageMeaning::Stated,
        runs: 1,
    }
}

fn assert_has_lines(page: &str, lines: &[&str]) {
    for line in lines {
        let mut known = page.lines();
        assert!(
            known.any(|known| known == *line),
            "{line} is not in\n{page}"
        );
    }
}

#[test]
fn snapshot_is_valid_openmetrics() {
    let page = page(busy());
    let lines = [
        "pocpit_hourly_cost_dollars 9.6",
        "pocpit_cap_used_dollars{cap=\"day\"} 12.5",
        "pocpit_step{step=\"waiting\"} 1.0",
        "pocpit_alerts{level=\"critical\"} 1.0",
        "pocpit_rentals_read_age_seconds 30.0",
        "pocpit_notices_lost_total 0",
    ];
    assert_has_lines(&page, &lines);
    // An unknown value has no sample, not the value 0.
    let mut lines = page.lines();
    let is_height = |line: &str| line.starts_with("pocpit_chain_height ");
    assert!(!lines.any(is_height), "{page}");
    assert!(page.ends_with("# EOF\n"));
}

#[test]
fn ages_grow_while_engine_hangs() {
    let age_of = |name: &str, world, silent_for| {
        let snapshot = Snapshot { world, ..busy() };
        let page = metrics::page(Arc::new(snapshot), Duration::from_secs(silent_for)).unwrap();
        let line = page.lines().find_map(|line| line.strip_prefix(name));
        line.unwrap().trim().parse::<f64>().unwrap()
    };
    let rentals = "pocpit_rentals_read_age_seconds ";
    let (real, fast) = (WorldKind::Real, WorldKind::Simulated { speed: 60.0 });
    // Read 30 s before the snapshot, and nothing new for 90 s.
    for (name, world, expected) in [
        (rentals, real, 120.0),
        (rentals, fast, 30.0 + 90.0 * 60.0),
        ("pocpit_snapshot_age_seconds ", fast, 90.0),
    ] {
        let age = age_of(name, world, 90);
        assert!((age - expected).abs() < 0.01, "{name}{age}");
    }
}

#[test]
fn boots_are_counted_by_outcome_and_fault() {
    let mut snapshot = busy();
    let [well, faulty] = [None, Some("ECC error")].map(boot);
    for (end, times) in [
        (BootEnd::Ready, Some(&well)),
        (BootEnd::Ready, None),
        (BootEnd::Failed, Some(&faulty)),
        (BootEnd::Failed, Some(&well)),
        (BootEnd::Failed, None),
    ] {
        snapshot.boots.count(end, times);
    }
    let lines = [
        "pocpit_boots_total{end=\"ready\"} 2",
        "pocpit_boots_total{end=\"failed\"} 3",
        "pocpit_boots_total{end=\"broken_off\"} 0",
        "pocpit_boot_faults_total{fault=\"ECC error\"} 1",
        "pocpit_boot_faults_total{fault=\"too slow\"} 1",
    ];
    assert_has_lines(&page(snapshot), &lines);
}

#[test]
fn chain_phase_metric_has_known_values() {
    // A phase has the chain's own name.
    for phase in ChainPhase::ALL {
        assert_eq!(serde_json::to_value(phase).unwrap(), phase.name());
    }
    // Before the chain was read, there is no sample.
    let page = page(busy());
    assert!(page.contains("# TYPE pocpit_chain_phase gauge"), "{page}");
    assert!(!page.contains("pocpit_chain_phase{"), "{page}");
}

#[test]
fn health_needs_running_engine_and_fresh_reads() {
    let at = |minute| domain::Time::UNIX_EPOCH + domain::Duration::minutes(minute);
    for (chain, rentals, silent, says) in [
        (Some(59), 51, 1, None),
        (
            Some(59),
            59,
            90,
            Some("the engine has made no progress for 90 s"),
        ),
        (
            Some(59),
            49,
            1,
            Some("the rentals could not be read for 11 minutes"),
        ),
        (None, 59, 1, Some("the chain could not be read yet")),
    ] {
        let read = LastReads {
            chain: chain.map(at),
            rentals: Some(at(rentals)),
        };
        let why = why_unhealthy(at(60), read, Duration::from_secs(silent));
        assert_eq!(why.as_deref(), says);
    }
}

#[tokio::test]
async fn pages_are_served_until_engine_ends() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (publish, snapshots) = watch::channel(Arc::new(busy()));
    let served = tokio::spawn(serve_on(listener, snapshots));
    let _ = rustls::crypto::ring::default_provider().install_default();
    let get = async |path: &str| {
        let response = reqwest::get(format!("http://{address}{path}"));
        response.await.unwrap()
    };
    let metrics = get("/metrics").await;
    assert_eq!(metrics.headers()["content-type"], OPENMETRICS);
    let page = metrics.text().await.unwrap();
    assert!(page.contains("pocpit_hourly_cost_dollars"), "{page}");
    let health = get("/healthz").await;
    assert_eq!(health.status().as_u16(), 503);
    let why = health.text().await.unwrap();
    assert_eq!(why, "the chain could not be read yet\n");
    assert_eq!(get("/else").await.status().as_u16(), 404);
    drop(publish);
    let ended = tokio::time::timeout(Duration::from_secs(30), served);
    ended.await.unwrap().unwrap();
}
