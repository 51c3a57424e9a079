//! What the official images of the `MLNode` need of a host. Before a rental only an image's name is known.
//!
//! Sources: gonka-docs docs/network-updates.md and docs/host/glm-bootstrap.md (2026-08-21),
//! gonka docs/release-candidate-gpu-profile.md@01c536a, gonka v0.2.14 mlnode/packages/api/Dockerfile.

use super::GpuFamily;

/// What a host's driver must support for an image.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ImageNeeds {
    /// CUDA version of the image.
    pub cuda: f64,
    /// The first driver branch with that version.
    pub driver: u32,
}

const CUDA_12_9: ImageNeeds = ImageNeeds {
    cuda: 12.9,
    driver: 575,
};
const CUDA_13_0: ImageNeeds = ImageNeeds {
    cuda: 13.0,
    driver: 580,
};

/// Prefixes of tags; the first match counts. Images that are older than this program are not listed.
const TAGS: &[(&str, ImageNeeds)] = &[
    ("3.0.14", CUDA_12_9),
    ("3.0.16", CUDA_13_0),
    ("3.0.17", CUDA_13_0),
    ("3.1.", CUDA_13_0),
];

/// The end of the tag of a build for an older driver.
const FOR_CUDA_12_9: &str = "-cu129";

/// The repositories of official images end with this: `ghcr.io/gonka-ai/mlnode`.
const REPOSITORY: &str = "/mlnode";

/// A driver with which a GPU hung before the load (gonka
/// docs/release-candidate-gpu-profile.md@01c536a).
const HANGING_DRIVER: (GpuFamily, &str) = (GpuFamily::B200, "595.71.05");

/// What an official image needs, by its tag; `None` for other images and unknown tags.
pub fn image_needs(image: &str) -> Option<ImageNeeds> {
    let image = image.split('@').next()?;
    let (repository, tag) = image.rsplit_once(':')?;
    if !repository.ends_with(REPOSITORY) {
        return None;
    }
    if tag.ends_with(FOR_CUDA_12_9) {
        return Some(CUDA_12_9);
    }
    let mut tags = TAGS.iter();
    let (_, needs) = tags.find(|(beginning, _)| tag.starts_with(beginning))?;
    Some(*needs)
}

/// True for a driver with which these GPUs hang.
pub fn is_hanging_driver(gpu_name: &str, driver: &str) -> bool {
    let (family, version) = HANGING_DRIVER;
    GpuFamily::of(gpu_name) == Some(family) && driver.trim() == version
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn image_tag_sets_the_cuda_floor() {
        let digest = "sha256:1b9b7ce55feecab837f1d7ce974fc5f377ae0a04a4fb403eeeb50130e7728ee1";
        let pinned = format!("ghcr.io/gonka-ai/mlnode:3.0.16@{digest}");
        for (image, cuda) in [
            ("ghcr.io/gonka-ai/mlnode:3.0.14", Some(12.9)),
            ("ghcr.io/gonka-ai/mlnode:3.0.14-post2", Some(12.9)),
            ("ghcr.io/gonka-ai/mlnode:3.0.16", Some(13.0)),
            ("ghcr.io/gonka-ai/mlnode:3.0.16-cu129", Some(12.9)),
            ("ghcr.io/gonka-ai/mlnode:3.1.0-vllm-0.28.0", Some(13.0)),
            (&pinned, Some(13.0)),
            // Nothing is known of these.
            ("ghcr.io/product-science/mlnode:3.0.13-alpha1", None),
            ("ghcr.io/gonka-ai/mlnode:latest", None),
            ("ghcr.io/gonka-ai/mlnode", None),
            ("vllm/vllm-openai:v0.11.2", None),
            ("localhost:5000/mlnode", None),
            ("", None),
        ] {
            let needs = image_needs(image);
            assert_eq!(needs.map(|needs| needs.cuda), cuda, "{image}");
        }
    }

    #[test]
    fn driver_hangs_on_its_gpu_only() {
        assert!(is_hanging_driver("B200", "595.71.05"));
        assert!(!is_hanging_driver("B200", "580.126.09"));
        assert!(!is_hanging_driver("H100 SXM", "595.71.05"));
    }
}
