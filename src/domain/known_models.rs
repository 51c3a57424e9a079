//! The models of the network as data: sizes, and the arguments of official deployments.
//!
//! Arguments: gonka `deploy/join/node-config-<model>-<GPU>.json`, newest stored versions
//! (minimaxm27 @03c3989, @1c726a3 for H200, @90a5c6c for A100; deepseekv4flash0731 @d58732b, @0b0d2ec
//! for H100, @1c726a3 for B300; glm53flash @14c6d75, @03c3989, @03259bb). Memory: governance's `v_ram`. Batches:
//! gonka docs/release-candidate-gpu-profile.md@01c536a, deploy/join/docker-compose.mlnode.yml (v0.2.13).

use super::GpuFamily;

/// A model of the network.
#[derive(Debug, Clone, Copy)]
pub struct KnownModel {
    pub id: &'static str,
    pub earning: Earning,
    /// Size of its weights in gigabytes, if known.
    pub weights_gb: Option<f64>,
    /// Memory of all GPUs of one instance, in gigabytes, if known.
    pub vram_gb: Option<u32>,
    /// Official deployments.
    pub profiles: &'static [GpuProfile],
}

/// Whether `PoC` runs for a model, as of the sources. The chain's parameters decide.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Earning {
    Proven,
    /// Approved, but not among the models of `PoC`: weight 0.
    NotProven,
}

/// How the official deployment runs a model on a family of GPUs.
#[derive(Debug, Clone, Copy)]
pub struct GpuProfile {
    pub gpu: GpuFamily,
    /// GPUs of one instance.
    pub gpus: u32,
    /// `POC_BATCH_SIZE_DEFAULT`.
    pub poc_batch: u32,
    pub args: &'static [&'static str],
}

/// By the name that the network uses.
pub fn known_model(id: &str) -> Option<&'static KnownModel> {
    KNOWN.iter().find(|model| model.id == id)
}

impl KnownModel {
    pub fn profile(&self, gpu: GpuFamily) -> Option<&'static GpuProfile> {
        self.profiles.iter().find(|profile| profile.gpu == gpu)
    }

    /// Memory of all GPUs without which no instance starts: what governance says, or what the smallest
    /// official deployment has (two H200 run MiniMax-M2.7, for which governance says 320 GB).
    pub fn least_memory_gb(&self) -> Option<u32> {
        let deployed = self.profiles.iter();
        let deployed = deployed.map(|profile| profile.gpus * profile.gpu.memory_gb());
        deployed.chain(self.vram_gb).min()
    }
}

