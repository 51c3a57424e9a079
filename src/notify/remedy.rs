//! What to do about a notice that did not arrive, by channel and by what went wrong. Pure.

use super::Channel;
use crate::domain::{CallError, CallErrorKind};

/// What to do, for people.
pub(super) fn remedy(channel: Channel, error: &CallError) -> String {
    let address = address(channel);
    match (error.kind, error.status) {
        (CallErrorKind::NotSent, _) => format!(
            "see that {address} names the right machine and port, that something listens there, and that this machine reaches it"
        ),
        (CallErrorKind::Ambiguous, None) => format!(
            "look whether it arrived all the same; if not, see whether what listens at {address} is a web server and is well"
        ),
        (CallErrorKind::Ambiguous, Some(_)) => format!(
            "the trouble is in the service behind {address}: see its log or its status page, and try again later"
        ),
        (CallErrorKind::RateLimited, _) => {
            "wait a few minutes and try again; see who else sends to it. Alerts wait by themselves"
                .to_owned()
        }
        (CallErrorKind::Unauthorized, status) => unauthorized(channel, status).to_owned(),
        (CallErrorKind::NotFound, _) => not_found(channel).to_owned(),
        (CallErrorKind::Refused, Some(300..400)) => {
            format!("redirects are not followed: give {address} the address that it leads to")
        }
        (CallErrorKind::Refused, _) if channel == Channel::Telegram => {
            "see notify.telegram_chat: it is the number of a chat that the bot is in".to_owned()
        }
        (CallErrorKind::Refused | CallErrorKind::Malformed, _) => {
            format!("see what it says, and that {address} is meant for this kind of message")
        }
    }
}

/// What to do about a program of the operator's.
pub(super) const OF_COMMAND: &str = "run the words of notify.command by hand, as the user that pocpit runs as: it gets the notice as JSON on its input, and must end with status 0 within 30 s";
/// What to do about a heartbeat.
pub(super) const OF_HEARTBEAT: &str =
    "read the address of notify.heartbeat by hand, from this machine";

/// The setting that says where.
fn address(channel: Channel) -> &'static str {
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
            "give notify.webhook_token the token that it asks for, and notify.webhook_secret the secret that it checks signatures with"
        }
        // 401 is about the token; 403 is about the chat.
        Channel::Telegram if status == Some(403) => {
            "the chat does not let the bot write: write to the bot first, or add it to the group of notify.telegram_chat"
        }
        Channel::Telegram => "give notify.telegram_token the token that @BotFather shows",
        Channel::Discord => {
            "copy the webhook's address from the channel's settings in Discord to notify.discord_webhook"
        }
        Channel::Ntfy => {
            "give notify.ntfy_token a token of a user that may write to the topic of notify.ntfy"
        }
        Channel::Command => OF_COMMAND,
    }
}

fn not_found(channel: Channel) -> &'static str {
    match channel {
        Channel::Webhook => "see the path of notify.webhook: the machine is there, the path is not",
        // It is a part of the path.
        Channel::Telegram => {
            "give notify.telegram_token the whole token that @BotFather shows, and see notify.telegram_api"
        }
        Channel::Discord => {
            "the webhook is deleted, or its address is not whole: make a new one in the channel's settings in Discord, for notify.discord_webhook"
        }
        Channel::Ntfy => "see that notify.ntfy is the server's address and one topic",
        Channel::Command => OF_COMMAND,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(channel: Channel, kind: CallErrorKind, status: Option<u16>) -> String {
        let error = CallError {
            what: "tell".into(),
            kind,
            status,
            detail: String::new(),
        };
        remedy(channel, &error)
    }

    #[test]
    fn every_channel_has_a_remedy_for_every_kind_that_names_a_setting_or_a_place() {
        use CallErrorKind::{
            Ambiguous, Malformed, NotFound, NotSent, RateLimited, Refused, Unauthorized,
        };
        let over_http = Channel::ALL
            .into_iter()
            .filter(|channel| *channel != Channel::Command);
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
                let said = of(channel, kind, status);
                let setting = format!("notify.{}", channel.name());
                assert!(said.contains(&setting), "{channel:?} {kind:?}: {said}");
            }
            assert!(of(channel, RateLimited, Some(429)).contains("wait"));
        }
    }

    #[test]
    fn telegram_tells_a_wrong_token_from_a_chat_that_is_closed_to_it() {
        let said = |status| of(Channel::Telegram, CallErrorKind::Unauthorized, Some(status));
        assert!(said(401).contains("telegram_token"), "{}", said(401));
        assert!(said(403).contains("telegram_chat"), "{}", said(403));
    }
}
