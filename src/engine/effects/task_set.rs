//! The tasks that run effects. They end with the engine.

use std::time::Duration;

use tokio::task::JoinSet;
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;

/// A call that changes the outside world may take this long to end when the engine ends. Its intent
/// is in the journal: the next start finds out what became of one that is aborted.
const CHANGES_END_WITHIN: Duration = Duration::from_secs(3);

#[derive(Debug, Default)]
pub(crate) struct TaskSet {
    tasks: JoinSet<()>,
    changes: TaskTracker,
}

impl TaskSet {
    pub(crate) fn spawn(&mut self, task: impl Future<Output = ()> + Send + 'static) {
        while self.tasks.try_join_next().is_some() {}
        self.tasks.spawn(task);
    }

    /// To be taken before a task is spawned, and dropped after its call that changes the outside world.
    pub(crate) fn change(&self) -> TaskTrackerToken {
        self.changes.token()
    }

    pub(crate) fn changes(&self) -> TaskTracker {
        self.changes.clone()
    }

    /// Aborts every task, but first gives a change that is in flight a moment to end.
    pub(crate) async fn end(&mut self) {
        wait_for(&self.changes).await;
        self.tasks.shutdown().await;
    }
}

impl Drop for TaskSet {
    /// After a panic of the loop the changes in flight still end: see [`wait_for`].
    fn drop(&mut self) {
        self.tasks.detach_all();
    }
}

pub(crate) async fn wait_for(changes: &TaskTracker) {
    changes.close();
    let _ = tokio::time::timeout(CHANGES_END_WITHIN, changes.wait()).await;
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    use tokio::time::Instant;

    use super::*;

    const HOUR: Duration = Duration::from_secs(3_600);

    /// How long the end takes while a read and a change that takes so long are in flight, and
    /// whether the change was made.
    async fn end_with_change(length: Option<Duration>) -> (Duration, bool) {
        let mut tasks = TaskSet::default();
        let made = Arc::new(AtomicBool::new(false));
        tasks.spawn(tokio::time::sleep(HOUR));
        if let Some(length) = length {
            let (change, made) = (tasks.change(), made.clone());
            tasks.spawn(async move {
                tokio::time::sleep(length).await;
                made.store(true, Ordering::SeqCst);
                drop(change);
                tokio::time::sleep(HOUR).await;
            });
        }
        // No task has run yet: a change counts from when it was spawned.
        let start = Instant::now();
        tasks.end().await;
        // Nothing outlives the end.
        assert!(tasks.tasks.is_empty());
        let took = start.elapsed();
        tokio::time::sleep(HOUR).await;
        (took, made.load(Ordering::SeqCst))
    }

    #[tokio::test(start_paused = true)]
    async fn ending_waits_briefly_for_changes_only() {
        assert_eq!(end_with_change(None).await, (Duration::ZERO, false));
        let second = Duration::from_secs(1);
        let (took, made) = end_with_change(Some(second)).await;
        assert!(
            made && took >= second && took < CHANGES_END_WITHIN,
            "{took:?}"
        );
        let (took, made) = end_with_change(Some(HOUR)).await;
        assert!(
            !made && took >= CHANGES_END_WITHIN && took < 2 * CHANGES_END_WITHIN,
            "{took:?}"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn change_outlives_a_panic_of_the_loop() {
        let mut tasks = TaskSet::default();
        let made = Arc::new(AtomicBool::new(false));
        let (change, is_made) = (tasks.change(), made.clone());
        tasks.spawn(async move {
            tokio::time::sleep(Duration::from_secs(1)).await;
            is_made.store(true, Ordering::SeqCst);
            drop(change);
        });
        let changes = tasks.changes();
        drop(tasks);
        wait_for(&changes).await;
        assert!(made.load(Ordering::SeqCst));
    }
}
