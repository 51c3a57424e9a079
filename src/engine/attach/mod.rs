//! Lets other processes look on: the owner of a state directory serves its snapshots on a Unix
//! socket, a viewer follows them. What its operator decides it hands to the owner, whose engine alone
//! acts; a viewer can neither end the owner nor write the journal.
//!
//! Each line on the socket is a JSON object. The owner greets with its version and process id, then
//! sends news only, coalesced to the newest snapshot. A viewer sends [`super::Command`]s; on one that
//! says anything else the owner hangs up.

mod client;
mod server;
mod socket;
mod wire;

#[cfg(test)]
pub(crate) mod tests;

use std::path::PathBuf;

pub use client::{Attached, attach};
pub use server::serve;

/// Why nobody's snapshots can be looked at.
#[derive(Debug, thiserror::Error)]
pub enum AttachError {
    /// The owner has no socket, or nobody listens on it.
    #[error(
        "another pocpit works on {} and lets nobody look on ({source}): close it, or give this one another paths.state_dir",
        state_dir.display()
    )]
    NotServed {
        state_dir: PathBuf,
        source: std::io::Error,
    },
    /// Something listens, but does not speak in time, or not as an owner speaks.
    #[error(
        "another pocpit works on {}, but does not show what it does ({detail}): look at its own terminal or log",
        state_dir.display()
    )]
    NotUnderstood { state_dir: PathBuf, detail: String },
    /// The owner is another version of the program.
    #[error(
        "process {pid} works on {} with pocpit {theirs}, this is pocpit {ours}: look on with the same version",
        state_dir.display()
    )]
    OtherVersion {
        state_dir: PathBuf,
        pid: u32,
        theirs: String,
        ours: &'static str,
    },
}
