//! A snapshot as figures. Names follow the `OpenMetrics` conventions: base units, and the unit in the
//! name.

use std::fmt;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::{Registry, Unit};

use crate::domain::{BootEnd, ChainPhase, Duration, Mode, OutcomeKind, Step, Time};
use crate::engine::{AlertLevel, LinkSnapshot, Snapshot, WorldKind};

/// The page of `/metrics`, of a snapshot that is so old.
pub(super) fn page(
    snapshot: Arc<Snapshot>,
    age: std::time::Duration,
) -> Result<String, fmt::Error> {
    let mut registry = Registry::with_prefix("pocpit");
    let now = snapshot.at + in_the_world(age, snapshot.world);
    registry.register_collector(Box::new(Figures { snapshot, age, now }));
    let mut page = String::new();
    text::encode(&mut page, &registry)?;
    Ok(page)
}

/// Real time, by the world's clock.
fn in_the_world(time: std::time::Duration, world: WorldKind) -> Duration {
    let speed = match world {
        WorldKind::Real => 1.0,
        WorldKind::Simulated { speed } => speed,
    };
    let seconds = time.as_secs_f64() * speed;
    let time = std::time::Duration::try_from_secs_f64(seconds).unwrap_or(time);
    Duration::from_std(time).unwrap_or_default()
}

#[derive(Debug)]
struct Figures {
    snapshot: Arc<Snapshot>,
    age: std::time::Duration,
    /// When the page is read: what is old grows older though the engine stands still.
    now: Time,
}

impl Collector for Figures {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut families = Families(encoder);
        let (snapshot, now) = (&self.snapshot, self.now);
        let age = Some(self.age.as_secs_f64());
        let what = "Time since the engine last turned";
        families.gauge("snapshot_age", what, Some(&Unit::Seconds), age)?;
        chain(&mut families, snapshot, now)?;
        sprint(&mut families, snapshot)?;
        boots(&mut families, snapshot)?;
        money(&mut families, snapshot, now)?;
        let alerts = [
            AlertLevel::Notice,
            AlertLevel::Warning,
            AlertLevel::Critical,
        ]
        .map(|level| {
            let count = snapshot.alerts.iter().filter(|alert| alert.level == level);
            (level_name(level), number(count.count() as u64))
        });
        families.gauges("alerts", "Alerts by level", None, "level", &alerts)?;
        let lost = snapshot.notices_lost;
        families.counter(
            "notices_lost",
            "Notices that were not delivered, by channel",
            lost,
        )
    }
}

fn chain(families: &mut Families<'_>, snapshot: &Snapshot, now: Time) -> fmt::Result {
    let reading = snapshot.chain.reading.as_ref();
    let height = reading.map(|reading| number(reading.view.height.0));
    families.gauge("chain_height", "Height of the chain", None, height)?;
    let epoch = reading.map(|reading| number(reading.view.epoch.0));
    families.gauge("chain_epoch", "Epoch of the chain", None, epoch)?;
    let phases = reading.map(|reading| {
        ChainPhase::ALL.map(|phase| (phase.name(), f64::from(reading.view.phase == phase)))
    });
    let what = "1 for the phase of the chain, by the chain's own name";
    let phases: &[_] = phases.as_ref().map_or(&[], |phases| phases);
    families.gauges("chain_phase", what, None, "phase", phases)?;
    let age = reading.map(|reading| seconds(reading.at, now));
    let what = "Time since the chain was read";
    families.gauge("chain_read_age", what, Some(&Unit::Seconds), age)?;
    let start = reading.and_then(|reading| reading.poc_start.expected);
    let left = start.map(|band| seconds(now, band.p50));
    let what = "Time to the next PoC";
    families.gauge("poc_start_in", what, Some(&Unit::Seconds), left)?;
    let deadline = reading.and_then(|reading| reading.registration_deadline.expected);
    let left = deadline.map(|band| seconds(now, band.p50));
    let what = "Time to the last moment at which a registration counts for the next PoC";
    families.gauge("registration_deadline_in", what, Some(&Unit::Seconds), left)
}

fn sprint(families: &mut Families<'_>, snapshot: &Snapshot) -> fmt::Result {
    let auto = f64::from(snapshot.mode == Mode::Auto);
    families.gauge("auto", "1 in auto mode", None, Some(auto))?;
    let steps = Step::ALL.map(|step| {
        let is_it = f64::from(snapshot.sprint.step == step);
        (step.name(), is_it)
    });
    families.gauges("step", "1 for the step of the sprint", None, "step", &steps)?;
    let waits = f64::from(snapshot.sprint.gate.is_some());
    families.gauge(
        "gate_waits",
        "1 while a gate waits for approval",
        None,
        Some(waits),
    )?;
    let rental = snapshot.rental.as_ref();
    let link = rental.map(|rental| f64::from(matches!(rental.link, LinkSnapshot::Up { .. })));
    families.gauge(
        "link_up",
        "1 while the SSH link to the rental is up",
        None,
        link,
    )?;
    let tunnel = rental
        .map(|rental| f64::from(matches!(rental.link, LinkSnapshot::Up { tunnel: true, .. })));
    families.gauge(
        "tunnel_up",
        "1 while requests go through the tunnel",
        None,
        tunnel,
    )?;
    let last = snapshot.history.last();
    let confirmed = last.map(|last| f64::from(last.report.outcome == OutcomeKind::Confirmed));
    let what = "1 when the last sprint ended with weight on the chain";
    families.gauge("last_sprint_confirmed", what, None, confirmed)?;
    let ended = last.map(|last| seconds(Time::UNIX_EPOCH, last.at));
    let what = "When the last sprint ended, since 1970";
    families.gauge(
        "last_sprint_end_timestamp",
        what,
        Some(&Unit::Seconds),
        ended,
    )
}

