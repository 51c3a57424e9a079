//! SSH to rentals: what comes from a remote host is made safe before anything else sees it.

pub mod sanitize;
