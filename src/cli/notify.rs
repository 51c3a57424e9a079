//! `pocpit notify`: sends a notice, as a test or for a service manager.

mod delivery;

use std::fmt;
use std::time::Duration;

use color_eyre::eyre::Report;
use schemars::JsonSchema;
use serde::Serialize;

use super::arguments::{Common, NotifyCommand, Output};
use super::page::Page;
use super::{Exit, logging, print_report, runtime, stop};
use crate::config::{LoadError, NotifyConfig};
use crate::domain::CockpitId;
use crate::http::HttpClient;
use crate::notify::{self, Channel, DeliveryError, Notice, NoticeLevel};
use delivery::Delivery;

/// The result of sending a notice on one channel.
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
            None => write!(f, "{channel}: accepted; check that it arrived")?,
            Some(why) => write!(f, "{channel}: NOT delivered: {why}")?,
        }
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
            let notice = test_of(&config.cockpit);
            let reports = send_once(&config.notify, channel, &notice).await?;
            conclude(&reports, output, common)
        }
        NotifyCommand::Send {
            level,
            title,
            body,
            minutes,
            output,
        } => {
            let loaded = runtime::load_for_notice(common)?;
            let channels = Channel::configured(&loaded.notify);
            let body = body.unwrap_or_default();
            let body = match loaded.error {
                None => body,
                Some(error) if channels.is_empty() => return Err(error.into()),
                Some(error) => with_error(&body, &error),
            };
            if channels.is_empty() {
                return Err(unconfigured(None));
            }
            let notice = notice(level, title, body);
            let outbox = runtime::outbox(&loaded.paths);
            let delivery = Delivery::new(&loaded.notify, &notice, &outbox, channels);
            let timeout = Duration::from_secs(60 * u64::from(minutes));
            conclude(&delivery.within(timeout).await, output, common)
        }
    }
}

fn notice(level: NoticeLevel, title: String, body: String) -> Notice {
    let at = chrono::Utc::now();
    Notice {
        level,
        title,
        body,
        at,
    }
}

fn test_of(cockpit: &CockpitId) -> Notice {
    let body = format!("If you can read this, cockpit {cockpit} can reach you. Nothing to do.");
    notice(NoticeLevel::Notice, "a test of pocpit".to_owned(), body)
}

/// A service may have failed because of this error.
fn with_error(body: &str, error: &LoadError) -> String {
    let text = format!(
        "{body}\nThe configuration does not load; pocpit cannot start until it is fixed: {error}"
    );
    text.trim_start().to_owned()
}

async fn send_once(
    config: &NotifyConfig,
    only: Option<Channel>,
    notice: &Notice,
) -> Result<Vec<ChannelReport>, Report> {
    let mut channels = Channel::configured(config);
    channels.retain(|channel| only.is_none_or(|only| only == *channel));
    if channels.is_empty() {
        return Err(unconfigured(only));
    }
    let http = HttpClient::new();
    let mut reports = Vec::new();
    for channel in channels {
        let result = notify::deliver(&http, config, channel, notice).await;
        reports.push(ChannelReport::of(channel, result));
    }
    Ok(reports)
}

fn unconfigured(only: Option<Channel>) -> Report {
    let what = match only {
        None => "no notification channel is configured".to_owned(),
        Some(channel) => format!("{} is not configured", channel.name()),
    };
    stop(Exit::Usage, format!("{what} ([notify] in config.toml)"))
}

fn conclude(reports: &[ChannelReport], output: Output, common: &Common) -> Result<Exit, Report> {
    print_report(output, &reports, || {
        let lines: Vec<String> = reports.iter().map(ToString::to_string).collect();
        Page::stdout(common, output).sentences(&lines.join("\n"))
    })?;
    let all_arrived = reports.iter().all(|report| report.arrived);
    Ok(if all_arrived {
        Exit::Done
    } else {
        Exit::Failed
    })
}
