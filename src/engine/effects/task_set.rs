//! The tasks that run effects. They end with the engine.

use std::time::Duration;

use tokio::task::JoinSet;
use tokio_util::task::TaskTracker;

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

    /// Tracks calls that change the outside world.
    pub(crate) fn changes(&self) -> TaskTracker {
        self.changes.clone()
    }

    /// Aborts every task, but first gives a change that is in flight a moment to end.
    pub(crate) async fn end(&mut self) {
        self.changes.close();
        let _ = tokio::time::timeout(CHANGES_END_WITHIN, self.changes.wait()).await;
        self.tasks.shutdown().await;
    }
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
            let (changes, made) = (tasks.changes(), made.clone());
            tasks.spawn(async move {
                changes.track_future(tokio::time::sleep(length)).await;
                made.store(true, Ordering::SeqCst);
                tokio::time::sleep(HOUR).await;
            });
        }
        tokio::task::yield_now().await;
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
}
