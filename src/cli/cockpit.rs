//! `pocpit`: the main cockpit, or a viewer attached to the one that runs already.

use color_eyre::eyre::{Report, eyre};
use tracing_appender::non_blocking::WorkerGuard;

use super::arguments::{Common, Confirmation, SprintOutput};
use super::headless::{self, Signals};
use super::lock_wait::is_locked;
use super::{Exit, gc, logging, runtime, setup, status_line};
use crate::config::{Config, LoadError};
use crate::domain::Mode;
use crate::engine::attach::{self, Attached};
use crate::engine::{self, Command, EndAfter, EngineHandle, QuitChoice};
use crate::tui::{self, CockpitLogs, ExitReason, ProgramLog, Session, TuiOptions};

pub(crate) async fn run(common: &Common) -> Result<Exit, Report> {
    tui::check_terminal()?;
    let config = match runtime::load(common) {
        Ok(loaded) => loaded.config,
        Err(LoadError::Missing(file)) => return setup::run(common, &file).await,
        Err(error) => return attach_without_keys(common, error).await,
    };
    let options = common.tui(&config)?;
    let (_guard, program) = start_logging(common, &config)?;
    let state_dir = &config.paths.state_dir;
    match runtime::start_engine(&config, Mode::Manual, EndAfter::Never) {
        Ok(handle) => {
            let on_loss = OnTerminalLoss::Continue;
            drive(handle, &config, logs_of(&config, program), options, on_loss).await
        }
        Err(error) if is_locked(&error) => {
            let attached = attach::attach(state_dir).await?;
            view(attached, logs_of(&config, program), options).await
        }
        Err(error) => gc::without_journal(&config, error, Confirmation { yes: false }).await,
    }
}

/// A viewer needs no keys. Without a running cockpit to attach to, `load_error` is why this process
/// cannot start one.
async fn attach_without_keys(common: &Common, load_error: LoadError) -> Result<Exit, Report> {
    let Ok(loaded) = runtime::load_for(common, &[]) else {
        return Err(load_error.into());
    };
    let config = loaded.config;
    let Ok(attached) = attach::attach(&config.paths.state_dir).await else {
        return Err(load_error.into());
    };
    let options = common.tui(&config)?;
    let (_guard, program) = start_logging(common, &config)?;
    view(attached, logs_of(&config, program), options).await
}

/// Shows what the main cockpit does and sends it the operator's commands. Quitting changes nothing there.
async fn view(attached: Attached, logs: CockpitLogs, options: TuiOptions) -> Result<Exit, Report> {
    let session = Session::Viewer {
        driver: attached.owner,
        commands: attached.commands,
        focus: attached.focus,
    };
    tui::run(attached.snapshots, session, options, logs).await?;
    Ok(Exit::Done)
}

fn start_logging(common: &Common, config: &Config) -> Result<(WorkerGuard, ProgramLog), Report> {
    let clock = runtime::clock(config.simulation);
    logging::start_cockpit(common.log_format, &config.paths.log_dir, clock)
}

fn logs_of(config: &Config, program: ProgramLog) -> CockpitLogs {
    CockpitLogs {
        saved: config.paths.log_dir.clone(),
        rentals: runtime::rental_logs(config),
        program,
    }
}

/// What the engine does when the terminal is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OnTerminalLoss {
    /// Continues without a cockpit: closing a terminal never changes what is running.
    Continue,
    /// Exits: a demo is of no use without a terminal.
    Exit,
}

/// Runs the cockpit on an engine and returns when the engine has ended.
pub(crate) async fn drive(
    handle: EngineHandle,
    config: &Config,
    logs: CockpitLogs,
    options: TuiOptions,
    on_loss: OnTerminalLoss,
) -> Result<Exit, Report> {
    let session = Session::Driver(handle.commands.clone());
    let cockpit = tui::run(handle.snapshots.clone(), session, options, logs);
    let failure = match engine::catch_panic(cockpit).await {
        Ok(Ok(reason)) => {
            on_cockpit_exit(reason, on_loss, &handle);
            None
        }
        Ok(Err(error)) => Some(Report::from(error)),
        Err(panic) => Some(eyre!(
            "the cockpit crashed: {panic}. This is a bug in pocpit: please report it with the log"
        )),
    };
    if failure.is_some() {
        detach(&handle);
    }
    let signals = Signals::listen()?;
    let exit = headless::follow(handle, signals, config, SprintOutput { json: false }).await?;
    match failure {
        // Leftovers that cost money outweigh the error.
        Some(error) if exit == Exit::Unknown => {
            status_line(format_args!("pocpit: {error}"));
            Ok(exit)
        }
        Some(error) => Err(error),
        None => Ok(exit),
    }
}

fn on_cockpit_exit(reason: ExitReason, on_loss: OnTerminalLoss, handle: &EngineHandle) {
    match reason {
        ExitReason::Quit if handle.snapshots.borrow().rental.is_some() => {
            status_line("pocpit: quitting; Ctrl-C exits without waiting");
        }
        ExitReason::Quit | ExitReason::EngineEnded => {}
        ExitReason::TerminalLost if on_loss == OnTerminalLoss::Continue => {
            tracing::info!("the terminal is lost; the sprint continues without it");
        }
        ExitReason::TerminalLost | ExitReason::Signal => detach(handle),
    }
}

fn detach(handle: &EngineHandle) {
    // If the queue is full, a quit command is already in it.
    let _ = handle.commands.try_send(Command::Quit(QuitChoice::Detach));
}
