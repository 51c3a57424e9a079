//! `pocpit notify send`: delivers a notice with retries, or leaves it to the next pocpit that runs.

use std::path::Path;
use std::time::Duration;

use tokio::time::Instant;

use super::ChannelReport;
use crate::cli::status_line;
use crate::config::NotifyConfig;
use crate::http::HttpClient;
use crate::notify::{self, Backoff, Channel, FailureKind, Handoff, Notice};

pub(super) struct Delivery<'a> {
    config: &'a NotifyConfig,
    notice: &'a Notice,
    /// Outbox of the running pocpit, or of the next one.
    outbox: &'a Path,
    /// Channels that have neither accepted nor refused it.
    pending: Vec<Channel>,
    reports: Vec<ChannelReport>,
    /// Persisted for the pending channels, because this process may be killed at any moment.
    handoff: Option<Handoff>,
}

impl<'a> Delivery<'a> {
    pub(super) fn new(
        config: &'a NotifyConfig,
        notice: &'a Notice,
        outbox: &'a Path,
        channels: Vec<Channel>,
    ) -> Delivery<'a> {
        Delivery {
            config,
            notice,
            outbox,
            pending: channels,
            reports: Vec::new(),
            handoff: None,
        }
    }

    /// Retries until every channel has accepted or refused it, another process delivers it, or the timeout
    /// expires.
    pub(super) async fn within(mut self, timeout: Duration) -> Vec<ChannelReport> {
        let until = Instant::now() + timeout;
        let mut backoff = Backoff::default();
        loop {
            self.send_pending().await;
            let delay = backoff.next_delay().filter(|_| !self.pending.is_empty());
            let Some(delay) = delay.filter(|delay| Instant::now() + *delay <= until) else {
                break;
            };
            tokio::time::sleep(delay).await;
            if self.handoff.as_ref().is_some_and(Handoff::is_collected) {
                break;
            }
        }
        if self.handoff.is_some() {
            status_line(
                "undelivered notices are saved: the running pocpit, or the next one, delivers them",
            );
        }
        self.reports
    }

    async fn send_pending(&mut self) {
        let http = HttpClient::new();
        for channel in std::mem::take(&mut self.pending) {
            let result = notify::deliver(&http, self.config, channel, self.notice).await;
            if let Err(error) = &result
                && error.kind == FailureKind::Transient
            {
                self.pending.push(channel);
                tracing::warn!("{} has not accepted it yet: {error}", channel.name());
            }
            self.reports.retain(|report| report.channel != channel);
            self.reports.push(ChannelReport::of(channel, result));
        }
        self.persist();
    }

    fn persist(&mut self) {
        let pending = &self.pending;
        let handoff = match self.handoff.take() {
            None if pending.is_empty() => return,
            None => Handoff::write(self.outbox, self.notice, pending).map(Some),
            Some(handoff) if pending.is_empty() => handoff.withdraw().map(|()| None),
            Some(handoff) => handoff
                .set_channels(self.notice, pending)
                .map(|()| Some(handoff)),
        };
        self.handoff = handoff.unwrap_or_else(|error| {
            status_line(format_args!(
                "warning: cannot persist the undelivered notice beside {}: {error}",
                self.outbox.display()
            ));
            None
        });
    }
}
