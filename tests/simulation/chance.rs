//! Everything random, from one seed.

use pocpit::world::FaultKind;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

/// What happens to one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It certainly never arrives.
    NotSent,
    /// It is lost on the way.
    LostBefore,
    /// Its connection is reset before it arrives.
    ResetBefore,
    /// It takes effect; the answer is lost.
    LostAfter,
    /// It takes effect, and the answer comes after every time-out.
    TooLate,
    /// A proxy in between answers instead.
    BadGateway,
    /// Too many calls.
    TooMany,
    /// It takes effect; the answer is cut off.
    Truncated,
    /// It takes effect; the answer is something else.
    Nonsense,
    /// It takes effect, and the answer comes, some seconds later than usual.
    Slow,
}

const FAULTS: [Fault; 10] = [
    Fault::NotSent,
    Fault::LostBefore,
    Fault::ResetBefore,
    Fault::LostAfter,
    Fault::TooLate,
    Fault::BadGateway,
    Fault::TooMany,
    Fault::Truncated,
    Fault::Nonsense,
    Fault::Slow,
];

/// What the world does to a call, unless it gives another response.
pub fn of_planned(kind: &FaultKind) -> Option<Fault> {
    match kind {
        FaultKind::Status { .. } | FaultKind::GatewayPage { .. } => None,
        FaultKind::DropBefore => Some(Fault::ResetBefore),
        FaultKind::DropAfter => Some(Fault::LostAfter),
        FaultKind::Malformed => Some(Fault::Truncated),
        FaultKind::Delay { .. } => Some(Fault::Slow),
    }
}

#[derive(Debug)]
pub struct Chance {
    random: StdRng,
    /// Of each call, from 0 to 1.
    pub fault_rate: f64,
    pub faults: u64,
}

impl Chance {
    pub fn new(seed: u64) -> Chance {
        Chance {
            random: StdRng::seed_from_u64(seed),
            fault_rate: 0.0,
            faults: 0,
        }
    }

    pub fn fault(&mut self) -> Option<Fault> {
        if self.random.random::<f64>() >= self.fault_rate {
            return None;
        }
        self.faults += 1;
        Some(FAULTS[self.random.random_range(0..FAULTS.len())])
    }

    /// True with this probability.
    pub fn happens(&mut self, probability: f64) -> bool {
        self.random.random::<f64>() < probability
    }

    pub fn between(&mut self, least: i64, most: i64) -> i64 {
        self.random.random_range(least..=most)
    }

    pub fn number(&mut self) -> u64 {
        self.random.random()
    }
}
