//! Keeps a panic in one part of the program from being the end of another.

use crate::domain::Duration;
use crate::ports::Clock;
use futures_util::FutureExt as _;
use std::any::Any;
use std::panic::AssertUnwindSafe;

const BEGINS_AGAIN_AFTER: Duration = Duration::seconds(5);

/// A part of the program panicked; these are its words.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Panicked(String);

impl From<tokio::task::JoinError> for Panicked {
    fn from(error: tokio::task::JoinError) -> Panicked {
        Panicked(error.to_string())
    }
}

/// Runs to the end, or to a panic. What the work held is dropped by then; the panic hook has told
/// the log where it was.
pub async fn caught<T>(work: impl Future<Output = T>) -> Result<T, Panicked> {
    let result = AssertUnwindSafe(work).catch_unwind().await;
    result.map_err(|payload| Panicked(words(payload.as_ref())))
}

/// Runs to the end, and from the beginning after every panic: a poller that is gone would leave the
/// engine blind without anybody noticing.
pub(crate) async fn outlive<F, Fut>(what: &str, clock: &dyn Clock, mut work: F)
where
    F: FnMut() -> Fut,
    Fut: Future<Output = ()>,
{
    while let Err(panic) = caught(work()).await {
        tracing::error!("{what} broke and begins again: {panic}");
        clock.sleep(BEGINS_AGAIN_AFTER).await;
    }
}

fn words(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("a panic without words")
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::SystemClock;

    #[tokio::test]
    async fn a_panic_is_caught_with_its_words() {
        let number = 7;
        let result = caught(async { assert!(number < 1, "{number} is too much") }).await;
        assert_eq!(result.unwrap_err().to_string(), "7 is too much");
        assert_eq!(caught(async { 1 }).await.unwrap(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn work_that_breaks_begins_again() {
        let mut runs = 0;
        outlive("it", &SystemClock, || {
            runs += 1;
            let breaks = runs < 3;
            async move { assert!(!breaks, "broken") }
        })
        .await;
        assert_eq!(runs, 3);
    }
}
