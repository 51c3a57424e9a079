//! The plan of all replicas: each takes an offer of its pool in turn, as the engine lets them.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use super::obstacles::{Certainty, Obstacle};
use super::{Outlook, PlanInputs};
use crate::config::Pools;
use crate::domain::{Duration, PoolName, RankedOffer, ReplicaId, Time, Usd, UsdPerHour, format};
use crate::engine::rent_turns;
use crate::fleet::deal::{Spread, Taken};
use crate::flow::{Funds, admit};

/// What the replicas of a pool would do next.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(in crate::cli) struct PoolPlan {
    /// The pool.
    pub name: PoolName,
    /// The model of its nodes.
    pub model: String,
    /// Number of its replicas.
    #[schemars(range(min = 1))]
    pub replicas: u32,
    /// With fewer weights it has failed its epoch.
    #[schemars(range(min = 1))]
    pub min_replicas: u32,
    /// When its first replica rents; null if that is unknown.
    pub rent_at: Option<Time>,
    /// Number of offers that are usable for it, before they are dealt to the replicas of all pools.
    #[schemars(range(min = 0))]
    pub usable_offers: usize,
    /// What its replicas would rent, in the order in which they rent.
    pub rentals: Vec<PlannedRental>,
    /// Its replicas that would rent nothing.
    pub not_rented: Vec<NotRented>,
    /// Expected cost of these rentals in US dollars.
    pub expected_usd: f64,
    /// Worst-case cost of these rentals in US dollars: this much is reserved.
    pub worst_usd: f64,
}

/// The offer that a replica would take.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(inline)]
pub(in crate::cli) struct PlannedRental {
    /// The replica.
    pub replica: ReplicaId,
    /// Vast's id of the offer.
    pub offer: u64,
    /// The machine.
    pub machine: u64,
    /// Its GPUs: `4x H100 SXM`.
    pub gpus: String,
    /// US dollars per hour, disk included.
    pub price_per_hour_usd: f64,
    /// Expected cost in US dollars.
    pub expected_usd: f64,
    /// Worst-case cost in US dollars.
    pub worst_usd: f64,
}

/// A replica that would rent nothing.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[schemars(inline)]
pub(in crate::cli) struct NotRented {
    /// The replica.
    pub replica: ReplicaId,
    /// Why.
    pub why: String,
}

/// All pools together.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(inline)]
pub(in crate::cli) struct FleetPlan {
    /// Number of replicas.
    #[schemars(range(min = 1))]
    pub replicas: u32,
    /// Number of those that would rent.
    #[schemars(range(min = 0))]
    pub rentals: usize,
    /// Expected cost in US dollars.
    pub expected_usd: f64,
    /// Worst-case cost in US dollars.
    pub worst_usd: f64,
    /// US dollars per hour of all rentals together.
    pub price_per_hour_usd: f64,
}

/// A replica's turn to rent.
struct Turn {
    replica: ReplicaId,
    rents: Result<RankedOffer, String>,
}

