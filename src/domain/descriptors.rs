//! File descriptors of a process.

/// How many are open, and how many may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DescriptorUsage {
    pub open: u64,
    pub limit: u64,
}

/// How close their end is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum DescriptorShortage {
    None,
    /// More than three in four are open.
    Near,
    /// Hardly any are left: calls and connections fail.
    Here,
}

/// What market, SSH and journal may need at the same time.
const NEEDED: u64 = 32;

impl DescriptorUsage {
    pub fn left(&self) -> u64 {
        self.limit.saturating_sub(self.open)
    }

    pub fn shortage(&self) -> DescriptorShortage {
        match self.left() {
            ..NEEDED => DescriptorShortage::Here,
            left if left < self.limit / 4 => DescriptorShortage::Near,
            _ => DescriptorShortage::None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shortage_begins_at_three_in_four() {
        use DescriptorShortage::{Here, Near, None};
        for (open, limit, wanted) in [
            (100, 1_024, None),
            (768, 1_024, None),
            (769, 1_024, Near),
            (992, 1_024, Near),
            (993, 1_024, Here),
            (1_024, 1_024, Here),
            // A limit that was lowered.
            (2_000, 1_024, Here),
        ] {
            let usage = DescriptorUsage { open, limit };
            assert_eq!(usage.shortage(), wanted, "{open} of {limit}");
        }
    }
}
