//! Rentals in a snapshot.

use crate::domain::{BootStage, Instance, Offer, StageTimes, Time, Usd, UsdPerHour, excerpt};
use crate::engine::snapshot::{
    BootSnapshot, LinkSnapshot, RentalSnapshot, RentedMachine, StageForecast,
};
use crate::engine::state::{Replica, Shared};
use crate::flow::Rental;

impl Replica {
    pub(crate) fn price(&self, rental: &Rental) -> UsdPerHour {
        let agreed = rental.offer.price_with_disk(self.config.vast.query.disk_gb);
        rental.dearer.map_or(agreed, |dearer| dearer.charged)
    }

    pub(crate) fn rental_snapshot(
        &self,
        shared: &Shared,
        now: Time,
        rental: &Rental,
    ) -> RentalSnapshot {
        let monitor = self.monitor(rental.instance);
        let row = monitor.and_then(|monitor| monitor.row.as_ref());
        let mlnode = monitor.and_then(|monitor| monitor.mlnode.as_ref());
        let open = shared.ledger.open_rental(&rental.label);
        RentalSnapshot {
            id: rental.instance,
            label: rental.label.clone(),
            gpus: rental.offer.gpus(),
            location: rental.offer.location.clone(),
            machine: Some(machine(&rental.offer)),
            status: row.map_or_else(|| "not listed yet".to_owned(), status_text),
            rented_at: rental.since,
            price: self.price(rental),
            cost: open.map_or(Usd::ZERO, |open| open.cost(now)),
            lease_until: rental.lease_until,
            ssh: monitor.and_then(|monitor| monitor.link.endpoint.clone()),
            link: monitor.map_or(LinkSnapshot::None, |monitor| monitor.link.snapshot()),
            boot: self.boot_snapshot(now, rental),
            devices: mlnode
                .and_then(|status| status.gpus.clone())
                .unwrap_or_default(),
            service: mlnode.map(|status| status.state),
            releasing: self.sprint.lost_race(rental) || self.sprint.is_releasing(),
        }
    }

    fn boot_snapshot(&self, now: Time, rental: &Rental) -> BootSnapshot {
        let Some(boot) = self.monitor(rental.instance).map(|monitor| &monitor.boot) else {
            return BootSnapshot {
                started: vec![(BootStage::Placed, rental.since)],
                ..BootSnapshot::default()
            };
        };
        let left = (!boot.is_ready()).then(|| boot.expected_left(now));
        BootSnapshot {
            stage: boot.stage(),
            progress: boot.progress(),
            detail: boot.detail().to_owned(),
            started: boot.started().to_vec(),
            ready_from: left.map(|left| now + left.p10),
            ready_at: left.map(|left| now + left.p50),
            ready_by: left.map(|left| now + left.p90),
            expected: forecast(boot.usual()),
            fault: boot.fault().cloned(),
            run: boot.run(),
            setback: boot.setback(now),
        }
    }
}

fn forecast(usual: &StageTimes) -> Vec<StageForecast> {
    let stages = usual.0.iter();
    stages
        .map(|(stage, time)| StageForecast {
            stage: *stage,
            median: time.median,
            p90: time.p90(),
        })
        .collect()
}

fn machine(offer: &Offer) -> RentedMachine {
    RentedMachine {
        machine: offer.machine,
        host: offer.host,
        offer: offer.id,
        reliability: offer.reliability,
        verified: offer.verified,
    }
}

fn status_text(instance: &Instance) -> String {
    match &instance.status_message {
        Some(message) => format!("{}: {}", instance.actual, excerpt(message)),
        None => instance.actual.to_string(),
    }
}
