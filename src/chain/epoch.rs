//! What the heights of an epoch mean. Pure.

use crate::domain::{
    Blocks, ConfirmationEvent, ConfirmationPhase, ConfirmationStages, EpochIndex, EpochParams,
    EpochStages, EpochView, Height,
};

/// A stage of an epoch, for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    Before,
    Generation,
    /// Between generation and validation.
    Exchange,
    Validation,
    /// Validation is over, weights are not set yet.
    Settling,
    Inference,
}

/// The stage of `height` in the epoch with these stages.
pub fn stage_at(stages: &EpochStages, height: Height) -> Stage {
    if height < stages.poc_start {
        Stage::Before
    } else if height < stages.poc_generation_end {
        Stage::Generation
    } else if height < stages.poc_validation_start {
        Stage::Exchange
    } else if height < stages.poc_validation_end {
        Stage::Validation
    } else if height < stages.set_new_validators {
        Stage::Settling
    } else {
        Stage::Inference
    }
}

/// Whether a view is consistent, or what contradicts it. A missing number parses as 0, which must
/// never become "the `PoC` starts now" (acceptance case D51).
pub fn consistent(view: &EpochView) -> Result<(), String> {
    if view.height == Height(0) {
        return Err("the chain's reply has no height: the block clock is unknown".into());
    }
    in_order(&view.current)?;
    in_order(&view.next)?;
    if view.next.epoch != view.epoch.next() {
        return Err(format!(
            "epoch {} is followed by epoch {}",
            view.epoch, view.next.epoch
        ));
    }
    if view.next.poc_start <= view.current.poc_start {
        return Err(format!(
            "the next PoC at {} is not after the last at {}",
            view.next.poc_start, view.current.poc_start
        ));
    }
    if view.current.next_poc_start != view.next.poc_start {
        return Err(format!(
            "the reply contradicts itself: next PoC at {} and at {}",
            view.current.next_poc_start, view.next.poc_start
        ));
    }
    Ok(())
}

fn in_order(stages: &EpochStages) -> Result<(), String> {
    // A chain begins with an epoch without a `PoC`: all its stages but the end are zero.
    if stages.epoch == EpochIndex(0) && stages.next_poc_start > Height(0) {
        return Ok(());
    }
    let heights = [
        ("poc_start", stages.poc_start),
        ("poc_generation_end", stages.poc_generation_end),
        ("poc_validation_start", stages.poc_validation_start),
        ("poc_validation_end", stages.poc_validation_end),
        ("set_new_validators", stages.set_new_validators),
        ("next_poc_start", stages.next_poc_start),
    ];
    if stages.poc_start == Height(0) {
        return Err(format!(
            "epoch {} has no poc_start: the block clock is unknown",
            stages.epoch
        ));
    }
    for pair in heights.windows(2) {
        let [(earlier, low), (later, high)] = pair else {
            continue;
        };
        if low > high {
            return Err(format!(
                "epoch {}: {later} at {high} comes before {earlier} at {low}",
                stages.epoch
            ));
        }
    }
    Ok(())
}

/// The stages one epoch later, if no parameter changes.
pub fn one_epoch_later(stages: &EpochStages) -> EpochStages {
    let length = stages.poc_start.until(stages.next_poc_start);
    EpochStages {
        epoch: stages.epoch.next(),
        poc_start: stages.poc_start + length,
        poc_generation_wind_down: stages.poc_generation_wind_down + length,
        poc_generation_end: stages.poc_generation_end + length,
        poc_validation_start: stages.poc_validation_start + length,
        poc_validation_wind_down: stages.poc_validation_wind_down + length,
        poc_validation_end: stages.poc_validation_end + length,
        set_new_validators: stages.set_new_validators + length,
        claim_money: stages.claim_money + length,
        inference_validation_cutoff: stages.inference_validation_cutoff + length,
        next_poc_start: stages.next_poc_start + length,
    }
}

