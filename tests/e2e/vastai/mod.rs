//! Vast's own client, unmodified, against the simulated market: every command on what is simulated works.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use pocpit::cli::parse_configuration;
use pocpit::world::{API_KEY, MarketOddity, Scenario, WorldOptions, serve};
use serde_json::Value;
use tempfile::TempDir;

use crate::python::{environment, without_proxy};
use crate::sim::Sim;

/// The client's commands that concern what is simulated.
const COMMANDS: [&str; 44] = [
    "show user",
    "search offers",
    "search offers --new",
    "create ssh-key",
    "show ssh-keys",
    "update ssh-key",
    "delete ssh-key",
    "attach ssh",
    "detach ssh",
    "create template",
    "search templates",
    "update template",
    "delete template",
    "create instance",
    "create instances",
    "launch instance",
    "show instance",
    "show instances",
    "label instance",
    "ssh-url",
    "scp-url",
    "logs",
    "execute",
    "stop instance",
    "start instance",
    "stop instances",
    "start instances",
    "reboot instance",
    "recycle instance",
    "update instance",
    "change bid",
    "show pending-price-increases",
    "accept price-increase",
    "reject price-increase",
    "show deposit",
    "show invoices-v1 --charges",
    "show invoices-v1 --invoices",
    "show invoices",
    "search invoices",
    "show ipaddrs",
    "show connections",
    "show audit-logs",
    "destroy instance",
    "destroy instances",
];
/// The client's other commands, and why they are not run.
const NOT_RUN: [(&str, &[&str]); 8] = [
    (
        "local: they ask the market nothing",
        &["set api-key", "set role", "help", "update"],
    ),
    (
        "account: signing in, its keys, its settings",
        &[
            "create api-key",
            "show api-key",
            "show api-keys",
            "delete api-key",
            "reset api-key",
            "show env-vars",
            "create env-var",
            "update env-var",
            "delete env-var",
            "tfa",
            "set user",
            "show subaccounts",
            "create subaccount",
            "transfer credit",
        ],
    ),
    (
        "teams",
        &[
            "create team",
            "destroy team",
            "create team-role",
            "show team-role",
            "show team-roles",
            "update team-role",
            "remove team-role",
            "invite member",
            "show members",
            "remove member",
        ],
    ),
    (
        "serverless",
        &[
            "create endpoint",
            "show endpoints",
            "update endpoint",
            "delete endpoint",
            "get endpt-logs",
            "get endpt-workers",
            "create workergroup",
            "show workergroups",
            "update workergroup",
            "update workers",
            "delete workergroup",
            "get wrkgrp-logs",
            "show deployments",
            "show deployment",
            "show deployment-versions",
            "stop deployment",
            "start deployment",
            "delete deployment",
        ],
    ),
    (
        "volumes, copies and backups",
        &[
            "copy",
            "cancel copy",
            "cancel sync",
            "cloud copy",
            "search volumes",
            "create volume",
            "delete volume",
            "clone volume",
            "show volumes",
            "show instance-backups",
            "show instance-backup-files",
            "take snapshot",
        ],
    ),
    ("benchmarks", &["search benchmarks", "run benchmarks"]),
    (
        "money paid ahead for a reserved instance",
        &["prepay instance"],
    ),
    (
        "commands for later",
        &["show scheduled-jobs", "delete scheduled-job"],
    ),
];
const KEY: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOneOneOneOneOneOneOneOneOneOneOneOneOneOn me";
const OTHER_KEY: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAITwoTwoTwoTwoTwoTwoTwoTwoTwoTwoTwoTwoTwoTw me";
/// What the client prints on a failure, the first with `--raw`; its exit status is 0 even then.
const FAILURES: [&str; 6] = [
    r#""error": true"#,
    "Failed with error",
    "An error occurred",
    "Traceback",
    "Error:",
    "not valid JSON",
];
/// What `vastai execute` does in 1.9.1 with the output that it got: its author's mistake.
const OWN_MISTAKE: &str = "'str' object has no attribute 'get'";
/// What it should print: the function that it calls.
const EXECUTE: &str = "import sys
from vastai.api.client import VastClient
from vastai.api.instances import execute
print(execute(VastClient(api_key=sys.argv[1]), int(sys.argv[2]), sys.argv[3]))";

/// Reads an instance twice without a pause: the market wants two seconds in between.
const TWO_READS: &str = "import sys
from vastai.api.client import VastClient
client = VastClient(api_key=sys.argv[1])
for _ in range(2):
    client.get('/instances/5/').raise_for_status()";

