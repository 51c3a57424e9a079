//! `pocpit offers`: what the market has, judged as the next sprint would judge it.

use color_eyre::eyre::Report;
use serde::Serialize;
use serde_json::json;

use super::arguments::{Common, Output};
use super::look::{row, table};
use super::outlook::Outlook;
use super::{Exit, print, print_json, runtime, telemetry};
use crate::chain::client::ChainClient;
use crate::config::Config;
use crate::domain::{Aim, Duration, Height, Offer, RankedOffer, ReleasePolicy, Time};
use crate::engine::needs;
use crate::flow::Effect;
use crate::http::HttpClient;
use crate::journal::Ledger;
use crate::ports::Market;
use crate::vast::{RankedOffers, RentalHistory, SessionNeeds, rank};

/// Beyond the start of the `PoC`, where no chain tells how long a rental is kept.
const TYPICAL_POC: Duration = Duration::minutes(20);

/// What an offer must do, and what that follows from.
struct Judgement {
    needs: SessionNeeds,
    by: JudgedBy,
}

/// Against which time offers are judged. This is the JSON that scripts rely on.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub(super) enum JudgedBy {
    /// As the next sprint judges them.
    NextPoc {
        epoch: u64,
        /// When the sprint would rent: now, when that is later than planned.
        start: Time,
        /// The last height at which a registration counts,
        register_by_height: Height,
        /// and when that is expected.
        register_by: Time,
        boot_within_seconds: i64,
        /// Why the chain's height is not certain.
        doubt: Option<String>,
    },
    /// Without a chain there is only the setting.
    StartupTimeout {
        boot_within_seconds: i64,
        why: String,
    },
}

pub(crate) async fn run(common: &Common, output: Output) -> Result<Exit, Report> {
    telemetry::quiet();
    let config = runtime::load(common)?.config;
    let http = HttpClient::new();
    let now = runtime::clock(config.simulation).now();
    let chain = ChainClient::new(http.clone(), &config.chain);
    let market = runtime::market(&http, &config.vast, config.simulation);
    let (outlook, offers) = tokio::join!(
        Outlook::read(&chain, now),
        market.search(&config.vast.query, now)
    );
    let ledger = ledger_of(&config);
    let (ranked, judged_by) = judged(now, &config, outlook, &ledger, offers?);
    if output.json {
        print_json(&in_json(&ranked, &judged_by))?;
        return Ok(Exit::Done);
    }
    print(&format!(
        "{}\n{}",
        judged_by.in_words(now),
        in_rows(&ranked)
    ))?;
    if !ranked.rejected.is_empty() {
        super::say(format_args!(
            "{} more offers are out: `pocpit offers --json` says why",
            ranked.rejected.len()
        ));
    }
    Ok(Exit::Done)
}

/// The offers as the next sprint would judge them now.
pub(super) fn judged(
    now: Time,
    config: &Config,
    outlook: Result<Outlook, String>,
    ledger: &Ledger,
    offers: Vec<Offer>,
) -> (RankedOffers, JudgedBy) {
    let Judgement { needs, by } = judgement(now, config, outlook, ledger);
    let experience = RentalHistory {
        blocked: &ledger.avoided(now),
        boots: ledger.boots(),
    };
    (rank(offers, &config.vast.query, &needs, &experience), by)
}

fn judgement(
    now: Time,
    config: &Config,
    outlook: Result<Outlook, String>,
    ledger: &Ledger,
) -> Judgement {
    let next = outlook.and_then(|outlook| {
        next_poc(config, &outlook, ledger)
            .ok_or_else(|| "the chain does not tell when the next PoC is".to_owned())
    });
    next.unwrap_or_else(|why| without_a_chain(now, config, why))
}

/// As the engine ranks for a start at the planned time.
fn next_poc(config: &Config, outlook: &Outlook, ledger: &Ledger) -> Option<Judgement> {
    let now = outlook.now;
    let (sprint, search) = outlook.sprint(config, ledger, Aim::Proof);
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
        doubt: outlook.doubt.clone(),
    };
    Some(Judgement {
        needs: needs(now, &search, config),
        by,
    })
}

