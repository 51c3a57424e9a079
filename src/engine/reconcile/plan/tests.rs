use std::collections::BTreeMap;

use super::*;
use crate::config::{NetworkNodeConfig, samples::config};
use crate::domain::{NodeConfig, SprintReport, Usd, samples};
use crate::journal::Record;
use crate::journal::samples::{registering, rent_intended};

fn at(minute: i64) -> Time {
    Time::from_timestamp(1_790_000_000, 0).unwrap() + Duration::minutes(minute)
}

fn instance(id: u64, label: &str) -> Instance {
    Instance {
        label: Some(label.into()),
        ..samples::instance(id)
    }
}

fn node(id: &str) -> RegisteredNode {
    samples::listed(NodeConfig {
        id: NodeId(id.into()),
        host: "10.0.0.7".into(),
        inference_port: 5000,
        inference_segment: String::new(),
        poc_port: 8080,
        poc_segment: String::new(),
        max_concurrent: 1,
        models: BTreeMap::new(),
        hardware: Vec::new(),
    })
}

fn label(attempt: u32) -> RentalLabel {
    format!("pocpit/home/359/{attempt}-abc").parse().unwrap()
}

fn intended(attempt: u32) -> Record {
    rent_intended(label(attempt), ReplicaId::default())
}

fn rented(attempt: u32, id: u64) -> Record {
    let (label, instance) = (label(attempt), InstanceId(id));
    Record::Rented { label, instance }
}

fn ledger(records: &[Record]) -> Ledger {
    let mut ledger = Ledger::default();
    for record in records {
        ledger.apply(at(0), record);
    }
    ledger
}

fn actions(
    minute: i64,
    instances: &[Instance],
    nodes: Option<&[RegisteredNode]>,
    records: &[Record],
) -> Vec<CleanupAction> {
    let (main, network_node) = (AccountName::default(), NetworkNodeName::default());
    let list = nodes.map(|nodes| NodeList {
        network_node: &network_node,
        nodes,
        node_prefix: "vastai-",
    });
    plan(&ReconcileInput {
        now: at(minute),
        accounts: &[&main],
        instances,
        nodes: list.as_slice(),
        ledger: &ledger(records),
        sprints: &[],
        cockpit: &"home".parse().unwrap(),
    })
}

fn unregister(network_node: &str, node: &str) -> CleanupAction {
    CleanupAction::Unregister(Registration {
        network_node: network_node.parse().unwrap(),
        node: NodeId(node.into()),
    })
}

#[test]
fn only_our_leftovers_are_cleaned_up() {
    let instances = [
        instance(1, "pocpit/home/1/1-a"),
        instance(2, "pocpit/other/1/1-a"),
        instance(3, "training"),
    ];
    let nodes = [
        node("vastai-1"),
        node("vastai-2"),
        node("vastai-9"),
        node("proxy"),
    ];
    assert_eq!(
        actions(0, &instances, Some(&nodes), &[]),
        [
            CleanupAction::Destroy(InstanceId(1)),
            unregister("main", "vastai-1")
        ]
    );
}

#[test]
fn unlisted_rentals_wait_before_cleanup() {
    let records = [intended(1), rented(1, 41), intended(2)];
    assert_eq!(actions(2, &[], Some(&[]), &records), []);
    assert_eq!(
        actions(4, &[], Some(&[]), &records),
        [
            CleanupAction::Verify(InstanceId(41)),
            CleanupAction::Void(label(2))
        ]
    );
}

#[test]
fn revived_registration_is_removed_again() {
    // Given a node of an earlier sprint, which was removed and is listed again,
    let report = SprintReport {
        node: Some(NodeId("vastai-41".into())),
        ..SprintReport::default()
    };
    let records = [
        registering("vastai-41", 41),
        Record::Unregistered {
            node: NodeId("vastai-41".into()),
        },
        Record::SprintEnded { report },
    ];
    let nodes = [node("vastai-41"), node("vastai-77")];
    // then it is removed, and what merely has our prefix is not.
    let again = [unregister("main", "vastai-41")];
    assert_eq!(actions(9, &[], Some(&nodes), &records), again);
    assert_eq!(actions(9, &[], Some(&nodes[1..]), &records), []);
}

