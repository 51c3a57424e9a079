//! `pocpit plan`: its JSON and its text.

use std::path::Path;

use pocpit::config::Config;
use pocpit::domain::{BootEnd, InstanceId, MachineId, NetworkNodeName, NodeId, PastBoot, Time};
use pocpit::journal::{Journal, Record};
use serde_json::Value;

use super::{Home, Ran, config_of, ran};
use crate::command_line::proxy::Proxy;
use crate::sim::Sim;

/// Runs `plan` on a served world, with these variables in its environment.
fn plan(environment: &[(&str, &str)]) -> (Ran, Ran) {
    let home = Home::new();
    let sim = Sim::start(home.command(&["sim"]).args(["--speed", "50"]));
    let run = |last: &[&str]| {
        let first = ["--config", sim.config.as_str(), "plan"];
        let arguments = [&first, last].concat();
        ran(home.command(&arguments).envs(environment.iter().copied()))
    };
    (run(&["--wide"]), run(&["--json"]))
}

fn policy<'a>(plan: &'a Value, name: &str) -> &'a Value {
    let all = plan["policies"].as_array().unwrap();
    all.iter().find(|policy| policy["policy"] == name).unwrap()
}

#[test]
fn plan_shows_times_costs_and_risk() {
    let (words, json) = plan(&[]);
    assert_eq!(
        (words.code, json.code),
        (Some(0), Some(0)),
        "{}{}",
        words.stderr,
        json.stderr
    );
    for said in [
        "PoC 359, times in UTC",
        "rent  ",
        " worst: ",
        "No blockers found.",
        "Governance overrides --reasoning-parser minimax_m2_append_think (mlnode.args: minimax_m2).",
        "63%: a confirmation PoC after release",
        "after_confirmation",
    ] {
        assert!(words.stdout.contains(said), "{said}: {}", words.stdout);
    }
    let plan: Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(plan["epoch"], 359);
    assert_eq!(plan["arguments"]["overridden"][0]["local"], "minimax_m2");
    assert_eq!(plan["could_stop"], serde_json::json!([]));
    assert_eq!(plan["confirmation"]["known_by"], "chain");
    let time = |value: &Value| {
        value
            .as_str()
            .unwrap()
            .parse::<chrono::DateTime<chrono::Utc>>()
            .unwrap()
    };
    let (start, rent) = (time(&plan["poc_start"]["p50"]), time(&plan["rent_at"]));
    // Lead and margin, exact to the rounding of the mean block time.
    let lead = (start - rent).num_seconds();
    assert!((2_990..=3_010).contains(&lead), "{lead}");
    assert!(time(&plan["poc_start"]["p10"]) < start && start < time(&plan["poc_start"]["p90"]));
    let cost = &plan["cost"];
    assert!(cost["expected_usd"].as_f64() <= cost["worst_usd"].as_f64());
    let sources = plan["chain"]["sources"].as_array().unwrap();
    assert_eq!(sources.len(), 2);
    assert!(sources.iter().all(|source| source["health"] == "good"));
    let (short, whole) = (
        policy(&plan, "after_validation"),
        policy(&plan, "whole_epoch"),
    );
    assert_eq!(
        (&short["in_force"], &whole["in_force"]),
        (&Value::Bool(true), &Value::Bool(false))
    );
    let chance = |policy: &Value| policy["chance_of_losing_reward"].as_f64().unwrap();
    assert!((chance(short) - 0.632).abs() < 0.01 && chance(whole) < 0.01);
    assert!(whole["expected_cost_usd"].as_f64() > short["expected_cost_usd"].as_f64());
    assert!(whole["pays_from_reward_usd"].as_f64().unwrap() > 100.0);
    assert!(whole["needs_execution_timeout_hours"].as_f64().unwrap() >= 24.0);
}

