//! The program's own log: always to files of bounded size, and to the cockpit's pane or to standard
//! error. `POCPIT_LOG` sets what is logged, for example `debug` or `pocpit::vast=trace`.

use std::path::Path;
use std::sync::OnceLock;

use color_eyre::eyre::{Report, WrapErr, eyre};
use tracing_appender::non_blocking::{NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

use super::arguments::LogFormat;
use super::log_files::LogFiles;
use super::status_line;

/// Lines that wait for a slow disk; more are dropped.
const WAITING_LINES: usize = 16_384;
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

/// Starts logging. The guard writes the last lines when it is dropped. A log that cannot be written
/// is told and is no reason not to start: there may be a rental to take down.
pub(crate) fn start(
    audience: Audience,
    format: LogFormat,
    log_dir: &Path,
) -> Result<WorkerGuard, Report> {
    if let Err(error) = crate::journal::make_private_dir(log_dir) {
        status_line(format_args!(
            "warning: nothing is logged to files: the directory {} cannot be made: {error}",
            log_dir.display()
        ));
    }
    let (writer, guard) = NonBlockingBuilder::default()
        .lossy(true)
        .buffered_lines_limit(WAITING_LINES)
        .finish(LogFiles::new(log_dir, "pocpit"));
    let to_file = tracing_subscriber::fmt::layer()
        .with_writer(writer)
        .with_ansi(false);
    let to_file = match format {
        LogFormat::Text => to_file.boxed(),
        LogFormat::Json => to_file.json().flatten_event(true).boxed(),
    };
    let to_file = to_file.with_filter(filter()?);
    let registry = tracing_subscriber::registry().with(to_file);
    match audience {
        Audience::Terminal => {
            registry.with(stderr_layer(format)?).try_init()?;
            let _ = STDERR_FORMAT.set(format);
        }
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
    log_panics();
    Ok(guard)
}

/// How standard error speaks, once there is a log on it.
static STDERR_FORMAT: OnceLock<LogFormat> = OnceLock::new();

/// How what is said beside the log is written, so that one reader can read both.
pub(crate) fn stderr_format() -> LogFormat {
    STDERR_FORMAT.get().copied().unwrap_or(LogFormat::Text)
}

/// A sentence as a line of the log.
pub(crate) fn json_line(sentence: std::fmt::Arguments<'_>) -> serde_json::Value {
    serde_json::json!({
        "timestamp": chrono::Utc::now().to_rfc3339_opts(chrono::SecondsFormat::Micros, true),
        "level": "INFO",
        "message": sentence.to_string(),
        "target": "pocpit",
    })
}

/// A panic goes to the log, and to standard error unless the cockpit draws there.
fn log_panics() {
    let previous = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        tracing::error!(target: "panic", "{info}");
        if !crate::tui::has_terminal() {
            previous(info);
        }
    }));
}

/// Warnings of short commands, on standard error only.
pub(crate) fn start_quiet() {
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

fn stderr_layer<S>(format: LogFormat) -> Result<impl Layer<S>, Report>
where
    S: tracing::Subscriber + for<'a> tracing_subscriber::registry::LookupSpan<'a> + Send + Sync,
{
    use std::io::IsTerminal;
    let layer = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        // A closed standard error must not become a flood of complaints about itself.
        .log_internal_errors(false);
    let layer = match format {
        LogFormat::Text => layer.with_target(false).boxed(),
        LogFormat::Json => layer.with_ansi(false).json().flatten_event(true).boxed(),
    };
    Ok(layer.with_filter(filter()?))
}