/// Whether a node registered or enabled in `admin_epoch` takes part in the `PoC` of epoch `latest`.
pub fn takes_part(admin_epoch: EpochIndex, latest: EpochIndex) -> bool {
    latest > admin_epoch
}

/// Blocks between the trigger of a confirmation `PoC` and its generation.
pub fn grace_period(params: &EpochParams) -> Blocks {
    Blocks(params.inference_validation_cutoff.0.max(1))
}

/// The last height at which the chain can still trigger a confirmation `PoC` in an epoch that ends
/// at `next_poc_start` (gonka v0.2.14 inference-chain/x/inference/module/confirmation_poc.go).
pub fn last_confirmation_trigger(next_poc_start: Height, params: &EpochParams) -> Height {
    let quiet = params.inference_validation_cutoff.0
        + params.poc_stage_duration.0
        + params.poc_exchange_duration.0
        + params.poc_validation_delay.0
        + params.poc_validation_duration.0
        + params.set_new_validators_delay.0
        + params.confirmation_poc_safety_window.0;
    next_poc_start - Blocks(quiet)
}

/// Where a `PoC` Challenge ends at the latest in an epoch that ends at `next_poc_start`
/// (gonka v0.2.16 proposals/governance-artifacts/update-v0.2.16).
pub fn challenge_end(next_poc_start: Height, params: &EpochParams) -> Height {
    next_poc_start - params.confirmation_poc_safety_window
}

/// The heights of a confirmation `PoC`, ends exclusive. Unlike in a regular `PoC`, validation waits for the
/// exchange *and* the delay, which counts from the last block of the exchange
/// (gonka v0.2.14 inference-chain/x/inference/types/confirmation_poc_event.go).
pub fn confirmation_stages(event: &ConfirmationEvent, params: &EpochParams) -> ConfirmationStages {
    let generation_end = event.generation_start + params.poc_stage_duration;
    let exchange_end = generation_end + params.poc_exchange_duration;
    let validation_start = exchange_end + params.poc_validation_delay - Blocks(1);
    ConfirmationStages {
        epoch: event.epoch,
        trigger: event.trigger_height,
        generation_start: event.generation_start,
        generation_end,
        exchange_end,
        validation_start,
        validation_end: validation_start + params.poc_validation_duration,
    }
}

/// Blocks from the trigger of a confirmation `PoC` to its end.
pub fn confirmation_length(params: &EpochParams) -> Blocks {
    let trigger = Height(1);
    let event = ConfirmationEvent {
        epoch: EpochIndex(0),
        sequence: 0,
        trigger_height: trigger,
        generation_start: trigger + grace_period(params),
        phase: ConfirmationPhase::GracePeriod,
    };
    trigger.until(confirmation_stages(&event, params).validation_end)
}

/// The phase of a confirmation `PoC` at `height`. The chain says "generation" until validation starts.
pub fn confirmation_phase_at(stages: &ConfirmationStages, height: Height) -> ConfirmationPhase {
    if height < stages.trigger {
        ConfirmationPhase::Inactive
    } else if height < stages.generation_start {
        ConfirmationPhase::GracePeriod
    } else if height < stages.validation_start {
        ConfirmationPhase::Generation
    } else if height < stages.validation_end {
        ConfirmationPhase::Validation
    } else {
        ConfirmationPhase::Completed
    }
}

#[cfg(test)]
mod tests {
    use super::super::wire::tests::mainnet;
    use super::*;

    #[test]
    fn mainnet_reply_is_consistent() {
        assert_eq!(consistent(&mainnet()), Ok(()));
    }

    #[test]
    fn missing_poc_start_is_an_error() {
        let mut view = mainnet();
        view.next.poc_start = Height(0);
        assert!(consistent(&view).unwrap_err().contains("clock is unknown"));
    }

    #[test]
    fn contradictory_reply_is_an_error() {
        let mut view = mainnet();
        view.current.next_poc_start = Height(5_536_725);
        assert!(consistent(&view).is_err());
    }

