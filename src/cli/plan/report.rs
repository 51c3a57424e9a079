//! The plan as data: this is the JSON that scripts rely on.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::Serialize;

use super::fleet::{self, FleetPlan, PoolPlan};
use super::obstacles::{self, Obstacle};
use super::{Outlook, PlanInputs, PoolInputs};
use crate::cli::next_sprint::NextSprint;
use crate::cli::{offers, pools};
use crate::config::{Config, Pools};
use crate::domain::{
    ChallengeRule, ConfirmationParams, Duration, Hedging, Height, RankedOffer, ReleasePolicy,
    SourceStatus, Time, Usd,
};
use crate::engine::{lead_of, needs};
use crate::flow::{ASSUMED_CONFIRMATION, BootTime, Effect, Sprint, Terms, admit, forecast};
use crate::mlnode::arguments::{self, Overridden};
use crate::vast::RankedOffers;

/// The next sprint. Times are UTC, money is in dollars.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::cli) struct PlanReport {
    /// When everything was read.
    pub at: Time,
    /// The chain at that time.
    pub chain: Chain,
    /// The epoch whose `PoC` the sprint is for.
    pub epoch: u64,
    /// Where the `PoC` starts.
    pub poc_start: ExpectedHeight,
    /// When it rents; null if that is unknown.
    pub rent_at: Option<Time>,
    /// How long before the `PoC` it rents.
    pub lead: LeadTime,
    /// The last height at which a registration counts.
    pub register_by: ExpectedHeight,
    /// Where the policy in force releases the rental, unless a confirmation `PoC` comes.
    pub release: ExpectedHeight,
    /// Its cost; null without a usable offer.
    pub cost: Option<Cost>,
    /// The second rental that may race a slow boot; null if `poc.hedge` is off.
    pub hedge: Option<SecondRental>,
    /// Known blockers and risks.
    pub could_stop: Vec<Obstacle>,
    /// How often and how strictly the chain confirms.
    pub confirmation: Confirmation,
    /// Whether the network has the `PoC` Challenge, which a released rental cannot answer.
    pub challenges: ChallengeRule,
    /// What each release policy costs and risks, the one in force first.
    pub policies: Vec<Policy>,
    /// Arguments that vLLM starts with; null if governance's are unknown.
    pub arguments: Option<Arguments>,
    /// All replicas together; absent without pools. What is above is of one replica of the first pool.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fleet: Option<FleetPlan>,
    /// What each pool would do, in the order of the configuration; absent without pools.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub pools: Vec<PoolPlan>,
}

/// Arguments of vLLM, as the Network Node merges them. A model started with others proves nothing or is
/// loaded again.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::cli) struct Arguments {
    /// Governance's arguments, then the node's own.
    pub merged: Vec<String>,
    /// Arguments in `mlnode.args` whose value governance overrides.
    pub overridden: Vec<Overridden>,
    /// Items of `mlnode.args` that belong to no argument and are ignored.
    pub dropped: Vec<String>,
}

/// How long before the `PoC` it rents, and why.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::cli) struct LeadTime {
    /// The lead, in seconds.
    #[schemars(range(min = 0))]
    pub lead_seconds: i64,
    /// The margin (`poc.margin`), in seconds.
    #[schemars(range(min = 0))]
    pub margin_seconds: i64,
    /// Why the lead is that long.
    pub because: String,
}

/// The chain when the plan was made.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::cli) struct Chain {
    /// Its height.
    pub height: Height,
    /// Its epoch.
    pub epoch: u64,
    /// Seconds per block; null if no RPC measures it.
    pub block_seconds: Option<f64>,
    /// Where the chain is read.
    pub sources: Vec<SourceStatus>,
}

/// A height and when it is expected.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::cli) struct ExpectedHeight {
    /// The height, in blocks.
    pub height: Height,
    /// 10% quantile; null if the block time is not measured.
    pub p10: Option<Time>,
    /// Median; null if unknown.
    pub p50: Option<Time>,
    /// 90% quantile; null if the block time is not measured.
    pub p90: Option<Time>,
}

