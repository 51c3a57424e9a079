//! Commands of a configuration with pools say what they say by pool and replica.

use std::net::SocketAddr;

use pocpit::config::Config;
use pocpit::domain::{
    AccountName, InstanceId, MachineId, OfferId, OutcomeKind, RentalPrices, ReplicaId,
    SprintReport, Usd, UsdPerHour, Weight,
};
use pocpit::journal::{Journal, Record};
use pocpit::ports::Market as _;
use serde_json::Value;

use super::{Home, Ran, config_of, ran};
use crate::sim::Sim;

/// Governance approves the model of the first pool alone.
const POOLS: &str = r#"
[[pool]]
name = "minimax"
replicas = 3
[[pool]]
name = "glm"
replicas = 2
[pool.mlnode]
model = "zai-org/GLM-5.3-Flash"
[pool.vast]
gpu_count = 8
"#;

struct Scene {
    home: Home,
    sim: Sim,
}

impl Scene {
    /// A served world, and a configuration with these pools.
    fn new(pools: &str) -> Scene {
        let home = Home::new();
        let sim = Sim::start(home.command(&["sim"]).args(["--speed", "50"]));
        let text = std::fs::read_to_string(&sim.config).unwrap();
        let mut config: toml::Table = text.parse().unwrap();
        let node = config["network_node"].as_table_mut().unwrap();
        let first: SocketAddr = node["api_listen"].as_str().unwrap().parse().unwrap();
        // Room for a port of each replica.
        for (name, after) in [("api_listen", 20), ("inference_listen", 40)] {
            let address = SocketAddr::new(first.ip(), first.port() + after);
            node.insert(name.into(), address.to_string().into());
        }
        std::fs::write(&sim.config, format!("{config}{pools}")).unwrap();
        Scene { home, sim }
    }

    fn run(&self, environment: &[(&str, &str)], arguments: &[&str]) -> Ran {
        let arguments = [&["--config", self.sim.config.as_str()], arguments].concat();
        // The market allows a search every six of its seconds.
        for _ in 0..100 {
            let mut command = self.home.command(&arguments);
            let ran = ran(command.envs(environment.iter().copied()));
            if !(ran.stderr.contains("slow down") || ran.stdout.contains("slow down")) {
                return ran;
            }
            std::thread::sleep(std::time::Duration::from_millis(100));
        }
        panic!("the market never had time");
    }

    fn json(&self, environment: &[(&str, &str)], arguments: &[&str]) -> Value {
        let ran = self.run(environment, &[arguments, &["--json"]].concat());
        let parsed = serde_json::from_str(&ran.stdout);
        parsed.unwrap_or_else(|error| panic!("{error}: {}{}", ran.stdout, ran.stderr))
    }

    fn config(&self) -> Config {
        config_of(&self.sim)
    }

    fn remember(&self, records: &[Record]) {
        let config = self.config();
        let (mut journal, _) = Journal::open(&config.paths.state_dir).unwrap();
        let at = config.simulation.unwrap().world_start;
        for record in records {
            let _kept = journal.append(at, record).unwrap();
        }
    }
}

fn rich() -> [(&'static str, &'static str); 4] {
    [
        ("POCPIT_BUDGET_PER_HOUR", "400"),
        ("POCPIT_BUDGET_PER_SPRINT", "100"),
        ("POCPIT_BUDGET_PER_DAY", "400"),
        ("POCPIT_BUDGET_PER_MONTH", "4000"),
    ]
}

fn pool<'a>(plan: &'a Value, name: &str) -> &'a Value {
    let pools = plan["pools"].as_array().unwrap();
    pools.iter().find(|pool| pool["name"] == name).unwrap()
}

fn list<'a>(value: &'a Value, name: &str) -> &'a Vec<Value> {
    value[name].as_array().unwrap()
}

/// The obstacles with these words, by the pool that they name.
fn obstacles<'a>(plan: &'a Value, words: &str) -> Vec<Option<&'a str>> {
    let found = list(plan, "could_stop").iter();
    let found = found.filter(|found| found["what"].as_str().unwrap().contains(words));
    found.map(|found| found["pool"].as_str()).collect()
}

