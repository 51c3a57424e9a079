//! SSH to rentals with the `openssh` crate: one multiplexed session per rental, its log followed by
//! byte offset, a tunnel for its ports. Everything from a remote host is sanitized first
//! ([`sanitize`]).

mod control;
mod failure;
mod front;
mod keys;
mod log_tail;
mod meter;
mod options;
mod remote;
pub mod sanitize;
mod session;
mod shell;
mod socket_directory;
mod tunnel;

pub use keys::generate_key;
pub use remote::OpenSshRemote;
pub use shell::{known_hosts, quoted, shell_command};
pub use socket_directory::socket_directory;
