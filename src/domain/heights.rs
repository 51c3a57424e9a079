//! Heights and distances on the chain. The chain's height is the clock of everything here.

use std::ops::{Add, Sub};

use derive_more::Display;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A block height of the chain.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
#[schemars(inline)]
#[derive(Debug, Display, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Height(pub u64);

/// A number of blocks between two heights.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
#[schemars(inline)]
#[derive(Debug, Display, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Blocks(pub u64);

/// The index of an epoch. It rises by one exactly at the height where the epoch's `PoC` starts.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
#[schemars(inline)]
#[derive(Debug, Display, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct EpochIndex(pub u64);

impl Height {
    /// Blocks from here to `later`; zero once `later` has passed.
    pub fn until(self, later: Height) -> Blocks {
        Blocks(later.0.saturating_sub(self.0))
    }
}

impl EpochIndex {
    #[must_use]
    pub fn next(self) -> EpochIndex {
        EpochIndex(self.0.saturating_add(1))
    }
}

impl Add<Blocks> for Height {
    type Output = Height;
    fn add(self, blocks: Blocks) -> Height {
        Height(self.0.saturating_add(blocks.0))
    }
}

impl Sub<Blocks> for Height {
    type Output = Height;
    fn sub(self, blocks: Blocks) -> Height {
        Height(self.0.saturating_sub(blocks.0))
    }
}
