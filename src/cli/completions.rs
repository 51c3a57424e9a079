//! `pocpit completions`: what shells complete.

use clap::CommandFactory as _;

use super::Exit;
use super::arguments::Arguments;

pub(crate) fn completions(shell: clap_complete::Shell) -> Exit {
    let mut command = Arguments::command();
    clap_complete::generate(shell, &mut command, "pocpit", &mut std::io::stdout());
    Exit::Done
}
