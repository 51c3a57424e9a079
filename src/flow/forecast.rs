//! What a release policy costs, and how likely it loses the epoch's reward. Pure.
//!
//! Confirmation `PoC`s come at random, evenly over the heights at which the chain may trigger one:
//! with N expected in an epoch the chance of none in a part c of those heights is e^(-N c). One that
//! is triggered while the rental is held is answered; one after its release loses the reward.

use serde::{Deserialize, Serialize};

use super::heights::Epoch;
use super::lead::{BootTime, boot_time};
use crate::domain::{
    Blocks, ConfirmationParams, Duration, EpochParams, EpochStages, Height, ReleasePolicy, Usd,
    UsdPerHour,
};

/// What a forecast depends on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Terms {
    pub stages: EpochStages,
    pub params: EpochParams,
    pub confirmation: ConfirmationParams,
    /// Mean time of a block.
    pub block: Duration,
    /// From renting to `poc_start`.
    pub before_poc: Duration,
    /// From renting to the registration, of a slow boot.
    pub lead: Duration,
    /// What the lease adds to the planned release.
    pub lease: Duration,
    /// A rental lives no longer than this after `poc_start`, whatever the policy.
    pub longest: Duration,
    /// Price of an hour, disk included.
    pub price: UsdPerHour,
    pub downloads: Usd,
}

/// Assumed until the chain's own parameters are read: one an epoch, and half of what is expected, as in
/// the host documentation.
pub const ASSUMED_CONFIRMATION: ConfirmationParams = ConfirmationParams {
    expected_per_epoch: 1.0,
    alpha_threshold: 0.5,
};

/// What a release policy costs and risks.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct PolicyForecast {
    pub policy: ReleasePolicy,
    /// Where the rental is released while no confirmation `PoC` has come.
    pub release_height: Height,
    /// Expected time from renting to the release, in hours.
    pub hours: f64,
    pub expected_cost: Usd,
    /// Cost at worst: until the lease ends.
    pub worst_cost: Usd,
    /// Chance that a confirmation `PoC` comes after the release, 0 to 1.
    pub chance_of_losing: f64,
    /// `poc.execution_timeout` ends the rental before the policy does.
    pub cut_short: bool,
    /// Whether the time after the release is long enough to boot for the next epoch.
    pub next_boot: BootTime,
}

impl PolicyForecast {
    /// From which reward of an epoch on this policy pays, compared with a cheaper and riskier one;
    /// absent when the other is not.
    pub fn pays_from(&self, other: &PolicyForecast) -> Option<Usd> {
        let extra = self.expected_cost.dollars() - other.expected_cost.dollars();
        let saved = other.chance_of_losing - self.chance_of_losing;
        (extra > 0.0 && saved > 1e-6).then(|| Usd::from_dollars(extra / saved))
    }
}

/// What `policy` costs and risks on these terms.
pub fn forecast(policy: ReleasePolicy, terms: &Terms) -> PolicyForecast {
    let epoch = Epoch {
        stages: terms.stages,
        params: terms.params,
        block: terms.block,
    };
    let start = terms.stages.poc_start;
    let cut = start + epoch.blocks_in(terms.longest);
    let planned = epoch.release(policy);
    let odds = Odds::of(epoch, planned, cut, terms.confirmation.expected_per_epoch);
    let (chance, held) = match policy {
        ReleasePolicy::AfterConfirmation => (odds.of_a_second(), odds.until_the_first(start)),
        _ => (odds.of_one_too_late(), number(start.until(odds.end))),
    };
    let held = time(terms.block, held);
    // Without a threshold nobody fails.
    let chance_of_losing = terms.confirmation.fails_below().map_or(0.0, |_| chance);
    let latest = number(start.until(epoch.latest_release(policy)));
    let latest = time(terms.block, latest) + terms.lease;
    let after = number(odds.end.until(terms.stages.next_poc_start));
    let after = time(terms.block, after);
    let cost = |length: Duration| terms.price.times(terms.before_poc + length) + terms.downloads;
    PolicyForecast {
        policy,
        release_height: odds.end,
        hours: (terms.before_poc + held).as_seconds_f64() / 3_600.0,
        expected_cost: cost(held),
        worst_cost: cost(latest.min(terms.longest)),
        chance_of_losing,
        cut_short: planned > cut,
        next_boot: boot_time(after, terms.lead),
    }
}

