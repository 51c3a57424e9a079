//! Releasing: unregister, destroy, verify, restore the proxy. Every way out of a sprint comes through
//! here, and nothing in here can stop the destroy (acceptance case D1).

use serde::{Deserialize, Serialize};

use super::{Effect, Rental, RentalRole, Sprint, is_due};
use crate::domain::{BootEnd, Duration, GateKind, Mode, Outcome, Step, Time};

/// The destroy does not wait longer than this for a Network Node that does not answer.
const UNREGISTER_FIRST: Duration = Duration::seconds(30);
/// How often a step is retried until it is verified.
pub(super) const ASK_AGAIN: Duration = Duration::seconds(15);
/// After this the sprint ends without a Network Node that does not answer; the journal keeps the
/// registration, and reconciling removes it later.
const GIVE_UP_ON_NODE: Duration = Duration::minutes(10);

/// A removal waits this long at most for a `PoC` to pass: twice the time from five minutes before a `PoC`
/// to the end of its validation.
const LONGEST_WAIT: Duration = Duration::minutes(45);

/// What comes after the release.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Next {
    /// Another offer: there is still time.
    Retry,
    Confirm,
    #[default]
    Finish,
}

/// What was asked for is asked for again after a restart: no reason to save a sprint again.
#[derive(Debug, Clone, Default, derive_more::PartialEq, Serialize, Deserialize)]
pub(super) struct Release {
    pub next: Next,
    /// Set once the gate is passed.
    acting_since: Option<Time>,
    #[partial_eq(skip)]
    unregister_asked: Option<Time>,
    /// The first call of a removal.
    #[serde(default)]
    unregister_first_asked: Option<Time>,
    /// When the node was disabled for later `PoC`s.
    #[serde(default)]
    #[partial_eq(skip)]
    disabled: Option<Time>,
    /// When a complete list last held our node.
    #[serde(default)]
    #[partial_eq(skip)]
    still_listed: Option<Time>,
    #[partial_eq(skip)]
    pub destroy_asked: Option<Time>,
    #[partial_eq(skip)]
    pub proxy_asked: Option<Time>,
    proxy_first_asked: Option<Time>,
    /// A complete list after the unregister call does not hold our node.
    unregistered: bool,
    /// A complete list since then holds the proxy.
    proxy_listed: bool,
    pub finished: bool,
}

impl Release {
    pub(super) fn is_active(&self) -> bool {
        self.acting_since.is_some() && !self.finished
    }

    pub(super) fn on_nodes(&mut self, now: Time, node_listed: bool, proxy_listed: bool) {
        if self.acting_since.is_none() {
            return;
        }
        // A list that was in flight at the unregister call proves nothing.
        let after_the_call = self.unregister_asked.is_some_and(|asked| now > asked);
        self.unregistered = after_the_call && !node_listed;
        if node_listed {
            self.still_listed = Some(now);
        }
        self.proxy_listed = proxy_listed;
    }

    /// Nothing is in flight any more; a call that was may never have been made.
    pub(super) fn forget_removal(&mut self) {
        self.unregister_asked = None;
        self.disabled = None;
        self.still_listed = None;
    }

    /// A removal can block the Network Node for a quarter of an hour, and a second one would only queue
    /// behind it. A later list that still holds the node shows that none is pending.
    fn may_ask_removal(&self, now: Time) -> bool {
        let Some(asked) = self.unregister_asked else {
            return true;
        };
        self.still_listed
            .is_some_and(|listed| listed >= asked + ASK_AGAIN)
            && now >= asked + ASK_AGAIN
    }
}

impl Rental {
    pub(super) fn destroy(&self, role: RentalRole) -> Effect {
        Effect::Destroy {
            instance: self.instance,
            label: self.label.clone(),
            role,
        }
    }

    pub(super) fn remember_boot(&self, now: Time, end: BootEnd) -> Effect {
        Effect::RememberBoot {
            instance: self.instance,
            offer: self.offer.clone(),
            took: now - self.since,
            end,
        }
    }
}

impl Sprint {
    pub(super) fn begin_release(&mut self, now: Time, next: Next) {
        self.release = Some(Release {
            next,
            ..Release::default()
        });
        self.enter(now, Step::Releasing);
    }

