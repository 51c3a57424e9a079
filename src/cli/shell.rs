//! Completions and the manual page.

use clap::CommandFactory;
use color_eyre::eyre::Report;

use super::arguments::Arguments;
use super::{Exit, print};

pub(crate) fn completions(shell: clap_complete::Shell) -> Exit {
    let mut command = Arguments::command();
    clap_complete::generate(shell, &mut command, "pocpit", &mut std::io::stdout());
    Exit::Done
}

pub(crate) fn man() -> Result<Exit, Report> {
    let mut page = Vec::new();
    clap_mangen::Man::new(Arguments::command()).render(&mut page)?;
    print(String::from_utf8_lossy(&page).trim_end())?;
    Ok(Exit::Done)
}
