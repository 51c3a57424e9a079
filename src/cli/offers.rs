//! `pocpit offers`: the market's offers, ranked as the next sprint would rank them.

mod text;

use std::collections::BTreeMap;

use color_eyre::eyre::Report;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Serialize;

use super::arguments::{Common, Offers};
use super::next_sprint::{NextSprint, funds};
use super::page::Page;
use super::runtime::{self, Clients};
use super::{Exit, pools, print_report, status_line};
use crate::config::Config;
use crate::domain::{
    Aim, Duration, EpochIndex, Height, Offer, OfferId, OwnBoots, PoolName, RankedOffer,
    ReleasePolicy, Time,
};
use crate::engine::{caps_of, needs};
use crate::flow::Effect;
use crate::journal::Ledger;
use crate::ports::Market;
use crate::vast::{RankedOffers, RentalHistory, SessionNeeds, rank};

/// Rental time after the start of the `PoC`, if the chain cannot be read.
const TYPICAL_POC: Duration = Duration::minutes(20);

/// The deadline that offers are judged by.
#[derive(Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case", tag = "kind")]
#[schemars(inline)]
pub(super) enum JudgedBy {
    /// As the next sprint judges them.
    NextPoc {
        /// The epoch of that `PoC`.
        epoch: u64,
        /// When the sprint would rent: now, when that is later than planned.
        start: Time,
        /// The last height at which a registration counts.
        register_by_height: Height,
        /// When that height is expected.
        register_by: Time,
        /// Seconds for the boot; negative if it is too late.
        boot_within_seconds: i64,
        /// Why the chain's height is not certain; null if it is.
        doubt: Option<String>,
    },
    /// By `mlnode.startup_timeout`: the chain could not be read.
    StartupTimeout {
        /// That setting, in seconds.
        #[schemars(range(min = 0))]
        boot_within_seconds: i64,
        /// Why the chain could not be read.
        why: String,
    },
}

impl JudgedBy {
    fn epoch(&self) -> Option<EpochIndex> {
        match self {
            JudgedBy::NextPoc { epoch, .. } => Some(EpochIndex(*epoch)),
            JudgedBy::StartupTimeout { .. } => None,
        }
    }
}

/// Offers as the next sprint judges them.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct OffersReport<'a> {
    /// The pool whose replicas they are for; absent without pools.
    #[serde(skip_serializing_if = "Option::is_none")]
    pool: Option<&'a PoolName>,
    /// The deadline that offers are judged by.
    judged_by: &'a JudgedBy,
    /// Usable offers, best first.
    offers: Vec<UsableOffer<'a>>,
    /// Offers that are not usable.
    out: Vec<RejectedOffer<'a>>,
}

/// A usable offer with its cost and chances.
#[derive(Debug, Serialize, JsonSchema)]
struct UsableOffer<'a> {
    /// The offer as the market lists it.
    offer: &'a Offer,
    /// US dollars per hour, disk included.
    price_per_hour_usd: f64,
    /// Expected cost of a session in US dollars: GPUs, disk and downloads.
    expected_cost_usd: f64,
    /// Worst-case cost in US dollars: this much is reserved.
    worst_cost_usd: f64,
    /// Seconds from renting to a loaded model.
    boot_seconds: BootSeconds,
    /// Our own boots that the prediction is based on.
    own_boots: OwnBoots,
    /// Chance that the machine works at all, 0 to 1.
    #[schemars(range(min = 0, max = 1))]
    chance_to_work: f64,
    /// Chance that a boot on a working machine finishes in time, 0 to 1.
    #[schemars(range(min = 0, max = 1))]
    chance_in_time: f64,
    /// Expected cost divided by the chance of a loaded model in time, in US dollars: offers are
    /// ranked by it.
    cost_of_success_usd: f64,
    /// Why it has its rank, in one line.
    why: String,
    /// The same in full.
    #[schemars(schema_with = "reasons_schema")]
    reasons: BTreeMap<&'static str, String>,
}

/// Seconds from renting to a loaded model.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(inline)]
struct BootSeconds {
    /// One boot in ten is faster.
    #[schemars(range(min = 0))]
    p10: i64,
    /// Half are faster.
    #[schemars(range(min = 0))]
    p50: i64,
    /// One in ten is slower.
    #[schemars(range(min = 0))]
    p90: i64,
}

/// An offer that is not usable.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(inline)]
struct RejectedOffer<'a> {
    /// Vast's id of the offer.
    offer: OfferId,
    /// Why it is not usable.
    reason: &'a str,
}

/// The keys of [`RankedOffer::reasons`]; `in time` is absent if there is no deadline.
fn reasons_schema(_: &mut SchemaGenerator) -> Schema {
    let text = |description: &str| json_schema!({ "type": "string", "description": description });
    json_schema!({
        "type": "object",
        "required": [
            "GPUs", "disk", "traffic", "expected cost", "boot", "known by", "works",
            "host offers it", "ranked by",
        ],
        "properties": {
            "GPUs": text("Cost of the GPUs."),
            "disk": text("Cost of the disk."),
            "traffic": text("Cost of the downloads."),
            "expected cost": text("Sum of the three."),
            "boot": text("Duration of the boot."),
            "known by": text("What the prediction is based on."),
            "in time": text("Chance that the boot finishes in time; absent if there is no deadline."),
            "works": text("Chance that the machine works at all."),
            "host offers it": text("Until when the host offers it."),
            "ranked by": text("The cost that ranks it."),
        },
    })
}