#[test]
fn plan_names_blockers() {
    let (words, json) = plan(&[
        ("POCPIT_BUDGET_PER_SPRINT", "0.5"),
        ("POCPIT_CHAIN_RPC", "http://127.0.0.1:9/"),
        ("POCPIT_MLNODE_MODEL", "nobody/approves-this"),
        ("POCPIT_NETWORK_NODE_ADMIN_API", "http://127.0.0.1:9/"),
    ]);
    assert_eq!(
        (words.code, json.code),
        (Some(0), Some(0)),
        "{}{}",
        words.stderr,
        json.stderr
    );
    let plan: Value = serde_json::from_str(&json.stdout).unwrap();
    let obstacles = plan["could_stop"].as_array().unwrap();
    let says = |certainty: &str, what: &str| {
        let found = obstacles.iter().any(|obstacle| {
            obstacle["certainty"] == certainty && obstacle["what"].as_str().unwrap().contains(what)
        });
        assert!(found, "{what}: {obstacles:?}");
    };
    says("stops", "budget.per_sprint");
    says("stops", "nobody/approves-this");
    says("stops", "admin API does not answer");
    says("stops", "unknown whether the chain node is in sync");
    for remedy in ["set mlnode.model to an approved model", "chain.rpc"] {
        assert!(words.stdout.contains(remedy), "{remedy}: {}", words.stdout);
    }
    says("may", "RPC 127.0.0.1:9 cannot be relied on");
    assert_eq!(plan["chain"]["block_seconds"], Value::Null);
    assert!(
        words.stdout.contains("Block time is not measured"),
        "{}",
        words.stdout
    );
}

#[test]
fn occupied_address_blocks_plan_and_check() {
    let home = Home::new();
    let sim = Sim::start(home.command(&["sim"]).args(["--speed", "50"]));
    // Given a colleague's node whose inference is at 10.0.0.9:5050, where our API would be,
    let run = |command: &[&str]| {
        let arguments = [&["--config", sim.config.as_str()], command].concat();
        let mut command = home.command(&arguments);
        command
            .env("POCPIT_NETWORK_NODE_HOST", "10.0.0.9")
            .env("POCPIT_NETWORK_NODE_API_LISTEN", "127.0.0.1:5050");
        ran(&mut command)
    };
    // when `plan` and `check` run, then both name the node, its address and the setting.
    let said = [
        "colleague-1 is already registered at 10.0.0.9:5050, needed for the API of our node",
        "network_node.api_listen",
        "remove colleague-1",
    ];
    let (plan, check) = (run(&["plan", "--wide"]), run(&["check", "--wide"]));
    for said in said {
        assert!(plan.stdout.contains(said), "{said}: {}", plan.stdout);
        assert!(check.stdout.contains(said), "{said}: {}", check.stdout);
    }
    assert!(
        plan.stdout.contains("STOPS  colleague-1"),
        "{}",
        plan.stdout
    );
    assert_eq!((plan.code, check.code), (Some(0), Some(1)));
    // When the journal has it as ours, then it is no obstacle: it goes before the next rental.
    let config = pocpit::config::load(Some(Path::new(&sim.config)), &[]).unwrap();
    let (mut journal, _) = Journal::open(&config.config.paths.state_dir).unwrap();
    let ours = Record::RegisterIntended {
        node: NodeId("colleague-1".into()),
        instance: InstanceId(1),
        network_node: NetworkNodeName::default(),
    };
    let _ = journal.append(chrono::Utc::now(), &ours).unwrap();
    drop(journal);
    let _proxy = Proxy::serving(&home, &sim);
    for command in [&["plan"], &["check"]] {
        let ran = run(command);
        assert_eq!(ran.code, Some(0), "{}{}", ran.stdout, ran.stderr);
        assert!(!ran.stdout.contains("colleague-1"), "{}", ran.stdout);
    }
}

#[test]
fn truncated_policy_is_warned_of() {
    let home = Home::new();
    let sim = Sim::start(home.command(&["sim"]).args(["--speed", "50"]));
    let _proxy = Proxy::serving(&home, &sim);
    for command in [&["config", "check"][..], &["check"], &["plan"]] {
        let arguments = [&["--config", sim.config.as_str()], command].concat();
        let mut command = home.command(&arguments);
        // The worst case of a longer rental exceeds the cap of a sprint.
        let command = command.env("POCPIT_BUDGET_PER_SPRINT", "60");
        let ran = ran(command.env("POCPIT_POC_RELEASE", "time:6h"));
        assert_eq!(ran.code, Some(0), "{}{}", ran.stdout, ran.stderr);
        for said in [
            "warning: poc.execution_timeout = \"3h\"",
            "poc.release = \"time:6h\"",
            "set poc.execution_timeout = \"7h\"",
        ] {
            assert!(ran.stderr.contains(said), "{said}: {}", ran.stderr);
        }
    }
}

