//! Filters and ranks offers. Pure.
//!
//! The server does not always apply its filters, so every hard limit is checked again. Offers are
//! ranked by the expected cost of a success: the cost of a session divided by the chance that the model
//! is loaded in time. That weighs price, disk, traffic, slow boots and unreliable hosts against each
//! other in dollars, without invented weights.

use std::cmp::Reverse;

use super::cost;
use super::predict::Predictor;
use crate::domain::{
    AvoidedMachine, BootTime, Duration, Offer, OfferId, OfferQuery, PastBoot, RankedOffer, Time,
    Usd, UsdPerHour, Verification, is_hanging_driver,
};

/// Cards report less memory than their name says (an 80 GB card about 79,600 MB), so 10 % less
/// suffices. A larger slack would admit the next smaller size.
const MEMORY_SLACK: f64 = 0.10;
/// Measured versions are floats: 12.8 may come as 12.799999.
const CUDA_SLACK: f64 = 0.001;

/// Factor on the chance that a boot works while another machine of the host is avoided.
const AVOIDED_HOST_CHANCE: f64 = 0.5;

/// What a session needs besides the query.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SessionNeeds {
    pub now: Time,
    /// Expected release.
    pub until: Time,
    /// Latest release; the offer must last this long.
    pub at_worst_until: Time,
    /// Time left for a boot; absent when it does not matter.
    pub boot_within: Option<Duration>,
    pub image_gb: f64,
    pub model_gb: f64,
}

#[derive(Debug, Clone, Copy, Default)]
pub struct RentalHistory<'a> {
    pub blocked: &'a [AvoidedMachine],
    pub boots: &'a [PastBoot],
}

/// All offers of a search, ranked or rejected.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RankedOffers {
    /// Best first.
    pub usable: Vec<RankedOffer>,
    pub rejected: Vec<(Offer, String)>,
}

/// Checks and orders the offers of a search.
pub fn rank(
    offers: Vec<Offer>,
    query: &OfferQuery,
    needs: &SessionNeeds,
    experience: &RentalHistory<'_>,
) -> RankedOffers {
    let wanted_gpus = query.gpu_names.iter().map(|name| plain(name).collect());
    let ranking = Ranking {
        query,
        needs,
        wanted_gpus: wanted_gpus.collect(),
        avoided: experience.blocked,
        predictor: Predictor::new(experience.boots, needs.model_gb),
    };
    let mut usable = Vec::with_capacity(offers.len());
    let mut rejected = Vec::new();
    for offer in offers {
        match ranking.boot_of(&offer) {
            Ok(boot) => usable.push(ranking.assess(offer, boot)),
            Err(reason) => rejected.push((offer, reason)),
        }
    }
    // Rows are large: with cached keys each is moved once.
    usable.sort_by_cached_key(sort_key);
    RankedOffers { usable, rejected }
}

/// By cost of a success, then reliability, then bandwidth, then id. Both floats are non-negative, so
/// their bits sort like their values.
fn sort_key(row: &RankedOffer) -> (Usd, Reverse<u64>, Reverse<u64>, OfferId) {
    let offer = &row.offer;
    (
        row.cost_of_success(),
        Reverse(offer.reliability.to_bits()),
        Reverse(offer.download_mbps.to_bits()),
        offer.id,
    )
}

struct Ranking<'a> {
    query: &'a OfferQuery,
    needs: &'a SessionNeeds,
    wanted_gpus: Vec<String>,
    avoided: &'a [AvoidedMachine],
    predictor: Predictor,
}

