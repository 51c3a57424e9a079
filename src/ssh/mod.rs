//! SSH to rentals by the `openssh` crate: one multiplexed session a rental, its log followed by
//! byte offset, a tunnel for its ports. What comes from a remote host is made safe before anything
//! else sees it ([`sanitize`]).

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
