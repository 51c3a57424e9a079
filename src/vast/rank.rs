//! Which offers are usable, and which is best. Pure.
//!
//! The server does not always apply its filters, so every hard limit is checked again here. The
//! order is by what a session is expected to cost, with a surcharge for hosts that are likely to
//! cost another attempt:
//!
//! * unreliable: the chance of failing (`1 - reliability`, counted five times, because the score
//!   measures uptime and not boots) times the cost of a whole session;
//! * slow: the share by which the p95 boot exceeds the time there is, at most one session.

use std::cmp::Ordering;

use super::cost::{self, BootEstimate};
use crate::domain::{Duration, MachineId, Offer, OfferQuery, Time, Usd, UsdPerHour, Verification};

/// Cards report a little less memory than their name says (an 80 GB card about 79,600 MB), so a
/// limit is met by 10 % less. More would let the next smaller size in: 48 for 80.
const MEMORY_SLACK: f64 = 0.10;
/// Measured versions are floats: 12.8 may come as 12.799999.
const CUDA_SLACK: f64 = 0.001;
const FAILURE_WEIGHT: f64 = 5.0;

/// What a session needs beside the query.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Needs {
    /// Now.
    pub now: Time,
    /// Until when the rental is expected to be kept.
    pub until: Time,
    /// Until when it is kept at worst; the offer must last this long.
    pub at_worst_until: Time,
    /// Time there is for a boot; absent when it does not matter.
    pub boot_within: Option<Duration>,
    /// Gigabytes of the image.
    pub image_gb: f64,
    /// Gigabytes of the model.
    pub model_gb: f64,
}

/// A usable offer with its cost.
#[derive(Debug, Clone, PartialEq)]
pub struct RankedOffer {
    /// The offer.
    pub offer: Offer,
    /// Price of an hour, disk included.
    pub price: UsdPerHour,
    /// Expected cost of the whole session.
    pub expected_cost: Usd,
    /// Worst case of the whole session: what is reserved.
    pub worst_cost: Usd,
    /// Time from renting to ready.
    pub expected_boot: BootEstimate,
    /// Why it ranks where it does.
    pub why: String,
}

/// All offers of a search: best first, and those that are out with the reason.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Ranked {
    /// Usable, best first.
    pub usable: Vec<RankedOffer>,
    /// Not usable, and why.
    pub rejected: Vec<(Offer, String)>,
}

/// Checks and orders the offers of a search.
pub fn rank(
    offers: Vec<Offer>,
    query: &OfferQuery,
    needs: &Needs,
    avoided: &[MachineId],
) -> Ranked {
    let mut scored = Vec::new();
    let mut rejected = Vec::new();
    for offer in offers {
        match objection(&offer, query, needs, avoided) {
            Some(reason) => rejected.push((offer, reason)),
            None => scored.push(score(offer, query, needs)),
        }
    }
    scored.sort_by(|(a_score, a), (b_score, b)| {
        a_score.cmp(b_score).then_with(|| tie(&a.offer, &b.offer))
    });
    Ranked {
        usable: scored.into_iter().map(|(_, row)| row).collect(),
        rejected,
    }
}

/// Equal scores: the more reliable first, then the faster, then the lower id.
fn tie(a: &Offer, b: &Offer) -> Ordering {
    b.reliability
        .total_cmp(&a.reliability)
        .then_with(|| b.download_mbps.total_cmp(&a.download_mbps))
        .then_with(|| a.id.cmp(&b.id))
}

/// The first hard limit that the offer breaks. Written as "is it at least", so that a number that
/// is not a number is out.
fn objection(
    offer: &Offer,
    query: &OfferQuery,
    needs: &Needs,
    avoided: &[MachineId],
) -> Option<String> {
    if avoided.contains(&offer.machine) {
        return Some(format!(
            "machine {} is avoided after a failure",
            offer.machine
        ));
    }
    hardware_objection(offer, query)
        .or_else(|| host_objection(offer, query))
        .or_else(|| price_objection(offer, query))
        .or_else(|| time_objection(offer, query, needs))
}

