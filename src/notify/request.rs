//! A notice as the request that each service expects. Pure.

use hmac::{Hmac, KeyInit as _, Mac as _};
use secrecy::ExposeSecret as _;
use serde_json::json;
use sha2::Sha256;
use url::Url;

use super::notice::{Notice, NoticeLevel};
use crate::config::NotifyConfig;
use crate::domain::hexadecimal;
use crate::http::HttpRequest;

/// When the request was signed, in seconds since 1970.
const TIMESTAMP: &str = "x-pocpit-timestamp";
/// `sha256=` and the HMAC-SHA256 of `TIMESTAMP.BODY` in hexadecimal.
const SIGNATURE: &str = "x-pocpit-signature";
/// <https://core.telegram.org/bots/api#sendmessage>: 1 to 4,096 characters.
const MAX_TELEGRAM: usize = 4_096;
/// <https://docs.discord.com/developers/resources/webhook#execute-webhook>: up to 2,000 characters.
const MAX_DISCORD: usize = 2_000;
/// <https://docs.ntfy.sh/publish/>: a longer message becomes an attachment at 4,096 bytes.
const MAX_NTFY: usize = 1_000;

/// A signed `POST` of a JSON object.
pub(super) fn webhook(config: &NotifyConfig, notice: &Notice, now: u64) -> Option<HttpRequest> {
    let url = config.webhook.clone()?;
    let body = json!({
        "source": "pocpit",
        "level": notice.level,
        "title": notice.title,
        "body": notice.body,
        "at": notice.at,
    });
    let mut request = HttpRequest::post("notify the webhook", url);
    if let Some(secret) = &config.webhook_secret {
        let timestamp = now.to_string();
        let signed = format!("{timestamp}.{body}");
        let signature = format!("sha256={}", hmac(secret.expose_secret(), &signed)?);
        request = request
            .header(TIMESTAMP, timestamp)
            .header(SIGNATURE, signature);
    }
    if let Some(token) = &config.webhook_token {
        request = request.bearer(token.clone());
    }
    Some(request.json(body))
}

/// <https://core.telegram.org/bots/api#sendmessage>. A group that moved has another id than the configured
/// one, and its members are told.
pub(super) fn telegram(
    config: &NotifyConfig,
    notice: &Notice,
    moved_to: Option<i64>,
) -> Option<HttpRequest> {
    let telegram = config.telegram.as_ref()?;
    let mut url = telegram.api.clone();
    let bot = format!("bot{}", bare_token(telegram.token.expose_secret()));
    url.path_segments_mut()
        .ok()?
        .pop_if_empty()
        .extend([bot.as_str(), "sendMessage"]);
    let (chat, advice) = match moved_to {
        None => (telegram.chat.clone(), String::new()),
        Some(chat) => (
            chat.to_string(),
            format!("\n(This group has a new id: set notify.telegram_chat to {chat}.)"),
        ),
    };
    let text = truncate(&text(notice), MAX_TELEGRAM - advice.chars().count()) + &advice;
    Some(HttpRequest::post("notify Telegram", url).json(json!({
        "chat_id": chat,
        "text": text,
        "disable_notification": notice.level.is_quiet(),
    })))
}

/// The token as `@BotFather` shows it: some users copy it from a URL, where `bot` precedes it.
pub(super) fn bare_token(token: &str) -> &str {
    token.strip_prefix("bot").unwrap_or(token)
}

/// <https://docs.discord.com/developers/resources/webhook#execute-webhook>.
pub(super) fn discord(config: &NotifyConfig, notice: &Notice) -> Option<HttpRequest> {
    let url: Url = config.discord.as_ref()?.expose_secret().parse().ok()?;
    Some(HttpRequest::post("notify Discord", url).json(json!({
        "content": truncate(&text(notice), MAX_DISCORD),
        // The text may quote a rental's log, which may hold an @everyone.
        "allowed_mentions": { "parse": [] },
    })))
}

/// <https://docs.ntfy.sh/publish/#publish-as-json>: posted to the server, the topic in the object.
pub(super) fn ntfy(config: &NotifyConfig, notice: &Notice) -> Option<HttpRequest> {
    let ntfy = config.ntfy.as_ref()?;
    let mut url = ntfy.topic.clone();
    let topic = url.path_segments()?.next_back()?.to_owned();
    url.path_segments_mut().ok()?.pop();
    let tag = match notice.level {
        NoticeLevel::Notice => "information_source",
        NoticeLevel::Resolved => "white_check_mark",
        NoticeLevel::Warning => "warning",
        NoticeLevel::Critical => "rotating_light",
    };
    let mut request = HttpRequest::post("notify ntfy", url);
    if let Some(token) = &ntfy.token {
        request = request.bearer(token.clone());
    }
    Some(request.json(json!({
        "topic": topic,
        "title": truncate(&notice.title, MAX_NTFY),
        "message": truncate(&notice.body, MAX_NTFY),
        "priority": ntfy_priority(notice.level),
        "tags": [tag],
    })))
}

