//! A snapshot as metrics. Names follow the `OpenMetrics` conventions: base units, and the unit in the
//! name.

use std::fmt;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, MetricEncoder, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::{Registry, Unit};

use super::pools::{Pool, Pools};
use crate::domain::{BootEnd, ChainPhase, Duration, Step, Time, Usd};
use crate::engine::{
    AlertLevel, Cap, CapSnapshot, LinkSnapshot, MoneySnapshot, Snapshot, WorldKind,
};

/// The page of `/metrics`, from a snapshot of this age.
pub(super) fn page(
    snapshot: Arc<Snapshot>,
    age: std::time::Duration,
) -> Result<String, fmt::Error> {
    let mut registry = Registry::with_prefix("pocpit");
    let now = snapshot.at + world_time(age, snapshot.world);
    registry.register_collector(Box::new(SnapshotMetrics { snapshot, age, now }));
    let mut page = String::new();
    text::encode(&mut page, &registry)?;
    Ok(page)
}

/// Converts real time to the world's.
fn world_time(time: std::time::Duration, world: WorldKind) -> Duration {
    let speed = match world {
        WorldKind::Real => 1.0,
        WorldKind::Simulated { speed } => speed,
    };
    let seconds = time.as_secs_f64() * speed;
    let time = std::time::Duration::try_from_secs_f64(seconds).unwrap_or(time);
    Duration::from_std(time).unwrap_or_default()
}

#[derive(Debug)]
struct SnapshotMetrics {
    snapshot: Arc<Snapshot>,
    age: std::time::Duration,
    /// When the page is read: ages grow even if the engine hangs.
    now: Time,
}

impl Collector for SnapshotMetrics {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut families = Families(encoder);
        let (snapshot, now) = (&self.snapshot, self.now);
        let age = Some(self.age.as_secs_f64());
        families.seconds("snapshot_age", "Time since the engine last turned", age)?;
        chain(&mut families, snapshot, now)?;
        let pools = Pools::of(snapshot);
        sprint(&mut families, &pools)?;
        boots(&mut families, &pools)?;
        money(&mut families, snapshot, &pools, now)?;
        let alerts = [
            ("notice", AlertLevel::Notice),
            ("warning", AlertLevel::Warning),
            ("critical", AlertLevel::Critical),
        ];
        let alerts = alerts.map(|(name, level)| {
            let alerts = snapshot.alerts.iter();
            let count = alerts.filter(|alert| alert.level == level).count();
            (name, number(count as u64))
        });
        families.gauges("alerts", "Alerts by level", "level", &alerts)?;
        let what = "Notices that were not delivered, by channel";
        families.counter("notices_lost", what, snapshot.notices_lost)
    }
}

fn chain(families: &mut Families<'_>, snapshot: &Snapshot, now: Time) -> fmt::Result {
    let reading = snapshot.chain.reading.as_ref();
    let height = reading.map(|reading| number(reading.view.height.0));
    families.gauge("chain_height", "Height of the chain", height)?;
    let epoch = reading.map(|reading| number(reading.view.epoch.0));
    families.gauge("chain_epoch", "Epoch of the chain", epoch)?;
    let phases = reading.into_iter().flat_map(|reading| {
        let all = ChainPhase::ALL.iter();
        all.map(|phase| (phase.name(), f64::from(reading.view.phase == *phase)))
    });
    let what = "1 for the phase of the chain, by the chain's own name";
    let phases: Vec<_> = phases.collect();
    families.gauges("chain_phase", what, "phase", &phases)?;
    let age = reading.map(|reading| seconds(reading.at, now));
    families.seconds("chain_read_age", "Time since the chain was read", age)?;
    let start = reading.and_then(|reading| reading.poc_start.expected);
    let left = start.map(|band| seconds(now, band.p50));
    families.seconds("poc_start_in", "Time to the next PoC", left)?;
    let deadline = reading.and_then(|reading| reading.registration_deadline.expected);
    let left = deadline.map(|band| seconds(now, band.p50));
    let what = "Time to the last moment at which a registration counts for the next PoC";
    families.seconds("registration_deadline_in", what, left)
}

