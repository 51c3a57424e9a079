//! `pocpit auto`: hands off.

use color_eyre::eyre::Report;

use super::arguments::{Auto, Common};
use super::headless::{self, Followed, Format, Hangup, Signals};
use super::telemetry::{self, Audience};
use super::{Exit, causes, runtime, say};
use crate::config::Config;
use crate::domain::Mode;
use crate::engine::EndAfter;
use crate::engine::ports::Market;
use crate::http::HttpClient;

pub(crate) async fn run(arguments: Auto, common: &Common) -> Result<Exit, Report> {
    let config = runtime::load(common)?.config;
    let _guard = telemetry::start(Audience::Terminal, common.log_format, &config.paths.log_dir)?;
    if let Some(refusal) = another_cockpit(&config).await {
        say(format_args!("pocpit: {refusal}"));
        return Ok(Exit::Refused);
    }
    let end_after = if arguments.once {
        EndAfter::OneSprint
    } else {
        EndAfter::Never
    };
    let mut signals = Signals::listen()?;
    let mut config = config;
    loop {
        let handle = runtime::start_engine(&config, Mode::Auto, end_after)?;
        let load = || reload(common, &config);
        let followed = headless::follow_until_reload(
            handle,
            &mut signals,
            &config.paths.state_dir,
            Format::from_flag(arguments.json),
            Hangup::Reloads(&load),
        );
        match followed.await? {
            Followed::Ended(exit) => return Ok(exit),
            Followed::Reloaded(fresh) => config = *fresh,
        }
    }
}

/// The configuration as it is now, if the work that is under way can go on with it.
fn reload(common: &Common, old: &Config) -> Result<Config, String> {
    let fresh = runtime::load(common)
        .map_err(|error| error.to_string())?
        .config;
    let keeps = |what: &str| format!("{what} cannot be changed while it runs: restart for that");
    if fresh.paths.state_dir != old.paths.state_dir {
        return Err(keeps("paths.state_dir"));
    }
    if fresh.cockpit != old.cockpit {
        return Err(keeps("cockpit.id"));
    }
    // What an engine cannot start with is found while the old one still runs.
    runtime::try_ports(&fresh).map_err(|report| causes(&report))?;
    Ok(fresh)
}

/// Two cockpits on one account spend twice what each was told, so hands-off refuses. A market that
/// does not answer is no reason: the engine rents nothing until it does.
pub(super) async fn another_cockpit(config: &Config) -> Option<String> {
    let instances = match runtime::market(&HttpClient::new(), &config.vast, config.simulation)
        .instances()
        .await
    {
        Ok(instances) => instances,
        Err(error) => {
            tracing::warn!("whether another cockpit works on this account is not known: {error}");
            return None;
        }
    };
    let cause = runtime::another_cockpit(&instances, config)?;
    Some(format!("{cause}. {}", runtime::TWO_COCKPITS))
}
