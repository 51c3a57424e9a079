//! How long before the `PoC` renting begins. Pure.

use crate::domain::{BootEnd, Duration, Lead, LeadBasis, LeadBound, PastBoot};

/// What is older says little of today's image and market.
const MOST: usize = 40;

/// By our own boots of a model of this size: what 95 in 100 took at most, and the time by which a
/// registration has to be there before the `PoC`. `setting` is what holds while they are too few, and
/// the least ever after: a crash or a machine that fails costs time too. More than twice of it is a
/// matter for the operator.
pub fn lead(
    boots: &[PastBoot],
    model_gb: f64,
    setting: Duration,
    registration_margin: Duration,
) -> Lead {
    let of_model = boots
        .iter()
        .filter(|boot| boot.end == BootEnd::Ready && (boot.model_gb - model_gb).abs() < 0.5);
    let mut seconds: Vec<u32> = of_model
        .rev()
        .take(MOST)
        .map(|boot| boot.took_seconds)
        .collect();
    seconds.sort_unstable();
    let boots = seconds.len();
    // The smallest that at least 95 in 100 are not above.
    let rank = (boots * 95).div_ceil(100);
    let p95 = rank.checked_sub(1).and_then(|index| seconds.get(index));
    match p95 {
        Some(p95) if boots >= Lead::ENOUGH_BOOTS => {
            let p95 = Duration::seconds(i64::from(*p95));
            let (length, bound) = match p95 + registration_margin {
                measured if measured < setting => (setting, LeadBound::Least),
                measured if measured > setting * 2 => (setting * 2, LeadBound::Twice),
                measured => (measured, LeadBound::Within),
            };
            let basis = LeadBasis::OwnBoots { boots, p95, bound };
            Lead { length, basis }
        }
        _ => Lead {
            length: setting,
            basis: LeadBasis::Setting { boots },
        },
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
    fn until_enough_boots_are_measured_the_setting_holds() {
        let mut boots = ready([30, 31, 32, 33]);
        // What failed, and what another model took, says nothing.
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
    fn it_is_what_95_in_100_of_our_boots_took_and_the_time_to_register() {
        let found = of(&ready(41..=60));
        let p95 = Duration::minutes(59);
        assert_eq!(found.length, p95 + REGISTRATION);
        let bound = LeadBound::Within;
        let basis = LeadBasis::OwnBoots {
            boots: 20,
            p95,
            bound,
        };
        assert_eq!(found.basis, basis);
        // With few, the slowest counts.
        assert_eq!(
            of(&ready([30, 30, 30, 30, 50])).length,
            Duration::minutes(50) + REGISTRATION
        );
    }

    #[test]
    fn the_setting_bounds_it_on_both_sides() {
        assert_eq!(of(&ready([2; 20])).length, SETTING);
        assert_eq!(of(&ready([300; 20])).length, SETTING * 2);
    }

    #[test]
    fn boots_of_long_ago_no_longer_count() {
        let boots: Vec<PastBoot> = ready([80; 40]).into_iter().chain(ready([50; 40])).collect();
        assert_eq!(of(&boots).length, Duration::minutes(50) + REGISTRATION);
    }

    #[test]
    fn it_explains_itself() {
        assert_eq!(
            of(&ready(41..=60)).to_string(),
            "62 min with the time to register: 95 % of 20 own boots took at most 59 min"
        );
        assert_eq!(
            of(&ready([30])).to_string(),
            "45 min by poc.lead: 1 of the 5 boots that are needed are measured"
        );
        assert_eq!(
            of(&ready([2; 20])).to_string(),
            "45 min by poc.lead, which is enough: 95 % of 20 own boots took at most 2 min"
        );
    }
}