fn boots(families: &mut Families<'_>, snapshot: &Snapshot) -> fmt::Result {
    let boots = &snapshot.boots;
    let ends = BootEnd::ALL.map(|end| (end.name(), boots.ended(end)));
    let what = "Boots that came to their end since pocpit started";
    families.counters("boots", what, "end", &ends)?;
    let faults: Vec<_> = boots.faults().collect();
    let what = "What boots failed of since pocpit started";
    families.counters("boot_faults", what, "fault", &faults)
}

fn money(families: &mut Families<'_>, snapshot: &Snapshot, now: Time) -> fmt::Result {
    let dollars = Unit::Other("dollars".into());
    let dollars = Some(&dollars);
    let money = &snapshot.money;
    let rentals = [&snapshot.rental, &snapshot.hedge].into_iter().flatten();
    let rentals = number(rentals.count() as u64);
    families.gauge("rentals", "Rentals of the sprint", None, Some(rentals))?;
    let age = snapshot.rentals_read_at.map(|at| seconds(at, now));
    let what = "Time since all rentals of the account were listed";
    families.gauge("rentals_read_age", what, Some(&Unit::Seconds), age)?;
    let rate = money.per_hour.0.dollars();
    let what = "What an hour of what is rented costs";
    families.gauge("hourly_cost", what, dollars, Some(rate))?;
    let what = "What this sprint has cost";
    families.gauge("sprint_cost", what, dollars, Some(money.sprint.dollars()))?;
    let caps: Vec<_> = money
        .caps
        .iter()
        .map(|cap| (cap.name.as_str(), cap.limit.dollars()))
        .collect();
    families.gauges("cap_limit", "The cap of a period", dollars, "cap", &caps)?;
    let caps: Vec<_> = money
        .caps
        .iter()
        .map(|cap| (cap.name.as_str(), cap.used.dollars()))
        .collect();
    families.gauges(
        "cap_used",
        "Spent and reserved of it",
        dollars,
        "cap",
        &caps,
    )?;
    let credit = money.credit.map(crate::domain::Usd::dollars);
    families.gauge("credit", "The account's credit", dollars, credit)
}

fn level_name(level: AlertLevel) -> &'static str {
    match level {
        AlertLevel::Notice => "notice",
        AlertLevel::Warning => "warning",
        AlertLevel::Critical => "critical",
    }
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
fn number(count: u64) -> f64 {
    count as f64
}

fn seconds(from: Time, to: Time) -> f64 {
    (to - from).as_seconds_f64()
}

/// Writes families of figures. What is not known has no sample, but its family is there.
struct Families<'a>(DescriptorEncoder<'a>);

impl Families<'_> {
    fn gauge(
        &mut self,
        name: &str,
        help: &str,
        unit: Option<&Unit>,
        value: Option<f64>,
    ) -> fmt::Result {
        let family = self
            .0
            .encode_descriptor(name, help, unit, MetricType::Gauge)?;
        match value {
            Some(value) => ConstGauge::new(value).encode(family),
            None => Ok(()),
        }
    }

    fn gauges(
        &mut self,
        name: &str,
        help: &str,
        unit: Option<&Unit>,
        label: &'static str,
        values: &[(&str, f64)],
    ) -> fmt::Result {
        let mut family = self
            .0
            .encode_descriptor(name, help, unit, MetricType::Gauge)?;
        for (value_of_label, value) in values {
            let labels = [(label, *value_of_label)];
            ConstGauge::new(*value).encode(family.encode_family(&labels)?)?;
        }
        Ok(())
    }

    fn counters(
        &mut self,
        name: &str,
        help: &str,
        label: &'static str,
        values: &[(&str, u64)],
    ) -> fmt::Result {
        let mut family = self
            .0
            .encode_descriptor(name, help, None, MetricType::Counter)?;
        for (value_of_label, value) in values {
            let labels = [(label, *value_of_label)];
            ConstCounter::new(*value).encode(family.encode_family(&labels)?)?;
        }
        Ok(())
    }

    fn counter(&mut self, name: &str, help: &str, value: u64) -> fmt::Result {
        let family = self
            .0
            .encode_descriptor(name, help, None, MetricType::Counter)?;
        ConstCounter::new(value).encode(family)
    }
}
