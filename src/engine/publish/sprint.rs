//! The sprint in a snapshot.

use crate::domain::{GateKind, Lead, PocActivity, Step, TimeBand, Usd};
use crate::engine::lifecycle::report::cause_of;
use crate::engine::snapshot::{GateSnapshot, SprintSnapshot};
use crate::engine::state::{Replica, Shared};
use crate::flow::{Gate, Terms, forecast};
use crate::mlnode::arguments::{self, Overridden};

impl Replica {
    pub(crate) fn sprint_snapshot(&self, shared: &Shared, lead: Lead) -> SprintSnapshot {
        let sprint = &self.sprint;
        let stages = sprint.stages().filter(|_| sprint.plan().aim.proves());
        let held_until = stages.map(|stages| sprint.held_until(stages));
        let view = shared.observed.view.as_ref().zip(held_until);
        let by_height = view.and_then(|((at, _), height)| shared.block_clock.estimate(*at, height));
        let release_at = sprint.serves_until().map(TimeBand::exactly).or(by_height);
        SprintSnapshot {
            epoch: sprint.stages().map(|stages| stages.epoch),
            aim: sprint.plan().aim,
            step: sprint.step(),
            doing: self.doing(shared),
            spans: sprint.spans().to_vec(),
            gate: sprint.gate().map(|gate| self.gate_snapshot(shared, gate)),
            preflight: sprint.preflight().cloned(),
            overridden: self.overridden_arguments(shared),
            proof: self.poc_activity(),
            release_steps: self.release_steps(),
            rent_at: sprint.rent_at(),
            lead,
            cause: sprint
                .ending()
                .and_then(cause_of)
                .map(|cause| cause.detail.clone()),
            release_at,
            release_policy: sprint.plan().release,
            outcome: sprint.outcome().cloned(),
            attempts: sprint.attempts(),
            can_abort: sprint.step() != Step::Done,
        }
    }

    /// Times by the list and the node's own report, the count by vLLM.
    pub(crate) fn poc_activity(&self) -> PocActivity {
        let proof = self.sprint.proof();
        let counted = self.primary.as_ref().filter(|_| proof.generated);
        PocActivity {
            generating_since: proof.generating_since,
            validating_since: proof.validating_since,
            ..counted.map(|monitor| monitor.generated).unwrap_or_default()
        }
    }

    /// Only of a node: governance has no say in vLLM alone.
    fn overridden_arguments(&self, shared: &Shared) -> Vec<Overridden> {
        let proves = self.sprint.plan().aim.proves();
        let catalogue = shared.observed.catalogue.as_ref().filter(|_| proves);
        let model = &self.config.mlnode.model;
        let merged = catalogue.map(|catalogue| arguments::of_model(catalogue, model));
        merged.map_or_else(Vec::new, |merged| merged.overridden)
    }

    fn doing(&self, shared: &Shared) -> String {
        let sprint = &self.sprint;
        let base = match sprint.step() {
            Step::Waiting if shared.observed.view.is_none() => "reads the chain".to_owned(),
            Step::Waiting => "waits for the time to rent".to_owned(),
            Step::Choosing => "compares offers".to_owned(),
            Step::Renting => "rents, or finds out whether it has".to_owned(),
            Step::Booting => match self.link_error() {
                Some(error) => format!("waits for the rental; SSH: {error}"),
                None => "waits for the rental's API".to_owned(),
            },
            Step::Warming => "loads the model".to_owned(),
            Step::Registering => "registers the node and waits for a good status".to_owned(),
            Step::Proving => self.proving().to_owned(),
            Step::Confirming => "waits for the weight on the chain".to_owned(),
            Step::Serving => self.serving(),
            Step::Releasing if sprint.gate().is_some() => {
                "waits for you before taking everything down".to_owned()
            }
            Step::Releasing => "releases everything and verifies it".to_owned(),
            Step::Done => "the sprint is finished".to_owned(),
        };
        match sprint.note() {
            Some(note) => format!("{base} — {note}"),
            None => base,
        }
    }

    /// Why there is no link to the sprint's rental.
    fn link_error(&self) -> Option<&str> {
        let link = &self.primary.as_ref()?.link;
        link.last_error
            .as_deref()
            .filter(|_| link.up_since.is_none())
    }

