//! Logging: always to files of bounded size, and to the cockpit's log pane or standard error. `POCPIT_LOG`
//! is the filter, for example `debug` or `pocpit::vast=trace`.

use std::fmt::Display;
use std::io::IsTerminal as _;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use color_eyre::eyre::{Report, WrapErr};
use tracing_appender::non_blocking::{NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

use super::arguments::LogFormat;
use super::log_files::LogFiles;
use super::recorder::Recorder;
use super::status_line;
use crate::ports::Clock;
use crate::tui::ProgramLog;

/// Lines buffered for a slow disk; more are dropped.
const WAITING_LINES: usize = 16_384;

enum Audience {
    /// The cockpit's pane of the program's log.
    Cockpit(Recorder),
    /// Standard error.
    Terminal,
}

/// Starts logging on standard error. The guard flushes when it is dropped.
pub(crate) fn start(format: LogFormat, log_dir: &Path) -> Result<WorkerGuard, Report> {
    start_for(Audience::Terminal, format, log_dir)
}

/// Starts logging for a cockpit, whose pane shows what the log that is returned has recorded.
pub(crate) fn start_cockpit(
    format: LogFormat,
    log_dir: &Path,
    clock: Arc<dyn Clock>,
) -> Result<(WorkerGuard, ProgramLog), Report> {
    let log = ProgramLog::default();
    let recorder = Recorder::new(log.clone(), clock);
    let guard = start_for(Audience::Cockpit(recorder), format, log_dir)?;
    Ok((guard, log))
}

/// A log directory that cannot be written is only a warning: there may be a rental to release.
fn start_for(audience: Audience, format: LogFormat, log_dir: &Path) -> Result<WorkerGuard, Report> {
    if let Err(error) = crate::journal::make_private_dir(log_dir) {
        status_line(format_args!(
            "warning: no log files: cannot create {}: {error}",
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
        Audience::Cockpit(recorder) => registry.with(recorder.with_filter(filter()?)).try_init()?,
    }
    log_panics();
    Ok(guard)
}

/// Format of standard error, once the log is written there.
static STDERR_FORMAT: OnceLock<LogFormat> = OnceLock::new();

/// Format of status lines, so that one parser reads them and the log.
pub(crate) fn stderr_format() -> LogFormat {
    STDERR_FORMAT.get().copied().unwrap_or(LogFormat::Text)
}

/// Colours are garbage in a file or a journal, and nobody gets them who does not want them.
pub(super) fn stderr_has_colors() -> bool {
    let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    std::io::stderr().is_terminal() && !refused
}

/// A status line in the format of the JSON log.
pub(crate) fn json_line(sentence: impl Display) -> serde_json::Value {
    serde_json::json!({
        "timestamp": chrono::Utc::now().to_rfc3339_opts(chrono::SecondsFormat::Micros, true),
        "level": "INFO",
        "message": sentence.to_string(),
        "target": "pocpit",
    })
}

/// Panics go to the log, and to standard error unless the cockpit draws there.
fn log_panics() {
    let previous = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        tracing::error!(target: "panic", "{info}");
        if !crate::tui::has_terminal() {
            previous(info);
        }
    }));
}

/// For short commands: warnings only, on standard error.
pub(crate) fn start_quiet() {
    let filter = EnvFilter::try_from_env(VARIABLE).unwrap_or_else(|_| EnvFilter::new("warn"));
    let layer = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(stderr_has_colors())
        .log_internal_errors(false)
        .without_time()
        .with_target(false);
    // Fails on a second start in one process, as tests do.
    let _ = tracing_subscriber::registry()
        .with(layer.with_filter(filter))
        .try_init();
}

const VARIABLE: &str = "POCPIT_LOG";

fn filter() -> Result<EnvFilter, Report> {
    match std::env::var(VARIABLE) {
        Ok(text) => {
            EnvFilter::try_new(&text).wrap_err_with(|| format!("invalid {VARIABLE}={text:?}"))
        }
        Err(_) => Ok(EnvFilter::new("warn,pocpit=info")),
    }
}

fn stderr_layer<S>(format: LogFormat) -> Result<impl Layer<S>, Report>
where
    S: tracing::Subscriber + for<'a> tracing_subscriber::registry::LookupSpan<'a> + Send + Sync,
{
    let layer = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(stderr_has_colors())
        // A closed standard error must not flood the log with errors about itself.
        .log_internal_errors(false);
    let layer = match format {
        LogFormat::Text => layer.with_target(false).boxed(),
        LogFormat::Json => layer.with_ansi(false).json().flatten_event(true).boxed(),
    };
    Ok(layer.with_filter(filter()?))
}