#[test]
fn plan_deals_machines_to_replicas_and_names_the_pool_in_trouble() {
    let scene = Scene::new(POOLS);
    // Given caps with room for all, and a pool whose model governance does not approve,
    let plan = scene.json(&rich(), &["plan"]);
    // then the replicas of the other pool each rent a machine of their own,
    let minimax = pool(&plan, "minimax");
    let rentals = list(minimax, "rentals");
    let replicas: Vec<&str> = rentals
        .iter()
        .map(|rental| rental["replica"].as_str().unwrap())
        .collect();
    assert_eq!(replicas, ["minimax/1", "minimax/2", "minimax/3"], "{plan}");
    let machines: std::collections::BTreeSet<u64> = rentals
        .iter()
        .map(|rental| rental["machine"].as_u64().unwrap())
        .collect();
    assert_eq!(machines.len(), 3, "{minimax}");
    assert!(minimax["usable_offers"].as_u64().unwrap() >= 3);
    let sum: f64 = rentals
        .iter()
        .map(|rental| rental["worst_usd"].as_f64().unwrap())
        .sum();
    assert!((minimax["worst_usd"].as_f64().unwrap() - sum).abs() < 0.01);
    // the pool in trouble rents nothing, says why, and blocks nobody else,
    assert_eq!(obstacles(&plan, "zai-org/GLM-5.3-Flash")[0], Some("glm"));
    let glm = pool(&plan, "glm");
    assert_eq!(
        (list(glm, "rentals").len(), list(glm, "not_rented").len()),
        (0, 2)
    );
    let why = glm["not_rented"][0]["why"].as_str().unwrap();
    assert!(why.contains("zai-org/GLM-5.3-Flash"), "{why}");
    assert_eq!(plan["fleet"]["rentals"], 3);
    assert_eq!(plan["fleet"]["replicas"], 5);
    assert_eq!(plan["fleet"]["worst_usd"], minimax["worst_usd"]);
    // and the text has all of it.
    let words = scene.run(&rich(), &["plan", "--wide"]).stdout;
    for said in [
        "3 of 3",
        "0 of 2",
        "3 of 5 replicas rent: ~$",
        "STOPS  glm: ",
    ] {
        assert!(words.contains(said), "{said}: {words}");
    }
}

#[test]
fn plan_says_which_replicas_the_caps_leave_out() {
    let scene = Scene::new("[[pool]]\nname = \"minimax\"\nreplicas = 3\n");
    let whole = scene.json(&rich(), &["plan"]);
    let rentals = list(pool(&whole, "minimax"), "rentals");
    let worst = |index: usize| rentals[index]["worst_usd"].as_f64().unwrap();
    // Given a cap of a day that holds two of three replicas at worst,
    let cap = format!("{:.2}", worst(0) + worst(1) + 0.5);
    let mut tight = rich();
    (tight[1].1, tight[2].1) = (&cap, &cap);
    let plan = scene.json(&tight, &["plan"]);
    // then the third is left out with that reason.
    let minimax = pool(&plan, "minimax");
    assert_eq!(list(minimax, "rentals").len(), 2, "{minimax}");
    let left_out = &minimax["not_rented"][0];
    assert_eq!(left_out["replica"], "minimax/3");
    assert!(
        left_out["why"].as_str().unwrap().contains("budget.per_day"),
        "{left_out}"
    );
    assert!(plan["fleet"]["worst_usd"].as_f64().unwrap() <= cap.parse().unwrap());
    // No pool is in the way of itself: one that is alone is not named.
    assert!(
        list(&plan, "could_stop")
            .iter()
            .all(|it| it["pool"].is_null())
    );
}

#[test]
fn offers_are_those_of_the_named_pool() {
    let scene = Scene::new(POOLS);
    // Without a name they are the first pool's, and say so;
    let first = scene.json(&[], &["offers"]);
    assert_eq!(first["pool"], "minimax");
    let words = scene.run(&[], &["offers"]).stdout;
    assert!(
        words.starts_with("Pool minimax; PoC 359: rent at"),
        "{words}"
    );
    // with one they are judged by that pool's own settings: it wants eight GPUs.
    let glm = scene.json(&[], &["offers", "--pool", "glm"]);
    assert_eq!(glm["pool"], "glm");
    assert_ne!(first["offers"], glm["offers"]);
    let words = scene.run(&[], &["offers", "--pool", "glm", "--out"]).stdout;
    assert!(words.starts_with("Pool glm\n"), "{words}");
    // A pool that is not there is wrong usage, and the others are listed.
    let ran = scene.run(&[], &["offers", "--pool", "kimi"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""));
    assert!(
        ran.stderr
            .contains("there is no pool kimi; the pools are: minimax, glm"),
        "{}",
        ran.stderr
    );
}

