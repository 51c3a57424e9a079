//! Alerts: what is wrong, since when, and when a notice of it is sent.

pub(crate) mod alert;
pub(crate) mod chain;
pub(crate) mod collect;
pub(crate) mod credit;
pub(crate) mod dispatch;
pub(crate) mod heartbeat;
pub(crate) mod notice_body;
pub(crate) mod onset;
pub(crate) mod root;
pub(crate) mod stakes;
pub(crate) mod tracker;
