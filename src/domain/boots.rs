//! How long boots take and how they ended: predictions, and what they learn from.

use std::collections::BTreeMap;
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use strum::{IntoStaticStr, VariantArray};

use super::{BootStage, BootTimes, Duration, InstanceId, MachineId, PoolName};

/// How long a boot takes, from renting to a loaded model: the logarithm of the time is normally
/// distributed, because what slows a boot down multiplies.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct BootTime {
    /// Half of all boots are faster.
    pub median: Duration,
    /// Standard deviation of the natural logarithm of the time.
    pub spread: f64,
}

/// How long each stage of one boot takes, in order.
#[derive(Debug, Clone, PartialEq)]
pub struct StageTimes(pub Vec<(BootStage, BootTime)>);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TimeLeft {
    pub p10: Duration,
    pub p50: Duration,
    pub p90: Duration,
}

/// How much of the model's download is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DownloadLeft {
    /// The usual time applies.
    Unknown,
    /// The files are there.
    Nothing,
    /// Too few bytes to rely on alone: only whole files are counted.
    AtMost(Duration),
    /// By bytes.
    About(Duration),
}

/// From this share of the bytes on, they predict the time left.
const TELLING_SHARE: f64 = 0.3;
/// Spread of a time that is predicted by bytes.
const SPREAD_BY_BYTES: f64 = 0.3;

impl DownloadLeft {
    /// By the share of the bytes and the seconds that it took.
    pub fn of(share: Option<f64>, seconds: Option<f64>) -> DownloadLeft {
        let (Some(share), Some(seconds)) = (share, seconds) else {
            return DownloadLeft::Unknown;
        };
        if share <= 0.0 || seconds <= 0.0 {
            return DownloadLeft::Unknown;
        }
        let left = of_seconds((seconds * (1.0 - share) / share).max(1.0));
        if share < TELLING_SHARE {
            DownloadLeft::AtMost(left)
        } else {
            DownloadLeft::About(left)
        }
    }

    fn refine(self, usual: BootTime) -> Option<BootTime> {
        let by_bytes = |median| BootTime {
            median,
            spread: SPREAD_BY_BYTES,
        };
        match self {
            DownloadLeft::Unknown => Some(usual),
            DownloadLeft::Nothing => None,
            DownloadLeft::AtMost(left) if left < usual.median => Some(by_bytes(left)),
            DownloadLeft::AtMost(_) => Some(usual),
            DownloadLeft::About(left) => Some(by_bytes(left)),
        }
    }
}

/// One of our boots that ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PastBoot {
    /// The contract: a boot that is recorded twice counts once.
    pub instance: InstanceId,
    pub machine: MachineId,
    /// GPU, as the market writes it.
    pub gpu_name: String,
    /// Download bandwidth that the offer promised, in Mbit/s.
    pub download_mbps: f64,
    /// Disk bandwidth that the offer promised, in MB/s, when measured.
    pub disk_mb_per_s: Option<f64>,
    pub image_gb: f64,
    pub model_gb: f64,
    /// From renting to the end, in seconds.
    pub took_seconds: u32,
    pub end: BootEnd,
    /// Absent in old journals.
    #[serde(default)]
    pub model: Option<String>,
    /// Its stages; absent when it was not watched from the beginning.
    #[serde(default)]
    pub times: Option<BootTimes>,
}

#[derive(Serialize, Deserialize, IntoStaticStr, VariantArray)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum BootEnd {
    Ready,
    /// The host failed, or was too slow.
    Failed,
    /// We ended or broke it: predictions learn nothing from it.
    BrokenOff,
}

impl BootEnd {
    pub const ALL: &'static [BootEnd] = BootEnd::VARIANTS;

    pub fn name(self) -> &'static str {
        self.into()
    }
}

/// Boots that ended in this run of the program, by the pool of their replica.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct BootTally(BTreeMap<PoolName, PoolBoots>);

/// Those of a pool. One that was ready and broke later is both.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct PoolBoots {
    ends: BTreeMap<BootEnd, u64>,
    faults: BTreeMap<String, u64>,
}

/// The fault of a failed boot that nothing else explains.
const TOO_SLOW: &str = "too slow";

impl BootTally {
    pub fn count(&mut self, pool: &PoolName, end: BootEnd, times: Option<&BootTimes>) {
        self.0.entry(pool.clone()).or_default().count(end, times);
    }

    pub fn of(&self, pool: &PoolName) -> PoolBoots {
        self.0.get(pool).cloned().unwrap_or_default()
    }
}

