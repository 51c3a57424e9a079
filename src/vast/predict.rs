//! Predicts boots: by what the offer promises, corrected by our own boots. Pure.
//!
//! Each boot of ours is compared with what the offer's numbers alone predicted for it. What all of
//! them say corrects a kind of GPU, and that a machine, each as far as its own boots are few. A
//! machine that was rented often says no more about others than one that was rented once.

use std::collections::{BTreeMap, HashMap};

use super::cost;
use crate::domain::{BootEnd, BootTime, MachineId, Offer, OwnBoots, PastBoot};

/// So many boots' worth the more general knowledge counts in a mean.
const PRIOR_BOOTS: f64 = 2.0;
/// So many boots' worth it counts in a spread, and in the chance to fail.
const PRIOR_CASES: f64 = 4.0;
/// Spread of boots of which nothing is known: one in twenty takes twice the median.
const USUAL_SPREAD: f64 = 0.42;
/// Reliability measures uptime and not boots: of the missing share, this many times as many fail.
const FAILURES_PER_UNRELIABILITY: f64 = 5.0;

/// What is learned from our own boots.
#[derive(Debug, Default)]
pub(super) struct Predictor {
    all: Boots,
    gpus: HashMap<String, Boots>,
    machines: HashMap<MachineId, Boots>,
}

/// Sums over boots, or over machines: logarithms of the time that they took, in units of what was
/// promised.
#[derive(Debug, Default, Clone, Copy)]
struct Boots {
    ready: u32,
    failed: u32,
    /// What `sum` and `squares` are sums of.
    cases: f64,
    sum: f64,
    squares: f64,
}

/// A distribution of such logarithms.
#[derive(Debug, Clone, Copy)]
struct Normal {
    mean: f64,
    variance: f64,
}

impl Predictor {
    pub(super) fn new(history: &[PastBoot]) -> Predictor {
        let mut predictor = Predictor::default();
        let mut gpu_of: BTreeMap<MachineId, &str> = BTreeMap::new();
        for boot in history {
            gpu_of.insert(boot.machine, &boot.gpu_name);
            predictor
                .machines
                .entry(boot.machine)
                .or_default()
                .add(boot);
        }
        for (machine, gpu_name) in gpu_of {
            let boots = predictor.machines[&machine];
            predictor.all.add_machine(boots);
            predictor
                .gpus
                .entry(gpu_name.to_owned())
                .or_default()
                .add_machine(boots);
        }
        predictor
    }

    /// How long a boot takes there.
    pub(super) fn boot(&self, offer: &Offer, image_gb: f64, model_gb: f64) -> BootTime {
        let promised = cost::promised_boot_seconds(
            offer.download_mbps,
            offer.disk_mb_per_s,
            image_gb,
            model_gb,
        );
        let unknown = Normal {
            mean: 0.0,
            variance: USUAL_SPREAD * USUAL_SPREAD,
        };
        let known = [
            Some(&self.all),
            self.gpus.get(&offer.gpu_name),
            self.machines.get(&offer.machine),
        ];
        let known = known.into_iter().flatten();
        let normal = known.fold(unknown, |general, boots| boots.refine(general));
        BootTime {
            median: cost::bounded_seconds(promised * normal.mean.exp()),
            spread: normal.variance.sqrt(),
        }
    }

    /// The chance that a rental there works at all, 0 to 1.
    pub(super) fn chance_to_work(&self, offer: &Offer) -> f64 {
        let failing = ((1.0 - offer.reliability) * FAILURES_PER_UNRELIABILITY).clamp(0.0, 1.0);
        let Some(own) = self.machines.get(&offer.machine) else {
            return 1.0 - failing;
        };
        let (failed, tried) = (f64::from(own.failed), f64::from(own.ready + own.failed));
        1.0 - (PRIOR_CASES * failing + failed) / (PRIOR_CASES + tried)
    }

    /// What both rest on.
    pub(super) fn own_boots(&self, offer: &Offer) -> OwnBoots {
        let machine = self.machines.get(&offer.machine);
        let gpu = self.gpus.get(&offer.gpu_name);
        OwnBoots {
            machine_ready: machine.map_or(0, |boots| boots.ready),
            machine_failed: machine.map_or(0, |boots| boots.failed),
            gpu_ready: gpu.map_or(0, |boots| boots.ready),
        }
    }
}

impl Boots {
    fn add(&mut self, boot: &PastBoot) {
        match boot.end {
            BootEnd::Ready => {}
            BootEnd::Failed => {
                self.failed += 1;
                return;
            }
            BootEnd::BrokenOff => return,
        }
        let promised = cost::promised_boot_seconds(
            boot.download_mbps,
            boot.disk_mb_per_s,
            boot.image_gb,
            boot.model_gb,
        );
        let log = (f64::from(boot.took_seconds.max(1)) / promised).ln();
        self.ready += 1;
        self.add_case(log);
    }