/// What the sprint costs with the best offer.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::cli) struct Cost {
    /// Expected cost in US dollars.
    pub expected_usd: f64,
    /// Worst-case cost in US dollars: this much is reserved.
    pub worst_usd: f64,
    /// US dollars per hour, disk included.
    pub price_per_hour_usd: f64,
    /// How much of that is a fee of the market: its own total exceeds GPUs and disk. Absent without one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fee_per_hour_usd: Option<f64>,
    /// Vast's id of the offer.
    pub offer: u64,
    /// Its GPUs: `4x H100 SXM`.
    pub gpus: String,
    /// Number of usable offers.
    #[schemars(range(min = 1))]
    pub usable_offers: usize,
}

/// The second rental that may race a slow boot.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(tag = "outlook", rename_all = "snake_case")]
pub(in crate::cli) enum SecondRental {
    /// It would be rented.
    Affordable {
        /// Vast's id of the offer.
        offer: u64,
        /// Worst-case cost in US dollars.
        worst_usd: f64,
    },
    /// It would exceed a cap.
    #[serde(rename = "too_dear")]
    OverBudget {
        /// Vast's id of the offer.
        offer: u64,
        /// Which cap, and by how much.
        refusal: String,
    },
    /// No other machine is offered.
    NotOffered,
}

/// How often and how strictly the chain confirms.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::cli) struct Confirmation {
    /// Confirmation `PoC`s per epoch, on average.
    pub expected_per_epoch: f64,
    /// A participant loses the reward if min(1, shown / expected / 0.909) is below this; at 0 it never
    /// does.
    pub alpha_threshold: f64,
    /// Fraction of the expected weight below which the reward is lost; null if it cannot be lost.
    pub fails_below: Option<f64>,
    /// Where these values come from.
    pub known_by: KnownBy,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub(in crate::cli) enum KnownBy {
    /// The chain's own parameters.
    Chain,
    /// The host documentation: `chain.rest` is not configured or does not answer.
    Documentation,
}

/// What a release policy costs and risks.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::cli) struct Policy {
    /// As `poc.release` is written; `blocks:2000` and `time:6h` count from the start of the `PoC`.
    #[schemars(regex(
        pattern = r"^(after_validation|after_weight|after_confirmation|whole_epoch|blocks:[0-9]+|time:[0-9]+[hm])$"
    ))]
    pub policy: String,
    /// It is the configured one.
    pub in_force: bool,
    /// Where the rental is released.
    pub release_height: Height,
    /// Hours of rental.
    pub hours: f64,
    /// Expected cost in US dollars.
    pub expected_cost_usd: f64,
    /// Worst-case cost in US dollars.
    pub worst_cost_usd: f64,
    /// Chance that a confirmation `PoC` comes after the release, 0 to 1.
    #[schemars(range(min = 0, max = 1))]
    pub chance_of_losing_reward: f64,
    /// The worst case fits into what is left of every cap.
    pub fits_budget: bool,
    /// Whether the time left after the release is enough to boot for the next epoch.
    pub next_boot: BootTime,
    /// Hours that `poc.execution_timeout` must have for it; null if it is long enough.
    pub needs_execution_timeout_hours: Option<f64>,
    /// Value of an epoch's reward, in US dollars, above which it pays compared with the policy in
    /// force; null unless it is both dearer and safer.
    pub pays_from_reward_usd: Option<f64>,
}

/// Longer than any epoch.
const AN_EPOCH: Duration = Duration::hours(36);
/// Times that are shown for comparison when none is configured.
const FOR_EXAMPLE: ReleasePolicy = ReleasePolicy::MinutesAfterStart(360);
const TYPICAL_BLOCK: Duration = Duration::milliseconds(5_600);

pub(super) fn plan(pools: &Pools, inputs: &PlanInputs) -> PlanReport {
    let outlooks = inputs.pools().map(|pool| inputs.outlook(pool));
    let outlooks: Vec<Outlook<'_>> = outlooks.collect();
    let could_stop = obstacles::by_pool(inputs, &outlooks);
    let fleet =
        pools::are_configured(pools).then(|| fleet::plan(pools, inputs, &outlooks, &could_stop));
    let (fleet, pools) = fleet.unzip();
    let plan = of_replica(inputs, &outlooks[0], could_stop);
    PlanReport {
        fleet,
        pools: pools.unwrap_or_default(),
        ..plan
    }
}