pub(crate) async fn run(common: &Common, arguments: Offers) -> Result<Exit, Report> {
    let output = arguments.output;
    let config = runtime::load_quietly(common)?;
    let pool = pools::chosen(&config.pools, arguments.pool.as_ref())?;
    let named = pools::are_configured(&config.pools).then_some(&pool.name);
    let config = pools::config_of(&config, pool);
    let clients = Clients::new(&config);
    let now = clients.clock.now();
    let (next, offers) = tokio::join!(
        NextSprint::read(&clients.chain, now),
        clients.market.search(&config.vast.query, now)
    );
    let ledger = ledger_of(&config);
    let (ranked, judged_by) = judged(now, &config, &next, &ledger, offers?);
    if let Some(doubt) = text::doubt(&judged_by).filter(|_| !output.json) {
        status_line(doubt);
    }
    let report = OffersReport::new(named, &ranked, &judged_by);
    print_report(output, &report, || {
        let scene = text::Scene {
            now,
            pool: named,
            ranked: &ranked,
            judged_by: &judged_by,
            funds: funds(&ledger, &pool.name, judged_by.epoch(), now, None),
            caps: caps_of(&config.budget),
        };
        let page = Page::stdout(common, output);
        if arguments.out {
            text::out(&scene, &page)
        } else {
            text::usable(&scene, &page)
        }
    })
}

/// The offers as the next sprint would judge them now.
pub(super) fn judged(
    now: Time,
    config: &Config,
    next: &Result<NextSprint, String>,
    ledger: &Ledger,
    offers: Vec<Offer>,
) -> (RankedOffers, JudgedBy) {
    let known = next.as_ref().map_err(String::clone).and_then(|next| {
        let known = next_poc(config, next, ledger);
        known.ok_or_else(|| "the start of the next PoC is unknown".to_owned())
    });
    let (needs, by) = known.unwrap_or_else(|why| without_a_chain(now, config, why));
    (ranked(config, &needs, ledger, offers), by)
}

/// The offers in the light of our past rentals.
pub(super) fn ranked(
    config: &Config,
    needs: &SessionNeeds,
    ledger: &Ledger,
    offers: Vec<Offer>,
) -> RankedOffers {
    let experience = RentalHistory {
        blocked: &ledger.avoided(needs.now),
        boots: ledger.boots(),
    };
    rank(offers, &config.vast.query, needs, &experience)
}

/// As the engine would rank at the planned time.
fn next_poc(
    config: &Config,
    next: &NextSprint,
    ledger: &Ledger,
) -> Option<(SessionNeeds, JudgedBy)> {
    let now = next.now;
    let (sprint, search) = next.sprint(config, ledger, Aim::Proof);
    let search = search?;
    let Effect::SearchOffers { ready_by, .. } = &search else {
        return None;
    };
    let boot_within = *ready_by - now;
    let start = sprint.rent_at().map_or(now, |rent_at| rent_at.max(now));
    let by = JudgedBy::NextPoc {
        epoch: sprint.stages()?.epoch.0,
        start,
        register_by_height: sprint.deadline()?,
        register_by: start + boot_within,
        boot_within_seconds: boot_within.num_seconds(),
        doubt: next.doubt.clone(),
    };
    Some((needs(now, &search, config), by))
}

fn without_a_chain(now: Time, config: &Config, why: String) -> (SessionNeeds, JudgedBy) {
    let poc = &config.poc;
    let planned = poc.lead + poc.margin + TYPICAL_POC;
    let longest = match poc.release {
        ReleasePolicy::AfterValidation => planned,
        _ => poc.lead + poc.margin + poc.execution_timeout,
    };
    let boot_within = config.mlnode.startup_timeout;
    let needs = SessionNeeds {
        now,
        until: now + planned,
        at_worst_until: now + longest,
        boot_within: Some(boot_within),
        image_gb: config.vast.image_gb,
        model_gb: config.vast.model_gb,
    };
    let by = JudgedBy::StartupTimeout {
        boot_within_seconds: boot_within.num_seconds(),
        why,
    };
    (needs, by)
}

impl OffersReport<'_> {
    fn new<'a>(
        pool: Option<&'a PoolName>,
        ranked: &'a RankedOffers,
        judged_by: &'a JudgedBy,
    ) -> OffersReport<'a> {
        let rejected = ranked.rejected.iter();
        let out = rejected.map(|(offer, reason)| RejectedOffer {
            offer: offer.id,
            reason,
        });
        OffersReport {
            pool,
            judged_by,
            offers: ranked.usable.iter().map(UsableOffer::new).collect(),
            out: out.collect(),
        }
    }
}

impl UsableOffer<'_> {
    fn new(ranked: &RankedOffer) -> UsableOffer<'_> {
        UsableOffer {
            offer: &ranked.offer,
            price_per_hour_usd: ranked.price.0.dollars(),
            expected_cost_usd: ranked.expected_cost().dollars(),
            worst_cost_usd: ranked.worst_cost.dollars(),
            boot_seconds: BootSeconds {
                p10: ranked.boot.p10().num_seconds(),
                p50: ranked.boot.median.num_seconds(),
                p90: ranked.boot.p90().num_seconds(),
            },
            own_boots: ranked.own_boots,
            chance_to_work: ranked.chance_to_work,
            chance_in_time: ranked.chance_in_time,
            cost_of_success_usd: ranked.cost_of_success().dollars(),
            why: ranked.why(),
            reasons: ranked.reasons().into_iter().collect(),
        }
    }
}

/// Past boots and avoided machines. Offers can be ranked without them.
fn ledger_of(config: &Config) -> Ledger {
    crate::journal::read_only(&config.paths.state_dir).unwrap_or_else(|error| {
        status_line(format_args!(
            "warning: offers are ranked without the history of our rentals: {error}"
        ));
        Ledger::default()
    })
}
