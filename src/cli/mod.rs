//! The command line, one file per command. Results go to standard output, everything else to standard
//! error; exit codes are stable.

mod accept_journal;
mod arguments;
mod auto;
mod avoided;
mod check;
mod cockpit;
mod completions;
mod config;
mod demo;
mod exit;
mod gc;
mod headless;
mod history;
mod journal;
mod lock_wait;
mod log_files;
mod logging;
mod man;
mod monitor;
mod next_sprint;
mod notify;
mod offers;
mod on_demand;
mod page;
mod places;
mod plan;
mod pools;
mod proxy;
mod read_only;
mod recorder;
mod rehearse;
mod release;
mod runtime;
mod schema;
mod scope;
mod serve;
mod service;
mod setup;
mod sim;
mod simulated;
mod ssh;
mod table;
mod teardown;
mod troubleshooting;
mod version;

use std::fmt::Display;
use std::io::Write;
use std::process::ExitCode;

use color_eyre::config::Theme;
use color_eyre::eyre::Report;
use rustix::fs::Mode;
use rustix::process::umask;
use serde::Serialize;
use tokio::signal::unix::{SignalKind, signal};

use crate::config::LoadError;
use crate::descriptors;
use crate::domain::Time;
use crate::engine::attach::AttachError;
use crate::journal::JournalError;
use crate::tui::TuiError;
use arguments::{Arguments, Command, LogFormat, Output};
use page::{Look, Page};

pub use exit::Exit;
// Used by tests.
pub use runtime::start_engine;
pub use simulated::{configuration, parse_configuration};
pub use troubleshooting::markdown_table as troubleshooting_table;

/// Ends a command with this exit code and message.
#[derive(Debug, thiserror::Error)]
#[error("{1}")]
struct Stop(Exit, String);

/// An error that ends a command with this exit code.
pub(crate) fn stop(exit: Exit, message: impl Into<String>) -> Report {
    Stop(exit, message.into()).into()
}

pub fn main() -> ExitCode {
    let arguments = match Arguments::of_process() {
        Ok(arguments) => arguments,
        Err(error) => {
            // A closed pipe is ignored. clap exits with 0 for help, else with 2.
            let _ = error.print();
            let is_wrong = error.use_stderr();
            let exit = if is_wrong { Exit::Usage } else { Exit::Done };
            return exit.into();
        }
    };
    // Our files are private whatever the umask is; manual pages are readable by everyone.
    if !matches!(arguments.command, Some(Command::Man(_))) {
        umask(Mode::RWXG | Mode::RWXO);
    }
    let theme = if logging::stderr_has_colors() {
        Theme::dark()
    } else {
        Theme::new()
    };
    let hooks = color_eyre::config::HookBuilder::default()
        .theme(theme)
        .display_env_section(false)
        .install();
    if let Err(error) = hooks {
        status_line(format_args!("errors are reported without context: {error}"));
    }
    if let Err(error) = descriptors::raise_limit() {
        status_line(format_args!(
            "the limit of open files is not raised: {error}"
        ));
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            status_line(format_args!("cannot start threads: {error}"));
            return Exit::Failed.into();
        }
    };
    let result = runtime.block_on(run(arguments));
    // Tasks that wait for a slow peer must not delay the exit.
    runtime.shutdown_timeout(std::time::Duration::from_secs(2));
    match result {
        Ok(exit) => exit.into(),
        Err(report) => {
            let exit = exit_of(&report);
            status_line(format_args!("pocpit: {}", causes(&report)));
            exit.into()
        }
    }
}