impl PoolBoots {
    fn count(&mut self, end: BootEnd, times: Option<&BootTimes>) {
        *self.ends.entry(end).or_default() += 1;
        let fault = times.and_then(|times| match (&times.fault, end) {
            (_, BootEnd::Ready) => None,
            (Some(fault), _) => Some(fault.as_str()),
            (None, BootEnd::Failed) => Some(TOO_SLOW),
            (None, BootEnd::BrokenOff) => None,
        });
        if let Some(fault) = fault {
            *self.faults.entry(fault.to_owned()).or_default() += 1;
        }
    }

    pub fn ended(&self, end: BootEnd) -> u64 {
        self.ends.get(&end).copied().unwrap_or_default()
    }

    /// Faults and their counts.
    pub fn faults(&self) -> impl Iterator<Item = (&str, u64)> {
        let faults = self.faults.iter();
        faults.map(|(name, count)| (name.as_str(), *count))
    }
}

/// Our own boots that a prediction is based on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct OwnBoots {
    /// On this machine, until the model was loaded.
    pub machine_ready: u32,
    /// On this machine, without one.
    pub machine_failed: u32,
    /// On this machine, with a time that counts: until a model of a similar size was loaded.
    #[serde(default)]
    pub machine_timed: u32,
    /// The same on this kind of GPU.
    pub gpu_ready: u32,
}

/// Quantiles of the normal distribution.
const Z90: f64 = 1.281_552;
const Z95: f64 = 1.644_854;
/// Beyond this share the tail is not worth its digits.
const NEARLY_ALL: f64 = 0.999;

impl BootTime {
    pub fn p10(self) -> Duration {
        self.quantile(-Z90)
    }

    pub fn p90(self) -> Duration {
        self.quantile(Z90)
    }

    pub fn p95(self) -> Duration {
        self.quantile(Z95)
    }

    /// The chance that it takes no longer than `time`, 0 to 1.
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

    /// What is left after `spent`: the longer it exceeds the usual, the more.
    #[expect(clippy::cast_precision_loss, reason = "seconds of a boot")]
    fn after(self, spent: Duration) -> BootTime {
        if spent <= Duration::zero() {
            return self;
        }
        let over = self.chance_within(spent).min(NEARLY_ALL);
        let left = |share: f64| {
            let whole = self.quantile(normal_quantile(over + (1.0 - over) * share));
            (whole - spent).max(spent / 10).num_seconds().max(1) as f64
        };
        let (median, late) = (left(0.5), left(0.9));
        BootTime {
            median: of_seconds(median),
            spread: (late / median).ln() / Z90,
        }
    }

    fn quantile(self, z: f64) -> Duration {
        of_seconds(self.median.as_seconds_f64() * (z * self.spread).exp())
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "`as` saturates, and a boot of years is 'never'"
)]
fn of_seconds(seconds: f64) -> Duration {
    Duration::try_seconds(seconds.ceil() as i64).unwrap_or(Duration::MAX)
}

impl StageTimes {
    /// From the beginning to the end of `stage`.
    pub fn through(&self, stage: BootStage) -> BootTime {
        let until_here = self.0.iter().filter(|(of, _)| *of <= stage);
        sum(until_here.map(|(_, time)| *time)).unwrap_or_default()
    }

    /// What is left of a boot that has been in `stage` for `spent`.
    pub fn left(&self, stage: BootStage, spent: Duration, download: DownloadLeft) -> TimeLeft {
        let left = self.0.iter().filter(|(of, _)| *of >= stage);
        let left = left.filter_map(|(of, time)| {
            let usual = if *of == stage {
                time.after(spent)
            } else {
                *time
            };
            match of {
                BootStage::Downloading => download.refine(usual),
                _ => Some(usual),
            }
        });
        sum(left).map_or_else(TimeLeft::default, |sum| TimeLeft {
            p10: sum.p10(),
            p50: sum.median,
            p90: sum.p90(),
        })
    }
}

/// One after the other, independent of each other: the lognormal with the mean and variance of the sum
/// (Fenton and Wilkinson).
fn sum(times: impl Iterator<Item = BootTime>) -> Option<BootTime> {
    let (mut mean, mut variance) = (0.0, 0.0);
    for time in times {
        let squared = time.spread * time.spread;
        let own = time.median.as_seconds_f64() * (squared / 2.0).exp();
        mean += own;
        variance += own * own * squared.exp_m1();
    }
    (mean > 0.0).then(|| {
        let squared = (variance / (mean * mean)).ln_1p();
        BootTime {
            median: of_seconds(mean * (-squared / 2.0).exp()),
            spread: squared.sqrt(),
        }
    })
}

