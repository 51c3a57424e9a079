//! One task per effect key of a replica, and per task of no replica.

use std::fmt;

use crate::domain::Time;
use crate::engine::effects::task_key::TaskKey;
use crate::engine::failpoint::{Failpoint, failpoint};
use crate::engine::observe::observation::{Observation, ReplicaReport, TaskReport};
use crate::engine::state::{Replica, Shared};
use crate::engine::supervise::catch_panic;
use crate::flow::{Effect, EffectKey, Event};

impl Replica {
    pub(crate) fn dispatch(&mut self, shared: &mut Shared, now: Time, event: Event) {
        self.touch();
        let before = self.sprint.step();
        let effects = self.handle(now, event);
        let after = self.sprint.step();
        if before != after {
            tracing::info!("{}{before} → {after}", self.tag);
        }
        self.follow_release(now, before, after);
        for effect in effects {
            self.start_effect(shared, effect);
        }
    }

    /// Starts an effect, or queues it until the one with the same key has ended. The flow retries, so
    /// only the newest waits.
    fn start_effect(&mut self, shared: &mut Shared, effect: Effect) {
        let key = effect.key();
        if key == EffectKey::Journal || !self.running.contains(&key) {
            return self.execute(shared, effect);
        }
        self.waiting.retain(|waiting| waiting.key() != key);
        self.waiting.push_back(effect);
    }

    pub(crate) fn effect_ended(&mut self, shared: &mut Shared, key: EffectKey) {
        self.running.remove(&key);
        if key == EffectKey::Rent {
            shared.renting.remove(&self.id);
        }
        let next = self.waiting.iter().position(|effect| effect.key() == key);
        let next = next.and_then(|index| self.waiting.remove(index));
        if let Some(effect) = next.filter(|effect| !self.is_pointless(effect)) {
            self.execute(shared, effect);
        }
    }

    /// A destroy that waited for the one before, which worked.
    fn is_pointless(&self, effect: &Effect) -> bool {
        let Effect::Destroy { instance, .. } = effect else {
            return false;
        };
        let mut rentals = self.sprint.rentals();
        rentals.all(|rental| rental.instance != *instance)
    }

    /// Runs `work` as a task under `key`; it reports by an observation. Work that changes the outside
    /// world holds a `tasks.change()` until its call has ended.
    pub(crate) fn spawn_effect(
        &mut self,
        shared: &mut Shared,
        key: EffectKey,
        work: impl Future<Output = ReplicaReport> + Send + 'static,
    ) {
        self.running.insert(key);
        let (id, reports) = (self.id.clone(), self.reports.clone());
        shared.tasks.spawn(async move {
            // The flow retries what it has no answer to.
            let report = unless_broken(key, work).await;
            let report = report.unwrap_or_else(|| ReplicaReport::done(key, None));
            let _ = reports.send(Observation::Replica(id, report)).await;
        });
    }

    /// The same for a change of a registration, once those before it have ended.
    pub(crate) fn spawn_in_turn(
        &mut self,
        shared: &mut Shared,
        key: EffectKey,
        work: impl Future<Output = ReplicaReport> + Send + 'static,
    ) {
        let turn = shared.turn_at(self.network_node());
        self.spawn_effect(shared, key, async move {
            let _turn = turn.lock().await;
            work.await
        });
    }
}

impl Shared {
    /// As [`Replica::spawn_effect`].
    pub(crate) fn spawn_task(
        &mut self,
        key: TaskKey,
        work: impl Future<Output = TaskReport> + Send + 'static,
    ) {
        self.running.insert(key.clone());
        let reports = self.reports.clone();
        self.tasks.spawn(async move {
            let report = unless_broken(&key, work).await;
            let report = report.unwrap_or(TaskReport::Broken(key));
            let _ = reports.send(Observation::Task(report)).await;
        });
    }
}

/// What the task reports; `None` after a panic.
async fn unless_broken<T>(key: impl fmt::Debug, work: impl Future<Output = T>) -> Option<T> {
    let task = catch_panic(async {
        failpoint(Failpoint::Effect);
        work.await
    });
    let ended = task.await;
    ended
        .inspect_err(|panic| tracing::error!("the task {key:?} panicked: {panic}"))
        .ok()
}