/// The client with a home directory of its own.
struct Vastai {
    bin: PathBuf,
    home: TempDir,
    market: String,
    worked: BTreeSet<&'static str>,
}

impl Vastai {
    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.bin.join(program));
        let home = self.home.path();
        command
            .env("HOME", home)
            .env("XDG_CONFIG_HOME", home.join("config"))
            .env("XDG_CACHE_HOME", home.join("cache"))
            .env("XDG_STATE_HOME", home.join("state"))
            .env("VAST_URL", &self.market)
            .env("VAST_API_KEY", API_KEY)
            .env("VASTAI_NO_UPDATE_CHECK", "1")
            .env("COLUMNS", "300")
            .stdin(Stdio::null());
        without_proxy(&mut command);
        command
    }

    /// Runs a command of the list and returns what it printed.
    fn run(&mut self, name: &'static str, arguments: &[&str]) -> String {
        let output = self.try_run(name, arguments);
        output.unwrap_or_else(|why| panic!("{name} {arguments:?}: {why}"))
    }

    fn try_run(&mut self, name: &'static str, arguments: &[&str]) -> Result<String, String> {
        assert!(COMMANDS.contains(&name), "{name} is not in the list");
        let mut command = self.command("vastai");
        command.args(name.split(' ')).args(arguments);
        let printed = printed(&command.output().unwrap())?;
        self.worked.insert(name);
        Ok(printed)
    }

    fn json(&mut self, name: &'static str, arguments: &[&str]) -> Value {
        let arguments = [arguments, &["--raw"]].concat();
        let printed = self.run(name, &arguments);
        serde_json::from_str(&printed).unwrap_or_else(|why| panic!("{name}: {why}: {printed}"))
    }

    fn offers(&mut self, name: &'static str) -> Vec<Value> {
        let query = ["num_gpus=4 reliability>0.9", "-o", "dph_total"];
        let found = self.json(name, &query);
        found.as_array().unwrap().clone()
    }

    /// Rents the cheapest offer; in a fast world it can be gone between search and order.
    fn rent(&mut self, arguments: &[&str]) -> u64 {
        for _ in 0..5 {
            let offer = self.offers("search offers")[0]["id"].to_string();
            let arguments = [&[offer.as_str()], arguments, &["--raw"]].concat();
            match self.try_run("create instance", &arguments) {
                Ok(reply) => {
                    let reply: Value = serde_json::from_str(&reply).unwrap();
                    assert_eq!(reply["success"], true, "{reply}");
                    return reply["new_contract"].as_u64().unwrap();
                }
                Err(why) => assert!(why.contains("no longer available"), "{why}"),
            }
        }
        panic!("every offer was gone");
    }

    fn row(&mut self, id: u64) -> Value {
        self.json("show instance", &[&id.to_string()])
    }

    /// Waits until the row says so.
    fn until(&mut self, id: u64, what: &str, is_so: impl Fn(&Value) -> bool) -> Value {
        for _ in 0..120 {
            let row = self.row(id);
            if is_so(&row) {
                return row;
            }
            std::thread::sleep(Duration::from_millis(500));
        }
        panic!("{id} is never {what}: {}", self.row(id));
    }

    fn until_running(&mut self, id: u64) -> Value {
        self.until(id, "running", |row| row["actual_status"] == "running")
    }
}

fn printed(output: &Output) -> Result<String, String> {
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    let said = format!("{stdout}{}", String::from_utf8_lossy(&output.stderr));
    let failed = FAILURES.iter().any(|failure| said.contains(failure));
    if failed || !output.status.success() {
        return Err(said);
    }
    Ok(stdout)
}

/// The first value after these words.
fn after<'a>(text: &'a str, words: &str) -> &'a str {
    let (_, rest) = text
        .split_once(words)
        .unwrap_or_else(|| panic!("no {words:?} in {text}"));
    rest.trim_start_matches(['\'', ' ', '"'])
        .split(['\'', ',', '"', '}', '\n'])
        .next()
        .unwrap()
}

/// The client with a market to talk to; none where it cannot be installed.
fn client(market: &url::Url) -> Option<Vastai> {
    Some(Vastai {
        bin: environment("vastai", "POCPIT_REQUIRE_VASTAI")?,
        home: tempfile::tempdir().unwrap(),
        market: market.as_str().trim_end_matches('/').to_owned(),
        worked: BTreeSet::new(),
    })
}

