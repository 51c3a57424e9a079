//! `pocpit offers` ranks and explains; `pocpit avoided` lists machines that are left out.

use std::path::Path;

use pocpit::config::Config;
use pocpit::domain::{BootEnd, Duration, InstanceId, MachineId, PastBoot};
use pocpit::journal::{Journal, Record};
use serde_json::Value;

use super::{Home, Ran, ran};
use crate::sim::Sim;

struct Scene {
    home: Home,
    sim: Sim,
}

impl Scene {
    fn new() -> Scene {
        let home = Home::new();
        let sim = Sim::start(&mut home.command(&["sim", "--speed", "10"]));
        Scene { home, sim }
    }

    fn config(&self) -> Config {
        let file = Path::new(&self.sim.config);
        pocpit::config::load(Some(file), &[]).unwrap().config
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        self.run_with(&[], arguments)
    }

    fn run_with(&self, environment: &[(&str, &str)], arguments: &[&str]) -> Ran {
        let config = ["--config", self.sim.config.as_str()];
        let arguments: Vec<&str> = config
            .into_iter()
            .chain(arguments.iter().copied())
            .collect();
        // The market allows a search every six of its seconds.
        for _ in 0..100 {
            let mut command = self.home.command(&arguments);
            let ran = ran(command.envs(environment.iter().copied()));
            if !ran.stderr.contains("slow down") {
                return ran;
            }
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        panic!("the market never had time");
    }

    fn json(&self, arguments: &[&str]) -> Value {
        self.json_with(&[], arguments)
    }

    fn json_with(&self, environment: &[(&str, &str)], arguments: &[&str]) -> Value {
        let ran = self.run_with(environment, arguments);
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        serde_json::from_str(&ran.stdout).unwrap()
    }

    fn remember(&self, records: &[Record]) {
        let (mut journal, _) = Journal::open(&self.config().paths.state_dir).unwrap();
        for record in records {
            let _ = journal.append(chrono::Utc::now(), record).unwrap();
        }
    }
}

fn ranks(listed: &Value) -> Vec<f64> {
    let offers = listed["offers"].as_array().unwrap().iter();
    offers
        .map(|offer| offer["cost_of_success_usd"].as_f64().unwrap())
        .collect()
}

#[test]
fn offers_rank_by_cost_of_success() {
    let scene = Scene::new();
    let listed = scene.json(&["offers", "--json"]);
    let ranks = ranks(&listed);
    assert!(ranks.len() > 1 && ranks.is_sorted(), "{ranks:?}");
    let best = &listed["offers"][0];
    let boot = &best["boot_seconds"];
    assert!(
        boot["p10"].as_i64() < boot["p50"].as_i64() && boot["p50"].as_i64() < boot["p90"].as_i64()
    );
    for reason in [
        "GPUs",
        "disk",
        "traffic",
        "boot",
        "known by",
        "in time",
        "works",
        "ranked by",
    ] {
        assert!(best["reasons"][reason].is_string(), "{reason} of {best}");
    }
    let table = scene.run(&["offers"]).stdout;
    assert!(
        table.contains("$/success") && table.contains(" a success"),
        "{table}"
    );
}

#[test]
fn failed_machine_is_avoided_until_removed() {
    let scene = Scene::new();
    let machine = scene.json(&["offers", "--json"])["offers"][0]["offer"]["machine"]
        .as_u64()
        .unwrap();
    // Given a machine that failed,
    let boot = PastBoot {
        instance: InstanceId(1),
        machine: MachineId(machine),
        gpu_name: "H100 SXM".into(),
        download_mbps: 2_000.0,
        disk_mb_per_s: None,
        image_gb: 15.0,
        model_gb: 60.0,
        took_seconds: 600,
        end: BootEnd::Failed,
        model: None,
        times: None,
    };
    scene.remember(&[
        Record::MachineAvoided {
            machine: MachineId(machine),
            until: chrono::Utc::now() + Duration::days(3_000),
            reason: "boot_failed: OCI runtime create failed".into(),
            host: None,
            address: None,
        },
        Record::BootEnded { boot },
    ]);
    // then it is left out, and both commands say why.
    let is_out = || {
        let listed = scene.json(&["offers", "--json"]);
        let out = listed["out"].as_array().unwrap();
        out.iter()
            .filter_map(|out| out["reason"].as_str())
            .any(|why| why.starts_with(&format!("machine {machine} is avoided until")))
    };
    assert!(is_out());
    let avoided = scene.json(&["avoided", "--json"]);
    assert_eq!(avoided[0]["machine"].as_u64(), Some(machine));
    assert_eq!(avoided[0]["failed_boots"].as_u64(), Some(1));
    assert!(
        scene
            .run(&["avoided", "--wide"])
            .stdout
            .contains("OCI runtime create failed")
    );
    // When another pocpit holds the journal, then only that one may allow it again;
    let number = machine.to_string();
    let remove = ["avoided", "--remove", number.as_str()];
    let (held, _) = Journal::open(&scene.config().paths.state_dir).unwrap();
    assert_eq!(scene.run(&remove).code, Some(3));
    drop(held);
    // when none does, then it is usable again, and its history is still known.
    assert_eq!(scene.run(&remove).code, Some(0));
    assert!(!is_out());
    assert_eq!(scene.run(&remove).code, Some(1));
    let listed = scene.json(&["offers", "--json"]);
    let offers = listed["offers"].as_array().unwrap();
    let again = offers
        .iter()
        .find(|offer| offer["offer"]["machine"].as_u64() == Some(machine))
        .expect("the machine's offer");
    assert_eq!(again["own_boots"]["machine_failed"].as_u64(), Some(1));
}

fn time(value: &Value) -> chrono::DateTime<chrono::Utc> {
    value.as_str().unwrap().parse().unwrap()
}

#[test]
fn offers_are_judged_by_next_deadline() {
    let scene = Scene::new();
    // Given a PoC that is far away, then a boot has the time between planned start and deadline:
    // lead and margin of 50 min, less the 4 min before the PoC and a block at most.
    let listed = scene.json(&["offers", "--json"]);
    let by = &listed["judged_by"];
    assert_eq!(by["kind"], "next_poc");
    assert_eq!(by["epoch"], 359);
    let within = by["boot_within_seconds"].as_i64().unwrap();
    assert!((2_750..=2_760).contains(&within), "{within}");
    let left = time(&by["register_by"]) - time(&by["start"]);
    assert_eq!(left.num_seconds(), within);
    // and the text says so.
    let words = scene.run(&["offers"]).stdout;
    for said in [
        "PoC 359: rent at ",
        "register by ",
        &format!("{}m to boot", within / 60),
    ] {
        assert!(words.contains(said), "{said}: {words}");
    }
    // When the plan leaves no time for a boot, then no offer is good enough, whatever
    // mlnode.startup_timeout says.
    let hurried = [
        ("POCPIT_POC_LEAD", "5m"),
        ("POCPIT_MLNODE_STARTUP_TIMEOUT", "12h"),
    ];
    let listed = scene.json_with(&hurried, &["offers", "--json"]);
    assert_eq!(listed["offers"], serde_json::json!([]));
    let out = listed["out"].as_array().unwrap().iter();
    let slow = out.filter(|out| {
        out["reason"]
            .as_str()
            .unwrap()
            .contains("min to boot, 5 min left: the model's 230 GB alone take about ")
    });
    assert!(slow.count() > 1, "{listed}");
}

#[test]
fn offers_without_chain_use_startup_timeout() {
    let scene = Scene::new();
    let nowhere = [
        ("POCPIT_CHAIN_PUBLIC_API", "http://127.0.0.1:9/"),
        ("POCPIT_CHAIN_RPC", "http://127.0.0.1:9/"),
        ("POCPIT_MLNODE_STARTUP_TIMEOUT", "31m"),
    ];
    let listed = scene.json_with(&nowhere, &["offers", "--json"]);
    let by = &listed["judged_by"];
    assert_eq!(by["kind"], "startup_timeout");
    assert_eq!(by["boot_within_seconds"], 31 * 60);
    assert!(
        by["why"].as_str().unwrap().contains("could not be reached"),
        "{by}"
    );
    let words = scene.run_with(&nowhere, &["offers"]).stdout;
    assert!(
        words.contains("judged by mlnode.startup_timeout, 31m"),
        "{words}"
    );
}
