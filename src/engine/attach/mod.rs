//! Lets other processes attach as viewers. The owner of a state directory serves its snapshots on a
//! Unix socket; viewers follow them and send their operator's commands, which only the owner's engine
//! carries out. A viewer can neither stop the owner nor write the journal.
//!
//! Each line on the socket is a JSON object. The owner sends a greeting with its version and process
//! id, then changes only, coalesced to the newest snapshot. A viewer sends which replica it shows, and
//! gets that one's log and offers; until then those of the first. And it sends [`super::Command`]s; the
//! owner disconnects one that sends anything else.

mod client;
mod delta;
mod received;
mod sent;
mod server;
mod socket;
mod wire;

#[cfg(test)]
pub(crate) mod tests;

use std::path::PathBuf;

pub use client::{Attached, attach};
pub use server::serve;

#[derive(Debug, thiserror::Error)]
pub enum AttachError {
    /// The owner has no socket, or does not listen on it.
    #[error(
        "another pocpit uses {} and accepts no viewers ({source}): close it, or set another paths.state_dir for this one",
        state_dir.display()
    )]
    NotServed {
        state_dir: PathBuf,
        source: std::io::Error,
    },
    /// Something listens, but does not answer in time or not as an owner does.
    #[error(
        "another pocpit uses {}, but cannot be viewed ({detail}): see its own terminal or log",
        state_dir.display()
    )]
    NotUnderstood { state_dir: PathBuf, detail: String },
    #[error(
        "process {pid} uses {} with pocpit {theirs}, this is pocpit {ours}: attach with the same version",
        state_dir.display()
    )]
    OtherVersion {
        state_dir: PathBuf,
        pid: u32,
        theirs: String,
        ours: &'static str,
    },
}
