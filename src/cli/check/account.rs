//! The Vast account: whether its key works, and whether its money is enough for a sprint.

use super::probe::{Checked, Probe, Subject, unknown, unmet};
use crate::cli::runtime::{self, Clients};
use crate::config::Config;
use crate::domain::format::count;
use crate::domain::{
    Account, AccountName, CallError, CallErrorKind, Instance, Offer, RankedOffer, Usd,
};
use crate::engine::caps_of;
use crate::flow::{Caps, Funds, Refusal, admit};
use crate::ports::Market as _;

/// Permissions that a scoped key needs (Vast's own names).
const SCOPE: &str = "use a key with the permissions misc, user_read, instance_read, instance_write, user_write (registers the SSH key) and billing_read (reads the charges)";
/// What to check when Vast does not answer.
const VAST: &str = "vast.base_url, this machine's network and status.vast.ai";

/// The readings of an account.
pub(super) struct AccountRead {
    pub(super) name: AccountName,
    /// Its name, if there are several.
    title: Option<AccountName>,
    instances: Result<Vec<Instance>, CallError>,
    pub(super) account: Result<Account, CallError>,
}

impl AccountRead {
    /// One for each account of the configuration; that of `[vast]` is the first.
    pub(super) async fn all(config: &Config) -> Vec<AccountRead> {
        let mut all = Vec::new();
        for account in config.accounts() {
            let market = Clients::new(&config.of_account(&account.name)).market;
            let title = (!config.other_accounts.is_empty()).then(|| account.name.clone());
            all.push(AccountRead {
                name: account.name,
                title,
                instances: market.instances().await,
                account: market.account().await,
            });
        }
        all
    }

    pub(super) fn key(&self, config: &Config) -> Probe {
        self.probe(Subject::VastKey, key(config, &self.instances))
    }

    pub(super) fn peers(&self, config: &Config) -> Probe {
        self.probe(Subject::Account, peers(config, &self.instances))
    }

    fn probe(&self, what: Subject, checked: Checked) -> Probe {
        Probe {
            account: self.title.clone(),
            ..Probe::new(what, checked)
        }
    }
}

pub(super) fn key(config: &Config, instances: &Result<Vec<Instance>, CallError>) -> Checked {
    let instances = instances.as_ref().map_err(|error| match error.kind {
        CallErrorKind::Unauthorized if lacks_second_factor(error) => unmet(
            error.to_string(),
            "set up two-factor authentication in the Vast console, then create a key there: without it the account neither lists nor rents",
        ),
        CallErrorKind::Unauthorized => unmet(
            error.to_string(),
            format!(
                "create a key in the Vast console and put it into vast.api_key_file, or {SCOPE}"
            ),
        ),
        _ => unknown(
            &error.in_brief(),
            format!("check {VAST}, then retry: nothing is rented until Vast answers"),
        ),
    })?;
    let is_ours = |instance: &&Instance| instance.is_rented_by(&config.cockpit);
    let ours = match instances.iter().filter(is_ours).count() {
        0 => "none".to_owned(),
        ours => ours.to_string(),
    };
    Ok(format!(
        "accepted; {}, {ours} of ours (only `pocpit rehearse` proves that it may rent)",
        count(instances.len(), "instance"),
    ))
}

fn lacks_second_factor(error: &CallError) -> bool {
    error.detail.to_lowercase().contains("two factor")
}

pub(super) fn peers(config: &Config, instances: &Result<Vec<Instance>, CallError>) -> Checked {
    let instances = instances.as_ref().map_err(|error| {
        unknown(
            &error.in_brief(),
            "fix the Vast key first, then retry: another cockpit on the account would spend its budget as well",
        )
    })?;
    match runtime::another_cockpit(instances, config) {
        None => Ok("no other cockpit uses it".to_owned()),
        Some(cause) => Err(unmet(cause, runtime::TWO_COCKPITS)),
    }
}

