//! Predicts boot times: from the advertised numbers, corrected by our own boots. Pure.
//!
//! Each past boot is compared with the time that the offer's numbers predicted for it. The mean ratio
//! over all boots is the prior for a GPU model, and that for a machine; the fewer own boots, the more
//! the prior counts. For the general means every machine counts once, however often it was rented.

use std::collections::{BTreeMap, HashMap};

use super::cost::{self, BootWork};
use crate::domain::{
    BootEnd, BootStage, BootTime, Duration, MachineId, Offer, OwnBoots, PastBoot, StageTimes,
};

/// Weight of the prior in a mean, in boots.
const PRIOR_BOOTS: f64 = 2.0;
/// Weight of the prior in a spread and in the chance to fail, in boots.
const PRIOR_CASES: f64 = 4.0;
/// Spread without any own boots: one in twenty takes twice the median.
const USUAL_SPREAD: f64 = 0.42;
/// The same of a single stage: stages vary more than their sum.
const USUAL_STAGE_SPREAD: f64 = 0.6;
/// Reliability measures uptime, not boots: this many times the missing fraction fails to boot.
const FAILURES_PER_UNRELIABILITY: f64 = 5.0;
/// Models are comparable if the larger is at most this many times as large as the smaller.
const ALIKE: f64 = 2.0;

#[derive(Debug, Default)]
pub(super) struct Predictor {
    all: Boots,
    gpus: HashMap<String, Boots>,
    machines: HashMap<MachineId, Boots>,
}

/// Sums over boots or machines, of the logarithm of actual over predicted time.
#[derive(Debug, Default, Clone, Copy)]
struct Boots {
    ready: u32,
    failed: u32,
    /// Those whose time counts.
    timed: u32,
    /// Number of terms in `sum` and `squares`.
    cases: f64,
    sum: f64,
    squares: f64,
}

#[derive(Debug, Clone, Copy)]
struct Normal {
    mean: f64,
    variance: f64,
}

/// Without any own boots.
const UNKNOWN: Normal = Normal {
    mean: 0.0,
    variance: USUAL_SPREAD * USUAL_SPREAD,
};

impl Predictor {
    /// For a model of this size.
    pub(super) fn new(history: &[PastBoot], model_gb: f64) -> Predictor {
        Predictor::of(history, model_gb, Boots::add_time)
    }

    fn of_stage(history: &[PastBoot], model_gb: f64, stage: BootStage) -> Predictor {
        Predictor::of(history, model_gb, |boots, boot| {
            boots.add_stage(boot, stage);
        })
    }

    fn of(history: &[PastBoot], model_gb: f64, add: impl Fn(&mut Boots, &PastBoot)) -> Predictor {
        let mut predictor = Predictor::default();
        let mut gpu_of: BTreeMap<MachineId, &str> = BTreeMap::new();
        for boot in history {
            gpu_of.insert(boot.machine, &boot.gpu_name);
            let boots = predictor.machines.entry(boot.machine).or_default();
            boots.count(boot);
            if is_alike(boot, model_gb) {
                add(boots, boot);
            }
        }
        for (machine, gpu_name) in gpu_of {
            let boots = predictor.machines[&machine];
            predictor.all.add_machine(boots);
            let gpu = predictor.gpus.entry(gpu_name.to_owned()).or_default();
            gpu.add_machine(boots);
        }
        predictor
    }

    pub(super) fn boot(&self, offer: &Offer, image_gb: f64, model_gb: f64) -> BootTime {
        let promised = load(offer, image_gb, model_gb).seconds();
        self.refine(offer, UNKNOWN).times(promised)
    }

    /// The part of a boot in which the GPUs are not billed yet.
    pub(super) fn idle_part(
        boot: BootTime,
        offer: &Offer,
        image_gb: f64,
        model_gb: f64,
    ) -> Duration {
        let share = load(offer, image_gb, model_gb).idle_share();
        cost::bounded_seconds(boot.median.as_seconds_f64() * share)
    }

    /// The general distribution, refined with the boots of all, of the GPU and of the machine.
    fn refine(&self, offer: &Offer, general: Normal) -> Normal {
        let known = [
            Some(&self.all),
            self.gpus.get(&offer.gpu_name),
            self.machines.get(&offer.machine),
        ];
        let known = known.into_iter().flatten();
        known.fold(general, |general, boots| boots.refine(general))
    }

