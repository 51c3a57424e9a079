//! Sizes of models, and how much of them is on a machine's disk.

use std::collections::BTreeMap;

use super::settings::HubFolder;

/// Models and the size of their weights in GB. `MiniMax` and GLM: guide, section 3; for `DeepSeek` the
/// guide has only the memory that it needs, so its size is a guess.
const SIZES: [(&str, f64); 3] = [
    ("MiniMaxAI/MiniMax-M2.7", 230.0),
    ("zai-org/GLM-5.3-Flash", 329.0),
    ("deepseek-ai/DeepSeek-V4-Flash-0731", 160.0),
];
/// Size of a model that is not listed.
const USUAL_GB: f64 = 60.0;
/// Size of a file. Whole files survive the end of a download.
const FILE_GB: f64 = 5.0;

/// In GB.
pub(super) fn size_of(model: &str) -> f64 {
    let known = SIZES.iter().find(|(name, _)| *name == model);
    known.map_or(USUAL_GB, |(_, gb)| *gb)
}

/// Downloaded weights in GB, per folder and repository. A repository has one revision.
#[derive(Debug, Clone, Default)]
pub(super) struct WeightCache(BTreeMap<(HubFolder, String), f64>);

impl WeightCache {
    pub(super) fn gb_of(&self, folder: HubFolder, repo: &str) -> f64 {
        let key = (folder, repo.to_owned());
        self.0.get(&key).copied().unwrap_or(0.0)
    }

    pub(super) fn has(&self, folder: HubFolder, repo: &str, size: f64) -> bool {
        self.gb_of(folder, repo) >= size
    }

    /// Records how much of the repository a download left.
    pub(super) fn keep(&mut self, folder: HubFolder, repo: &str, gb: f64, size: f64) {
        let kept = if gb >= size {
            size
        } else {
            (gb / FILE_GB).floor() * FILE_GB
        };
        let known = self.0.entry((folder, repo.to_owned())).or_default();
        *known = known.max(kept);
    }

    pub(super) fn total_gb(&self) -> f64 {
        self.0.values().sum()
    }

    /// Complete repositories in a folder.
    pub(super) fn whole(&self, folder: HubFolder) -> impl Iterator<Item = &str> {
        let in_folder = self.0.iter().filter(move |((at, _), _)| *at == folder);
        in_folder
            .filter(|((_, repo), gb)| **gb >= size_of(repo))
            .map(|((_, repo), _)| repo.as_str())
    }
}
