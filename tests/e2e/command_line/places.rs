//! Two Network Nodes and two accounts: commands see all of them, and one that is silent hides no other.

use pocpit::config::Config;
use pocpit::domain::{
    InstanceId, MachineId, NodeConfig, NodeId, OfferId, RentalPrices, Time, Usd, UsdPerHour,
};
use pocpit::http::HttpClient;
use pocpit::journal::{Journal, Record};
use pocpit::network_node::NetworkNodeClient;
use pocpit::ports::{Market as _, NetworkNode as _};
use serde_json::{Value, json};

use super::{Home, Ran, config_of, ran};
use crate::sim::Sim;

const FIRST: (&str, &str) = ("north", "main");
const SECOND: (&str, &str) = ("north-2", "account-2");

/// A world with two of each, and its operator.
struct Fleet {
    home: Home,
    sim: Sim,
    config: Config,
    runtime: tokio::runtime::Runtime,
}

impl Fleet {
    fn new() -> Fleet {
        let home = Home::new();
        let mut command = home.command(&["sim", "--scenario", "fleet", "--speed", "200"]);
        let sim = Sim::start(&mut command);
        Fleet {
            config: config_of(&sim),
            runtime: tokio::runtime::Runtime::new().unwrap(),
            home,
            sim,
        }
    }

    /// As rentals of this Network Node and this account see it.
    fn at(&self, (network_node, account): (&str, &str)) -> Config {
        let config = self.config.at_network_node(&network_node.parse().unwrap());
        config.of_account(&account.parse().unwrap())
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        self.run_with(&self.sim.config, arguments)
    }

    fn run_with(&self, file: &str, arguments: &[&str]) -> Ran {
        ran(self.home.command(&["--config", file]).args(arguments))
    }

    /// The configuration with one text in the place of another.
    fn altered(&self, what: &str, by: &str) -> String {
        let text = std::fs::read_to_string(&self.sim.config).unwrap();
        assert!(text.contains(what), "{what}: {text}");
        let file = self.home.path("altered.toml");
        std::fs::write(&file, text.replace(what, by)).unwrap();
        file.display().to_string()
    }

