//! How the cockpit ends.

/// Why the cockpit closed. What becomes of the engine depends on its commands, not on this.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExitReason {
    /// The operator quit; the engine has the command.
    Quit,
    EngineEnded,
    /// The terminal is gone; the operator made no choice.
    TerminalLost,
    /// SIGTERM or SIGINT; the operator made no choice.
    Signal,
}

#[derive(Debug, thiserror::Error)]
pub enum TuiError {
    #[error(
        "{0} is not a terminal, so the cockpit cannot be drawn: run it in a terminal, or use `pocpit auto` without one"
    )]
    NotATerminal(&'static str),
    #[error(
        "TERM={0:?} cannot show the cockpit: set TERM to your terminal's type (often xterm-256color), or use `pocpit auto`"
    )]
    DumbTerminal(String),
    /// Invalid `cockpit.keys` or `cockpit.colors`.
    #[error(
        "invalid keys or colors in the configuration:\n  {}\nfix or remove them in cockpit.keys and cockpit.colors",
        .0.join("\n  ")
    )]
    InvalidOptions(Vec<String>),
    #[error("the terminal failed while {doing}: {source}")]
    Terminal {
        doing: &'static str,
        source: std::io::Error,
    },
}

impl TuiError {
    /// Maps an error of the terminal.
    pub(super) fn terminal(doing: &'static str) -> impl Fn(std::io::Error) -> TuiError {
        move |source| TuiError::Terminal { doing, source }
    }

    pub(super) fn terminal_is_gone(&self) -> bool {
        use rustix::io::Errno;
        let TuiError::Terminal { source, .. } = self else {
            return false;
        };
        // EIO: the other side of the pseudo-terminal was closed.
        let gone = [Errno::IO, Errno::NXIO, Errno::PIPE, Errno::BADF];
        let error = source.raw_os_error();
        gone.iter().any(|gone| error == Some(gone.raw_os_error()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closed_terminal_is_not_an_error() {
        let failed =
            |number| TuiError::terminal("drawing")(std::io::Error::from_raw_os_error(number));
        assert!(failed(rustix::io::Errno::IO.raw_os_error()).terminal_is_gone());
        assert!(!failed(rustix::io::Errno::NOSPC.raw_os_error()).terminal_is_gone());
        assert!(!TuiError::NotATerminal("standard output").terminal_is_gone());
    }
}
