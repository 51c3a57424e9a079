//! What is in the way of the next sprint.

use schemars::JsonSchema;
use serde::Serialize;

use super::{Outlook, PlanInputs, PoolInputs};
use crate::cli::{accept_journal, pools};
use crate::domain::{Finding, PoolName, SourceHealth, SourceStatus, format};
use crate::flow::{Sprint, admit};
use crate::vast::RankedOffers;

/// Something that stops the sprint, or may.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(in crate::cli) struct Obstacle {
    /// Whether it stops the sprint.
    pub certainty: Certainty,
    /// The pool that it is about; absent if it is about all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pool: Option<PoolName>,
    /// The problem.
    pub what: String,
    /// What to do; null if that is obvious.
    pub remedy: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub(in crate::cli) enum Certainty {
    /// Nothing is rented while this lasts.
    Stops,
    /// It may stop the sprint.
    May,
}

/// What all pools have in common is said once; the rest says whose it is.
pub(super) fn by_pool(inputs: &PlanInputs, outlooks: &[Outlook<'_>]) -> Vec<Obstacle> {
    let by_pool: Vec<(&PoolName, Vec<Obstacle>)> = outlooks
        .iter()
        .map(|outlook| {
            let found = of_sprint(
                inputs,
                outlook.inputs,
                &outlook.sprint,
                outlook.ranked.as_ref(),
            );
            (&outlook.inputs.pool.name, found)
        })
        .collect();
    let is_common = |wanted: &Obstacle| {
        let mut pools = by_pool.iter();
        pools.all(|(_, found)| found.iter().any(|obstacle| obstacle.what == wanted.what))
    };
    let mut common: Vec<Obstacle> = Vec::new();
    let mut own = Vec::new();
    for (pool, found) in &by_pool {
        let found = found.iter().cloned();
        let (of_all, of_pool): (Vec<_>, Vec<_>) = found.partition(is_common);
        if common.is_empty() {
            common = of_all;
        }
        own.extend(of_pool.into_iter().map(|obstacle| Obstacle {
            pool: Some((*pool).clone()),
            ..obstacle
        }));
    }
    common.extend(own);
    common
}

/// What is in the way of a sprint, as far as is known before it.
pub(in crate::cli) fn of_sprint(
    inputs: &PlanInputs,
    pool: &PoolInputs,
    sprint: &Sprint,
    ranked: Option<&RankedOffers>,
) -> Vec<Obstacle> {
    use Certainty::{May, Stops};
    let next = &inputs.next;
    let mut found = Vec::new();
    let mut add = |certainty, what: String, remedy: Option<&str>| {
        found.push(Obstacle {
            certainty,
            pool: None,
            what,
            remedy: remedy.map(str::to_owned),
        });
    };
    if let Some(reason) = inputs.ledger.lost() {
        add(Stops, reason.to_owned(), Some(accept_journal::REMEDY));
    }
    // Unknown findings block the engine as well.
    for (cause, remedy) in pool.preflight.obstacles().filter_map(Finding::trouble) {
        add(Stops, cause.to_owned(), Some(remedy));
    }
    let mut add = |certainty, what| add(certainty, what, None);
    if let Some(doubt) = &next.doubt {
        add(May, format!("the chain's height is not certain: {doubt}"));
    }
    for SourceStatus { source, health, .. } in &next.sources {
        if *health != SourceHealth::Good {
            add(May, format!("{source} cannot be relied on: {health:?}"));
        }
    }
    if let Some(note) = sprint.note() {
        add(Stops, note);
    }
    match &next.governance {
        Err(error) => add(May, format!("planned upgrades are unknown: {error}")),
        Ok(None) => {
            let what = "planned upgrades are unknown: chain.rest is not configured";
            add(May, what.to_owned());
        }
        Ok(Some(_)) => {}
    }
    for open in inputs.ledger.open_rentals() {
        let whose = pools::replica_cell(&open.replica);
        let whose = whose.map_or_else(String::new, |id| format!(" of {id}"));
        let label = &open.label;
        let what = format!("the rental {label}{whose} is still open in the journal");
        add(May, what);
    }
    match (&pool.offers, ranked) {
        (Err(error), _) => add(Stops, format!("offers are unknown: {error}")),
        (Ok(offers), Some(ranked)) if ranked.usable.is_empty() => {
            let offers = format::count(offers.len(), "offer");
            let what = format!("none of {offers} is usable now: `pocpit offers --out` says why");
            add(Stops, what);
        }
        _ => {}
    }
    if let Some(Err(error)) = inputs.account_of(pool) {
        add(Stops, format!("the account's credit is unknown: {error}"));
    }
    let usable = ranked.map_or(&[][..], |ranked| &ranked.usable);
    let (funds, caps) = (inputs.funds(pool, sprint), sprint.plan().caps);
    let refusals = usable
        .iter()
        .map(|offer| admit(offer.price, offer.worst_cost, &funds, &caps));
    let refusals: Option<Vec<_>> = refusals.map(Result::err).collect();
    if let Some([refusal, ..]) = refusals.as_deref() {
        add(Stops, refusal.to_string());
    }
    found
}