impl Ranking<'_> {
    /// How long an offer takes to boot; the error is why it is rejected.
    fn boot_of(&self, offer: &Offer) -> Result<BootTime, String> {
        self.check(offer)?;
        let needs = self.needs;
        let boot = self.predictor.boot(offer, needs.image_gb, needs.model_gb);
        self.check_boot(offer, boot)?;
        Ok(boot)
    }

    /// The error is the first hard limit that the offer violates. Comparisons are written so that NaN
    /// fails.
    fn check(&self, offer: &Offer) -> Result<(), String> {
        if let Some(closed) = offer.closed {
            return Err(closed.to_string());
        }
        let objections = self.avoided.iter().filter_map(|one| one.objection(offer));
        let of_hosts = self
            .avoided
            .iter()
            .filter_map(|one| one.objection_to_host(offer));
        if let Some(objection) = objections.chain(of_hosts).next() {
            return Err(objection);
        }
        let is_wanted = |wanted: &String| plain(&offer.gpu_name).eq(wanted.chars());
        let fits = self.wanted_gpus.is_empty() || self.wanted_gpus.iter().any(is_wanted);
        ensure(fits, || format!("{} is not a wanted GPU", offer.gpu_name))?;
        check_hardware(offer, self.query)?;
        check_host(offer, self.query)?;
        check_price(offer, self.query)?;
        check_duration(offer, self.query, self.needs)
    }

    /// Most of a boot is the download of the weights, so the reason says how long that takes.
    fn check_boot(&self, offer: &Offer, boot: BootTime) -> Result<(), String> {
        let needs = self.needs;
        let within = needs.boot_within.unwrap_or(Duration::MAX);
        ensure(boot.median <= within, || {
            let (boot, within) = (boot.median.num_minutes(), within.num_minutes());
            let weights = cost::download_time(offer.download_mbps, needs.model_gb);
            format!(
                "about {boot} min to boot, {within} min left: the model's {:.0} GB alone take about {} min at {:.0} Mbit/s",
                needs.model_gb,
                weights.num_minutes(),
                offer.download_mbps
            )
        })
    }

    /// Other machines of an avoided machine's host may have the same fault: they rank lower, but stay
    /// usable until a second one fails.
    fn chance_to_work(&self, offer: &Offer) -> f64 {
        let chance = self.predictor.chance_to_work(offer);
        if self.avoided.iter().any(|avoided| avoided.is_of_host(offer)) {
            chance * AVOIDED_HOST_CHANCE
        } else {
            chance
        }
    }

    fn assess(&self, offer: Offer, boot: BootTime) -> RankedOffer {
        let needs = self.needs;
        let session = needs.until - needs.now;
        let longest = needs.at_worst_until.max(needs.until) - needs.now;
        let download_gb = needs.image_gb + needs.model_gb;
        let disk_gb = self.query.disk_gb;
        let idle = Predictor::idle_part(boot, &offer, needs.image_gb, needs.model_gb);
        let in_time = needs.boot_within.map(|within| boot.chance_within(within));
        let mut row = RankedOffer {
            price: offer.price_with_disk(disk_gb),
            session,
            gpu_cost: offer
                .running_price()
                .times((session - idle).max(Duration::zero())),
            storage_cost: offer.storage_price(disk_gb).times(session),
            traffic_cost: cost::traffic(offer.download_per_gb, download_gb),
            worst_cost: cost::session_cost(&offer, disk_gb, longest, download_gb),
            boot,
            boot_within: needs.boot_within,
            own_boots: self.predictor.own_boots(&offer),
            chance_to_work: self.chance_to_work(&offer),
            chance_in_time: in_time.unwrap_or(1.0),
            offer,
        };
        // Each part is rounded up separately.
        row.worst_cost = row.worst_cost.max(row.expected_cost());
        row
    }
}

fn ensure(holds: bool, reason: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(reason()) }
}

