//! `pocpit --version`: what is installed, and which journals it reads.

use std::sync::LazyLock;

use crate::journal;

/// Builds without optimisation, and those from sources without git, do not know their commit.
const COMMIT: Option<&str> = option_env!("POCPIT_COMMIT");

static LONG: LazyLock<String> = LazyLock::new(|| {
    format!(
        "{} (commit {}, journal version {})",
        env!("CARGO_PKG_VERSION"),
        COMMIT.unwrap_or("unknown"),
        journal::VERSION
    )
});

pub(super) fn long() -> &'static str {
    &LONG
}