    /// Adds what a machine does on average, as one case.
    fn add_machine(&mut self, machine: Boots) {
        self.ready += machine.ready;
        self.failed += machine.failed;
        if machine.ready > 0 {
            self.add_case(machine.sum / machine.cases);
        }
    }

    fn add_case(&mut self, log: f64) {
        self.cases += 1.0;
        self.sum += log;
        self.squares += log * log;
    }

    /// The general knowledge with these cases in it.
    fn refine(&self, general: Normal) -> Normal {
        let cases = self.cases;
        let mean = (PRIOR_BOOTS * general.mean + self.sum) / (PRIOR_BOOTS + cases);
        let around_mean = self.squares - 2.0 * mean * self.sum + cases * mean * mean;
        let variance =
            (PRIOR_CASES * general.variance + around_mean.max(0.0)) / (PRIOR_CASES + cases);
        Normal { mean, variance }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Duration, InstanceId};
    use crate::vast::rank::tests::an_offer;

    const IMAGE_GB: f64 = 15.0;
    const MODEL_GB: f64 = 60.0;

    fn a_boot(offer: &Offer, times_as_long: f64, end: BootEnd) -> PastBoot {
        let promised = Predictor::default().boot(offer, IMAGE_GB, MODEL_GB).median;
        let took = promised.as_seconds_f64() * times_as_long;
        PastBoot {
            instance: InstanceId(1),
            machine: offer.machine,
            gpu_name: offer.gpu_name.clone(),
            download_mbps: offer.download_mbps,
            disk_mb_per_s: offer.disk_mb_per_s,
            image_gb: IMAGE_GB,
            model_gb: MODEL_GB,
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "hours"
            )]
            took_seconds: took as u32,
            end,
            model: None,
            times: None,
        }
    }

    fn predicted(history: &[PastBoot], offer: &Offer) -> BootTime {
        Predictor::new(history).boot(offer, IMAGE_GB, MODEL_GB)
    }

    fn is_about(found: Duration, wanted: f64, than: Duration) -> bool {
        let share = found.as_seconds_f64() / than.as_seconds_f64();
        (share / wanted - 1.0).abs() < 0.1
    }

    #[test]
    fn a_machine_that_is_always_slow_is_predicted_slow_and_its_gpu_a_little() {
        let (slow, other) = (an_offer(1), an_offer(2));
        let mut stranger = an_offer(3);
        stranger.gpu_name = "H200".into();
        let history: Vec<PastBoot> = (0..20)
            .map(|_| a_boot(&slow, 2.0, BootEnd::Ready))
            .collect();
        let plain = predicted(&[], &slow).median;
        assert!(is_about(predicted(&history, &slow).median, 2.0, plain));
        // All that is known of boots at all are these: others are expected to be slower too, the
        // less alike the less.
        let same_gpu = predicted(&history, &other).median;
        let other_gpu = predicted(&history, &stranger).median;
        assert!(
            plain < other_gpu && other_gpu <= same_gpu,
            "{other_gpu} {same_gpu}"
        );
        assert!(same_gpu <= predicted(&history, &slow).median);
    }

    #[test]
    fn a_single_boot_moves_a_prediction_only_half_way() {
        let offer = an_offer(1);
        let history = [a_boot(&offer, 3.0, BootEnd::Ready)];
        let (plain, learned) = (
            predicted(&[], &offer).median,
            predicted(&history, &offer).median,
        );
        assert!(learned > plain && learned < plain * 3, "{learned}");
    }

    #[test]
    fn boots_that_are_alike_make_the_band_narrow() {
        let offer = an_offer(1);
        let history: Vec<PastBoot> = (0..20)
            .map(|_| a_boot(&offer, 1.0, BootEnd::Ready))
            .collect();
        let (plain, learned) = (predicted(&[], &offer), predicted(&history, &offer));
        assert!(is_about(learned.median, 1.0, plain.median));
        assert!(learned.p90() < plain.p90() && learned.p10() > plain.p10());
    }

    #[test]
    fn a_machine_that_failed_is_trusted_less_than_its_reliability_says() {
        let (failed, other) = (an_offer(1), an_offer(2));
        let predictor = Predictor::new(&[a_boot(&failed, 1.0, BootEnd::Failed)]);
        assert!(predictor.chance_to_work(&failed) < predictor.chance_to_work(&other) - 0.1);
        assert_eq!(predictor.own_boots(&failed).machine_failed, 1);
        // A failure says nothing of how long a boot takes.
        let time = predictor.boot(&failed, IMAGE_GB, MODEL_GB);
        assert_eq!(time.median, predicted(&[], &failed).median);
    }

    #[test]
    fn nonsense_numbers_give_a_bounded_estimate() {
        let mut offer = an_offer(1);
        offer.download_mbps = f64::NAN;
        offer.disk_mb_per_s = Some(-3.0);
        let boot = Predictor::default().boot(&offer, f64::MAX, f64::MAX);
        assert!(boot.median > Duration::zero() && boot.p95() <= Duration::days(6));
    }
}
