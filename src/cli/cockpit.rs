//! `pocpit`: the cockpit on the configured services, or a viewer of the process that has it open.

use std::path::Path;

use color_eyre::eyre::{Report, eyre};

use super::arguments::Common;
use super::headless::{self, Format, Signals};
use super::telemetry::{self, Audience};
use super::turn::is_locked;
use super::{Exit, runtime, setup, status_line};
use crate::config::{Config, LoadError};
use crate::domain::Mode;
use crate::engine::attach::{self, Attached};
use crate::engine::{self, Command, EndAfter, EngineHandle, QuitChoice};
use crate::tui::{self, ExitReason, Places, Seat, TuiOptions};

pub(crate) async fn run(common: &Common) -> Result<Exit, Report> {
    tui::check_terminal()?;
    let config = match runtime::load(common) {
        Ok(loaded) => loaded.config,
        Err(LoadError::Missing(file)) => return setup::run(common, &file).await,
        Err(error) => return look_on(common, error).await,
    };
    let options = common.tui(&config)?;
    let _guard = telemetry::start(Audience::Cockpit, common.log_format, &config.paths.log_dir)?;
    match runtime::start_engine(&config, Mode::Manual, EndAfter::Never) {
        Ok(handle) => {
            drive(
                handle,
                &config.paths.state_dir,
                places(&config),
                options,
                IfTerminalIsLost::GoOn,
            )
            .await
        }
        Err(error) if is_locked(&error) => {
            let attached = attach::attach(&config.paths.state_dir).await?;
            view(attached, &config, options).await
        }
        Err(error) => Err(error),
    }
}

/// Who drives has the keys, and who looks on needs none. Where nobody drives, `what_lacks` is why this
/// program cannot.
async fn look_on(common: &Common, what_lacks: LoadError) -> Result<Exit, Report> {
    let Ok(loaded) = runtime::load_for(common, &[]) else {
        return Err(what_lacks.into());
    };
    let config = loaded.config;
    let Ok(attached) = attach::attach(&config.paths.state_dir).await else {
        return Err(what_lacks.into());
    };
    let options = common.tui(&config)?;
    let _guard = telemetry::start(Audience::Cockpit, common.log_format, &config.paths.log_dir)?;
    view(attached, &config, options).await
}

/// Looks on at the process that holds the state directory, which does what is decided here. Leaving
/// changes nothing there.
async fn view(attached: Attached, config: &Config, options: TuiOptions) -> Result<Exit, Report> {
    let seat = Seat::Viewer {
        driver: attached.owner,
        commands: attached.commands,
    };
    tui::run(attached.snapshots, seat, options, places(config)).await?;
    Ok(Exit::Done)
}

fn places(config: &Config) -> Places {
    Places {
        saved: config.paths.log_dir.clone(),
        rental_logs: runtime::rental_logs(config),
    }
}

/// What becomes of the engine when the terminal is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum IfTerminalIsLost {
    /// It goes on without a cockpit: closing a terminal never changes what is running.
    GoOn,
    /// It ends: there is nobody to see a demonstration.
    End,
}

/// Opens the cockpit on an engine and stays until the engine has ended.
pub(crate) async fn drive(
    handle: EngineHandle,
    state_dir: &Path,
    places: Places,
    options: TuiOptions,
    if_lost: IfTerminalIsLost,
) -> Result<Exit, Report> {
    let seat = Seat::Driver(handle.commands.clone());
    let cockpit = tui::run(handle.snapshots.clone(), seat, options, places);
    let broke = match engine::caught(cockpit).await {
        Ok(Ok(reason)) => {
            after(reason, if_lost, &handle);
            None
        }
        Ok(Err(error)) => Some(Report::from(error)),
        Err(panic) => Some(eyre!(
            "the cockpit broke: {panic}. This is a defect of pocpit: the log has the place, please report it"
        )),
    };
    if broke.is_some() {
        leave(&handle);
    }
    let exit = headless::follow(handle, Signals::listen()?, state_dir, Format::Words).await?;
    match broke {
        // What is left is worse than what broke.
        Some(error) if exit == Exit::Unknown => {
            status_line(format_args!("pocpit: {error}"));
            Ok(exit)
        }
        Some(error) => Err(error),
        None => Ok(exit),
    }
}

/// What the cockpit's end means for the engine.
fn after(reason: ExitReason, if_lost: IfTerminalIsLost, handle: &EngineHandle) {
    match reason {
        ExitReason::Quit if handle.snapshots.borrow().rental.is_some() => {
            status_line(format_args!("pocpit: ending; Ctrl-C leaves at once"));
        }
        ExitReason::Quit | ExitReason::EngineEnded => {}
        ExitReason::TerminalLost if if_lost == IfTerminalIsLost::GoOn => {
            tracing::info!("the terminal is gone; the sprint goes on without it");
        }
        ExitReason::TerminalLost | ExitReason::Signal => leave(handle),
    }
}

fn leave(handle: &EngineHandle) {
    // Full means that the engine has orders enough to end by.
    let _ = handle.commands.try_send(Command::Quit(QuitChoice::Detach));
}
