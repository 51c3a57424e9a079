//! Models of the simulated network.

/// The only approved model, unless the scenario has others.
pub const MODEL: &str = "MiniMaxAI/MiniMax-M2.7";
/// `PoC` runs for it, too. Hosts serve it only where the scenario approves it.
pub const SECOND_MODEL: &str = "deepseek-ai/DeepSeek-V4-Flash-0731";
