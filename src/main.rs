//! The `pocpit` program. Everything it does is in the library: see [`pocpit`].
#![forbid(unsafe_code)]

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    pocpit::cli::main()
}
