//! The metrics and the health.

mod assets;

use super::*;
use crate::domain::{
    AccountName, BootEnd, ChainPhase, GateKind, Mode, NetworkNodeName, OutcomeKind, SprintReport,
    Step, Usd, UsdPerHour,
};
use crate::engine::attach::tests::snapshot;
use crate::engine::{
    Alert, AlertLevel, BootSnapshot, Cap, CapSnapshot, Condition, GateSnapshot, LinkSnapshot,
    PastSprintRow, RentalSnapshot, ReplicaSnapshot, TunnelRate, WorldKind,
};

fn busy() -> Snapshot {
    let mut snapshot = snapshot(0);
    let link = LinkSnapshot::Connecting {
        attempts: 1,
        last_error: None,
    };
    snapshot.rental = Some(rental(7, 9.6, link));
    let cap = |name: &str, limit, used| CapSnapshot {
        name: name.to_owned(),
        limit: Usd::from_dollars(limit),
        used: Usd::from_dollars(used),
    };
    snapshot.money.caps = vec![cap("sprint", 40.0, 12.0), cap("day", 60.0, 12.5)];
    snapshot.history = Arc::new(vec![past("default/1", OutcomeKind::Confirmed, 0)]);
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

fn rental(id: u64, price: f64, link: LinkSnapshot) -> RentalSnapshot {
    RentalSnapshot {
        id: domain::InstanceId(id),
        label: "pocpit/north/7/1-0000000a".parse().unwrap(),
        gpus: "4x H100 SXM".into(),
        location: None,
        machine: None,
        status: "running".into(),
        rented_at: domain::Time::UNIX_EPOCH,
        price: UsdPerHour::from_dollars(price),
        cost: Usd::ZERO,
        lease_until: domain::Time::UNIX_EPOCH,
        ssh: None,
        link,
        boot: BootSnapshot::default(),
        devices: Vec::new(),
        service: None,
        releasing: false,
    }
}

fn past(replica: &str, outcome: OutcomeKind, minute: i64) -> PastSprintRow {
    PastSprintRow {
        at: domain::Time::UNIX_EPOCH + domain::Duration::minutes(minute),
        report: SprintReport {
            replica: replica.parse().unwrap(),
            outcome,
            ..SprintReport::default()
        },
        boots: Vec::new(),
        confirmation_ratio: None,
        charged_usd: None,
    }
}

fn sprint_cap(used: f64) -> CapSnapshot {
    let (limit, used) = (Usd::from_dollars(40.0), Usd::from_dollars(used));
    CapSnapshot::new(Cap::Sprint, limit, used)
}

/// A pool of two, of which one waits for approval and one proves, and a pool of one that waits.
fn fleet() -> Snapshot {
    let mut snapshot = busy();
    let part = |id: &str, mode, step| ReplicaSnapshot {
        id: id.parse().unwrap(),
        mode,
        sprint: at_step(step),
        rental: None,
        hedge: None,
        node: None,
        network_node: NetworkNodeName::default(),
        account: AccountName::default(),
        spent: Usd::from_dollars(2.0),
        caps: vec![sprint_cap(10.0)],
        pool_hour: None,
        refused: None,
        boot_log: crate::engine::LogBuffer::default(),
    };
    let up = LinkSnapshot::Up {
        since: snapshot.at,
        tunnel: true,
        rate: TunnelRate::default(),
    };
    let mut proving = part("minimax/1", Mode::Auto, Step::Proving);
    proving.rental = Some(rental(7, 9.0, up));
    let mut waiting = part("minimax/2", Mode::Manual, Step::Warming);
    waiting.rental = Some(rental(8, 8.0, LinkSnapshot::None));
    waiting.hedge = Some(rental(9, 7.0, LinkSnapshot::None));
    waiting.caps = vec![sprint_cap(37.0)];
    waiting.sprint.gate = Some(GateSnapshot {
        kind: GateKind::Register,
        question: String::new(),
        since: snapshot.at,
        until: None,
    });
    let idle = part("glm/1", Mode::Auto, Step::Waiting);
    snapshot.replica = proving.id.clone();
    snapshot.replicas = [proving, waiting, idle].map(Arc::new).to_vec();
    let history = [
        ("minimax/1", OutcomeKind::Failed, 1),
        ("minimax/1", OutcomeKind::Confirmed, 3),
        ("minimax/2", OutcomeKind::NoWeight, 2),
        // Of a pool that is gone.
        ("default/1", OutcomeKind::Confirmed, 4),
    ];
    let history = history.map(|(replica, outcome, minute)| past(replica, outcome, minute));
    snapshot.history = Arc::new(history.to_vec());
    snapshot
}

fn at_step(step: Step) -> crate::engine::SprintSnapshot {
    crate::engine::SprintSnapshot {
        step,
        ..snapshot(0).sprint
    }
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
        "pocpit_hourly_cost_dollars{pool=\"default\"} 9.6",
        "pocpit_link_up{pool=\"default\"} 0.0",
        "pocpit_rentals{pool=\"default\"} 1.0",
        "pocpit_last_sprint_confirmed{pool=\"default\"} 1.0",
        "pocpit_cap_limit_dollars{cap=\"sprint\",pool=\"default\"} 40.0",
        "pocpit_cap_used_dollars{cap=\"sprint\",pool=\"default\"} 12.0",
        "pocpit_cap_used_dollars{cap=\"day\"} 12.5",
        "pocpit_step{pool=\"default\",step=\"waiting\"} 1.0",
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
fn figures_of_a_pool_are_sums_or_the_worst() {
    let page = page(fleet());
    let lines = [
        // Sums: replicas by step, at gates, rentals with hedges, money.
        "pocpit_step{pool=\"minimax\",step=\"proving\"} 1.0",
        "pocpit_step{pool=\"minimax\",step=\"warming\"} 1.0",
        "pocpit_step{pool=\"glm\",step=\"waiting\"} 1.0",
        "pocpit_gate_waits{pool=\"minimax\"} 1.0",
        "pocpit_gate_waits{pool=\"glm\"} 0.0",
        "pocpit_rentals{pool=\"minimax\"} 3.0",
        "pocpit_rentals{pool=\"glm\"} 0.0",
        "pocpit_hourly_cost_dollars{pool=\"minimax\"} 24.0",
        "pocpit_sprint_cost_dollars{pool=\"minimax\"} 4.0",
        // The worst: one by hand, one without a link, one near its cap.
        "pocpit_auto{pool=\"minimax\"} 0.0",
        "pocpit_auto{pool=\"glm\"} 1.0",
        "pocpit_link_up{pool=\"minimax\"} 0.0",
        "pocpit_tunnel_up{pool=\"minimax\"} 0.0",
        "pocpit_cap_used_dollars{cap=\"sprint\",pool=\"minimax\"} 37.0",
        "pocpit_cap_used_dollars{cap=\"day\"} 12.5",
        // A share: the last sprint of each replica counts.
        "pocpit_last_sprint_confirmed{pool=\"minimax\"} 0.5",
        "pocpit_last_sprint_end_timestamp_seconds{pool=\"minimax\"} 180.0",
    ];
    assert_has_lines(&page, &lines);
    // What a pool does not have is unknown, and a pool that is gone has no figure.
    for absent in [
        "pocpit_link_up{pool=\"glm\"}",
        "pocpit_last_sprint_confirmed{pool=\"glm\"}",
        "pool=\"default\"",
    ] {
        assert!(!page.contains(absent), "{absent}: {page}");
    }
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
    // Given boots of two pools, of which one is gone,
    let mut snapshot = fleet();
    let [minimax, glm, gone] = ["minimax", "glm", "gone"].map(|name| name.parse().unwrap());
    let [well, faulty] = [None, Some("ECC error")].map(boot);
    for (pool, end, times) in [
        (&minimax, BootEnd::Ready, Some(&well)),
        (&minimax, BootEnd::Ready, None),
        (&minimax, BootEnd::Failed, Some(&faulty)),
        (&minimax, BootEnd::Failed, Some(&well)),
        (&glm, BootEnd::Failed, None),
        (&gone, BootEnd::Ready, None),
    ] {
        snapshot.boots.count(pool, end, times);
    }
    // then each pool has its own counts, a pool without a boot too,
    let page = page(snapshot);
    let lines = [
        "pocpit_boots_total{end=\"ready\",pool=\"minimax\"} 2",
        "pocpit_boots_total{end=\"failed\",pool=\"minimax\"} 2",
        "pocpit_boots_total{end=\"broken_off\",pool=\"minimax\"} 0",
        "pocpit_boots_total{end=\"ready\",pool=\"glm\"} 0",
        "pocpit_boots_total{end=\"failed\",pool=\"glm\"} 1",
        "pocpit_boot_faults_total{fault=\"ECC error\",pool=\"minimax\"} 1",
        "pocpit_boot_faults_total{fault=\"too slow\",pool=\"minimax\"} 1",
    ];
    assert_has_lines(&page, &lines);
    // and a pool that is gone has none.
    assert!(!page.contains("pool=\"gone\""), "{page}");
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
