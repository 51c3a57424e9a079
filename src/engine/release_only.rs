//! The mode in which nothing new is rented.

use crate::domain::Time;

/// The journal does not take what is written.
#[derive(Debug)]
pub(crate) struct ReleaseOnly {
    pub(crate) since: Time,
    pub(crate) why: String,
    pub(crate) advice: String,
    pub(crate) tried: Time,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Recorded {
    /// Where it belongs: what it announces may be done.
    InJournal,
    /// On the disk, in the spool: known after a restart, and nothing to spend on.
    InSpool,
    /// It will have to be found out again.
    Nowhere,
}