#[test]
fn check_names_the_pool_whose_check_failed() {
    let scene = Scene::new(POOLS);
    let ran = scene.run(&rich(), &["check", "--json"]);
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    let probes: Vec<Value> = serde_json::from_str(&ran.stdout).unwrap();
    let of = |what: &str| -> Vec<(Option<&str>, &str)> {
        let about = probes.iter().filter(|probe| probe["what"] == what);
        about
            .map(|probe| (probe["pool"].as_str(), probe["verdict"].as_str().unwrap()))
            .collect()
    };
    // What belongs to a pool is checked for each of them, and says whose it is;
    assert_eq!(
        of("model"),
        [(Some("minimax"), "met"), (Some("glm"), "unmet")]
    );
    // what is shared is checked once.
    for what in [
        "Vast key",
        "participant",
        "journal",
        "admin API",
        "callback",
    ] {
        assert_eq!(of(what), [(None, "met")], "{what}: {probes:?}");
    }
    // Both ends of the tunnels are checked for all five replicas.
    assert_eq!(of("tunnel"), [(None, "met"), (None, "met")], "{probes:?}");
    let words = scene.run(&rich(), &["check", "--wide"]).stdout;
    assert!(
        words.contains("FAILED  model") && words.contains(" glm: "),
        "{words}"
    );
}

fn rented(replica: &str, label: &str, instance: u64) -> [Record; 2] {
    let label: pocpit::domain::RentalLabel = label.parse().unwrap();
    let intended = Record::RentIntended {
        label: label.clone(),
        replica: replica.parse().unwrap(),
        account: AccountName::default(),
        offer: OfferId(instance),
        machine: MachineId(instance),
        host: None,
        prices: RentalPrices {
            gpu_price: UsdPerHour::from_dollars(8.0),
            storage_price: UsdPerHour::ZERO,
            download_per_gb: Usd::ZERO,
            download_gb: 0.0,
        },
        reserved: Usd::from_dollars(20.0),
    };
    let instance = InstanceId(instance);
    [intended, Record::Rented { label, instance }]
}

#[test]
fn ssh_asks_for_the_replica_where_several_have_a_rental() {
    let scene = Scene::new(POOLS);
    let records = [
        rented("minimax/1", "pocpit/demo/1/1-a", 999_991),
        rented("minimax/3", "pocpit/demo/1/2-b", 999_993),
    ];
    scene.remember(&records.concat());
    // Without a name it connects to none, and lists them;
    let ran = scene.run(&[], &["ssh"]);
    assert_eq!(
        (ran.code, ran.stdout.as_str()),
        (Some(2), ""),
        "{}",
        ran.stderr
    );
    assert!(
        ran.stderr
            .contains("several replicas have a rental, name one: minimax/1, minimax/3"),
        "{}",
        ran.stderr
    );
    // with one it is that replica's rental, which the market does not list;
    let ran = scene.run(&[], &["ssh", "minimax/3", "--print"]);
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    assert!(
        ran.stderr.contains("rental 999993 is not listed"),
        "{}",
        ran.stderr
    );
    // one that has none says who has, and what is no replica is wrong usage.
    let ran = scene.run(&[], &["ssh", "glm/1"]);
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    assert!(
        ran.stderr.contains("active are: minimax/1, minimax/3"),
        "{}",
        ran.stderr
    );
    assert_eq!(scene.run(&[], &["ssh", "minimax"]).code, Some(2));
    // When all but one are being destroyed, then that one is meant.
    let instance = InstanceId(999_991);
    scene.remember(&[Record::DestroyIntended { instance }]);
    let ran = scene.run(&[], &["ssh", "--print"]);
    assert!(
        ran.stderr.contains("rental 999993 is not listed"),
        "{}",
        ran.stderr
    );
}

