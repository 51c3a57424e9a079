//! What runs on a machine: an `MLNode`, or vLLM alone.

pub(super) mod api;
mod downloads;
mod life;
mod lines;
mod load;
mod log;
pub(super) mod node;
mod poc;
mod poc_calls;
pub(super) mod settings;
#[cfg(test)]
mod tests;
pub(super) mod vllm;
mod weights;
