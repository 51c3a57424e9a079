//! Taking down: unregister, destroy, verify, restore the proxy. Every way out of a sprint comes
//! through here, and nothing in here can stop the destroy (acceptance case D1).

use serde::{Deserialize, Serialize};

use super::{Effect, RentalRole, Sprint};
use crate::domain::{Duration, GateKind, Mode, Outcome, Step, Time};

/// The destroy does not wait longer than this for a Network Node that does not answer.
const UNREGISTER_FIRST: Duration = Duration::seconds(30);
/// How often an unproven step is asked for again.
pub(super) const ASK_AGAIN: Duration = Duration::seconds(15);
/// After this the sprint ends without a Network Node that does not answer; the journal keeps the
/// registration, and reconciling removes it later.
const GIVE_UP_ON_NODE: Duration = Duration::minutes(10);

/// What comes after everything is down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Next {
    /// Another offer: there is still time.
    Retry,
    Confirm,
    Finish,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Release {
    pub next: Next,
    /// Set once the gate is passed; from then on things are taken down.
    acting_since: Option<Time>,
    unregister_asked: Option<Time>,
    destroy_asked: Option<Time>,
    proxy_asked: Option<Time>,
    proxy_first_asked: Option<Time>,
    /// Complete lists since the unregister was asked for no longer hold our node.
    unregistered: bool,
    /// A complete list since then holds the proxy.
    proxy_listed: bool,
    finished: bool,
}

impl Release {
    pub(super) fn is_active(&self) -> bool {
        self.acting_since.is_some() && !self.finished
    }

    pub(super) fn is_finished(&self) -> bool {
        self.finished
    }

    pub(super) fn clear_in_flight(&mut self) {
        self.unregister_asked = None;
        self.destroy_asked = None;
        self.proxy_asked = None;
    }

    pub(super) fn on_nodes(&mut self, now: Time, node_listed: bool, proxy_listed: bool) {
        if self.acting_since.is_none() {
            return;
        }
        // A list that was under way when the unregister was asked for proves nothing.
        let after_the_call = self.unregister_asked.is_some_and(|asked| now > asked);
        self.unregistered = after_the_call && !node_listed;
        self.proxy_listed = proxy_listed;
    }
}

pub(super) fn due(asked: Option<Time>, now: Time) -> bool {
    asked.is_none_or(|asked| now - asked >= ASK_AGAIN)
}

impl Sprint {
    pub(super) fn begin_release(&mut self, now: Time, next: Next) {
        self.release = Some(Release {
            next,
            acting_since: None,
            unregister_asked: None,
            destroy_asked: None,
            proxy_asked: None,
            proxy_first_asked: None,
            unregistered: false,
            proxy_listed: false,
            finished: false,
        });
        self.enter(now, Step::Releasing);
    }

    pub(super) fn releasing(&mut self, now: Time, effects: &mut Vec<Effect>) {
        if !self.may_release(now) {
            return;
        }
        self.gate = None;
        let node_down = self.unregister_node(now, effects);
        let own_down = self.destroy_rental(now, node_down, effects);
        let rentals_down = own_down && self.no_hedge_left();
        if !(node_down && rentals_down && self.restore_proxy(now, effects)) {
            self.wake_at(now + ASK_AGAIN);
            return;
        }
        let Some(release) = &mut self.release else {
            return;
        };
        release.finished = true;
        match release.next {
            Next::Retry => self.back_to_choosing(now),
            Next::Confirm => self.enter(now, Step::Confirming),
            Next::Finish => self.finish(now),
        }
    }

    /// Only a planned release waits for the operator, and never beyond the lease.
    fn may_release(&mut self, now: Time) -> bool {
        let lease_over = self
            .rental
            .as_ref()
            .is_none_or(|rental| now >= rental.lease_until);
        // Serving ends when its time is over or by the operator's word: neither asks again.
        let unplanned = matches!(
            self.ending,
            Some(Outcome::Aborted | Outcome::Failed { .. } | Outcome::Served)
        );
        let next = self.release.as_ref().map(|release| release.next);
        let free = self.mode == Mode::Auto || unplanned || lease_over || next == Some(Next::Retry);
        let acting = self
            .release
            .as_ref()
            .is_some_and(|release| release.acting_since.is_some());
        if !acting && !free && !self.passed(now, GateKind::Release) {
            let until = self.rental.as_ref().map(|rental| rental.lease_until);
            if let Some(until) = until {
                self.wake_at(until);
            }
            return false;
        }
        if let Some(release) = &mut self.release {
            release.acting_since.get_or_insert(now);
        }
        true
    }

    fn unregister_node(&mut self, now: Time, effects: &mut Vec<Effect>) -> bool {
        let Some(release) = &mut self.release else {
            return true;
        };
        let Some(node) = self
            .node
            .as_ref()
            .filter(|node| node.asked.is_some() || node.seen.is_some())
        else {
            return true;
        };
        if release.unregistered {
            self.node = None;
            return true;
        }
        let since = release.acting_since.unwrap_or(now);
        if now - since >= GIVE_UP_ON_NODE {
            self.note = Some(format!(
                "the Network Node did not confirm the removal of {}; it stays in the journal and is removed later",
                node.id
            ));
            return true;
        }
        if due(release.unregister_asked, now) {
            // Once, before the first try: a removal waits for the node's jobs and can take long, and
            // a node that is still there at the next PoC must not be counted on.
            let enabled = node.seen.as_ref().is_some_and(|seen| seen.enabled);
            if release.unregister_asked.is_none() && enabled {
                effects.push(Effect::Disable(node.id.clone()));
            }
            release.unregister_asked = Some(now);
            effects.push(Effect::Unregister(node.id.clone()));
        }
        false
    }

    fn destroy_rental(&mut self, now: Time, node_down: bool, effects: &mut Vec<Effect>) -> bool {
        let Some(rental) = &self.rental else {
            return true;
        };
        let Some(release) = &mut self.release else {
            return false;
        };
        let since = release.acting_since.unwrap_or(now);
        let node_first = !node_down && now - since < UNREGISTER_FIRST;
        if !node_first && due(release.destroy_asked, now) {
            release.destroy_asked = Some(now);
            effects.push(Effect::Destroy {
                instance: rental.instance,
                label: rental.label.clone(),
                role: RentalRole::Primary,
            });
        }
        false
    }

    fn restore_proxy(&mut self, now: Time, effects: &mut Vec<Effect>) -> bool {
        if self.plan.aim.serves_for().is_some() {
            // Nothing was registered in its place.
            return true;
        }
        let Some(release) = &mut self.release else {
            return true;
        };
        if release.proxy_listed || release.next == Next::Retry {
            return true;
        }
        let since = *release.proxy_first_asked.get_or_insert(now);
        if now - since >= GIVE_UP_ON_NODE {
            self.note = Some("the inference proxy could not be registered again".into());
            return true;
        }
        if due(release.proxy_asked, now) {
            release.proxy_asked = Some(now);
            effects.push(Effect::RestoreProxy);
        }
        false
    }
}
