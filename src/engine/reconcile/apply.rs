//! Carries out cleanup actions.

use crate::domain::{Duration, Time};
use crate::engine::reconcile::plan::{CleanupAction, NEVER_LISTED};
use crate::engine::state::Engine;
use crate::flow::EffectKey;
use crate::journal::Record;

/// A destroy is not repeated sooner.
const DESTROY_RETRY: Duration = Duration::seconds(20);

impl Engine {
    pub(crate) fn reconcile(&mut self, now: Time, action: CleanupAction) {
        match action {
            CleanupAction::Destroy(instance) | CleanupAction::Verify(instance) => {
                let recently = |since: &Time| now - *since < DESTROY_RETRY;
                if self.destroying.get(&instance).is_some_and(recently)
                    || self.running.contains(&EffectKey::DestroyOrphan)
                {
                    return;
                }
                tracing::warn!(
                    "instance {instance} has our label but belongs to no sprint: destroying it"
                );
                self.destroying.insert(instance, now);
                self.destroy(EffectKey::DestroyOrphan, instance);
            }
            CleanupAction::Void(label) => {
                let reason = NEVER_LISTED.to_owned();
                self.record(&Record::RentVoided { label, reason });
            }
            CleanupAction::Unregister(_) if self.running.contains(&EffectKey::Registration) => {}
            // Now it could cost the host's other nodes their PoC.
            CleanupAction::Unregister(_) if self.sprint.removal_waits(now) => {}
            CleanupAction::Unregister(node) => {
                tracing::warn!(
                    "{node} is registered for one of our rentals that is gone: unregistering it"
                );
                self.unregister(node);
            }
            CleanupAction::Forget(node) => {
                self.record(&Record::Unregistered { node });
            }
        }
    }
}
