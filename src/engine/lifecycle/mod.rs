//! Start and end of a sprint.

pub(crate) mod finish;
pub(crate) mod report;
pub(crate) mod resume;
