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
    Record::RegisterIntended { node, instance }
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
    plan(&ReconcileInput {
        now: at(minute),
        instances,
        nodes,
        ledger: &ledger(records),
        sprints: &[],
        cockpit: &"home".parse().unwrap(),
        node_prefix: "vastai-",
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
            CleanupAction::Unregister(NodeId("vastai-1".into()))
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
    let again = [CleanupAction::Unregister(NodeId("vastai-41".into()))];
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
            CleanupAction::Unregister(NodeId("vastai-41".into())),
            CleanupAction::Forget(NodeId("vastai-42".into()))
        ]
    );
    assert_eq!(actions(9, &[], None, &records), []);
}