    #[test]
    fn stages_begin_at_their_heights() {
        let stages = mainnet().current;
        for (height, stage) in [
            (5_521_332, Stage::Before),
            (5_521_333, Stage::Generation),
            (5_521_393, Stage::Exchange),
            (5_521_398, Stage::Validation),
            (5_521_518, Stage::Settling),
            (5_521_638, Stage::Inference),
        ] {
            assert_eq!(stage_at(&stages, Height(height)), stage, "{height}");
        }
    }

    #[test]
    fn only_nodes_from_earlier_epochs_participate() {
        assert!(takes_part(EpochIndex(358), EpochIndex(359)));
        assert!(!takes_part(EpochIndex(359), EpochIndex(359)));
    }

    #[test]
    fn last_trigger_leaves_room_for_aftermath() {
        let view = mainnet();
        assert_eq!(
            last_confirmation_trigger(view.next.poc_start, &view.params),
            Height(5_536_724 - 890)
        );
    }

    #[test]
    fn confirmation_phases_begin_at_their_heights() {
        let event = ConfirmationEvent {
            epoch: EpochIndex(358),
            sequence: 0,
            trigger_height: Height(5_530_000),
            generation_start: Height(5_530_000) + grace_period(&mainnet().params),
            phase: ConfirmationPhase::GracePeriod,
        };
        let stages = confirmation_stages(&event, &mainnet().params);
        let phase = |height| confirmation_phase_at(&stages, Height(height));
        assert_eq!(phase(5_529_999), ConfirmationPhase::Inactive);
        assert_eq!(phase(5_530_000), ConfirmationPhase::GracePeriod);
        assert_eq!(phase(5_530_080), ConfirmationPhase::Generation);
        assert_eq!(phase(5_530_148), ConfirmationPhase::Generation);
        assert_eq!(phase(5_530_149), ConfirmationPhase::Validation);
        assert_eq!(phase(5_530_268), ConfirmationPhase::Validation);
        assert_eq!(phase(5_530_269), ConfirmationPhase::Completed);
    }

    #[test]
    fn confirmation_windows_follow_the_chain() {
        // Given a trigger at 5,530,000 with mainnet's parameters, the guide's table of windows.
        let params = mainnet().params;
        let grace = grace_period(&params);
        assert_eq!(grace, Blocks(80));
        let first = Height(5_530_000) + grace;
        let event = ConfirmationEvent {
            epoch: EpochIndex(358),
            sequence: 0,
            trigger_height: Height(5_530_000),
            generation_start: first,
            phase: ConfirmationPhase::GracePeriod,
        };
        let stages = confirmation_stages(&event, &params);
        let last = |end: Height| first.until(end).0 - 1;
        assert_eq!(last(stages.generation_end), 59);
        assert_eq!(last(stages.exchange_end), 64);
        assert_eq!(first.until(stages.validation_start), Blocks(69));
        assert_eq!(last(stages.validation_end), 188);
        assert_eq!(confirmation_length(&params), Blocks(80 + 189));
        // A grace period is at least one block.
        let hurried = EpochParams {
            inference_validation_cutoff: Blocks(0),
            ..params
        };
        assert_eq!(grace_period(&hurried), Blocks(1));
    }

    #[test]
    fn first_epoch_without_a_poc_is_consistent() {
        let mut view = mainnet();
        let next = view.current;
        view.height = Height(30);
        view.epoch = EpochIndex(0);
        view.current = EpochStages {
            next_poc_start: next.poc_start,
            ..EpochStages::default()
        };
        view.next = EpochStages {
            epoch: EpochIndex(1),
            ..next
        };
        assert_eq!(consistent(&view), Ok(()));
        // Only the first one may lack its stages.
        view.epoch = EpochIndex(1);
        view.current.epoch = EpochIndex(1);
        view.next.epoch = EpochIndex(2);
        assert!(consistent(&view).is_err());
    }
}
