//! What runs on a machine: an `MLNode`, or vLLM alone.

mod api;
mod boot;
pub(super) mod vllm;
