//! Whether a service took a notice, by its own words: a status of 200 may be a login page's. Pure.

use serde_json::Value;

use super::channel::Channel;
use crate::domain::CallErrorKind;
use crate::http::{self, HttpReply};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Receipt {
    Delivered,
    /// The Telegram group became a supergroup with this id.
    Moved(i64),
    Failed(CallErrorKind),
}

pub(super) fn receipt(channel: Channel, reply: &HttpReply) -> Receipt {
    let body: Value = serde_json::from_str(&reply.body).unwrap_or_default();
    if channel == Channel::Telegram
        && let Some(chat) = body["parameters"]["migrate_to_chat_id"].as_i64()
    {
        return Receipt::Moved(chat);
    }
    if !(200..300).contains(&reply.status) {
        return Receipt::Failed(failure(reply));
    }
    if is_taken(channel, reply, &body) {
        return Receipt::Delivered;
    }
    // Telegram repeats the status in its body.
    let told = body["error_code"].as_u64();
    let told = told.and_then(|code| u16::try_from(code).ok());
    Receipt::Failed(told.map_or(CallErrorKind::Malformed, http::classify))
}

fn is_taken(channel: Channel, reply: &HttpReply, body: &Value) -> bool {
    match channel {
        // <https://core.telegram.org/bots/api#making-requests>
        Channel::Telegram => body["ok"] == true,
        // <https://docs.discord.com/developers/resources/webhook#execute-webhook>: nothing, or the message.
        Channel::Discord => reply.status == 204 || body["id"].is_string(),
        // <https://docs.ntfy.sh/subscribe/api/#json-message-format>: the message.
        Channel::Ntfy => body["id"].is_string(),
        // Some services say no with a status of 200.
        Channel::Webhook => {
            !http::is_page(&reply.body) && body["ok"] != false && body["success"] != false
        }
        // It has no reply.
        Channel::Command => false,
    }
}

/// A page is not the service's own refusal, so another attempt can succeed.
fn failure(reply: &HttpReply) -> CallErrorKind {
    match http::classify(reply.status) {
        CallErrorKind::RateLimited => CallErrorKind::RateLimited,
        _ if http::is_page(&reply.body) => CallErrorKind::Ambiguous,
        kind => kind,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "<!doctype html><html><body>Please sign in</body></html>";

    #[test]
    fn only_the_services_own_word_is_a_receipt() {
        use CallErrorKind::{Ambiguous, Malformed, NotFound, RateLimited, Refused, Unauthorized};
        use Channel::{Discord, Ntfy, Telegram, Webhook};
        let failed = Receipt::Failed;
        for (channel, status, body, expected) in [
            (
                Telegram,
                200,
                r#"{"ok":true,"result":{}}"#,
                Receipt::Delivered,
            ),
            (Telegram, 200, PAGE, failed(Malformed)),
            (Telegram, 200, "", failed(Malformed)),
            (Telegram, 200, r#"{"ok":false}"#, failed(Malformed)),
            (
                Telegram,
                200,
                r#"{"ok":false,"error_code":403}"#,
                failed(Unauthorized),
            ),
            (
                Telegram,
                400,
                r#"{"ok":false,"error_code":400,"parameters":{"migrate_to_chat_id":-1001557}}"#,
                Receipt::Moved(-1_001_557),
            ),
            (
                Telegram,
                400,
                r#"{"ok":false,"error_code":400}"#,
                failed(Refused),
            ),
            (Telegram, 403, PAGE, failed(Ambiguous)),
            (Discord, 204, "", Receipt::Delivered),
            (
                Discord,
                200,
                r#"{"id":"1","content":"a"}"#,
                Receipt::Delivered,
            ),
            (Discord, 200, PAGE, failed(Malformed)),
            (Discord, 404, r#"{"code":10015}"#, failed(NotFound)),
            (
                Ntfy,
                200,
                r#"{"id":"x","event":"message"}"#,
                Receipt::Delivered,
            ),
            (Ntfy, 200, PAGE, failed(Malformed)),
            (Ntfy, 507, r#"{"code":50701}"#, failed(Ambiguous)),
            (Webhook, 200, "", Receipt::Delivered),
            (Webhook, 202, "ok", Receipt::Delivered),
            (Webhook, 200, r#"{"id":3}"#, Receipt::Delivered),
            (Webhook, 200, PAGE, failed(Malformed)),
            (Webhook, 200, r#"{"ok":false}"#, failed(Malformed)),
            (Webhook, 200, r#"{"success":false}"#, failed(Malformed)),
            (Webhook, 401, "", failed(Unauthorized)),
            (Webhook, 429, PAGE, failed(RateLimited)),
        ] {
            let reply = HttpReply {
                status,
                body: body.into(),
                date: None,
            };
            assert_eq!(
                receipt(channel, &reply),
                expected,
                "{channel:?} {status} {body}"
            );
        }
    }
}
