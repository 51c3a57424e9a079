//! Registering: until the Network Node lists our node as it must be, enabled and with a good status.
//! What is dropped, altered or lost is registered again.

use super::{Effect, NodeReading, Sprint};
use crate::domain::{Duration, GateKind, Likeness, Mode, NodeStatus, Outcome, Step, Time};

const REGISTER_EVERY: Duration = Duration::seconds(30);
/// What the Network Node alters again and again is its own will, and can be lived with.
const REPAIRS: u32 = 2;
/// Where no `PoC` sets the end, a registration that has not become good by then never will.
pub(super) const GOOD_WITHIN: Duration = Duration::minutes(10);

impl Sprint {
    pub(super) fn registering(&mut self, now: Time, effects: &mut Vec<Effect>) {
        let seen = self.node.as_ref().and_then(|node| node.seen.clone());
        let listed = seen.filter(|seen| seen.likeness.is_usable());
        if listed.is_none() && self.give_up_failed_boot(now, effects) {
            return;
        }
        if self.mode == Mode::Manual && !self.passed(now, GateKind::Register) {
            return;
        }
        self.gate = None;
        if self.registering_timed_out(now) {
            return;
        }
        if let Some(seen) = listed
            && self.finish_registration(now, &seen)
        {
            return;
        }
        self.register(now, effects);
        self.wake_at(now + REGISTER_EVERY);
    }

    /// Goes on with a node that is listed, if it can. True when it did, or failed.
    fn finish_registration(&mut self, now: Time, seen: &NodeReading) -> bool {
        let Some(stages) = self.stages().copied() else {
            return false;
        };
        let started = self.height() >= Some(stages.poc_start);
        let proves = self.plan.aim.proves();
        if proves && started && seen.admin_epoch >= stages.epoch {
            let text = "the node was registered after the PoC had started: the Network Node leaves it out, and nothing more is spent on this epoch";
            self.fail("registered_too_late", text);
            return true;
        }
        let good = matches!(seen.status, NodeStatus::Inference | NodeStatus::Poc);
        if proves && started && seen.status == NodeStatus::Failed {
            let why = &seen.failure;
            let text = format!("the Network Node lists our node as FAILED: {why}");
            self.fail("node_failed", text);
            return true;
        }
        let repaired = match (&self.node, &seen.likeness) {
            (Some(node), Likeness::Altered(_)) => node.repairs >= REPAIRS,
            _ => true,
        };
        let registered = good && seen.enabled && repaired;
        if !proves {
            if registered {
                self.end(Outcome::Rehearsed);
            }
            return registered;
        }
        if started || registered {
            self.enter(now, Step::Proving);
            if let Likeness::Altered(fields) = &seen.likeness {
                self.note = Some(format!(
                    "the Network Node keeps its own {} for our node",
                    fields.join(", ")
                ));
            }
            return true;
        }
        false
    }

    /// A sprint that proves has until its `PoC`. One that only registers ends before: it costs money,
    /// and nothing comes after it.
    fn registering_timed_out(&mut self, now: Time) -> bool {
        let since = self.spans.last().map_or(now, |span| span.started);
        let until = since + GOOD_WITHIN;
        if self.plan.aim.proves() {
            return false;
        }
        if now < until {
            self.wake_at(until);
            return false;
        }
        let seen = self.node.as_ref().and_then(|node| node.seen.as_ref());
        let status = match seen {
            None => "it does not list the node".to_owned(),
            Some(seen) if seen.failure.is_empty() => format!("its status is {}", seen.status),
            Some(seen) => format!("its status is {}: {}", seen.status, seen.failure),
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
        let usable = node.seen.as_ref().filter(|seen| seen.likeness.is_usable());
        let altered = usable.is_some_and(|seen| matches!(seen.likeness, Likeness::Altered(_)));
        let disabled = usable.is_some_and(|seen| !seen.enabled);
        let repair = altered && node.repairs < REPAIRS;
        let due = node.asked.is_none_or(|asked| now - asked >= REGISTER_EVERY);
        if !due || !(usable.is_none() || disabled || repair) {
            return;
        }
        node.asked = Some(now);
        node.repairs += u32::from(repair);
        if usable.is_some() && !repair {
            effects.push(Effect::Enable(node.id.clone()));
            return;
        }
        effects.push(Effect::Register {
            node: node.id.clone(),
            instance: rental.instance,
        });
    }

    /// A node that the Network Node lost, or lists where it no longer is, is registered again: only
    /// what is listed when weights are formed has any.
    pub(super) fn repair_registration(&mut self, now: Time, effects: &mut Vec<Effect>) {
        let (Some(node), Some(rental)) = (&mut self.node, &self.rental) else {
            return;
        };
        let why = match node.seen.as_ref().map(|seen| &seen.likeness) {
            None => "it was gone from the list".to_owned(),
            Some(Likeness::Wrong(fields)) => format!("its {} changed", fields.join(", ")),
            Some(_) => return,
        };
        if node.asked.is_some_and(|asked| now - asked < REGISTER_EVERY) {
            return;
        }
        node.asked = Some(now);
        self.note = Some(format!("{} is registered again: {why}", node.id));
        effects.push(Effect::Register {
            node: node.id.clone(),
            instance: rental.instance,
        });
        self.wake_at(now + REGISTER_EVERY);
    }
}
