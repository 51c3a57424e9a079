//! The command line as scripts use it: exit codes, streams, files.

mod check;
mod inference;
mod journal;
mod json;
mod metrics;
mod notify;
mod offers;
mod places;
mod plan;
mod pools;
mod proxy;
mod rehearse;
mod relay;
mod serve;
mod shell;
mod ssh;
mod streams;
mod takedown;
mod upgrade;

use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use pocpit::config::Config;
use pocpit::domain::{InstanceId, NodeConfig, NodeId};
use pocpit::http::HttpClient;
use pocpit::network_node::NetworkNodeClient;
use pocpit::ports::{Market as _, NetworkNode as _};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::sim::Sim;

struct Ran {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

/// An operator's machine: a home directory and nothing else.
struct Home(tempfile::TempDir);

impl Home {
    fn new() -> Home {
        Home(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pocpit"));
        command
            .args(arguments)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap())
            .env("HOME", self.0.path())
            .env("TERM", "xterm-256color")
            .stdin(Stdio::null());
        command
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        ran(&mut self.command(arguments))
    }
}

fn ran(command: &mut Command) -> Ran {
    let output = command.output().unwrap();
    let ran = Ran {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    };
    json::judge(command, &ran.stdout);
    // A file or a journal is no terminal, so it gets no colours.
    let escapes = [&ran.stdout, &ran.stderr].map(|text| text.contains('\x1b'));
    assert_eq!(escapes, [false; 2], "{command:?}: {:?}", ran.stderr);
    ran
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn missing_config_names_config_init() {
    let home = Home::new();
    for command in [
        "auto",
        "check",
        "plan",
        "offers",
        "avoided",
        "accept-journal",
        "epoch",
        "nodes",
        "history",
        "ssh",
        "proxy",
        "rehearse",
        "serve",
        "release",
        "gc",
    ] {
        let ran = home.run(&[command]);
        assert_eq!(ran.code, Some(2), "{command}: {}", ran.stderr);
        assert!(
            ran.stderr.contains("pocpit config init"),
            "{command}: {}",
            ran.stderr
        );
        assert_eq!(ran.stdout, "");
    }
}

/// Everything below a directory that is not a link.
fn below(directory: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(directory).unwrap().flatten();
    let paths = entries.map(|entry| entry.path());
    let files = paths.filter(|path| !path.is_symlink());
    files
        .flat_map(|path| {
            let inner = if path.is_dir() {
                below(&path)
            } else {
                Vec::new()
            };
            std::iter::once(path).chain(inner)
        })
        .collect()
}

#[test]
fn open_umask_writes_private_files() {
    let home = Home::new();
    let sim = Sim::start(home.command(&["sim"]).args(["--speed", "2000"]));
    // Given an operator whose umask lets everybody in,
    let written = home.path("written");
    let script = r#"umask 000; for command in "gc --yes" check; do "$@" $command; done; exit 0"#;
    let command = home.command(&[]);
    let program = command.get_program().to_owned();
    let mut shell = Command::new("sh");
    shell
        .args(["-c", script, "sh"])
        .arg(program)
        .args(["--config", &sim.config])
        .envs(
            command
                .get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        )
        .env("POCPIT_PATHS_STATE_DIR", written.join("state"))
        .env("POCPIT_PATHS_RUNTIME_DIR", written.join("run"))
        .env("POCPIT_SSH_KNOWN_HOSTS_DIR", written.join("hosts"))
        .stdin(Stdio::null());
    let output = shell.output().unwrap();
    assert!(output.status.success());
    // then nobody else can read or change what is written.
    let files = below(&written);
    let has = |name: &str| files.iter().any(|path| path.ends_with(name));
    assert!(has("journal.sqlite") && has("pocpit-sockets"), "{files:?}");
    for file in &files {
        assert_eq!(mode(file) & 0o077, 0, "{}", file.display());
    }
}

#[test]
fn cockpit_without_terminal_suggests_auto() {
    let ran = Home::new().run(&["demo"]);
    assert_eq!(ran.code, Some(2));
    assert!(
        ran.stderr.contains("not a terminal") && ran.stderr.contains("pocpit auto"),
        "{}",
        ran.stderr
    );
}

#[test]
fn config_init_is_private_and_never_overwrites() {
    let home = Home::new();
    let file = home.path(".config/pocpit/config.toml");
    assert_eq!(
        home.run(&["config", "init"]).stdout.trim(),
        file.display().to_string()
    );
    assert_eq!(mode(&file), 0o600);
    std::fs::write(&file, "[cockpit]\nid = \"mine\"\n").unwrap();
    assert_eq!(home.run(&["config", "init"]).code, Some(2));
    assert!(std::fs::read_to_string(&file).unwrap().contains("mine"));
    let check = home.run(&["config", "check"]);
    assert_eq!(check.code, Some(2));
    for key in [
        "chain.public_api",
        "vast.api_key",
        "budget.per_day",
        "network_node.host",
    ] {
        assert!(check.stderr.contains(key), "{key} in {}", check.stderr);
    }
}

#[test]
fn invalid_key_or_colour_is_reported_early() {
    let home = Home::new();
    let sim = Sim::start(&mut home.command(&["sim"]));
    let complete = std::fs::read_to_string(&sim.config).unwrap();
    let look = "[cockpit]\nkeys = { abrt = \"X\" }\ncolors = { good = \"red\" }\n";
    let file = home.path("look.toml");
    std::fs::write(&file, complete.replacen("[cockpit]\n", look, 1)).unwrap();
    let check = home.run(&["--config", file.to_str().unwrap(), "config", "check"]);
    assert_eq!(check.code, Some(2), "{}", check.stderr);
    for part in ["abrt; did you mean abort?", "unknown colour role good"] {
        assert!(check.stderr.contains(part), "{part} in {}", check.stderr);
    }
}

#[test]
fn config_import_converts_env_file() {
    let home = Home::new();
    let env = home.path(".env");
    std::fs::write(&env, "VASTAI_API_KEY=topsecret1\nHYPERBOLIC_API_KEY=topsecret2\nVASTAI_NUM_GPUS=1\nPOC_CHECK_INTERVAL=300\n").unwrap();
    let ran = home.run(&["config", "import", env.to_str().unwrap()]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    for text in [&ran.stdout, &ran.stderr] {
        assert!(!text.contains("topsecret"), "{text}");
    }
    assert!(
        ran.stderr.contains("POC_CHECK_INTERVAL not mapped"),
        "{}",
        ran.stderr
    );
    assert!(
        ran.stderr.contains("still missing: cockpit.id"),
        "{}",
        ran.stderr
    );
    let directory = home.path(".config/pocpit");
    for name in ["config.toml", "vast.key", "upstream.key"] {
        assert_eq!(mode(&directory.join(name)), 0o600, "{name}");
    }
    let written = std::fs::read_to_string(directory.join("config.toml")).unwrap();
    assert!(
        !written.contains("topsecret") && written.contains("gpu_count = 1"),
        "{written}"
    );
    // An unknown setting is missing, not set to an example.
    assert!(
        home.run(&["config", "check"])
            .stderr
            .contains("chain.participant")
    );
}

#[test]
fn config_import_converts_node_config() {
    let home = Home::new();
    let file = home.path("node-config.json");
    let node = r#"[{"id": "node1", "host": "inference", "max_concurrent": 400, "models":
        {"MiniMaxAI/MiniMax-M2.7": {"args": ["--tensor-parallel-size", "4"]}}}]"#;
    std::fs::write(&file, node).unwrap();
    let ran = home.run(&["config", "import", file.to_str().unwrap()]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    for said in [
        "models → mlnode.model",
        "host not mapped",
        "still missing: cockpit.id",
    ] {
        assert!(ran.stderr.contains(said), "{said}: {}", ran.stderr);
    }
    let written = std::fs::read_to_string(home.path(".config/pocpit/config.toml")).unwrap();
    assert!(written.contains("max_concurrent = 400"), "{written}");
    std::fs::write(&file, "[{").unwrap();
    let ran = home.run(&["config", "import", file.to_str().unwrap()]);
    assert_eq!(ran.code, Some(2), "{}", ran.stderr);
}

#[test]
fn demo_without_ssh_says_what_to_install() {
    let home = Home::new();
    let ran = ran(home
        .command(&["demo", "--headless", "--auto"])
        .env("PATH", "/nonexistent"));
    assert_eq!(ran.code, Some(1));
    assert!(
        ran.stderr.contains("install the OpenSSH client"),
        "{}",
        ran.stderr
    );
}

#[test]
fn reading_commands_print_text_and_json() {
    let home = Home::new();
    let sim = Sim::start(home.command(&["sim"]).args(["--speed", "50"]));
    let run =
        |arguments: &[&str]| home.run(&[&["--config", sim.config.as_str()], arguments].concat());
    for command in ["offers", "epoch", "nodes", "history"] {
        let (words, json) = (run(&[command]), run(&[command, "--json"]));
        assert_eq!(
            (words.code, json.code),
            (Some(0), Some(0)),
            "{}{}",
            words.stderr,
            json.stderr
        );
        assert!(!words.stdout.is_empty());
        let value: Value =
            serde_json::from_str(&json.stdout).unwrap_or_else(|error| panic!("{command}: {error}"));
        assert!(value.is_object() || value.is_array());
    }
    assert!(run(&["offers"]).stdout.contains("H100"));
    assert!(run(&["nodes"]).stdout.contains("inference-proxy"));
    let shown = run(&["config", "show"]);
    assert!(
        shown.stdout.contains("********") && shown.stdout.contains("speed = 50.0"),
        "{}",
        shown.stdout
    );
    let released = run(&["release", "--yes"]);
    assert_eq!(released.code, Some(0), "{}", released.stderr);
}

#[test]
fn json_log_is_json_in_every_line() {
    let home = Home::new();
    let sim = Sim::start(home.command(&["sim"]).args(["--speed", "400"]));
    let ran = home.run(&[
        "--config",
        sim.config.as_str(),
        "--log-format",
        "json",
        "auto",
        "--once",
    ]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let files = std::fs::read_dir(config_of(&sim).paths.log_dir).unwrap();
    let logged: String = files
        .map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap())
        .collect();
    for text in [&ran.stderr, &logged] {
        let messages: Vec<String> = text
            .lines()
            .map(|line| {
                let line: Value = serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"));
                let time = line["timestamp"].as_str().unwrap();
                chrono::DateTime::parse_from_rfc3339(time).unwrap();
                assert!(
                    line["level"].is_string() && line["target"].is_string(),
                    "{line}"
                );
                line["message"].as_str().unwrap().to_owned()
            })
            .collect();
        assert!(messages.iter().any(|line| line == "renting → booting"));
        assert!(messages.iter().all(|line| !line.contains('\u{1b}')));
    }
}

#[test]
fn second_auto_waits_for_the_first() {
    let home = Home::new();
    let sim = Sim::start(home.command(&["sim"]).args(["--speed", "400"]));
    let arguments = ["--config", sim.config.as_str(), "auto", "--once", "--json"];
    let mut first = home
        .command(&arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(first.stderr.take().unwrap()).lines();
    assert!(
        lines
            .by_ref()
            .map_while(Result::ok)
            .any(|line| line.contains("waiting"))
    );
    // Given a running auto, when another starts on the same files, then it waits and does nothing.
    let mut second = home
        .command(&arguments)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(second.stderr.take().unwrap()).lines();
    let mut said = said.by_ref().map_while(Result::ok);
    assert!(said.any(|line| line.contains("waiting for another pocpit")));
    kill_process(Pid::from_child(&second), Signal::TERM).unwrap();
    assert!(matches!(second.wait().unwrap().code(), Some(0 | 4)));
    let rest = std::thread::spawn(move || lines.map_while(Result::ok).count());
    let output = first.wait_with_output().unwrap();
    rest.join().unwrap();
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (output.status.code(), &report["outcome"]),
        (Some(0), &Value::from("confirmed"))
    );
    let history = home.run(&["--config", sim.config.as_str(), "history", "--json"]);
    let history: Value = serde_json::from_str(&history.stdout).unwrap();
    assert_eq!(history[0]["report"], report);
    assert_eq!(history[0]["boots"][0]["gpu_count"], 4);
    let csv = home.run(&["--config", sim.config.as_str(), "history", "--csv"]);
    let lines: Vec<Vec<&str>> = csv
        .stdout
        .lines()
        .map(|line| line.split(',').collect())
        .collect();
    let of = |name: &str| {
        let column = lines[0].iter().position(|header| *header == name);
        lines[1][column.unwrap_or_else(|| panic!("no column {name}"))]
    };
    assert_eq!(of("outcome"), "confirmed");
    assert_eq!(of("weight"), report["weight"].to_string());
    let seconds: u64 = of("boot_image_pull_seconds").parse().unwrap();
    assert!(seconds > 0 && seconds < of("boot_seconds").parse().unwrap());
    assert!(of("usd_per_weight").parse::<f64>().unwrap() > 0.0);
}

fn config_of(sim: &Sim) -> Config {
    pocpit::config::load(Some(Path::new(&sim.config)), &[])
        .unwrap()
        .config
}

/// Rents something under a label, and waits until it is listed.
async fn rent(config: &Config, label: &str) -> InstanceId {
    let id = crate::market::rent(&config.vast, label).await;
    let market = crate::market::market(&config.vast);
    while market.instances().await.unwrap().is_empty() {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    id
}

#[test]
fn release_destroys_only_our_rentals() {
    let home = Home::new();
    let sim = Sim::start(home.command(&["sim"]).args(["--speed", "200"]));
    let config = config_of(&sim);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let id = runtime.block_on(rent(&config, "pocpit/demo/1/1-a"));
    // Without a terminal and --yes it cannot ask for confirmation, so nothing happens.
    let asked = home.run(&["--config", &sim.config, "release"]);
    assert_eq!(asked.code, Some(1), "{}", asked.stderr);
    assert!(asked.stderr.contains("--yes"), "{}", asked.stderr);
    // With it, the rental is destroyed.
    let released = home.run(&["--config", &sim.config, "release", "--yes", "--json"]);
    assert_eq!(released.code, Some(0), "{}", released.stderr);
    let said: Value = serde_json::from_str(&released.stdout).unwrap();
    assert_eq!(said["destroyed"], serde_json::json!([id.0]));
    assert_eq!(said["left"], serde_json::json!([]));
    let again = home.run(&["--config", &sim.config, "release", "--yes"]);
    assert!(
        again.stdout.contains("nothing is rented or registered"),
        "{}",
        again.stdout
    );
}

#[test]
fn auto_refuses_beside_foreign_cockpit() {
    let home = Home::new();
    let sim = Sim::start(home.command(&["sim"]).args(["--speed", "100"]));
    // Given a rental of an unknown cockpit,
    let config = config_of(&sim);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        rent(&config, "pocpit/other/1/1-a").await;
        let network_node = NetworkNodeClient::new(HttpClient::new(), &config.network_node);
        let node = NodeConfig {
            id: NodeId("vastai-999".into()),
            host: "10.9.9.9".into(),
            inference_port: 5000,
            inference_segment: String::new(),
            poc_port: 8080,
            poc_segment: String::new(),
            max_concurrent: 1,
            models: [(config.mlnode.model.id.clone(), Vec::new())].into(),
            hardware: Vec::new(),
        };
        network_node.register(&node).await.unwrap();
    });
    // when auto starts, then it refuses and names both remedies.
    let refused = home.run(&["--config", &sim.config, "auto", "--once"]);
    assert_eq!(refused.code, Some(3), "{}", refused.stderr);
    assert!(
        refused.stderr.contains("cockpit other") && refused.stderr.contains("cockpit.peers"),
        "{}",
        refused.stderr
    );
    // And `release` leaves the other cockpit's rental alone, whatever its name.
    let released = home.run(&["--config", &sim.config, "release", "--yes"]);
    assert!(
        released.stdout.contains("nothing is rented or registered")
            && home
                .run(&["--config", &sim.config, "nodes"])
                .stdout
                .contains("vastai-999"),
        "{}",
        released.stdout
    );
}
