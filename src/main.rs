//! The `pocpit` program. Everything it does is in the library: see [`pocpit`].
#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    pocpit::cli::main()
}
