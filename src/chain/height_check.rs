//! Plausibility check of reported heights. Pure.
//!
//! One wrong height must decide nothing: far ahead, it would end a sprint as too late or release a
//! rental before its `PoC`. A height that does not follow from earlier ones is accepted only after
//! later ones agree with it for a while.

use crate::domain::{Blocks, Duration, Height, Time};

/// The last accepted height, and a suspect one that later heights may confirm.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct HeightCheck {
    accepted: Option<TimedHeight>,
    suspect: Option<Suspect>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct TimedHeight {
    at: Time,
    height: Height,
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Suspect {
    since: Time,
    last: TimedHeight,
}

/// Why a height is not accepted yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HeightDoubt {
    /// No height was accepted before.
    #[error("first height {0}: waiting for agreement or a block header")]
    First(Height),
    /// Further than the chain can have come.
    #[error(
        "height {reported} is further ahead of {known} than blocks can come: accepted if reported for {} minutes", AHEAD_CONFIRM_AFTER.num_minutes()
    )]
    Ahead { reported: Height, known: Height },
    /// Before an accepted height.
    #[error(
        "height {reported} is behind the accepted {known}: accepted if reported for {} minutes", BEHIND_CONFIRM_AFTER.num_minutes()
    )]
    Behind { reported: Height, known: Height },
}

/// There is nothing to compare with.
const FIRST_CONFIRM_AFTER: Duration = Duration::seconds(75);
/// A source that stays ahead for this long is right.
const AHEAD_CONFIRM_AFTER: Duration = Duration::minutes(3);
/// A chain that goes back was restored; a source that is behind usually catches up.
const BEHIND_CONFIRM_AFTER: Duration = Duration::minutes(15);
/// Sources differ by some blocks.
const SLACK: Blocks = Blocks(15);
/// A lower bound, for when the block time is unknown or wrong.
const SHORTEST_BLOCK: Duration = Duration::milliseconds(4_000);

impl HeightCheck {
    /// Accepts a height from a trusted origin: a block header, or the journal.
    pub fn anchor(&mut self, at: Time, height: Height) {
        if self.accepted.is_none_or(|seen| seen.height < height) {
            self.accepted = Some(TimedHeight { at, height });
            self.suspect = None;
        }
    }

    /// Checks a height that was reported at `at`, and accepts it or says why not.
    pub fn observe(&mut self, at: Time, height: Height) -> Result<(), HeightDoubt> {
        let reported = TimedHeight { at, height };
        let Some(doubt) = self.doubt(reported) else {
            self.accept(reported);
            return Ok(());
        };
        let earlier = self
            .suspect
            .filter(|earlier| follows(earlier.last, reported));
        let suspect = Suspect {
            since: earlier.map_or(at, |earlier| earlier.since),
            last: reported,
        };
        let confirm_after = match doubt {
            HeightDoubt::First(_) => FIRST_CONFIRM_AFTER,
            HeightDoubt::Ahead { .. } => AHEAD_CONFIRM_AFTER,
            HeightDoubt::Behind { .. } => BEHIND_CONFIRM_AFTER,
        };
        if at - suspect.since >= confirm_after {
            self.accept(reported);
            return Ok(());
        }
        self.suspect = Some(suspect);
        Err(doubt)
    }

    /// Why a height reported at `at` would not be accepted; changes nothing.
    pub fn doubt_at(&self, at: Time, height: Height) -> Option<HeightDoubt> {
        self.doubt(TimedHeight { at, height })
    }

    /// Accepts a height that other sources agree with.
    pub fn accept_corroborated(&mut self, at: Time, height: Height) {
        self.accept(TimedHeight { at, height });
    }

    fn accept(&mut self, reported: TimedHeight) {
        self.accepted = Some(reported);
        self.suspect = None;
    }

    fn doubt(&self, reported: TimedHeight) -> Option<HeightDoubt> {
        let Some(known) = self.accepted else {
            return Some(HeightDoubt::First(reported.height));
        };
        if follows(known, reported) {
            return None;
        }
        let (reported, known) = (reported.height, known.height);
        Some(if reported > known {
            HeightDoubt::Ahead { reported, known }
        } else {
            HeightDoubt::Behind { reported, known }
        })
    }
}

/// Whether one chain can have had both heights at these times.
pub(super) fn agree(one: (Time, Height), other: (Time, Height)) -> bool {
    let timed = |(at, height)| TimedHeight { at, height };
    let (earlier, later) = if one.0 <= other.0 {
        (timed(one), timed(other))
    } else {
        (timed(other), timed(one))
    };
    let slack = TimedHeight {
        height: earlier.height - SLACK,
        ..earlier
    };
    follows(slack, later) || follows(earlier, later)
}

/// Whether a chain at `earlier` can be at `later`. It may also stand still.
fn follows(earlier: TimedHeight, later: TimedHeight) -> bool {
    let passed = (later.at - earlier.at).max(Duration::zero());
    let most = passed.num_milliseconds() / SHORTEST_BLOCK.num_milliseconds();
    let most = u64::try_from(most).unwrap_or_default() + SLACK.0;
    later.height >= earlier.height && earlier.height.until(later.height).0 <= most
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Time {
        Time::from_timestamp(1_790_000_000 + second, 0).unwrap()
    }

    fn known(height: u64) -> HeightCheck {
        let mut check = HeightCheck::default();
        check.anchor(at(0), Height(height));
        check
    }

    #[test]
    fn first_height_needs_confirmation() {
        let mut check = HeightCheck::default();
        assert!(check.observe(at(0), Height(100)).is_err());
        assert!(check.observe(at(40), Height(106)).is_err());
        assert!(check.observe(at(76), Height(112)).is_ok());
        assert!(known(100).observe(at(0), Height(100)).is_ok());
    }

    #[test]
    fn single_height_far_ahead_is_rejected() {
        let mut check = known(1_000);
        let result = check.observe(at(6), Height(1_400));
        assert!(
            matches!(result, Err(HeightDoubt::Ahead { .. })),
            "{result:?}"
        );
        assert!(check.observe(at(12), Height(1_002)).is_ok());
    }

    #[test]
    fn height_ahead_is_accepted_after_minutes() {
        let mut check = known(1_000);
        for second in (0..180).step_by(6) {
            let height = Height(1_400 + u64::try_from(second / 6).unwrap());
            assert!(check.observe(at(second), height).is_err(), "{second}");
        }
        assert!(check.observe(at(180), Height(1_431)).is_ok());
    }

    #[test]
    fn stale_source_does_not_step_back() {
        let mut check = known(1_000);
        for second in (0..600).step_by(30) {
            let result = check.observe(at(second), Height(900));
            assert!(
                matches!(result, Err(HeightDoubt::Behind { .. })),
                "{result:?}"
            );
        }
        assert!(check.observe(at(610), Height(1_100)).is_ok());
    }

    #[test]
    fn long_gap_without_readings_is_plausible() {
        assert!(known(1_000).observe(at(36_000), Height(7_500)).is_ok());
    }
}