/// Whether the credit covers a sprint with one of the usable offers, by the engine's own rule.
pub(super) fn credit(
    config: &Config,
    account: Result<Account, CallError>,
    usable: &[RankedOffer],
) -> Checked {
    let account = account.map_err(|error| match error.kind {
        CallErrorKind::Unauthorized => {
            unmet(format!("the key may not read the account: {error}"), SCOPE)
        }
        _ => unknown(
            &error.in_brief(),
            format!("check {VAST}: nothing is rented while the credit is unknown"),
        ),
    })?;
    let credit = account.credit;
    let caps = caps_of(&config.budget);
    let within_caps: Vec<&RankedOffer> = usable
        .iter()
        .filter(|offer| admitted(offer, Usd(i64::MAX), &caps).is_ok())
        .collect();
    if within_caps.is_empty() {
        return credit_without_offers(credit, &caps);
    }
    match refused(&within_caps, credit, &caps) {
        None => Ok(format!("{credit} on the account, enough for a sprint")),
        Some(refusal) => Err(unmet(
            format!(
                "{credit} on the account: a sprint costs {} at worst and {} must be left (budget.credit_floor), so {} is missing",
                refusal.cost, caps.credit_floor, refusal.missing
            ),
            "add credit in the Vast console, or lower budget.credit_floor",
        )),
    }
}

/// Without an offer, only the cap of a sprint is known.
fn credit_without_offers(credit: Usd, caps: &Caps) -> Checked {
    let left = credit.left_after(caps.credit_floor);
    let (floor, most) = (caps.credit_floor, caps.sprint);
    if left >= most {
        return Ok(format!(
            "{credit} on the account, enough for the most expensive sprint (budget.per_sprint)"
        ));
    }
    if left == Usd::ZERO {
        return Err(unmet(
            format!(
                "{credit} is left, and {floor} must be left after a sprint (budget.credit_floor)"
            ),
            "add credit in the Vast console",
        ));
    }
    Err(unknown(
        &format!(
            "{credit} on the account; cannot tell if that is enough, because no offer is usable now. A sprint may cost {most} (budget.per_sprint) and must leave {floor} (budget.credit_floor)"
        ),
        "add credit in the Vast console, or retry when `pocpit offers` lists an offer",
    ))
}

/// Whether the caps admit any usable offer, with nothing spent yet.
pub(super) fn budget(config: &Config, usable: &[RankedOffer]) -> Checked {
    let caps = caps_of(&config.budget);
    let cap = caps.sprint;
    let usable: Vec<&RankedOffer> = usable.iter().collect();
    let Some(best) = usable.first() else {
        return Ok(format!("at most {cap} per sprint; no offer is usable now"));
    };
    match refused(&usable, Usd(i64::MAX), &caps) {
        None => Ok(format!(
            "at most {cap} per sprint; the best offer costs {} at worst",
            best.worst_cost
        )),
        Some(refusal) => Err(unmet(
            format!(
                "none of {} usable offers fits, even with nothing spent yet: {refusal}",
                usable.len()
            ),
            "raise that cap, or release earlier (poc.release, poc.execution_timeout)",
        )),
    }
}

/// As the engine admits an offer, with nothing spent yet.
fn admitted(offer: &RankedOffer, credit: Usd, caps: &Caps) -> Result<(), Refusal> {
    let funds = Funds {
        credit: Some(credit),
        ..Funds::default()
    };
    admit(offer.price, offer.worst_cost, &funds, caps)
}

/// The refusal closest to the cap, if no offer is admitted.
fn refused(offers: &[&RankedOffer], credit: Usd, caps: &Caps) -> Option<Refusal> {
    let refusals = offers
        .iter()
        .map(|offer| admitted(offer, credit, caps).err());
    let refusals: Option<Vec<Refusal>> = refusals.collect();
    refusals?.into_iter().min_by_key(|refusal| refusal.missing)
}

/// Whether the search works: a scoped key may lack that permission.
pub(super) fn market_offers(offers: &Result<Vec<Offer>, CallError>) -> Checked {
    let offers = offers.as_ref().map_err(|error| match error.kind {
        CallErrorKind::Unauthorized => unmet(format!("the key may not search: {error}"), SCOPE),
        _ => unknown(
            &error.in_brief(),
            format!("check {VAST}: nothing is rented until a search works"),
        ),
    })?;
    let count = offers.len();
    Ok(format!("{count} match now; `pocpit offers` ranks them"))
}