fn hardware_objection(offer: &Offer, query: &OfferQuery) -> Option<String> {
    let wanted_name = |name: &String| same_gpu(name, &offer.gpu_name);
    if !query.gpu_names.is_empty() && !query.gpu_names.iter().any(wanted_name) {
        return Some(format!("{} is not a wanted GPU", offer.gpu_name));
    }
    if offer.gpu_count != query.gpu_count {
        let (has, wants) = (offer.gpu_count, query.gpu_count);
        return Some(format!("{has} GPUs, {wants} are needed"));
    }
    if offer.gpu_memory_mb < with_slack(query.min_gpu_memory_mb) {
        let (has, wants) = (offer.gpu_memory_mb, query.min_gpu_memory_mb);
        return Some(format!("{has} MB per GPU, {wants} MB are needed"));
    }
    let total = offer
        .gpu_memory_mb
        .saturating_mul(u64::from(offer.gpu_count));
    if total < with_slack(query.min_total_gpu_memory_mb) {
        let wants = query.min_total_gpu_memory_mb;
        return Some(format!("{total} MB on all GPUs, {wants} MB are needed"));
    }
    let cuda_is_enough = |least: f64| offer.cuda.is_some_and(|cuda| cuda >= least - CUDA_SLACK);
    match query.min_cuda {
        Some(least) if !cuda_is_enough(least) => Some(match offer.cuda {
            Some(cuda) => format!("driver supports CUDA {cuda}, {least} is needed"),
            None => format!("CUDA version unknown, {least} is needed"),
        }),
        _ => None,
    }
}

/// The least whole number of megabytes that counts as `least`.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "megabytes of memory are far below 2^52, and never negative"
)]
pub(super) fn with_slack(least: u64) -> u64 {
    (least as f64 * (1.0 - MEMORY_SLACK)).ceil() as u64
}

fn host_objection(offer: &Offer, query: &OfferQuery) -> Option<String> {
    if query.verification == Verification::Required && !offer.verified {
        return Some("not verified by the market".into());
    }
    if !at_least(offer.disk_gb, query.disk_gb) {
        let (has, wants) = (offer.disk_gb, query.disk_gb);
        return Some(format!("{has:.0} GB of disk, {wants:.0} GB are needed"));
    }
    if !at_least(offer.reliability, query.min_reliability) {
        let (has, wants) = (offer.reliability, query.min_reliability);
        return Some(format!("reliability {has:.3}, {wants:.3} is needed"));
    }
    if !at_least(offer.download_mbps, query.min_download_mbps) {
        let (has, wants) = (offer.download_mbps, query.min_download_mbps);
        return Some(format!("{has:.0} Mbit/s down, {wants:.0} are needed"));
    }
    if offer.direct_ports < query.min_direct_ports {
        let (has, wants) = (offer.direct_ports, query.min_direct_ports);
        return Some(format!("{has} direct ports, {wants} are needed"));
    }
    let in_country = |country: &String| {
        country_of(offer).is_some_and(|code| code.eq_ignore_ascii_case(country.trim()))
    };
    if !query.countries.is_empty() && !query.countries.iter().any(in_country) {
        let place = offer.location.as_deref().unwrap_or("an unknown place");
        return Some(format!("in {place}, not a wanted country"));
    }
    None
}

fn at_least(has: f64, needed: f64) -> bool {
    has >= needed
}

fn price_objection(offer: &Offer, query: &OfferQuery) -> Option<String> {
    let price = offer.price_with_disk(query.disk_gb);
    if price > query.max_price {
        let most = query.max_price;
        return Some(format!("{price} with the disk, at most {most} is allowed"));
    }
    // A free or negative price is a broken row, and no basis for a reservation.
    let free = offer.gpu_price <= UsdPerHour::ZERO;
    let negative = [
        offer.storage_per_gb_month,
        offer.download_per_gb,
        offer.upload_per_gb,
    ]
    .into_iter()
    .any(|price| price < Usd::ZERO);
    (free || negative).then(|| "its price cannot be true".into())
}

