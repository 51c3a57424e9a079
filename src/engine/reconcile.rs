//! Compares what the market lists with what the journal knows. The plan is pure: it says what to do,
//! the engine does it. Labels of others are never touched (law 2).

use super::core::Engine;
use super::ports::{Clock, Market};
use crate::config::Config;
use crate::domain::{CockpitId, Duration, Instance, InstanceId, RentalLabel, Time};
use crate::flow::{Event, Sprint};
use crate::journal::{Ledger, Record};

/// A contract can be missing from listings this long after its rent call.
const VISIBLE_WITHIN: Duration = Duration::minutes(3);

/// Between the two listings that prove a rental gone.
const BETWEEN_LISTINGS: Duration = Duration::seconds(30);

/// What a complete listing calls for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Order {
    /// An instance with our label that no sprint uses.
    Destroy(InstanceId),
    /// The journal has this rental open, but it is not listed: ask for it by itself.
    Verify(InstanceId),
    /// An intent whose rental was never seen: nothing was rented.
    Void(RentalLabel),
}

/// The event that a complete listing answers the search for a label with.
pub(super) fn find(instances: &[Instance], label: &RentalLabel) -> Event {
    let text = label.to_string();
    let found = instances
        .iter()
        .find(|instance| instance.label.as_deref() == Some(text.as_str()));
    found.map_or(Event::LabelAbsent, |instance| {
        Event::LabelFound(instance.id)
    })
}

/// The proof that a rental is gone.
#[derive(Debug)]
pub struct Absence {
    /// From when on it was seen nowhere.
    pub since: Time,
    /// The newest complete listing.
    pub listing: Vec<Instance>,
}

/// Two complete listings half a minute apart no longer have it, and its own GET agrees both times
/// (law 4): a listing can lag behind the market for a moment.
pub async fn prove_absence(
    market: &dyn Market,
    clock: &dyn Clock,
    instance: InstanceId,
) -> Option<Absence> {
    let since = clock.now();
    listing_without(market, instance).await?;
    clock.sleep(BETWEEN_LISTINGS).await;
    let listing = listing_without(market, instance).await?;
    Some(Absence { since, listing })
}

async fn listing_without(market: &dyn Market, instance: InstanceId) -> Option<Vec<Instance>> {
    let listing = market.instances().await.ok()?;
    let listed = listing.iter().any(|other| other.id == instance);
    let gone = !listed && matches!(market.instance(instance).await, Ok(None));
    gone.then_some(listing)
}

/// Instances with a label of another cockpit of this program that the operator does not know of.
pub fn foreign<'a>(
    instances: &'a [Instance],
    config: &'a Config,
) -> impl Iterator<Item = (&'a Instance, RentalLabel)> {
    instances.iter().filter_map(move |instance| {
        let label = instance.rental_label()?;
        let known = label.cockpit == config.cockpit || config.neighbours.contains(&label.cockpit);
        (!known).then_some((instance, label))
    })
}

/// What to do about a complete listing.
pub(super) fn plan(
    now: Time,
    instances: &[Instance],
    ledger: &Ledger,
    sprint: &Sprint,
    cockpit: &CockpitId,
) -> Vec<Order> {
    let in_use = |label: &RentalLabel| {
        sprint.open_label() == Some(label)
            || sprint.rental().is_some_and(|rental| rental.label == *label)
    };
    let mut orders = Vec::new();
    for instance in instances {
        let label = instance.rental_label();
        if label.is_some_and(|label| label.cockpit == *cockpit && !in_use(&label)) {
            orders.push(Order::Destroy(instance.id));
        }
    }
    for open in ledger.open_rentals() {
        let old_enough = now - open.intended_at > VISIBLE_WITHIN;
        if in_use(&open.label) || !old_enough {
            continue;
        }
        let listed = instances.iter().any(|instance| {
            Some(instance.id) == open.instance
                || instance.label.as_deref() == Some(open.label.to_string().as_str())
        });
        match open.instance {
            _ if listed => {}
            Some(id) => orders.push(Order::Verify(id)),
            None => orders.push(Order::Void(open.label.clone())),
        }
    }
    orders
}

impl Engine {
    pub(super) fn reconcile(&mut self, now: Time, order: Order) {
        match order {
            Order::Destroy(instance) | Order::Verify(instance) => {
                let recently = |since: &Time| now - *since < Duration::seconds(20);
                if self.destroying.get(&instance).is_some_and(recently)
                    || self.running.contains("orphan")
                {
                    return;
                }
                tracing::warn!(
                    "instance {instance} carries our label and belongs to no sprint: it is taken down"
                );
                self.destroying.insert(instance, now);
                self.destroy("orphan", instance);
            }
            Order::Void(label) => {
                let reason = "no complete listing ever showed it".to_owned();
                self.record(&Record::RentVoided { label, reason });
            }
        }
    }
}
