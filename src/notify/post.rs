//! The task that delivers: each channel one notice after the other, none held up by another.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::mpsc::Receiver;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::channel::{Again, NotDelivered, deliver};
use super::outbox::Outbox;
use super::{Channel, Notice, Pacing, Pauses};
use crate::config::NotifyConfig;
use crate::http::HttpClient;

/// How often to look for what other processes left.
const LOOK_EVERY: Duration = Duration::from_secs(20);

/// What is delivered, and how.
pub(super) struct Post {
    pub(super) http: HttpClient,
    pub(super) config: Arc<NotifyConfig>,
    pub(super) pacing: Pacing,
    pub(super) outbox: Outbox,
    pub(super) lost: Arc<AtomicU64>,
}

/// A channel and the notice that it is at.
struct Line {
    channel: Channel,
    under_way: bool,
    pauses: Pauses,
    not_before: Instant,
}

struct Tried {
    channel: Channel,
    id: u64,
    title: String,
    result: Result<(), NotDelivered>,
}

impl Post {
    /// Delivers until nobody can add a notice any more and all are delivered.
    pub(super) async fn run(mut self, mut notices: Receiver<Notice>) {
        let channels = Channel::of(&self.config);
        let fresh = |channel: &Channel| Line {
            channel: *channel,
            under_way: false,
            pauses: Pauses::of(self.pacing),
            not_before: Instant::now(),
        };
        let mut lines: Vec<Line> = channels.iter().map(fresh).collect();
        let mut sends = JoinSet::new();
        let mut open = true;
        let mut looks = tokio::time::interval(LOOK_EVERY);
        while open || !self.outbox.is_empty() {
            let next = self.start_sends(&mut lines, &mut sends);
            tokio::select! {
                notice = notices.recv(), if open => match notice {
                    Some(notice) => {
                        let given_up = self.outbox.add(notice, &channels);
                        self.lost.fetch_add(given_up, Ordering::Relaxed);
                    }
                    None => open = false,
                },
                Some(tried) = sends.join_next() => {
                    if let Ok(tried) = tried {
                        self.ended(&mut lines, &tried);
                    }
                }
                _ = looks.tick() => self.outbox.take_what_was_left(&channels),
                () = sleep_until(next) => {}
            }
        }
    }

    /// Starts what may start now; says when the next one may.
    fn start_sends(&self, lines: &mut [Line], sends: &mut JoinSet<Tried>) -> Option<Instant> {
        let now = Instant::now();
        let mut next = None;
        for line in lines.iter_mut().filter(|line| !line.under_way) {
            let Some((id, notice)) = self.outbox.first(line.channel) else {
                continue;
            };
            if line.not_before > now {
                next = next.into_iter().chain([line.not_before]).min();
                continue;
            }
            line.under_way = true;
            let (http, config, channel) = (self.http.clone(), self.config.clone(), line.channel);
            sends.spawn(async move {
                let result = deliver(&http, &config, channel, &notice).await;
                let title = notice.title;
                Tried {
                    channel,
                    id,
                    title,
                    result,
                }
            });
        }
        next
    }

    fn ended(&mut self, lines: &mut [Line], tried: &Tried) {
        let line = lines.iter_mut().find(|line| line.channel == tried.channel);
        let Some(line) = line else { return };
        line.under_way = false;
        let Err(error) = &tried.result else {
            self.next_notice(line, tried.id);
            return;
        };
        let (channel, title) = (tried.channel.name(), &tried.title);
        let pause = line.pauses.next_pause();
        let Some(pause) = pause.filter(|_| error.again == Again::Later) else {
            let (remedy, tried_times) = (&error.remedy, line.pauses.tried());
            tracing::warn!(channel, title, tried = tried_times, %error, remedy, "notice not delivered");
            self.lost.fetch_add(1, Ordering::Relaxed);
            self.next_notice(line, tried.id);
            return;
        };
        tracing::debug!(channel, title, %error, "notice not delivered yet");
        line.not_before = Instant::now() + pause;
    }

    fn next_notice(&mut self, line: &mut Line, id: u64) {
        self.outbox.done(line.channel, id);
        line.pauses = Pauses::of(self.pacing);
        line.not_before = Instant::now();
    }
}

async fn sleep_until(next: Option<Instant>) {
    match next {
        Some(next) => tokio::time::sleep_until(next).await,
        None => std::future::pending().await,
    }
}