fn time_objection(offer: &Offer, query: &OfferQuery, needs: &Needs) -> Option<String> {
    let needed_until = needs.at_worst_until.max(needs.now + query.min_duration);
    match offer.ends_at {
        None => return Some("it does not say how long the host offers it".into()),
        Some(end) if end <= needed_until => {
            let (end, needed) = (end.format("%F %R"), needed_until.format("%F %R"));
            return Some(format!(
                "the host takes it back at {end} UTC, needed until {needed}"
            ));
        }
        Some(_) => {}
    }
    let boot = cost::predicted_boot(offer, needs.image_gb, needs.model_gb);
    let within = needs.boot_within?;
    (boot.p50 > within).then(|| {
        let (boot, within) = (boot.p50.num_minutes(), within.num_minutes());
        format!("about {boot} min to boot, there are {within}")
    })
}

/// `RTX_4090`, `rtx 4090` and `RTX 4090` are the same card; `A100 SXM4` and `A100 PCIE` are not.
fn same_gpu(a: &str, b: &str) -> bool {
    let plain = |name: &str| -> String {
        name.chars()
            .filter(|c| c.is_alphanumeric())
            .flat_map(char::to_lowercase)
            .collect()
    };
    plain(a) == plain(b)
}

/// Locations are free text that ends in a country code: `Washington, US`.
fn country_of(offer: &Offer) -> Option<&str> {
    let text = offer.location.as_deref()?.trim_end();
    let start = text.len().checked_sub(2)?;
    text.get(start..)
}

fn score(offer: Offer, query: &OfferQuery, needs: &Needs) -> (Usd, RankedOffer) {
    let download_gb = needs.image_gb + needs.model_gb;
    let session =
        |until: Time| cost::session_cost(&offer, query.disk_gb, until - needs.now, download_gb);
    let expected_cost = session(needs.until);
    let worst_cost = session(needs.at_worst_until.max(needs.until));
    let expected_boot = cost::predicted_boot(&offer, needs.image_gb, needs.model_gb);
    let unreliable = ((1.0 - offer.reliability) * FAILURE_WEIGHT).clamp(0.0, 1.0);
    let slow = lateness(expected_boot, needs.boot_within);
    let surcharge = Usd::from_dollars(expected_cost.dollars() * (unreliable + slow));
    let price = offer.price_with_disk(query.disk_gb);
    let traffic = cost::traffic(offer.download_per_gb, download_gb);
    let why = why(price, expected_cost, traffic, surcharge, slow > 0.0);
    let row = RankedOffer {
        offer,
        price,
        expected_cost,
        worst_cost,
        expected_boot,
        why,
    };
    (expected_cost + surcharge, row)
}

/// By which share of the time there is the slow end of the boot comes too late, at most 1.
#[expect(
    clippy::cast_precision_loss,
    reason = "seconds of a boot: far below 2^52"
)]
fn lateness(boot: BootEstimate, within: Option<Duration>) -> f64 {
    let Some(within) = within else { return 0.0 };
    let late = (boot.p95 - within).num_seconds().max(0) as f64;
    (late / within.num_seconds().max(1) as f64).min(1.0)
}

fn why(price: UsdPerHour, expected: Usd, traffic: Usd, surcharge: Usd, slow: bool) -> String {
    let traffic = if traffic > Usd::ZERO {
        format!(", {traffic} of it traffic")
    } else {
        String::new()
    };
    let cause = if slow {
        "a slow or failing"
    } else {
        "a failing"
    };
    let risk = if surcharge > Usd::ZERO {
        format!(", ranked {surcharge} lower for the risk of {cause} boot")
    } else {
        String::new()
    };
    format!("{expected} expected at {price}{traffic}{risk}")
}

#[cfg(test)]
pub(super) mod tests;
