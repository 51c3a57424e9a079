//! `pocpit sim`: serves the simulated world to other processes.

use color_eyre::eyre::Report;

use super::arguments::SimulatedWorld;
use super::{Exit, config, print, shutdown_signal, simulated, status_line};

pub(crate) async fn run(arguments: &SimulatedWorld) -> Result<Exit, Report> {
    super::logging::start_quiet();
    let scratch = simulated::scratch_dir()?;
    let served = simulated::start(arguments, 1).await?;
    let text = simulated::configuration(&served, scratch.path()).await?;
    print(&text)?;
    let file = scratch.path().join("config.toml");
    config::write_new(&file, &text)?;
    status_line(format_args!(
        "serving the simulated world until Ctrl-C. In another terminal: pocpit --config {}",
        file.display()
    ));
    shutdown_signal()?.await;
    drop(served);
    Ok(Exit::Done)
}
