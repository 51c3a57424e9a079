//! `pocpit plan`: what it promises to scripts and says to people.

use serde_json::Value;

use super::{Home, Ran, ran};
use crate::common::Sim;

/// Runs `plan` on a served world, with these variables in its environment.
fn plan(environment: &[(&str, &str)]) -> (Ran, Ran) {
    let home = Home::new();
    let sim = Sim::start(home.command(&["sim"]).args(["--speed", "50"]));
    let run = |last: &[&str]| {
        let first = ["--config", sim.config.as_str(), "plan"];
        let arguments = [&first, last].concat();
        ran(home.command(&arguments).envs(environment.iter().copied()))
    };
    (run(&[]), run(&["--json"]))
}

fn policy<'a>(plan: &'a Value, name: &str) -> &'a Value {
    let all = plan["policies"].as_array().unwrap();
    all.iter().find(|policy| policy["policy"] == name).unwrap()
}

#[test]
fn the_plan_says_when_it_rents_what_it_costs_and_what_a_confirmation_would_cost() {
    let (words, json) = plan(&[]);
    assert_eq!(
        (words.code, json.code),
        (Some(0), Some(0)),
        "{}{}",
        words.stderr,
        json.stderr
    );
    for said in [
        "PoC of epoch 359",
        "rents",
        "at worst $",
        "Nothing is known that could stop it.",
        "chance of 63 %: the epoch's reward is lost",
        "after_confirmation",
    ] {
        assert!(words.stdout.contains(said), "{said}: {}", words.stdout);
    }
    let plan: Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(plan["epoch"], 359);
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
    // Lead and margin, to the millisecond of a block's mean.
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
fn the_plan_names_what_stops_it() {
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
    says(
        "stops",
        "does not list its nodes, so none can be registered",
    );
    says("stops", "whether the chain node is in step is not known");
    for remedy in ["set mlnode.model to an approved one", "chain.rpc"] {
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
