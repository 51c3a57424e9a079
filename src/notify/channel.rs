//! The ways in which an operator can be told. What each sends is pure; see `request.rs`.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use schemars::JsonSchema;
use serde::Serialize;
use url::Url;

use crate::config::NotifyConfig;
use crate::domain::{CallError, CallErrorKind};
use crate::http::{HttpClient, HttpRequest};

use super::secrets::Secrets;
use super::{Notice, command, remedy, request};

const TIMEOUT: Duration = Duration::from_secs(10);

/// A way to tell the operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Channel {
    /// A JSON object, signed if there is a secret.
    Webhook,
    /// A message of a bot.
    Telegram,
    /// A message in a channel, by its webhook.
    Discord,
    /// A push message of ntfy.
    Ntfy,
    /// A program of the operator's.
    Command,
}

impl Channel {
    /// Every one.
    pub const ALL: [Channel; 5] = [
        Channel::Webhook,
        Channel::Telegram,
        Channel::Discord,
        Channel::Ntfy,
        Channel::Command,
    ];

    /// Its name, for the operator and for the file of what is not delivered yet.
    pub fn name(self) -> &'static str {
        match self {
            Channel::Webhook => "webhook",
            Channel::Telegram => "telegram",
            Channel::Discord => "discord",
            Channel::Ntfy => "ntfy",
            Channel::Command => "command",
        }
    }

    /// Those that are configured.
    pub fn of(config: &NotifyConfig) -> Vec<Channel> {
        let all = Channel::ALL.into_iter();
        all.filter(|channel| match channel {
            Channel::Webhook => config.webhook.is_some(),
            Channel::Telegram => config.telegram.is_some(),
            Channel::Discord => config.discord.is_some(),
            Channel::Ntfy => config.ntfy.is_some(),
            Channel::Command => !config.command.is_empty(),
        })
        .collect()
    }
}

/// Why a notice did not arrive.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub struct NotDelivered {
    /// For people, without secrets.
    pub why: String,
    /// What to do about it.
    pub remedy: String,
    /// Whether another try can help.
    pub again: Again,
}

/// Whether another try can help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Again {
    /// It may work later.
    Later,
    /// Who knows us and said no will say no again.
    Never,
}

/// Tells the operator by one channel, once.
pub async fn deliver(
    http: &HttpClient,
    config: &NotifyConfig,
    channel: Channel,
    notice: &Notice,
) -> Result<(), NotDelivered> {
    let sent = match channel {
        Channel::Webhook => request::webhook(config, notice, unix_seconds()),
        Channel::Telegram => request::telegram(config, notice),
        Channel::Discord => request::discord(config, notice),
        Channel::Ntfy => request::ntfy(config, notice),
        Channel::Command => {
            let told = command::run(&config.command, notice).await;
            return told.map_err(|error| error.without(&Secrets::of(config)));
        }
    };
    let Some(sent) = sent else {
        return Err(NotDelivered {
            why: format!("{} is not configured", channel.name()),
            remedy: "see [notify] in the configuration".to_owned(),
            again: Again::Never,
        });
    };
    let told = http.send(sent.timeout(TIMEOUT)).await;
    told.map(drop).map_err(|error| {
        let remedy = remedy::remedy(channel, &error);
        NotDelivered::of(&error, remedy).without(&Secrets::of(config))
    })
}

/// Reads a heartbeat's address: whoever waits for it counts that as a sign of life.
pub async fn beat(http: &HttpClient, url: &Url) -> Result<(), NotDelivered> {
    let sent = HttpRequest::get("send the heartbeat", url.clone()).timeout(TIMEOUT);
    let reply = http.send(sent).await;
    reply.map(drop).map_err(|error| {
        let remedy = remedy::OF_HEARTBEAT.to_owned();
        NotDelivered::of(&error, remedy).without(&Secrets::in_address(url))
    })
}

fn unix_seconds() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs())
}

impl NotDelivered {
    fn of(error: &CallError, remedy: String) -> NotDelivered {
        use CallErrorKind::{Ambiguous, NotSent, RateLimited};
        NotDelivered {
            why: error.to_string(),
            remedy,
            // A notice told twice does no harm.
            again: match error.kind {
                Ambiguous | NotSent | RateLimited => Again::Later,
                _ => Again::Never,
            },
        }
    }

    fn without(mut self, secrets: &Secrets) -> NotDelivered {
        self.why = secrets.cleared(&self.why);
        self
    }
}