    /// Chance that a rental works at all, 0 to 1.
    pub(super) fn chance_to_work(&self, offer: &Offer) -> f64 {
        let failing = ((1.0 - offer.reliability) * FAILURES_PER_UNRELIABILITY).clamp(0.0, 1.0);
        let Some(own) = self.machines.get(&offer.machine) else {
            return 1.0 - failing;
        };
        let (failed, tried) = (f64::from(own.failed), f64::from(own.ready + own.failed));
        1.0 - (PRIOR_CASES * failing + failed) / (PRIOR_CASES + tried)
    }

    /// The own boots that both are based on.
    pub(super) fn own_boots(&self, offer: &Offer) -> OwnBoots {
        let machine = self.machines.get(&offer.machine);
        let gpu = self.gpus.get(&offer.gpu_name);
        let (machine, gpu) = (machine.copied(), gpu.copied());
        OwnBoots {
            machine_ready: machine.unwrap_or_default().ready,
            machine_failed: machine.unwrap_or_default().failed,
            machine_timed: machine.unwrap_or_default().timed,
            gpu_ready: gpu.unwrap_or_default().timed,
        }
    }
}

/// Whether the time of a boot predicts that of a model of this size. A model of a very different size
/// spends its time in other stages, and early versions recorded 60 GB for every model. Whether the boot
/// worked counts for any size.
fn is_alike(boot: &PastBoot, model_gb: f64) -> bool {
    let (small, large) = (boot.model_gb.min(model_gb), boot.model_gb.max(model_gb));
    large <= small.max(1.0) * ALIKE
}

impl Normal {
    fn times(self, promised_seconds: f64) -> BootTime {
        BootTime {
            median: cost::bounded_seconds(promised_seconds * self.mean.exp()),
            spread: self.variance.sqrt(),
        }
    }
}

/// Predicted time of each stage. The statistics of whole boots are the prior of each stage.
pub fn stage_times(
    history: &[PastBoot],
    offer: &Offer,
    image_gb: f64,
    model_gb: f64,
) -> StageTimes {
    let general = Normal {
        mean: Predictor::new(history, model_gb)
            .refine(offer, UNKNOWN)
            .mean,
        variance: USUAL_STAGE_SPREAD * USUAL_STAGE_SPREAD,
    };
    let load = load(offer, image_gb, model_gb);
    let time = |stage| {
        let normal = Predictor::of_stage(history, model_gb, stage).refine(offer, general);
        (stage, normal.times(load.stage_seconds(stage)))
    };
    let stages = BootStage::ALL.iter().copied();
    let stages = stages.filter(|stage| *stage != BootStage::Ready);
    StageTimes(stages.map(time).collect())
}

fn load(offer: &Offer, image_gb: f64, model_gb: f64) -> BootWork {
    BootWork {
        download_mbps: offer.download_mbps,
        disk_mb_per_s: offer.disk_mb_per_s,
        image_gb,
        model_gb,
    }
}

fn load_of(boot: &PastBoot) -> BootWork {
    BootWork {
        download_mbps: boot.download_mbps,
        disk_mb_per_s: boot.disk_mb_per_s,
        image_gb: boot.image_gb,
        model_gb: boot.model_gb,
    }
}

impl Boots {
    /// Whether the machine worked.
    fn count(&mut self, boot: &PastBoot) {
        match boot.end {
            BootEnd::Ready => self.ready += 1,
            BootEnd::Failed => self.failed += 1,
            BootEnd::BrokenOff => {}
        }
    }

    /// Only successful boots have a time.
    fn add_time(&mut self, boot: &PastBoot) {
        if boot.end == BootEnd::Ready {
            let promised = load_of(boot).seconds();
            self.timed += 1;
            self.add_case((f64::from(boot.took_seconds.max(1)) / promised).ln());
        }
    }

