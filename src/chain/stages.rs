//! Whether an epoch's stages can be so. Pure.
//!
//! Governance may change every parameter, so that stages move; a broken source may move them too.
//! Stages other than those that are known count once a second source has them, or the same one
//! still has them after a while.

use std::fmt::Write as _;

use crate::domain::{Duration, EpochParams, EpochStages, EpochView, Time};

/// Follows the stages of the epochs.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct StagesCheck {
    known: Option<StageSet>,
    suspect: Option<(StageSet, Time)>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct StageSet {
    current: EpochStages,
    next: EpochStages,
    params: EpochParams,
}

/// A parameter or stage that is not what it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct StageChange(pub String);

/// Whether others have the same stages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Corroboration {
    /// It is alone.
    Alone,
    /// Another source has them too.
    Agreed,
}

/// Told for so long, a change is believed of one source.
const CONFIRM_AFTER: Duration = Duration::seconds(60);

impl StagesCheck {
    /// Takes a view into account: what changed, if it counts; why it does not count otherwise.
    pub(super) fn observe(
        &mut self,
        now: Time,
        view: &EpochView,
        backing: Corroboration,
    ) -> Result<Option<StageChange>, String> {
        let told = StageSet::of(view);
        let change = self.known.and_then(|known| known.changed(&told));
        let Some(change) = change else {
            self.known = Some(told);
            self.suspect = None;
            return Ok(None);
        };
        let since = match self.suspect {
            Some((suspect, since)) if suspect.agrees(&told) => since,
            _ => now,
        };
        if backing == Corroboration::Agreed || now - since >= CONFIRM_AFTER {
            self.known = Some(told);
            self.suspect = None;
            return Ok(Some(StageChange(change)));
        }
        self.suspect = Some((told, since));
        Err(format!(
            "the epoch's heights changed ({change}): not believed of one source until it has told so for a minute"
        ))
    }
}

/// Whether two sources tell of the same stages.
pub(super) fn same(one: &EpochView, other: &EpochView) -> bool {
    StageSet::of(one).agrees(&StageSet::of(other))
}

impl StageSet {
    fn of(view: &EpochView) -> StageSet {
        StageSet {
            current: view.current,
            next: view.next,
            params: view.params,
        }
    }

    fn agrees(&self, told: &StageSet) -> bool {
        self.changed(told).is_none()
    }

    /// How what is told differs from what is known of the same epochs.
    fn changed(&self, told: &StageSet) -> Option<String> {
        let mut changes = String::new();
        for new in [&told.current, &told.next] {
            let same_epoch = [&self.current, &self.next]
                .into_iter()
                .find(|old| old.epoch == new.epoch);
            if let Some(old) = same_epoch {
                for (name, from, to) in heights(old, new) {
                    if from != to {
                        let _ = write!(changes, "{name} of epoch {}: {from} → {to}; ", old.epoch);
                    }
                }
            } else if told.current.epoch == self.next.epoch
                && new.poc_start != self.next.next_poc_start
            {
                let _ = write!(
                    changes,
                    "poc_start of epoch {}: {} → {}; ",
                    new.epoch, self.next.next_poc_start, new.poc_start
                );
            }
        }
        // The parameters of another epoch may well be others.
        if self.current.epoch == told.current.epoch {
            for (name, from, to) in blocks(&self.params, &told.params) {
                if from != to {
                    let _ = write!(changes, "{name}: {from} → {to} blocks; ");
                }
            }
        }
        let changes = changes.trim_end_matches("; ");
        (!changes.is_empty()).then(|| changes.to_owned())
    }
}

fn heights(old: &EpochStages, new: &EpochStages) -> [(&'static str, u64, u64); 7] {
    let of = |stages: &EpochStages| {
        [
            stages.poc_start.0,
            stages.poc_generation_end.0,
            stages.poc_validation_start.0,
            stages.poc_validation_end.0,
            stages.set_new_validators.0,
            stages.inference_validation_cutoff.0,
            stages.next_poc_start.0,
        ]
    };
    let names = [
        "poc_start",
        "poc_generation_end",
        "poc_validation_start",
        "poc_validation_end",
        "set_new_validators",
        "inference_validation_cutoff",
        "next_poc_start",
    ];
    paired(names, of(old), of(new))
}

fn blocks(old: &EpochParams, new: &EpochParams) -> [(&'static str, u64, u64); 7] {
    let of = |params: &EpochParams| {
        [
            params.epoch_length.0,
            params.poc_stage_duration.0,
            params.poc_validation_delay.0,
            params.poc_validation_duration.0,
            params.set_new_validators_delay.0,
            params.inference_validation_cutoff.0,
            params.confirmation_poc_safety_window.0,
        ]
    };
    let names = [
        "epoch_length",
        "poc_stage_duration",
        "poc_validation_delay",
        "poc_validation_duration",
        "set_new_validators_delay",
        "inference_validation_cutoff",
        "confirmation_poc_safety_window",
    ];
    paired(names, of(old), of(new))
}

fn paired(names: [&'static str; 7], old: [u64; 7], new: [u64; 7]) -> [(&'static str, u64, u64); 7] {
    std::array::from_fn(|i| (names[i], old[i], new[i]))
}

#[cfg(test)]
mod tests {
    use super::super::wire::tests::mainnet;
    use super::*;
    use crate::domain::{Blocks, Height};

    fn at(second: i64) -> Time {
        Time::from_timestamp(1_790_000_000 + second, 0).unwrap()
    }

    fn moved() -> EpochView {
        let mut view = mainnet();
        view.current.next_poc_start = Height(5_536_000);
        view.next.poc_start = Height(5_536_000);
        view
    }

    #[test]
    fn a_poc_that_one_source_moves_counts_after_a_minute() {
        let mut check = StagesCheck::default();
        assert_eq!(
            check.observe(at(0), &mainnet(), Corroboration::Alone),
            Ok(None)
        );
        let told = check.observe(at(6), &moved(), Corroboration::Alone);
        assert!(told.unwrap_err().contains("poc_start of epoch 359"));
        assert!(
            check
                .observe(at(40), &moved(), Corroboration::Alone)
                .is_err()
        );
        let change = check
            .observe(at(67), &moved(), Corroboration::Alone)
            .unwrap();
        assert!(change.unwrap().0.contains("5536724 → 5536000"));
    }

    #[test]
    fn a_poc_that_two_sources_move_has_moved() {
        let mut check = StagesCheck::default();
        assert_eq!(
            check.observe(at(0), &mainnet(), Corroboration::Alone),
            Ok(None)
        );
        assert!(
            check
                .observe(at(6), &moved(), Corroboration::Agreed)
                .is_ok()
        );
    }

    #[test]
    fn one_wrong_reply_among_right_ones_changes_nothing() {
        let mut check = StagesCheck::default();
        for second in 0..200 {
            let view = if second % 2 == 0 { mainnet() } else { moved() };
            let told = check.observe(at(second), &view, Corroboration::Alone);
            assert_eq!(told.is_ok(), second % 2 == 0, "{second}");
        }
    }

    #[test]
    fn the_next_epoch_as_it_was_foretold_is_no_change() {
        let mut check = StagesCheck::default();
        let view = mainnet();
        assert_eq!(check.observe(at(0), &view, Corroboration::Alone), Ok(None));
        let mut rolled = view.clone();
        rolled.epoch = view.next.epoch;
        rolled.current = view.next;
        rolled.next = super::super::epoch::one_epoch_later(&view.next);
        rolled.params.poc_validation_duration = Blocks(20);
        assert_eq!(
            check.observe(at(6), &rolled, Corroboration::Alone),
            Ok(None)
        );
    }
}
