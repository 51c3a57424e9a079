//! Contains panics.

use crate::domain::Duration;
use crate::ports::Clock;
use futures_util::FutureExt as _;
use std::any::Any;
use std::panic::AssertUnwindSafe;

const RESTART_DELAY: Duration = Duration::seconds(5);

/// A task panicked, with this message.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct TaskPanic(String);

impl From<tokio::task::JoinError> for TaskPanic {
    fn from(error: tokio::task::JoinError) -> TaskPanic {
        TaskPanic(error.to_string())
    }
}

/// Runs `work` to its end or to a panic, whose place the panic hook has logged.
pub async fn catch_panic<T>(work: impl Future<Output = T>) -> Result<T, TaskPanic> {
    let result = AssertUnwindSafe(work).catch_unwind().await;
    result.map_err(|payload| TaskPanic(panic_message(payload.as_ref())))
}

/// The same of work that waits for nothing. What it changed is half changed after a panic.
pub(crate) fn contain<T>(work: impl FnOnce() -> T) -> Result<T, TaskPanic> {
    let result = std::panic::catch_unwind(AssertUnwindSafe(work));
    result.map_err(|payload| TaskPanic(panic_message(payload.as_ref())))
}

/// Runs `work` to its end, and from the beginning after every panic: without a poller the engine would
/// be blind.
pub(crate) async fn restart_on_panic<F, Fut>(what: &str, clock: &dyn Clock, mut work: F)
where
    F: FnMut() -> Fut,
    Fut: Future<Output = ()>,
{
    while let Err(panic) = catch_panic(work()).await {
        tracing::error!("{what} panicked and restarts: {panic}");
        clock.sleep(RESTART_DELAY).await;
    }
}

fn panic_message(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("a panic without a message")
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::SystemClock;

    #[tokio::test]
    async fn panic_is_caught_with_message() {
        let number = 7;
        let result = catch_panic(async { assert!(number < 1, "{number} is too much") }).await;
        assert_eq!(result.unwrap_err().to_string(), "7 is too much");
        assert_eq!(catch_panic(async { 1 }).await.unwrap(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn panicking_work_is_restarted() {
        let mut runs = 0;
        restart_on_panic("it", &SystemClock, || {
            runs += 1;
            let breaks = runs < 3;
            async move { assert!(!breaks, "broken") }
        })
        .await;
        assert_eq!(runs, 3);
    }
}
