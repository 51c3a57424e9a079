//! A model in governance's catalogue.

use serde::{Deserialize, Serialize};

/// One entry of `GET /v1/governance/models`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GovernanceModel {
    /// The name that the Network Node and the chain use.
    pub id: String,
    /// The repository on Hugging Face, if reported.
    pub hf_repo: Option<String>,
    /// Its revision, if governance names one. The Network Node never uses it.
    pub hf_commit: Option<String>,
    /// Arguments of vLLM that every node gets, in addition to its own.
    pub args: Vec<String>,
    /// Memory of all GPUs of one instance, in gigabytes, if reported.
    pub v_ram_gb: Option<u64>,
}

impl GovernanceModel {
    /// A model of which only the name is known.
    pub fn named(id: &str) -> GovernanceModel {
        GovernanceModel {
            id: id.to_owned(),
            ..GovernanceModel::default()
        }
    }
}
