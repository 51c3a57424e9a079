//! One timer for all that a conversation waits for, one wait after the other.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep};

/// No timer is set so far ahead.
const NEVER: Duration = Duration::from_hours(24 * 365);

/// Nearly every wait is over long before its time. So the timer is set when it goes off, or would go
/// off too late, and not at each wait: a busy caller sets it twice a minute, and not five times a request.
#[derive(Clone)]
pub(super) struct Patience(Arc<Mutex<Pin<Box<Sleep>>>>);

impl Patience {
    pub fn new() -> Patience {
        Patience(Arc::new(Mutex::new(Box::pin(sleep(NEVER)))))
    }

    /// Ready when it is `due`.
    pub fn poll_until(&self, due: Instant, context: &mut Context<'_>) -> Poll<()> {
        let mut timer = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if due < timer.deadline() {
            timer.as_mut().reset(due);
        }
        while timer.as_mut().poll(context).is_ready() {
            if Instant::now() >= due {
                return Poll::Ready(());
            }
            timer.as_mut().reset(due);
        }
        Poll::Pending
    }

    /// What comes of it, unless it is `due` before.
    pub async fn within<F: Future>(&self, due: Instant, future: F) -> Option<F::Output> {
        let mut future = pin!(future);
        poll_fn(|context| match future.as_mut().poll(context) {
            Poll::Ready(came) => Poll::Ready(Some(came)),
            Poll::Pending => self.poll_until(due, context).map(|()| None),
        })
        .await
    }
}

/// The wait for the head of a request.
struct Wait {
    patience: Patience,
    due: Instant,
}

impl Future for Wait {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        self.patience.poll_until(self.due, context)
    }
}

impl hyper::rt::Sleep for Wait {}

impl hyper::rt::Timer for Patience {
    fn sleep(&self, time: Duration) -> Pin<Box<dyn hyper::rt::Sleep>> {
        self.sleep_until(self.now() + time)
    }

    fn sleep_until(&self, due: std::time::Instant) -> Pin<Box<dyn hyper::rt::Sleep>> {
        Box::pin(Wait {
            patience: self.clone(),
            due: due.into(),
        })
    }

    fn now(&self) -> std::time::Instant {
        Instant::now().into_std()
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn each_wait_ends_at_its_own_time_whatever_was_waited_for_before() {
        let (patience, start) = (Patience::new(), Instant::now());
        // Given waits that are over before their time, longer and shorter ones,
        for due in [30, 600, 5] {
            let came = patience.within(start + due * SECOND, async { due }).await;
            assert_eq!(came, Some(due));
        }
        // when nothing comes, then each ends when it is due, a longer one after a shorter and the other
        // way round,
        for due in [2, 600, 610, 3_000] {
            let due = start + due * SECOND;
            assert_eq!(patience.within(due, pending::<()>()).await, None);
            assert!((due..due + SECOND).contains(&Instant::now()));
        }
        // and what is due already waits for nothing.
        assert_eq!(patience.within(start, pending::<()>()).await, None);
        assert_eq!(patience.within(start, async { 1 }).await, Some(1));
    }

    #[tokio::test(start_paused = true)]
    async fn a_short_wait_after_a_long_one_is_short() {
        let (patience, start) = (Patience::new(), Instant::now());
        let long = patience.within(start + 600 * SECOND, tokio::time::sleep(SECOND));
        assert_eq!(long.await, Some(()));
        let short = start + 5 * SECOND;
        assert_eq!(patience.within(short, pending::<()>()).await, None);
        assert!((short..short + SECOND).contains(&Instant::now()));
    }
}