/// How confirmations fall into the time in which a rental is held.
struct Odds {
    /// First height at which one can be triggered.
    first: Height,
    /// Blocks in which one can be triggered.
    window: f64,
    /// The part of them in which one would be answered.
    covered: f64,
    /// Expected in the whole window.
    expected: f64,
    answer: f64,
    /// Where a rental that saw none is released.
    end: Height,
}

impl Odds {
    fn of(epoch: Epoch, planned: Height, cut: Height, expected: f64) -> Odds {
        let first = epoch.stages.set_new_validators;
        let window = number(first.until(epoch.last_trigger()));
        // One that has begun is completed, as long as the rental may live.
        let answered = planned.min(cut - epoch.answer());
        let covered = number(first.until(answered)).min(window);
        Odds {
            first,
            window,
            covered: if window > 0.0 { covered / window } else { 1.0 },
            expected: if window > 0.0 { expected.max(0.0) } else { 0.0 },
            answer: number(epoch.answer()),
            end: planned.min(cut),
        }
    }

    /// Chance that one comes outside what is covered.
    fn of_one_too_late(&self) -> f64 {
        1.0 - (-self.expected * (1.0 - self.covered)).exp()
    }

    /// Chance of losing if released after the first: none, or one that is covered, keeps the reward.
    fn of_a_second(&self) -> f64 {
        let kept = (-self.expected).exp() * (1.0 + self.expected * self.covered);
        (1.0 - kept).clamp(0.0, 1.0)
    }

    /// Expected blocks from `start` until the first is over, or none can come any more.
    fn until_the_first(&self, start: Height) -> f64 {
        let reach = self.covered * self.window;
        let none = (-self.expected * self.covered).exp();
        let wait = if self.expected > 0.0 {
            self.window / self.expected * (1.0 - none)
        } else {
            reach
        };
        let rest = (number(self.first.until(self.end)) - reach).max(0.0);
        number(start.until(self.first)) + wait + (1.0 - none) * self.answer + none * rest
    }
}

fn time(block: Duration, blocks: f64) -> Duration {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        reason = "an epoch in milliseconds"
    )]
    let millis = (block.num_milliseconds() as f64 * blocks) as i64;
    Duration::milliseconds(millis)
}

