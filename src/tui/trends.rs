//! Time series over the snapshots since the cockpit was opened, in bounded memory.

use std::collections::VecDeque;

use crate::domain::{Duration, Height, InstanceId, RankedOffer, ReplicaId, Time};
use crate::engine::{OffersSnapshot, Snapshot};

/// Samples of a series. Beyond that every second one is dropped, and the interval doubles.
const MAX_SAMPLES: usize = 240;

#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    samples: Vec<(Time, f64)>,
    interval: Duration,
}

impl Default for Series {
    fn default() -> Series {
        Series {
            samples: Vec::new(),
            interval: Duration::seconds(5),
        }
    }
}

impl Series {
    /// Adds a sample, unless the last one is too recent.
    pub fn push(&mut self, at: Time, value: f64) {
        let last = self.samples.last();
        if last.is_some_and(|(last, _)| at - *last < self.interval) {
            return;
        }
        self.samples.push((at, value));
        if self.samples.len() > MAX_SAMPLES {
            let mut index = 0;
            self.samples.retain(|_| {
                index += 1;
                index % 2 == 1
            });
            self.interval = self.interval * 2;
        }
    }

    /// Oldest first.
    pub fn values(&self) -> Vec<f64> {
        self.samples.iter().map(|(_, value)| *value).collect()
    }

    pub fn last(&self) -> Option<f64> {
        self.samples.last().map(|(_, value)| *value)
    }
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct Trends {
    /// Seconds per block.
    pub block_time: Series,
    /// Expected start of the next `PoC`, in Unix seconds: ideally flat.
    pub poc_start: Series,
    /// Price of the cheapest usable offer, in dollars per hour.
    pub price: Series,
    /// Offers that can be rented.
    pub usable: Series,
    /// Least cost of a success, in dollars.
    pub success: Series,
    /// Nonces a minute of the rental's node.
    pub nonces: Series,
    /// When the boot was expected to end, as it was seen lately.
    ready: VecDeque<(Time, Time)>,
    /// The rental that `ready` is about, and `nonces`, which stay when it is gone.
    rental: Option<InstanceId>,
    /// Start height that `poc_start` is about.
    poc: Option<Height>,
    /// The replica that is shown.
    replica: Option<ReplicaId>,
    offers_read: Option<Time>,
}

impl Trends {
    pub fn record(&mut self, snapshot: &Snapshot) {
        if let Some(reading) = &snapshot.chain.reading {
            if let Some(time) = reading.block_time {
                self.block_time.push(reading.at, seconds(time));
            }
            if self.poc != Some(reading.poc_start.height) {
                self.poc = Some(reading.poc_start.height);
                self.poc_start = Series::default();
            }
            if let Some(band) = reading.poc_start.expected {
                let expected = band.p50 - Time::UNIX_EPOCH;
                self.poc_start.push(reading.at, seconds(expected));
            }
        }
        self.follow(snapshot);
        self.record_ready(snapshot);
        self.record_nonces(snapshot);
        self.record_offers(&snapshot.offers);
    }
}

/// The expected end of a boot is compared over this time.
const DRIFT_OVER: Duration = Duration::minutes(3);
/// A shorter time says nothing yet.
const DRIFT_LEAST: Duration = Duration::minutes(1);

impl Trends {
    /// Ends the curves of another pool, replica or rental.
    fn follow(&mut self, snapshot: &Snapshot) {
        let replica = &snapshot.replica;
        let before = self.replica.replace(replica.clone());
        if before.as_ref().map(|it| &it.pool) != Some(&replica.pool) {
            (self.price, self.usable, self.success) = Default::default();
            self.offers_read = None;
        }
        let is_other_replica = before.as_ref() != Some(replica);
        let rental = snapshot.rental.as_ref().map(|rental| rental.id);
        if is_other_replica || rental != self.rental {
            self.ready.clear();
        }
        if is_other_replica || rental.is_some() && rental != self.rental {
            self.nonces = Series::default();
        }
        self.rental = rental;
    }

    /// Each generation has a curve of its own.
    fn record_nonces(&mut self, snapshot: &Snapshot) {
        let proof = &snapshot.sprint.proof;
        match (proof.nonces, proof.last_nonces_at) {
            (None, _) => self.nonces = Series::default(),
            (Some(nonces), Some(at)) => {
                let rate = u32::try_from(nonces.per_minute).unwrap_or(u32::MAX);
                self.nonces.push(at, f64::from(rate));
            }
            (Some(_), None) => {}
        }
    }

    /// Once for each search.
    fn record_offers(&mut self, offers: &OffersSnapshot) {
        let Some(read) = offers.read_at.filter(|at| Some(*at) != self.offers_read) else {
            return;
        };
        self.offers_read = Some(read);
        let usable = u32::try_from(offers.rows.len()).unwrap_or(u32::MAX);
        self.usable.push(read, f64::from(usable));
        let cheapest = offers.rows.iter().map(|row| row.price).min();
        if let Some(price) = cheapest {
            self.price.push(read, price.0.dollars());
        }
        let best = offers.rows.iter().map(RankedOffer::cost_of_success).min();
        if let Some(cost) = best {
            self.success.push(read, cost.dollars());
        }
    }

    fn record_ready(&mut self, snapshot: &Snapshot) {
        let rental = snapshot.rental.as_ref();
        let Some(ready) = rental.and_then(|rental| rental.boot.ready_at) else {
            return;
        };
        let last = self.ready.back();
        if last.is_some_and(|(last, _)| snapshot.at - *last < Duration::seconds(5)) {
            return;
        }
        self.ready.push_back((snapshot.at, ready));
        let is_old = |(at, _): &(Time, Time)| snapshot.at - *at > DRIFT_OVER;
        while self.ready.len() > 2 && self.ready.front().is_some_and(is_old) {
            self.ready.pop_front();
        }
    }

    /// By how much the expected end of the boot moves away: 0 is on time, 1 is no progress at all.
    pub fn ready_drift(&self) -> Option<f64> {
        let ((from, first), (to, last)) = (self.ready.front()?, self.ready.back()?);
        let over = *to - *from;
        (over >= DRIFT_LEAST).then(|| seconds(*last - *first) / seconds(over))
    }
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds of this century")]
fn seconds(duration: Duration) -> f64 {
    duration.num_milliseconds() as f64 / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn series_of_a_week_stays_bounded() {
        let mut series = Series::default();
        for second in 0..7 * 86_400 {
            series.push(Time::UNIX_EPOCH + Duration::seconds(second), 5.0);
        }
        let count = series.values().len();
        assert!(count <= MAX_SAMPLES, "{count}");
        let (first, last) = (series.samples[0].0, series.samples[count - 1].0);
        assert!(last - first > Duration::days(6), "{}", last - first);
    }
}