/// The next sprint of one replica.
fn of_replica(inputs: &PlanInputs, outlook: &Outlook<'_>, could_stop: Vec<Obstacle>) -> PlanReport {
    let (next, config) = (&inputs.next, &outlook.inputs.config);
    let (sprint, ranked) = (&outlook.sprint, outlook.ranked.as_ref());
    let stages = sprint.stages().copied().unwrap_or(next.view.next);
    let best = ranked.and_then(|ranked| ranked.usable.first());
    let (confirmation, known_by) = match &next.governance {
        Ok(Some(known)) => (known.confirmation, KnownBy::Chain),
        _ => (ASSUMED_CONFIRMATION, KnownBy::Documentation),
    };
    let lead = lead_of(config, inputs.ledger.boots());
    let block_time = next.clock.block_time();
    let expected_height = |height| expected_height(next, sprint, height);
    PlanReport {
        at: next.now,
        chain: Chain {
            height: next.view.height,
            epoch: next.view.epoch.0,
            block_seconds: block_time.map(Duration::as_seconds_f64),
            sources: next.sources.clone(),
        },
        epoch: stages.epoch.0,
        poc_start: expected_height(stages.poc_start),
        rent_at: sprint.rent_at(),
        lead: LeadTime {
            lead_seconds: lead.length.num_seconds(),
            margin_seconds: config.poc.margin.num_seconds(),
            because: lead.to_string(),
        },
        register_by: expected_height(sprint.deadline().unwrap_or(stages.poc_start)),
        release: expected_height(sprint.release_height(&stages)),
        cost: best.map(|best| cost(best, ranked.map_or(0, |all| all.usable.len()))),
        hedge: (config.poc.hedge == Hedging::On).then(|| second_rental(inputs, sprint, ranked)),
        could_stop,
        confirmation: Confirmation {
            expected_per_epoch: confirmation.expected_per_epoch,
            alpha_threshold: confirmation.alpha_threshold,
            fails_below: confirmation.fails_below(),
            known_by,
        },
        challenges: match &next.governance {
            Ok(Some(known)) => known.challenges,
            _ => ChallengeRule::Unknown,
        },
        policies: policies(config, inputs, sprint, confirmation, best),
        arguments: merged_arguments(outlook.inputs),
        fleet: None,
        pools: Vec::new(),
    }
}

fn merged_arguments(pool: &PoolInputs) -> Option<Arguments> {
    let catalogue = pool.catalogue.as_ref()?.as_ref().ok()?;
    let merged = arguments::of_model(catalogue, &pool.config.mlnode.model);
    Some(Arguments {
        merged: merged.args,
        overridden: merged.overridden,
        dropped: merged.dropped,
    })
}

/// The market's offers as this search would rank them; absent when either is not known.
pub(in crate::cli) fn ranked(
    pool: &PoolInputs,
    inputs: &PlanInputs,
    search: Option<&Effect>,
) -> Option<RankedOffers> {
    let offers = pool.offers.as_ref().ok()?.clone();
    let needs = needs(inputs.next.now, search?, &pool.config);
    Some(offers::ranked(&pool.config, &needs, &inputs.ledger, offers))
}

fn expected_height(next: &NextSprint, sprint: &Sprint, height: Height) -> ExpectedHeight {
    let band = next.clock.estimate(next.now, height);
    ExpectedHeight {
        height,
        p10: band.map(|band| band.p10),
        p50: band.map(|band| band.p50).or_else(|| sprint.eta(height)),
        p90: band.map(|band| band.p90),
    }
}

fn cost(best: &RankedOffer, usable_offers: usize) -> Cost {
    let surcharge = best.offer.surcharge;
    Cost {
        expected_usd: best.expected_cost().dollars(),
        worst_usd: best.worst_cost.dollars(),
        price_per_hour_usd: best.price.0.dollars(),
        fee_per_hour_usd: (!surcharge.is_zero()).then(|| surcharge.0.dollars()),
        offer: best.offer.id.0,
        gpus: best.offer.gpus(),
        usable_offers,
    }
}

