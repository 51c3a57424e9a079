//! Figures as they changed while the cockpit was open: made from the snapshots that came, kept to a
//! bound however long that is.

use crate::domain::{Duration, Height, Time};
use crate::engine::Snapshot;

/// Samples of one figure. When there are more, every second goes and they are taken half as often.
const KEPT: usize = 240;

/// One figure over time.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    samples: Vec<(Time, f64)>,
    every: Duration,
}

impl Default for Series {
    fn default() -> Series {
        Series {
            samples: Vec::new(),
            every: Duration::seconds(5),
        }
    }
}

impl Series {
    /// Takes a sample, unless the last one is too young.
    pub fn push(&mut self, at: Time, value: f64) {
        if self
            .samples
            .last()
            .is_some_and(|(last, _)| at - *last < self.every)
        {
            return;
        }
        self.samples.push((at, value));
        if self.samples.len() > KEPT {
            let mut place = 0;
            self.samples.retain(|_| {
                place += 1;
                place % 2 == 1
            });
            self.every = self.every * 2;
        }
    }

    /// Its values, oldest first.
    pub fn values(&self) -> Vec<f64> {
        self.samples.iter().map(|(_, value)| *value).collect()
    }

    /// The last value.
    pub fn last(&self) -> Option<f64> {
        self.samples.last().map(|(_, value)| *value)
    }

    /// From the first sample to the last.
    pub fn span(&self) -> Duration {
        match (self.samples.first(), self.samples.last()) {
            (Some((first, _)), Some((last, _))) => *last - *first,
            _ => Duration::zero(),
        }
    }
}

/// Everything that is followed.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Trends {
    /// Seconds of a block.
    pub block_time: Series,
    /// When the next `PoC` was expected, in seconds since 1970: it should be a flat line.
    pub poc_start: Series,
    /// Dollars an hour of the cheapest usable offer.
    pub price: Series,
    /// The `PoC` that is expected.
    poc: Option<Height>,
    /// When the offers were read that the last price is of.
    offers_read: Option<Time>,
}

impl Trends {
    /// Takes a snapshot in.
    pub fn take(&mut self, snapshot: &Snapshot) {
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
        let offers = &snapshot.offers;
        let cheapest = offers.rows.iter().map(|row| row.price).min();
        if let (Some(read), Some(price), true) =
            (offers.read_at, cheapest, offers.read_at != self.offers_read)
        {
            self.offers_read = Some(read);
            self.price.push(read, price.0.dollars());
        }
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
    fn a_week_of_samples_stays_within_its_bound_and_spans_the_week() {
        let mut series = Series::default();
        for second in 0..7 * 86_400 {
            series.push(Time::UNIX_EPOCH + Duration::seconds(second), 5.0);
        }
        assert!(series.values().len() <= KEPT, "{}", series.values().len());
        assert!(series.span() > Duration::days(6), "{}", series.span());
    }
}
