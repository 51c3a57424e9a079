//! The environment of the `MLNode`'s container, as the official deployment and its images set it. Pure.
//!
//! A rental starts the image without its compose file, and it is unknown whether the image's own
//! environment reaches a shell there. So all of it is ordered: images ignore variables they do not know
//! (gonka v0.2.14 deploy/join/docker-compose.mlnode.yml, mlnode/packages/api/{Dockerfile,entrypoint.sh};
//! the newer names: gonka@14c6d75 mlnode/packages/api/Dockerfile).

use std::collections::BTreeMap;

use crate::domain::{GpuFamily, known_model};

const FIXED: &[(&str, &str)] = &[
    // `models/*` and vLLM share their files below it; without it each has a directory of its own.
    ("HF_HOME", "/root/.cache"),
    // Without it newer images start a vLLM without `PoC`: weight 0.
    ("MLNODE_VLLM_MODULE", "gonka_poc.entrypoint.api_router"),
    // The load may take longer than the 1,200 s of old images.
    ("VLLM_RUNNER_TIMEOUT", "3600"),
    // Counts finished files only: with large files on a slow line, 600 s would end a healthy download.
    ("MODEL_DOWNLOAD_STALL_TIMEOUT", "3600"),
    // Old entrypoints create a user and a group, and stop if the usual ids (1000, 1001) are taken.
    ("HOST_UID", "53000"),
    ("HOST_GID", "53001"),
];

/// `POCPIT_…` is not here: it belongs to the order, not to the deployment.
pub fn container_env(model: &str, gpu_name: &str) -> BTreeMap<String, String> {
    let mut env: BTreeMap<String, String> = FIXED
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    let family = GpuFamily::of(gpu_name);
    let profile = known_model(model).zip(family);
    let profile = profile.and_then(|(model, family)| model.profile(family));
    if let Some(profile) = profile {
        env.insert(
            "POC_BATCH_SIZE_DEFAULT".into(),
            profile.poc_batch.to_string(),
        );
    }
    env
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn official_environment_is_ordered() {
        let env = container_env("deepseek-ai/DeepSeek-V4-Flash-0731", "H100 SXM");
        for (name, value) in [
            ("HF_HOME", "/root/.cache"),
            ("MLNODE_VLLM_MODULE", "gonka_poc.entrypoint.api_router"),
            ("VLLM_RUNNER_TIMEOUT", "3600"),
            ("MODEL_DOWNLOAD_STALL_TIMEOUT", "3600"),
            ("POC_BATCH_SIZE_DEFAULT", "16"),
        ] {
            assert_eq!(env.get(name).map(String::as_str), Some(value), "{name}");
        }
        // It would shift the ports of vLLM.
        assert!(!env.contains_key("INFERENCE_PORT"));
        // Without a measured value the image's own applies.
        let unknown = container_env("some/model", "RTX 4090");
        assert!(!unknown.contains_key("POC_BATCH_SIZE_DEFAULT"));
    }
}
