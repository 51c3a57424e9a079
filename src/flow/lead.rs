//! How long before the `PoC` renting begins. Pure.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::domain::{BootEnd, Duration, Lead, LeadBasis, LeadBound, PastBoot};

/// Older boots say little about today's image and market.
const MOST: usize = 40;

/// By our own boots of a model of this size: p95 of a boot, and the time by which a registration has to
/// precede the `PoC`. `setting` is used while there are too few boots, and is the minimum afterwards:
/// a crash or a machine that fails costs time too. More than twice of it is up to the operator.
pub fn lead(
    boots: &[PastBoot],
    model_gb: f64,
    setting: Duration,
    registration_margin: Duration,
) -> Lead {
    let of_model = boots
        .iter()
        .rev()
        .filter(|boot| boot.end == BootEnd::Ready && (boot.model_gb - model_gb).abs() < 0.5);
    let mut seconds: Vec<u32> = of_model.take(MOST).map(|boot| boot.took_seconds).collect();
    seconds.sort_unstable();
    let boots = seconds.len();
    // The smallest that at least 95 in 100 do not exceed.
    let rank = (boots * 95).div_ceil(100);
    let p95 = rank.checked_sub(1).and_then(|index| seconds.get(index));
    let Some(p95) = p95.filter(|_| boots >= Lead::ENOUGH_BOOTS) else {
        return Lead {
            length: setting,
            basis: LeadBasis::Setting { boots },
        };
    };
    let p95 = Duration::seconds(i64::from(*p95));
    let (length, bound) = match p95 + registration_margin {
        measured if measured < setting => (setting, LeadBound::Least),
        measured if measured > setting * 2 => (setting * 2, LeadBound::Twice),
        measured => (measured, LeadBound::Within),
    };
    let basis = LeadBasis::OwnBoots { boots, p95, bound };
    Lead { length, basis }
}

/// Whether a boot fits into the time before the registration deadline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum BootTime {
    /// As long as the lead, or longer.
    Enough,
    /// A fast boot makes it.
    Short,
    /// No boot does.
    TooShort,
}

pub fn boot_time(left: Duration, lead: Duration) -> BootTime {
    if left >= lead {
        BootTime::Enough
    } else if left >= lead / 3 {
        BootTime::Short
    } else {
        BootTime::TooShort
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{InstanceId, MachineId};

    const MODEL_GB: f64 = 230.0;
    const SETTING: Duration = Duration::minutes(45);
    const REGISTRATION: Duration = Duration::minutes(3);

    fn boot(minutes: u32, end: BootEnd) -> PastBoot {
        PastBoot {
            instance: InstanceId(1),
            machine: MachineId(1),
            gpu_name: "H100 SXM".into(),
            download_mbps: 2_000.0,
            disk_mb_per_s: None,
            image_gb: 15.0,
            model_gb: MODEL_GB,
            took_seconds: minutes * 60,
            end,
            model: None,
            times: None,
        }
    }

    fn ready(minutes: impl IntoIterator<Item = u32>) -> Vec<PastBoot> {
        let boots = minutes.into_iter();
        boots.map(|minutes| boot(minutes, BootEnd::Ready)).collect()
    }

    fn of(boots: &[PastBoot]) -> Lead {
        lead(boots, MODEL_GB, SETTING, REGISTRATION)
    }

    #[test]
    fn setting_holds_until_enough_boots() {
        let mut boots = ready([30, 31, 32, 33]);
        // Failed boots and those of another model do not count.
        boots.push(boot(90, BootEnd::Failed));
        boots.push(PastBoot {
            model_gb: 60.0,
            ..boot(10, BootEnd::Ready)
        });
        let found = of(&boots);
        assert_eq!(found.length, SETTING);
        assert_eq!(found.basis, LeadBasis::Setting { boots: 4 });
    }

    #[test]
    fn lead_is_p95_plus_registration() {
        let found = of(&ready(41..=60));
        let basis = LeadBasis::OwnBoots {
            boots: 20,
            p95: Duration::minutes(59),
            bound: LeadBound::Within,
        };
        assert_eq!(found.basis, basis);
        let long_ago = ready([80; 40]).into_iter().chain(ready([50; 40]));
        let cases = [
            ("p95", ready(41..=60), 59 + 3),
            ("the slowest of few", ready([30, 30, 30, 30, 50]), 50 + 3),
            ("not old boots", long_ago.collect(), 50 + 3),
            ("at least the setting", ready([2; 20]), 45),
            ("at most twice the setting", ready([300; 20]), 90),
        ];
        for (what, boots, minutes) in cases {
            assert_eq!(of(&boots).length, Duration::minutes(minutes), "{what}");
        }
    }

    #[test]
    fn lead_explains_itself_in_words() {
        let text = |boots: Vec<PastBoot>| of(&boots).to_string();
        assert_eq!(
            text(ready(41..=60)),
            "62 min with the time to register: 95 % of 20 own boots took at most 59 min"
        );
        assert_eq!(
            text(ready([30])),
            "45 min by poc.lead: 1 of the 5 boots that are needed are measured"
        );
        assert_eq!(
            text(ready([2; 20])),
            "45 min by poc.lead, which is enough: 95 % of 20 own boots took at most 2 min"
        );
    }
}
