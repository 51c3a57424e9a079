//! Heights and distances on the chain. The chain's height is the clock of everything here.

use std::fmt;
use std::ops::{Add, Sub};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A block height of the chain.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Default,
    Serialize,
    Deserialize,
    JsonSchema,
)]
#[schemars(inline)]
#[serde(transparent)]
pub struct Height(pub u64);

/// A number of blocks between two heights.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Default,
    Serialize,
    Deserialize,
    JsonSchema,
)]
#[schemars(inline)]
#[serde(transparent)]
pub struct Blocks(pub u64);

/// The index of an epoch. It rises by one exactly at the height where the epoch's `PoC` starts.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Default,
    Serialize,
    Deserialize,
    JsonSchema,
)]
#[schemars(inline)]
#[serde(transparent)]
pub struct EpochIndex(pub u64);

impl Height {
    /// How many blocks from here to `later`; zero when `later` is already passed.
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

impl fmt::Display for Height {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for Blocks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for EpochIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
