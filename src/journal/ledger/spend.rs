//! What rentals have cost, by our own count and by the market's, and what they may still cost.

use std::collections::BTreeMap;

use super::{ChargedRental, Ledger, OpenRental, Settled};
use crate::domain::{
    AccountName, Duration, EpochIndex, InstanceId, PoolName, RentalCharge, ReplicaId, Time, Usd,
    UsdPerHour,
};
use crate::journal::Record;

/// A cap looks back this much further than its window, so that a clock that was an hour behind when the
/// rental was recorded, and is an hour ahead now, raises no cap.
pub(in crate::journal) const CLOCK_ALLOWANCE: Duration = Duration::hours(2);

/// Whose spending.
#[derive(Debug, Clone, Copy)]
pub enum Whose<'a> {
    Everybodys,
    OfPool(&'a PoolName),
}

impl Whose<'_> {
    fn includes(self, replica: &ReplicaId) -> bool {
        match self {
            Whose::Everybodys => true,
            Whose::OfPool(pool) => replica.pool == *pool,
        }
    }
}

/// What a replica's current sprint has spent, and what its rentals may still cost.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SprintSpending {
    pub spent: Usd,
    pub reserved: Usd,
}

impl Ledger {
    /// The record that settles a rental that was gone at `ended`; `None` when it is not open. It was last
    /// `seen` by this program, if at all: one that ended long ago, unseen, has cost its worst case at most,
    /// because its lease has ended it.
    pub fn settlement(
        &self,
        seen: Option<Time>,
        ended: Time,
        instance: InstanceId,
    ) -> Option<Record> {
        let mut rentals = self.rentals.values();
        let open = rentals.find(|open| open.instance == Some(instance))?;
        let until_seen = seen.map_or(Usd::ZERO, |seen| open.cost(seen));
        Some(Record::RentalGone {
            label: open.label.clone(),
            instance,
            cost: open.cost(ended).min(open.reserved.max(until_seen)),
        })
    }

    /// The record to write for a new charge of a rental of ours that is gone. Charges that were read `from` a
    /// time on may be incomplete for older rentals.
    pub fn charge_record(&self, from: Time, charge: RentalCharge) -> Option<Record> {
        let known = self.charged.get(&charge.instance);
        if known.is_some_and(|known| known.charge == charge) {
            return None;
        }
        let mut settled = self.settled.iter().rev();
        let gone = settled.find(|gone| gone.instance == charge.instance)?;
        (gone.intended_at >= from).then(|| Record::RentalCharged {
            label: gone.label.clone(),
            replica: gone.replica.clone(),
            ended: gone.ended,
            estimate: gone.cost,
            charge,
        })
    }

    /// What the market charged for the rentals of a replica's current sprint; absent until all of it is
    /// known.
    pub fn charged_in_sprint(&self, replica: &ReplicaId) -> Option<Usd> {
        let gone = self.settled_in_sprint(replica);
        self.charged_for(gone.map(|entry| entry.instance))
    }

    /// The sum of these rentals' charges; absent without any, and until all are known.
    pub(in crate::journal) fn charged_for(
        &self,
        instances: impl Iterator<Item = InstanceId>,
    ) -> Option<Usd> {
        let known = |instance| Some(self.charged.get(&instance)?.charge.total);
        let charges: Option<Vec<Usd>> = instances.map(known).collect();
        let charges = charges.filter(|charges| !charges.is_empty())?;
        Some(charges.into_iter().sum())
    }

    pub(in crate::journal) fn settled(&self) -> &[Settled] {
        &self.settled
    }

    pub(in crate::journal) fn charged(&self) -> &BTreeMap<InstanceId, ChargedRental> {
        &self.charged
    }

    /// How many rentals' charges are known, and their sum.
    pub(in crate::journal) fn charges_known(&self) -> (usize, Usd) {
        (self.charged.len(), self.charged_total)
    }

    /// What a cap counts: the larger of the two, because charges come late.
    fn cost_of(&self, settled: &Settled) -> Usd {
        let charged = self.charged.get(&settled.instance);
        charged.map_or(settled.cost, |charged| {
            charged.charge.total.max(settled.cost)
        })
    }

    /// What was spent in a cap's window before `now`: settled rentals by their end, open ones by their
    /// cost until `now`. Entries of the future count too, so that a clock that steps back raises no cap.
    pub fn spent_within(&self, window: Duration, now: Time) -> Usd {
        let from = now - window - CLOCK_ALLOWANCE;
        let settled = self.settled.iter().filter(|entry| entry.ended >= from);
        let open = self.rentals.values().map(|open| open.spent(now));
        settled.map(|entry| self.cost_of(entry)).chain(open).sum()
    }

