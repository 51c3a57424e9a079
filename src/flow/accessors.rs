//! What others may see of a sprint.

use super::release::Release;
use super::transitions::TOO_LATE_FOR;
use super::{Gate, Plan, Rental, Sprint};
use crate::domain::{
    ConfirmationStages, EpochIndex, EpochStages, Height, Mode, NodeId, Outcome, Preflight, Race,
    RentalLabel, Step, StepSpan, Time, Weight,
};

/// What there is to see of a sprint.
impl Sprint {
    /// The epoch whose `PoC` it is for, once that is known.
    pub fn poc_epoch(&self) -> Option<EpochIndex> {
        let stages = self.stages().filter(|_| self.plan.aim.proves());
        stages.map(|stages| stages.epoch)
    }

    /// What keeps it from renting while it waits, other than the time; absent when nothing does.
    pub fn blocked_by(&self) -> Option<String> {
        let note = self.note.clone();
        let note = note.filter(|note| !note.starts_with(TOO_LATE_FOR));
        note.or_else(|| self.readiness.obstacles())
    }

    pub fn step(&self) -> Step {
        self.step
    }

    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// Steps so far.
    pub fn spans(&self) -> &[StepSpan] {
        &self.spans
    }

    pub fn gate(&self) -> Option<Gate> {
        self.gate
    }

    /// The `PoC` that it is for.
    pub fn stages(&self) -> Option<&EpochStages> {
        self.target.as_ref().map(|target| &target.stages)
    }

    /// The height that was read last, and when.
    pub fn last_height(&self) -> Option<(Time, Height)> {
        self.chain.map(|tip| (tip.at, tip.height))
    }

    /// The confirmation `PoC`s of its epoch so far.
    pub fn confirmations(&self) -> &[ConfirmationStages] {
        &self.confirmations
    }

    /// Heights at which something is decided in this step: worth a look when they are expected.
    pub fn decision_heights(&self) -> Vec<Height> {
        let Some(stages) = self.stages() else {
            return Vec::new();
        };
        match self.step {
            Step::Waiting | Step::Done => Vec::new(),
            Step::Choosing | Step::Renting | Step::Booting | Step::Warming => {
                self.deadline().into_iter().collect()
            }
            Step::Registering => vec![stages.poc_start],
            Step::Proving => vec![stages.poc_start, stages.poc_validation_end],
            Step::Confirming => vec![stages.set_new_validators, self.held_until(stages)],
            Step::Serving | Step::Releasing => Vec::new(),
        }
    }

    /// Rent calls so far.
    pub fn attempts(&self) -> u32 {
        self.attempts
    }

    pub fn rental(&self) -> Option<&Rental> {
        self.rental.as_ref()
    }

    /// The rental that boots beside it.
    pub(super) fn second(&self) -> Option<&Rental> {
        self.hedge.contender()
    }

    /// What is rented beside it, or still is.
    pub fn beside(&self) -> Option<&Rental> {
        self.hedge.rental()
    }

    /// It lost a race, and is taken down for that.
    pub fn lost_race(&self, rental: &Rental) -> bool {
        self.is_destroying_loser() && self.beside() == Some(rental)
    }

    /// Everything that we pay for: the sprint's own, and what is beside it.
    pub fn rentals(&self) -> impl Iterator<Item = &Rental> {
        self.rental.iter().chain(self.hedge.rental())
    }

    /// It rents under this label, or has.
    pub fn uses(&self, label: &RentalLabel) -> bool {
        self.open_label() == Some(label) || self.rentals().any(|rental| rental.label == *label)
    }

    /// How a boot that was behind was hedged.
    pub fn race(&self) -> Option<Race> {
        self.race
    }

    /// The id of our node, once there is a rental.
    pub fn node_id(&self) -> Option<&NodeId> {
        self.poc_node.as_ref()
    }

    /// Whether a rental could do its work, as last found out.
    pub fn preflight(&self) -> Option<&Preflight> {
        self.readiness.last()
    }

    /// Weight of the whole participant, once read.
    pub fn participant_weight(&self) -> Option<Weight> {
        self.participant_weight
    }

    pub fn outcome(&self) -> Option<&Outcome> {
        self.outcome.as_ref()
    }

    /// How it will end, once that is clear.
    pub fn ending(&self) -> Option<&Outcome> {
        self.ending.as_ref()
    }

    /// The last thing that went wrong or is worth knowing.
    pub fn note(&self) -> Option<&str> {
        self.note.as_deref()
    }

    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// A rent call is under way or its outcome is not known.
    pub fn is_renting(&self) -> bool {
        self.rent_attempt.is_some()
    }

    /// The inference proxy was listed when the nodes were last read.
    pub fn proxy_listed(&self) -> bool {
        self.proxy_listed
    }

    pub fn is_releasing(&self) -> bool {
        self.release.as_ref().is_some_and(Release::is_active)
    }

    /// The label that is being rented under.
    pub fn open_label(&self) -> Option<&RentalLabel> {
        self.rent_attempt
            .as_ref()
            .map(|rent_attempt| &rent_attempt.label)
    }
}
