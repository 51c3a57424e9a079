//! Carries out a plan.

use crate::domain::{Duration, Time};
use crate::engine::reconcile::plan::{CleanupAction, NEVER_LISTED};
use crate::engine::state::Engine;
use crate::flow::EffectKey;
use crate::journal::Record;

impl Engine {
    pub(crate) fn reconcile(&mut self, now: Time, order: CleanupAction) {
        match order {
            CleanupAction::Destroy(instance) | CleanupAction::Verify(instance) => {
                let recently = |since: &Time| now - *since < Duration::seconds(20);
                if self.destroying.get(&instance).is_some_and(recently)
                    || self.running.contains(&EffectKey::DestroyOrphan)
                {
                    return;
                }
                tracing::warn!(
                    "instance {instance} carries our label and belongs to no sprint: it is taken down"
                );
                self.destroying.insert(instance, now);
                self.destroy(EffectKey::DestroyOrphan, instance);
            }
            CleanupAction::Void(label) => {
                let reason = NEVER_LISTED.to_owned();
                self.record(&Record::RentVoided { label, reason });
            }
            CleanupAction::Unregister(_) if self.running.contains(&EffectKey::Registration) => {}
            CleanupAction::Unregister(node) => {
                tracing::warn!(
                    "{node} is registered for a rental of ours that is gone: it is removed"
                );
                self.unregister(node);
            }
            CleanupAction::Forget(node) => {
                self.record(&Record::Unregistered { node });
            }
        }
    }
}
