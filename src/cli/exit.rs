//! Exit codes: a contract with scripts and service managers.

use std::process::ExitCode;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    Done = 0,
    Failed = 1,
    /// Wrong usage or configuration.
    Usage = 2,
    /// Refused for safety: budget, deadline, another cockpit.
    Refused = 3,
    Unknown = 4,
    /// The journal cannot be used: everything with our label was taken down without it, or listed by a dry
    /// run.
    NoJournal = 5,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit as u8)
    }
}

impl Exit {
    pub(super) const ALL: [Exit; 6] = [
        Exit::Done,
        Exit::Failed,
        Exit::Usage,
        Exit::Refused,
        Exit::Unknown,
        Exit::NoJournal,
    ];

    pub(super) fn meaning(self) -> &'static str {
        match self {
            Exit::Done => "done",
            Exit::Failed => "failed",
            Exit::Usage => "usage or configuration",
            Exit::Refused => {
                "refused for safety: cap, deadline, preflight, other cockpit, newer journal"
            }
            Exit::Unknown => "outcome unknown",
            Exit::NoJournal => {
                "no usable journal; what carries our label was taken down (dry run: listed)"
            }
        }
    }
}
