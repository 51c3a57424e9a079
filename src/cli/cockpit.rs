//! `pocpit`: the cockpit on the configured services.

use color_eyre::eyre::Report;

use super::arguments::Common;
use super::headless::{self, Format};
use super::telemetry::{self, Audience};
use super::{Exit, runtime, say};
use crate::config::Config;
use crate::domain::Mode;
use crate::engine::{Command, EndAfter, EngineHandle, QuitChoice};
use crate::tui::{self, ExitReason, TuiOptions};

pub(crate) async fn run(common: &Common) -> Result<Exit, Report> {
    tui::check_terminal()?;
    let config = runtime::load(common)?.config;
    let _guard = telemetry::start(Audience::Cockpit, &config.paths.log_dir)?;
    open(&config, Mode::Manual, common.tui(), IfTerminalIsLost::GoOn).await
}

/// What becomes of the engine when the terminal is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum IfTerminalIsLost {
    /// It goes on without a cockpit: closing a terminal never changes what is running.
    GoOn,
    /// It ends: there is nobody to see a demonstration.
    End,
}

/// Opens the cockpit on a new engine and stays until the engine has ended.
pub(crate) async fn open(
    config: &Config,
    mode: Mode,
    options: TuiOptions,
    if_lost: IfTerminalIsLost,
) -> Result<Exit, Report> {
    let handle = runtime::start_engine(config, mode, EndAfter::Never)?;
    let reason = tui::run(handle.snapshots.clone(), handle.commands.clone(), options).await;
    match reason {
        Ok(ExitReason::Quit) if handle.snapshots.borrow().rental.is_some() => {
            say(format_args!("pocpit: ending; Ctrl-C leaves at once"));
        }
        Ok(ExitReason::Quit | ExitReason::EngineEnded) => {}
        Ok(ExitReason::TerminalLost) if if_lost == IfTerminalIsLost::GoOn => {
            tracing::info!("the terminal is gone; the sprint goes on without it");
        }
        Ok(ExitReason::TerminalLost | ExitReason::Signal) => leave(&handle),
        Err(error) => {
            leave(&handle);
            headless::follow(handle, Format::Words).await?;
            return Err(error.into());
        }
    }
    headless::follow(handle, Format::Words).await
}

fn leave(handle: &EngineHandle) {
    // Full means that the engine has orders enough to end by.
    let _ = handle.commands.try_send(Command::Quit(QuitChoice::Detach));
}