/// The market of a world, served as any user does it.
fn market_of(sim: &Sim) -> url::Url {
    let text = std::fs::read_to_string(&sim.config).unwrap();
    parse_configuration(&text).unwrap().vast.base_url
}

#[test]
#[ignore = "deep: installs packages from PyPI"]
fn vendors_client_works_through_every_command() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pocpit"));
    let scenario = ["--scenario", "price-increase"];
    let sim = Sim::start(
        command
            .args(["sim", "--seed", "7", "--speed", "20"])
            .args(scenario),
    );
    let Some(mut vastai) = client(&market_of(&sim)) else {
        return;
    };
    find_offers(&mut vastai);
    keep_keys(&mut vastai);
    let template = keep_templates(&mut vastai);
    let rental = rent_from_template(&mut vastai, &template);
    let others = rent_otherwise(&mut vastai);
    list_them(&mut vastai, rental, &others);
    use_it(&mut vastai, rental);
    stop_and_start(&mut vastai, rental);
    stop_and_start_many(&mut vastai, &others);
    answer_hosts(&mut vastai, rental, others[0]);
    read_money(&mut vastai, rental);
    clean_up(&mut vastai, rental, &others, &template);
    let worked = &vastai.worked;
    let missing: Vec<_> = COMMANDS
        .iter()
        .filter(|name| !worked.contains(*name))
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
#[ignore = "deep: installs packages from PyPI"]
fn every_command_of_the_client_is_known() {
    let nowhere = "http://127.0.0.1:9".parse().unwrap();
    let Some(vastai) = client(&nowhere) else {
        return;
    };
    let help = vastai.command("vastai").arg("--help").output().unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    // A line per command: its name, and after two spaces or more what it does.
    let lines = help.lines().filter_map(|line| line.strip_prefix(' '));
    let names = lines.filter_map(|line| Some(line.split_once("  ")?.0));
    let names: Vec<&str> = names
        .filter(|name| name.starts_with(char::is_lowercase))
        .collect();
    assert!(names.len() > 100, "{names:?}");
    let others: Vec<&str> = NOT_RUN
        .iter()
        .flat_map(|(_, names)| *names)
        .copied()
        .collect();
    let is_known = |name: &str| {
        let is_run = COMMANDS
            .iter()
            .any(|run| run.split(" --").next() == Some(name));
        is_run
            || others
                .iter()
                .any(|other| name == *other || name.starts_with(&format!("{other} ")))
    };
    let unknown: Vec<_> = names.iter().filter(|name| !is_known(name)).collect();
    assert!(unknown.is_empty(), "{unknown:?}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "deep: installs packages from PyPI"]
async fn vendors_client_waits_as_long_as_told() {
    for (oddities, is_told) in [(vec![], false), (vec![MarketOddity::TokenBuckets], true)] {
        let world = serve(WorldOptions {
            seed: 7,
            scenario: Scenario {
                market_oddities: oddities,
                ..Scenario::default()
            },
            speed: 1.0,
            ports: None,
        });
        let world = world.await.unwrap();
        let market = world.vast_url().clone();
        let read_twice = move || {
            let vastai = client(&market)?;
            let mut command = vastai.command("python");
            command.args(["-c", TWO_READS, API_KEY]);
            Some(command.output().unwrap())
        };
        let Some(output) = tokio::task::spawn_blocking(read_twice).await.unwrap() else {
            return;
        };
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.success(), is_told, "{said}");
        assert_eq!(said.contains("429"), !is_told, "{said}");
    }
}

fn find_offers(vastai: &mut Vastai) {
    assert_eq!(vastai.json("show user", &[])["credit"], 250.0);
    for name in ["search offers", "search offers --new"] {
        let offers = vastai.offers(name);
        assert!(offers.len() > 3, "{name}");
        assert!(offers.iter().all(|offer| offer["num_gpus"] == 4), "{name}");
        let prices: Vec<f64> = offers
            .iter()
            .map(|o| o["dph_total"].as_f64().unwrap())
            .collect();
        assert!(prices.is_sorted(), "{name}: {prices:?}");
    }
    let table = vastai.run("search offers", &["gpu_name=H100_SXM"]);
    assert!(
        table.contains("H100_SXM") && !table.contains("A100"),
        "{table}"
    );
}

fn keep_keys(vastai: &mut Vastai) {
    let created = vastai.run("create ssh-key", &[KEY]);
    let id = after(&created, "'id':").to_owned();
    let again = vastai.try_run("create ssh-key", &[KEY]);
    assert!(again.unwrap_err().contains("duplicate"));
    vastai.run("update ssh-key", &[&id, OTHER_KEY]);
    let keys = vastai.json("show ssh-keys", &[]);
    assert_eq!(keys.as_array().unwrap().len(), 1);
    let key = keys[0]["public_key"].as_str().unwrap();
    assert!(
        OTHER_KEY.starts_with(key) && keys[0]["id"].as_u64() == id.parse().ok(),
        "{keys}"
    );
}

/// Returns the template's hash after an edit.
fn keep_templates(vastai: &mut Vastai) -> String {
    let environment = "-p 8080:8080 -e A=1";
    let settings = [
        "--name",
        "ours",
        "--image",
        "net/image",
        "--image_tag",
        "1",
        "--env",
        environment,
    ];
    let more = [
        "--ssh",
        "--direct",
        "--disk_space",
        "20",
        "--onstart-cmd",
        "echo hi",
    ];
    let settings = [&settings[..], &more[..]].concat();
    let created = vastai.run("create template", &settings);
    let first = after(&created, "'hash_id':").to_owned();
    let found = vastai.run("search templates", &["name=ours"]);
    let found: Value = serde_json::from_str(&found).unwrap();
    assert_eq!(
        (&found[0]["image"], &found[0]["recommended_disk_space"]),
        (&"net/image".into(), &20.0.into())
    );
    let edited = [&[first.as_str()][..], &settings[..], &["--image_tag", "2"]].concat();
    let edited = vastai.run("update template", &edited);
    let second = after(&edited, "\"hash_id\":").to_owned();
    assert_ne!(first, second);
    let gone = vastai.run("delete template", &["--hash-id", &first]);
    assert!(gone.contains("Deleted Successfully"), "{gone}");
    second
}

fn rent_from_template(vastai: &mut Vastai, template: &str) -> u64 {
    let environment = "-e B=2 -p 70000:70000";
    let id = vastai.rent(&[
        "--template_hash",
        template,
        "--env",
        environment,
        "--label",
        "one",
        "--disk",
        "30",
    ]);
    // While it boots, everything that a client needs is there already.
    let row = vastai.until(id, "visible", |row| row["id"] == id);
    assert_eq!(row["image_uuid"], "net/image:2");
    assert_eq!(
        (&row["label"], &row["disk_space"]),
        (&"one".into(), &30.0.into())
    );
    let environment = row["extra_env"].as_object().unwrap();
    let names: Vec<&str> = environment.keys().map(String::as_str).collect();
    assert_eq!(names, ["-p 70000:70000", "-p 8080:8080", "A", "B"]);
    assert!(row["ssh_port"].is_u64() && row["start_date"].is_f64() && row["onstart"] == "echo hi");
    assert_eq!(row["intended_status"], "running");
    id
}

/// The ids of a launched one and two of a bulk order. A bid is rented too, and destroyed.
fn rent_otherwise(vastai: &mut Vastai) -> [u64; 3] {
    let launched = vastai.run(
        "launch instance",
        &[
            "-g",
            "H100_SXM",
            "-n",
            "4",
            "-i",
            "net/image",
            "-d",
            "20",
            "--label",
            "two",
        ],
    );
    let launched = after(&launched, "Instance launched successfully:")
        .parse()
        .unwrap();
    let mut created = Vec::new();
    while created.len() < 2 {
        let offers = vastai.offers("search offers");
        let ids = offers.iter().rev().take(2 - created.len());
        let ids: Vec<String> = ids.map(|offer| offer["id"].to_string()).collect();
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        let order = [&ids[..], &["--image", "net/image", "--disk", "20"]].concat();
        let many = vastai.run("create instances", &order);
        let (_, list) = many.split_once("'created': [").unwrap();
        let list = list.split_once(']').unwrap().0.split(", ");
        created.extend(list.filter_map(|id| id.parse::<u64>().ok()));
    }
    let bid = vastai.rent(&["--image", "net/image", "--disk", "20", "--bid_price", "30"]);
    vastai.until(bid, "visible", |row| row["id"] == bid);
    vastai.run("change bid", &[&bid.to_string(), "--price", "31.5"]);
    let row = vastai.row(bid);
    assert_eq!(
        (&row["is_bid"], &row["dph_base"]),
        (&true.into(), &31.5.into())
    );
    vastai.run("destroy instance", &[&bid.to_string(), "-y"]);
    [launched, created[0], created[1]]
}

fn list_them(vastai: &mut Vastai, rental: u64, others: &[u64]) {
    let listed = vastai.json("show instances", &[]);
    let ids: Vec<u64> = listed
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["id"].as_u64().unwrap())
        .collect();
    assert_eq!(ids, [&[rental], others].concat());
    // Page by page, filtered, and as a table.
    let first = vastai.json("show instances", &["--limit", "3"]);
    assert_eq!(
        (&first["total_instances"], &first["instances_found"]),
        (&4.into(), &3.into())
    );
    assert_eq!(
        (&first["label_counts"]["one"], &first["label_counts"][""]),
        (&1.into(), &2.into())
    );
    let token = first["next_token"].as_str().unwrap();
    let second = vastai.json("show instances", &["--next-token", token]);
    assert_eq!(second["instances"][0]["id"], others[2]);
    let labelled = vastai.json("show instances", &["--label", "two"]);
    assert_eq!(labelled[0]["id"], others[0]);
    let unlabelled = vastai.json("show instances", &["--label", ""]);
    assert_eq!(unlabelled.as_array().unwrap().len(), 2);
    let table = vastai.run("show instances", &["-v", "--full"]);
    assert!(
        table.contains(&rental.to_string()) && table.contains("4 instances"),
        "{table}"
    );
    vastai.run("label instance", &[&rental.to_string(), "uno"]);
    assert_eq!(vastai.row(rental)["label"], "uno");
}