fn sprint(families: &mut Families<'_>, pools: &Pools) -> fmt::Result {
    let auto = pools.each(|pool| Some(f64::from(pool.is_auto())));
    let what = "1 while every replica of the pool is in auto mode";
    families.by_pool("auto", what, None, &auto)?;
    let steps = Step::ALL.iter().flat_map(|step| {
        let counts = pools.each(|pool| Some(counted(pool.at_step(*step))));
        let counts = counts.into_iter();
        counts.map(|(pool, count)| (vec![(POOL, pool), ("step", step.name())], count))
    });
    let steps: Vec<_> = steps.collect();
    let what = "Replicas of the pool by the step of their sprint";
    families.labelled("step", what, None, &steps)?;
    let waiting = pools.each(|pool| Some(counted(pool.waiting_at_gates())));
    let what = "Replicas of the pool that wait for approval at a gate";
    families.by_pool("gate_waits", what, None, &waiting)?;
    links(families, pools)?;
    let confirmed = pools.each(Pool::confirmed_share);
    let what =
        "Share of the pool's replicas whose last sprint ended with weight on the chain, 0 to 1";
    families.by_pool("last_sprint_confirmed", what, None, &confirmed)?;
    let ended = pools.each(|pool| Some(seconds(Time::UNIX_EPOCH, pool.last_end()?)));
    let what = "When a sprint of the pool last ended, since 1970";
    let unit = Some(&Unit::Seconds);
    families.by_pool("last_sprint_end_timestamp", what, unit, &ended)
}

/// The worst of a pool: one rental out of reach is enough to look.
fn links(families: &mut Families<'_>, pools: &Pools) -> fmt::Result {
    let all = |is_good: fn(&LinkSnapshot) -> bool| {
        pools.each(|pool| Some(f64::from(pool.links(is_good)?)))
    };
    let up = all(|link| matches!(link, LinkSnapshot::Up { .. }));
    let what = "1 while the SSH links to all rentals of the pool are up";
    families.by_pool("link_up", what, None, &up)?;
    let up = all(|link| matches!(link, LinkSnapshot::Up { tunnel: true, .. }));
    let what = "1 while requests go through the tunnels of all rentals of the pool";
    families.by_pool("tunnel_up", what, None, &up)
}

fn boots(families: &mut Families<'_>, pools: &Pools) -> fmt::Result {
    let ends = BootEnd::ALL.iter().flat_map(|end| {
        let counts = pools.each(|pool| Some(pool.boots.ended(*end)));
        let counts = counts.into_iter();
        counts.map(|(pool, count)| (vec![("end", end.name()), (POOL, pool)], count))
    });
    let ends: Vec<_> = ends.collect();
    let what = "Boots of the pool that came to their end since pocpit started";
    families.counters("boots", what, &ends)?;
    let faults = pools.all().flat_map(|(name, pool)| {
        let faults = pool.boots.faults();
        faults.map(move |(fault, count)| (vec![("fault", fault), (POOL, name)], count))
    });
    let faults: Vec<_> = faults.collect();
    let what = "What boots of the pool failed of since pocpit started";
    families.counters("boot_faults", what, &faults)
}

fn money(
    families: &mut Families<'_>,
    snapshot: &Snapshot,
    pools: &Pools,
    now: Time,
) -> fmt::Result {
    let money = &snapshot.money;
    let rentals = pools.each(|pool| Some(counted(pool.rentals())));
    let what = "Rentals of all sprints of the pool, hedges included";
    families.by_pool("rentals", what, None, &rentals)?;
    let age = snapshot.rentals_read_at.map(|at| seconds(at, now));
    let what = "Time since all rentals of the account were listed";
    families.seconds("rentals_read_age", what, age)?;
    let unit = dollars();
    let unit = Some(&unit);
    let per_hour = pools.each(|pool| Some(pool.per_hour().0.dollars()));
    let what = "Cost of all rentals of the pool per hour";
    families.by_pool("hourly_cost", what, unit, &per_hour)?;
    let spent = pools.each(|pool| Some(pool.spent().dollars()));
    let what = "Cost of the current sprints of the pool so far, added up";
    families.by_pool("sprint_cost", what, unit, &spent)?;
    let limits = caps(money, pools, |cap| cap.limit);
    let what = "The cap of a period; of a sprint, that of the replica that has least left of it";
    families.labelled("cap_limit", what, unit, &limits)?;
    let used = caps(money, pools, |cap| cap.used);
    let what =
        "Spent and reserved within the period; of a sprint, by the replica that has least left";
    families.labelled("cap_used", what, unit, &used)?;
    let what = "The account's credit";
    if snapshot.accounts.is_empty() {
        return families.dollars("credit", what, money.credit);
    }
    let accounts = snapshot.accounts.iter();
    let credits = accounts.filter_map(|account| {
        let credit = account.credit?.dollars();
        Some((vec![("account", account.name.as_str())], credit))
    });
    families.labelled("credit", what, unit, &credits.collect::<Vec<_>>())
}

