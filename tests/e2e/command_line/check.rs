//! `pocpit check` exits 0 only if every check passes.

use std::net::TcpListener;

use pocpit::cli;
use pocpit::http::HttpClient;
use pocpit::network_node::NetworkNodeClient;
use pocpit::ports::NetworkNode as _;
use pocpit::world::{HostDefect, NetworkRelease, Scenario, WorldOptions, serve};
use serde_json::Value;

use super::{Home, Ran, config_of, ran};
use crate::command_line::proxy::Proxy;
use crate::command_line::relay::{Mood, Relay};
use crate::sim::Sim;

/// A served world and a home directory.
struct Scene {
    home: Home,
    sim: Sim,
    _proxy: Option<Proxy>,
}

impl Scene {
    /// Without the inference proxy.
    fn bare() -> Scene {
        let home = Home::new();
        let sim = Sim::start(home.command(&["sim"]).args(["--speed", "50"]));
        Scene {
            home,
            sim,
            _proxy: None,
        }
    }

    fn new() -> Scene {
        let bare = Scene::bare();
        let proxy = Proxy::serving(&bare.home, &bare.sim);
        Scene {
            _proxy: Some(proxy),
            ..bare
        }
    }

    fn check(&self, environment: &[(&str, &str)]) -> (Ran, Vec<Value>) {
        check_with(&self.home, &self.sim.config, environment)
    }
}

/// Runs `check` with these variables in its environment, twice: with `--json` and without.
fn check_with(home: &Home, config: &str, environment: &[(&str, &str)]) -> (Ran, Vec<Value>) {
    let run = |last: &[&str]| {
        let arguments = [&["--config", config, "check"], last].concat();
        ran(home.command(&arguments).envs(environment.iter().copied()))
    };
    let json = run(&["--json"]);
    let probes = serde_json::from_str(&json.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}{}", json.stdout, json.stderr));
    let words = run(&["--wide"]);
    assert_eq!(words.code, json.code, "{}", words.stdout);
    (words, probes)
}

/// Runs `check` on a served world, with these variables in its environment.
fn check(environment: &[(&str, &str)]) -> (Ran, Vec<Value>) {
    Scene::new().check(environment)
}

/// The checks that failed: name, verdict, cause, remedy.
fn troubles(probes: &[Value]) -> Vec<[&str; 4]> {
    with_verdict(probes, |verdict| !matches!(verdict, "met" | "warning"))
}

/// Those that warn.
fn warnings(probes: &[Value]) -> Vec<[&str; 4]> {
    with_verdict(probes, |verdict| verdict == "warning")
}

fn with_verdict(probes: &[Value], wanted: impl Fn(&str) -> bool) -> Vec<[&str; 4]> {
    let chosen = probes
        .iter()
        .filter(|probe| wanted(probe["verdict"].as_str().unwrap()));
    chosen
        .map(|probe| {
            ["what", "verdict", "cause", "remedy"].map(|name| probe[name].as_str().unwrap())
        })
        .collect()
}

fn verdict<'a>(probes: &'a [Value], what: &str) -> Vec<&'a Value> {
    let all = probes.iter().filter(|probe| probe["what"] == what);
    all.map(|probe| &probe["verdict"]).collect()
}

