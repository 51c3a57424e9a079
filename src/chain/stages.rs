//! Plausibility check of an epoch's stages. Pure.
//!
//! Governance may change every parameter, which moves stages; so may a broken source. Changed stages
//! are accepted once a second source reports them, or the same source still does after a minute.

use std::fmt::Write as _;

use crate::domain::{Duration, EpochParams, EpochStages, EpochView, Time};

/// The accepted stages, and changed ones that wait for confirmation.
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

/// Changed parameters or stages, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct StageChange(pub String);

/// Whether another source reports the same stages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Corroboration {
    Alone,
    Agreed,
}

/// A change that one source reports for this long is accepted.
const CONFIRM_AFTER: Duration = Duration::seconds(60);

impl StagesCheck {
    /// Checks a view: what changed if it is accepted, or why it is not.
    pub(super) fn observe(
        &mut self,
        now: Time,
        view: &EpochView,
        backing: Corroboration,
    ) -> Result<Option<StageChange>, String> {
        let reported = StageSet::of(view);
        let change = self.known.and_then(|known| known.changed(&reported));
        let Some(change) = change else {
            self.known = Some(reported);
            self.suspect = None;
            return Ok(None);
        };
        let since = match self.suspect {
            Some((suspect, since)) if suspect.agrees(&reported) => since,
            _ => now,
        };
        if backing == Corroboration::Agreed || now - since >= CONFIRM_AFTER {
            self.known = Some(reported);
            self.suspect = None;
            return Ok(Some(StageChange(change)));
        }
        self.suspect = Some((reported, since));
        Err(format!(
            "the epoch's heights changed ({change}): accepted once a second source agrees or it persists for a minute"
        ))
    }
}

/// Whether two sources report the same stages.
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

    fn agrees(&self, other: &StageSet) -> bool {
        self.changed(other).is_none()
    }

    /// How `new_set` differs for the epochs that both know.
    fn changed(&self, new_set: &StageSet) -> Option<String> {
        let mut changes = String::new();
        for new in [&new_set.current, &new_set.next] {
            let same_epoch = [&self.current, &self.next]
                .into_iter()
                .find(|old| old.epoch == new.epoch);
            if let Some(old) = same_epoch {
                for (name, from, to) in heights(old, new) {
                    if from != to {
                        let _ = write!(changes, "{name} of epoch {}: {from} → {to}; ", old.epoch);
                    }
                }
            } else if new_set.current.epoch == self.next.epoch
                && new.poc_start != self.next.next_poc_start
            {
                let _ = write!(
                    changes,
                    "poc_start of epoch {}: {} → {}; ",
                    new.epoch, self.next.next_poc_start, new.poc_start
                );
            }
        }
        // Parameters may differ between epochs.
        if self.current.epoch == new_set.current.epoch {
            for (name, from, to) in blocks(&self.params, &new_set.params) {
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
    fn one_sources_new_stages_need_a_minute() {
        let mut check = StagesCheck::default();
        assert_eq!(
            check.observe(at(0), &mainnet(), Corroboration::Alone),
            Ok(None)
        );
        let result = check.observe(at(6), &moved(), Corroboration::Alone);
        assert!(result.unwrap_err().contains("poc_start of epoch 359"));
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
    fn two_sources_change_stages_immediately() {
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
    fn alternating_wrong_reply_changes_nothing() {
        let mut check = StagesCheck::default();
        for second in 0..200 {
            let view = if second % 2 == 0 { mainnet() } else { moved() };
            let result = check.observe(at(second), &view, Corroboration::Alone);
            assert_eq!(result.is_ok(), second % 2 == 0, "{second}");
        }
    }

    #[test]
    fn expected_epoch_rollover_is_no_change() {
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
