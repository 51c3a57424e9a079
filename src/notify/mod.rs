//! Tells the operator what happened: a webhook, Telegram, Discord, ntfy, a program. The engine never
//! waits for it: notices go into a bounded queue, a task of its own delivers them, and what is not
//! delivered when the program ends is delivered by the next one.

mod channel;
mod command;
mod outbox;
mod pauses;
mod post;
mod recent;
mod remedy;
mod request;
mod secrets;
#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::mpsc::{self, Sender};
use tokio::task::JoinHandle;
use url::Url;

use crate::config::NotifyConfig;
use crate::domain::Time;
use crate::http::HttpClient;

pub use channel::{Again, Channel, NotDelivered, beat, deliver};
pub use outbox::Left;
use outbox::Outbox;
pub use pauses::Pauses;
use pauses::{PACING, Pacing};
use post::Post;
use recent::Recent;

/// Notices that the task has not taken yet, at most.
const QUEUE: usize = 64;

/// Something the operator is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// How bad.
    pub level: NoticeLevel,
    /// What happened, in a few words. Never a secret.
    pub title: String,
    /// What it means and what to do.
    pub body: String,
    /// When, by the engine's clock.
    pub at: Time,
}

/// How bad a notice is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoticeLevel {
    /// Worth knowing.
    Notice,
    /// What was told before is over.
    Resolved,
    /// Will cost something if nobody acts.
    Warning,
    /// Costs something now.
    Critical,
}

impl NoticeLevel {
    /// The word that a message begins with.
    pub fn word(self) -> &'static str {
        match self {
            NoticeLevel::Notice => "NOTICE",
            NoticeLevel::Resolved => "RESOLVED",
            NoticeLevel::Warning => "WARNING",
            NoticeLevel::Critical => "CRITICAL",
        }
    }
}

/// Takes notices and delivers them in the background.
pub struct Notifier {
    queue: Mutex<Option<Sender<Notice>>>,
    task: Mutex<Option<JoinHandle<()>>>,
    recent: Mutex<Recent>,
    lost: Arc<AtomicU64>,
    heartbeat: Option<(HttpClient, Url)>,
}

impl Notifier {
    /// Starts the delivery, if there is a channel; `outbox` is the file of what is not delivered
    /// yet. Needs a running tokio runtime.
    pub fn new(http: HttpClient, config: &NotifyConfig, outbox: Option<PathBuf>) -> Notifier {
        Self::with_pacing(http, config, outbox, PACING)
    }

    fn with_pacing(
        http: HttpClient,
        config: &NotifyConfig,
        outbox: Option<PathBuf>,
        pacing: Pacing,
    ) -> Notifier {
        let lost = Arc::new(AtomicU64::new(0));
        let channels = Channel::of(config);
        let heartbeat = config.heartbeat.clone().map(|url| (http.clone(), url));
        let (queue, task) = if channels.is_empty() {
            (None, None)
        } else {
            let (queue, notices) = mpsc::channel(QUEUE);
            let post = Post {
                http,
                config: Arc::new(config.clone()),
                pacing,
                outbox: Outbox::open(outbox, &channels),
                lost: lost.clone(),
            };
            (Some(queue), Some(tokio::spawn(post.run(notices))))
        };
        Notifier {
            queue: Mutex::new(queue),
            task: Mutex::new(task),
            recent: Mutex::new(Recent::default()),
            lost,
            heartbeat,
        }
    }

    /// Sends a sign of life, if somebody waits for one, and returns at once. The next one is as good
    /// as another try of this one.
    pub fn beat(&self) {
        let Some((http, url)) = self.heartbeat.clone() else {
            return;
        };
        tokio::spawn(async move {
            if let Err(error) = beat(&http, &url).await {
                tracing::warn!("the heartbeat did not arrive: {error}");
            }
        });
    }

    /// Queues a notice and returns at once. The same level, title and body again within half an
    /// hour is not told again.
    pub fn notify(&self, notice: &Notice) {
        let queue = locked(&self.queue);
        let Some(queue) = &*queue else { return };
        let mut recent = locked(&self.recent);
        if recent.holds(notice) {
            return;
        }
        if queue.try_send(notice.clone()).is_ok() {
            recent.remember(notice.clone());
            return;
        }
        self.lost.fetch_add(1, Ordering::Relaxed);
        tracing::warn!(
            title = notice.title,
            "too many notices: this one is dropped"
        );
    }

    /// Notices that never reached anybody, counted by channel.
    pub fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    /// Ends the delivery after what is queued, or after `patience`: the rest is left to the next
    /// start.
    pub async fn close(&self, patience: Duration) {
        drop(locked(&self.queue).take());
        let task = locked(&self.task).take();
        let Some(mut task) = task else {
            return;
        };
        if tokio::time::timeout(patience, &mut task).await.is_err() {
            tracing::info!("the last notices are not delivered yet: the next start delivers them");
            task.abort();
        }
    }
}

impl Drop for Notifier {
    fn drop(&mut self) {
        if let Some(task) = &*locked(&self.task) {
            task.abort();
        }
    }
}

/// A poisoned lock only means that a caller panicked; what it holds is whole.
fn locked<T>(held: &Mutex<T>) -> MutexGuard<'_, T> {
    held.lock().unwrap_or_else(PoisonError::into_inner)
}