fn without_a_chain(now: Time, config: &Config, why: String) -> Judgement {
    let poc = &config.poc;
    let kept = poc.lead + poc.margin + TYPICAL_POC;
    let longest = match poc.release {
        ReleasePolicy::AfterValidation => kept,
        _ => poc.lead + poc.margin + poc.execution_timeout,
    };
    let boot_within = config.mlnode.startup_timeout;
    Judgement {
        needs: SessionNeeds {
            now,
            until: now + kept,
            at_worst_until: now + longest,
            boot_within: Some(boot_within),
            image_gb: config.vast.image_gb,
            model_gb: config.vast.model_gb,
        },
        by: JudgedBy::StartupTimeout {
            boot_within_seconds: boot_within.num_seconds(),
            why,
        },
    }
}

impl JudgedBy {
    fn in_words(&self, now: Time) -> String {
        match self {
            JudgedBy::NextPoc {
                epoch,
                start,
                register_by_height,
                register_by,
                boot_within_seconds,
                doubt,
            } => {
                let start = if *start > now {
                    format!("at {}, as planned", start.format("%Y-%m-%d %H:%M:%S UTC"))
                } else {
                    "now".to_owned()
                };
                let doubt = doubt.as_ref().map_or_else(String::new, |why| {
                    format!("\nThe chain's height is not certain: {why}")
                });
                format!(
                    "Judged by a start {start}: for the PoC of epoch {epoch} the node must be registered by height {register_by_height}, {}, which leaves {} min to boot.{doubt}",
                    register_by.format("%Y-%m-%d %H:%M:%S UTC"),
                    boot_within_seconds / 60
                )
            }
            JudgedBy::StartupTimeout {
                boot_within_seconds,
                why,
            } => format!(
                "Judged by mlnode.startup_timeout, {} min to boot, and by no PoC: {why}",
                boot_within_seconds / 60
            ),
        }
    }
}

fn in_rows(ranked: &RankedOffers) -> String {
    let mut rows = vec![row([
        "OFFER",
        "GPUS",
        "$/H",
        "SESSION",
        "BOOT",
        "CHANCE",
        "RANKED BY",
        "WHERE",
        "WHY",
    ])];
    for usable in &ranked.usable {
        let offer = &usable.offer;
        rows.push(row([
            &offer.id.to_string(),
            &format!("{}x {}", offer.gpu_count, offer.gpu_name),
            &format!("{:.2}", usable.price.0.dollars()),
            &format!("{:.2}", usable.expected_cost().dollars()),
            &format!(
                "{}-{}m",
                usable.boot.p10().num_minutes(),
                usable.boot.p90().num_minutes()
            ),
            &format!("{:.0}%", usable.chance() * 100.0),
            &format!("{:.2}", usable.cost_of_success().dollars()),
            offer.location.as_deref().unwrap_or("?"),
            &usable.why(),
        ]));
    }
    table(&rows)
}

fn in_json(ranked: &RankedOffers, by: &JudgedBy) -> serde_json::Value {
    let usable = ranked.usable.iter().map(as_json);
    let out = ranked
        .rejected
        .iter()
        .map(|rejected| json!({ "offer": rejected.0.id, "reason": rejected.1 }));
    json!({
        "judged_by": by,
        "offers": usable.collect::<Vec<_>>(),
        "out": out.collect::<Vec<_>>(),
    })
}

/// What earlier rentals taught. Offers are worth a look without it.
fn ledger_of(config: &Config) -> Ledger {
    crate::journal::read_only(&config.paths.state_dir).unwrap_or_else(|error| {
        super::say(format_args!(
            "offers are ranked without what earlier rentals taught: {error}"
        ));
        Ledger::default()
    })
}

fn as_json(usable: &RankedOffer) -> serde_json::Value {
    let reasons = usable.reasons().into_iter();
    let reasons: serde_json::Map<String, serde_json::Value> = reasons
        .map(|(name, text)| (name.to_owned(), text.into()))
        .collect();
    json!({
        "offer": usable.offer,
        "price_per_hour_usd": usable.price.0.dollars(),
        "expected_cost_usd": usable.expected_cost().dollars(),
        "worst_cost_usd": usable.worst_cost.dollars(),
        "boot_seconds": {
            "p10": usable.boot.p10().num_seconds(),
            "p50": usable.boot.median.num_seconds(),
            "p90": usable.boot.p90().num_seconds(),
        },
        "own_boots": usable.own_boots,
        "chance_to_work": usable.chance_to_work,
        "chance_in_time": usable.chance_in_time,
        "cost_of_success_usd": usable.cost_of_success().dollars(),
        "why": usable.why(),
        "reasons": reasons,
    })
}
