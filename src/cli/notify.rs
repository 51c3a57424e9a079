//! `pocpit notify …`: tells the operator by hand, to see whether that works, or for a service manager.

use std::fmt;

use color_eyre::eyre::Report;
use serde::Serialize;

use super::arguments::{Common, NotifyCommand};
use super::{Exit, print, print_json, runtime, say, telemetry};
use crate::http::HttpClient;
use crate::notify::{self, Channel, Notice, NoticeLevel};

/// What became of a notice on one channel.
#[derive(Debug, Serialize)]
struct Told {
    channel: &'static str,
    arrived: bool,
    /// Why not.
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<String>,
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.why {
            None => write!(
                f,
                "{}: it was taken; look whether it is there",
                self.channel
            ),
            Some(why) => write!(f, "{}: it did NOT arrive: {why}", self.channel),
        }
    }
}

pub(crate) async fn run(command: NotifyCommand, common: &Common) -> Result<Exit, Report> {
    telemetry::quiet();
    let config = runtime::load(common)?.config;
    let (output, only, notice) = match command {
        NotifyCommand::Test { channel, output } => {
            let notice = Notice {
                level: NoticeLevel::Notice,
                title: "a test of pocpit".into(),
                body: format!(
                    "If you read this, cockpit {} can tell you when something is wrong. There is nothing to do.",
                    config.cockpit
                ),
                at: chrono::Utc::now(),
            };
            (output, channel, notice)
        }
        NotifyCommand::Send {
            level,
            title,
            body,
            output,
        } => {
            let notice = Notice {
                level,
                title,
                body: body.unwrap_or_default(),
                at: chrono::Utc::now(),
            };
            (output, None, notice)
        }
    };
    let mut channels = Channel::of(&config.notify);
    channels.retain(|channel| only.is_none_or(|only| only == *channel));
    if channels.is_empty() {
        let what = only.map_or("nobody is told", Channel::name);
        say(format_args!(
            "pocpit: {what} is not configured: see [notify] in the configuration, `pocpit config init` writes an example"
        ));
        return Ok(Exit::Usage);
    }
    let http = HttpClient::new();
    let mut all = Vec::new();
    for channel in channels {
        let result = notify::deliver(&http, &config.notify, channel, &notice).await;
        all.push(Told {
            channel: channel.name(),
            arrived: result.is_ok(),
            why: result.err().map(|error| error.to_string()),
        });
    }
    if output.json {
        print_json(&all)?;
    } else {
        for told in &all {
            print(&told.to_string())?;
        }
    }
    let arrived = all.iter().all(|told| told.arrived);
    Ok(if arrived { Exit::Done } else { Exit::Failed })
}
