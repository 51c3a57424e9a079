//! One delivery attempt through one channel.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use url::Url;

use super::channel::Channel;
use super::delivery_error::{DeliveryError, FailureKind};
use super::notice::Notice;
use super::secrets::Secrets;
use super::{command, hints, request};
use crate::config::NotifyConfig;
use crate::http::{HttpClient, HttpRequest};

const TIMEOUT: Duration = Duration::from_secs(10);

/// Sends a notice through one channel, once.
pub async fn deliver(
    http: &HttpClient,
    config: &NotifyConfig,
    channel: Channel,
    notice: &Notice,
) -> Result<(), DeliveryError> {
    let request = match channel {
        Channel::Webhook => request::webhook(config, notice, unix_seconds()),
        Channel::Telegram => request::telegram(config, notice),
        Channel::Discord => request::discord(config, notice),
        Channel::Ntfy => request::ntfy(config, notice),
        Channel::Command => {
            let result = command::run(&config.command, notice).await;
            return result.map_err(|error| error.redacted(&Secrets::of(config)));
        }
    };
    let Some(request) = request else {
        return Err(DeliveryError {
            why: format!("{} is not configured", channel.name()),
            hint: "see [notify] in the configuration".to_owned(),
            kind: FailureKind::Permanent,
        });
    };
    let result = http.send(request.timeout(TIMEOUT)).await;
    result.map(drop).map_err(|error| {
        let hint = hints::hint(channel, &error);
        DeliveryError::new(&error, hint).redacted(&Secrets::of(config))
    })
}

/// Requests the heartbeat's address; the service behind it counts the request as a sign of life.
pub async fn send_heartbeat(http: &HttpClient, url: &Url) -> Result<(), DeliveryError> {
    let request = HttpRequest::get("send the heartbeat", url.clone()).timeout(TIMEOUT);
    let result = http.send(request).await;
    result.map(drop).map_err(|error| {
        let hint = hints::HEARTBEAT_HINT.to_owned();
        DeliveryError::new(&error, hint).redacted(&Secrets::in_url(url))
    })
}

fn unix_seconds() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs())
}
