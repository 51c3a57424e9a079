//! Carries out cleanup actions.

use crate::domain::{AccountName, Duration, Time};
use crate::engine::effects::task_key::TaskKey;
use crate::engine::reconcile::plan::{CleanupAction, NEVER_LISTED};
use crate::engine::state::Engine;
use crate::flow::EffectKey;
use crate::journal::Record;

/// A destroy is not repeated sooner.
const DESTROY_RETRY: Duration = Duration::seconds(20);

impl Engine {
    /// `account` is the one whose listing showed it.
    pub(crate) fn reconcile(&mut self, now: Time, account: &AccountName, action: CleanupAction) {
        match action {
            CleanupAction::Destroy(instance) | CleanupAction::Verify(instance) => {
                let recently = |since: &Time| now - *since < DESTROY_RETRY;
                if self.shared.destroying.get(&instance).is_some_and(recently)
                    || self.shared.running.contains(&TaskKey::CleanUpRental)
                {
                    return;
                }
                tracing::warn!(
                    "instance {instance} has our label but belongs to no sprint: destroying it"
                );
                self.shared.clean_up_rental(account, instance);
            }
            CleanupAction::Void(label) => {
                let reason = NEVER_LISTED.to_owned();
                self.shared.record(&Record::RentVoided { label, reason });
            }
            CleanupAction::Unregister(_) if self.is_changing_nodes() => {}
            // Now it could cost the host's other nodes their PoC.
            CleanupAction::Unregister(_)
                if self
                    .replicas
                    .sprints()
                    .any(|sprint| sprint.removal_waits(now)) => {}
            CleanupAction::Unregister(registration) => {
                tracing::warn!(
                    "{} is registered for one of our rentals that is gone: unregistering it",
                    registration.node
                );
                self.shared.clean_up_node(registration);
            }
            CleanupAction::Forget(node) => {
                self.shared.record(&Record::Unregistered { node });
            }
        }
    }

    fn is_changing_nodes(&self) -> bool {
        let mut replicas = self.replicas.iter();
        self.shared.running.contains(&TaskKey::CleanUpNode)
            || replicas.any(|replica| replica.running.contains(&EffectKey::Registration))
    }
}
