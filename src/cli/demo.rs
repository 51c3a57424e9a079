//! `pocpit demo`: the cockpit on the embedded simulated world.

use color_eyre::eyre::{Report, WrapErr};
use std::future::pending;
use tokio::task::JoinHandle;

use super::arguments::{Common, Demo};
use super::cockpit::{self, OnTerminalLoss};
use super::headless::{self, Format, Signals};
use super::logging::{self, Audience};
use super::{Exit, runtime, simulated};
use crate::config::Config;
use crate::domain::Mode;
use crate::engine::EndAfter;
use crate::proxy::STATE_FILE;
use crate::tui::{self, CockpitPaths};
use crate::world::ServedWorld;

pub(crate) async fn run(arguments: Demo, common: &Common) -> Result<Exit, Report> {
    if !arguments.headless {
        tui::check_terminal()?;
    }
    // A short path: SSH sockets live in it. Removed when the demo ends.
    let scratch = tempfile::Builder::new()
        .prefix("pocpit-")
        .tempdir()
        .wrap_err("cannot create a directory for the demo")?;
    let mut served = simulated::start(&arguments.world).await?;
    let config =
        simulated::parse_configuration(&simulated::configuration(&served, scratch.path()).await?)?;
    let mode = if arguments.auto {
        Mode::Auto
    } else {
        Mode::Manual
    };
    let audience = if arguments.headless {
        Audience::Terminal
    } else {
        Audience::Cockpit
    };
    let _guard = logging::start(audience, common.log_format, &config.paths.log_dir)?;
    let proxy = start_proxy(&config, &mut served);
    let exit = if arguments.headless {
        let signals = Signals::listen()?;
        let handle = runtime::start_engine(&config, mode, EndAfter::OneSprint)?;
        headless::follow(
            handle,
            signals,
            &config.paths.state_dir,
            Format::from_flag(arguments.json),
        )
        .await
    } else {
        let handle = runtime::start_engine(&config, mode, EndAfter::Never)?;
        cockpit::drive(
            handle,
            &config.paths.state_dir,
            CockpitPaths {
                // Saved logs must outlive the demo.
                saved: std::env::temp_dir(),
                rental_logs: runtime::rental_logs(&config),
            },
            common.tui(&config)?,
            OnTerminalLoss::Exit,
        )
        .await
    };
    if let Some(proxy) = proxy {
        proxy.abort();
    }
    served.shutdown().await;
    exit
}

/// The inference proxy, otherwise a process of its own, and a client for it.
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
