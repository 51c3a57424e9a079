//! Whom to tell.

use std::net::SocketAddr;

use secrecy::ExposeSecret as _;
use url::Url;

use super::build::secret;
use super::read::Reader;
use super::settings::{NotifyConfig, NtfyConfig, TelegramConfig};
use crate::domain::Duration;

pub(super) fn read(reader: &mut Reader<'_>, warnings: &mut Vec<String>) -> NotifyConfig {
    let mut hidden = |reader: &mut Reader<'_>, path, file| secret(reader, path, file, warnings);
    let webhook_token = hidden(reader, "notify.webhook_token", "notify.webhook_token_file");
    let webhook_secret = hidden(
        reader,
        "notify.webhook_secret",
        "notify.webhook_secret_file",
    );
    let telegram_token = hidden(
        reader,
        "notify.telegram_token",
        "notify.telegram_token_file",
    );
    let discord = hidden(
        reader,
        "notify.discord_webhook",
        "notify.discord_webhook_file",
    );
    let ntfy_token = hidden(reader, "notify.ntfy_token", "notify.ntfy_token_file");
    let is_address = |secret: &secrecy::SecretString| secret.expose_secret().parse::<Url>().is_ok();
    if discord.as_ref().is_some_and(|discord| !is_address(discord)) {
        let what = "it is not an address, and is not shown: it may hold a secret";
        let right = "the address that Discord shows for the webhook";
        reader.problem("notify.discord_webhook", what, right);
    }
    let chat = reader.some_text("notify.telegram_chat");
    let api = reader.url("notify.telegram_api");
    if telegram_token.is_some() != chat.is_some() {
        let what = "only one of notify.telegram_token and notify.telegram_chat is given";
        reader.problem("notify.telegram_chat", what, "both, or none");
    }
    let telegram = match (telegram_token, chat, api) {
        (Some(token), Some(chat), Some(api)) => Some(TelegramConfig { api, token, chat }),
        _ => None,
    };
    let topic = some_url(reader, "notify.ntfy");
    let has_topic = |topic: &Url| !topic.path().trim_matches('/').is_empty();
    if topic.as_ref().is_some_and(|topic| !has_topic(topic)) {
        let right = "server and topic, such as https://ntfy.sh/a-name-nobody-guesses";
        reader.problem("notify.ntfy", "it has no topic", right);
    }
    let metrics_listen: Option<SocketAddr> = reader.some_parsed("notify.metrics_listen");
    if metrics_listen.is_some_and(|listen| !listen.ip().is_loopback()) {
        let what = "it is not an address of loopback, and what is served there has no password";
        reader.problem("notify.metrics_listen", what, "such as 127.0.0.1:9464");
    }
    NotifyConfig {
        webhook: some_url(reader, "notify.webhook"),
        webhook_token,
        webhook_secret,
        telegram,
        discord,
        ntfy: topic.map(|topic| NtfyConfig {
            topic,
            token: ntfy_token,
        }),
        command: reader.texts("notify.command"),
        heartbeat: some_url(reader, "notify.heartbeat"),
        heartbeat_every: reader.duration(
            "notify.heartbeat_every",
            Duration::minutes(1),
            Duration::hours(12),
        ),
        metrics_listen,
    }
}

fn some_url(reader: &mut Reader<'_>, path: &'static str) -> Option<Url> {
    let given = reader.values.contains_key(path);
    given.then(|| reader.url(path)).flatten()
}