    pub(super) fn releasing(&mut self, now: Time, effects: &mut Vec<Effect>) {
        let Some(mut release) = self.release.take() else {
            return;
        };
        let mut finished = release.finished;
        let next = release.next;
        if self.may_release(now, &release) {
            finished = self.act(now, &mut release, effects);
        }
        self.release = Some(release);
        if !finished {
            return;
        }
        match next {
            Next::Retry => self.back_to_choosing(now),
            Next::Confirm => self.enter(now, Step::Confirming),
            Next::Finish => self.finish(now),
        }
    }

    /// Takes the next steps of a release; true when nothing is left to do.
    fn act(&mut self, now: Time, release: &mut Release, effects: &mut Vec<Effect>) -> bool {
        self.gate = None;
        let since = *release.acting_since.get_or_insert(now);
        let node_gone = self.unregister_node(now, since, release, effects);
        let node_first = !node_gone && !self.removal_waits(now) && now - since < UNREGISTER_FIRST;
        let rentals_gone = self.rental.is_none() && self.no_hedge_left();
        if let (Some(rental), false) = (&self.rental, node_first)
            && is_due(release.destroy_asked, ASK_AGAIN, now)
        {
            release.destroy_asked = Some(now);
            effects.push(rental.destroy(RentalRole::Primary));
        }
        release.finished = node_gone && rentals_gone && self.restore_proxy(now, release, effects);
        if !release.finished {
            self.wake_at(now + ASK_AGAIN);
        }
        release.finished
    }

    /// Only a planned release waits for the operator, and never beyond the lease.
    fn may_release(&mut self, now: Time, release: &Release) -> bool {
        // Serving ends when its time is over or the operator ends it: neither needs a second approval.
        let unplanned = matches!(
            self.ending,
            Some(Outcome::Aborted | Outcome::Failed { .. } | Outcome::Served)
        );
        let free = release.acting_since.is_some()
            || unplanned
            || release.next == Next::Retry
            || self.is_lease_over(now);
        if free {
            return true;
        }
        if self.mode == Mode::Auto {
            // The next reading of the chain may end it.
            self.wake_at_lease_end();
            return self.challenge().is_none();
        }
        if self.passed(now, GateKind::Release) {
            return true;
        }
        self.wake_at_lease_end();
        false
    }

    /// True when the node is gone, or given up.
    fn unregister_node(
        &mut self,
        now: Time,
        since: Time,
        release: &mut Release,
        effects: &mut Vec<Effect>,
    ) -> bool {
        let registered = self.is_registered();
        let Some(node) = self.node.as_ref().filter(|_| registered) else {
            return true;
        };
        if release.unregistered {
            self.node = None;
            return true;
        }
        let first_asked = release.unregister_first_asked;
        let is_overdue = match first_asked {
            Some(first) => now - first >= GIVE_UP_ON_NODE,
            None => now - since >= LONGEST_WAIT,
        };
        if is_overdue {
            let text = format!(
                "the Network Node did not confirm the removal of {}; it stays in the journal and is removed later",
                node.id
            );
            self.set_note(text);
            return true;
        }
        // Once, before the first try: a removal waits for the node's jobs and can take long, and a node
        // that is still there at the next PoC must not be counted on.
        let enabled = node.listed.as_ref().is_some_and(|listed| listed.enabled);
        let id = node.id.clone();
        if release.unregister_asked.is_none() && release.disabled.is_none() && enabled {
            release.disabled = Some(now);
            effects.push(Effect::Disable(id.clone()));
        }
        if release.unregister_asked.is_none() && self.removal_waits(now) {
            let text = format!(
                "{id} stays registered until the PoC is over: to remove it could stop the PoC of the host's other nodes. It is disabled, and its rental is destroyed"
            );
            self.set_note(text);
            return false;
        }
        if release.may_ask_removal(now) {
            release.unregister_asked = Some(now);
            release.unregister_first_asked.get_or_insert(now);
            effects.push(Effect::Unregister(id));
        }
        false
    }

    /// True when the proxy is listed, or given up.
    fn restore_proxy(
        &mut self,
        now: Time,
        release: &mut Release,
        effects: &mut Vec<Effect>,
    ) -> bool {
        let serves = self.plan.aim.serves_for().is_some();
        if serves || release.proxy_listed || release.next == Next::Retry {
            return true;
        }
        let since = *release.proxy_first_asked.get_or_insert(now);
        if now - since >= GIVE_UP_ON_NODE {
            self.set_note("the inference proxy could not be registered again");
            return true;
        }
        if is_due(release.proxy_asked, ASK_AGAIN, now) {
            release.proxy_asked = Some(now);
            effects.push(Effect::RestoreProxy);
        }
        false
    }
}
