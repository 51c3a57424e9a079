//! `pocpit check`: a clean result is exit code 0, and nothing else is.

use serde_json::Value;

use super::{Home, Ran, ran};
use crate::common::Sim;
use crate::proxy::Proxy;

/// Runs `check` on a served world, with these variables in its environment.
fn check(environment: &[(&str, &str)]) -> (Ran, Vec<Value>) {
    let home = Home::new();
    let sim = Sim::start(home.command(&["sim"]).args(["--speed", "50"]));
    let _proxy = Proxy::serving(&home, &sim);
    let run = |last: &[&str]| {
        let first = ["--config", sim.config.as_str(), "check"];
        let arguments = [&first, last].concat();
        ran(home.command(&arguments).envs(environment.iter().copied()))
    };
    let json = run(&["--json"]);
    let probes = serde_json::from_str(&json.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}{}", json.stdout, json.stderr));
    let words = run(&[]);
    assert_eq!(words.code, json.code, "{}", words.stdout);
    (words, probes)
}

fn verdict<'a>(probes: &'a [Value], what: &str) -> Vec<&'a Value> {
    let all = probes.iter().filter(|probe| probe["what"] == what);
    all.map(|probe| &probe["verdict"]).collect()
}

#[test]
fn a_check_of_a_world_that_is_well_is_clean() {
    let (words, probes) = check(&[]);
    assert_eq!(words.code, Some(0), "{}{}", words.stdout, words.stderr);
    assert!(
        probes.iter().all(|probe| probe["verdict"] == "met"),
        "{probes:?}"
    );
    for what in [
        "Vast key",
        "account",
        "credit",
        "SSH",
        "journal",
        "clock",
        "admin API",
        "model",
        "participant",
        "callback",
        "address",
        "offers",
        "proxy",
        "upstream keys",
        "proxy runs",
        "serve",
    ] {
        assert_eq!(verdict(&probes, what).len(), 1, "{what}: {probes:?}");
    }
    assert_eq!(verdict(&probes, "chain source").len(), 2);
    assert_eq!(verdict(&probes, "tunnel").len(), 2);
    assert!(
        words.stdout.contains("Nothing is in the way of a sprint."),
        "{}",
        words.stdout
    );
}

#[test]
fn whatever_is_wrong_fails_the_check_and_comes_with_its_remedy() {
    let (words, probes) = check(&[
        ("POCPIT_VAST_API_KEY", "not-the-key"),
        ("POCPIT_MLNODE_MODEL", "nobody/approves-this"),
        ("POCPIT_NETWORK_NODE_API_LISTEN", "203.0.113.7:8080"),
        ("POCPIT_VLLM_LISTEN", "203.0.113.7:8000"),
    ]);
    assert_eq!(words.code, Some(1), "{}{}", words.stdout, words.stderr);
    assert_eq!(verdict(&probes, "Vast key"), ["unmet"]);
    assert_eq!(verdict(&probes, "model"), ["unmet"]);
    assert_eq!(verdict(&probes, "tunnel"), ["unmet", "met"]);
    assert_eq!(verdict(&probes, "serve"), ["unmet"]);
    for remedy in [
        "vast.api_key_file",
        "network_node.api_listen",
        "vllm.listen",
    ] {
        assert!(words.stdout.contains(remedy), "{remedy}: {}", words.stdout);
    }
    assert!(!words.stdout.contains("not-the-key"), "{}", words.stdout);
}

#[test]
fn without_a_key_for_ssh_everything_else_is_asked_all_the_same() {
    let (words, probes) = check(&[("POCPIT_SSH_KEY_FILE", "/nonexistent/key")]);
    assert_eq!(words.code, Some(1), "{}{}", words.stdout, words.stderr);
    assert_eq!(verdict(&probes, "SSH"), ["unmet"]);
    for what in ["admin API", "model", "callback", "proxy"] {
        assert_eq!(verdict(&probes, what), ["met"], "{what}: {probes:?}");
    }
}

#[test]
fn what_nobody_could_tell_is_not_fine_either() {
    let (words, probes) = check(&[("POCPIT_CHAIN_RPC", "http://127.0.0.1:9/")]);
    assert_eq!(words.code, Some(4), "{}{}", words.stdout, words.stderr);
    assert_eq!(verdict(&probes, "chain source"), ["met", "unknown"]);
}

#[test]
fn a_key_of_an_upstream_that_nobody_has_is_told_and_one_of_the_proxys_own_is_in_order() {
    let home = Home::new();
    let sim = Sim::start(home.command(&["sim"]).args(["--speed", "50"]));
    let keyless = home.path("keyless.toml");
    let text = std::fs::read_to_string(&sim.config).unwrap();
    let text: Vec<&str> = text
        .lines()
        .filter(|line| !line.starts_with("upstream_key"))
        .collect();
    std::fs::write(&keyless, text.join("\n")).unwrap();
    let of_keys = || {
        let ran = home.run(&["--config", keyless.to_str().unwrap(), "check", "--json"]);
        let probes: Vec<Value> = serde_json::from_str(&ran.stdout).unwrap();
        let mut probes = probes.into_iter();
        probes
            .find(|probe| probe["what"] == "upstream keys")
            .unwrap()
    };
    // Given no proxy that runs, then it says which key is missing.
    let missing = of_keys();
    assert_eq!(missing["verdict"], "unmet");
    let cause = missing["cause"].as_str().unwrap();
    assert!(cause.contains("inference_proxy.upstream_key"), "{cause}");
    // One that runs has it from elsewhere.
    let _proxy = Proxy::serving(&home, &sim);
    assert_eq!(of_keys()["verdict"], "met");
}
