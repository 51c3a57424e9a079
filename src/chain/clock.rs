//! Heights to times, with an error band. Pure: it is fed headers and heights, and keeps no clock.
//!
//! Two headers thousands of blocks apart give the mean block time at once. The band around an
//! estimate widens with the square root of the distance (jitter of single blocks) and with the
//! distance itself (the mean drifts: mainnet shows 5.2 to 6 seconds).

use crate::domain::{BlockHeader, Blocks, Duration, Height, Time};

/// Estimates when a height will be reached.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct BlockClock {
    earliest: Option<BlockHeader>,
    latest: Option<BlockHeader>,
    tip: Option<Tip>,
    went_back: Option<(Height, Height)>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Tip {
    height: Height,
    /// When this height was first seen.
    since: Time,
}

/// An expected time: one in ten is earlier than `p10`, one in ten later than `p90`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Band {
    /// One in ten is earlier.
    pub p10: Time,
    /// The middle.
    pub p50: Time,
    /// One in ten is later.
    pub p90: Time,
}

/// Fewer blocks than this between two headers measure jitter, not block time.
const ENOUGH_BLOCKS: Blocks = Blocks(200);
/// The chain stands still after this long without a block, or after ten block times.
const STALL: Duration = Duration::seconds(60);
/// Jitter of one block between p10 and p50, as a part of the block time.
const JITTER: f64 = 0.5;
/// Drift of the mean between p10 and p50, as a part of the distance.
const DRIFT: f64 = 0.015;

impl BlockClock {
    /// A clock that has seen nothing.
    pub fn new() -> BlockClock {
        BlockClock::default()
    }

    /// Takes a header into account. The widest pair of recent headers gives the block time.
    pub fn observe_header(&mut self, header: BlockHeader) {
        let older = |known: BlockHeader| header.height < known.height;
        let newer = |known: BlockHeader| header.height > known.height;
        match (self.earliest, self.latest) {
            (Some(_), Some(latest)) if newer(latest) => {
                self.latest = Some(header);
                self.forget_the_distant_past();
            }
            (Some(earliest), _) if older(earliest) => self.earliest = Some(header),
            (None, _) => {
                self.earliest = Some(header);
                self.latest = Some(header);
            }
            _ => {}
        }
    }

    /// A mean over days would hide today's pace.
    fn forget_the_distant_past(&mut self) {
        const WIDEST: Blocks = Blocks(12_000);
        if let (Some(earliest), Some(latest)) = (&mut self.earliest, self.latest)
            && earliest.height.until(latest.height) > WIDEST
        {
            // Half way between the two on the same line: the pace stays, the weight of age does not.
            let middle = (latest.time - earliest.time) / 2;
            earliest.time += middle;
            earliest.height = earliest.height + Blocks(earliest.height.until(latest.height).0 / 2);
        }
    }

    /// Takes a height that a source showed at `now` into account.
    pub fn observe_height(&mut self, now: Time, height: Height) {
        match self.tip {
            Some(tip) if height < tip.height => self.went_back = Some((tip.height, height)),
            Some(tip) if height == tip.height => {}
            _ => {
                self.tip = Some(Tip { height, since: now });
                self.went_back = None;
            }
        }
    }

    /// The highest height seen.
    pub fn height(&self) -> Option<Height> {
        self.tip.map(|tip| tip.height)
    }

    /// From which height to which a source went back, until it caught up again.
    pub fn went_back(&self) -> Option<(Height, Height)> {
        self.went_back
    }

    /// Mean time of a block, once two headers far enough apart are known.
    pub fn block_time(&self) -> Option<Duration> {
        let (earliest, latest) = (self.earliest?, self.latest?);
        let blocks = earliest.height.until(latest.height);
        if blocks < ENOUGH_BLOCKS {
            return None;
        }
        let millis = (latest.time - earliest.time).num_milliseconds();
        let mean = millis / i64::try_from(blocks.0).ok()?;
        (mean > 0).then(|| Duration::milliseconds(mean))
    }

    /// When `target` is expected, as known at `now`; `now` itself for a height that is passed.
    pub fn estimate(&self, now: Time, target: Height) -> Option<Band> {
        let (tip, block) = (self.tip?, self.block_time()?);
        let blocks = i32::try_from(tip.height.until(target).0).ok()?;
        if blocks == 0 {
            return Some(Band {
                p10: now,
                p50: now,
                p90: now,
            });
        }
        // Time that has passed since the tip was seen counts towards the next block only.
        let waited = (now - tip.since).clamp(Duration::zero(), block);
        let p50 = now + block * blocks - waited;
        let spread = spread(block, blocks);
        Some(Band {
            p10: (p50 - spread).max(now),
            p50,
            p90: p50 + spread,
        })
    }

