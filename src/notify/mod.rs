//! Tells the operator's webhook what happened. The engine never waits for it: notices go into a
//! bounded queue, a task of its own delivers them, and what does not fit is counted and logged.

mod recent;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use secrecy::SecretString;
use serde::Serialize;
use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio::task::JoinHandle;
use url::Url;

use crate::config::NotifyConfig;
use crate::domain::{CallError, CallErrorKind, Time};
use crate::http::{HttpClient, HttpRequest};

use recent::Recent;

/// Notices that wait for delivery at most.
const QUEUE: usize = 64;
const TIMEOUT: Duration = Duration::from_secs(10);

/// Something the operator is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum NoticeLevel {
    /// Worth knowing.
    Notice,
    /// Will cost something if nobody acts.
    Warning,
    /// Costs something now.
    Critical,
}

/// How often a notice is tried, and how long between.
#[derive(Debug, Clone, Copy)]
struct Pacing {
    tries: u32,
    first_wait: Duration,
    longest_wait: Duration,
}

const PACING: Pacing = Pacing {
    tries: 6,
    first_wait: Duration::from_secs(2),
    longest_wait: Duration::from_mins(1),
};

/// Where notices go.
#[derive(Clone)]
struct Webhook {
    http: HttpClient,
    url: Url,
    token: Option<SecretString>,
    pacing: Pacing,
    lost: Arc<AtomicU64>,
}

/// Takes notices and delivers them in the background.
pub struct Notifier {
    queue: Option<Sender<Notice>>,
    task: Option<JoinHandle<()>>,
    recent: Mutex<Recent>,
    lost: Arc<AtomicU64>,
}

impl Notifier {
    /// Starts the delivery, if there is a webhook. Needs a running tokio runtime.
    pub fn new(http: HttpClient, config: &NotifyConfig) -> Notifier {
        Self::with_pacing(http, config, PACING)
    }

    fn with_pacing(http: HttpClient, config: &NotifyConfig, pacing: Pacing) -> Notifier {
        let lost = Arc::new(AtomicU64::new(0));
        let mut notifier = Notifier {
            queue: None,
            task: None,
            recent: Mutex::new(Recent::default()),
            lost: Arc::clone(&lost),
        };
        if let Some(url) = config.webhook.clone() {
            let (queue, notices) = mpsc::channel(QUEUE);
            let webhook = Webhook {
                http,
                url,
                token: config.webhook_token.clone(),
                pacing,
                lost,
            };
            notifier.queue = Some(queue);
            notifier.task = Some(tokio::spawn(deliver_all(webhook, notices)));
        }
        notifier
    }

    /// Queues a notice and returns at once. The same level, title and body again within half an
    /// hour is not told again.
    pub fn notify(&self, notice: &Notice) {
        let Some(queue) = &self.queue else { return };
        // A poisoned lock only means that a caller panicked; the list itself is whole.
        let mut recent = self
            .recent
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
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
            "the webhook is too slow: notice dropped"
        );
    }

    /// Notices that never reached the webhook.
    pub fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    /// Ends the delivery after what is queued, or after `patience`.
    pub async fn close(mut self, patience: Duration) {
        self.queue = None;
        let Some(mut task) = self.task.take() else {
            return;
        };
        if tokio::time::timeout(patience, &mut task).await.is_err() {
            tracing::warn!("the webhook does not answer: the last notices are not delivered");
            task.abort();
        }
    }
}

impl Drop for Notifier {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

async fn deliver_all(webhook: Webhook, mut notices: Receiver<Notice>) {
    while let Some(notice) = notices.recv().await {
        deliver(&webhook, &notice).await;
    }
}

async fn deliver(webhook: &Webhook, notice: &Notice) {
    let mut wait = webhook.pacing.first_wait;
    for tried in 1..=webhook.pacing.tries {
        let Err(error) = post(webhook, notice).await else {
            return;
        };
        if tried == webhook.pacing.tries || !is_worth_another_try(&error) {
            webhook.lost.fetch_add(1, Ordering::Relaxed);
            tracing::warn!(title = notice.title, tried, %error, "notice not delivered");
            return;
        }
        // Half fixed, half random: several cockpits do not knock at the same moment.
        tokio::time::sleep(wait.mul_f64(0.5 + rand::random::<f64>() / 2.0)).await;
        wait = (wait * 2).min(webhook.pacing.longest_wait);
    }
}

/// A webhook that knows us and said no will say no again. A notice told twice does no harm.
fn is_worth_another_try(error: &CallError) -> bool {
    use CallErrorKind::{Ambiguous, NotSent, RateLimited};
    matches!(error.kind, Ambiguous | NotSent | RateLimited)
}

async fn post(webhook: &Webhook, notice: &Notice) -> Result<(), CallError> {
    let body = serde_json::json!({
        "source": "pocpit",
        "level": notice.level,
        "title": notice.title,
        "body": notice.body,
        "at": notice.at,
    });
    // Not the address: chat services carry their secret in its path.
    let mut request = HttpRequest::post("tell the webhook", webhook.url.clone())
        .json(body)
        .timeout(TIMEOUT);
    if let Some(token) = &webhook.token {
        request = request.bearer(token.clone());
    }
    let reply = webhook.http.send(request).await;
    reply
        .map(drop)
        .map_err(|error| without_address(error, &webhook.url))
}

/// Pieces of an address that are shorter are words, and no secrets.
const SHORTEST_SECRET: usize = 8;

/// Services repeat the path that they do not know: `Cannot POST /services/T0/B0/SECRET`.
fn without_address(mut error: CallError, url: &Url) -> CallError {
    let pieces = url.path().split('/').chain(url.query());
    for piece in pieces.filter(|piece| piece.len() >= SHORTEST_SECRET) {
        error.detail = error.detail.replace(piece, "[removed]");
    }
    error
}