    /// What a replica's current sprint has spent, by our own count; zero after its report.
    pub fn spent_in_sprint(&self, replica: &ReplicaId, now: Time) -> Usd {
        let open = self.rentals.values();
        let open = open.filter(|open| open.replica == *replica);
        self.spent_with(replica, open, now)
    }

    /// The same of all replicas that rent, and what their rentals may cost beyond that, in one pass.
    pub fn spent_by_replicas(&self, now: Time) -> BTreeMap<&ReplicaId, SprintSpending> {
        let mut open: BTreeMap<&ReplicaId, Vec<&OpenRental>> = BTreeMap::new();
        for rental in self.rentals.values() {
            open.entry(&rental.replica).or_default().push(rental);
        }
        let replicas = self.sprints.keys().chain(open.keys().copied());
        let spending = |replica| {
            let open = open.get(replica).map_or(&[][..], Vec::as_slice);
            SprintSpending {
                spent: self.spent_with(replica, open.iter().copied(), now),
                reserved: reserved_for(open.iter().copied(), now),
            }
        };
        replicas
            .map(|replica| (replica, spending(replica)))
            .collect()
    }

    /// `open` are the replica's.
    fn spent_with<'a>(
        &self,
        replica: &ReplicaId,
        open: impl Iterator<Item = &'a OpenRental>,
        now: Time,
    ) -> Usd {
        let settled = self.sprints.get(replica);
        let settled = settled.map_or(Usd::ZERO, |sprints| sprints.settled);
        let sprint = self.sprints_ended(replica);
        let open = open.filter(|open| open.sprint == sprint);
        settled + open.map(|open| open.spent(now)).sum()
    }

    /// Rentals of a replica's current sprint that are gone.
    fn settled_in_sprint(&self, replica: &ReplicaId) -> impl Iterator<Item = &Settled> {
        let sprint = self.sprints_ended(replica);
        let settled = self.settled.iter();
        settled.filter(move |entry| entry.replica == *replica && entry.sprint == sprint)
    }

    /// What open rentals may cost beyond what they have cost until `now`.
    pub fn reserved(&self, now: Time) -> Usd {
        reserved_for(self.rentals.values(), now)
    }

    /// The same of those that an account pays for.
    pub fn reserved_on(&self, account: &AccountName, now: Time) -> Usd {
        let open = self.rentals.values();
        reserved_for(open.filter(|open| open.account == *account), now)
    }

    /// The same of a replica's.
    pub fn reserved_by(&self, replica: &ReplicaId, now: Time) -> Usd {
        let open = self.rentals.values();
        reserved_for(open.filter(|open| open.replica == *replica), now)
    }

    /// What the rentals for an epoch have cost, and what is reserved for them.
    pub fn committed_in_epoch(&self, epoch: EpochIndex, whose: Whose<'_>, now: Time) -> Usd {
        let settled = self.settled.iter();
        let settled =
            settled.filter(|entry| entry.label.epoch == epoch && whose.includes(&entry.replica));
        let open = self.rentals.values();
        let open = open.filter(|open| open.label.epoch == epoch && whose.includes(&open.replica));
        let committed = open.map(|open| open.reserved.max(open.spent(now)));
        settled
            .map(|entry| self.cost_of(entry))
            .chain(committed)
            .sum()
    }

    /// How many replicas of a pool have a second rental, but for this one.
    pub fn hedges_of(&self, except: &ReplicaId) -> u32 {
        let open = self.rentals.values().map(|open| &open.replica);
        let siblings = open.filter(|replica| replica.pool == except.pool && *replica != except);
        let mut rentals: BTreeMap<&ReplicaId, u32> = BTreeMap::new();
        siblings.for_each(|replica| *rentals.entry(replica).or_default() += 1);
        let hedged = rentals.values().filter(|count| **count > 1).count();
        u32::try_from(hedged).unwrap_or(u32::MAX)
    }

    /// What rent calls that are not answered yet have reserved, but for those of this replica.
    pub fn reserved_in_doubt(&self, except: &ReplicaId) -> Usd {
        let open = self.rentals.values();
        let in_doubt = open.filter(|open| open.instance.is_none() && open.replica != *except);
        in_doubt.map(|open| open.reserved).sum()
    }

    /// What everything that may be rented costs in an hour.
    pub fn price_of_open_rentals(&self, whose: Whose<'_>) -> UsdPerHour {
        let open = self.rentals.values();
        let open = open.filter(|open| whose.includes(&open.replica));
        open.map(|open| open.prices.gpu_price + open.prices.storage_price)
            .sum()
    }
}

fn reserved_for<'a>(open: impl Iterator<Item = &'a OpenRental>, now: Time) -> Usd {
    open.map(|open| open.reserved.left_after(open.spent(now)))
        .sum()
}