/// Caps of a sprint, or of its pool.
const OF_POOL: [Cap; 2] = [Cap::Sprint, Cap::PoolEpoch];

/// The caps of an epoch, a day and a month are for all pools; each sprint and each pool have some of their own.
fn caps<'a>(
    money: &'a MoneySnapshot,
    pools: &'a Pools,
    value: fn(&CapSnapshot) -> Usd,
) -> Vec<Sample<'a, f64>> {
    let is_of_all = |cap: &&CapSnapshot| cap.cap().is_none_or(|cap| !OF_POOL.contains(&cap));
    let of_all = money.caps.iter().filter(is_of_all);
    let of_all = of_all.map(|cap| (vec![("cap", cap.name.as_str())], value(cap).dollars()));
    let of_pools = OF_POOL.into_iter().flat_map(|cap| {
        let each = pools.each(|pool| Some(value(pool.nearest(cap)?).dollars()));
        let name = ("cap", cap.name());
        each.into_iter()
            .map(move |(pool, usd)| (vec![name, (POOL, pool)], usd))
    });
    of_pools.chain(of_all).collect()
}

fn dollars() -> Unit {
    Unit::Other("dollars".into())
}

fn counted(things: usize) -> f64 {
    number(things as u64)
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
fn number(count: u64) -> f64 {
    count as f64
}

fn seconds(from: Time, to: Time) -> f64 {
    (to - from).as_seconds_f64()
}

/// Whose figure it is, where it belongs to a sprint or a rental.
const POOL: &str = "pool";

/// A value with its labels.
type Sample<'a, N> = (Vec<(&'a str, &'a str)>, N);

/// Writes families of metrics. An unknown value has no sample, but its family is there.
struct Families<'a>(DescriptorEncoder<'a>);

impl Families<'_> {
    fn gauge(&mut self, name: &str, help: &str, value: Option<f64>) -> fmt::Result {
        self.gauge_in(name, help, None, value)
    }

    fn seconds(&mut self, name: &str, help: &str, value: Option<f64>) -> fmt::Result {
        self.gauge_in(name, help, Some(&Unit::Seconds), value)
    }

    fn dollars(&mut self, name: &str, help: &str, value: Option<Usd>) -> fmt::Result {
        self.gauge_in(name, help, Some(&dollars()), value.map(Usd::dollars))
    }

    fn gauge_in(
        &mut self,
        name: &str,
        help: &str,
        unit: Option<&Unit>,
        value: Option<f64>,
    ) -> fmt::Result {
        let family = self
            .0
            .encode_descriptor(name, help, unit, MetricType::Gauge)?;
        value.map_or(Ok(()), |value| ConstGauge::new(value).encode(family))
    }

    fn gauges(
        &mut self,
        name: &str,
        help: &str,
        label: &str,
        values: &[(&str, f64)],
    ) -> fmt::Result {
        self.labelled(name, help, None, &with_label(label, values))
    }

    fn by_pool(
        &mut self,
        name: &str,
        help: &str,
        unit: Option<&Unit>,
        values: &[(&str, f64)],
    ) -> fmt::Result {
        self.labelled(name, help, unit, &with_label(POOL, values))
    }

    fn labelled(
        &mut self,
        name: &str,
        help: &str,
        unit: Option<&Unit>,
        samples: &[Sample<'_, f64>],
    ) -> fmt::Result {
        let family = self
            .0
            .encode_descriptor(name, help, unit, MetricType::Gauge)?;
        encode_all(family, samples, ConstGauge::new)
    }

    fn counter(&mut self, name: &str, help: &str, value: u64) -> fmt::Result {
        let family = self
            .0
            .encode_descriptor(name, help, None, MetricType::Counter)?;
        ConstCounter::new(value).encode(family)
    }

    fn counters(&mut self, name: &str, help: &str, samples: &[Sample<'_, u64>]) -> fmt::Result {
        let family = self
            .0
            .encode_descriptor(name, help, None, MetricType::Counter)?;
        encode_all(family, samples, ConstCounter::new)
    }
}

/// A sample per value of a label.
fn with_label<'a, N: Copy>(label: &'a str, values: &[(&'a str, N)]) -> Vec<Sample<'a, N>> {
    let values = values.iter();
    values
        .map(|(name, value)| (vec![(label, *name)], *value))
        .collect()
}

fn encode_all<N: Copy, M: EncodeMetric>(
    mut family: MetricEncoder<'_>,
    samples: &[Sample<'_, N>],
    metric: fn(N) -> M,
) -> fmt::Result {
    for (labels, value) in samples {
        metric(*value).encode(family.encode_family(labels)?)?;
    }
    Ok(())
}
