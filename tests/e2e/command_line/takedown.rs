//! `release` and `gc` remove everything of ours, whatever else is missing, and nothing of others.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use pocpit::config::Config;
use pocpit::domain::{
    AccountName, Duration, InstanceId, MachineId, NetworkNodeName, NodeConfig, NodeId, OfferId,
    RentalPrices, ReplicaId, Time, Usd, UsdPerHour,
};
use pocpit::http::HttpClient;
use pocpit::journal::{self, Journal, Record};
use pocpit::network_node::NetworkNodeClient;
use pocpit::ports::{Market as _, NetworkNode as _};
use rustix::process::{Pid, Signal, kill_process};
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

use crate::command_line::{Home, Ran, config_of, ran, rent};
use crate::sim::Sim;

/// A served world, and clients to inspect it.
pub(super) struct Account {
    pub(super) home: Home,
    pub(super) sim: Sim,
    config: Config,
    runtime: tokio::runtime::Runtime,
}

impl Account {
    pub(super) fn new() -> Account {
        let home = Home::new();
        let sim = Sim::start(home.command(&["sim"]).args(["--speed", "200"]));
        Account {
            config: config_of(&sim),
            runtime: tokio::runtime::Runtime::new().unwrap(),
            home,
            sim,
        }
    }

    pub(super) fn rent(&self, label: &str) -> InstanceId {
        let id = self.runtime.block_on(rent(&self.config, label));
        while !self.rentals().contains(&id) {
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        id
    }

    pub(super) fn rentals(&self) -> Vec<InstanceId> {
        let market = crate::market::market(&self.config.vast);
        let all = self.runtime.block_on(market.instances()).unwrap();
        all.iter().map(|instance| instance.id).collect()
    }

    fn network_node(&self) -> NetworkNodeClient {
        NetworkNodeClient::new(HttpClient::new(), &self.config.network_node)
    }

    pub(super) fn register(&self, id: &str) {
        let node = NodeConfig {
            id: NodeId(id.into()),
            host: format!("{id}.example"),
            inference_port: 5000,
            inference_segment: String::new(),
            poc_port: 8080,
            poc_segment: String::new(),
            max_concurrent: 1,
            models: [(self.config.mlnode.model.id.clone(), Vec::new())].into(),
            hardware: Vec::new(),
        };
        let registering = self.network_node().register(&node).await_in(&self.runtime);
        registering.unwrap();
    }

    pub(super) fn is_registered(&self, id: &str) -> bool {
        let nodes = self.network_node().nodes().await_in(&self.runtime).unwrap();
        nodes.iter().any(|node| node.config.id.0 == id)
    }

    /// With the whole configuration.
    fn run(&self, arguments: &[&str]) -> Ran {
        self.home
            .run(&[&["--config", self.sim.config.as_str()], arguments].concat())
    }

    /// `gc` with this variable set to an address where nothing listens.
    fn blind_gc(&self, variable: &str, how: &str) -> Ran {
        let mut command = self
            .home
            .command(&["--config", &self.sim.config, "gc", how]);
        ran(command
            .env(variable, "http://127.0.0.1:9/")
            .env("POCPIT_VAST_READ_TRIES", "1"))
    }

    /// Without any configuration but the key, and the address of the world.
    fn with_the_key_alone(&self, arguments: &[&str]) -> Ran {
        ran(self.key_in(&mut self.home.command(arguments)))
    }

    fn key_in<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        let vast = &self.config.vast;
        command
            .env("POCPIT_VAST_API_KEY", vast.api_key.expose_secret())
            .env("POCPIT_VAST_BASE_URL", vast.base_url.as_str())
    }

    fn world_time(&self) -> Time {
        self.config.simulation.unwrap().world_start
    }
}

trait AwaitIn: Future + Sized {
    fn await_in(self, runtime: &tokio::runtime::Runtime) -> Self::Output {
        runtime.block_on(self)
    }
}
impl<F: Future> AwaitIn for F {}

fn json(ran: &Ran) -> Value {
    serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {}", ran.stderr))
}

