//! `pocpit man`: the manual pages.

use std::path::Path;

use clap::{Command, CommandFactory as _};
use clap_mangen::Man as Page;
use clap_mangen::roff::{Roff, bold, roman};
use color_eyre::eyre::{Report, WrapErr as _};

use super::arguments::{Arguments, Man};
use super::{Exit, print, stop, troubleshooting};

/// Files of the program, as they are called without a configuration that says otherwise.
const FILES: [(&str, &str); 5] = [
    ("~/.config/pocpit/config.toml", "The configuration."),
    (
        "~/.local/state/pocpit/journal.sqlite",
        "The journal: every call that costs money or changes something outside.",
    ),
    (
        "~/.local/state/pocpit/rental_logs/",
        "The output of the last 20 rentals.",
    ),
    (
        "/etc/pocpit/config.toml",
        "The configuration of the services.",
    ),
    ("/var/lib/pocpit/", "The state of the services."),
];

const ENVIRONMENT: [(&str, &str); 3] = [
    ("POCPIT_CONFIG", "The configuration file."),
    (
        "POCPIT_LOG",
        "Levels of the log: debug, pocpit::vast=trace.",
    ),
    (
        "POCPIT_SECTION_SETTING",
        "A setting: POCPIT_VAST_API_KEY is vast.api_key.",
    ),
];

pub(crate) fn run(arguments: &Man) -> Result<Exit, Report> {
    if let Some(directory) = &arguments.directory {
        return write_pages(directory);
    }
    let Some(command) = below(documented(), &arguments.command) else {
        let command = arguments.command.join(" ");
        let why = format!("no manual page for `{command}`: `pocpit help` lists the commands");
        return Err(stop(Exit::Usage, why));
    };
    let page = render(&command)?;
    print(String::from_utf8_lossy(&page).trim_end())?;
    Ok(Exit::Done)
}

fn write_pages(directory: &Path) -> Result<Exit, Report> {
    let written =
        std::fs::create_dir_all(directory).and_then(|()| write_below(&documented(), directory));
    written
        .wrap_err_with(|| format!("cannot write the manual pages into {}", directory.display()))?;
    print(&directory.display().to_string())?;
    Ok(Exit::Done)
}

/// Pages refer to each other by file name: `pocpit-config-show.1`.
fn write_below(command: &Command, directory: &Path) -> std::io::Result<()> {
    let name = Page::new(command.clone()).get_filename();
    std::fs::write(directory.join(name), render(command)?)?;
    let mut commands = command.get_subcommands();
    commands.try_for_each(|command| write_below(command, directory))
}

/// The commands with their arguments and full names.
fn documented() -> Command {
    let mut command = Arguments::command().disable_help_subcommand(true);
    command.build();
    command
}

fn below(command: Command, typed: &[String]) -> Option<Command> {
    let mut typed = typed.iter();
    typed.try_fold(command, |above, name| above.find_subcommand(name).cloned())
}

fn render(command: &Command) -> std::io::Result<Vec<u8>> {
    let page = Page::new(command.clone());
    let mut out = Vec::new();
    page.render_title(&mut out)?;
    page.render_name_section(&mut out)?;
    page.render_synopsis_section(&mut out)?;
    page.render_description_section(&mut out)?;
    page.render_options_section(&mut out)?;
    if command.has_subcommands() {
        page.render_subcommands_section(&mut out)?;
    }
    let mut rest = Roff::new();
    examples(&mut rest, command);
    if command.get_name() == "pocpit" {
        exit_status(&mut rest);
        entries(&mut rest, "FILES", FILES);
        entries(&mut rest, "ENVIRONMENT", ENVIRONMENT);
    } else {
        rest.control("SH", ["SEE ALSO"]);
        rest.text([
            bold("pocpit"),
            roman("(1) has the exit codes and files of all commands."),
        ]);
    }
    rest.to_writer(&mut out)?;
    Ok(out)
}

/// Those of the help.
fn examples(page: &mut Roff, command: &Command) {
    let help = command.get_after_help().map(ToString::to_string);
    let Some(examples) = help
        .as_deref()
        .and_then(|help| help.strip_prefix("Examples:\n"))
    else {
        return;
    };
    page.control("SH", ["EXAMPLES"]);
    page.control("nf", []);
    for line in examples.lines().take_while(|line| line.starts_with(' ')) {
        page.text([roman(line.trim_start())]);
    }
    page.control("fi", []);
}

fn exit_status(page: &mut Roff) {
    page.control("SH", ["EXIT STATUS"]);
    for exit in Exit::ALL {
        page.control("TP", []);
        page.text([bold((exit as u8).to_string())]);
        page.text([roman(format!("{}.", exit.meaning()))]);
        if let Some(trouble) = troubleshooting::of_exit(exit) {
            page.text([roman(format!("Cause: {}.", trouble.cause))]);
            page.text([roman(format!("Remedy: {}.", trouble.remedy))]);
        }
    }
}

fn entries<const N: usize>(page: &mut Roff, heading: &str, entries: [(&str, &str); N]) {
    page.control("SH", [heading]);
    for (name, what) in entries {
        page.control("TP", []);
        page.text([bold(name)]);
        page.text([roman(what)]);
    }
}