#[test]
fn history_is_filtered_and_added_up_by_pool() {
    let scene = Scene::new(POOLS);
    let ended = |replica: &str, outcome, cost_usd, weight| {
        let replica: ReplicaId = replica.parse().unwrap();
        Record::SprintEnded {
            report: SprintReport {
                replica,
                outcome,
                cost_usd,
                weight,
                ..SprintReport::default()
            },
        }
    };
    scene.remember(&[
        ended(
            "minimax/1",
            OutcomeKind::Confirmed,
            8.0,
            Some(Weight(2_000)),
        ),
        ended("minimax/2", OutcomeKind::Failed, 2.0, None),
        ended("glm/1", OutcomeKind::Confirmed, 4.0, Some(Weight(1_000))),
        ended("gone/1", OutcomeKind::Failed, 1.0, None),
    ]);
    // All sprints name their replica, and each pool has its sum.
    let words = scene.run(&[], &["history"]).stdout;
    for said in [
        "minimax/2",
        "minimax: 2 sprints: 1 confirmed, 1 failed; ~$10.00; ~$5.00 per 1000 weight",
        "glm: 1 sprint: 1 confirmed; ~$4.00",
        "4 sprints: 2 confirmed, 2 failed; ~$15.00",
    ] {
        assert!(words.contains(said), "{said}: {words}");
    }
    // One pool's are left with its name, also when the configuration no longer has it.
    let replicas = |pool: &str| -> Vec<String> {
        let history = scene.json(&[], &["history", "--pool", pool]);
        let rows = history.as_array().unwrap().iter();
        let replicas = rows.map(|row| row["report"]["replica"].as_str().unwrap().to_owned());
        replicas.collect()
    };
    assert_eq!(replicas("minimax"), ["minimax/1", "minimax/2"]);
    assert_eq!(replicas("gone"), ["gone/1"]);
    let csv = scene
        .run(&[], &["history", "--csv", "--pool", "glm"])
        .stdout;
    assert_eq!(csv.lines().count(), 2, "{csv}");
    assert!(csv.ends_with(",glm/1\n"), "{csv}");
    let ran = scene.run(&[], &["history", "--pool", "kimi"]);
    assert_eq!(ran.code, Some(2), "{}", ran.stderr);
    assert!(
        ran.stderr.contains("the pools are: minimax, glm"),
        "{}",
        ran.stderr
    );
}

/// A rental on the account that the journal has for this replica.
fn rent_for(scene: &Scene, replica: Option<&str>, label: &str) -> InstanceId {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let id = runtime.block_on(super::rent(&scene.config(), label));
    while !listed(scene).contains(&id) {
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    if let Some(replica) = replica {
        scene.remember(&rented(replica, label, id.0));
    }
    id
}

fn listed(scene: &Scene) -> Vec<InstanceId> {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let market = crate::market::market(&scene.config().vast);
    let all = runtime.block_on(market.instances()).unwrap();
    all.iter().map(|instance| instance.id).collect()
}

#[test]
fn gc_and_release_take_down_only_what_is_named() {
    // Given rentals of three replicas, and one that only its label shows to be ours,
    let scene = Scene::new(POOLS);
    let first = rent_for(&scene, Some("minimax/1"), "pocpit/demo/1/1-a");
    let second = rent_for(&scene, Some("minimax/2"), "pocpit/demo/1/1-b");
    let glm = rent_for(&scene, Some("glm/1"), "pocpit/demo/1/1-c");
    let lost = rent_for(&scene, None, "pocpit/demo/1/1-d");
    // when a pool is looked at, then the others are counted, and nobody knows whose the last one is;
    let looked = scene.run(&[], &["gc", "--dry-run", "--json", "--pool", "glm"]);
    assert_eq!(looked.code, Some(4), "{}", looked.stderr);
    let found: Value = serde_json::from_str(&looked.stdout).unwrap();
    let ids: Vec<&Value> = list(&found, "left_over")
        .iter()
        .map(|one| &one["id"])
        .collect();
    assert_eq!(ids, [&glm.to_string()]);
    assert_eq!(found["left_alone"]["rentals"], 2);
    assert_eq!(found["left_alone"]["unknown_rentals"][0], lost.0);
    // when a replica is released, then that one alone is gone, and the screen says what is left;
    let one = scene.run(
        &[],
        &["release", "--yes", "--json", "--replica", "minimax/2"],
    );
    assert_eq!(one.code, Some(4), "{}", one.stderr);
    let report: Value = serde_json::from_str(&one.stdout).unwrap();
    assert_eq!(report["destroyed"], serde_json::json!([second.0]));
    for says in [
        "2 rentals of other replicas are left alone".to_owned(),
        format!("does not know the pool of 1 rental ({lost})"),
    ] {
        assert!(one.stderr.contains(&says), "{says}: {}", one.stderr);
    }
    assert_eq!(listed(&scene).len(), 3);
    // when a pool is cleaned up, then the other pool is not;
    let cleaned = scene.run(&[], &["gc", "--yes", "--pool", "glm"]);
    assert_eq!(cleaned.code, Some(4), "{}", cleaned.stderr);
    let left = listed(&scene);
    assert!(!left.contains(&glm) && left.contains(&first) && left.contains(&lost));
    // and a pool that is not there is an error.
    for command in ["gc", "release"] {
        let refused = scene.run(&[], &[command, "--yes", "--pool", "kimi"]);
        assert_eq!(refused.code, Some(2), "{}", refused.stderr);
        let says = "the pools are: minimax, glm";
        assert!(refused.stderr.contains(says), "{}", refused.stderr);
    }
    // Without a name all is released.
    assert_eq!(scene.run(&[], &["release", "--yes"]).code, Some(0));
    assert_eq!(listed(&scene), []);
}