pub(super) fn plan(
    pools: &Pools,
    inputs: &PlanInputs,
    outlooks: &[Outlook<'_>],
    obstacles: &[Obstacle],
) -> (FleetPlan, Vec<PoolPlan>) {
    let starts = rent_turns(pools);
    let turns = deal(&starts, inputs, outlooks, obstacles);
    let plans: Vec<PoolPlan> = outlooks
        .iter()
        .map(|outlook| of_pool(outlook, &starts, &turns))
        .collect();
    let rented = || turns.iter().filter_map(|turn| turn.rents.as_ref().ok());
    let fleet = FleetPlan {
        replicas: pools.replicas(),
        rentals: rented().count(),
        expected_usd: rented()
            .map(RankedOffer::expected_cost)
            .sum::<Usd>()
            .dollars(),
        worst_usd: rented()
            .map(|offer| offer.worst_cost)
            .sum::<Usd>()
            .dollars(),
        price_per_hour_usd: rented()
            .map(|offer| offer.price)
            .sum::<UsdPerHour>()
            .0
            .dollars(),
    };
    (fleet, plans)
}

/// What the replicas before a pool's next one have left.
#[derive(Default)]
struct Before {
    taken: Taken,
    funds: Funds,
}

/// Each replica takes the best offer that those before it left and that the caps admit.
fn deal(
    starts: &[(ReplicaId, Duration)],
    inputs: &PlanInputs,
    outlooks: &[Outlook<'_>],
    obstacles: &[Obstacle],
) -> Vec<Turn> {
    let mut before: BTreeMap<&PoolName, Before> = outlooks
        .iter()
        .map(|outlook| {
            let funds = inputs.funds(outlook.inputs, &outlook.sprint);
            let taken = Taken::default();
            (&outlook.inputs.pool.name, Before { taken, funds })
        })
        .collect();
    let turns = starts.iter().map(|(replica, _)| {
        let outlook = outlooks
            .iter()
            .find(|outlook| outlook.inputs.pool.name == replica.pool);
        let rents = match (outlook, before.get(&replica.pool)) {
            (Some(outlook), Some(before)) => choice(outlook, before, obstacles),
            _ => Err("its pool was not read".to_owned()),
        };
        if let Ok(chosen) = &rents {
            take(&mut before, &replica.pool, chosen);
        }
        Turn {
            replica: replica.clone(),
            rents,
        }
    });
    turns.collect()
}

/// Its pool's caps count it for that pool alone, the others for all.
fn take(before: &mut BTreeMap<&PoolName, Before>, pool: &PoolName, chosen: &RankedOffer) {
    let offer = &chosen.offer;
    for (name, Before { taken, funds }) in before {
        let after = funds.after(chosen.price, chosen.worst_cost);
        if *name == pool {
            taken.add_of_pool(offer.machine, offer.host);
            *funds = after;
        } else {
            taken.add(offer.machine);
            *funds = Funds {
                pool_hour: funds.pool_hour,
                pool_epoch: funds.pool_epoch,
                ..after
            };
        }
    }
}

/// The error says why the replica rents nothing.
fn choice(
    outlook: &Outlook<'_>,
    Before { taken, funds }: &Before,
    obstacles: &[Obstacle],
) -> Result<RankedOffer, String> {
    let pool = &outlook.inputs.pool;
    let is_in_the_way = |obstacle: &&Obstacle| {
        obstacle.certainty == Certainty::Stops && obstacle.pool.as_ref() == Some(&pool.name)
    };
    if let Some(obstacle) = obstacles.iter().find(is_in_the_way) {
        return Err(obstacle.what.clone());
    }
    let usable = outlook.ranked.as_ref();
    let usable = usable.map_or(&[][..], |ranked| &ranked.usable);
    let spread = Spread::PerHost(pool.max_per_host);
    let left = usable.iter().filter(|row| taken.admits(&row.offer, spread));
    // A sprint that is still to begin has spent nothing.
    let funds = Funds {
        sprint: Usd::ZERO,
        ..*funds
    };
    let caps = &outlook.sprint.plan().caps;
    let mut refusal = None;
    for row in left {
        match admit(row.price, row.worst_cost, &funds, caps) {
            Ok(()) => return Ok(row.clone()),
            Err(refused) => refusal = refusal.or(Some(refused)),
        }
    }
    Err(refusal.map_or_else(
        || {
            let count = format::count(usable.len(), "usable offer");
            format!(
                "no machine is left for it: {count}, max_per_host {}",
                pool.max_per_host
            )
        },
        |refusal| refusal.to_string(),
    ))
}

fn of_pool(outlook: &Outlook<'_>, starts: &[(ReplicaId, Duration)], turns: &[Turn]) -> PoolPlan {
    let pool = &outlook.inputs.pool;
    let is_ours = |replica: &ReplicaId| replica.pool == pool.name;
    let own = turns.iter().filter(|turn| is_ours(&turn.replica));
    let (mut rentals, mut not_rented) = (Vec::new(), Vec::new());
    let (mut expected, mut worst) = (Usd::ZERO, Usd::ZERO);
    for Turn { replica, rents } in own {
        match rents {
            Ok(chosen) => {
                expected += chosen.expected_cost();
                worst += chosen.worst_cost;
                rentals.push(PlannedRental::of(replica, chosen));
            }
            Err(why) => not_rented.push(NotRented {
                replica: replica.clone(),
                why: why.clone(),
            }),
        }
    }
    let mut starts = starts.iter();
    let start = starts.find(|(replica, _)| is_ours(replica));
    let head_start = start.map_or_else(Duration::zero, |(_, earlier)| *earlier);
    PoolPlan {
        name: pool.name.clone(),
        model: outlook.inputs.config.mlnode.model.id.clone(),
        replicas: pool.replicas.get(),
        min_replicas: pool.min_replicas.get(),
        rent_at: outlook.sprint.rent_at().map(|at| at - head_start),
        usable_offers: outlook.ranked.as_ref().map_or(0, |all| all.usable.len()),
        rentals,
        not_rented,
        expected_usd: expected.dollars(),
        worst_usd: worst.dollars(),
    }
}

impl PlannedRental {
    fn of(replica: &ReplicaId, chosen: &RankedOffer) -> PlannedRental {
        let offer = &chosen.offer;
        PlannedRental {
            replica: replica.clone(),
            offer: offer.id.0,
            machine: offer.machine.0,
            gpus: offer.gpus(),
            price_per_hour_usd: chosen.price.0.dollars(),
            expected_usd: chosen.expected_cost().dollars(),
            worst_usd: chosen.worst_cost.dollars(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::attach::tests::offer;

    #[test]
    fn rental_counts_against_the_caps_of_its_own_pool_alone() {
        let [minimax, glm]: [PoolName; 2] = ["minimax", "glm"].map(|name| name.parse().unwrap());
        let mut before: BTreeMap<&PoolName, Before> = BTreeMap::new();
        before.insert(&minimax, Before::default());
        before.insert(&glm, Before::default());
        // Given two pools, when a replica of one takes an offer,
        let chosen = offer(7);
        take(&mut before, &minimax, &chosen);
        // then the caps of the fleet and the machine count for both, those of a pool for its own.
        let of = |pool: &PoolName| &before[pool];
        for pool in [&minimax, &glm] {
            let Before { taken, funds } = of(pool);
            assert_eq!((funds.hour, funds.epoch), (chosen.price, chosen.worst_cost));
            assert!(!taken.admits(&chosen.offer, Spread::Anywhere), "{pool}");
        }
        let own = |pool| (of(pool).funds.pool_hour, of(pool).funds.pool_epoch);
        assert_eq!(own(&minimax), (chosen.price, chosen.worst_cost));
        assert_eq!(own(&glm), (UsdPerHour::ZERO, Usd::ZERO));
    }
}
