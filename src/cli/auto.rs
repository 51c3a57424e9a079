//! `pocpit auto`: unattended, one sprint per epoch.

use std::path::Path;
use std::time::Duration;

use color_eyre::eyre::Report;
use tokio::time::timeout;

use super::arguments::{Auto, ChosenPools, Common, Confirmation};
use super::headless::{self, FollowEnd, Signals};
use super::logging;
use super::places::Places;
use super::{Exit, causes, gc, lock_wait, pools, runtime, service, status_line, stop};
use crate::config::Config;
use crate::domain::{Mode, Step};
use crate::engine::{self, EndAfter};
use crate::journal;

/// Time for the market to list the account, with all retries.
const MARKET_TIMEOUT: Duration = Duration::from_mins(10);
/// The same while a sprint is active.
const MARKET_TIMEOUT_MID_SPRINT: Duration = Duration::from_secs(10);

pub(crate) async fn run(arguments: Auto, common: &Common) -> Result<Exit, Report> {
    let mut config = pools::only(runtime::load(common)?.config, &arguments.pools)?;
    let _guard = logging::start(common.log_format, &config.paths.log_dir)?;
    let end_after = end_after(arguments.once, &config).await?;
    let mut signals = Signals::listen()?;
    loop {
        let state_dir = &config.paths.state_dir;
        let start = || runtime::start_engine(&config, Mode::Auto, end_after);
        let started = tokio::select! {
            started = lock_wait::wait(state_dir, start) => started,
            () = signals.end() => return Ok(ended_before_start(state_dir)),
        };
        let handle = match started {
            Ok(handle) => handle,
            Err(error) if lock_wait::is_locked(&error) => {
                // Not `Refused`: the service manager retries, because the other process will end.
                return Err(stop(Exit::Failed, causes(&error)));
            }
            Err(error) => {
                return gc::without_journal(&config, error, Confirmation { yes: true }).await;
            }
        };
        let load = || reload(common, &arguments.pools, &config);
        let followed = headless::follow_until_reload(
            handle,
            &mut signals,
            &config,
            arguments.output,
            Some(&load),
        );
        match followed.await? {
            FollowEnd::Exited(exit) => return Ok(exit),
            FollowEnd::Reloaded(fresh) => config = *fresh,
        }
    }
}

/// How long to run. Beside another cockpit it finishes the active sprint, which is paid for, or refuses.
async fn end_after(once: bool, config: &Config) -> Result<EndAfter, Report> {
    let is_active = has_unfinished_work(&config.paths.state_dir);
    let other = if is_active {
        // An active sprint does not wait for a slow market.
        let other = timeout(MARKET_TIMEOUT_MID_SPRINT, another_cockpit(config)).await;
        other.ok().flatten()
    } else {
        another_cockpit(config).await
    };
    match other {
        None if once => Ok(EndAfter::OneSprint),
        None => Ok(EndAfter::Never),
        Some(why) if is_active => {
            status_line(format_args!(
                "pocpit: {why} The active sprint runs to its end; no other is started."
            ));
            Ok(EndAfter::OneSprint)
        }
        Some(why) => Err(stop(Exit::Refused, why)),
    }
}

/// For a signal that came while another process still held the state directory.
fn ended_before_start(state_dir: &Path) -> Exit {
    if !has_unfinished_work(state_dir) {
        return Exit::Done;
    }
    status_line(
        "exited before it could resume, and something may be rented: start pocpit again, or run `pocpit release` to destroy it",
    );
    Exit::Unknown
}

/// The reloaded configuration, if the active sprint can continue with it.
fn reload(common: &Common, chosen: &ChosenPools, old: &Config) -> Result<Config, String> {
    let loaded = runtime::load(common).map_err(|error| error.to_string())?;
    let fresh = pools::only(loaded.config, chosen).map_err(|report| causes(&report))?;
    if fresh.paths.state_dir != old.paths.state_dir {
        return Err("paths.state_dir cannot be changed without a restart".to_owned());
    }
    if fresh.cockpit != old.cockpit {
        return Err("cockpit.id cannot be changed without a restart".to_owned());
    }
    let ledger = journal::read_only(&fresh.paths.state_dir);
    let unknown = ledger
        .ok()
        .and_then(|ledger| engine::unknown_places(&ledger, &fresh));
    if let Some(unknown) = unknown {
        return Err(unknown);
    }
    // Errors at start must be found while the old engine still runs.
    runtime::try_ports(&fresh).map_err(|report| causes(&report))?;
    Ok(fresh)
}

/// True if our sprint is active or something may be rented. Then `auto` runs despite other cockpits: the
/// rental is paid for, and no other process releases it.
fn has_unfinished_work(state_dir: &Path) -> bool {
    let Ok(ledger) = journal::read_only(state_dir) else {
        // Unknown is not empty.
        return true;
    };
    let mut saved = engine::readable_sprints(&ledger);
    let is_active = saved.any(|(_, sprint)| sprint.step() != Step::Waiting);
    is_active || !ledger.open_rentals().is_empty()
}

/// Two cockpits on one account can spend twice each budget, so `auto` refuses. A market that does not
/// answer is no reason to refuse: the engine rents nothing until it does.
pub(super) async fn another_cockpit(config: &Config) -> Option<String> {
    service::extend_startup("checking for other cockpits on the account", MARKET_TIMEOUT);
    let listed = Places::of(config).instances().await;
    for error in &listed.failures {
        tracing::warn!("cannot tell whether another cockpit uses this account: {error}");
    }
    let mut accounts = listed.known.values();
    let cause = accounts.find_map(|instances| runtime::another_cockpit(instances, config))?;
    Some(format!("{cause}. {}", runtime::TWO_COCKPITS))
}