fn use_it(vastai: &mut Vastai, rental: u64) {
    let id = rental.to_string();
    let attached = vastai.run("attach ssh", &[&id, KEY]);
    assert!(attached.contains("'success': True"), "{attached}");
    let row = vastai.until_running(rental);
    let port = row["ports"]["22/tcp"][0]["HostPort"].as_str().unwrap();
    let address = format!("root@127.0.0.1:{port}");
    assert!(
        vastai
            .run("ssh-url", &[&id])
            .contains(&format!("ssh://{address}"))
    );
    assert!(
        vastai
            .run("scp-url", &[&id])
            .contains(&format!("scp://{address}"))
    );
    let log = vastai.run("logs", &[&id, "--tail", "20"]);
    assert!(log.contains(&format!("onstart of C.{id} ran")), "{log}");
    let keys = vastai.json("show ssh-keys", &[]);
    let detached = vastai.run("detach ssh", &[&id, &keys[0]["id"].to_string()]);
    assert!(detached.contains("removed"), "{detached}");
    let updated = vastai.run("update instance", &[&id, "--image", "net/image:3"]);
    assert!(updated.contains("updated successfully"), "{updated}");
    let recycled = vastai.run("recycle instance", &[&id]);
    assert!(recycled.contains("Recycling"), "{recycled}");
    let row = vastai.until_running(rental);
    assert_eq!(row["image_uuid"], "net/image:3");
    let rebooted = vastai.run("reboot instance", &[&id]);
    assert!(rebooted.contains("Rebooting"), "{rebooted}");
    vastai.until_running(rental);
}

