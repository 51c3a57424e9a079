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

use crate::domain::{BootEnd, ChainPhase, Duration, Mode, OutcomeKind, Step, Time, Usd};
use crate::engine::{AlertLevel, CapSnapshot, LinkSnapshot, Snapshot, WorldKind};

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
        sprint(&mut families, snapshot)?;
        boots(&mut families, snapshot)?;
        money(&mut families, snapshot, now)?;
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
        families.gauges("alerts", "Alerts by level", None, "level", &alerts)?;
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
    families.gauges("chain_phase", what, None, "phase", &phases)?;
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

fn sprint(families: &mut Families<'_>, snapshot: &Snapshot) -> fmt::Result {
    let auto = f64::from(snapshot.mode == Mode::Auto);
    families.gauge("auto", "1 in auto mode", Some(auto))?;
    let current = snapshot.sprint.step;
    let steps = Step::ALL.iter();
    let steps = steps.map(|step| (step.name(), f64::from(current == *step)));
    let steps: Vec<_> = steps.collect();
    families.gauges("step", "1 for the step of the sprint", None, "step", &steps)?;
    let waits = f64::from(snapshot.sprint.gate.is_some());
    families.gauge(
        "gate_waits",
        "1 while a gate waits for approval",
        Some(waits),
    )?;
    let link = snapshot.rental.as_ref().map(|rental| &rental.link);
    let up = link.map(|link| f64::from(matches!(link, LinkSnapshot::Up { .. })));
    families.gauge("link_up", "1 while the SSH link to the rental is up", up)?;
    let up = link.map(|link| f64::from(matches!(link, LinkSnapshot::Up { tunnel: true, .. })));
    families.gauge("tunnel_up", "1 while requests go through the tunnel", up)?;
    let last = snapshot.history.last();
    let confirmed = last.map(|last| f64::from(last.report.outcome == OutcomeKind::Confirmed));
    let what = "1 when the last sprint ended with weight on the chain";
    families.gauge("last_sprint_confirmed", what, confirmed)?;
    let ended = last.map(|last| seconds(Time::UNIX_EPOCH, last.at));
    let what = "When the last sprint ended, since 1970";
    families.seconds("last_sprint_end_timestamp", what, ended)
}

fn boots(families: &mut Families<'_>, snapshot: &Snapshot) -> fmt::Result {
    let boots = &snapshot.boots;
    let ends = BootEnd::ALL.iter();
    let ends: Vec<_> = ends.map(|end| (end.name(), boots.ended(*end))).collect();
    let what = "Boots that came to their end since pocpit started";
    families.counters("boots", what, "end", &ends)?;
    let faults: Vec<_> = boots.faults().collect();
    let what = "What boots failed of since pocpit started";
    families.counters("boot_faults", what, "fault", &faults)
}

fn money(families: &mut Families<'_>, snapshot: &Snapshot, now: Time) -> fmt::Result {
    let money = &snapshot.money;
    let rentals = [&snapshot.rental, &snapshot.hedge].into_iter().flatten();
    let rentals = number(rentals.count() as u64);
    families.gauge("rentals", "Rentals of the sprint", Some(rentals))?;
    let age = snapshot.rentals_read_at.map(|at| seconds(at, now));
    let what = "Time since all rentals of the account were listed";
    families.seconds("rentals_read_age", what, age)?;
    let what = "Cost of all rentals per hour";
    families.dollars("hourly_cost", what, Some(money.per_hour.0))?;
    let what = "Cost of this sprint so far";
    families.dollars("sprint_cost", what, Some(money.sprint))?;
    let of_caps = |value: fn(&CapSnapshot) -> Usd| -> Vec<(&str, f64)> {
        let caps = money.caps.iter();
        caps.map(|cap| (cap.name.as_str(), value(cap).dollars()))
            .collect()
    };
    let dollars = Some(&dollars());
    let limits = of_caps(|cap| cap.limit);
    families.gauges("cap_limit", "The cap of a period", dollars, "cap", &limits)?;
    let used = of_caps(|cap| cap.used);
    families.gauges(
        "cap_used",
        "Spent and reserved within the period",
        dollars,
        "cap",
        &used,
    )?;
    families.dollars("credit", "The account's credit", money.credit)
}

fn dollars() -> Unit {
    Unit::Other("dollars".into())
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
fn number(count: u64) -> f64 {
    count as f64
}

fn seconds(from: Time, to: Time) -> f64 {
    (to - from).as_seconds_f64()
}

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
        unit: Option<&Unit>,
        label: &str,
        values: &[(&str, f64)],
    ) -> fmt::Result {
        let family = self
            .0
            .encode_descriptor(name, help, unit, MetricType::Gauge)?;
        encode_all(family, label, values, ConstGauge::new)
    }

    fn counter(&mut self, name: &str, help: &str, value: u64) -> fmt::Result {
        let family = self
            .0
            .encode_descriptor(name, help, None, MetricType::Counter)?;
        ConstCounter::new(value).encode(family)
    }

    fn counters(
        &mut self,
        name: &str,
        help: &str,
        label: &str,
        values: &[(&str, u64)],
    ) -> fmt::Result {
        let family = self
            .0
            .encode_descriptor(name, help, None, MetricType::Counter)?;
        encode_all(family, label, values, ConstCounter::new)
    }
}

/// A sample per value of a label.
fn encode_all<N: Copy, M: EncodeMetric>(
    mut family: MetricEncoder<'_>,
    label: &str,
    values: &[(&str, N)],
    metric: fn(N) -> M,
) -> fmt::Result {
    for (name, value) in values {
        let labels = [(label, *name)];
        metric(*value).encode(family.encode_family(&labels)?)?;
    }
    Ok(())
}
