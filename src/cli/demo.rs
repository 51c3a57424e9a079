//! `pocpit demo`: the cockpit on the embedded simulated world.

use std::future::pending;

use color_eyre::eyre::Report;
use tokio::task::JoinHandle;

use super::arguments::{Common, Demo, SprintOutput};
use super::cockpit::{self, OnTerminalLoss};
use super::headless::{self, Signals};
use super::{Exit, logging, runtime, simulated};
use crate::config::Config;
use crate::domain::Mode;
use crate::engine::EndAfter;
use crate::proxy::STATE_FILE;
use crate::tui::{self, CockpitLogs, ProgramLog};
use crate::world::ServedWorld;

pub(crate) async fn run(arguments: Demo, common: &Common) -> Result<Exit, Report> {
    if !arguments.headless {
        tui::check_terminal()?;
    }
    let scratch = simulated::scratch_dir()?;
    let replicas = arguments.replicas;
    let mut served = simulated::start(&arguments.world, replicas).await?;
    let text = simulated::configuration_of(&served, scratch.path(), replicas).await?;
    let config = simulated::parse_configuration(&text)?;
    let mode = if arguments.auto {
        Mode::Auto
    } else {
        Mode::Manual
    };
    let paths = &config.paths;
    let (_guard, program) = if arguments.headless {
        let guard = logging::start(common.log_format, &paths.log_dir)?;
        (guard, ProgramLog::default())
    } else {
        let clock = runtime::clock(config.simulation);
        logging::start_cockpit(common.log_format, &paths.log_dir, clock)?
    };
    let proxy = start_proxy(&config, &mut served);
    let exit = if arguments.headless {
        let json = arguments.json;
        let signals = Signals::listen()?;
        let handle = runtime::start_engine(&config, mode, EndAfter::OneSprint)?;
        headless::follow(handle, signals, &config, SprintOutput { json }).await
    } else {
        let logs = CockpitLogs {
            // Saved logs must outlive the demo.
            saved: std::env::temp_dir(),
            rentals: runtime::rental_logs(&config),
            program,
        };
        let handle = runtime::start_engine(&config, mode, EndAfter::Never)?;
        let options = common.tui(&config)?;
        let on_loss = OnTerminalLoss::Exit;
        cockpit::drive(handle, &config, logs, options, on_loss).await
    };
    if let Some(proxy) = proxy {
        proxy.abort();
    }
    drop(served);
    exit
}

/// The inference proxy, otherwise a process of its own, and a client that calls it.
fn start_proxy(config: &Config, world: &mut ServedWorld) -> Option<JoinHandle<()>> {
    let proxy = config.inference_proxy.clone()?;
    let state_file = config.paths.state_dir.join(STATE_FILE);
    world.call_inference(proxy.listen);
    Some(tokio::spawn(async move {
        let served = crate::proxy::serve(&proxy, &state_file, pending(), pending());
        if let Err(error) = served.await {
            tracing::warn!("{error}");
        }
    }))
}
