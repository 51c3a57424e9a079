//! The channels that can reach the operator.

use schemars::JsonSchema;
use serde::Serialize;

use crate::config::NotifyConfig;

/// A way to reach the operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Channel {
    /// A JSON object, signed if a secret is configured.
    Webhook,
    Telegram,
    /// A message in a channel, through its webhook.
    Discord,
    Ntfy,
    Command,
}

impl Channel {
    pub const ALL: [Channel; 5] = [
        Channel::Webhook,
        Channel::Telegram,
        Channel::Discord,
        Channel::Ntfy,
        Channel::Command,
    ];

    /// Its name in messages and in the outbox file.
    pub fn name(self) -> &'static str {
        match self {
            Channel::Webhook => "webhook",
            Channel::Telegram => "telegram",
            Channel::Discord => "discord",
            Channel::Ntfy => "ntfy",
            Channel::Command => "command",
        }
    }

    pub fn configured(config: &NotifyConfig) -> Vec<Channel> {
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
