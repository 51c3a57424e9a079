//! Durable memory: intents before effects, outcomes after them, and what they add up to.
//!
//! Records are only appended; state is the fold over them ([`Ledger`]). One program holds the
//! journal of a state directory at a time.

mod ledger;
mod record;
mod store;

pub use ledger::{Ledger, OpenRegistration, OpenRental};
pub use record::Record;
pub use store::{Journal, JournalError, make_private_dir, read_only};

#[cfg(test)]
mod tests;
