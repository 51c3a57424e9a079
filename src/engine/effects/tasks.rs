//! One task per effect key.

use crate::domain::Time;
use crate::engine::failpoint::{Failpoint, failpoint};
use crate::engine::observe::observation::Observation;
use crate::engine::state::Engine;
use crate::engine::supervise::catch_panic;
use crate::flow::{Effect, EffectKey, Event};

impl Engine {
    pub(crate) fn dispatch(&mut self, now: Time, event: Event) {
        let before = self.sprint.step();
        let effects = self.sprint.handle(now, event);
        let after = self.sprint.step();
        if before != after {
            tracing::info!("{before} → {after}");
        }
        self.follow_release(now, before, after);
        for effect in effects {
            self.start_effect(effect);
        }
    }

    /// Starts an effect, or queues it until the one with the same key has ended. The flow retries, so
    /// only the newest waits.
    fn start_effect(&mut self, effect: Effect) {
        let key = effect.key();
        if key == EffectKey::Journal || !self.running.contains(&key) {
            return self.execute(effect);
        }
        self.waiting.retain(|waiting| waiting.key() != key);
        self.waiting.push_back(effect);
    }

    pub(crate) fn effect_ended(&mut self, key: EffectKey) {
        self.running.remove(&key);
        let next = self.waiting.iter().position(|effect| effect.key() == key);
        if let Some(effect) = next.and_then(|index| self.waiting.remove(index)) {
            self.execute(effect);
        }
    }

    /// Runs `work` as a task under `key`; it reports by an observation. Work that changes the outside
    /// world holds a `tasks.change()` until its call has ended.
    pub(crate) fn spawn_effect(
        &mut self,
        key: EffectKey,
        work: impl Future<Output = Observation> + Send + 'static,
    ) {
        self.running.insert(key);
        let reports = self.reports.clone();
        self.tasks.spawn(async move {
            let task = catch_panic(async {
                failpoint(Failpoint::Effect);
                work.await
            });
            // The flow retries what it has no answer to.
            let report = task.await.unwrap_or_else(|panic| {
                tracing::error!("the task {key:?} panicked: {panic}");
                Observation::done(key, None)
            });
            let _ = reports.send(report).await;
        });
    }
}
