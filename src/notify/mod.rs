//! Notifies the operator through a webhook, Telegram, Discord, ntfy or a program. The engine never
//! waits: notices go into a bounded queue, a task delivers them, and what is undelivered when the
//! program ends is delivered by the next run.

mod backoff;
mod channel;
mod command;
mod dedup;
mod deliver;
mod delivery_error;
mod hints;
mod notice;
mod outbox;
mod receipt;
mod request;
mod secrets;
#[cfg(test)]
mod tests;
mod worker;

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc::{self, Sender};
use tokio::task::JoinHandle;
use url::Url;

use crate::config::NotifyConfig;
use crate::http::HttpClient;

pub use backoff::Backoff;
use backoff::{BackoffPolicy, DEFAULT_POLICY};
pub use channel::Channel;
use dedup::Dedup;
pub use deliver::{deliver, send_heartbeat};
pub use delivery_error::{DeliveryError, FailureKind};
pub use notice::{Notice, NoticeLevel};
pub use outbox::Handoff;
use outbox::Outbox;
use worker::DeliveryWorker;

/// Notices between the engine and the delivery task.
const QUEUE: usize = 64;

pub struct Notifier {
    /// The queue and the task that empties it; absent without channels, and once closed.
    delivery: Mutex<Option<(Sender<Notice>, JoinHandle<()>)>>,
    dedup: Mutex<Dedup>,
    lost: Arc<AtomicU64>,
    heartbeat: Option<(HttpClient, Url)>,
}

impl Notifier {
    /// Starts the delivery task if a channel is configured. `outbox` is the file that keeps
    /// undelivered notices. Needs a running tokio runtime.
    pub fn new(http: HttpClient, config: &NotifyConfig, outbox: Option<PathBuf>) -> Notifier {
        Self::with_backoff(http, config, outbox, DEFAULT_POLICY)
    }

    fn with_backoff(
        http: HttpClient,
        config: &NotifyConfig,
        outbox: Option<PathBuf>,
        policy: BackoffPolicy,
    ) -> Notifier {
        let lost = Arc::new(AtomicU64::new(0));
        let channels = Channel::configured(config);
        let heartbeat = config.heartbeat.clone().map(|url| (http.clone(), url));
        let delivery = (!channels.is_empty()).then(|| {
            let (queue, notices) = mpsc::channel(QUEUE);
            let worker = DeliveryWorker {
                http,
                config: Arc::new(config.clone()),
                policy,
                outbox: Outbox::open(outbox, &channels),
                lost: lost.clone(),
            };
            (queue, tokio::spawn(worker.run(notices)))
        });
        Notifier {
            delivery: Mutex::new(delivery),
            dedup: Mutex::default(),
            lost,
            heartbeat,
        }
    }

    /// Sends a heartbeat, if one is configured, and returns at once. A failed one is not retried:
    /// the next will do.
    pub fn send_heartbeat(&self) {
        let Some((http, url)) = self.heartbeat.clone() else {
            return;
        };
        tokio::spawn(async move {
            if let Err(error) = send_heartbeat(&http, &url).await {
                tracing::warn!("heartbeat not delivered: {error}");
            }
        });
    }

    /// Queues a notice and returns at once. The same level, title and body are sent once per half
    /// hour.
    pub fn notify(&self, notice: &Notice) {
        let delivery = lock(&self.delivery);
        let Some((queue, _)) = &*delivery else { return };
        let mut dedup = lock(&self.dedup);
        if dedup.contains(notice) {
            return;
        }
        if queue.try_send(notice.clone()).is_ok() {
            dedup.insert(notice.clone());
            return;
        }
        self.lost.fetch_add(1, Ordering::Relaxed);
        tracing::warn!(
            title = notice.title,
            "too many notices are queued: this one is dropped"
        );
    }

    /// Notices that were given up, counted by channel.
    pub fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    /// Delivers what is queued and ends, or gives up after `timeout`: the next run delivers the rest.
    pub async fn close(&self, timeout: Duration) {
        let delivery = lock(&self.delivery).take();
        let Some((queue, mut task)) = delivery else {
            return;
        };
        drop(queue);
        if tokio::time::timeout(timeout, &mut task).await.is_err() {
            tracing::info!("some notices are not delivered yet; the next run delivers them");
            task.abort();
        }
    }
}

impl Drop for Notifier {
    fn drop(&mut self) {
        if let Some((_, task)) = &*lock(&self.delivery) {
            task.abort();
        }
    }
}

/// A poisoned lock only means that a caller panicked: its content is never half-written.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
