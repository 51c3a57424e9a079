//! Registering: until the Network Node lists our node as requested, enabled and with a good status.
//! What it drops or loses is registered again. What it alters stays: an update of a node with other
//! arguments makes newer releases load its model again.

use super::{Effect, NodeReading, NodeState, Rental, Sprint, is_due};
use crate::domain::{
    CallError, CallErrorKind, CallbackProof, Duration, GateKind, Likeness, Mode, NodeStatus,
    Outcome, Step, Time,
};

const REGISTER_EVERY: Duration = Duration::seconds(30);
/// A refusal that comes this often and for this long is no moment's.
const LASTING_REFUSALS: u32 = 5;
const REFUSED_FOR: Duration = Duration::minutes(5);
/// Without a `PoC`, a registration that is not good by then never will be.
pub(super) const GOOD_WITHIN: Duration = Duration::minutes(10);

impl NodeState {
    fn register(&self, rental: &Rental) -> Effect {
        Effect::Register {
            node: self.id.clone(),
            instance: rental.instance,
        }
    }
}

impl Sprint {
    pub(super) fn listed_node(&self) -> Option<&NodeReading> {
        self.node.as_ref()?.listed.as_ref()
    }

    pub(super) fn registering(&mut self, now: Time, effects: &mut Vec<Effect>) {
        let listed = self.listed_node().filter(|node| node.likeness.is_usable());
        let listed = listed.cloned();
        if listed.is_none() && self.give_up_failed_boot(now, effects) {
            return;
        }
        self.start_idle_model(now, effects);
        if self.mode == Mode::Manual && !self.passed(now, GateKind::Register) {
            return;
        }
        self.gate = None;
        let is_listed = listed.is_some();
        if self.registering_timed_out(now)
            || listed.is_some_and(|node| self.finish_registration(now, &node))
        {
            return;
        }
        self.wake_at(now + REGISTER_EVERY);
        if !is_listed && self.must_not_register_yet() {
            return;
        }
        self.register(now, effects);
    }

    /// A node that still loads would be stopped by the Network Node's first poll, and one whose proofs
    /// do not arrive earns nothing. Says why.
    fn must_not_register_yet(&mut self) -> bool {
        let boot = &self.volatile.boot;
        let why = match (&boot.callback, boot.ready) {
            (_, false) => {
                "the model does not answer: the node is registered when it does".to_owned()
            }
            (CallbackProof::Proven, true) => return false,
            (CallbackProof::NotTried, true) => {
                "the node is registered once the rental has reached the PoC callback".to_owned()
            }
            (CallbackProof::Failed(why) | CallbackProof::Refused(why), true) => {
                format!("the node is not registered, because its proofs would not arrive: {why}")
            }
        };
        self.set_note(why);
        true
    }

    pub(super) fn on_register_refused(&mut self, error: &CallError) {
        if self.step != Step::Registering {
            return self.set_note(error.to_string());
        }
        let text = format!(
            "{error}. The Network Node takes no node without a model of governance: set mlnode.model to one of `pocpit check`"
        );
        self.fail("registration_refused", text);
    }

    /// Unattended, a refusal that lasts ends the rental: nobody is there to mend it.
    pub(super) fn on_register_failed(&mut self, now: Time, error: &CallError) {
        self.set_note(error.to_string());
        let refuses = matches!(
            error.kind,
            CallErrorKind::Refused | CallErrorKind::Unauthorized
        );
        if !refuses {
            self.volatile.registration_refused = None;
            return;
        }
        let earlier = self.volatile.registration_refused;
        let (since, count) = earlier.map_or((now, 1), |(since, count)| (since, count + 1));
        self.volatile.registration_refused = Some((since, count));
        let lasts = count >= LASTING_REFUSALS && now - since >= REFUSED_FOR;
        if lasts && self.mode == Mode::Auto && self.step == Step::Registering {
            let minutes = REFUSED_FOR.num_minutes();
            let text =
                format!("the Network Node has refused our node for {minutes} minutes: {error}");
            self.fail("registration_refused", text);
        }
    }

    /// Moves on with a node that is listed, if it can. True when it did, or failed.
    fn finish_registration(&mut self, now: Time, listed: &NodeReading) -> bool {
        let Some(stages) = self.stages().copied() else {
            return false;
        };
        let proves = self.plan.aim.proves();
        let started = proves && self.height() >= Some(stages.poc_start);
        if started && listed.admin_epoch >= stages.epoch {
            let text = "the node was registered after the PoC had started: the Network Node leaves it out; stopped to avoid further cost";
            self.fail("registered_too_late", text);
            return true;
        }
        if started && listed.status == NodeStatus::Failed {
            let why = &listed.failure;
            let text = format!("the Network Node lists our node as FAILED: {why}");
            self.fail("node_failed", text);
            return true;
        }
        let good = matches!(listed.status, NodeStatus::Inference | NodeStatus::Poc);
        let registered = good && listed.enabled;
        if !started && !registered {
            return false;
        }
        if !proves {
            self.end(Outcome::Rehearsed);
            return true;
        }
        self.enter(now, Step::Proving);
        if let Likeness::Altered(fields) = &listed.likeness {
            let fields = fields.join(", ");
            self.set_note(format!(
                "the Network Node keeps its own {fields} for our node"
            ));
        }
        true
    }

    /// A sprint that proves has until its `PoC`. One that only registers must not cost more than it has
    /// to.
    fn registering_timed_out(&mut self, now: Time) -> bool {
        if self.plan.aim.proves() {
            return false;
        }
        let until = self.step_began(now) + GOOD_WITHIN;
        if now < until {
            self.wake_at(until);
            return false;
        }
        let status = match self.listed_node() {
            None => self
                .note()
                .unwrap_or_else(|| "it does not list the node".to_owned()),
            Some(node) if node.failure.is_empty() => format!("its status is {}", node.status),
            Some(node) => format!("its status is {}: {}", node.status, node.failure),
        };
        let minutes = GOOD_WITHIN.num_minutes();
        let text = format!(
            "the Network Node has no good status for the node after {minutes} minutes: {status}"
        );
        self.fail("not_registered", text);
        true
    }

    fn register(&mut self, now: Time, effects: &mut Vec<Effect>) {
        let (Some(node), Some(rental)) = (&mut self.node, &self.rental) else {
            return;
        };
        if !is_due(node.asked, REGISTER_EVERY, now) {
            return;
        }
        let listed = node.listed.as_ref();
        let usable = listed.filter(|listed| listed.likeness.is_usable());
        let effect = match usable.map(|listed| listed.enabled) {
            Some(false) => Effect::Enable(node.id.clone()),
            Some(true) => return,
            None => node.register(rental),
        };
        node.asked = Some(now);
        effects.push(effect);
    }

    /// A node that the Network Node lost, or lists at another address, is registered again: only what
    /// is listed when weights are formed has any.
    pub(super) fn repair_registration(&mut self, now: Time, effects: &mut Vec<Effect>) {
        let (Some(node), Some(rental)) = (&mut self.node, &self.rental) else {
            return;
        };
        let why = match node.listed.as_ref().map(|listed| &listed.likeness) {
            None => "it was gone from the list".to_owned(),
            Some(Likeness::Wrong(fields)) => format!("its {} changed", fields.join(", ")),
            Some(_) => return,
        };
        if !is_due(node.asked, REGISTER_EVERY, now) {
            return;
        }
        node.asked = Some(now);
        effects.push(node.register(rental));
        let text = format!("{} is registered again: {why}", node.id);
        self.set_note(text);
        self.wake_at(now + REGISTER_EVERY);
    }
}
