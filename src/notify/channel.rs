//! The ways in which an operator can be told. What each sends is pure; see `request.rs`.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use url::Url;

use crate::config::NotifyConfig;
use crate::domain::{CallError, CallErrorKind};
use crate::http::{HttpClient, HttpRequest};

use super::{Notice, command, request};

const TIMEOUT: Duration = Duration::from_secs(10);
/// Pieces of an address that are shorter are words, and no secrets.
const SHORTEST_SECRET: usize = 8;

/// A way to tell the operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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
        Channel::Command => return command::run(&config.command, notice).await,
    };
    let Some(sent) = sent else {
        return Err(NotDelivered {
            why: format!("{} is not configured", channel.name()),
            again: Again::Never,
        });
    };
    // The topic of ntfy is in the body, and may be repeated too.
    let topic = config.ntfy.as_ref().map(|ntfy| ntfy.topic.clone());
    let addresses: Vec<Url> = topic.into_iter().chain([sent.url.clone()]).collect();
    let reply = http.send(sent.timeout(TIMEOUT)).await;
    reply
        .map(drop)
        .map_err(|error| not_delivered(error, &addresses))
}

/// Reads a heartbeat's address: whoever waits for it counts that as a sign of life.
pub async fn beat(http: &HttpClient, url: &Url) -> Result<(), NotDelivered> {
    let sent = HttpRequest::get("send the heartbeat", url.clone()).timeout(TIMEOUT);
    let reply = http.send(sent).await;
    let address = std::slice::from_ref(url);
    reply
        .map(drop)
        .map_err(|error| not_delivered(error, address))
}

fn unix_seconds() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs())
}

fn not_delivered(error: CallError, addresses: &[Url]) -> NotDelivered {
    use CallErrorKind::{Ambiguous, NotSent, RateLimited};
    // A notice told twice does no harm.
    let again = match error.kind {
        Ambiguous | NotSent | RateLimited => Again::Later,
        _ => Again::Never,
    };
    let without = addresses.iter().fold(error, without_address);
    let why = without.to_string();
    NotDelivered { why, again }
}

/// Chat services carry their secret in the address, and repeat a path that they do not know:
/// `Cannot POST /services/T0/B0/SECRET`.
fn without_address(mut error: CallError, url: &Url) -> CallError {
    let pieces = url.path().split('/').chain(url.query());
    for piece in pieces.filter(|piece| piece.len() >= SHORTEST_SECRET) {
        error.detail = error.detail.replace(piece, "[removed]");
    }
    error
}