/// The inverse of [`normal`], by bisection.
fn normal_quantile(share: f64) -> f64 {
    let (mut low, mut high) = (-8.0, 8.0);
    for _ in 0..40 {
        let middle = f64::midpoint(low, high);
        if normal(middle) < share {
            low = middle;
        } else {
            high = middle;
        }
    }
    low
}

/// The normal distribution: the share below `z`. By Abramowitz and Stegun 7.1.26, accurate to 1e-6.
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

    const UNKNOWN: DownloadLeft = DownloadLeft::Unknown;

    fn stages() -> StageTimes {
        let stages = BootStage::ALL.iter().copied();
        let stages = stages.filter(|stage| *stage != BootStage::Ready);
        let time = BootTime {
            median: Duration::minutes(4),
            spread: 0.5,
        };
        StageTimes(stages.map(|stage| (stage, time)).collect())
    }

    #[test]
    fn time_left_shrinks_stage_by_stage() {
        let stages = stages();
        let none = Duration::zero();
        let whole = stages.left(BootStage::Placed, none, UNKNOWN);
        assert!(whole.p10 < whole.p50 && whole.p50 < whole.p90, "{whole:?}");
        // Eight stages of four minutes, each with a tail.
        assert!(whole.p50 > Duration::minutes(32) && whole.p50 < Duration::minutes(38));
        for pair in BootStage::ALL.windows(2) {
            let (now, next) = (
                stages.left(pair[0], none, UNKNOWN),
                stages.left(pair[1], none, UNKNOWN),
            );
            assert!(next.p10 < now.p10 && next.p50 < now.p50 && next.p90 < now.p90);
        }
        assert_eq!(stages.left(BootStage::Ready, none, UNKNOWN).p90, none);
    }

    #[test]
    fn spent_and_left_make_the_whole() {
        let stages = stages();
        let whole = stages.left(BootStage::Placed, Duration::zero(), UNKNOWN);
        assert_eq!(stages.through(BootStage::Graphs).p90(), whole.p90);
        let first = stages.through(BootStage::Placed);
        assert!((first.median - Duration::minutes(4)).num_seconds() <= 1);
    }

    #[test]
    fn bytes_tell_what_is_left_of_a_download() {
        let stages = stages();
        let left = |download| {
            let spent = Duration::minutes(2);
            stages.left(BootStage::Downloading, spent, download).p50
        };
        let (usual, none) = (left(UNKNOWN), left(DownloadLeft::Nothing));
        assert_eq!(DownloadLeft::of(None, Some(120.0)), UNKNOWN);
        // A third of it took two minutes: four are left, and the later stages.
        let slow = DownloadLeft::of(Some(1.0 / 3.0), Some(120.0));
        let between = left(slow) - none;
        assert!((3..=5).contains(&between.num_minutes()), "{between}");
        // Whole files only: the first bytes never lengthen the forecast.
        assert_eq!(left(DownloadLeft::of(Some(0.05), Some(120.0))), usual);
        assert!(left(DownloadLeft::of(Some(0.29), Some(20.0))) < usual);
    }

    #[test]
    fn unusually_long_stage_delays_the_end() {
        let stages = stages();
        let last = |minutes| {
            stages
                .left(BootStage::Graphs, Duration::minutes(minutes), UNKNOWN)
                .p50
        };
        assert!(last(2) < last(0), "{} {}", last(2), last(0));
        assert!(last(30) > last(8), "{} {}", last(30), last(8));
    }

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

/// How long before the `PoC` to rent (the margin comes on top), and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lead {
    pub length: Duration,
    pub basis: LeadBasis,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "by")]
pub enum LeadBasis {
    /// The operator's setting: too few own boots are measured.
    Setting { boots: usize },
    /// Measured own boots.
    OwnBoots {
        boots: usize,
        /// What 95 % of them took at most.
        p95: Duration,
        bound: LeadBound,
    },
}

/// How the setting bounds a measured lead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LeadBound {
    /// It is as measured.
    Within,
    /// It would be less than the setting: time for a second try is worth its cost.
    Least,
    /// It would be more than twice the setting.
    Twice,
}

impl Lead {
    /// With fewer boots, the slowest of them says little about slow boots.
    pub const ENOUGH_BOOTS: usize = 5;
}

impl fmt::Display for Lead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} min", self.length.num_minutes())?;
        match self.basis {
            LeadBasis::Setting { boots: 0 } => {
                write!(f, " by poc.lead: no boot has been measured yet")
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