fn stop_and_start(vastai: &mut Vastai, rental: u64) {
    let id = rental.to_string();
    vastai.run("stop instance", &[&id]);
    let row = vastai.row(rental);
    let states =
        ["intended_status", "cur_state", "actual_status"].map(|name| row[name].as_str().unwrap());
    assert_eq!(states, ["stopped", "stopped", "exited"]);
    assert!(row["instance"]["totalHour"].as_f64() < row["search"]["totalHour"].as_f64());
    let refused = vastai.run("reboot instance", &[&id]);
    assert!(refused.contains("Is the container started?"), "{refused}");
    let through_cli = vastai.try_run("execute", &[&id, "ls -l"]);
    assert!(through_cli.unwrap_err().contains(OWN_MISTAKE));
    let mut execute = vastai.command("python");
    execute.args(["-c", EXECUTE, API_KEY, &id, "ls -l"]);
    let listed = printed(&execute.output().unwrap()).unwrap();
    assert!(listed.contains("/root"), "{listed}");
    vastai.worked.insert("execute");
    // Its GPUs may be somebody else's by now: then the start waits.
    let started = vastai.run("start instance", &[&id]);
    let waits = started.contains("state change queued");
    assert!(waits || started.contains("starting instance"), "{started}");
    let row = vastai.row(rental);
    assert_eq!(row["intended_status"], "running");
    assert!(!waits || row["cur_state"] == "stopped", "{row}");
}

