//! `pocpit auto`: hands off.

use color_eyre::eyre::Report;

use super::arguments::{Auto, Common};
use super::headless::{self, Format};
use super::telemetry::{self, Audience};
use super::{Exit, runtime};
use crate::domain::Mode;
use crate::engine::EndAfter;

pub(crate) async fn run(arguments: Auto, common: &Common) -> Result<Exit, Report> {
    let config = runtime::load(common)?.config;
    let _guard = telemetry::start(Audience::Terminal, &config.paths.log_dir)?;
    let end_after = if arguments.once {
        EndAfter::OneSprint
    } else {
        EndAfter::Never
    };
    let handle = runtime::start_engine(&config, Mode::Auto, end_after)?;
    headless::follow(handle, Format::from_flag(arguments.json)).await
}
