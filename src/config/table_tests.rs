//! Several Network Nodes and accounts in one file.

use secrecy::ExposeSecret as _;

use super::samples::{LEAST, PROXY};
use super::tests::*;
use super::*;
use crate::domain::{Slot, Usd};

/// [`LEAST`] without its Network Node.
fn nodeless() -> String {
    let start = LEAST.find("[network_node]").unwrap();
    let rest = &LEAST[start + 1..];
    let end = rest.find("\n[").map_or(rest.len(), |end| end + 1);
    format!("{}{}", &LEAST[..start], &rest[end..])
}

/// A Network Node with these lines; each has an address and ports of its own.
fn network_node(name: &str, number: u16, lines: &str) -> String {
    format!(
        "[[network_node]]\nname = \"{name}\"\nadmin_api = \"http://10.0.0.{number}:9200\"\nparticipant = \"gonka1{name}\"\nhost = \"172.17.0.1\"\napi_listen = \"172.17.0.1:{number}8000\"\ninference_listen = \"172.17.0.1:{number}5000\"\ncallback_target = \"127.0.0.1:910{number}\"\n{lines}\n"
    )
}

fn two_nodes(lines: &str) -> String {
    nodeless() + &network_node("west", 1, "") + &network_node("east", 2, lines)
}

fn pool(name: &str, lines: &str) -> String {
    format!("[[pool]]\nname = \"{name}\"\n{lines}\n")
}

fn account(name: &str, key: &str) -> String {
    format!("[[account]]\nname = \"{name}\"\napi_key = \"{key}\"\n")
}

#[test]
fn one_network_node_and_account_are_called_main() {
    let config = config(LEAST);
    assert_eq!(config.network_node.name.as_str(), "main");
    assert_eq!(config.network_nodes().count(), 1);
    let accounts: Vec<_> = config.accounts().collect();
    assert_eq!(accounts.len(), 1);
    assert_eq!(accounts[0].name.as_str(), "main");
    assert_eq!(
        config.network_node_title(&config.network_node.name),
        "the Network Node"
    );
}

#[test]
fn pools_have_the_network_node_and_account_that_they_name() {
    // Given two Network Nodes, two accounts, and pools that name some of them,
    let text = two_nodes("node_prefix = \"east-\"")
        + &account("second", "k2")
        + "credit_floor = 7.5\n"
        + &pool("a", "")
        + &pool(
            "b",
            "network_node = \"east\"\naccount = \"second\"\nreplicas = 3",
        );
    let config = config(&text);
    // when a replica of each looks at its configuration,
    let of = |index: usize, slot| {
        let pool = config.pools.iter().nth(index).unwrap();
        config.of_replica(pool, Slot(slot))
    };
    let (a, b) = (of(0, 0), of(1, 2));
    // then it has those, with their participant, prefix, ports, key and floor;
    let place = |config: &Config| {
        let node = &config.network_node;
        (
            node.name.to_string(),
            node.participant.0.clone(),
            node.node_prefix.clone(),
        )
    };
    assert_eq!(
        place(&a),
        ("west".into(), "gonka1west".into(), "vastai-".into())
    );
    assert_eq!(
        place(&b),
        ("east".into(), "gonka1east".into(), "east-".into())
    );
    let Exposure::Tunnel { api_listen, .. } = b.network_node.exposure else {
        panic!("a tunnel")
    };
    assert_eq!(api_listen.port(), 28_002);
    assert_eq!(b.vast.api_key.expose_secret(), "k2");
    assert_eq!(b.budget.credit_floor, Usd::from_dollars(7.5));
    assert_eq!(a.vast.account.as_str(), "main");
    // and the file does not need to say a participant for all.
    let text = text.replace("participant = \"gonka1abc\"\n", "");
    assert_eq!(
        super::tests::config(&text).network_node.participant.0,
        "gonka1west"
    );
}