/// <https://docs.ntfy.sh/publish/#message-priority>: 1 (no sound) to 5 (overrides the phone's silent
/// mode).
fn ntfy_priority(level: NoticeLevel) -> u8 {
    match level {
        // The end of an alert need not wake anybody.
        NoticeLevel::Resolved => 2,
        NoticeLevel::Notice => 3,
        NoticeLevel::Warning => 4,
        NoticeLevel::Critical => 5,
    }
}

fn text(notice: &Notice) -> String {
    format!("{}: {}\n{}", notice.level.word(), notice.title, notice.body)
}

fn truncate(text: &str, characters: usize) -> String {
    if text.chars().count() <= characters {
        return text.to_owned();
    }
    text.chars().take(characters - 1).chain(['…']).collect()
}

fn hmac(secret: &str, text: &str) -> Option<String> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).ok()?;
    mac.update(text.as_bytes());
    Some(hexadecimal(&mac.finalize().into_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notify::tests::{self, ntfy as ntfy_config, telegram as telegram_config};

    fn notice() -> Notice {
        Notice {
            body: "destroy it by hand @everyone".into(),
            ..tests::notice(NoticeLevel::Critical, "rental 7 is not gone")
        }
    }

    fn body(request: Option<HttpRequest>) -> (Url, serde_json::Value) {
        let request = request.unwrap();
        (request.url, request.body.unwrap())
    }

    #[test]
    fn signature_matches_rfc_4231_vector() {
        // Test case 2 there.
        assert_eq!(
            hmac("Jefe", "what do ya want for nothing?").unwrap(),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
    }

    #[test]
    fn webhook_with_secret_is_signed() {
        let mut config = NotifyConfig {
            webhook: Some("https://example.org/hook".parse().unwrap()),
            ..NotifyConfig::default()
        };
        assert_eq!(webhook(&config, &notice(), 5).unwrap().headers, []);
        config.webhook_secret = Some("s3cret".to_owned().into());
        let request = webhook(&config, &notice(), 5).unwrap();
        let signed = format!("5.{}", request.body.unwrap());
        let expected = format!("sha256={}", hmac("s3cret", &signed).unwrap());
        assert_eq!(
            request.headers,
            [(TIMESTAMP, "5".to_owned()), (SIGNATURE, expected)]
        );
    }

    #[test]
    fn ntfy_priority_follows_level() {
        use NoticeLevel::{Critical, Notice as Worth, Resolved, Warning};
        let config = NotifyConfig {
            ntfy: Some(ntfy_config("https://ntfy.example.org/mine", None)),
            ..NotifyConfig::default()
        };
        let priority = |level| {
            let notice = Notice { level, ..notice() };
            body(ntfy(&config, &notice)).1["priority"].as_u64().unwrap()
        };
        assert_eq!(
            [Resolved, Worth, Warning, Critical].map(priority),
            [2, 3, 4, 5]
        );
    }

    #[test]
    fn telegram_token_prefix_is_optional() {
        for token in ["123:abc", "bot123:abc"] {
            let config = NotifyConfig {
                telegram: Some(telegram_config("https://api.telegram.org", token)),
                ..NotifyConfig::default()
            };
            let url = telegram(&config, &notice(), None).unwrap().url;
            assert_eq!(url.path(), "/bot123:abc/sendMessage");
        }
    }

    #[test]
    fn requests_follow_service_documentation() {
        let config = NotifyConfig {
            telegram: Some(telegram_config("https://api.telegram.org", "123:abc")),
            discord: Some("https://discord.com/api/webhooks/1/x".to_owned().into()),
            ntfy: Some(ntfy_config("https://ntfy.example.org/base/mine", None)),
            ..NotifyConfig::default()
        };
        let (url, sent) = body(telegram(&config, &notice(), None));
        assert_eq!(
            url.as_str(),
            "https://api.telegram.org/bot123:abc/sendMessage"
        );
        let text = "CRITICAL: rental 7 is not gone\ndestroy it by hand @everyone";
        let expected = json!({"chat_id": "-100", "text": text, "disable_notification": false});
        assert_eq!(sent, expected);
        let (url, sent) = body(discord(&config, &notice()));
        assert_eq!(url.as_str(), "https://discord.com/api/webhooks/1/x");
        assert_eq!(
            sent,
            json!({"content": text, "allowed_mentions": {"parse": []}})
        );
        let (url, sent) = body(ntfy(&config, &notice()));
        assert_eq!(url.as_str(), "https://ntfy.example.org/base");
        assert_eq!(
            sent,
            json!({"topic": "mine", "title": "rental 7 is not gone", "priority": 5,
                "message": "destroy it by hand @everyone", "tags": ["rotating_light"]})
        );
    }

    #[test]
    fn long_texts_are_truncated() {
        let long = truncate(&"ä".repeat(5_000), MAX_TELEGRAM);
        assert_eq!(long.chars().count(), MAX_TELEGRAM);
        assert!(long.ends_with('…'));
        assert_eq!(truncate("short", MAX_DISCORD), "short");
    }
}
