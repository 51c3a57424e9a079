//! `pocpit offers` and `pocpit avoided`: what is the best and why, and which machines are left out.

use std::path::Path;

use pocpit::config::Config;
use pocpit::domain::{BootEnd, Duration, InstanceId, MachineId, PastBoot};
use pocpit::journal::{Journal, Record};
use serde_json::Value;

use super::common::Sim;
use super::{Home, Ran};

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
        let config = ["--config", self.sim.config.as_str()];
        let arguments: Vec<&str> = config
            .into_iter()
            .chain(arguments.iter().copied())
            .collect();
        // The market wants six of its seconds between two searches.
        for _ in 0..100 {
            let ran = self.home.run(&arguments);
            if !ran.stderr.contains("slow down") {
                return ran;
            }
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        panic!("the market never had time");
    }

    fn json(&self, arguments: &[&str]) -> Value {
        let ran = self.run(arguments);
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
fn offers_are_listed_by_the_cost_of_a_success_with_every_reason() {
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
        table.contains("RANKED BY") && table.contains("a success"),
        "{table}"
    );
}

#[test]
fn a_machine_that_failed_is_out_with_the_evidence_until_it_is_taken_off_the_list() {
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
    };
    scene.remember(&[
        Record::MachineAvoided {
            machine: MachineId(machine),
            until: chrono::Utc::now() + Duration::days(3_000),
            reason: "boot_failed: OCI runtime create failed".into(),
        },
        Record::BootEnded { boot },
    ]);
    // then it is out, and both commands say why.
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
            .run(&["avoided"])
            .stdout
            .contains("OCI runtime create failed")
    );
    // When another pocpit holds the journal, then only that one may take it off;
    let number = machine.to_string();
    let remove = ["avoided", "--remove", number.as_str()];
    let (held, _) = Journal::open(&scene.config().paths.state_dir).unwrap();
    assert_eq!(scene.run(&remove).code, Some(3));
    drop(held);
    // when nobody does, then it is usable again, and what it did is still known.
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
