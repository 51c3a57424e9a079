use std::collections::BTreeMap;

use super::*;
use crate::domain::{
    MachineId, NodeConfig, OfferId, RentalPrices, ReplicaId, SprintReport, Usd, UsdPerHour, samples,
};
use crate::journal::Record;

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
    Record::RentIntended {
        label: label(attempt),
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
        reserved: Usd::from_dollars(20.0),
    }
}

fn rented(attempt: u32, id: u64) -> Record {
    let (label, instance) = (label(attempt), InstanceId(id));
    Record::Rented { label, instance }
}

fn registering(id: &str, instance: u64) -> Record {
    let (node, instance) = (NodeId(id.into()), InstanceId(instance));
    let network_node = NetworkNodeName::default();
    Record::RegisterIntended {
        node,
        instance,
        network_node,
    }
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
