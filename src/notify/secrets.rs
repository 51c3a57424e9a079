//! Removes secrets from error messages: services quote what they were sent, and chat services carry
//! their secret in the URL. Pure.

use secrecy::ExposeSecret as _;
use url::Url;

use super::request::bare_token;
use crate::config::NotifyConfig;

/// Shorter parts of a URL are words, not secrets.
const MIN_SECRET: usize = 8;
const REMOVED: &str = "[removed]";

/// Longest first: a shorter secret may be part of a longer one.
pub(super) struct Secrets(Vec<String>);

impl Secrets {
    /// Every configured secret, and every part of a URL that may be one.
    pub(super) fn of(config: &NotifyConfig) -> Secrets {
        let discord = config.discord.as_ref();
        let discord: Option<Url> = discord.and_then(|url| url.expose_secret().parse().ok());
        let ntfy = config.ntfy.as_ref();
        let addresses = [
            config.webhook.as_ref(),
            discord.as_ref(),
            ntfy.map(|ntfy| &ntfy.topic),
            config.heartbeat.as_ref(),
        ];
        let hidden = [
            config.webhook_token.as_ref(),
            config.webhook_secret.as_ref(),
            ntfy.and_then(|ntfy| ntfy.token.as_ref()),
        ];
        let telegram = config.telegram.as_ref();
        let token = telegram.map(|telegram| telegram.token.expose_secret());
        let hidden = hidden.into_iter().flatten();
        let all = hidden.map(|secret| secret.expose_secret().to_owned());
        let all = all
            .chain(addresses.into_iter().flatten().flat_map(url_parts))
            .chain(token.into_iter().flat_map(telegram_token));
        Secrets::longest_first(all)
    }

    /// Every part of a URL that may be a secret.
    pub(super) fn in_url(url: &Url) -> Secrets {
        Secrets::longest_first(url_parts(url).into_iter())
    }

    fn longest_first(all: impl Iterator<Item = String>) -> Secrets {
        let mut all: Vec<String> = all.filter(|secret| !secret.is_empty()).collect();
        all.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        Secrets(all)
    }

    pub(super) fn redact(&self, text: &str) -> String {
        let all = self.0.iter();
        all.fold(text.to_owned(), |text, secret| {
            text.replace(secret.as_str(), REMOVED)
        })
    }
}

/// Services quote parts of the URL: `Cannot POST /services/T0/B0/SECRET`.
fn url_parts(url: &Url) -> Vec<String> {
    let path = url.path().split('/').chain(url.query()).map(str::to_owned);
    let query = url.query_pairs().map(|(_, value)| value.into_owned());
    let long = |part: &String| part.len() >= MIN_SECRET;
    path.chain(query).filter(long).collect()
}

/// With and without the prefix `bot`, and without the bot's number: a service may quote the colon in
/// between as `%3A`.
fn telegram_token(token: &str) -> [String; 3] {
    let bare = bare_token(token);
    let secret = bare.rsplit(':').next().unwrap_or(bare);
    [format!("bot{bare}"), bare.to_owned(), secret.to_owned()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notify::tests::{ntfy, telegram};

    #[test]
    fn telegram_token_is_redacted_in_every_form() {
        for token in ["123456:telegram-secret", "bot123456:telegram-secret"] {
            let config = NotifyConfig {
                telegram: Some(telegram("https://api.telegram.org", token)),
                ..NotifyConfig::default()
            };
            let secrets = Secrets::of(&config);
            for said in [
                "no such path: /bot123456:telegram-secret/sendMessage",
                "the token 123456:telegram-secret is not known",
                "POST /bot123456%3Atelegram-secret/sendMessage",
            ] {
                let cleared = secrets.redact(said);
                assert!(!cleared.contains("telegram-secret"), "{cleared}");
                assert!(cleared.contains(REMOVED), "{cleared}");
            }
        }
    }

    #[test]
    fn every_configured_secret_is_redacted() {
        let webhook = "https://example.org/hooks/hook-secret?key=query-secret";
        let discord = "https://discord.com/api/webhooks/1/discord-secret";
        let config = NotifyConfig {
            webhook: Some(webhook.parse().unwrap()),
            webhook_token: Some("token-secret".to_owned().into()),
            webhook_secret: Some("signing-secret".to_owned().into()),
            discord: Some(discord.to_owned().into()),
            ntfy: Some(ntfy("https://ntfy.sh/topic-secret", Some("ntfy-secret"))),
            heartbeat: Some("https://hc.example.org/beat-secret".parse().unwrap()),
            ..NotifyConfig::default()
        };
        let said = "hooks: hook-secret query-secret token-secret signing-secret discord-secret \
                    topic-secret ntfy-secret beat-secret";
        let cleared = Secrets::of(&config).redact(said);
        assert!(!cleared.contains("secret"), "{cleared}");
        assert!(cleared.starts_with("hooks: [removed]"), "{cleared}");
    }
}
