//! The task that delivers notices: in order within a channel, channels independent of each other.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::mpsc::Receiver;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::backoff::{Backoff, BackoffPolicy};
use super::channel::Channel;
use super::deliver::deliver;
use super::delivery_error::{DeliveryError, FailureKind};
use super::notice::Notice;
use super::outbox::Outbox;
use crate::config::NotifyConfig;
use crate::http::HttpClient;

/// How often to collect what other processes handed off.
const COLLECT_INTERVAL: Duration = Duration::from_secs(20);

pub(super) struct DeliveryWorker {
    pub(super) http: HttpClient,
    pub(super) config: Arc<NotifyConfig>,
    pub(super) policy: BackoffPolicy,
    pub(super) outbox: Outbox,
    pub(super) lost: Arc<AtomicU64>,
}

/// A channel's place in the outbox.
struct Lane {
    channel: Channel,
    in_flight: bool,
    backoff: Backoff,
    not_before: Instant,
}

struct Attempt {
    /// Its index.
    lane: usize,
    id: u64,
    title: String,
    result: Result<(), DeliveryError>,
}

impl DeliveryWorker {
    /// Runs until the queue is closed and the outbox empty.
    pub(super) async fn run(mut self, mut notices: Receiver<Notice>) {
        let channels = Channel::configured(&self.config);
        let lane = |channel: &Channel| Lane {
            channel: *channel,
            in_flight: false,
            backoff: Backoff::new(self.policy),
            not_before: Instant::now(),
        };
        let mut lanes: Vec<Lane> = channels.iter().map(lane).collect();
        let mut attempts = JoinSet::new();
        let mut open = true;
        let mut collect = tokio::time::interval(COLLECT_INTERVAL);
        while open || !self.outbox.is_empty() {
            let next = self.start_attempts(&mut lanes, &mut attempts);
            tokio::select! {
                notice = notices.recv(), if open => match notice {
                    Some(notice) => {
                        let dropped = self.outbox.add(notice, &channels);
                        self.lost.fetch_add(dropped, Ordering::Relaxed);
                    }
                    None => open = false,
                },
                Some(attempt) = attempts.join_next() => {
                    if let Ok(attempt) = attempt {
                        self.finish_attempt(&mut lanes[attempt.lane], &attempt);
                    }
                }
                _ = collect.tick() => self.outbox.collect_handoffs(&channels),
                () = sleep_until(next) => {}
            }
        }
    }

    /// Starts every attempt that is due and returns when the next one is.
    fn start_attempts(
        &self,
        lanes: &mut [Lane],
        attempts: &mut JoinSet<Attempt>,
    ) -> Option<Instant> {
        let now = Instant::now();
        let mut next = None;
        for (index, lane) in lanes.iter_mut().enumerate() {
            if lane.in_flight {
                continue;
            }
            let Some((id, notice)) = self.outbox.first(lane.channel) else {
                continue;
            };
            if lane.not_before > now {
                next = next.into_iter().chain([lane.not_before]).min();
                continue;
            }
            lane.in_flight = true;
            let (http, config, channel) = (self.http.clone(), self.config.clone(), lane.channel);
            attempts.spawn(async move {
                Attempt {
                    lane: index,
                    id,
                    result: deliver(&http, &config, channel, &notice).await,
                    title: notice.title,
                }
            });
        }
        next
    }

    fn finish_attempt(&mut self, lane: &mut Lane, attempt: &Attempt) {
        lane.in_flight = false;
        let Err(error) = &attempt.result else {
            self.next_notice(lane, attempt.id);
            return;
        };
        let (channel, title) = (lane.channel.name(), &attempt.title);
        let delay = lane.backoff.next_delay();
        let Some(delay) = delay.filter(|_| error.kind == FailureKind::Transient) else {
            let (hint, attempts) = (&error.hint, lane.backoff.attempts());
            tracing::warn!(channel, title, attempts, %error, hint, "notice not delivered");
            self.lost.fetch_add(1, Ordering::Relaxed);
            self.next_notice(lane, attempt.id);
            return;
        };
        tracing::debug!(channel, title, %error, "delivery failed, retrying");
        lane.not_before = Instant::now() + delay;
    }

    fn next_notice(&mut self, lane: &mut Lane, id: u64) {
        self.outbox.done(lane.channel, id);
        lane.backoff = Backoff::new(self.policy);
        lane.not_before = Instant::now();
    }
}

async fn sleep_until(next: Option<Instant>) {
    match next {
        Some(next) => tokio::time::sleep_until(next).await,
        None => std::future::pending().await,
    }
}
