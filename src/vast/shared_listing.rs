//! Listings of the whole account, shared by those who ask at the same time: fifty rentals that are proven gone
//! one after the other cost hardly more listings than one.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::{Instant, sleep_until};

use crate::domain::{CallError, Instance};

/// Instances per page: the market's maximum.
pub(super) const PAGE: usize = 25;
/// Of the calls that the market allows, listings leave three quarters to others with the same key.
const SHARE: u32 = 4;

/// The last listing.
#[derive(Debug, Default)]
pub(super) struct SharedListing {
    last: Mutex<Option<Listed>>,
    /// Of the last one; without waiting for one that is under way.
    pages: AtomicU32,
}

#[derive(Debug)]
struct Listed {
    began: Instant,
    result: Result<Vec<Instance>, CallError>,
}

impl SharedListing {
    /// A listing that began after the call of this, by whoever asked. Each page takes `interval` at least.
    pub(super) async fn read<F>(
        &self,
        interval: Duration,
        list: impl FnOnce() -> F,
    ) -> Result<Vec<Instance>, CallError>
    where
        F: Future<Output = Result<Vec<Instance>, CallError>>,
    {
        let asked = Instant::now();
        let mut latest = self.last.lock().await;
        if let Some(last) = latest.as_ref() {
            if last.began > asked {
                return last.result.clone();
            }
            sleep_until(last.began + self.interval(interval)).await;
        }
        let began = Instant::now();
        let result = list().await;
        let rows = result.as_ref().map_or(0, Vec::len);
        let pages = u32::try_from(rows.div_ceil(PAGE)).unwrap_or(u32::MAX);
        self.pages.store(pages, Ordering::Relaxed);
        *latest = Some(Listed {
            began,
            result: result.clone(),
        });
        result
    }

    /// From the beginning of one listing to that of the next, when each page takes so long at least.
    pub(super) fn interval(&self, of_page: Duration) -> Duration {
        of_page * SHARE * self.pages.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::domain::samples::instance;

    const SECOND: Duration = Duration::from_secs(1);

    /// A listing of so many rows takes two seconds.
    async fn read(shared: &SharedListing, count: &AtomicU32, rows: u64) -> usize {
        let list = || async {
            count.fetch_add(1, Ordering::Relaxed);
            tokio::time::sleep(2 * SECOND).await;
            Ok((0..rows).map(instance).collect())
        };
        shared.read(SECOND, list).await.unwrap().len()
    }

    #[tokio::test(start_paused = true)]
    async fn who_asks_meanwhile_shares_the_next_listing() {
        let (shared, count) = (
            Arc::new(SharedListing::default()),
            Arc::new(AtomicU32::new(0)),
        );
        let readers = (0..10_u32).map(|number| {
            let (shared, count) = (shared.clone(), count.clone());
            tokio::spawn(async move {
                tokio::time::sleep(SECOND * number / 10).await;
                read(&shared, &count, 30).await
            })
        });
        // Given ten that ask within a second, while the first one's listing is under way,
        let began = Instant::now();
        for reader in readers.collect::<Vec<_>>() {
            assert_eq!(reader.await.unwrap(), 30);
        }
        // then one more listing serves the other nine, which began after they had asked,
        assert_eq!(count.load(Ordering::Relaxed), 2);
        // and two pages each leave three quarters of what the market allows.
        assert_eq!(began.elapsed(), 10 * SECOND);
        assert_eq!(shared.interval(SECOND), 8 * SECOND);
    }

    #[tokio::test(start_paused = true)]
    async fn who_asks_alone_hardly_waits() {
        let (shared, count) = (SharedListing::default(), AtomicU32::new(0));
        for _ in 0..3 {
            let began = Instant::now();
            read(&shared, &count, 1).await;
            assert!(began.elapsed() <= 4 * SECOND);
        }
        assert_eq!(count.load(Ordering::Relaxed), 3);
    }
}
