//! `pocpit notify`: sends a notice by hand, as a test or for a service manager.

mod send;

use std::fmt;
use std::time::Duration;

use color_eyre::eyre::Report;
use schemars::JsonSchema;
use serde::Serialize;

use super::arguments::{Common, NotifyCommand, Output};
use super::{Exit, logging, print, print_json, runtime, status_line};
use crate::config::{LoadError, NotifyConfig};
use crate::domain::CockpitId;
use crate::http::HttpClient;
use crate::notify::{self, Channel, DeliveryError, Notice, NoticeLevel};
use send::Delivery;

/// What became of a notice on one channel.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(extend(
    "if" = { "properties": { "arrived": { "const": false } } },
    "then" = { "required": ["why", "remedy"] },
    "else" = { "properties": { "why": false, "remedy": false } },
))]
pub(super) struct ChannelReport {
    /// The channel.
    channel: Channel,
    /// The channel accepted the notice.
    arrived: bool,
    /// Why it did not.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    why: Option<String>,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    remedy: Option<String>,
}

impl ChannelReport {
    fn of(channel: Channel, result: Result<(), DeliveryError>) -> ChannelReport {
        let error = result.err();
        ChannelReport {
            channel,
            arrived: error.is_none(),
            why: error.as_ref().map(DeliveryError::to_string),
            remedy: error.map(|error| error.hint),
        }
    }
}

impl fmt::Display for ChannelReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let channel = self.channel.name();
        match &self.why {
            None => write!(f, "{channel}: accepted; check that it arrived"),
            Some(why) => write!(f, "{channel}: NOT delivered: {why}"),
        }?;
        match &self.remedy {
            None => Ok(()),
            Some(remedy) => write!(f, "\n  To do: {remedy}."),
        }
    }
}

pub(crate) async fn run(command: NotifyCommand, common: &Common) -> Result<Exit, Report> {
    logging::start_quiet();
    match command {
        NotifyCommand::Test { channel, output } => {
            let config = runtime::load(common)?.config;
            tell(&config.notify, channel, &test_of(&config.cockpit), output).await
        }
        NotifyCommand::Send {
            level,
            title,
            body,
            minutes,
            output,
        } => {
            let whom = runtime::load_for_notice(common)?;
            let body = body.unwrap_or_default();
            let body = match whom.error {
                None => body,
                Some(trouble) if Channel::configured(&whom.notify).is_empty() => {
                    return Err(trouble.into());
                }
                Some(trouble) => with_trouble(&body, &trouble),
            };
            let notice = Notice {
                level,
                title,
                body,
                at: chrono::Utc::now(),
            };
            let delivery = Delivery {
                config: &whom.notify,
                notice: &notice,
                outbox: &runtime::outbox(&whom.paths),
                left: Channel::configured(&whom.notify),
                told: Vec::new(),
                kept: None,
            };
            if delivery.left.is_empty() {
                return Ok(nobody(None));
            }
            let patience = Duration::from_secs(60 * u64::from(minutes));
            conclude(&delivery.within(patience).await, output)
        }
    }
}

fn test_of(cockpit: &CockpitId) -> Notice {
    Notice {
        level: NoticeLevel::Notice,
        title: "a test of pocpit".into(),
        body: format!("If you can read this, cockpit {cockpit} can reach you. Nothing to do."),
        at: chrono::Utc::now(),
    }
}

/// A service may have failed because of this.
fn with_trouble(body: &str, trouble: &LoadError) -> String {
    let text = format!(
        "{body}\nThe configuration does not load; pocpit cannot start until it is fixed: {trouble}"
    );
    text.trim_start().to_owned()
}

async fn tell(
    config: &NotifyConfig,
    only: Option<Channel>,
    notice: &Notice,
    output: Output,
) -> Result<Exit, Report> {
    let mut channels = Channel::configured(config);
    channels.retain(|channel| only.is_none_or(|only| only == *channel));
    if channels.is_empty() {
        return Ok(nobody(only));
    }
    let http = HttpClient::new();
    let mut all = Vec::new();
    for channel in channels {
        let result = notify::deliver(&http, config, channel, notice).await;
        all.push(ChannelReport::of(channel, result));
    }
    conclude(&all, output)
}

fn nobody(only: Option<Channel>) -> Exit {
    let what = match only {
        None => "no notification channel is configured".to_owned(),
        Some(channel) => format!("{} is not configured", channel.name()),
    };
    status_line(format_args!("pocpit: {what} ([notify] in config.toml)"));
    Exit::Usage
}

fn conclude(all: &[ChannelReport], output: Output) -> Result<Exit, Report> {
    if output.json {
        print_json(&all)?;
    } else {
        for told in all {
            print(&told.to_string())?;
        }
    }
    let arrived = all.iter().all(|told| told.arrived);
    Ok(if arrived { Exit::Done } else { Exit::Failed })
}
