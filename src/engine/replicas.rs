//! Makes the replicas of the configuration, and those that it no longer has but that still rent.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::num::NonZeroU32;
use std::sync::Arc;

use crate::config::{PoolConfig, Pools};
use crate::domain::{Aim, Duration, NetworkNodeName, ReplicaId, Slot, Step, Time};
use crate::engine::effects::release_log::ReleaseLog;
use crate::engine::lifecycle::resume::readable_sprints;
use crate::engine::rules::{Place, sprint_rules};
use crate::engine::state::{PanicEnds, Replica, Replicas, Shared, Standing};
use crate::fleet::slots;
use crate::flow::Sprint;
use crate::journal::Ledger;

/// The market takes a rent call each five seconds.
const BETWEEN_RENTS: Duration = Duration::seconds(5);

/// What a replica is made from.
struct Seat<'a> {
    id: ReplicaId,
    pool: &'a PoolConfig,
    standing: Standing,
    panic_ends: PanicEnds,
    place: Place,
}

impl Replicas {
    pub(crate) fn of(shared: &mut Shared, now: Time) -> Replicas {
        let config = shared.config.clone();
        // Rehearsing and serving need one rental.
        let pools = match shared.options.aim {
            Aim::Proof => config.pools.clone(),
            _ => config.pools.of_one(),
        };
        let in_turn = rent_turns(&pools);
        let retiring = retiring(&pools, &shared.ledger);
        let retiring_pools: Vec<(ReplicaId, PoolConfig)> = retiring
            .into_iter()
            .map(|id| {
                let pool = retiring_pool(&pools, &shared.ledger, &id);
                (id, pool)
            })
            .collect();
        let active = in_turn.iter().map(|(id, _)| {
            let pool = pools.get(&id.pool).unwrap_or(&pools.first);
            (id, pool)
        });
        let all = active.chain(retiring_pools.iter().map(|(id, pool)| (id, pool)));
        let slots = slots_at_each(all, &saved_slots(&shared.ledger));
        let panic_ends = match in_turn.len() + retiring_pools.len() {
            1 => PanicEnds::Engine,
            _ => PanicEnds::Sprint,
        };
        let mut make = |id: ReplicaId, pool, standing, head_start| {
            let slot = slots.get(&id).copied().unwrap_or_default();
            let place = Place { slot, head_start };
            let seat = Seat {
                id,
                pool,
                standing,
                panic_ends,
                place,
            };
            Replica::new(shared, seat, now)
        };
        let first = &pools.first;
        let first_id = first.replica_id(NonZeroU32::MIN);
        let mut others = Vec::new();
        let starts: BTreeMap<&ReplicaId, Duration> =
            in_turn.iter().map(|(id, earlier)| (id, *earlier)).collect();
        let head_start = |id: &ReplicaId| starts.get(id).copied().unwrap_or_default();
        for pool in pools.iter() {
            for id in pool.replica_ids().filter(|id| *id != first_id) {
                let head_start = head_start(&id);
                others.push(make(id, pool, Standing::Active, head_start));
            }
        }
        for (id, pool) in &retiring_pools {
            others.push(make(id.clone(), pool, Standing::Retiring, Duration::zero()));
        }
        let head_start = head_start(&first_id);
        let first = make(first_id, first, Standing::Active, head_start);
        Replicas::new(first, others)
    }
}

/// All replicas in the order in which they rent, each with how much earlier it begins: the last one is on
/// time.
pub fn rent_turns(pools: &Pools) -> Vec<(ReplicaId, Duration)> {
    let in_turn = in_turn(pools);
    let places = (0_i32..).zip(in_turn.into_iter().rev());
    let mut turns: Vec<(ReplicaId, Duration)> = places
        .map(|(place, id)| (id, BETWEEN_RENTS * place))
        .collect();
    turns.reverse();
    turns
}

/// The first replica of every pool before the second of any: a model that nobody serves costs most.
fn in_turn(pools: &Pools) -> Vec<ReplicaId> {
    let mut all: Vec<(NonZeroU32, usize, ReplicaId)> = pools
        .iter()
        .enumerate()
        .flat_map(|(index, pool)| pool.replica_ids().map(move |id| (id.number, index, id)))
        .collect();
    all.sort();
    all.into_iter().map(|(.., id)| id).collect()
}

/// Replicas that the configuration no longer has and that have begun to rent.
fn retiring(pools: &Pools, ledger: &Ledger) -> Vec<ReplicaId> {
    let begun = readable_sprints(ledger).filter(|(_, sprint)| sprint.step() != Step::Waiting);
    let gone = begun.filter(|(id, _)| !pools.has_replica(id));
    gone.map(|(id, _)| id.clone()).collect()
}

/// The settings of a replica that is retiring: those of its pool, or of the first one if that is gone. What it
/// has rented stays where it is.
fn retiring_pool(pools: &Pools, ledger: &Ledger, id: &ReplicaId) -> PoolConfig {
    let mut pool = pools.get(&id.pool).unwrap_or(&pools.first).clone();
    let rentals = ledger.open_rentals().into_iter();
    for open in rentals.filter(|open| open.replica == *id) {
        pool.account = open.account.clone();
        let registrations = ledger.registrations().into_iter();
        for registered in registrations.filter(|it| Some(it.instance) == open.instance) {
            pool.network_node = registered.network_node.clone();
        }
    }
    pool
}

/// Slots are counted at each Network Node.
fn slots_at_each<'a>(
    replicas: impl Iterator<Item = (&'a ReplicaId, &'a PoolConfig)>,
    saved: &BTreeMap<ReplicaId, Slot>,
) -> BTreeMap<ReplicaId, Slot> {
    let mut at_each: BTreeMap<&NetworkNodeName, Vec<ReplicaId>> = BTreeMap::new();
    for (id, pool) in replicas {
        at_each
            .entry(&pool.network_node)
            .or_default()
            .push(id.clone());
    }
    let slots = at_each.into_values();
    slots.flat_map(|ids| slots::assign(ids, saved)).collect()
}

/// A sprint keeps its slot: its tunnel's ends are registered.
fn saved_slots(ledger: &Ledger) -> BTreeMap<ReplicaId, Slot> {
    let saved = readable_sprints(ledger);
    saved
        .map(|(id, sprint)| (id.clone(), sprint.plan().slot))
        .collect()
}

impl Replica {
    fn new(shared: &mut Shared, seat: Seat<'_>, now: Time) -> Replica {
        let config = Arc::new(shared.config.of_replica(seat.pool, seat.place.slot));
        let (aim, nonce) = (shared.options.aim, shared.next_nonce());
        let plan = sprint_rules(&config, shared.ledger.boots(), aim, seat.place, nonce);
        let tag = match shared.config.pools.replicas() {
            1 => String::new(),
            _ => format!("{}: ", seat.id),
        };
        Replica {
            id: seat.id,
            tag,
            ports: Arc::new(
                shared
                    .ports
                    .of(&config.vast.account, &config.network_node.name),
            ),
            config,
            reports: shared.reports.clone(),
            standing: seat.standing,
            panic_ends: seat.panic_ends,
            place: seat.place,
            max_per_host: seat.pool.max_per_host,
            max_hedges: seat.pool.hedges,
            sprint: Sprint::new(plan, shared.options.mode, now),
            running: HashSet::new(),
            waiting: VecDeque::new(),
            primary: None,
            hedge: None,
            report: None,
            report_requested: false,
            release_log: ReleaseLog::default(),
            checkpoint: None,
            broken: None,
            is_touched: true,
            decision_heights: Vec::new(),
            view: None,
        }
    }
}
