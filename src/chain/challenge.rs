//! Recognises a `PoC` Challenge (v0.2.16) without a call of its own: the Network Node makes a node generate
//! while no `PoC` is in progress. Pure.
//!
//! A false alarm costs hours of rent, a missed challenge costs the epoch: so a listing counts only if the
//! chain was read after it, and an unclear reading changes nothing.

use super::epoch::challenge_end;
use crate::domain::{
    Blocks, ChainPhase, Challenge, ConfirmationPhase, Duration, EpochView, NodeDuty, Time,
};

/// What one reading says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sighting {
    Open(Challenge),
    None,
    /// It says nothing either way.
    Unknown,
}

/// An older listing says nothing about now.
const FRESH: Duration = Duration::minutes(2);
/// A source may be this many blocks behind the Network Node.
const LAG: Blocks = Blocks(15);

/// What a node's duty, listed before this view was read at `now`, says about a challenge.
pub fn sighting(now: Time, view: &EpochView, listed: Option<(Time, NodeDuty)>) -> Sighting {
    let end = challenge_end(view.current.next_poc_start, &view.params);
    if view.phase != ChainPhase::Inference || view.height >= end {
        return Sighting::None;
    }
    let event = view.confirmation.map(|event| event.phase);
    let is_quiet = matches!(
        event,
        None | Some(ConfirmationPhase::Inactive | ConfirmationPhase::Completed)
    );
    let fresh = listed.filter(|(at, _)| *at <= now && now - *at <= FRESH);
    match fresh {
        // A confirmation interrupts a challenge and does not end it; near the next `PoC` the Network Node
        // may merely be ahead of this source.
        _ if !is_quiet || view.height + LAG >= view.current.next_poc_start => Sighting::Unknown,
        None | Some((_, NodeDuty::Unknown)) => Sighting::Unknown,
        Some((_, NodeDuty::Generates)) => Sighting::Open(Challenge {
            seen_at: view.height,
            end,
        }),
        Some(_) => Sighting::None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::wire::tests::mainnet;
    use super::*;
    use crate::domain::{ConfirmationEvent, EpochIndex, Height};

    fn at(second: i64) -> Time {
        Time::from_timestamp(1_790_000_000 + second, 0).unwrap()
    }

    /// In the middle of the epoch.
    fn view() -> EpochView {
        let mut view = mainnet();
        view.height = Height(5_530_000);
        view
    }

    fn look(view: &EpochView, duty: NodeDuty) -> Sighting {
        sighting(at(60), view, Some((at(30), duty)))
    }

    #[test]
    fn generating_outside_every_poc_is_a_challenge() {
        let end = Height(5_536_724 - 500);
        let seen_at = view().height;
        let open = Sighting::Open(Challenge { seen_at, end });
        assert_eq!(look(&view(), NodeDuty::Generates), open);
        for duty in [
            NodeDuty::Serves,
            NodeDuty::ServesWithWeight,
            NodeDuty::Validates,
        ] {
            assert_eq!(look(&view(), duty), Sighting::None, "{duty:?}");
        }
    }

    #[test]
    fn generating_within_a_poc_is_none() {
        let mut regular = view();
        regular.phase = ChainPhase::PoCGenerate;
        assert_eq!(look(&regular, NodeDuty::Generates), Sighting::None);
        // The network's safety window has none.
        let mut late = view();
        late.height = Height(5_536_724 - 500);
        assert_eq!(look(&late, NodeDuty::Generates), Sighting::None);
    }

    #[test]
    fn what_cannot_be_told_is_unknown() {
        let mut confirmed = view();
        let mut event = ConfirmationEvent {
            epoch: EpochIndex(358),
            sequence: 0,
            trigger_height: Height(5_529_900),
            generation_start: Height(5_529_980),
            phase: ConfirmationPhase::Generation,
        };
        confirmed.confirmation = Some(event);
        assert_eq!(look(&confirmed, NodeDuty::Generates), Sighting::Unknown);
        event.phase = ConfirmationPhase::Completed;
        confirmed.confirmation = Some(event);
        let seen = look(&confirmed, NodeDuty::Generates);
        assert!(matches!(seen, Sighting::Open(_)), "{seen:?}");
        let of = |listed| sighting(at(600), &view(), listed);
        for listed in [
            None,
            Some((at(599), NodeDuty::Unknown)),
            // Too old, and newer than the view.
            Some((at(400), NodeDuty::Generates)),
            Some((at(601), NodeDuty::Generates)),
        ] {
            assert_eq!(of(listed), Sighting::Unknown, "{listed:?}");
        }
    }
}
