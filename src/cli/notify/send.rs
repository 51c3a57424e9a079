//! `pocpit notify send`: delivers a notice with retries, or leaves it to the next pocpit that runs.

use std::path::Path;
use std::time::Duration;

use tokio::time::Instant;

use super::ChannelReport;
use crate::cli::status_line;
use crate::config::NotifyConfig;
use crate::http::HttpClient;
use crate::notify::{self, Backoff, Channel, Handoff, Notice, Retry};

pub(super) struct Delivery<'a> {
    pub(super) config: &'a NotifyConfig,
    pub(super) notice: &'a Notice,
    /// Outbox of the running pocpit, or of the next one.
    pub(super) outbox: &'a Path,
    pub(super) left: Vec<Channel>,
    pub(super) told: Vec<ChannelReport>,
    /// Persisted for these channels, because this process may be killed at any moment.
    pub(super) kept: Option<Handoff>,
}

impl Delivery<'_> {
    /// Retries until every channel has accepted or refused it, another process delivers it, or the timeout
    /// expires.
    pub(super) async fn within(mut self, timeout: Duration) -> Vec<ChannelReport> {
        let until = Instant::now() + timeout;
        let mut pauses = Backoff::default();
        loop {
            self.try_what_is_left().await;
            let pause = pauses.next_delay().filter(|_| !self.left.is_empty());
            let Some(pause) = pause.filter(|pause| Instant::now() + *pause <= until) else {
                break;
            };
            tokio::time::sleep(pause).await;
            if self.kept.as_ref().is_some_and(Handoff::is_collected) {
                break;
            }
        }
        if self.kept.is_some() {
            status_line(format_args!(
                "what was not delivered is kept: the running pocpit delivers it, or the next one"
            ));
        }
        self.told
    }

    async fn try_what_is_left(&mut self) {
        let http = HttpClient::new();
        for channel in std::mem::take(&mut self.left) {
            let result = notify::deliver(&http, self.config, channel, self.notice).await;
            if let Err(error) = &result
                && error.retry == Retry::Later
            {
                self.left.push(channel);
                tracing::warn!("{} did not take it yet: {error}", channel.name());
            }
            self.told.retain(|told| told.channel != channel);
            self.told.push(ChannelReport::of(channel, result));
        }
        self.keep();
    }

    fn keep(&mut self) {
        let kept = match self.kept.take() {
            None if self.left.is_empty() => return,
            None => Handoff::write(self.outbox, self.notice, &self.left).map(Some),
            Some(kept) if self.left.is_empty() => kept.withdraw().map(|()| None),
            Some(kept) => kept
                .set_channels(self.notice, &self.left)
                .map(|()| Some(kept)),
        };
        self.kept = kept.unwrap_or_else(|error| {
            status_line(format_args!(
                "warning: cannot persist the undelivered notice beside {}: {error}",
                self.outbox.display()
            ));
            None
        });
    }
}
