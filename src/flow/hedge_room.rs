//! How many second machines a pool may have. What many boots have in common, no second machine mends.

use derive_more::Display;

/// Whether a pool may rent one more second machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Display)]
pub enum HedgeRoom {
    #[default]
    #[display("there is room for another")]
    Free,
    /// So many race at the same time already.
    #[display("the pool has {_0} second machines already (pool.hedges)")]
    Full(u32),
    /// What slows many boots down, a registry or a model host, would slow a second machine down as well.
    #[display(
        "{behind} of {booting} boots of the pool are behind: another machine would be as slow"
    )]
    CommonCause { behind: u32, booting: u32 },
}

impl HedgeRoom {
    /// `behind` of a pool's `booting` rentals are behind.
    pub fn of_boots(behind: u32, booting: u32) -> HedgeRoom {
        if behind > 1 && 3 * behind > booting {
            HedgeRoom::CommonCause { behind, booting }
        } else {
            HedgeRoom::Free
        }
    }
}
