//! One delivery attempt through one channel.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use url::Url;

use super::channel::Channel;
use super::delivery_error::{DeliveryError, FailureKind};
use super::notice::Notice;
use super::receipt::{Receipt, receipt};
use super::secrets::Secrets;
use super::{command, hints, request};
use crate::config::NotifyConfig;
use crate::domain::CallError;
use crate::http::{HttpClient, HttpRequest, refusal};

const TIMEOUT: Duration = Duration::from_secs(10);

/// Sends a notice through one channel, once. A Telegram group that moved is followed.
pub async fn deliver(
    http: &HttpClient,
    config: &NotifyConfig,
    channel: Channel,
    notice: &Notice,
) -> Result<(), DeliveryError> {
    let request = match channel {
        Channel::Webhook => request::webhook(config, notice, unix_seconds()),
        Channel::Telegram => request::telegram(config, notice, None),
        Channel::Discord => request::discord(config, notice),
        Channel::Ntfy => request::ntfy(config, notice),
        Channel::Command => {
            let result = command::run(&config.command, notice).await;
            return result.map_err(|error| error.redacted(&Secrets::of(config)));
        }
    };
    let receipt = match send(http, channel, request).await {
        Err(SendError::Moved(chat)) => {
            tracing::warn!("the Telegram group has a new id: set notify.telegram_chat to {chat}");
            let request = request::telegram(config, notice, Some(chat));
            send(http, channel, request).await
        }
        receipt => receipt,
    };
    receipt.map_err(|error| {
        error
            .into_delivery_error(channel)
            .redacted(&Secrets::of(config))
    })
}

/// Requests the heartbeat's address; the service behind it counts the request as a sign of life.
pub async fn send_heartbeat(http: &HttpClient, url: &Url) -> Result<(), DeliveryError> {
    let request = HttpRequest::get("send the heartbeat", url.clone());
    let result = send(http, Channel::Webhook, Some(request)).await;
    result.map_err(|error| {
        let hint = hints::HEARTBEAT_HINT.to_owned();
        let error = DeliveryError {
            hint,
            ..error.into_delivery_error(Channel::Webhook)
        };
        error.redacted(&Secrets::in_url(url))
    })
}

enum SendError {
    Unconfigured,
    /// To the group with this id.
    Moved(i64),
    Failed(CallError),
}

impl SendError {
    fn into_delivery_error(self, channel: Channel) -> DeliveryError {
        let permanent = |why: String, hint: &str| DeliveryError {
            why,
            hint: hint.to_owned(),
            kind: FailureKind::Permanent,
        };
        match self {
            SendError::Failed(error) => DeliveryError::new(&error, hints::hint(channel, &error)),
            SendError::Moved(chat) => permanent(
                format!("the group moved to {chat}, and that one moved too"),
                "set notify.telegram_chat to the id of a chat that the bot is in",
            ),
            SendError::Unconfigured => permanent(
                format!("{} is not configured", channel.name()),
                "see [notify] in the configuration",
            ),
        }
    }
}

async fn send(
    http: &HttpClient,
    channel: Channel,
    request: Option<HttpRequest>,
) -> Result<(), SendError> {
    let request = request.ok_or(SendError::Unconfigured)?.timeout(TIMEOUT);
    let reply = http.exchange(&request).await.map_err(SendError::Failed)?;
    match receipt(channel, &reply) {
        Receipt::Delivered => Ok(()),
        Receipt::Moved(chat) => Err(SendError::Moved(chat)),
        Receipt::Failed(kind) => Err(SendError::Failed(refusal(&request, &reply, kind))),
    }
}

fn unix_seconds() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs())
}
