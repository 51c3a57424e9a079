//! Plausibility check of an epoch's stages. Pure.
//!
//! Governance may change every parameter, which moves stages; so may a broken source. Changed stages
//! are accepted once a second source reports them, or the same source still does after a minute.

use std::fmt::Write as _;

use crate::domain::{Duration, EpochParams, EpochStages, EpochView, ParamsOrigin, Time};

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
    /// `None` when the reply has none.
    params: Option<EpochParams>,
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
            params: (view.params_origin == ParamsOrigin::Told).then_some(view.params),
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
                for ((name, from), (_, to)) in heights(old).into_iter().zip(heights(new)) {
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
        if self.current.epoch == new_set.current.epoch
            && let (Some(old), Some(new)) = (&self.params, &new_set.params)
        {
            let (old, new) = (blocks(old), blocks(new));
            for ((name, from), (_, to)) in old.into_iter().zip(new) {
                if from != to {
                    let _ = write!(changes, "{name}: {from} → {to} blocks; ");
                }
            }
        }
        let changes = changes.trim_end_matches("; ");
        (!changes.is_empty()).then(|| changes.to_owned())
    }
}

fn heights(stages: &EpochStages) -> [(&'static str, u64); 7] {
    [
        ("poc_start", stages.poc_start.0),
        ("poc_generation_end", stages.poc_generation_end.0),
        ("poc_validation_start", stages.poc_validation_start.0),
        ("poc_validation_end", stages.poc_validation_end.0),
        ("set_new_validators", stages.set_new_validators.0),
        (
            "inference_validation_cutoff",
            stages.inference_validation_cutoff.0,
        ),
        ("next_poc_start", stages.next_poc_start.0),
    ]
}

fn blocks(params: &EpochParams) -> [(&'static str, u64); 8] {
    let window = params.confirmation_poc_safety_window;
    [
        ("epoch_length", params.epoch_length.0),
        ("poc_stage_duration", params.poc_stage_duration.0),
        ("poc_exchange_duration", params.poc_exchange_duration.0),
        ("poc_validation_delay", params.poc_validation_delay.0),
        ("poc_validation_duration", params.poc_validation_duration.0),
        (
            "set_new_validators_delay",
            params.set_new_validators_delay.0,
        ),
        (
            "inference_validation_cutoff",
            params.inference_validation_cutoff.0,
        ),
        ("confirmation_poc_safety_window", window.0),
    ]
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
        let mut observe =
            |second, view: EpochView| check.observe(at(second), &view, Corroboration::Alone);
        assert_eq!(observe(0, mainnet()), Ok(None));
        let result = observe(6, moved());
        assert!(result.unwrap_err().contains("poc_start of epoch 359"));
        assert!(observe(40, moved()).is_err());
        let change = observe(67, moved()).unwrap().unwrap();
        assert!(change.0.contains("5536724 → 5536000"));
    }

    #[test]
    fn two_sources_change_stages_immediately() {
        let mut check = StagesCheck::default();
        let first = check.observe(at(0), &mainnet(), Corroboration::Alone);
        assert_eq!(first, Ok(None));
        let second = check.observe(at(6), &moved(), Corroboration::Agreed);
        assert!(second.is_ok());
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
        let next = check.observe(at(6), &rolled, Corroboration::Alone);
        assert_eq!(next, Ok(None));
    }
}
