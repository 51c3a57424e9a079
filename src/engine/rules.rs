//! The rules of a sprint, from the configuration and past boots.

use crate::config::{BudgetConfig, Config};
use crate::domain::{Aim, Duration, EpochIndex, Lead, PastBoot, PoolName, Slot, Time};
use crate::flow::{Caps, Funds, Plan, lead};
use crate::journal::{Ledger, Whose};

/// How long before the `PoC` a sprint rents.
pub fn lead_of(config: &Config, boots: &[PastBoot]) -> Lead {
    let poc = &config.poc;
    lead(
        boots,
        config.vast.model_gb,
        poc.lead,
        poc.registration_margin,
    )
}

pub fn caps_of(budget: &BudgetConfig) -> Caps {
    let none = Caps::default();
    Caps {
        hour: budget.per_hour,
        pool_hour: budget.pool.per_hour.unwrap_or(none.pool_hour),
        sprint: budget.per_sprint,
        pool_epoch: budget.pool.per_epoch.unwrap_or(none.pool_epoch),
        epoch: budget.per_epoch.unwrap_or(none.epoch),
        day: budget.per_day,
        month: budget.per_month,
        credit_floor: budget.credit_floor,
    }
}

/// What counts against the caps that a replica has in common with others: those of its pool, of its epoch and
/// of the fleet, which look back by so much more. Its own sprint and the credit are the caller's.
pub fn common_funds(
    ledger: &Ledger,
    pool: &PoolName,
    epoch: Option<EpochIndex>,
    back: Duration,
    now: Time,
) -> Funds {
    let reserved = ledger.reserved(now);
    let within = |window| ledger.spent_within(window + back, now) + reserved;
    let in_epoch = |whose| {
        let committed = epoch.map(|epoch| ledger.committed_in_epoch(epoch, whose, now));
        committed.unwrap_or_default()
    };
    let of_pool = Whose::OfPool(pool);
    Funds {
        hour: ledger.price_of_open_rentals(Whose::Everybodys),
        pool_hour: ledger.price_of_open_rentals(of_pool),
        pool_epoch: in_epoch(of_pool),
        epoch: in_epoch(Whose::Everybodys),
        day: within(Duration::hours(24)),
        month: within(Duration::days(30)),
        ..Funds::default()
    }
}

/// A replica's place among the others: the default is that of the only one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Place {
    pub slot: Slot,
    /// How much earlier it begins to rent, because the calls of others follow.
    pub head_start: Duration,
}

pub fn sprint_rules(
    config: &Config,
    boots: &[PastBoot],
    aim: Aim,
    place: Place,
    nonce: u64,
) -> Plan {
    let poc = &config.poc;
    Plan {
        aim,
        cockpit: config.cockpit.clone(),
        node_prefix: config.network_node.node_prefix.clone(),
        lead: lead_of(config, boots).length,
        margin: poc.margin,
        head_start: place.head_start,
        registration_margin: poc.registration_margin,
        startup_timeout: config.mlnode.startup_timeout,
        release: poc.release,
        execution_timeout: poc.execution_timeout,
        lease: poc.lease,
        max_attempts: config.vast.max_attempts,
        hedging: poc.hedge,
        caps: caps_of(&config.budget),
        slot: place.slot,
        nonce,
    }
}
