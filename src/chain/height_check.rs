//! Whether a height can be so. Pure.
//!
//! One wrong height must decide nothing: far ahead it would end a sprint as too late, or give a
//! rental back before its `PoC`. A height that does not follow from the ones before it counts only
//! when later ones agree with it for a while.

use crate::domain::{Blocks, Duration, Height, Time};

/// Follows the heights of a chain.
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

/// Why a height does not count yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HeightDoubt {
    /// Nothing was known before.
    #[error("the first height, {0}, waits for others that agree, or for a block's header")]
    First(Height),
    /// Further than the chain can have come.
    #[error(
        "height {told} is more than the chain can have made since {known}: not believed until it is told for {} minutes", AHEAD_CONFIRM_AFTER.num_minutes()
    )]
    Ahead {
        /// The height that was told.
        told: Height,
        /// The height that is known.
        known: Height,
    },
    /// Before what was seen already.
    #[error(
        "height {told} is behind {known}, which was seen already: not believed until it is told for {} minutes", BEHIND_CONFIRM_AFTER.num_minutes()
    )]
    Behind {
        /// The height that was told.
        told: Height,
        /// The height that is known.
        known: Height,
    },
}

/// Nothing is there to compare with.
const FIRST_CONFIRM_AFTER: Duration = Duration::seconds(75);
/// A source that is ahead of everything known for so long is right.
const AHEAD_CONFIRM_AFTER: Duration = Duration::minutes(3);
/// A chain that goes back was restored; a source that is behind catches up or is wrong.
const BEHIND_CONFIRM_AFTER: Duration = Duration::minutes(15);
/// Sources differ by some blocks.
const SLACK: Blocks = Blocks(15);
/// Faster than any chain here ever was: no block time is known, or it is wrong.
const SHORTEST_BLOCK: Duration = Duration::milliseconds(4_000);

impl HeightCheck {
    /// A height that is known from elsewhere: a block's header, an earlier life of the program.
    pub fn anchor(&mut self, at: Time, height: Height) {
        if self.accepted.is_none_or(|seen| seen.height < height) {
            self.accepted = Some(TimedHeight { at, height });
            self.suspect = None;
        }
    }

    /// Takes the height that was told at `at` into account; an error says why it does not count.
    pub fn observe(&mut self, at: Time, height: Height) -> Result<(), HeightDoubt> {
        let told = TimedHeight { at, height };
        let Some(doubt) = self.doubt(told) else {
            self.accept(told);
            return Ok(());
        };
        let suspect = match self.suspect {
            Some(earlier) if follows(earlier.last, told) => Suspect {
                since: earlier.since,
                last: told,
            },
            _ => Suspect {
                since: at,
                last: told,
            },
        };
        let patience = match doubt {
            HeightDoubt::First(_) => FIRST_CONFIRM_AFTER,
            HeightDoubt::Ahead { .. } => AHEAD_CONFIRM_AFTER,
            HeightDoubt::Behind { .. } => BEHIND_CONFIRM_AFTER,
        };
        if at - suspect.since >= patience {
            self.accept(told);
            return Ok(());
        }
        self.suspect = Some(suspect);
        Err(doubt)
    }

    /// Why the height that was told at `at` would not count, without taking it into account.
    pub fn doubt_at(&self, at: Time, height: Height) -> Option<HeightDoubt> {
        self.doubt(TimedHeight { at, height })
    }

    /// Takes a height that others agree with as it is.
    pub fn accept_corroborated(&mut self, at: Time, height: Height) {
        self.accept(TimedHeight { at, height });
    }

    fn accept(&mut self, told: TimedHeight) {
        self.accepted = Some(told);
        self.suspect = None;
    }

    fn doubt(&self, told: TimedHeight) -> Option<HeightDoubt> {
        let Some(known) = self.accepted else {
            return Some(HeightDoubt::First(told.height));
        };
        let (told_height, known_height) = (told.height, known.height);
        if follows(known, told) {
            return None;
        }
        Some(if told_height > known_height {
            HeightDoubt::Ahead {
                told: told_height,
                known: known_height,
            }
        } else {
            HeightDoubt::Behind {
                told: told_height,
                known: known_height,
            }
        })
    }
}

/// One chain can have shown both heights at these times.
pub(super) fn agree((at, height): (Time, Height), (other_at, other): (Time, Height)) -> bool {
    let ends = [
        TimedHeight { at, height },
        TimedHeight {
            at: other_at,
            height: other,
        },
    ];
    let [earlier, later] = if at <= other_at {
        ends
    } else {
        [ends[1], ends[0]]
    };
    let slack = TimedHeight {
        height: earlier.height - SLACK,
        ..earlier
    };
    follows(slack, later) || follows(earlier, later)
}

/// A chain at `earlier` can be at `later`. Standing still is possible.
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
    fn the_first_height_takes_a_minute_or_a_header() {
        let mut check = HeightCheck::default();
        assert!(check.observe(at(0), Height(100)).is_err());
        assert!(check.observe(at(40), Height(106)).is_err());
        assert!(check.observe(at(76), Height(112)).is_ok());
        assert!(known(100).observe(at(0), Height(100)).is_ok());
    }

    #[test]
    fn one_height_far_ahead_changes_nothing() {
        let mut check = known(1_000);
        let told = check.observe(at(6), Height(1_400));
        assert!(matches!(told, Err(HeightDoubt::Ahead { .. })), "{told:?}");
        assert!(check.observe(at(12), Height(1_002)).is_ok());
    }

    #[test]
    fn what_is_told_for_minutes_is_so() {
        let mut check = known(1_000);
        for second in (0..180).step_by(6) {
            let height = Height(1_400 + u64::try_from(second / 6).unwrap());
            assert!(check.observe(at(second), height).is_err(), "{second}");
        }
        assert!(check.observe(at(180), Height(1_431)).is_ok());
    }

    #[test]
    fn a_stale_source_takes_nothing_back() {
        let mut check = known(1_000);
        for second in (0..600).step_by(30) {
            let told = check.observe(at(second), Height(900));
            assert!(matches!(told, Err(HeightDoubt::Behind { .. })), "{told:?}");
        }
        assert!(check.observe(at(610), Height(1_100)).is_ok());
    }

    #[test]
    fn a_night_without_a_reading_is_no_jump() {
        assert!(known(1_000).observe(at(36_000), Height(7_500)).is_ok());
    }
}