    /// Only completed stages of successful boots count.
    fn add_stage(&mut self, boot: &PastBoot, stage: BootStage) {
        let Some(times) = boot.times.as_ref().filter(|_| boot.end == BootEnd::Ready) else {
            return;
        };
        let Some(took) = times.comparable(stage) else {
            return;
        };
        let promised = load_of(boot).stage_seconds(stage);
        self.add_case((took.as_seconds_f64().max(1.0) / promised).ln());
    }

    /// Adds a machine's mean as one case.
    fn add_machine(&mut self, machine: Boots) {
        self.ready += machine.ready;
        self.failed += machine.failed;
        self.timed += machine.timed;
        if machine.cases > 0.0 {
            self.add_case(machine.sum / machine.cases);
        }
    }

    fn add_case(&mut self, log: f64) {
        self.cases += 1.0;
        self.sum += log;
        self.squares += log * log;
    }

    /// The prior updated with these cases.
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
    use crate::domain::InstanceId;
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
        Predictor::new(history, MODEL_GB).boot(offer, IMAGE_GB, MODEL_GB)
    }

    fn stages(history: &[PastBoot], offer: &Offer) -> StageTimes {
        stage_times(history, offer, IMAGE_GB, MODEL_GB)
    }

    fn is_about(found: Duration, wanted: f64, than: Duration) -> bool {
        let share = found.as_seconds_f64() / than.as_seconds_f64();
        (share / wanted - 1.0).abs() < 0.1
    }

    #[test]
    fn slow_machine_shifts_its_gpu_slightly() {
        let (slow, other) = (an_offer(1), an_offer(2));
        let mut stranger = an_offer(3);
        stranger.gpu_name = "H200".into();
        let history = vec![a_boot(&slow, 2.0, BootEnd::Ready); 20];
        let plain = predicted(&[], &slow).median;
        assert!(is_about(predicted(&history, &slow).median, 2.0, plain));
        // These are the only boots, so others are expected to be slower too, the less alike the less.
        let same_gpu = predicted(&history, &other).median;
        let other_gpu = predicted(&history, &stranger).median;
        assert!(
            plain < other_gpu && other_gpu <= same_gpu,
            "{other_gpu} {same_gpu}"
        );
        assert!(same_gpu <= predicted(&history, &slow).median);
    }

    #[test]
    fn one_boot_shifts_prediction_partly() {
        let offer = an_offer(1);
        let history = [a_boot(&offer, 3.0, BootEnd::Ready)];
        let plain = predicted(&[], &offer).median;
        let learned = predicted(&history, &offer).median;
        assert!(learned > plain && learned < plain * 3, "{learned}");
    }

    #[test]
    fn similar_boots_narrow_the_band() {
        let offer = an_offer(1);
        let history = vec![a_boot(&offer, 1.0, BootEnd::Ready); 20];
        let (plain, learned) = (predicted(&[], &offer), predicted(&history, &offer));
        assert!(is_about(learned.median, 1.0, plain.median));
        assert!(learned.p90() < plain.p90() && learned.p10() > plain.p10());
    }

    #[test]
    fn failed_machine_lowers_success_chance() {
        let (failed, other) = (an_offer(1), an_offer(2));
        let predictor = Predictor::new(&[a_boot(&failed, 1.0, BootEnd::Failed)], MODEL_GB);
        assert!(predictor.chance_to_work(&failed) < predictor.chance_to_work(&other) - 0.1);
        assert_eq!(predictor.own_boots(&failed).machine_failed, 1);
        // A failure does not change the predicted time.
        let time = predictor.boot(&failed, IMAGE_GB, MODEL_GB);
        assert_eq!(time.median, predicted(&[], &failed).median);
    }

    /// A boot of which only the download took `times_as_long`.
    fn a_slow_download(offer: &Offer, times_as_long: f64) -> PastBoot {
        use crate::domain::{BootTimes, ReplicaId, Time};
        let mut at = Time::from_timestamp(1_790_000_000, 0).unwrap();
        let rented = at;
        let mut started = Vec::new();
        for (stage, time) in stages(&[], offer).0 {
            started.push((stage, at));
            let slow = stage == BootStage::Downloading;
            let times = if slow { times_as_long } else { 1.0 };
            at += cost::bounded_seconds(time.median.as_seconds_f64() * times);
        }
        started.push((BootStage::Ready, at));
        let times = BootTimes {
            label: "pocpit/home/359/1-abc".parse().unwrap(),
            replica: ReplicaId::default(),
            instance: None,
            machine: offer.machine,
            host: None,
            gpu_name: offer.gpu_name.clone(),
            gpu_count: offer.gpu_count,
            started,
            ended: at,
            fault: None,
            meaning: crate::domain::StageMeaning::Stated,
            runs: 1,
        };
        PastBoot {
            took_seconds: u32::try_from((at - rented).num_seconds()).unwrap(),
            times: Some(times),
            ..a_boot(offer, 1.0, BootEnd::Ready)
        }
    }

    fn of_stage(times: &StageTimes, wanted: BootStage) -> BootTime {
        let mut all = times.0.iter();
        all.find(|(stage, _)| *stage == wanted).unwrap().1
    }

    #[test]
    fn boots_of_other_sizes_teach_no_times() {
        let offer = an_offer(1);
        let history = vec![a_boot(&offer, 3.0, BootEnd::Ready); 20];
        let large = |history: &[PastBoot]| {
            let predictor = Predictor::new(history, 4.0 * MODEL_GB);
            predictor.boot(&offer, IMAGE_GB, 4.0 * MODEL_GB).median
        };
        assert_eq!(large(&history), large(&[]));
    }

    #[test]
    fn boots_of_other_sizes_count_as_successes() {
        // Given a machine that booted another model nine times, and failed once with this one,
        let (offer, other) = (an_offer(1), an_offer(2));
        let mut history = vec![a_boot(&offer, 1.0, BootEnd::Ready); 9];
        for boot in &mut history {
            boot.model_gb = 4.0 * MODEL_GB;
        }
        history.push(a_boot(&offer, 1.0, BootEnd::Failed));
        let predictor = Predictor::new(&history, MODEL_GB);
        // then it is no worse than one that failed once and never worked,
        let failed = Predictor::new(&history[9..], MODEL_GB);
        let chance = predictor.chance_to_work(&offer);
        assert!(chance > failed.chance_to_work(&offer) + 0.1, "{chance}");
        // and nearly as good as an unknown one.
        assert!(chance > predictor.chance_to_work(&other) - 0.1, "{chance}");
        assert_eq!(predictor.own_boots(&offer).machine_ready, 9);
    }

    #[test]
    fn stage_times_sum_to_total() {
        let offer = an_offer(1);
        let stages = stages(&[], &offer).0;
        let sum: i64 = stages
            .iter()
            .map(|(_, time)| time.median.num_seconds())
            .sum();
        let whole = predicted(&[], &offer).median.num_seconds();
        assert!((sum - whole).abs() <= 8, "{sum} {whole}");
    }

    #[test]
    fn slow_stage_shifts_only_itself() {
        let offer = an_offer(1);
        let history = vec![a_slow_download(&offer, 3.0); 20];
        let (plain, learned) = (stages(&[], &offer), stages(&history, &offer));
        for (stage, times) in [(BootStage::Downloading, 3.0), (BootStage::Graphs, 1.0)] {
            let (before, after) = (of_stage(&plain, stage), of_stage(&learned, stage));
            let share = after.median.as_seconds_f64() / before.median.as_seconds_f64();
            assert!((share / times - 1.0).abs() < 0.2, "{stage}: {share}");
            assert!(after.spread < before.spread, "{stage}");
        }
    }

    #[test]
    fn boots_without_stages_shift_all() {
        let offer = an_offer(1);
        let history = vec![a_boot(&offer, 2.0, BootEnd::Ready); 20];
        let loading = |history| of_stage(&stages(history, &offer), BootStage::Loading);
        let (before, after) = (loading(&[]), loading(&history));
        assert!(is_about(after.median, 2.0, before.median), "{after:?}");
    }

    #[test]
    fn invalid_numbers_give_bounded_estimate() {
        let mut offer = an_offer(1);
        offer.download_mbps = f64::NAN;
        offer.disk_mb_per_s = Some(-3.0);
        let boot = Predictor::default().boot(&offer, f64::MAX, f64::MAX);
        assert!(boot.median > Duration::zero() && boot.p95() <= Duration::days(6));
    }
}