/// A past boot of the configured model that took this many minutes.
fn measured(config: &Config, contract: u64, minutes: u32) -> Record {
    Record::BootEnded {
        boot: PastBoot {
            instance: InstanceId(contract),
            machine: MachineId(contract),
            gpu_name: "H100 SXM".into(),
            download_mbps: 2_000.0,
            disk_mb_per_s: None,
            image_gb: config.vast.image_gb,
            model_gb: config.vast.model_gb,
            took_seconds: minutes * 60,
            end: BootEnd::Ready,
            model: None,
            times: None,
        },
    }
}

#[test]
fn plan_lead_follows_measured_boots() {
    let home = Home::new();
    let sim = Sim::start(home.command(&["sim"]).args(["--speed", "50"]));
    let config = config_of(&sim);
    let plan = |last: &[&str]| {
        let arguments = [&["--config", sim.config.as_str(), "plan"], last].concat();
        ran(&mut home.command(&arguments)).stdout
    };
    assert!(plan(&["--wide"]).contains("45 min by poc.lead: no boot has been measured yet"));

    // Given six boots that took 51 to 56 minutes,
    let (mut journal, _) = Journal::open(&config.paths.state_dir).unwrap();
    for contract in 1..=6 {
        let boot = measured(&config, contract, 50 + u32::try_from(contract).unwrap());
        let _kept = journal.append(chrono::Utc::now(), &boot).unwrap();
    }
    drop(journal);
    // then the lead is the slowest of them plus the registration margin.
    let lead = chrono::Duration::minutes(56) + config.poc.registration_margin;
    let words = plan(&["--wide"]);
    let because = format!(
        "{} min with the time to register: 95 % of 6 own boots took at most 56 min",
        lead.num_minutes()
    );
    assert!(words.contains(&because), "{because}: {words}");
    let json: Value = serde_json::from_str(&plan(&["--json"])).unwrap();
    assert_eq!(json["lead"]["lead_seconds"], lead.num_seconds());
    let time = |value: &Value| value.as_str().unwrap().parse::<Time>().unwrap();
    let before = time(&json["poc_start"]["p50"]) - time(&json["rent_at"]);
    let wanted = lead + config.poc.margin;
    assert!(
        (before - wanted).num_seconds().abs() < 10,
        "{before} {wanted}"
    );
}

#[test]
fn plan_shows_cost_of_hedge() {
    let roomy = [
        ("POCPIT_POC_HEDGE", "on"),
        ("POCPIT_BUDGET_PER_HOUR", "40"),
        ("POCPIT_BUDGET_PER_SPRINT", "100"),
        ("POCPIT_BUDGET_PER_DAY", "100"),
        ("POCPIT_BUDGET_PER_MONTH", "1000"),
    ];
    let (words, json) = plan(&roomy);
    assert!(
        words.stdout.contains("lets a second machine race it"),
        "{}{}",
        words.stdout,
        words.stderr
    );
    let affordable: Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(affordable["hedge"]["outlook"], "affordable");
    assert!(affordable["hedge"]["worst_usd"].as_f64().unwrap() > 1.0);
    assert_ne!(affordable["hedge"]["offer"], affordable["cost"]["offer"]);

    let mut tight = roomy;
    tight[1].1 = "12";
    let (words, json) = plan(&tight);
    assert!(
        words.stdout.contains("cannot rent a second machine")
            && words.stdout.contains("budget.per_hour"),
        "{}",
        words.stdout
    );
    let too_dear: Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(too_dear["hedge"]["outlook"], "too_dear");

    let (words, json) = plan(&[]);
    assert!(!words.stdout.contains("second machine"), "{}", words.stdout);
    let off: Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(off["hedge"], Value::Null);
}