#[test]
fn settings_of_one_network_node_are_not_anothers() {
    // Given a first Network Node with settings that the second does not have,
    let text = nodeless()
        + &network_node("west", 1, "request_timeout = \"7s\"\nhardware_name = \"A\"")
        + &network_node("east", 2, "");
    let config = config(&text);
    // then the second begins with the defaults.
    let east = &config.other_network_nodes[0];
    assert_eq!(east.request_timeout.as_secs(), 30);
    assert_eq!(east.hardware_name, None);
    assert_eq!(config.network_node.hardware_name.as_deref(), Some("A"));
    // What the environment says is for both.
    let environment = [(
        "POCPIT_NETWORK_NODE_REQUEST_TIMEOUT".to_owned(),
        "9s".to_owned(),
    )];
    let config = parsed_with(&two_nodes(""), &environment).unwrap().config;
    let timeouts = config
        .network_nodes()
        .map(|one| one.request_timeout.as_secs());
    assert_eq!(timeouts.collect::<Vec<_>>(), [9, 9]);
}

#[test]
fn proxy_is_at_the_network_node_that_it_names() {
    let with = |line: &str| {
        two_nodes("") + &PROXY.replace("[inference_proxy]", &format!("[inference_proxy]\n{line}"))
    };
    let has_proxy = |text: &str| {
        let config = config(text);
        let at = |name: &str| config.at_network_node(&name.parse().unwrap());
        [at("west"), at("east")].map(|at| at.inference_proxy.is_some())
    };
    assert_eq!(has_proxy(&with("")), [true, false]);
    assert_eq!(has_proxy(&with("network_node = \"east\"")), [false, true]);
    let problem = problem_of(
        &with("network_node = \"north\""),
        "inference_proxy.network_node",
    );
    assert!(
        problem.to_string().contains("one of west, east"),
        "{problem}"
    );
}

/// Each text has this problem, in a line of its table.
fn refused(cases: &[(String, &str, &str)]) {
    for (text, key, says) in cases {
        let problem = problem_of(text, key);
        assert!(problem.to_string().contains(says), "{key}: {problem}");
        assert!(problem.line.is_some() || *key == "account", "{key}");
        assert!(!report(text).to_string().contains("k9"), "{key}");
    }
}

#[test]
fn tables_that_clash_or_lack_something_are_reported_by_name() {
    refused(&[
        (
            two_nodes("").replace("name = \"east\"", "name = \"west\""),
            "network_node.west.name",
            "Network Node west has this name",
        ),
        (
            two_nodes("").replace("10.0.0.2", "10.0.0.1"),
            "network_node.east.admin_api",
            "west has this address",
        ),
        (
            two_nodes("").replace("gonka1east", "gonka1west"),
            "network_node.east.participant",
            "west has this participant",
        ),
        (
            two_nodes("").replace(":9102", ":9101"),
            "network_node.east.callback_target",
            "west has this callback",
        ),
        (
            two_nodes("").replace("name = \"east\"\n", ""),
            "network_node.name",
            "missing",
        ),
        (
            two_nodes("").replace("admin_api = \"http://10.0.0.2:9200\"\n", ""),
            "network_node.east.admin_api",
            "missing",
        ),
        (
            two_nodes("").replace(
                "host = \"172.17.0.1\"\napi_listen = \"172.17.0.1:28000\"\n",
                "",
            ),
            "network_node.east.host",
            "missing",
        ),
        (
            two_nodes("request_timeout = \"soon\""),
            "network_node.east.request_timeout",
            "not a duration",
        ),
        (
            two_nodes("replicas = 2"),
            "network_node.east.replicas",
            "unknown setting",
        ),
        (
            two_nodes("notify = 1"),
            "network_node.east.notify",
            "have none of their own",
        ),
        (
            two_nodes("") + "[network_node.ssh]\nuser = \"me\"\n",
            "network_node.east.ssh",
            "have none of their own",
        ),
    ]);
}