/// The best offer of another machine, beside the best one.
fn second_rental(
    inputs: &PlanInputs,
    sprint: &Sprint,
    ranked: Option<&RankedOffers>,
) -> SecondRental {
    let usable = ranked.map_or(&[][..], |ranked| &ranked.usable);
    let pair = usable.split_first().and_then(|(first, others)| {
        let is_another = |offer: &&RankedOffer| offer.offer.machine != first.offer.machine;
        Some((first, others.iter().find(is_another)?))
    });
    let Some((first, second)) = pair else {
        return SecondRental::NotOffered;
    };
    let funds = inputs.funds(&inputs.first, sprint);
    let funds = funds.after(first.price, first.worst_cost);
    let admitted = admit(second.price, second.worst_cost, &funds, &sprint.plan().caps);
    let offer = second.offer.id.0;
    match admitted.map_err(|refusal| refusal.to_string()) {
        Ok(()) => SecondRental::Affordable {
            offer,
            worst_usd: second.worst_cost.dollars(),
        },
        Err(refusal) => SecondRental::OverBudget { offer, refusal },
    }
}

/// The policy in force as it is; the others as if the timeout let them.
fn policies(
    config: &Config,
    inputs: &PlanInputs,
    sprint: &Sprint,
    confirmation: ConfirmationParams,
    best: Option<&RankedOffer>,
) -> Vec<Policy> {
    let (poc, next) = (&config.poc, &inputs.next);
    let downloaded = config.vast.image_gb + config.vast.model_gb;
    let terms = Terms {
        stages: sprint.stages().copied().unwrap_or(next.view.next),
        params: next.view.params,
        confirmation,
        block: next.clock.block_time().unwrap_or(TYPICAL_BLOCK),
        before_poc: sprint.plan().lead + poc.margin,
        lead: sprint.plan().lead,
        lease: poc.lease,
        longest: poc.execution_timeout,
        // Without an offer, the most that one may cost.
        price: best.map_or(config.vast.query.max_price, |best| best.price),
        downloads: best.map_or(Usd::ZERO, |best| {
            Usd::from_dollars(best.offer.download_per_gb.dollars() * downloaded)
        }),
    };
    let in_force = forecast(poc.release, &terms);
    let unbound = Terms {
        longest: AN_EPOCH.max(poc.execution_timeout),
        ..terms
    };
    let funds = inputs.funds(&inputs.first, sprint);
    let caps = sprint.plan().caps;
    let estimate_for = |policy: ReleasePolicy| {
        let whole = forecast(policy, &unbound);
        let is_in_force = policy == poc.release;
        let estimate = if is_in_force { in_force } else { whole };
        let admitted = admit(terms.price, estimate.worst_cost, &funds, &caps);
        let blocks = terms.stages.poc_start.until(whole.release_height).0;
        let needed = terms.block * i32::try_from(blocks).unwrap_or(i32::MAX);
        let hours = (needed.as_seconds_f64() / 3_600.0).ceil() + 1.0;
        Policy {
            policy: policy.to_string(),
            in_force: is_in_force,
            release_height: estimate.release_height,
            hours: estimate.hours,
            expected_cost_usd: estimate.expected_cost.dollars(),
            worst_cost_usd: estimate.worst_cost.dollars(),
            chance_of_losing_reward: estimate.chance_of_losing,
            fits_budget: admitted.is_ok(),
            next_boot: estimate.next_boot,
            needs_execution_timeout_hours: (needed > poc.execution_timeout).then_some(hours),
            pays_from_reward_usd: estimate.pays_from(&in_force).map(Usd::dollars),
        }
    };
    let mut all = vec![
        poc.release,
        ReleasePolicy::AfterValidation,
        ReleasePolicy::AfterWeight,
        FOR_EXAMPLE,
        ReleasePolicy::AfterConfirmation,
        ReleasePolicy::WholeEpoch,
    ];
    let mut known = BTreeSet::new();
    all.retain(|policy| known.insert(policy.to_string()));
    all.into_iter().map(estimate_for).collect()
}
