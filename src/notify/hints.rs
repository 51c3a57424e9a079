//! What to do about a failed delivery, by channel and cause. Pure.

use super::channel::Channel;
use crate::domain::{CallError, CallErrorKind};

pub(super) fn hint(channel: Channel, error: &CallError) -> String {
    let setting = setting(channel);
    match (error.kind, error.status) {
        (CallErrorKind::NotSent, _) => format!(
            "check the host and port in {setting}, that the service is running, and that this machine can reach it"
        ),
        (CallErrorKind::Ambiguous, None) => format!(
            "check whether it arrived; if not, check that the address in {setting} is a working web server"
        ),
        (CallErrorKind::Unanswered, None) => {
            format!("check that the address in {setting} is a working web server")
        }
        (CallErrorKind::Ambiguous | CallErrorKind::Unanswered, Some(_)) => format!(
            "check the log or status page of the service behind {setting}, and retry later"
        ),
        (CallErrorKind::RateLimited, _) => {
            "wait a few minutes and retry; check what else sends to this service. Alerts are retried automatically"
                .to_owned()
        }
        (CallErrorKind::Unauthorized, status) => unauthorized(channel, status).to_owned(),
        (CallErrorKind::NotFound | CallErrorKind::NotServed, _) => not_found(channel).to_owned(),
        (CallErrorKind::Refused, Some(300..400)) => {
            format!("set {setting} to the final address: redirects are not followed")
        }
        (CallErrorKind::Refused, _) if channel == Channel::Telegram => {
            "check notify.telegram_chat: it must be the id of a chat that the bot is in".to_owned()
        }
        (CallErrorKind::Malformed, _) => format!(
            "read the answer: if it is a page, a login or a gateway answers in place of the service behind {setting}"
        ),
        (CallErrorKind::Refused, _) => {
            format!("read the answer, and check that {setting} accepts this kind of message")
        }
    }
}

pub(super) const COMMAND_HINT: &str = "run notify.command by hand, as the user that pocpit runs as: it gets the notice as JSON on stdin and must exit with status 0 within 30 s";
pub(super) const HEARTBEAT_HINT: &str =
    "request the address in notify.heartbeat by hand, from this machine";

/// The setting that holds the address.
fn setting(channel: Channel) -> &'static str {
    match channel {
        Channel::Webhook => "notify.webhook",
        Channel::Telegram => "notify.telegram_api",
        Channel::Discord => "notify.discord_webhook",
        Channel::Ntfy => "notify.ntfy",
        Channel::Command => "notify.command",
    }
}

fn unauthorized(channel: Channel, status: Option<u16>) -> &'static str {
    match channel {
        Channel::Webhook => {
            "set notify.webhook_token to the token that the service expects, and notify.webhook_secret to its signing secret"
        }
        // 401 is about the token; 403 is about the chat.
        Channel::Telegram if status == Some(403) => {
            "message the bot first, or add it to the group in notify.telegram_chat: it may not write to this chat"
        }
        Channel::Telegram => "set notify.telegram_token to the token from @BotFather",
        Channel::Discord => {
            "copy the webhook URL from the channel's settings in Discord to notify.discord_webhook"
        }
        Channel::Ntfy => {
            "set notify.ntfy_token to the token of a user that may write to the topic in notify.ntfy"
        }
        Channel::Command => COMMAND_HINT,
    }
}

fn not_found(channel: Channel) -> &'static str {
    match channel {
        Channel::Webhook => "check the path in notify.webhook: the server has no such path",
        // The token is part of the path.
        Channel::Telegram => {
            "set notify.telegram_token to the whole token from @BotFather, and check notify.telegram_api"
        }
        Channel::Discord => {
            "create a webhook in the channel's settings in Discord and set notify.discord_webhook: this one was deleted or is incomplete"
        }
        Channel::Ntfy => "set notify.ntfy to the server's address followed by one topic",
        Channel::Command => COMMAND_HINT,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hint_for(channel: Channel, kind: CallErrorKind, status: Option<u16>) -> String {
        let error = CallError {
            status,
            ..CallError::new("send", kind, "")
        };
        hint(channel, &error)
    }

    #[test]
    fn every_hint_names_a_setting() {
        use CallErrorKind::{
            Ambiguous, Malformed, NotFound, NotSent, RateLimited, Refused, Unauthorized,
        };
        let all = Channel::ALL.iter().copied();
        let over_http = all.filter(|channel| *channel != Channel::Command);
        for channel in over_http {
            for (kind, status) in [
                (NotSent, None),
                (Ambiguous, None),
                (Ambiguous, Some(503)),
                (Unauthorized, Some(401)),
                (NotFound, Some(404)),
                (Refused, Some(301)),
                (Refused, Some(400)),
                (Malformed, Some(200)),
            ] {
                let hint = hint_for(channel, kind, status);
                let setting = format!("notify.{}", channel.name());
                assert!(hint.contains(&setting), "{channel:?} {kind:?}: {hint}");
            }
            assert!(hint_for(channel, RateLimited, Some(429)).contains("wait"));
        }
    }

    #[test]
    fn telegram_403_is_about_the_chat() {
        let hint = |status| hint_for(Channel::Telegram, CallErrorKind::Unauthorized, Some(status));
        assert!(hint(401).contains("telegram_token"), "{}", hint(401));
        assert!(hint(403).contains("telegram_chat"), "{}", hint(403));
    }
}
