//! Records that tests in several rooms begin with.

use super::Record;
use crate::domain::{
    AccountName, InstanceId, MachineId, NetworkNodeName, NodeId, OfferId, RentalLabel,
    RentalPrices, ReplicaId, Usd, UsdPerHour,
};

pub(crate) fn rent_intended(label: RentalLabel, replica: ReplicaId) -> Record {
    Record::RentIntended {
        label,
        replica,
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

/// A rental of a replica.
pub(crate) fn rented(label: &str, replica: &str, instance: u64) -> [Record; 2] {
    let label: RentalLabel = label.parse().unwrap();
    let intended = rent_intended(label.clone(), replica.parse().unwrap());
    let instance = InstanceId(instance);
    [intended, Record::Rented { label, instance }]
}

pub(crate) fn registering(node: &str, instance: u64) -> Record {
    Record::RegisterIntended {
        node: NodeId(node.into()),
        instance: InstanceId(instance),
        network_node: NetworkNodeName::default(),
    }
}
