//! Money in a snapshot.

use serde::{Deserialize, Serialize};

use super::ReplicaSnapshot;
use crate::domain::{AccountName, RankedOffer, Time, Usd, UsdPerHour};
pub use crate::flow::{Cap, CapCheck, Refusal};
use crate::flow::{Caps, Funds};

/// An account among several.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AccountSnapshot {
    pub name: AccountName,
    /// Unless it was not read lately.
    pub credit: Option<Usd>,
    pub credit_floor: Usd,
    /// Rentals that it pays for, by the journal.
    pub rentals: usize,
    /// What these may still cost.
    pub reserved: Usd,
    /// When its rentals were last listed, whole.
    pub read_at: Option<Time>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct MoneySnapshot {
    /// Of all sprints.
    pub per_hour: UsdPerHour,
    /// What the sprints of all replicas have spent so far, by our own count.
    pub sprint: Usd,
    /// What is reserved for what runs.
    pub reserved: Usd,
    /// Each cap with what is used of it.
    pub caps: Vec<CapSnapshot>,
    /// Most that everything rented at the same time may cost.
    pub hour_limit: UsdPerHour,
    /// What everything that may be rented costs now.
    pub hour_used: UsdPerHour,
    /// Most that what the pool has rented at the same time may cost, and what it costs now; absent without a
    /// cap.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pool_hour: Option<PoolHour>,
    /// The account's credit, once read.
    pub credit: Option<Usd>,
    /// What the account's open rentals may still cost.
    #[serde(default)]
    pub credit_reserved: Usd,
    /// Credit that must be left on the account.
    pub credit_floor: Usd,
    /// Why the caps refused the offers that were to be rented last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<Refusal>,
}

impl MoneySnapshot {
    /// The same with the caps of this replica's sprint, and its account if there are several.
    pub(super) fn of(
        &self,
        replica: &ReplicaSnapshot,
        account: Option<&AccountSnapshot>,
    ) -> MoneySnapshot {
        let mut money = MoneySnapshot {
            refused: replica.refused,
            ..self.clone()
        };
        money.caps.clone_from(&replica.caps);
        money.pool_hour = replica.pool_hour;
        if let Some(account) = account {
            money.credit = account.credit;
            money.credit_reserved = account.reserved;
            money.credit_floor = account.credit_floor;
        }
        money
    }

    /// What an offer needs of each cap, in the order in which they refuse. Unknown credit is none (law 3).
    pub fn checks(&self, offer: &RankedOffer) -> Vec<CapCheck> {
        self.checks_of(offer.price, offer.worst_cost)
    }

    /// The first cap that refuses an offer.
    pub fn refusal(&self, offer: &RankedOffer) -> Option<Refusal> {
        self.first_refusal(offer.price, offer.worst_cost)
    }

    fn first_refusal(&self, price: UsdPerHour, worst: Usd) -> Option<Refusal> {
        self.checks_of(price, worst)
            .iter()
            .find_map(CapCheck::refusal)
    }

    fn checks_of(&self, price: UsdPerHour, worst: Usd) -> Vec<CapCheck> {
        let of_price = |cap, limit: UsdPerHour, used: UsdPerHour| CapCheck {
            cap,
            needed: price.0,
            left: limit.0.left_after(used.0),
        };
        let hour = of_price(Cap::Hour, self.hour_limit, self.hour_used);
        let pool = self.pool_hour;
        let pool_hour = pool.map(|pool| of_price(Cap::PoolHour, pool.limit, pool.used));
        let credit = self.credit.unwrap_or(Usd::ZERO);
        let credit = credit.left_after(self.credit_reserved);
        let credit = (Cap::Credit, credit.left_after(self.credit_floor));
        let spent = self
            .caps
            .iter()
            .filter_map(|cap| Some((cap.cap()?, cap.left())));
        let spent = spent.chain([credit]).map(|(cap, left)| CapCheck {
            cap,
            needed: worst,
            left,
        });
        [hour].into_iter().chain(pool_hour).chain(spent).collect()
    }
}

/// A pool's cap of an hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PoolHour {
    pub limit: UsdPerHour,
    pub used: UsdPerHour,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CapSnapshot {
    /// `sprint`, `pool epoch`, `epoch`, `day`, `month`.
    pub name: String,
    pub limit: Usd,
    /// Spent and reserved in its period.
    pub used: Usd,
}

impl CapSnapshot {
    pub fn new(cap: Cap, limit: Usd, used: Usd) -> CapSnapshot {
        CapSnapshot {
            name: cap.name().to_owned(),
            limit,
            used,
        }
    }

    /// The caps of sums that are set, in the order in which they refuse.
    pub fn all(caps: &Caps, funds: &Funds) -> Vec<CapSnapshot> {
        let none = Caps::default();
        let sums = Cap::SUMS.into_iter().filter_map(|cap| {
            let limit = cap.limit(caps)?;
            (Some(limit) != cap.limit(&none))
                .then(|| CapSnapshot::new(cap, limit, cap.used(funds).unwrap_or_default()))
        });
        sums.collect()
    }

    pub fn left(&self) -> Usd {
        self.limit.left_after(self.used)
    }

    pub fn cap(&self) -> Option<Cap> {
        Cap::SUMS.into_iter().find(|cap| cap.name() == self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::admit;

    /// What the cockpit says of a cap is what the engine does.
    #[test]
    fn checks_refuse_what_the_engine_refuses() {
        let usd = Usd::from_dollars;
        let caps = Caps {
            hour: UsdPerHour(usd(14.0)),
            sprint: usd(20.0),
            day: usd(30.0),
            month: usd(300.0),
            credit_floor: usd(5.0),
            epoch: usd(60.0),
            pool_epoch: usd(40.0),
            pool_hour: UsdPerHour(usd(12.0)),
        };
        let rich = Funds {
            credit: Some(usd(50.0)),
            ..Funds::default()
        };
        let poor = |change: fn(&mut Funds)| {
            let mut funds = rich;
            change(&mut funds);
            funds
        };
        let all = [
            rich,
            Funds::default(),
            poor(|funds| funds.hour = UsdPerHour(Usd::from_dollars(9.0))),
            poor(|funds| funds.sprint = Usd::from_dollars(2.5)),
            poor(|funds| funds.pool_hour = UsdPerHour(Usd::from_dollars(6.0))),
            poor(|funds| funds.pool_epoch = Usd::from_dollars(30.0)),
            poor(|funds| funds.epoch = Usd::from_dollars(50.0)),
            poor(|funds| funds.day = Usd::from_dollars(20.0)),
            poor(|funds| funds.month = Usd::from_dollars(299.0)),
            poor(|funds| funds.credit = Some(Usd::from_dollars(22.0))),
        ];
        let (price, worst) = (UsdPerHour(usd(8.0)), usd(18.0));
        for funds in all {
            let money = MoneySnapshot {
                caps: CapSnapshot::all(&caps, &funds),
                pool_hour: Some(PoolHour {
                    limit: caps.pool_hour,
                    used: funds.pool_hour,
                }),
                hour_limit: caps.hour,
                hour_used: funds.hour,
                credit: funds.credit,
                credit_floor: caps.credit_floor,
                ..MoneySnapshot::default()
            };
            let refusal = money.first_refusal(price, worst);
            assert_eq!(
                refusal,
                admit(price, worst, &funds, &caps).err(),
                "{funds:?}"
            );
        }
    }
}