fn check_hardware(offer: &Offer, query: &OfferQuery) -> Result<(), String> {
    let (has, wants) = (offer.gpu_count, &query.gpu_counts);
    ensure(wants.contains(&has), || {
        let wants: Vec<String> = wants.iter().map(u32::to_string).collect();
        format!("{has} GPUs, need {}", wants.join(" or "))
    })?;
    let (has, wants) = (offer.gpu_memory_mb, query.min_gpu_memory_mb);
    ensure(has >= with_slack(wants), || {
        format!("{has} MB per GPU, need {wants} MB")
    })?;
    let has = has.saturating_mul(u64::from(offer.gpu_count));
    let wants = query.min_total_gpu_memory_mb;
    ensure(has >= with_slack(wants), || {
        format!("{has} MB on all GPUs, need {wants} MB")
    })?;
    if let Some(driver) = offer.driver.as_ref() {
        ensure(!is_hanging_driver(&offer.gpu_name, driver), || {
            format!(
                "driver {driver} hangs on {} before the load",
                offer.gpu_name
            )
        })?;
    }
    match (query.min_cuda, offer.cuda) {
        (None, _) => Ok(()),
        (Some(least), None) => Err(format!("CUDA version unknown, need {least}")),
        (Some(least), Some(cuda)) => ensure(cuda >= least - CUDA_SLACK, || {
            format!("driver supports CUDA {cuda}, need {least}")
        }),
    }
}

/// The fewest megabytes that count as `least`.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "megabytes of memory are far below 2^52, and never negative"
)]
pub(super) fn with_slack(least: u64) -> u64 {
    (least as f64 * (1.0 - MEMORY_SLACK)).ceil() as u64
}

fn check_host(offer: &Offer, query: &OfferQuery) -> Result<(), String> {
    let verified = offer.verified || query.verification != Verification::Required;
    ensure(verified, || "not verified by the market".into())?;
    let (has, wants) = (offer.disk_gb, query.disk_gb);
    ensure(has >= wants, || {
        format!("{has:.0} GB of disk, need {wants:.0} GB")
    })?;
    let (has, wants) = (offer.reliability, query.min_reliability);
    ensure(has >= wants, || {
        format!("reliability {has:.3}, need {wants:.3}")
    })?;
    let (has, wants) = (offer.download_mbps, query.min_download_mbps);
    ensure(has >= wants, || {
        format!("{has:.0} Mbit/s down, need {wants:.0}")
    })?;
    let (has, wants) = (offer.direct_ports, query.min_direct_ports);
    ensure(has >= wants, || format!("{has} direct ports, need {wants}"))?;
    let code = offer.country();
    let is_wanted =
        |country: &String| code.is_some_and(|code| code.eq_ignore_ascii_case(country.trim()));
    let fits = query.countries.is_empty() || query.countries.iter().any(is_wanted);
    ensure(fits, || {
        let place = offer.location.as_deref().unwrap_or("an unknown place");
        format!("in {place}, not a wanted country")
    })
}

fn check_price(offer: &Offer, query: &OfferQuery) -> Result<(), String> {
    let (price, most) = (offer.price_with_disk(query.disk_gb), query.max_price);
    ensure(price <= most, || {
        format!("{price} with the disk, limit {most}")
    })?;
    // A free or negative price is a broken row.
    let others = [
        offer.storage_per_gb_month,
        offer.download_per_gb,
        offer.upload_per_gb,
    ];
    let plausible =
        offer.gpu_price > UsdPerHour::ZERO && others.iter().all(|price| *price >= Usd::ZERO);
    ensure(plausible, || "implausible price".into())
}

fn check_duration(offer: &Offer, query: &OfferQuery, needs: &SessionNeeds) -> Result<(), String> {
    let needed = needs.at_worst_until.max(needs.now + query.min_duration);
    let end = offer.ends_at.ok_or("no end of the offer given")?;
    ensure(end > needed, || {
        let (end, needed) = (end.format("%F %R"), needed.format("%F %R"));
        format!("the offer ends at {end} UTC, needed until {needed}")
    })
}

/// `RTX_4090`, `rtx 4090` and `RTX 4090` are the same card; `A100 SXM4` and `A100 PCIE` are not.
fn plain(gpu_name: &str) -> impl Iterator<Item = char> {
    let letters = gpu_name.chars().filter(|c| c.is_alphanumeric());
    letters.flat_map(char::to_lowercase)
}

#[cfg(test)]
pub(super) mod tests;
