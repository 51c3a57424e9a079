//! The `PoC` that takes place now: regular, a confirmation or a challenge.

use crate::world::host::HostId;
use crate::world::model::PocPhase;
use crate::world::state::World;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::world) enum RoundKind {
    Regular,
    Confirmation,
    Challenge,
}

/// The `PoC` that takes place now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::world) struct Round {
    pub kind: RoundKind,
    /// Identifies the round: the block height in its requests.
    pub height: u64,
    /// Blocks since its generation began.
    pub offset: u64,
    pub phase: PocPhase,
}

impl World {
    /// The regular `PoC`, confirmation or challenge that takes place now.
    pub(in crate::world) fn poc_round(&self, host: HostId) -> Option<Round> {
        let regular = self.phase();
        if regular != PocPhase::Inference {
            let height = World::poc_start(self.epoch());
            return Some(Round {
                kind: RoundKind::Regular,
                height,
                offset: self.height().saturating_sub(height),
                phase: regular,
            });
        }
        let event = self.event();
        let event = event.map(|event| (event, event.phase(self.height())));
        if let Some((event, phase)) = event
            && phase != PocPhase::Inference
        {
            return Some(Round {
                kind: RoundKind::Confirmation,
                height: event.trigger,
                offset: self.height().saturating_sub(event.generation),
                phase,
            });
        }
        let segment = self.challenge(host)?;
        Some(Round {
            kind: RoundKind::Challenge,
            height: segment.start,
            offset: self.height().saturating_sub(segment.start),
            phase: PocPhase::Generate,
        })
    }

    /// The phase of that `PoC`; `Inference` when there is none.
    pub(in crate::world) fn round(&self, host: HostId) -> PocPhase {
        self.poc_round(host)
            .map_or(PocPhase::Inference, |round| round.phase)
    }
}
