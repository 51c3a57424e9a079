//! How long boots take and how they ended: predictions, and what they are learned from.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{BootTimes, Duration, InstanceId, MachineId};

/// How long a boot takes, from renting to a loaded model: the logarithm of the time is normally
/// distributed, because what slows a boot down multiplies.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct BootTime {
    /// Half of all boots are faster.
    pub median: Duration,
    /// Standard deviation of the natural logarithm of the time.
    pub spread: f64,
}

/// A boot of ours that came to its end.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PastBoot {
    /// The contract: a boot that is told twice counts once.
    pub instance: InstanceId,
    /// Where.
    pub machine: MachineId,
    /// GPU, as the market writes it.
    pub gpu_name: String,
    /// Download bandwidth that the offer promised, in Mbit/s.
    pub download_mbps: f64,
    /// Disk bandwidth that the offer promised, in MB/s, when measured.
    pub disk_mb_per_s: Option<f64>,
    /// Gigabytes of the image.
    pub image_gb: f64,
    /// Gigabytes of the model.
    pub model_gb: f64,
    /// From renting to the end, in seconds.
    pub took_seconds: u32,
    /// How it ended.
    pub end: BootEnd,
    /// The model; absent in journals from before it was written down.
    #[serde(default)]
    pub model: Option<String>,
    /// Its stages; absent when it was not watched from its beginning.
    #[serde(default)]
    pub times: Option<BootTimes>,
}

/// How a boot ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BootEnd {
    /// The model was loaded.
    Ready,
    /// The host failed, or was too slow.
    Failed,
    /// We broke it off, or broke it ourselves: predictions learn nothing from it.
    BrokenOff,
}

/// Boots of ours that a prediction rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct OwnBoots {
    /// On this machine, with a loaded model at the end.
    pub machine_ready: u32,
    /// On this machine, without one.
    pub machine_failed: u32,
    /// On this kind of GPU, with a loaded model at the end.
    pub gpu_ready: u32,
}

/// Quantiles of the normal distribution.
const Z90: f64 = 1.281_552;
const Z95: f64 = 1.644_854;

impl BootTime {
    /// One in ten is faster.
    pub fn p10(self) -> Duration {
        self.quantile(-Z90)
    }

    /// One in ten is slower.
    pub fn p90(self) -> Duration {
        self.quantile(Z90)
    }

    /// One in twenty is slower.
    pub fn p95(self) -> Duration {
        self.quantile(Z95)
    }

    /// The chance of a boot that takes no longer than this, 0 to 1.
    #[expect(
        clippy::cast_precision_loss,
        reason = "seconds of a boot: far below 2^52"
    )]
    pub fn chance_within(self, time: Duration) -> f64 {
        if time <= Duration::zero() {
            return 0.0;
        }
        let seconds = |duration: Duration| duration.num_seconds().max(1) as f64;
        let distance = (seconds(time) / seconds(self.median)).ln();
        normal(distance / self.spread.max(0.01))
    }

    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        reason = "seconds of a boot: `as` saturates, and a boot of years is 'never'"
    )]
    fn quantile(self, z: f64) -> Duration {
        let seconds = self.median.num_seconds() as f64 * (z * self.spread).exp();
        Duration::try_seconds(seconds.ceil() as i64).unwrap_or(Duration::MAX)
    }
}

/// The normal distribution: the share below `z`. By Abramowitz and Stegun 7.1.26, right to 1e-6.
fn normal(z: f64) -> f64 {
    let x = z.abs() / std::f64::consts::SQRT_2;
    let t = 1.0 / (1.0 + 0.327_591_1 * x);
    let terms = [
        1.061_405_429,
        -1.453_152_027,
        1.421_413_741,
        -0.284_496_736,
        0.254_829_592,
    ];
    let polynomial = terms.iter().fold(0.0, |sum, term| (sum + term) * t);
    let tail = polynomial * (-x * x).exp() / 2.0;
    if z < 0.0 { tail } else { 1.0 - tail }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_and_chances_agree() {
        let boot = BootTime {
            median: Duration::minutes(30),
            spread: 0.4,
        };
        for (time, chance) in [
            (boot.p10(), 0.1),
            (boot.median, 0.5),
            (boot.p90(), 0.9),
            (boot.p95(), 0.95),
        ] {
            let found = boot.chance_within(time);
            assert!((found - chance).abs() < 0.001, "{found} for {chance}");
        }
        assert!(boot.chance_within(Duration::zero()) < f64::EPSILON);
    }
}

/// How long before the `PoC` renting begins (the margin comes on top), and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lead {
    /// So long.
    pub length: Duration,
    /// Why.
    pub basis: LeadBasis,
}

/// What a lead rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "by")]
pub enum LeadBasis {
    /// The operator's setting: too few boots of ours are measured.
    Setting {
        /// So many are.
        boots: usize,
    },
    /// Boots of ours that were measured.
    OwnBoots {
        /// So many.
        boots: usize,
        /// What 95 in 100 of them took at most.
        p95: Duration,
        /// Whether the setting let it have its way.
        bound: LeadBound,
    },
}

/// Where the setting holds a measured lead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LeadBound {
    /// It is what was measured.
    Within,
    /// It would be less than the setting: time for a second try is worth more than what it costs.
    Least,
    /// It would be more than twice the setting.
    Twice,
}

impl Lead {
    /// With fewer boots, the slowest of them says little of a slow boot.
    pub const ENOUGH_BOOTS: usize = 5;
}

impl fmt::Display for Lead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} min", self.length.num_minutes())?;
        match self.basis {
            LeadBasis::Setting { boots: 0 } => {
                write!(f, " by poc.lead: no boot of ours is measured yet")
            }
            LeadBasis::Setting { boots } => write!(
                f,
                " by poc.lead: {boots} of the {} boots that are needed are measured",
                Lead::ENOUGH_BOOTS
            ),
            LeadBasis::OwnBoots { boots, p95, bound } => {
                let bound = match bound {
                    LeadBound::Within => " with the time to register",
                    LeadBound::Least => " by poc.lead, which is enough",
                    LeadBound::Twice => ", twice poc.lead",
                };
                let slow = p95.num_minutes();
                write!(
                    f,
                    "{bound}: 95 % of {boots} own boots took at most {slow} min"
                )
            }
        }
    }
}
