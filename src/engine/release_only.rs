//! The mode in which nothing new is rented.

use crate::domain::Time;

/// The journal cannot be written.
#[derive(Debug)]
pub(crate) struct ReleaseOnly {
    pub(crate) since: Time,
    pub(crate) why: String,
    pub(crate) advice: String,
    pub(crate) last_try: Time,
}