#[test]
fn release_needs_only_the_api_key() {
    let account = Account::new();
    let none = account.with_the_key_alone(&["release", "--yes"]);
    assert_eq!(none.code, Some(0), "{}", none.stderr);
    let (ours, others) = (
        account.rent("pocpit/demo/1/1-a"),
        account.rent("pocpit/other/1/1-b"),
    );
    // Given no configuration, then nothing is released before the cockpit is named,
    for unsaid in [&["release", "--yes"][..], &["release"]] {
        let refused = account.with_the_key_alone(unsaid);
        assert_eq!(refused.code, Some(2), "{}", refused.stderr);
        for command in ["`pocpit release --yes --cockpit demo`", "--cockpit other`"] {
            assert!(refused.stderr.contains(command), "{}", refused.stderr);
        }
    }
    assert_eq!(account.rentals(), [ours, others]);
    // and then only that cockpit's rentals.
    let released = account.with_the_key_alone(&["release", "--yes", "--json", "--cockpit", "demo"]);
    assert_eq!(released.code, Some(0), "{}", released.stderr);
    assert_eq!(json(&released)["destroyed"], json!([ours.0]));
    assert_eq!(account.rentals(), [others]);
}

#[test]
fn release_survives_bad_config_and_journal() {
    let account = Account::new();
    let ours = account.rent("pocpit/demo/1/1-a");
    account.register(&format!("vastai-{ours}"));
    account.register("vastai-77");
    let file = account.home.path("broken.toml");
    let path = file.to_str().unwrap();
    // Given a file that is not TOML, then the key in the environment is enough to list,
    std::fs::write(&file, "[vast\napi_key = ").unwrap();
    let refused = account.with_the_key_alone(&["--config", path, "release", "--yes"]);
    assert_eq!(refused.code, Some(2), "{}", refused.stderr);
    assert!(
        refused.stderr.contains("--cockpit demo"),
        "{}",
        refused.stderr
    );
    // and without one the message says how to give a key.
    let keyless = account.home.run(&["--config", path, "release", "--yes"]);
    assert_eq!(keyless.code, Some(2));
    assert!(
        keyless.stderr.contains("POCPIT_VAST_API_KEY"),
        "{}",
        keyless.stderr
    );
    // Given a file with gaps and mistakes, and an unreadable journal,
    std::fs::create_dir_all(account.home.path("state")).unwrap();
    std::fs::write(account.home.path("state/journal.sqlite"), "not a journal").unwrap();
    let admin = &account.config.network_node.admin_api;
    std::fs::write(
        &file,
        format!(
            "[cockpit]\nid = \"demo\"\n[vast]\napi_key_file = \"key\"\nbase_url = \"{}\"\ndisk = \"many\"\nno_such = 1\n[network_node]\nadmin_api = \"{admin}\"\n[paths]\nstate_dir = \"state\"\n",
            account.config.vast.base_url
        ),
    )
    .unwrap();
    let key = account.config.vast.api_key.expose_secret();
    std::fs::write(account.home.path("key"), key).unwrap();
    let released = account
        .home
        .run(&["--config", path, "release", "--yes", "--json"]);
    // then the mistakes are warnings, and rental and registration are gone.
    assert_eq!(released.code, Some(0), "{}", released.stderr);
    for word in ["vast.no_such", "vast.disk", "journal"] {
        assert!(
            released.stderr.contains(word),
            "{word}: {}",
            released.stderr
        );
    }
    assert!(!released.stderr.contains(key) && !released.stdout.contains(key));
    assert_eq!(
        json(&released)["unregistered"],
        json!([format!("vastai-{ours}")])
    );
    assert!(account.rentals().is_empty());
    assert!(
        account.is_registered("vastai-77"),
        "a prefix proves nothing"
    );
}