    fn serving(&self) -> String {
        let ends = self.primary.as_ref().and_then(|own| own.link.ends);
        let place = ends.map_or_else(
            || "the tunnel is made again".to_owned(),
            |ends| format!("http://{}/v1", ends.inference),
        );
        let until = self.sprint.serves_until();
        let until = until.map(|until| until.format(" until %H:%M UTC").to_string());
        let until = until.unwrap_or_default();
        format!("serves {}{until}: {place}", self.config.mlnode.model.id)
    }

    fn proving(&self) -> &'static str {
        let (Some(stages), Some((_, height))) = (self.sprint.stages(), self.sprint.last_height())
        else {
            return "the node proves its compute";
        };
        let proof = self.sprint.proof();
        if height < stages.poc_start {
            "the node is registered; the PoC has not started yet"
        } else if height < stages.poc_validation_start {
            if proof.generated {
                "the node generates"
            } else {
                "the PoC has begun; the node was not seen to generate yet"
            }
        } else {
            match (proof.generated, proof.validated) {
                (false, _) => "hosts validate; the node was never seen to generate",
                (true, true) => "the node generated and validates",
                (true, false) => "the node generated; hosts validate",
            }
        }
    }

    fn challenge_warning(&self) -> &'static str {
        match self.sprint.challenge() {
            Some(_) => {
                "A PoC Challenge is open: releasing now loses the epoch's reward and part of the collateral. "
            }
            None => "",
        }
    }

    fn gate_snapshot(&self, shared: &Shared, gate: Gate) -> GateSnapshot {
        let question = match gate.kind {
            GateKind::Start => {
                let risk = self.risk(shared).unwrap_or_default();
                format!(
                    "Start now? Offers are searched; nothing is spent before you confirm one.{risk}"
                )
            }
            GateKind::Rent => "Pick an offer and confirm its cost.".to_owned(),
            GateKind::Hedge => self.hedge_question(),
            GateKind::Register => {
                "The model is loaded. Register the node with the Network Node?".to_owned()
            }
            GateKind::Release => match self.sprint.rental() {
                Some(rental) => format!(
                    "{}Unregister the node and destroy instance {} ({} until then)?",
                    self.challenge_warning(),
                    rental.instance,
                    self.price(rental)
                ),
                None => "Take down what is left?".to_owned(),
            },
        };
        let until = match gate.kind {
            GateKind::Release => self.sprint.rental().map(|rental| rental.lease_until),
            GateKind::Start => None,
            _ => self
                .sprint
                .deadline()
                .and_then(|deadline| self.sprint.eta(deadline)),
        };
        GateSnapshot {
            kind: gate.kind,
            question,
            since: gate.since,
            until,
        }
    }

    fn hedge_question(&self) -> String {
        let first = self.sprint.rental().map_or_else(String::new, |rental| {
            format!("instance {} ({})", rental.instance, self.price(rental))
        });
        format!(
            "The boot of {first} is behind nine in ten. Rent a second machine beside it? Pick an offer and confirm its cost: both are paid for until one is ready, then the other is destroyed."
        )
    }

    /// The risk that a confirmation `PoC` costs the reward under the current policy, if there is one.
    pub(crate) fn risk(&self, shared: &Shared) -> Option<String> {
        if !self.sprint.plan().aim.proves() {
            return None;
        }
        let (_, view) = shared.observed.view.as_ref()?;
        let poc = &self.config.poc;
        let policy = self.sprint.plan().release;
        let confirmation = shared.confirmation_params();
        let forecast = forecast(
            policy,
            &Terms {
                stages: *self.sprint.stages()?,
                params: view.params,
                confirmation,
                block: shared.block_clock.block_time()?,
                before_poc: self.sprint.plan().lead + poc.margin,
                lead: self.sprint.plan().lead,
                lease: poc.lease,
                longest: poc.execution_timeout,
                price: self.config.vast.query.max_price,
                downloads: Usd::ZERO,
            },
        );
        let percent = 100.0 * forecast.chance_of_losing;
        (percent >= 0.5).then(|| {
            format!(
                " {percent:.0}% risk: a confirmation PoC after release ({policy}) loses this epoch's reward. `pocpit plan` compares the policies."
            )
        })
    }
}
