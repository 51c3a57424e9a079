//! The channels that can reach the operator.

use schemars::JsonSchema;
use serde::Serialize;
use strum::{IntoStaticStr, VariantArray};

use crate::config::NotifyConfig;

/// A way to reach the operator.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
#[derive(Debug, IntoStaticStr, VariantArray, Clone, Copy, PartialEq, Eq)]
#[strum(serialize_all = "snake_case")]
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
    pub const ALL: &'static [Channel] = Channel::VARIANTS;

    /// Its name in messages and in the outbox file.
    pub fn name(self) -> &'static str {
        self.into()
    }

    pub fn configured(config: &NotifyConfig) -> Vec<Channel> {
        let all = Channel::ALL.iter().copied();
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