#[test]
fn accounts_and_names_that_clash_are_reported() {
    let second = "[[account]]\nname = \"second\"\n";
    refused(&[
        (
            LEAST.to_owned() + second,
            "account.second.api_key",
            "missing",
        ),
        (
            LEAST.to_owned() + &account("main", "k9"),
            "account.main.name",
            "main is the account of [vast]",
        ),
        (
            LEAST.to_owned() + &account("a", "k9") + &account("a", "k8"),
            "account.a.name",
            "account a has this name",
        ),
        (
            LEAST.to_owned() + &account("a", "k9") + &account("b", "k9"),
            "account.b.api_key",
            "account a has this key",
        ),
        (
            LEAST.to_owned() + &account("a", "vast-secret-value"),
            "account.a.api_key",
            "[vast] has this key",
        ),
        (
            LEAST.to_owned() + "[account]\nname = \"a\"\n",
            "account",
            "[[account]], in two brackets",
        ),
        (
            LEAST.to_owned() + &pool("p", "account = \"other\""),
            "pool.p.account",
            "there is no account other",
        ),
        (
            LEAST.to_owned() + &pool("p", "network_node = \"x\""),
            "pool.p.network_node",
            "there is no Network Node x",
        ),
        (
            two_nodes("") + &pool("p", "network_node = \"x\""),
            "pool.p.network_node",
            "one of west, east",
        ),
    ]);
}

#[test]
fn ports_of_network_nodes_do_not_meet() {
    // Given pools whose replicas need ports at both Network Nodes,
    let pools = |replicas: u16| {
        pool("a", &format!("replicas = {replicas}"))
            + &pool("b", "network_node = \"east\"\nreplicas = 2")
    };
    let meeting = two_nodes("").replace("172.17.0.1:28000", "172.17.0.1:18003");
    // then those of one must end before those of the other begin.
    config(&(meeting.clone() + &pools(3)));
    let text = meeting + &pools(4);
    let problem = problem_of(&text, "network_node.east.api_listen");
    let says = "network_node.west.api_listen has ports 18000 to 18003";
    assert!(problem.what.contains(says), "{}", problem.what);
}

#[test]
fn proxy_has_no_address_of_a_replica_of_its_network_node() {
    // Given a proxy at the address that a replica has at `east`, whose host is the same,
    let proxy = PROXY
        .replace("host = \"h\"", "host = \"172.17.0.1\"")
        .replace("poc_port = 2", "poc_port = 28000");
    let at =
        |place: &str| proxy.replace("[inference_proxy]", &format!("[inference_proxy]\n{place}"));
    let pools = pool("a", "") + &pool("b", "network_node = \"east\"");
    let with = |place: &str| two_nodes("") + &pools + &at(place);
    // when it is registered at the other one, which is the first, then the address is its alone there;
    config(&with(""));
    config(&with("network_node = \"west\""));
    // when it is at that one, then both would have it.
    let problem = problem_of(&with("network_node = \"east\""), "inference_proxy.poc_port");
    assert!(
        problem.what.contains("network_node.east.api_listen"),
        "{}",
        problem.what
    );
}

#[test]
fn tables_are_shown_with_secrets_masked() {
    let text = two_nodes("") + &account("second", "k2") + &pool("a", "account = \"second\"");
    let loaded = loaded(&text);
    let shown = loaded.settings();
    let value = |key: &str| {
        let found = shown.iter().find(|setting| setting.key == key);
        found.map(|setting| setting.value.as_str())
    };
    assert_eq!(value("network_node.east.name"), Some("\"east\""));
    assert_eq!(value("network_node.east.request_timeout"), Some("\"30s\""));
    assert_eq!(value("network_node.admin_api"), None, "shown with each");
    assert_eq!(value("account.second.api_key"), Some("\"********\""));
    assert_eq!(value("pool.a.account"), Some("\"second\""));
    // What is shown can be read again.
    let again = loaded.show().replace("\"********\"", "\"k3\"");
    let again = again.replacen("\"k3\"", "\"k4\"", 1);
    assert_eq!(config(&again).network_nodes().count(), 2);
}