#[test]
fn unknown_node_list_removes_nothing() {
    let records = [registering("vastai-41", 41), registering("vastai-42", 42)];
    let nodes = [node("vastai-41")];
    assert_eq!(
        actions(9, &[], Some(&nodes), &records),
        [
            unregister("main", "vastai-41"),
            CleanupAction::Forget(NodeId("vastai-42".into()))
        ]
    );
    assert_eq!(actions(9, &[], None, &records), []);
}

#[test]
fn each_account_and_network_node_answers_for_its_own() {
    // Given rentals on two accounts, registered at two Network Nodes,
    let on = |account: &str, attempt, id| {
        let mut intended = intended(attempt);
        let Record::RentIntended { account: of, .. } = &mut intended else {
            unreachable!()
        };
        *of = account.parse().unwrap();
        [intended, rented(attempt, id)]
    };
    let at_node = |network_node: &str, id: &str, instance| Record::RegisterIntended {
        node: NodeId(id.into()),
        instance: InstanceId(instance),
        network_node: network_node.parse().unwrap(),
    };
    let records = [
        on("main", 1, 41).to_vec(),
        on("second", 2, 42).to_vec(),
        vec![
            at_node("main", "vastai-41", 41),
            at_node("west", "vastai-42", 42),
        ],
    ]
    .concat();
    let (second, west) = ("second".parse().unwrap(), "west".parse().unwrap());
    let nodes = [node("vastai-41"), node("vastai-42")];
    // when only the second account and the second Network Node are known, and nothing is rented there,
    let actions = plan(&ReconcileInput {
        now: at(9),
        accounts: &[&second],
        instances: &[],
        nodes: &[NodeList {
            network_node: &west,
            nodes: &nodes,
            node_prefix: "vastai-",
        }],
        ledger: &ledger(&records),
        sprints: &[],
        cockpit: &"home".parse().unwrap(),
    });
    // then what is elsewhere stays.
    let expected = [
        CleanupAction::Verify(InstanceId(42)),
        unregister("west", "vastai-42"),
    ];
    assert_eq!(actions, expected);
}

#[test]
fn network_node_of_an_open_registration_stays_that_of_its_pool() {
    // Given a node at the Network Node `west`, whose rental may be gone already,
    let registering = Record::RegisterIntended {
        node: NodeId("vastai-41".into()),
        instance: InstanceId(41),
        network_node: "west".parse().unwrap(),
    };
    let open = [intended(1), rented(1, 41), registering];
    let gone = Record::RentalGone {
        label: label(1),
        instance: InstanceId(41),
        cost: Usd::ZERO,
    };
    let over = Record::Unregistered {
        node: NodeId("vastai-41".into()),
    };
    // when its pool, which rents or is idle, has a Network Node,
    let west = NetworkNodeConfig {
        name: "west".parse().unwrap(),
        ..config().network_node
    };
    let with = |network_node: &str| {
        let mut config = config();
        config.other_network_nodes = vec![west.clone()];
        config.pools.first.network_node = network_node.parse().unwrap();
        config
    };
    let of = |records: &[&[Record]], config| unknown_places(&ledger(&records.concat()), &config);
    // then that is the one of the registration until this is gone.
    for records in [&[&open[..]][..], &[&open[..], &[gone][..]]] {
        assert_eq!(of(records, with("west")), None);
        let says = of(records, with("main")).unwrap();
        assert!(
            says.contains("pool default has the Network Node main now: put west back"),
            "{says}"
        );
    }
    assert_eq!(of(&[&open, &[over]], with("main")), None);
    let mut retiring = with("main");
    retiring.pools.first.name = "other".parse().unwrap();
    assert_eq!(of(&[&open], retiring), None);
}
