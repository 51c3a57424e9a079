//! SSH to rentals with the `openssh` crate: one multiplexed session per rental, its log followed by
//! byte offset, a tunnel for its ports. Everything from a remote host is sanitized first
//! ([`sanitize`]).

mod control;
mod failure;
mod front;
mod keys;
mod log_tail;
mod meter;
mod remote;
pub mod sanitize;
mod session;
mod shell;
mod tunnel;

pub use control::socket_directory;
pub use keys::generate_key;
pub use remote::OpenSshRemote;
pub use shell::{known_hosts, quoted, shell_command};