#[test]
fn check_of_healthy_world_passes() {
    let (words, probes) = check(&[]);
    assert_eq!(words.code, Some(0), "{}{}", words.stdout, words.stderr);
    // The default policy releases the rental before a confirmation PoC can come.
    assert_eq!(troubles(&probes), [[""; 4]; 0]);
    let [[what, _, cause, _]] = warnings(&probes)[..] else {
        panic!("{probes:?}");
    };
    assert_eq!(what, "confirmation PoC");
    assert!(cause.contains("after_validation"), "{cause}");
    for what in [
        "Vast key",
        "account",
        "credit",
        "budget",
        "SSH",
        "journal",
        "clock",
        "admin API",
        "API release",
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
    assert!(words.stdout.contains(" checks passed."), "{}", words.stdout);
}

#[tokio::test(flavor = "multi_thread")]
async fn check_reports_each_defect_with_its_level() {
    // Given a host whose model is outside PoC, without a payer of its fees, and without collateral,
    let scenario = Scenario {
        network_release: NetworkRelease::V0_2_16,
        defects: vec![
            HostDefect::ModelOutsidePoc,
            HostDefect::FeegrantMissing,
            HostDefect::CollateralMissing,
        ],
        ..Scenario::default()
    };
    let options = WorldOptions {
        seed: 1,
        scenario,
        speed: 50.0,
        ports: None,
    };
    let world = serve(options).await.unwrap();
    let home = Home::new();
    let file = home.path("config.toml");
    let text = cli::configuration(&world, home.0.path()).await;
    std::fs::write(&file, text.unwrap()).unwrap();
    // when it is checked, then each is reported with its level.
    let (words, probes) =
        tokio::task::block_in_place(|| check_with(&home, file.to_str().unwrap(), &[]));
    assert_eq!(words.code, Some(1), "{}", words.stdout);
    for (what, expected) in [
        ("PoC model", "unmet"),
        ("fees", "unmet"),
        ("collateral", "warning"),
        ("participant", "met"),
    ] {
        assert_eq!(verdict(&probes, what), [expected], "{what}");
    }
    for text in [
        "WARNING collateral",
        "FAILED  PoC model",
        "each 1000 of weight need",
    ] {
        assert!(words.stdout.contains(text), "{text}: {}", words.stdout);
    }
}

#[test]
fn failed_checks_have_remedies() {
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
fn missing_ssh_key_does_not_stop_checks() {
    let (words, probes) = check(&[("POCPIT_SSH_KEY_FILE", "/nonexistent/key")]);
    assert_eq!(words.code, Some(1), "{}{}", words.stdout, words.stderr);
    assert_eq!(verdict(&probes, "SSH"), ["unmet"]);
    for what in ["admin API", "model", "callback", "proxy"] {
        assert_eq!(verdict(&probes, what), ["met"], "{what}: {probes:?}");
    }
}

#[test]
fn unknown_check_exits_with_4() {
    let (words, probes) = check(&[("POCPIT_CHAIN_RPC", "http://127.0.0.1:9/")]);
    assert_eq!(words.code, Some(4), "{}{}", words.stdout, words.stderr);
    assert_eq!(verdict(&probes, "chain source"), ["met", "unknown"]);
}

#[test]
fn single_fault_fails_one_check() {
    let scene = Scene::new();
    let held = TcpListener::bind("127.0.0.1:0").unwrap();
    let held = held.local_addr().unwrap().to_string();
    let world = config_of(&scene.sim).simulation.unwrap();
    let of_world = |minutes| {
        let start = world.world_start + pocpit::domain::Duration::minutes(minutes);
        start.to_rfc3339()
    };
    let (behind, ahead) = (of_world(-30), of_world(30));
    for (name, value, what, cause, remedy) in [
        (
            "POCPIT_NETWORK_NODE_API_LISTEN",
            held.as_str(),
            "tunnel",
            "cannot listen on",
            "set network_node.api_listen",
        ),
        (
            "POCPIT_NOTIFY_METRICS_LISTEN",
            &held,
            "metrics",
            "cannot listen on",
            "set notify.metrics_listen",
        ),
        (
            // The account has $250.
            "POCPIT_BUDGET_CREDIT_FLOOR",
            "249.00",
            "credit",
            "$249.00 must be left",
            "add credit",
        ),
        (
            "POCPIT_BUDGET_PER_SPRINT",
            "0.50",
            "budget",
            "budget.per_sprint",
            "raise that cap",
        ),
        (
            "POCPIT_SIMULATION_WORLD_START",
            &behind,
            "clock",
            "s behind the chain",
            "timedatectl",
        ),
        (
            "POCPIT_SIMULATION_WORLD_START",
            &ahead,
            "clock",
            "clock is ahead",
            "timedatectl",
        ),
        (
            "POCPIT_NETWORK_NODE_CALLBACK_TARGET",
            "127.0.0.1:9",
            "callback",
            "127.0.0.1:9",
            "correct network_node.callback_target",
        ),
        (
            "POCPIT_CHAIN_RPC",
            "",
            "clock",
            "no source tells",
            "name an RPC",
        ),
    ] {
        let (words, probes) = scene.check(&[(name, value)]);
        let [[told, _, why, deed]] = troubles(&probes)[..] else {
            panic!("{name}={value}: {}{}", words.stdout, words.stderr);
        };
        assert_eq!(told, what, "{name}={value}: {why}");
        assert!(why.contains(cause), "{why}");
        assert!(deed.contains(remedy), "{deed}");
        assert!(words.stdout.contains(deed), "{}", words.stdout);
        assert_ne!(words.code, Some(0));
    }
}

#[test]
fn catching_up_source_fails_check() {
    let scene = Scene::new();
    let relay = Relay::to("127.0.0.1:9".parse().unwrap());
    relay.turn(Mood::CatchingUp);
    let (words, probes) = scene.check(&[("POCPIT_CHAIN_RPC", &relay.url())]);
    assert_eq!(words.code, Some(1), "{}", words.stdout);
    assert_eq!(verdict(&probes, "chain source"), ["met", "unmet"]);
    assert!(
        words.stdout.contains("is catching up, at height 5000000")
            && words.stdout.contains("wait until it has caught up"),
        "{}",
        words.stdout
    );
}

#[test]
fn stopped_or_disabled_proxy_fails_check() {
    let scene = Scene::bare();
    let (words, probes) = scene.check(&[]);
    assert_eq!(words.code, Some(1), "{}", words.stdout);
    // It is registered at an address where it would not listen.
    for what in ["proxy", "proxy runs"] {
        assert_eq!(verdict(&probes, what), ["unmet"], "{probes:?}");
    }
    assert!(
        words.stdout.contains("start `pocpit proxy`"),
        "{}",
        words.stdout
    );
    let scene = Scene::new();
    let config = config_of(&scene.sim);
    let network_node = NetworkNodeClient::new(HttpClient::new(), &config.network_node);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let id = config.inference_proxy.unwrap().node_id;
    runtime.block_on(network_node.disable(&id)).unwrap();
    let (words, probes) = scene.check(&[]);
    let [["proxy", "unmet", cause, _]] = troubles(&probes)[..] else {
        panic!("{}", words.stdout);
    };
    assert!(cause.contains("disabled"), "{cause}");
}

#[test]
fn upstream_key_check_accepts_running_proxy() {
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
    // Without a running proxy, the missing key is named.
    let missing = of_keys();
    assert_eq!(missing["verdict"], "unmet");
    let cause = missing["cause"].as_str().unwrap();
    assert!(cause.contains("inference_proxy.upstream_key"), "{cause}");
    // A running proxy has it from elsewhere.
    let _proxy = Proxy::serving(&home, &sim);
    assert_eq!(of_keys()["verdict"], "met");
}