    fn rent(&self, place: (&str, &str), label: &str) -> InstanceId {
        let vast = self.at(place).vast;
        let id = self.runtime.block_on(crate::market::rent(&vast, label));
        while !self.rentals(place).contains(&id) {
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        id
    }

    fn rentals(&self, place: (&str, &str)) -> Vec<InstanceId> {
        let market = crate::market::market(&self.at(place).vast);
        let all = self.runtime.block_on(market.instances()).unwrap();
        all.iter().map(|instance| instance.id).collect()
    }

    fn network_node(&self, place: (&str, &str)) -> NetworkNodeClient {
        NetworkNodeClient::new(HttpClient::new(), &self.at(place).network_node)
    }

    fn register(&self, place: (&str, &str), id: &str) {
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
        let registering = self.network_node(place);
        self.runtime.block_on(registering.register(&node)).unwrap();
    }

    fn is_registered(&self, place: (&str, &str), id: &str) -> bool {
        let listing = self.network_node(place);
        let nodes = self.runtime.block_on(listing.nodes()).unwrap();
        nodes.iter().any(|node| node.config.id.0 == id)
    }
}

fn said(ran: &Ran) -> Value {
    serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {}", ran.stderr))
}

#[test]
fn checks_and_lists_name_the_account_and_the_network_node() {
    let fleet = Fleet::new();
    // Given a node at the second Network Node, when everything is checked,
    fleet.register(SECOND, "theirs-2");
    let checked = fleet.run(&["check", "--json"]);
    let probes = said(&checked);
    let of = |what: &str, key: &str| -> Vec<Value> {
        let all = probes.as_array().unwrap().iter();
        let about = all.filter(|probe| probe["what"] == what);
        about.map(|probe| probe[key].clone()).collect()
    };
    // then both keys, both accounts and both Network Nodes are,
    assert_eq!(of("Vast key", "account"), ["main", "account-2"]);
    assert_eq!(of("Vast key", "verdict"), ["met", "met"]);
    assert_eq!(of("API release", "network_node"), ["north", "north-2"]);
    let words = fleet.run(&["check"]);
    assert!(
        words.stdout.contains("account account-2: accepted"),
        "{}",
        words.stdout
    );
    // The nodes are listed by Network Node.
    let nodes = said(&fleet.run(&["nodes", "--json"]));
    let place = |id: &str| {
        let mut all = nodes.as_array().unwrap().iter();
        all.find(|node| node["config"]["id"] == id)
            .map(|node| node["network_node"].clone())
    };
    assert_eq!(place("theirs-2"), Some(json!("north-2")));
    assert_eq!(place("inference-proxy"), Some(json!("north")));
    let words = fleet.run(&["nodes"]).stdout;
    assert!(
        words.contains("read from north (http") && words.contains("north-2 (http"),
        "{words}"
    );
    // A plan rents for each pool.
    let plan = fleet.run(&["plan"]);
    assert_eq!(plan.code, Some(0), "{}{}", plan.stdout, plan.stderr);
    for pool in ["minimax", "deepseek"] {
        assert!(plan.stdout.contains(pool), "{}", plan.stdout);
    }
    // One pool alone can be asked for, and one that is not there cannot.
    let only = said(&fleet.run(&["check", "--json", "--pool", "deepseek"]));
    let models = only.as_array().unwrap().iter();
    let models = models.filter(|probe| probe["what"] == "model").count();
    assert_eq!(models, 1, "{only}");
    let plan = fleet.run(&["plan", "--pool", "deepseek"]).stdout;
    assert!(!plan.contains("minimax"), "{plan}");
    let unknown = fleet.run(&["auto", "--pool", "kimi"]);
    assert_eq!(unknown.code, Some(2), "{}", unknown.stderr);
    assert!(
        unknown.stderr.contains("the pools are: minimax, deepseek"),
        "{}",
        unknown.stderr
    );
}

#[test]
fn gc_removes_what_is_left_over_anywhere() {
    let fleet = Fleet::new();
    // Given a rental of ours on each account, each registered with another Network Node, and one of others,
    let first = fleet.rent(FIRST, "pocpit/demo/1/1-a");
    let second = fleet.rent(SECOND, "pocpit/demo/1/1-b");
    let others = fleet.rent(SECOND, "pocpit/other/1/1-c");
    let nodes = [first, second].map(|id| format!("vastai-{id}"));
    fleet.register(FIRST, &nodes[0]);
    fleet.register(SECOND, &nodes[1]);
    // when everything is cleaned up,
    let cleaned = fleet.run(&["gc", "--yes"]);
    assert_eq!(
        cleaned.code,
        Some(0),
        "{}{}",
        cleaned.stdout,
        cleaned.stderr
    );
    assert!(cleaned.stderr.contains("4 of 4 done"), "{}", cleaned.stderr);
    // then ours is gone everywhere, and the other one is not.
    assert_eq!(fleet.rentals(FIRST), []);
    assert_eq!(fleet.rentals(SECOND), [others]);
    assert!(!fleet.is_registered(FIRST, &nodes[0]) && !fleet.is_registered(SECOND, &nodes[1]));
}

#[test]
fn silent_account_and_network_node_hide_nothing_of_the_others() {
    let fleet = Fleet::new();
    let place = |label: &str| {
        let ids =
            [FIRST, SECOND].map(|place| fleet.rent(place, &format!("{label}{}", place.1.len())));
        fleet.register(FIRST, &format!("vastai-{}", ids[0]));
        ids
    };
    let is_left = |id: InstanceId| fleet.rentals(SECOND).contains(&id);
    let wrong = fleet.altered("simulated-vast-key-2", "no-such-key");
    for command in [&["gc", "--yes"][..], &["release", "--yes"]] {
        // Given an account whose key is refused,
        let [first, second] = place("pocpit/demo/1/1-x");
        // when everything is taken down, then the rental of the other account is gone, with its registration,
        let ran = fleet.run_with(&wrong, command);
        assert!(!fleet.rentals(FIRST).contains(&first), "{}", ran.stderr);
        assert!(!fleet.is_registered(FIRST, &format!("vastai-{first}")));
        // and what is unknown is told, by name and by the exit code.
        assert!(
            is_left(second) && ran.stderr.contains("account-2"),
            "{}",
            ran.stderr
        );
        assert_eq!(ran.code, Some(4), "{}", ran.stderr);
    }
}

/// The journal's word of a rental that an account paid for.
fn rented_by(account: &str) -> [Record; 2] {
    let label: pocpit::domain::RentalLabel = "pocpit/demo/1/1-a".parse().unwrap();
    let intended = Record::RentIntended {
        label: label.clone(),
        replica: "deepseek/1".parse().unwrap(),
        account: account.parse().unwrap(),
        offer: OfferId(1),
        machine: MachineId(1),
        host: None,
        prices: RentalPrices {
            gpu_price: UsdPerHour::from_dollars(1.0),
            storage_price: UsdPerHour::ZERO,
            download_per_gb: Usd::ZERO,
            download_gb: 0.0,
        },
        reserved: Usd::from_dollars(1.0),
    };
    let instance = InstanceId(77);
    [intended, Record::Rented { label, instance }]
}

#[test]
fn account_of_an_open_rental_stays_in_the_configuration() {
    let fleet = Fleet::new();
    let state = &fleet.config.paths.state_dir;
    let (mut journal, _) = Journal::open(state).unwrap();
    let now: Time = fleet.config.simulation.unwrap().world_start;
    for record in rented_by("account-2") {
        let _ = journal.append(now, &record).unwrap();
    }
    drop(journal);
    // Given an open rental, when its pool has another account now, or its account has another name,
    for (what, by, says) in [
        (
            "account = \"account-2\"\n",
            "",
            "pool deepseek has account main now",
        ),
        (
            "\"account-2\"",
            "\"renamed\"",
            "which the configuration does not have",
        ),
    ] {
        let file = fleet.altered(what, by);
        // then nothing starts, since another account's listing would not show the rental.
        let started = fleet.run_with(&file, &["auto", "--once"]);
        assert_eq!(started.code, Some(2), "{}", started.stderr);
        assert!(started.stderr.contains(says), "{says}: {}", started.stderr);
        // gc says so, too.
        let looked = fleet.run_with(&file, &["gc", "--dry-run"]);
        assert!(looked.stderr.contains(says), "{says}: {}", looked.stderr);
    }
}