/// What is wrong with a state directory, and how it comes about.
type Damage = (&'static str, fn(&std::path::Path));
const DAMAGES: [Damage; 3] = [
    ("damaged", |state| {
        std::fs::create_dir_all(state).unwrap();
        std::fs::write(state.join("journal.sqlite"), "not a journal at all").unwrap();
    }),
    ("an odd spool", |state| {
        std::fs::create_dir_all(state.join("journal.spool")).unwrap();
    }),
    // As on a read-only disk, nothing can be created in it.
    ("no directory", |state| {
        std::fs::write(state, "").unwrap();
    }),
];

/// As a newer pocpit left it.
pub(super) fn newer(state: &std::path::Path) {
    drop(Journal::open(state).unwrap());
    let journal = rusqlite::Connection::open(state.join("journal.sqlite")).unwrap();
    journal.pragma_update(None, "user_version", 99).unwrap();
}

#[test]
fn unusable_journal_is_taken_down_by_label() {
    for (number, (what, damage)) in DAMAGES.into_iter().enumerate() {
        let account = Account::new();
        let ours = account.rent("pocpit/demo/1/1-a");
        let others = account.rent("pocpit/other/1/1-b");
        let node = format!("vastai-{ours}");
        account.register(&node);
        let state = account.home.path("damaged");
        damage(&state);
        let run = |arguments: &[&str]| {
            let mut command = account.home.command(&["--config", &account.sim.config]);
            ran(command
                .args(arguments)
                .env("POCPIT_PATHS_STATE_DIR", &state)
                .env("POCPIT_COCKPIT_PEERS", "other"))
        };
        // Given a journal that cannot be used, a dry run changes nothing and says so by its code.
        let looked = run(&["gc", "--dry-run"]);
        assert_eq!(looked.code, Some(5), "{what}: {}", looked.stderr);
        let line = format!("destroy rental {ours}");
        assert!(looked.stdout.contains(&line), "{what}: {}", looked.stdout);
        assert_eq!(account.rentals(), [ours, others], "{what}");
        // When it is run for good, by a person or unattended,
        let took = if number % 2 == 0 {
            run(&["auto", "--once"])
        } else {
            run(&["gc", "--yes"])
        };
        // then what carries our label is gone, and the code says that it went without a journal.
        assert_eq!(took.code, Some(5), "{what}: {}", took.stderr);
        assert!(
            took.stderr.contains("2 of 2 done"),
            "{what}: {}",
            took.stderr
        );
        assert_eq!(account.rentals(), [others], "{what}");
        assert!(!account.is_registered(&node), "{what}");
    }
}

/// A saved sprint, whose rental has this label.
const SAVED: &str = include_str!("../../component/flow/saved_sprints.json");
const PROVING: usize = 2;
const PROVED: &str = "pocpit/home/359/2-y78n6z7z";

#[test]
fn unreadable_sprint_of_one_replica_leaves_the_others() {
    let account = Account::new();
    let labels = ["pocpit/demo/359/1-a", "pocpit/demo/359/1-b"];
    let [lost, kept] = labels.map(|label| account.rent(label));
    // Given two replicas that prove, of which one has a saved sprint that cannot be read,
    let state = account.home.path("fleet");
    let (mut journal, _) = Journal::open(&state).unwrap();
    let saved: Vec<Value> = serde_json::from_str(SAVED).unwrap();
    let proving = saved[PROVING].to_string();
    assert!(proving.contains(PROVED), "{proving}");
    let readable: Value = serde_json::from_str(&proving.replace(PROVED, labels[1])).unwrap();
    for (replica, sprint) in [
        ("pool/1", json!({"step": "unknown to us"})),
        ("pool/2", readable),
    ] {
        let saved = Record::Checkpoint {
            replica: replica.parse().unwrap(),
            sprint,
            clock: None,
        };
        let _ = journal.append(account.world_time(), &saved).unwrap();
    }
    drop(journal);
    // then the rental of that one alone is left over.
    let mut gc = account.home.command(&["--config", &account.sim.config]);
    gc.args(["gc", "--dry-run"])
        .env("POCPIT_PATHS_STATE_DIR", &state);
    let looked = ran(&mut gc);
    assert_eq!(looked.code, Some(0), "{}", looked.stderr);
    assert!(
        looked.stderr.contains("saved sprint of pool/1"),
        "{}",
        looked.stderr
    );
    let line = |id| format!("destroy rental {id}");
    assert!(looked.stdout.contains(&line(lost)), "{}", looked.stdout);
    assert!(!looked.stdout.contains(&line(kept)), "{}", looked.stdout);
}

#[test]
fn lost_journal_waits_for_the_operator() {
    let account = Account::new();
    // Given a state directory whose journal is gone,
    let state = account.home.path("tidied");
    std::fs::create_dir_all(&state).unwrap();
    std::fs::create_dir_all(state.join("rental_logs")).unwrap();
    let command = |arguments: &[&str]| {
        let mut command = account.home.command(&["--config", &account.sim.config]);
        command
            .args(arguments)
            .env("POCPIT_PATHS_STATE_DIR", &state);
        command
    };
    // then the plan names that before any start,
    let plan = json(&ran(&mut command(&["plan", "--json"])));
    let named = plan["could_stop"].as_array().unwrap().iter().any(|one| {
        one["certainty"] == "stops" && one["what"].to_string().contains("older journal")
    });
    assert!(named, "{plan}");
    let mut auto = command(&["auto", "--once"])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(auto.stderr.take().unwrap()).lines();
    let mut until = |text: &str| {
        let mut lines = lines.by_ref().map_while(Result::ok);
        let found = lines.any(|line| line.contains(text));
        assert!(found, "it never said {text:?}");
    };
    // auto says so, and how to agree, and rents nothing.
    until("`pocpit accept-journal`");
    assert!(account.rentals().is_empty());
    // Not asked, nobody agrees; once the operator does, it rents.
    let unasked = ran(&mut command(&["accept-journal"]));
    assert_eq!(unasked.code, Some(1), "{}", unasked.stderr);
    let accepted = ran(&mut command(&["accept-journal", "--yes"]));
    assert_eq!(accepted.code, Some(0), "{}", accepted.stderr);
    until("booting");
    kill_process(Pid::from_child(&auto), Signal::KILL).unwrap();
    auto.wait().unwrap();
    // Agreed once is agreed for all starts.
    let again = ran(&mut command(&["accept-journal", "--yes"]));
    assert_eq!(again.code, Some(1), "{}", again.stderr);
    assert!(
        again.stderr.contains("nothing to accept"),
        "{}",
        again.stderr
    );
}

#[test]
fn gc_lists_and_removes_leftovers() {
    let account = Account::new();
    let (ours, others) = (
        account.rent("pocpit/demo/1/1-a"),
        account.rent("pocpit/other/1/1-b"),
    );
    let node = format!("vastai-{ours}");
    account.register(&node);
    // Given rentals of ours and of another cockpit, on a dry run
    let looked = account.run(&["gc", "--dry-run", "--wide"]);
    assert_eq!(looked.code, Some(0), "{}", looked.stderr);
    let lines: Vec<&str> = looked.stdout.lines().collect();
    assert_eq!(lines.len(), 3, "{lines:?}");
    for (line, words) in lines.iter().zip([
        [
            format!("destroy rental {ours}, pocpit/demo/1/1-a"),
            "no sprint uses it".into(),
        ],
        [format!("unregister {node}"), "its rental is gone".into()],
        [
            format!("foreign rental {others}, pocpit/other/1/1-b"),
            "never touched".into(),
        ],
    ]) {
        assert!(words.iter().all(|word| line.contains(word)), "{line}");
    }
    assert!(lines[0].contains("old, $"), "{lines:?}");
    // nothing changes, nor without a terminal to confirm.
    assert_eq!(account.run(&["gc"]).code, Some(1));
    assert_eq!(account.rentals(), [ours, others]);
    let removed = account.run(&["gc", "--yes", "--json"]);
    assert_eq!(removed.code, Some(0), "{}", removed.stderr);
    let found = json(&removed);
    let done: Vec<&Value> = found["left_over"].as_array().unwrap().iter().collect();
    assert_eq!(done.len(), 2);
    assert!(
        done.iter().all(|leftover| leftover["done"] == true),
        "{found}"
    );
    assert_eq!(found["foreign"][0]["id"], others.0);
    assert_eq!(account.rentals(), [others]);
    assert!(!account.is_registered(&node));
    let clean = account.run(&["gc", "--yes"]);
    assert!(
        clean.stdout.contains("nothing is left over"),
        "{}",
        clean.stdout
    );
}

/// Writes what a crashed cockpit can leave behind.
fn leave_behind(account: &Account) {
    let long_ago = account.world_time() - Duration::hours(2);
    let intended = |label: &str| Record::RentIntended {
        label: label.parse().unwrap(),
        replica: ReplicaId::default(),
        account: AccountName::default(),
        offer: OfferId(7),
        machine: MachineId(8),
        host: None,
        prices: RentalPrices {
            gpu_price: UsdPerHour::from_dollars(10.0),
            storage_price: UsdPerHour::ZERO,
            download_per_gb: Usd::ZERO,
            download_gb: 0.0,
        },
        reserved: Usd::from_dollars(30.0),
    };
    let registering = |node: &str| Record::RegisterIntended {
        node: NodeId(node.into()),
        instance: InstanceId(999_999),
        network_node: NetworkNodeName::default(),
    };
    let (mut journal, _) = Journal::open(&account.config.paths.state_dir).unwrap();
    for record in [
        intended("pocpit/demo/1/1-lost"),
        intended("pocpit/demo/1/2-gone"),
        Record::Rented {
            label: "pocpit/demo/1/2-gone".parse().unwrap(),
            instance: InstanceId(999_999),
        },
        registering("vastai-999999"),
        registering("vastai-888888"),
    ] {
        let _kept = journal.append(long_ago, &record).unwrap();
    }
    account.register("vastai-999999");
}

#[test]
fn gc_settles_only_with_complete_lists() {
    let account = Account::new();
    leave_behind(&account);
    let state_dir = &account.config.paths.state_dir;
    let before = journal::read_only(state_dir).unwrap();
    // Given a market that does not answer, then nothing is forgotten,
    let unknown = account.blind_gc("POCPIT_VAST_BASE_URL", "--yes");
    assert_eq!(unknown.code, Some(4), "{}", unknown.stderr);
    assert_eq!(journal::read_only(state_dir).unwrap(), before);
    // and with complete lists everything is settled, including the cost.
    let removed = account.run(&["gc", "--yes"]);
    assert_eq!(removed.code, Some(0), "{}", removed.stderr);
    for words in [
        "forget rental 999999, pocpit/demo/1/2-gone",
        "forget rent call",
        "unregister vastai-999999",
        "forget registration vastai-888888",
    ] {
        assert!(
            removed.stdout.contains(words),
            "{words}: {}",
            removed.stdout
        );
    }
    let after = journal::read_only(state_dir).unwrap();
    assert_eq!(
        (after.open_rentals().len(), after.registrations().len()),
        (0, 0)
    );
    let spent = after.spent_within(Duration::zero(), account.world_time());
    assert!(spent >= Usd::from_dollars(20.0), "{spent}");
    assert!(!account.is_registered("vastai-999999"));
}

#[test]
fn gc_fails_on_second_failure_in_a_row() {
    let account = Account::new();
    let (market, node) = ("POCPIT_VAST_BASE_URL", "POCPIT_NETWORK_NODE_ADMIN_API");
    let codes = |looks: &[(&str, &str)]| -> Vec<Option<i32>> {
        let looks = looks.iter();
        looks
            .map(|(blind, how)| account.blind_gc(blind, how).code)
            .collect()
    };
    // One failed run is not reported as failed, and a dry run never is.
    assert_eq!(
        codes(&[(node, "--yes"), (node, "--dry-run")]),
        [Some(4), Some(4)]
    );
    // A complete run resets the count.
    assert_eq!(account.run(&["gc", "--yes"]).code, Some(0));
    assert_eq!(codes(&[(market, "--yes")]), [Some(4)]);
    // The second in a row is reported as failed, with the time of the first.
    let failed = account.blind_gc(node, "--yes");
    assert_eq!(failed.code, Some(1), "{}", failed.stderr);
    assert!(
        failed.stderr.contains("check 2 in a row failed, since 20"),
        "{}",
        failed.stderr
    );
}

#[test]
fn gc_is_read_only_without_the_lock() {
    let account = Account::new();
    let ours = account.rent("pocpit/demo/1/1-a");
    let held = Journal::open(&account.config.paths.state_dir).unwrap();
    let refused = account.run(&["gc", "--yes"]);
    assert_eq!(refused.code, Some(3), "{}", refused.stderr);
    assert!(
        refused.stdout.contains(&format!("destroy rental {ours}")),
        "{}",
        refused.stdout
    );
    assert_eq!(account.run(&["gc", "--dry-run"]).code, Some(0));
    assert_eq!(account.rentals(), [ours]);
    // When that process has exited, then it continues.
    drop(held);
    assert_eq!(account.run(&["gc", "--yes"]).code, Some(0));
    assert!(account.rentals().is_empty());
}

#[test]
fn gc_keeps_rental_of_killed_sprint() {
    let account = Account::new();
    let mut auto = account
        .home
        .command(&["--config", &account.sim.config, "auto", "--once"])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(auto.stderr.take().unwrap()).lines();
    let boots = lines
        .by_ref()
        .map_while(Result::ok)
        .any(|line| line.contains("booting"));
    assert!(boots, "it never booted");
    kill_process(Pid::from_child(&auto), Signal::KILL).unwrap();
    auto.wait().unwrap();
    let rentals = account.rentals();
    assert_eq!(rentals.len(), 1);
    let left = account.run(&["gc", "--yes"]);
    assert_eq!(left.code, Some(0), "{}", left.stderr);
    assert!(
        left.stderr.contains("is in use by a sprint"),
        "{}",
        left.stderr
    );
    assert!(
        left.stdout.contains("nothing is left over"),
        "{}",
        left.stdout
    );
    assert_eq!(account.rentals(), rentals);
}
