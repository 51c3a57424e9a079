//! The turns of those who ask for container logs: in the order in which they ask, which is that of how old
//! their logs are, for each asks anew the same time after its last one. Who stops waiting uses up no turn.

use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::{Instant, sleep_until};

/// Of the calls that the market allows, logs leave two thirds to others with the same key: nine a minute.
const SHARE: u32 = 3;

/// When the last turn was.
#[derive(Debug, Default)]
pub(super) struct LogTurns {
    last: Mutex<Option<Instant>>,
}

impl LogTurns {
    /// Waits for the next turn. The market allows a call each `interval`.
    pub(super) async fn next(&self, interval: Duration) {
        let mut last = self.last.lock().await;
        if let Some(last) = *last {
            sleep_until(last + interval * SHARE).await;
        }
        *last = Some(Instant::now());
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn those_who_wait_are_served_in_order_and_who_gives_up_uses_no_turn() {
        let turns = Arc::new(LogTurns::default());
        let began = Instant::now();
        let wait = |asks_at: u32| {
            let turns = turns.clone();
            tokio::spawn(async move {
                sleep_until(began + SECOND * asks_at / 10).await;
                turns.next(2 * SECOND).await;
                began.elapsed()
            })
        };
        // Given four that ask one after the other,
        let waiting: Vec<_> = (1..=4).map(wait).collect();
        sleep_until(began + SECOND).await;
        // when the second gives up,
        waiting[1].abort();
        // then the others have their turns in order, the next one as if it had never asked.
        let mut served = Vec::new();
        for waiter in waiting {
            served.extend(waiter.await.ok());
        }
        let first = SECOND / 10;
        assert_eq!(served, [first, first + 6 * SECOND, first + 12 * SECOND]);
    }

    #[tokio::test(start_paused = true)]
    async fn who_asks_alone_after_a_while_does_not_wait() {
        let turns = LogTurns::default();
        for _ in 0..3 {
            let began = Instant::now();
            turns.next(2 * SECOND).await;
            assert_eq!(began.elapsed(), Duration::ZERO);
            tokio::time::sleep(15 * SECOND).await;
        }
    }
}
