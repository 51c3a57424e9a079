//! Heights to times, with an error band. Pure: fed with headers and heights, it reads no clock.
//!
//! The block rate is the mean over some hours, in stretches of half an hour; a stretch with a slow
//! spell is left out unless the slowdown lasts. The band around an estimate has three parts: jitter of
//! single blocks, which grows with the square root of their number; drift of the rate, which grows
//! with their number; and, on the late side, a slow spell that may begin after the estimate.

use std::collections::VecDeque;

use crate::domain::{BlockHeader, Blocks, Duration, Height, Time, TimeBand};

/// Estimates when a height will be reached.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct BlockClock {
    /// With the chain's own times: exact.
    headers: History,
    /// With the times at which heights were first observed: some seconds late, and the fallback
    /// without an RPC.
    sightings: History,
    tip: Option<Tip>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Tip {
    height: Height,
    /// When this height was first observed.
    since: Time,
    /// When it was last observed: later blocks are unknown.
    confirmed: Time,
}

/// Blocks in a stretch: half an hour, the length of a slow spell.
pub const STRETCH: Blocks = Blocks(300);
/// Stretches in the mean: a whole day would hide the current rate.
pub const STRETCHES: usize = 12;
/// Headers closer than this measure jitter, not block time.
const ENOUGH_BLOCKS: Blocks = Blocks(200);
/// The chain stalls after this long without a block, or after ten block times if that is longer.
const STALL: Duration = Duration::seconds(60);
/// A stretch whose rate differs by more than this fraction is a spell.
const SPELL: f64 = 0.01;
/// After this many consecutive stretches the changed rate is the new rate.
const NEW_RATE_STRETCHES: usize = 3;
/// Standard deviation of one block until it is measured, as a fraction of the block time.
const TYPICAL_JITTER: f64 = 0.1;
/// A lower bound: a few stretches may agree by chance.
const LEAST_JITTER: f64 = 0.035;
/// Drift of the rate, as a fraction of the distance.
const DRIFT: f64 = 0.001;
/// Standard deviations of jitter on each side of the band.
const DEVIATIONS: f64 = 2.0;
/// The late side allows for part of a spell, growing with the distance up to a whole one.
const SPELL_PER_DISTANCE: f64 = 1.0 / 60.0;
const WHOLE_SPELL_MILLIS: f64 = 360_000.0;

impl BlockClock {
    pub fn new() -> BlockClock {
        BlockClock::default()
    }

    /// Two headers thousands of blocks apart suffice for a block time.
    pub fn observe_header(&mut self, header: BlockHeader) {
        self.headers.add(header);
    }

    /// Records a height that a source reported at `now`.
    pub fn observe_height(&mut self, now: Time, height: Height) {
        match &mut self.tip {
            Some(tip) if height < tip.height => return,
            Some(tip) if height == tip.height => {
                tip.confirmed = now;
                return;
            }
            _ => {}
        }
        self.tip = Some(Tip {
            height,
            since: now,
            confirmed: now,
        });
        self.sightings.add(BlockHeader { height, time: now });
    }

    /// Forgets what was timed by a clock that was set. The times in blocks stay.
    pub fn forget_sightings(&mut self) {
        self.sightings = History::default();
        self.tip = None;
    }

    pub fn height(&self) -> Option<Height> {
        self.tip.map(|tip| tip.height)
    }

    /// Mean block time, once two headers are far enough apart.
    pub fn block_time(&self) -> Option<Duration> {
        let pace = self.block_rate()?;
        Some(millis(pace.block_millis.round()))
    }

    /// When `target` is expected, as of `now`; `now` itself for a height that has passed.
    pub fn estimate(&self, now: Time, target: Height) -> Option<TimeBand> {
        let (tip, pace) = (self.tip?, self.block_rate()?);
        let blocks = tip.height.until(target);
        if blocks == Blocks(0) {
            return Some(TimeBand::exactly(now));
        }
        // Time since the tip's first observation counts towards the next block only.
        let still = tip.confirmed - tip.since;
        let waited = still.clamp(Duration::zero(), millis(pace.block_millis));
        let p50 = tip.confirmed + millis(pace.block_millis * number(blocks)) - waited;
        let (early, late) = pace.spread(blocks);
        Some(TimeBand {
            p10: (p50 - early).max(now),
            p50: p50.max(now),
            p90: (p50 + late).max(now),
        })
    }

    /// Since when polls have shown no new block, if that is a stall.
    pub fn stalled_since(&self) -> Option<Time> {
        let tip = self.tip?;
        let limit = self
            .block_time()
            .map_or(STALL, |block| (block * 10).max(STALL));
        (tip.confirmed - tip.since > limit).then_some(tip.since)
    }