async fn run(arguments: Arguments) -> Result<Exit, Report> {
    let common = arguments.common;
    match arguments.command {
        None => Box::pin(cockpit::run(&common)).await,
        Some(Command::Demo(demo)) => demo::run(demo, &common).await,
        Some(Command::Sim(sim)) => sim::run(&sim).await,
        Some(Command::Auto(auto)) => auto::run(auto, &common).await,
        Some(Command::Rehearse(rehearse)) => rehearse::run(rehearse, &common).await,
        Some(Command::Serve(serve)) => serve::run(serve, &common).await,
        Some(Command::Release(release)) => release::run(release, &common).await,
        Some(Command::Gc(gc)) => gc::run(gc, &common).await,
        Some(Command::Check(check)) => check::run(&common, check).await,
        Some(Command::Plan(plan)) => plan::run(&common, plan).await,
        Some(Command::Offers(arguments)) => offers::run(&common, arguments).await,
        Some(Command::Avoided(arguments)) => avoided::run(arguments, &common),
        Some(Command::AcceptJournal(confirmation)) => {
            accept_journal::run(confirmation, &common).await
        }
        Some(Command::Journal(command)) => journal::run(&command, &common),
        Some(Command::Epoch(output)) => read_only::epoch(&common, output).await,
        Some(Command::Nodes(output)) => read_only::nodes(&common, output).await,
        Some(Command::History(arguments)) => history::run(&arguments, &common),
        Some(Command::Ssh(arguments)) => ssh::run(arguments, &common).await,
        Some(Command::Proxy) => proxy::run(&common).await,
        Some(Command::Notify(command)) => notify::run(command, &common).await,
        Some(Command::Config(command)) => config::run(&command, &common),
        Some(Command::Schema { command }) => schema::run(&command),
        Some(Command::Completions { shell }) => Ok(completions::completions(shell)),
        Some(Command::Man(arguments)) => man::run(&arguments),
    }
}

fn exit_of(report: &Report) -> Exit {
    if let Some(Stop(exit, _)) = report.downcast_ref() {
        return *exit;
    }
    if report.is::<LoadError>() || report.is::<TuiError>() {
        return Exit::Usage;
    }
    let journal: Option<&JournalError> = report.downcast_ref();
    if journal.is_some_and(JournalError::is_anothers) || report.is::<AttachError>() {
        return Exit::Refused;
    }
    Exit::Failed
}

/// An error with its causes, as one text for a terminal.
fn causes(report: &Report) -> String {
    let mut texts: Vec<String> = Vec::new();
    for text in report.chain().map(ToString::to_string) {
        // Many errors repeat their cause.
        if !texts.iter().any(|earlier| earlier.contains(&text)) {
            texts.push(text);
        }
    }
    texts.join(": ")
}

/// Installs handlers for Ctrl-C and SIGTERM; the future resolves on the first of them.
pub(crate) fn shutdown_signal() -> std::io::Result<impl Future<Output = ()>> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

/// A message on standard error, as wide as the terminal. Write errors are ignored.
pub(crate) fn status_line(line: impl Display) {
    put_status(&line, || Page::stderr().sentences(&line.to_string()));
}

/// The same with the time of what happened before it.
pub(crate) fn timed_line(at: Time, text: &str) {
    const TIME: usize = 10;
    let clock = at.format("%H:%M:%S").to_string();
    put_status(&format_args!("{clock}  {text}"), || {
        let lines = Page::stderr().labelled(&clock, Look::Plain, TIME, text);
        lines.join("\n")
    });
}

fn put_status(line: &impl Display, laid_out: impl FnOnce() -> String) {
    let text = match logging::stderr_format() {
        LogFormat::Text => laid_out(),
        LogFormat::Json => logging::json_line(line).to_string(),
    };
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

pub(crate) fn print(text: &str) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    match writeln!(out, "{text}").and_then(|()| out.flush()) {
        // `pocpit offers | head` ends like this.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}

/// A result as one line of JSON on standard output.
pub(crate) fn print_json(value: &impl Serialize) -> Result<(), Report> {
    Ok(print(&serde_json::to_string(value)?)?)
}

/// A result on standard output, as JSON or as text.
pub(crate) fn print_report(
    output: Output,
    report: &impl Serialize,
    text: impl FnOnce() -> String,
) -> Result<Exit, Report> {
    if output.json {
        print_json(report)?;
    } else {
        print(&text())?;
    }
    Ok(Exit::Done)
}
