//! What other rooms may see of a sprint.

use super::hedge::Hedge;
use super::note::Note;
use super::release::Release;
use super::{Gate, NodeState, Plan, Proof, Refusal, Rental, Sprint};
use crate::domain::{
    ConfirmationStages, EpochIndex, EpochStages, Height, Mode, NodeId, Offer, Outcome, Preflight,
    Race, RentalLabel, Step, StepSpan, Time, Weight,
};

impl Sprint {
    /// The epoch of its `PoC`, once known.
    pub fn poc_epoch(&self) -> Option<EpochIndex> {
        let stages = self.stages().filter(|_| self.plan.aim.proves());
        stages.map(|stages| stages.epoch)
    }

    /// What keeps it from renting while it waits, other than the time; absent when nothing does.
    pub fn blocked_by(&self) -> Option<String> {
        match &self.volatile.note {
            Some(note) if !matches!(note, Note::TooLateFor(_)) => Some(note.to_string()),
            _ => self.volatile.readiness.obstacles(),
        }
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

    /// The stages of its `PoC`.
    pub fn stages(&self) -> Option<&EpochStages> {
        self.target.as_ref().map(|target| &target.stages)
    }

    /// The last height that was read, and when.
    pub fn last_height(&self) -> Option<(Time, Height)> {
        self.volatile.chain.map(|tip| (tip.at, tip.height))
    }

    /// The confirmation `PoC`s of its epoch so far.
    pub fn confirmations(&self) -> &[ConfirmationStages] {
        &self.confirmations
    }

    /// Heights at which something is decided in this step: worth a poll when they are expected.
    pub fn decision_heights(&self) -> Vec<Height> {
        let Some(stages) = self.stages() else {
            return Vec::new();
        };
        match self.step {
            Step::Choosing | Step::Renting | Step::Booting | Step::Warming => {
                self.deadline().into_iter().collect()
            }
            Step::Registering => vec![stages.poc_start],
            Step::Proving => vec![stages.poc_start, stages.poc_validation_end],
            Step::Confirming => vec![stages.set_new_validators, self.held_until(stages)],
            Step::Waiting | Step::Serving | Step::Releasing | Step::Done => Vec::new(),
        }
    }

    /// Rent calls so far.
    pub fn attempts(&self) -> u32 {
        self.attempts
    }

    pub fn rental(&self) -> Option<&Rental> {
        self.rental.as_ref()
    }

    /// The second rental, also while it is destroyed as the loser of a race.
    pub fn hedge(&self) -> Option<&Rental> {
        self.hedge.rental()
    }

    /// It lost a race and is being destroyed.
    pub fn lost_race(&self, rental: &Rental) -> bool {
        self.is_destroying_loser() && self.hedge() == Some(rental)
    }

    /// Every rental that we pay for.
    pub fn rentals(&self) -> impl Iterator<Item = &Rental> {
        self.rental.iter().chain(self.hedge())
    }

    /// The labels of its rentals and of an open rent call.
    pub fn labels(&self) -> impl Iterator<Item = &RentalLabel> {
        let open = self.rent_attempt.as_ref().map(|attempt| &attempt.label);
        let rented = self.rentals().map(|rental| &rental.label);
        open.into_iter().chain(rented)
    }

    /// A rental or an open rent call has this label.
    pub fn uses(&self, label: &RentalLabel) -> bool {
        self.labels().any(|used| used == label)
    }

    /// The offers of the last search that may still be rented, best first.
    pub fn offers(&self) -> impl Iterator<Item = &Offer> {
        let candidates = self.volatile.search.offers.iter();
        candidates.map(|candidate| &candidate.offer)
    }

    /// Less than half of a boot's time is left until the registration's deadline.
    pub fn is_short_of_time(&self, now: Time) -> bool {
        self.misses_deadline(now, Some(self.plan.lead / 2))
    }

    /// How a boot that was behind was hedged.
    pub fn race(&self) -> Option<Race> {
        self.race
    }

    /// Why the caps refused the last offers, until another is picked or nothing is to be rented.
    pub fn cap_refusal(&self) -> Option<Refusal> {
        let seeks = self.step == Step::Choosing || self.hedge == Hedge::Wanted;
        self.volatile.search.refusal.filter(|_| seeks)
    }

    /// Our node is registered, or may be.
    pub fn is_registered(&self) -> bool {
        let touched = |node: &NodeState| node.asked.is_some() || node.listed.is_some();
        self.node.as_ref().is_some_and(touched)
    }

    /// The id of our node, once there is a rental.
    pub fn node_id(&self) -> Option<&NodeId> {
        self.poc_node.as_ref()
    }

    /// The last preflight.
    pub fn preflight(&self) -> Option<&Preflight> {
        self.volatile.readiness.last.as_ref()
    }

    /// Weight of the whole participant, once read.
    pub fn participant_weight(&self) -> Option<Weight> {
        self.participant_weight
    }

    /// How our node took part in the `PoC`.
    pub fn proof(&self) -> Proof {
        self.proof
    }

    pub fn outcome(&self) -> Option<&Outcome> {
        self.outcome.as_ref()
    }

    /// How it will end, once that is clear.
    pub fn ending(&self) -> Option<&Outcome> {
        self.ending.as_ref()
    }

    /// The last thing that went wrong or is worth knowing.
    pub fn note(&self) -> Option<String> {
        self.volatile.note.as_ref().map(Note::to_string)
    }

    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// A rent call is in flight, or its outcome is unknown.
    pub fn is_renting(&self) -> bool {
        self.rent_attempt.is_some()
    }

    /// The inference proxy was in the last list of nodes.
    pub fn proxy_listed(&self) -> bool {
        self.proxy_listed
    }

    pub fn is_releasing(&self) -> bool {
        self.release.as_ref().is_some_and(Release::is_active)
    }
}