#[expect(
    clippy::cast_precision_loss,
    reason = "distances are far below 2^53 blocks"
)]
fn number(blocks: Blocks) -> f64 {
    blocks.0 as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::EpochIndex;
    use crate::domain::ReleasePolicy::{
        AfterConfirmation, AfterValidation, BlocksAfterStart, WholeEpoch,
    };

    const START: u64 = 5_536_724;

    /// An epoch in which `expected` confirmations come.
    fn terms(expected: f64) -> Terms {
        let at = |offset| Height(START + offset);
        Terms {
            stages: EpochStages {
                epoch: EpochIndex(359),
                poc_start: at(0),
                poc_generation_wind_down: at(48),
                poc_generation_end: at(60),
                poc_validation_start: at(65),
                poc_validation_wind_down: at(161),
                poc_validation_end: at(185),
                set_new_validators: at(305),
                claim_money: at(306),
                inference_validation_cutoff: at(15_311),
                next_poc_start: at(15_391),
            },
            params: EpochParams {
                epoch_length: Blocks(15_391),
                poc_stage_duration: Blocks(60),
                poc_exchange_duration: Blocks(5),
                poc_validation_delay: Blocks(5),
                poc_validation_duration: Blocks(120),
                set_new_validators_delay: Blocks(120),
                inference_validation_cutoff: Blocks(80),
                confirmation_poc_safety_window: Blocks(500),
            },
            confirmation: ConfirmationParams {
                expected_per_epoch: expected,
                alpha_threshold: 0.5,
            },
            block: Duration::milliseconds(5_500),
            before_poc: Duration::minutes(50),
            lead: Duration::minutes(50),
            lease: Duration::minutes(30),
            longest: Duration::hours(30),
            price: UsdPerHour::from_dollars(10.0),
            downloads: Usd::from_dollars(1.0),
        }
    }

    fn with_one_confirmation(policy: ReleasePolicy) -> PolicyForecast {
        forecast(policy, &terms(1.0))
    }

    #[track_caller]
    fn assert_near(value: f64, wanted: f64, slack: f64) {
        assert!((value - wanted).abs() <= slack, "{value} and not {wanted}");
    }

    #[test]
    fn chance_of_losing_follows_the_policy() {
        let chance = |expected, policy| forecast(policy, &terms(expected)).chance_of_losing;
        let none = (-1.0f64).exp();
        // Every confirmation loses.
        assert_near(chance(1.0, AfterValidation), 1.0 - none, 1e-9);
        assert_near(chance(0.0, AfterValidation), 0.0, 1e-9);
        // Only a second one loses.
        assert_near(chance(1.0, AfterConfirmation), 1.0 - 2.0 * none, 1e-3);
        assert_near(chance(0.0, AfterConfirmation), 0.0, 1e-9);
        // Half of the triggers come too late.
        let half = BlocksAfterStart(305 + (15_391 - 890 - 305) / 2);
        assert_near(chance(1.0, half), 1.0 - (-0.5f64).exp(), 1e-3);
        assert_near(chance(1.0, WholeEpoch), 0.0, 1e-9);
        // Without a threshold nothing does.
        let mut lenient = terms(1.0);
        lenient.confirmation.alpha_threshold = 0.0;
        assert_near(
            forecast(AfterValidation, &lenient).chance_of_losing,
            0.0,
            1e-9,
        );
    }

    #[test]
    fn cost_follows_the_time_held() {
        let forecast = with_one_confirmation(AfterValidation);
        // 50 minutes before and 185 blocks of 5.5 s.
        assert_near(forecast.hours, 0.833 + 0.283, 0.01);
        assert_near(forecast.expected_cost.dollars(), 1.0 + 11.16, 0.02);
        // With the half hour of the lease.
        assert_near(forecast.worst_cost.dollars(), 1.0 + 16.16, 0.02);

        // On average it comes after 63 % of the window, or never.
        let blocks = 305.0 + 14_196.0 * 0.632 + 0.632 * 269.0 + 0.368 * 5.0;
        let hours = with_one_confirmation(AfterConfirmation).hours;
        assert_near(hours, 0.833 + blocks * 5.5 / 3_600.0, 0.02);

        let forecast = with_one_confirmation(WholeEpoch);
        assert_near(forecast.expected_cost.dollars(), 1.0 + 243.2, 0.2);
        assert!(!forecast.cut_short);
    }

    #[test]
    fn late_release_leaves_no_time_to_boot() {
        for (policy, expected) in [
            (AfterValidation, BootTime::Enough),
            (AfterConfirmation, BootTime::Enough),
            // 46 minutes of a lead of 50, and two.
            (BlocksAfterStart(15_391 - 500), BootTime::Short),
            (WholeEpoch, BootTime::TooShort),
        ] {
            let forecast = with_one_confirmation(policy);
            assert_eq!(forecast.next_boot, expected, "{policy}");
        }
    }

    #[test]
    fn shorter_timeout_cuts_the_policy_short() {
        let short = Terms {
            longest: Duration::hours(3),
            ..terms(1.0)
        };
        let forecast = forecast(WholeEpoch, &short);
        assert!(forecast.cut_short);
        assert!(forecast.chance_of_losing > 0.5);
        assert_near(forecast.worst_cost.dollars(), 1.0 + 38.33, 0.02);
    }

    #[test]
    fn dearer_policy_pays_from_some_reward() {
        let short = with_one_confirmation(AfterValidation);
        let whole = with_one_confirmation(WholeEpoch);
        // 232 dollars more for 63 % of the reward.
        assert_near(whole.pays_from(&short).unwrap().dollars(), 367.0, 2.0);
        assert_eq!(short.pays_from(&whole), None);
    }

    #[test]
    fn odds_match_simulated_epochs() {
        use rand::{RngExt as _, SeedableRng as _};
        let release = 6_000.0;
        let mut chance = rand::rngs::StdRng::seed_from_u64(5);
        let (epochs, mut lost) = (20_000, 0);
        for _ in 0..epochs {
            // Times between events of a Poisson process.
            let mut height = 305.0;
            let late = loop {
                height -= 14_196.0 * chance.random_range(f64::EPSILON..1.0f64).ln();
                if height > 305.0 + 14_196.0 {
                    break false;
                }
                if height > release {
                    break true;
                }
            };
            lost += u32::from(late);
        }
        let forecast = with_one_confirmation(BlocksAfterStart(6_000));
        let simulated = f64::from(lost) / f64::from(epochs);
        assert_near(simulated, forecast.chance_of_losing, 0.012);
    }
}
