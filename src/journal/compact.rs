//! Which entries no longer change what the journal adds up to.
//!
//! Entries are dropped whole, never rewritten. Reports and boots are history and stay.

use std::collections::{BTreeMap, BTreeSet};
use std::mem::{Discriminant, discriminant};

use super::ledger::{CLOCK_ALLOWANCE, MAX_BOOTS, MAX_REMOVED};
use super::{EntryId, EntryVisitor, JournalError, Record};
use crate::domain::{Duration, InstanceId, MachineId, NodeId, RentalLabel, ReplicaId, Time};

/// The longest window that a cap looks back.
const LONGEST_CAP: Duration = Duration::days(30);
/// Of the settled rentals, this many of the last stay whatever their age: a clock that is wrong for an
/// hour must not empty a cap. No plan rents more in a month.
pub(super) const SETTLED_RETAINED: usize = 200;

/// The entries that change the sum neither at `now` nor later. `visit` visits all in order; of the settled
/// rentals, the last `settled_retained` stay whatever their age.
pub(super) fn superfluous(
    visit: impl FnOnce(&mut EntryVisitor<'_>) -> Result<(), JournalError>,
    now: Time,
    settled_retained: usize,
) -> Result<Vec<EntryId>, JournalError> {
    let (mut live, mut ids) = (Live::default(), Vec::new());
    visit(&mut |entry| {
        live.apply(entry.id, entry.at, &entry.record()?);
        ids.push(entry.id);
        Ok(())
    })?;
    let needed = live.needed(now, settled_retained);
    ids.retain(|id| !needed.contains(id));
    Ok(ids)
}

/// Entries that count, by what they are about. Follows the ledger's rules.
#[derive(Default)]
struct Live {
    rentals: BTreeMap<RentalLabel, Open>,
    settled: Vec<Settled>,
    registrations: BTreeMap<NodeId, Open>,
    removed: BTreeMap<NodeId, EntryId>,
    avoided: BTreeMap<MachineId, (Time, EntryId)>,
    boots: BTreeMap<InstanceId, EntryId>,
    charged: BTreeMap<InstanceId, EntryId>,
    watched: BTreeMap<RentalLabel, EntryId>,
    checkpoints: BTreeMap<ReplicaId, EntryId>,
    /// Whether the journal was lost, and accepted.
    continuity: Option<EntryId>,
    /// Reports, skipped epochs, confirmations, and what only a newer program understands.
    history: Vec<EntryId>,
}

/// A rental or registration that may exist.
struct Open {
    intent: EntryId,
    instance: Option<InstanceId>,
    rest: Vec<(Discriminant<Record>, EntryId)>,
}

struct Settled {
    ended: Time,
    intent: EntryId,
    gone: EntryId,
}

impl Open {
    fn new(intent: EntryId) -> Open {
        Open {
            intent,
            instance: None,
            rest: Vec::new(),
        }
    }

    fn add(&mut self, record: &Record, id: EntryId) {
        self.rest.push((discriminant(record), id));
    }

    /// For a record that changes nothing when it is repeated.
    fn add_once(&mut self, record: &Record, id: EntryId) {
        let kind = discriminant(record);
        let mut known = self.rest.iter().map(|(known, _)| *known);
        if !known.any(|known| known == kind) {
            self.rest.push((kind, id));
        }
    }

    fn entries(self) -> impl Iterator<Item = EntryId> {
        std::iter::once(self.intent).chain(self.rest.into_iter().map(|(_, id)| id))
    }
}

impl Live {
    fn apply(&mut self, id: EntryId, at: Time, record: &Record) {
        match record {
            Record::SprintStarted { .. } => {}
            Record::RentIntended { label, .. } => {
                self.rentals.insert(label.clone(), Open::new(id));
            }
            Record::Rented { label, instance } => {
                if let Some(open) = self.rentals.get_mut(label) {
                    open.instance = Some(*instance);
                    open.add(record, id);
                }
            }
            Record::RentalRepriced { label, .. } => {
                if let Some(open) = self.rentals.get_mut(label) {
                    open.add(record, id);
                }
            }
            Record::GpuIdleUntil { instance, .. } => {
                self.of_instance(*instance)
                    .for_each(|open| open.add(record, id));
            }
            Record::DestroyIntended { instance } => {
                self.of_instance(*instance)
                    .for_each(|open| open.add_once(record, id));
            }
            Record::RentVoided { label, .. } => {
                self.rentals.remove(label);
            }
            Record::RentalGone { label, .. } => {
                let settled = self.rentals.remove(label).map(|open| Settled {
                    ended: at,
                    intent: open.intent,
                    gone: id,
                });
                self.settled.extend(settled);
            }
            Record::RentalCharged { charge, .. } => {
                self.charged.insert(charge.instance, id);
            }
            Record::RegisterIntended { node, .. } => {
                let registration = self.registrations.entry(node.clone());
                registration.or_insert_with(|| Open::new(id));
            }
            Record::Registered { node } | Record::UnregisterIntended { node } => {
                if let Some(open) = self.registrations.get_mut(node) {
                    open.add_once(record, id);
                }
            }
            Record::Unregistered { node } => {
                self.registrations.remove(node);
                self.removed.insert(node.clone(), id);
            }
            Record::MachineAvoided { machine, until, .. } => {
                self.avoided.insert(*machine, (*until, id));
            }
            Record::MachineAllowed { machine } => {
                self.avoided.remove(machine);
            }
            Record::BootEnded { boot } => {
                self.boots.insert(boot.instance, id);
                if let Some(times) = &boot.times {
                    self.watched.insert(times.label.clone(), id);
                }
            }
            Record::BootWatched { boot } => {
                self.watched.insert(boot.label.clone(), id);
            }
            Record::JournalLost { .. } | Record::JournalAccepted => self.continuity = Some(id),
            Record::Checkpoint { replica, .. } => {
                self.checkpoints.insert(replica.clone(), id);
            }
            Record::SprintEnded { report } => {
                self.checkpoints.remove(&report.replica);
                self.history.push(id);
            }
            Record::EpochNotTried { .. }
            | Record::ConfirmationMeasured { .. }
            | Record::Unknown => self.history.push(id),
        }
    }

    fn of_instance(&mut self, instance: InstanceId) -> impl Iterator<Item = &mut Open> {
        let rentals = self.rentals.values_mut();
        rentals.filter(move |open| open.instance == Some(instance))
    }

    fn needed(self, now: Time, settled_retained: usize) -> BTreeSet<EntryId> {
        let mut needed: BTreeSet<EntryId> = self.history.into_iter().collect();
        needed.extend(self.checkpoints.into_values());
        needed.extend(self.continuity);
        needed.extend(self.watched.into_values());
        needed.extend(self.charged.into_values());
        let open = self
            .rentals
            .into_values()
            .chain(self.registrations.into_values());
        needed.extend(open.flat_map(Open::entries));
        let newest = self.settled.len().saturating_sub(settled_retained);
        let oldest = now - LONGEST_CAP - CLOCK_ALLOWANCE;
        for (index, settled) in self.settled.into_iter().enumerate() {
            if index >= newest || settled.ended >= oldest {
                needed.extend([settled.intent, settled.gone]);
            }
        }
        // Ids are in order of writing: the last are the newest.
        let removed: BTreeSet<EntryId> = self.removed.into_values().collect();
        needed.extend(removed.into_iter().rev().take(MAX_REMOVED));
        let boots: BTreeSet<EntryId> = self.boots.into_values().collect();
        needed.extend(boots.into_iter().rev().take(MAX_BOOTS));
        let avoided = self.avoided.into_values();
        needed.extend(avoided.filter(|(until, _)| *until > now).map(|(_, id)| id));
        needed
    }
}
