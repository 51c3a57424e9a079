//! What the market charges for a rental, against what its offer said. An offer is minutes old when
//! it is rented; the instance's own row is what counts.

use super::condition::Condition;
use super::core::Engine;
use super::snapshot::{Alert, AlertLevel};
use crate::domain::{Instance, RentalPrices, Time, Usd, UsdPerHour};
use crate::flow::{Dearer, Event};
use crate::journal::{OpenRental, Record};

impl Engine {
    /// Takes the price in an instance's row into account: costs and caps go by it from now on, and
    /// the sprint is told.
    pub(super) fn see_price(&mut self, now: Time, instance: &Instance) {
        let Some(label) = instance.rental_label() else {
            return;
        };
        let charged = instance.total_price;
        let open = self.ledger.open_rentals().into_iter();
        let repriced = open
            .filter(|open| open.label == label)
            .find_map(|open| repriced(open, charged));
        if let Some(record) = repriced {
            tracing::error!(
                "instance {} costs {charged}, more than its offer said",
                instance.id
            );
            self.record(&record);
        }
        let agreed = self
            .sprint
            .rentals()
            .find(|rental| rental.label == label && rental.dearer.is_none())
            .map(|rental| rental.offer.price_with_disk(self.config.vast.query.disk_gb));
        if let Some(agreed) = agreed.filter(|agreed| charged.exceeds(*agreed)) {
            let dearer = Dearer { agreed, charged };
            let instance = instance.id;
            self.feed(now, Event::RentalIsDearer { instance, dearer });
        }
    }

    /// Money that nobody agreed to is spent.
    pub(super) fn price_alert(&self) -> Option<Alert> {
        let mut rentals = self.sprint.rentals();
        let (rental, dearer) = rentals.find_map(|rental| Some((rental, rental.dearer?)))?;
        let Dearer { agreed, charged } = dearer;
        Some(Alert {
            condition: Condition::Dearer(rental.instance),
            level: AlertLevel::Critical,
            text: format!(
                "instance {} costs {charged}, {agreed} was agreed",
                rental.instance
            ),
            advice: "auto gives it back before it is registered; by hand, x aborts and another offer can be taken".to_owned(),
            since: rental.since,
        })
    }
}

/// The record of a rental that costs more than the journal has it; its worst case grows alike.
fn repriced(open: &OpenRental, charged: UsdPerHour) -> Option<Record> {
    let storage_price = open.prices.storage_price;
    let known = open.prices.gpu_price + storage_price;
    if !charged.exceeds(known) || known <= UsdPerHour::ZERO {
        return None;
    }
    let times = charged.0.dollars() / known.0.dollars();
    Some(Record::RentalRepriced {
        label: open.label.clone(),
        prices: RentalPrices {
            gpu_price: UsdPerHour(charged.0 - storage_price.0),
            ..open.prices.clone()
        },
        reserved: Usd::from_dollars(open.reserved.dollars() * times),
    })
}