    /// From headers if there are recent ones, else from observed heights.
    fn block_rate(&self) -> Option<BlockRate> {
        let is_recent = |header: BlockHeader| {
            self.tip
                .is_none_or(|tip| header.height.until(tip.height) <= History::WIDEST)
        };
        let newest = self.headers.newest().filter(|header| is_recent(*header));
        newest.and(self.headers.rate).or(self.sightings.rate)
    }
}

/// Headers a stretch apart, oldest first.
#[derive(Debug, Clone, PartialEq, Default)]
struct History {
    samples: VecDeque<BlockHeader>,
    /// Cached: it is read far more often than samples arrive.
    rate: Option<BlockRate>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct BlockRate {
    block_millis: f64,
    /// Standard deviation of one block.
    jitter_millis: f64,
    /// Number of blocks that it was measured over.
    measured: f64,
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Stretch {
    blocks: f64,
    block_millis: f64,
}

impl History {
    const WIDEST: Blocks = Blocks(STRETCH.0 * STRETCHES as u64 + ENOUGH_BLOCKS.0);

    fn newest(&self) -> Option<BlockHeader> {
        self.samples.back().copied()
    }

    fn add(&mut self, header: BlockHeader) {
        let place = self
            .samples
            .partition_point(|known| known.height < header.height);
        let before = place.checked_sub(1).and_then(|i| self.samples.get(i));
        let near = |known: Option<&BlockHeader>| {
            known.is_some_and(|known| known.height.0.abs_diff(header.height.0) < ENOUGH_BLOCKS.0)
        };
        if near(before) || near(self.samples.get(place)) {
            return;
        }
        self.samples.insert(place, header);
        let newest = self.newest().map_or(header.height, |newest| newest.height);
        let is_old = |oldest: &mut BlockHeader| oldest.height.until(newest) > Self::WIDEST;
        while self.samples.len() > 2 && self.samples.pop_front_if(is_old).is_some() {}
        self.rate = self.measured();
    }

    fn stretches(&self) -> Vec<Stretch> {
        let pairs = self.samples.iter().zip(self.samples.iter().skip(1));
        let stretch = |(earlier, later): (&BlockHeader, &BlockHeader)| {
            let blocks = number(earlier.height.until(later.height));
            let passed = (later.time - earlier.time).as_seconds_f64() * 1_000.0;
            Stretch {
                blocks,
                block_millis: passed / blocks,
            }
        };
        // A clock that was set back gives a negative time.
        pairs
            .map(stretch)
            .filter(|stretch| stretch.block_millis > 0.0)
            .collect()
    }

    fn measured(&self) -> Option<BlockRate> {
        let stretches = self.stretches();
        let rates = stretches.iter().map(|stretch| stretch.block_millis);
        let usual = median(rates.clone())?;
        let off = median(rates.map(|rate| (rate - usual).abs()))?;
        // 1.48 times the median absolute deviation estimates a standard deviation.
        let tolerance = (usual * SPELL).max(3.0 * 1.48 * off);
        let is_usual = |stretch: &&Stretch| (stretch.block_millis - usual).abs() <= tolerance;
        let recent = &stretches[stretches.len().saturating_sub(NEW_RATE_STRETCHES)..];
        let mut rates = recent.iter().map(|stretch| stretch.block_millis);
        let has_new_rate = stretches.len() > NEW_RATE_STRETCHES
            && (rates.clone().all(|rate| rate > usual + tolerance)
                || rates.all(|rate| rate < usual - tolerance));
        let used: Vec<Stretch> = if has_new_rate {
            recent.to_vec()
        } else {
            stretches.iter().filter(is_usual).copied().collect()
        };
        let measured: f64 = used.iter().map(|stretch| stretch.blocks).sum();
        let passed = used.iter().map(|used| used.blocks * used.block_millis);
        let passed: f64 = passed.sum();
        let block_millis = passed / measured;
        Some(BlockRate {
            block_millis,
            jitter_millis: jitter(&used, block_millis),
            measured,
        })
    }
}

/// Standard deviation of one block, estimated from the differences between stretches.
fn jitter(stretches: &[Stretch], block_millis: f64) -> f64 {
    if stretches.len() < NEW_RATE_STRETCHES {
        return TYPICAL_JITTER * block_millis;
    }
    let squares: f64 = stretches
        .iter()
        .map(|stretch| (stretch.block_millis - block_millis).powi(2) * stretch.blocks)
        .sum();
    let free = u32::try_from(stretches.len() - 1).map_or(1.0, f64::from);
    (squares / free).sqrt().max(LEAST_JITTER * block_millis)
}

impl BlockRate {
    /// How much earlier and later than expected a height this far away may come.
    fn spread(self, blocks: Blocks) -> (Duration, Duration) {
        let distance = number(blocks);
        let by_jitter =
            self.jitter_millis * (distance * (1.0 + distance / self.measured)).sqrt() * DEVIATIONS;
        let by_drift = DRIFT * distance * self.block_millis;
        // Heights are observed up to a block late.
        let early = by_jitter + by_drift + self.block_millis;
        let spell = (SPELL_PER_DISTANCE * distance * self.block_millis).min(WHOLE_SPELL_MILLIS);
        (millis(early), millis(early + spell))
    }
}

fn median(values: impl Iterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

#[expect(
    clippy::cast_precision_loss,
    reason = "distances are far below 2^53 blocks"
)]
fn number(blocks: Blocks) -> f64 {
    blocks.0 as f64
}

/// A hundred years: keeps estimates within the range of a time.
const LONGEST_MILLIS: f64 = 3.2e12;

#[expect(
    clippy::cast_possible_truncation,
    reason = "bounded by a hundred years"
)]
fn millis(millis: f64) -> Duration {
    Duration::milliseconds(millis.clamp(-LONGEST_MILLIS, LONGEST_MILLIS) as i64)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn start() -> Time {
        Time::from_timestamp(1_790_000_000, 0).unwrap()
    }

    fn header(height: u64, seconds: i64) -> BlockHeader {
        BlockHeader {
            height: Height(height),
            time: start() + Duration::seconds(seconds),
        }
    }

    fn paced(paces: &[i64]) -> BlockClock {
        let mut clock = BlockClock::new();
        let mut time = start();
        for (index, millis) in (0u64..).zip(paces) {
            let height = Height(10_000 + index * STRETCH.0);
            clock.observe_header(BlockHeader { height, time });
            time += Duration::milliseconds(millis * 300);
        }
        clock.observe_header(BlockHeader {
            height: Height(10_000 + STRETCH.0 * paces.len() as u64),
            time,
        });
        clock
    }

    #[test]
    fn two_distant_headers_give_block_time() {
        let mut clock = BlockClock::new();
        clock.observe_header(header(4_000, 16_500));
        assert_eq!(clock.block_time(), None);
        clock.observe_header(header(1_000, 0));
        assert_eq!(clock.block_time(), Some(Duration::milliseconds(5_500)));
    }

    #[test]
    fn close_headers_give_no_block_time() {
        let mut clock = BlockClock::new();
        clock.observe_header(header(1_000, 0));
        clock.observe_header(header(1_010, 60));
        assert_eq!(clock.block_time(), None);
    }

    #[test]
    fn observed_heights_alone_give_block_time() {
        let mut clock = BlockClock::new();
        for block in 0..250 {
            clock.observe_height(
                start() + Duration::milliseconds(5_800) * block,
                Height(7_000 + u64::try_from(block).unwrap()),
            );
        }
        assert_eq!(clock.block_time(), Some(Duration::milliseconds(5_800)));
    }

    #[test]
    fn past_slow_spell_is_ignored() {
        let mut paces = [5_500; 12];
        paces[7] = 6_600;
        let block = paced(&paces).block_time();
        assert_eq!(block, Some(Duration::milliseconds(5_500)));
    }

    #[test]
    fn lasting_slowdown_becomes_the_rate() {
        let mut paces = [5_500; 12];
        for pace in &mut paces[9..] {
            *pace = 5_900;
        }
        let block = paced(&paces).block_time();
        assert_eq!(block, Some(Duration::milliseconds(5_900)));
    }

    #[test]
    fn passed_height_is_expected_now() {
        let mut clock = BlockClock::new();
        clock.observe_header(header(1_000, 0));
        clock.observe_header(header(4_000, 16_500));
        clock.observe_height(start(), Height(4_000));
        let band = clock.estimate(start(), Height(3_999)).unwrap();
        assert_eq!((band.p10, band.p90), (start(), start()));
    }

    #[test]
    fn chain_stalls_and_recovers() {
        let mut clock = BlockClock::new();
        clock.observe_height(start(), Height(7));
        let later = start() + Duration::seconds(61);
        clock.observe_height(later, Height(7));
        assert_eq!(clock.stalled_since(), Some(start()));
        clock.observe_height(later, Height(8));
        assert_eq!(clock.stalled_since(), None);
    }

    proptest! {
        #[test]
        fn band_is_ordered_and_never_past(blocks in 0u64..u64::MAX, waited in 0i64..600) {
            let mut clock = BlockClock::new();
            clock.observe_header(header(1_000, 0));
            clock.observe_header(header(4_000, 16_500));
            clock.observe_height(start(), Height(4_000));
            let now = start() + Duration::seconds(waited);
            let band = clock.estimate(now, Height(blocks)).unwrap();
            prop_assert!(now <= band.p10 && band.p10 <= band.p50 && band.p50 <= band.p90);
        }
    }
}