#[rustfmt::skip]
const KNOWN: &[KnownModel] = &[
    KnownModel {
        id: "MiniMaxAI/MiniMax-M2.7",
        earning: Earning::Proven,
        // gonka-docs docs/host/minimax-bootstrap.md.
        weights_gb: Some(230.0),
        vram_gb: Some(320),
        profiles: &[
            GpuProfile { gpu: GpuFamily::A100, gpus: 4, poc_batch: 32, args: &[
                "--max-num-batched-tokens", "32768", "--revision", "d494266a4affc0d2995ba1fa35c8481cbd84294b",
                "--tensor-parallel-size", "4", "--gpu-memory-utilization", "0.92", "--max-num-seqs", "128",
                "--max-model-len", "180000", "--kv-cache-dtype", "fp8", "--moe-backend", "marlin",
                "--enable-auto-tool-choice", "--tool-call-parser", "minimax_m2",
                "--reasoning-parser", "minimax_m2_append_think", "--trust-remote-code"] },
            GpuProfile { gpu: GpuFamily::H100, gpus: 4, poc_batch: 32, args: &[
                "--revision", "d494266a4affc0d2995ba1fa35c8481cbd84294b", "--tensor-parallel-size", "4",
                "--gpu-memory-utilization", "0.92", "--max-num-seqs", "128", "--max-model-len", "180000",
                "--kv-cache-dtype", "fp8", "--moe-backend", "triton", "--attention-backend", "FLASHINFER",
                "--enable-auto-tool-choice", "--tool-call-parser", "minimax_m2",
                "--reasoning-parser", "minimax_m2", "--trust-remote-code"] },
            GpuProfile { gpu: GpuFamily::H200, gpus: 2, poc_batch: 32, args: &[
                "--scheduling-policy", "priority", "--max-num-batched-tokens", "32768",
                "--revision", "d494266a4affc0d2995ba1fa35c8481cbd84294b", "--tensor-parallel-size", "2",
                "--gpu-memory-utilization", "0.95", "--max-num-seqs", "608",
                "--compilation-config", "{\"max_cudagraph_capture_size\": 608}", "--max-model-len", "180000",
                "--kv-cache-dtype", "fp8", "--moe-backend", "triton", "--attention-backend", "FLASHINFER",
                "--enable-auto-tool-choice", "--tool-call-parser", "minimax_m2",
                "--reasoning-parser", "minimax_m2_append_think", "--trust-remote-code"] },
            GpuProfile { gpu: GpuFamily::B200, gpus: 2, poc_batch: 32, args: &[
                "--revision", "d494266a4affc0d2995ba1fa35c8481cbd84294b", "--tensor-parallel-size", "2",
                "--gpu-memory-utilization", "0.92", "--max-num-seqs", "128", "--max-model-len", "180000",
                "--kv-cache-dtype", "fp8", "--attention-backend", "FLASHINFER", "--enable-auto-tool-choice",
                "--tool-call-parser", "minimax_m2", "--reasoning-parser", "minimax_m2", "--trust-remote-code"] },
            GpuProfile { gpu: GpuFamily::B300, gpus: 1, poc_batch: 32, args: &[
                "--revision", "d494266a4affc0d2995ba1fa35c8481cbd84294b", "--tensor-parallel-size", "1",
                "--gpu-memory-utilization", "0.92", "--max-num-seqs", "128", "--max-model-len", "180000",
                "--kv-cache-dtype", "fp8", "--attention-backend", "FLASHINFER", "--enable-auto-tool-choice",
                "--tool-call-parser", "minimax_m2", "--reasoning-parser", "minimax_m2", "--trust-remote-code"] },
        ],
    },
    KnownModel {
        id: "deepseek-ai/DeepSeek-V4-Flash-0731",
        earning: Earning::Proven,
        // The first V4-Flash has 158 GB (codersera.com, 2026); the size of 0731 is not published.
        weights_gb: Some(170.0),
        vram_gb: Some(280),
        profiles: &[
            GpuProfile { gpu: GpuFamily::H100, gpus: 4, poc_batch: 16, args: &[
                "--scheduling-policy", "priority", "--max-num-seqs", "640",
                "--compilation-config", "{\"max_cudagraph_capture_size\": 640}",
                "--revision", "7872f01b1d1fe23eabc4c98b48bffcef5a386062", "--tensor-parallel-size", "4",
                "--gpu-memory-utilization", "0.85", "--max-model-len", "400000", "--max-num-batched-tokens", "32768",
                "--kv-cache-dtype", "fp8", "--tokenizer-mode", "deepseek_v4", "--enable-auto-tool-choice",
                "--tool-call-parser", "deepseek_v4", "--reasoning-parser", "deepseek_v4", "--trust-remote-code"] },
            GpuProfile { gpu: GpuFamily::H200, gpus: 2, poc_batch: 32, args: &[
                "--scheduling-policy", "priority", "--max-num-seqs", "1024",
                "--compilation-config", "{\"max_cudagraph_capture_size\": 1024}",
                "--revision", "7872f01b1d1fe23eabc4c98b48bffcef5a386062", "--tensor-parallel-size", "2",
                "--gpu-memory-utilization", "0.90", "--max-model-len", "400000", "--max-num-batched-tokens", "32768",
                "--kv-cache-dtype", "fp8", "--tokenizer-mode", "deepseek_v4", "--enable-auto-tool-choice",
                "--tool-call-parser", "deepseek_v4", "--reasoning-parser", "deepseek_v4", "--trust-remote-code"] },
            GpuProfile { gpu: GpuFamily::B200, gpus: 2, poc_batch: 32, args: &[
                "--scheduling-policy", "priority", "--max-num-seqs", "2048",
                "--compilation-config", "{\"max_cudagraph_capture_size\": 2048}",
                "--revision", "7872f01b1d1fe23eabc4c98b48bffcef5a386062", "--tensor-parallel-size", "2",
                "--gpu-memory-utilization", "0.90", "--max-model-len", "400000", "--max-num-batched-tokens", "32768",
                "--kv-cache-dtype", "fp8", "--tokenizer-mode", "deepseek_v4", "--enable-auto-tool-choice",
                "--tool-call-parser", "deepseek_v4", "--reasoning-parser", "deepseek_v4", "--trust-remote-code"] },
            GpuProfile { gpu: GpuFamily::B300, gpus: 1, poc_batch: 32, args: &[
                "--scheduling-policy", "priority", "--max-num-seqs", "2048",
                "--compilation-config", "{\"max_cudagraph_capture_size\": 2048}",
                "--revision", "7872f01b1d1fe23eabc4c98b48bffcef5a386062", "--tensor-parallel-size", "1",
                "--gpu-memory-utilization", "0.90", "--max-model-len", "400000", "--max-num-batched-tokens", "32768",
                "--kv-cache-dtype", "fp8", "--tokenizer-mode", "deepseek_v4", "--enable-auto-tool-choice",
                "--tool-call-parser", "deepseek_v4", "--reasoning-parser", "deepseek_v4", "--trust-remote-code"] },
        ],
    },
    KnownModel {
        id: "zai-org/GLM-5.3-Flash",
        earning: Earning::Proven,
        // About 306 GiB (gonka-ai/gonka#1734).
        weights_gb: Some(329.0),
        vram_gb: Some(560),
        profiles: &[
            GpuProfile { gpu: GpuFamily::H100, gpus: 8, poc_batch: 8, args: &[
                "--revision", "04c4e9e95c5da8862dced7e5056455116f83a7e0", "--tensor-parallel-size", "8",
                "--gpu-memory-utilization", "0.95", "--max-num-batched-tokens", "65536", "--disable-custom-all-reduce",
                "--kv-cache-dtype", "fp8", "--block-size", "2304", "--max-num-seqs", "256",
                "--no-enable-flashinfer-autotune", "--logprobs-mode", "processed_logprobs",
                "--enable-auto-tool-choice", "--tool-call-parser", "glm47", "--reasoning-parser", "glm45",
                "--trust-remote-code"] },
            GpuProfile { gpu: GpuFamily::H200, gpus: 4, poc_batch: 16, args: &[
                "--revision", "04c4e9e95c5da8862dced7e5056455116f83a7e0", "--tensor-parallel-size", "4",
                "--gpu-memory-utilization", "0.90", "--max-num-batched-tokens", "16384", "--kv-cache-dtype", "fp8",
                "--block-size", "2304", "--max-num-seqs", "256", "--no-enable-flashinfer-autotune",
                "--enable-auto-tool-choice", "--tool-call-parser", "glm47", "--reasoning-parser", "glm45",
                "--trust-remote-code"] },
            GpuProfile { gpu: GpuFamily::B200, gpus: 4, poc_batch: 32, args: &[
                "--revision", "04c4e9e95c5da8862dced7e5056455116f83a7e0", "--tensor-parallel-size", "4",
                "--gpu-memory-utilization", "0.90", "--max-num-batched-tokens", "65536", "--kv-cache-dtype", "fp8",
                "--block-size", "2304", "--max-num-seqs", "256", "--no-enable-flashinfer-autotune",
                "--enable-auto-tool-choice", "--tool-call-parser", "glm47", "--reasoning-parser", "glm45",
                "--trust-remote-code"] },
            GpuProfile { gpu: GpuFamily::B300, gpus: 2, poc_batch: 32, args: &[
                "--revision", "04c4e9e95c5da8862dced7e5056455116f83a7e0", "--tensor-parallel-size", "2",
                "--gpu-memory-utilization", "0.90", "--max-num-batched-tokens", "65536", "--kv-cache-dtype", "fp8",
                "--block-size", "2304", "--max-num-seqs", "256", "--no-enable-flashinfer-autotune",
                "--enable-auto-tool-choice", "--tool-call-parser", "glm47", "--reasoning-parser", "glm45",
                "--trust-remote-code"] },
        ],
    },
    // Taken out of `poc_params.models` by proposal 101 (gonka-ai/gonka#1691, 2026-09-10).
    KnownModel { id: "moonshotai/Kimi-K2.6", earning: Earning::NotProven, weights_gb: None, vram_gb: Some(720), profiles: &[] },
    KnownModel { id: "zai-org/GLM-5.2-FP8", earning: Earning::NotProven, weights_gb: None, vram_gb: None, profiles: &[] },
];

#[cfg(test)]
mod tests {
    use super::*;

    fn value(profile: &GpuProfile, name: &str) -> Option<&'static str> {
        let mut args = profile.args.iter();
        args.find(|arg| **arg == name)?;
        args.next().copied()
    }

    #[test]
    fn every_profile_is_complete() {
        for model in KNOWN {
            for profile in model.profiles {
                let parallel = value(profile, "--tensor-parallel-size");
                assert_eq!(
                    parallel,
                    Some(profile.gpus.to_string().as_str()),
                    "{}",
                    model.id
                );
                let revision = value(profile, "--revision").unwrap_or_default();
                assert_eq!(revision.len(), 40, "{} on {}", model.id, profile.gpu);
                // Names in full and values apart: any release of the Network Node reads them alike.
                let odd = |arg: &&&str| {
                    arg.starts_with('-') && (!arg.starts_with("--") || arg.contains('='))
                };
                assert_eq!(profile.args.iter().find(odd), None, "{}", model.id);
            }
            let is_proven = model.earning == Earning::Proven;
            assert_eq!(is_proven, !model.profiles.is_empty(), "{}", model.id);
            assert_eq!(is_proven, model.weights_gb.is_some(), "{}", model.id);
        }
    }
}
