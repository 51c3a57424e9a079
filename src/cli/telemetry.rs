//! The program's own log: always to a file that rolls daily, and to the cockpit's pane or to
//! standard error. `POCPIT_LOG` sets what is logged, for example `debug` or `pocpit::vast=trace`.

use std::path::Path;

use color_eyre::eyre::{Report, WrapErr, eyre};
use tracing_appender::non_blocking::WorkerGuard;
use tracing_appender::rolling::{RollingFileAppender, Rotation};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

/// Daily files that are kept.
const KEPT: usize = 14;
/// Lines of our own that the cockpit keeps.
const PANE_LINES: usize = 10_000;

/// Where the operator reads the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Audience {
    /// The cockpit's pane.
    Cockpit,
    /// Standard error.
    Terminal,
}

/// Starts logging. The guard writes the last lines when it is dropped.
pub(crate) fn start(audience: Audience, log_dir: &Path) -> Result<WorkerGuard, Report> {
    crate::journal::make_private_dir(log_dir)
        .wrap_err_with(|| format!("the log directory {} cannot be made", log_dir.display()))?;
    let file = RollingFileAppender::builder()
        .rotation(Rotation::DAILY)
        .filename_prefix("pocpit")
        .filename_suffix("log")
        .max_log_files(KEPT)
        .build(log_dir)
        .wrap_err_with(|| format!("no log file can be written in {}", log_dir.display()))?;
    let (writer, guard) = tracing_appender::non_blocking(file);
    let to_file = tracing_subscriber::fmt::layer()
        .with_writer(writer)
        .with_ansi(false)
        .with_filter(filter()?);
    let registry = tracing_subscriber::registry().with(to_file);
    match audience {
        Audience::Terminal => registry.with(to_terminal()?).try_init()?,
        Audience::Cockpit => {
            tui_logger::init_logger(tui_logger::LevelFilter::Trace)
                .map_err(|error| eyre!("the cockpit's log pane does not start: {error}"))?;
            tui_logger::set_default_level(tui_logger::LevelFilter::Trace);
            tui_logger::set_buffer_depth(PANE_LINES);
            registry
                .with(tui_logger::TuiTracingSubscriberLayer.with_filter(filter()?))
                .try_init()?;
        }
    }
    Ok(guard)
}

/// Warnings of short commands, on standard error only.
pub(crate) fn quiet() {
    let filter = EnvFilter::try_from_env(VARIABLE).unwrap_or_else(|_| EnvFilter::new("warn"));
    let layer = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .without_time()
        .with_target(false);
    // A second start in one process (tests) keeps the first.
    let _ = tracing_subscriber::registry()
        .with(layer.with_filter(filter))
        .try_init();
}

const VARIABLE: &str = "POCPIT_LOG";

fn filter() -> Result<EnvFilter, Report> {
    match std::env::var(VARIABLE) {
        Ok(text) => EnvFilter::try_new(&text)
            .wrap_err_with(|| format!("{VARIABLE}={text:?} cannot be understood")),
        Err(_) => Ok(EnvFilter::new("warn,pocpit=info")),
    }
}

fn to_terminal<S>() -> Result<impl Layer<S>, Report>
where
    S: tracing::Subscriber + for<'a> tracing_subscriber::registry::LookupSpan<'a>,
{
    use std::io::IsTerminal;
    let layer = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false)
        // A closed standard error must not become a flood of complaints about itself.
        .log_internal_errors(false);
    Ok(layer.with_filter(filter()?))
}
