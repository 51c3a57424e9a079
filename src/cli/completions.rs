//! Completions and the manual pages.

use std::path::Path;

use clap::{Command, CommandFactory};
use color_eyre::eyre::{Report, WrapErr};

use super::arguments::{Arguments, Man};
use super::{Exit, print, stop};

pub(crate) fn completions(shell: clap_complete::Shell) -> Exit {
    let mut command = Arguments::command();
    clap_complete::generate(shell, &mut command, "pocpit", &mut std::io::stdout());
    Exit::Done
}

pub(crate) fn man(arguments: &Man) -> Result<Exit, Report> {
    if let Some(directory) = &arguments.directory {
        return write_pages(directory);
    }
    let Some(command) = below(documented(), &arguments.command) else {
        let command = arguments.command.join(" ");
        let why = format!("no manual page for `{command}`: `pocpit help` lists the commands");
        return Err(stop(Exit::Usage, why));
    };
    let mut page = Vec::new();
    clap_mangen::Man::new(command).render(&mut page)?;
    print(String::from_utf8_lossy(&page).trim_end())?;
    Ok(Exit::Done)
}

/// Pages refer to each other by file name: `pocpit-config-show.1`.
fn write_pages(directory: &Path) -> Result<Exit, Report> {
    let written = std::fs::create_dir_all(directory)
        .and_then(|()| clap_mangen::generate_to(documented(), directory));
    written
        .wrap_err_with(|| format!("cannot write the manual pages into {}", directory.display()))?;
    print(&directory.display().to_string())?;
    Ok(Exit::Done)
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
