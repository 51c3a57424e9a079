//! Start and end of a sprint.

pub(crate) mod broken;
pub(crate) mod finish;
mod pool_notice;
pub(crate) mod report;
pub(crate) mod resume;