fn stop_and_start_many(vastai: &mut Vastai, others: &[u64]) {
    let ids = [others[0].to_string(), others[1].to_string()];
    let ids = [ids[0].as_str(), ids[1].as_str()];
    for (name, intended) in [
        ("stop instances", "stopped"),
        ("start instances", "running"),
    ] {
        vastai.run(name, &ids);
        for id in &others[..2] {
            assert_eq!(vastai.row(*id)["intended_status"], intended, "{name}");
        }
    }
}

/// One host's higher price is accepted, the other's is not.
fn answer_hosts(vastai: &mut Vastai, accepted: u64, rejected: u64) {
    let contracts = |vastai: &mut Vastai| -> Vec<u64> {
        let pending = vastai.json("show pending-price-increases", &[]);
        let rows = pending["pending_price_increases"].as_array().unwrap();
        rows.iter()
            .map(|row| row["contract_id"].as_u64().unwrap())
            .collect()
    };
    let pending = contracts(vastai);
    assert!(
        pending.contains(&accepted) && pending.contains(&rejected),
        "{pending:?}"
    );
    let done = vastai.run("accept price-increase", &[&accepted.to_string(), "--yes"]);
    assert!(done.contains("Accepted 1 /"), "{done}");
    let done = vastai.run("reject price-increase", &[&rejected.to_string(), "--yes"]);
    assert!(done.contains("Rejected 1 /"), "{done}");
    let pending = contracts(vastai);
    assert!(
        !pending.contains(&accepted) && !pending.contains(&rejected),
        "{pending:?}"
    );
}

fn read_money(vastai: &mut Vastai, rental: u64) {
    let charges = vastai.json("show invoices-v1 --charges", &["-ct", "instance"]);
    let results = charges["results"].as_array().unwrap();
    let source = format!("instance-{rental}");
    let charge = results
        .iter()
        .find(|row| row["source"] == source.as_str())
        .unwrap();
    let items = charge["items"].as_array().unwrap();
    let sum: f64 = items
        .iter()
        .map(|item| item["amount"].as_f64().unwrap())
        .sum();
    let amount = charge["amount"].as_f64().unwrap();
    assert!(amount > 0.0 && (sum - amount).abs() < 0.001, "{charge}");
    let kinds: Vec<&str> = items
        .iter()
        .map(|item| item["type"].as_str().unwrap())
        .collect();
    assert_eq!(kinds, ["gpu", "disk", "bwd"]);
    let table = vastai.run("show invoices-v1 --charges", &["--full"]);
    assert!(table.contains(&rental.to_string()), "{table}");
    let invoices = vastai.json("show invoices-v1 --invoices", &[]);
    assert_eq!(invoices["results"][0]["amount"], -250.0);
    for name in ["show invoices", "search invoices"] {
        let rows = vastai.json(name, &[]);
        let rows = rows.as_array().unwrap();
        assert!(rows.iter().any(|row| row["type"] == "payment"), "{name}");
        assert!(
            rows.iter().any(|row| row["instance_id"] == rental),
            "{name}"
        );
    }
    for name in ["show ipaddrs", "show connections", "show audit-logs"] {
        vastai.run(name, &[]);
    }
    let deposit = vastai.run("show deposit", &[&rental.to_string()]);
    assert!(deposit.contains("refundable_deposit"), "{deposit}");
}

fn clean_up(vastai: &mut Vastai, rental: u64, others: &[u64], template: &str) {
    vastai.run("destroy instance", &[&rental.to_string(), "-y"]);
    let gone = vastai.try_run("show instance", &[&rental.to_string()]);
    assert!(gone.unwrap_err().contains("no longer exists"));
    let ids: Vec<String> = others.iter().map(u64::to_string).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).chain(["-y"]).collect();
    vastai.run("destroy instances", &ids);
    assert_eq!(vastai.json("show instances", &[]), Value::Array(Vec::new()));
    let keys = vastai.json("show ssh-keys", &[]);
    vastai.run("delete ssh-key", &[&keys[0]["id"].to_string()]);
    assert_eq!(vastai.json("show ssh-keys", &[]), Value::Array(Vec::new()));
    vastai.run("delete template", &["--hash-id", template]);
    let found = vastai.run("search templates", &["name=ours"]);
    assert_eq!(found.trim(), "[]");
}