    /// Since when no new block was seen, if that is too long.
    pub fn stalled_since(&self, now: Time) -> Option<Time> {
        let tip = self.tip?;
        let patience = self
            .block_time()
            .map_or(STALL, |block| (block * 10).max(STALL));
        (now - tip.since > patience).then_some(tip.since)
    }
}

fn spread(block: Duration, blocks: i32) -> Duration {
    #[expect(
        clippy::cast_precision_loss,
        reason = "milliseconds of a block are a small number"
    )]
    let millis = block.num_milliseconds() as f64;
    let distance = f64::from(blocks);
    let spread = millis * (JITTER * distance.sqrt() + DRIFT * distance);
    #[expect(
        clippy::cast_possible_truncation,
        reason = "`as` saturates, which is the wanted bound"
    )]
    Duration::milliseconds(spread as i64)
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

    #[test]
    fn two_headers_far_apart_give_the_block_time_at_once() {
        let mut clock = BlockClock::new();
        clock.observe_header(header(4_000, 16_500));
        assert_eq!(clock.block_time(), None);
        clock.observe_header(header(1_000, 0));
        assert_eq!(clock.block_time(), Some(Duration::milliseconds(5_500)));
    }

    #[test]
    fn headers_close_together_measure_nothing() {
        let mut clock = BlockClock::new();
        clock.observe_header(header(1_000, 0));
        clock.observe_header(header(1_010, 60));
        assert_eq!(clock.block_time(), None);
    }

    #[test]
    fn a_height_that_is_passed_is_expected_now() {
        let mut clock = BlockClock::new();
        clock.observe_header(header(1_000, 0));
        clock.observe_header(header(4_000, 16_500));
        clock.observe_height(start(), Height(4_000));
        let band = clock.estimate(start(), Height(3_999)).unwrap();
        assert_eq!((band.p10, band.p90), (start(), start()));
    }

    #[test]
    fn a_chain_without_new_blocks_stalls_and_recovers() {
        let mut clock = BlockClock::new();
        clock.observe_height(start(), Height(7));
        let later = start() + Duration::seconds(61);
        clock.observe_height(later, Height(7));
        assert_eq!(clock.stalled_since(later), Some(start()));
        clock.observe_height(later, Height(8));
        assert_eq!(clock.stalled_since(later), None);
    }

    #[test]
    fn a_source_that_goes_back_is_noticed_and_not_believed() {
        let mut clock = BlockClock::new();
        clock.observe_height(start(), Height(100));
        clock.observe_height(start(), Height(90));
        assert_eq!(clock.height(), Some(Height(100)));
        assert_eq!(clock.went_back(), Some((Height(100), Height(90))));
    }

    proptest! {
        #[test]
        fn the_band_holds_the_truth_of_a_jittery_chain(
            mean in 5_000i64..6_500,
            jitters in prop::collection::vec(-900i64..900, 700),
        ) {
            let mut clock = BlockClock::new();
            clock.observe_header(BlockHeader { height: Height(1), time: start() });
            let measured = start() + Duration::milliseconds(mean * 3_000);
            clock.observe_header(BlockHeader { height: Height(3_001), time: measured });
            clock.observe_height(measured, Height(3_001));
            let truth = measured + jitters.iter().fold(Duration::zero(), |sum, jitter| {
                sum + Duration::milliseconds(mean + jitter)
            });
            let band = clock.estimate(measured, Height(3_701)).unwrap();
            prop_assert!(band.p10 <= truth && truth <= band.p90, "{truth} is not in {band:?}");
        }

        #[test]
        fn a_band_is_in_order_and_never_in_the_past(blocks in 0u64..20_000, waited in 0i64..600) {
            let mut clock = BlockClock::new();
            clock.observe_header(header(1_000, 0));
            clock.observe_header(header(4_000, 16_500));
            clock.observe_height(start(), Height(4_000));
            let now = start() + Duration::seconds(waited);
            let band = clock.estimate(now, Height(4_000 + blocks)).unwrap();
            prop_assert!(now <= band.p10 && band.p10 <= band.p50 && band.p50 <= band.p90);
        }
    }
}
