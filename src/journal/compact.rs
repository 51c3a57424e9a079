//! Which entries no longer change what the journal adds up to.
//!
//! Everything here is dropped whole; nothing is rewritten, so what is left is still what was written
//! at the time. Reports and boots are history and stay.

use std::collections::{BTreeMap, BTreeSet};

use super::ledger::{BOOTS_KEPT, CLOCK_ALLOWANCE};
use super::{Entry, EntryId, JournalError, Record};
use crate::domain::{Duration, InstanceId, MachineId, NodeId, RentalLabel, Time};

/// The longest window that a cap looks back.
const LONGEST_CAP: Duration = Duration::days(30);
/// However old the clock says they are, so many of the last settled rentals stay: a clock that is
/// wrong for an hour must not empty a cap. More in a month is beyond any plan.
pub(super) const SETTLED_KEPT: usize = 200;

/// The entries without which the sum is the same at `now` and ever after. `entries` are in order;
/// of the settled rentals, the last `settled_kept` stay whatever their age.
pub(super) fn superfluous(
    entries: &[Entry],
    now: Time,
    settled_kept: usize,
) -> Result<Vec<EntryId>, JournalError> {
    let mut live = Live::default();
    for entry in entries {
        live.take(entry.id, entry.at, &entry.record()?);
    }
    let needed = live.needed(now, settled_kept);
    let ids = entries.iter().map(|entry| entry.id);
    Ok(ids.filter(|id| !needed.contains(id)).collect())
}

/// Entries that count, by what they are about. It follows the ledger's own rules.
#[derive(Default)]
struct Live {
    rentals: BTreeMap<RentalLabel, Rental>,
    settled: Vec<Settled>,
    registrations: BTreeMap<NodeId, Registration>,
    avoided: BTreeMap<MachineId, (Time, EntryId)>,
    boots: Vec<(InstanceId, EntryId)>,
    watched: BTreeMap<RentalLabel, EntryId>,
    checkpoint: Option<EntryId>,
    /// Reports, epochs that were not tried, confirmations, and what only a newer program understands.
    kept: Vec<EntryId>,
}

/// An open rental, or a rent call whose outcome is not known.
struct Rental {
    intent: EntryId,
    instance: Option<InstanceId>,
    /// The first destroy; asking again changes nothing.
    destroy: Option<EntryId>,
    rest: Vec<EntryId>,
}

struct Settled {
    ended: Time,
    intent: EntryId,
    gone: EntryId,
}

struct Registration {
    intent: EntryId,
    registered: Option<EntryId>,
    unregister: Option<EntryId>,
}

impl Live {
    fn take(&mut self, id: EntryId, at: Time, record: &Record) {
        match record {
            Record::SprintStarted { .. } => {}
            Record::RentIntended { label, .. } => {
                let rental = Rental {
                    intent: id,
                    instance: None,
                    destroy: None,
                    rest: Vec::new(),
                };
                self.rentals.insert(label.clone(), rental);
            }
            Record::Rented { label, instance } => {
                if let Some(rental) = self.rentals.get_mut(label) {
                    rental.instance = Some(*instance);
                    rental.rest.push(id);
                }
            }
            Record::GpuIdleUntil { instance, .. } => {
                for rental in self.of_instance(*instance) {
                    rental.rest.push(id);
                }
            }
            Record::RentalRepriced { label, .. } => {
                if let Some(rental) = self.rentals.get_mut(label) {
                    rental.rest.push(id);
                }
            }
            Record::RentVoided { label, .. } => {
                self.rentals.remove(label);
            }
            Record::DestroyIntended { instance } => {
                for rental in self.of_instance(*instance) {
                    rental.destroy.get_or_insert(id);
                }
            }
            Record::RentalGone { label, .. } => {
                let settled = self.rentals.remove(label).map(|rental| Settled {
                    ended: at,
                    intent: rental.intent,
                    gone: id,
                });
                self.settled.extend(settled);
            }
            Record::RegisterIntended { node, .. } => {
                let registration = Registration {
                    intent: id,
                    registered: None,
                    unregister: None,
                };
                self.registrations
                    .entry(node.clone())
                    .or_insert(registration);
            }
            Record::Registered { node } => {
                if let Some(registration) = self.registrations.get_mut(node) {
                    registration.registered.get_or_insert(id);
                }
            }
            Record::UnregisterIntended { node } => {
                if let Some(registration) = self.registrations.get_mut(node) {
                    registration.unregister.get_or_insert(id);
                }
            }
            Record::Unregistered { node } => {
                self.registrations.remove(node);
            }
            Record::MachineAvoided { machine, until, .. } => {
                self.avoided.insert(*machine, (*until, id));
            }
            Record::MachineAllowed { machine } => {
                self.avoided.remove(machine);
            }
            Record::BootEnded { boot } => {
                self.boots
                    .retain(|(instance, _)| *instance != boot.instance);
                self.boots.push((boot.instance, id));
                if let Some(times) = &boot.times {
                    self.watched.insert(times.label.clone(), id);
                }
            }
            Record::BootWatched { boot } => {
                self.watched.insert(boot.label.clone(), id);
            }
            Record::Checkpoint { .. } => self.checkpoint = Some(id),
            Record::SprintEnded { .. } => {
                self.checkpoint = None;
                self.kept.push(id);
            }
            Record::EpochNotTried { .. }
            | Record::ConfirmationMeasured { .. }
            | Record::Unknown => self.kept.push(id),
        }
    }

    fn of_instance(&mut self, instance: InstanceId) -> impl Iterator<Item = &mut Rental> {
        let rentals = self.rentals.values_mut();
        rentals.filter(move |rental| rental.instance == Some(instance))
    }

    fn needed(self, now: Time, settled_kept: usize) -> BTreeSet<EntryId> {
        let mut needed: BTreeSet<EntryId> = self.kept.into_iter().chain(self.checkpoint).collect();
        for rental in self.rentals.into_values() {
            needed.insert(rental.intent);
            needed.extend(rental.destroy.into_iter().chain(rental.rest));
        }
        let newest = self.settled.len().saturating_sub(settled_kept);
        for (index, settled) in self.settled.into_iter().enumerate() {
            if index >= newest || settled.ended >= now - LONGEST_CAP - CLOCK_ALLOWANCE {
                needed.extend([settled.intent, settled.gone]);
            }
        }
        for registration in self.registrations.into_values() {
            needed.insert(registration.intent);
            needed.extend(
                registration
                    .registered
                    .into_iter()
                    .chain(registration.unregister),
            );
        }
        let forgotten = self.boots.len().saturating_sub(BOOTS_KEPT);
        needed.extend(self.boots.into_iter().skip(forgotten).map(|(_, id)| id));
        needed.extend(self.watched.into_values());
        let avoided = self.avoided.into_values();
        needed.extend(avoided.filter(|(until, _)| *until > now).map(|(_, id)| id));
        needed
    }
}
