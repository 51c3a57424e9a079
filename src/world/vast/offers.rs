//! Offers: what is for rent, and the search for it.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::domain::Time;
use crate::world::clock::{as_seconds, seconds, unix};
use crate::world::exchange::ApiResponse;
use crate::world::model::SimInstance;
use crate::world::numbers::{number, uniform, whole};
use crate::world::oddity::{HOSTILE_TEXT, MarketOddity};
use crate::world::state::World;
use crate::world::vast::filter::{self, Direction};
use crate::world::vast::gpus;
use crate::world::vast::machines::{FIRST_MACHINE, SimMachine, gpus_of, is_alike, round4};

/// A machine's asks have a thousand ids.
const FIRST_ASK: u64 = 20_000_000;
/// The most offers of a search, whatever its limit.
const SHOWN: u64 = 64;
/// GB of storage in a search's prices, unless it says otherwise.
const STORAGE: f64 = 8.0;

/// What [`MarketOddity::UnappliedFilters`] does not apply, and to how many machines.
const UNAPPLIED: [&str; 3] = ["inet_down", "reliability", "cuda_max_good"];
const UNFILTERED: f64 = 0.4;

/// How long an offer of the machines that are alike lasts, and the longest of the others, in seconds.
const LASTS: f64 = 2_160_000.0;
const LASTS_AT_MOST: f64 = 60.0 * 86_400.0;

/// What identifies the current offer of a machine.
struct Ask {
    /// Unique per machine at any time.
    id: u64,
    /// Index of its random numbers.
    key: u64,
    since: Time,
}

impl World {
    /// The current ask of a machine. It has a new id and price every 20 to 60 minutes; none while somebody
    /// else has the machine, or while its host has taken it off the market, for a day.
    fn ask(&self, machine: u64) -> Option<Ask> {
        let age = as_seconds(self.now - self.start);
        let life = 1200.0 + 2400.0 * uniform(self.seed, 1, machine);
        let phase = uniform(self.seed, 2, machine);
        let generation = whole(age / life + phase);
        let key = machine * 1000 + generation;
        let day = machine * 1000 + whole(age / 86_400.0);
        let is_away = !is_alike(machine) && uniform(self.seed, 70, day) < 0.05;
        let is_let = machine > 4 && uniform(self.seed, 3, key) < 0.15;
        (!is_away && !is_let).then(|| Ask {
            id: FIRST_ASK + machine * 1000 + generation % 1000,
            key,
            since: self.start + seconds((number(generation) - phase) * life),
        })
    }

    /// The current offer of a machine.
    pub(super) fn offer(&self, machine: u64) -> Option<Value> {
        let ask = self.ask(machine)?;
        let is_ours = |i: &SimInstance| i.offer["machine_id"] == json!(FIRST_MACHINE + machine);
        if self.live().any(|i| i.holds_gpu(self.now) && is_ours(i)) {
            return None;
        }
        let one = SimMachine::of(self.seed, machine);
        let base = round4(one.price(uniform(self.seed, 4, ask.key)) * demand(&one, ask.since));
        let lasts = self.lasts(&one, &ask);
        let mut offer: Value = one.columns().into();
        for (name, value) in [
            ("id", json!(ask.id)),
            ("ask_contract_id", json!(ask.id)),
            ("dph_base", json!(base)),
            ("min_bid", json!(round4(0.6 * base))),
            ("duration", json!(lasts)),
            ("start_date", json!(unix(ask.since))),
            ("end_date", json!(whole(unix(self.now) + lasts))),
            (
                "vram_costperhour",
                json!(base / number(one.gpu.memory * one.gpus)),
            ),
        ] {
            offer[name] = value;
        }
        if self.is_odd(MarketOddity::UnrentableOffers) && machine % 3 == 1 {
            offer["rentable"] = json!(false);
        }
        if self.is_odd(MarketOddity::BidOffers) && machine % 3 == 2 {
            as_bid(&mut offer);
        }
        if self.is_odd(MarketOddity::PlatformFee) {
            offer["platform_fee"] = json!(0.04);
        }
        Some(offer)
    }

    /// Seconds from now.
    fn lasts(&self, machine: &SimMachine, ask: &Ask) -> f64 {
        if is_alike(machine.number) {
            return LASTS;
        }
        // The square makes many that end soon.
        let share = uniform(self.seed, 71, ask.key);
        let at_most = (LASTS_AT_MOST * share * share).max(3_600.0);
        at_most - as_seconds(self.now - ask.since)
    }

    /// The machine whose ask can have this id.
    pub(super) fn machine_of(&self, id: u64) -> Option<u64> {
        let machine = id.checked_sub(FIRST_ASK)? / 1_000;
        (machine < self.scenario.machines).then_some(machine)
    }

    /// Offers of the GPUs that a query names. No others are made: the market has thousands of machines.
    fn offers_for(&self, query: &Value) -> impl Iterator<Item = Value> {
        let is_wanted = |machine: &u64| {
            let (gpu, gpus) = gpus_of(self.seed, *machine);
            filter::holds(&json!(gpus), &query["num_gpus"])
                && filter::holds(&json!(gpu.name), &query["gpu_name"])
        };
        let machines = (0..self.scenario.machines).filter(is_wanted);
        machines.filter_map(|machine| self.offer(machine))
    }

    /// The offers that a query finds, in its order, at most as many as the market shows.
    pub(super) fn found_offers(&self, query: &Value) -> Vec<Value> {
        let gb = query["allocated_storage"].as_f64().unwrap_or(STORAGE);
        let is_bid = query["type"] == "bid";
        let mut offers: Vec<Value> = self.offers_for(query).collect();
        for offer in &mut offers {
            if is_bid {
                as_bid(offer);
            }
            price(offer, gb);
        }
        let mut query = query.clone();
        if self.is_odd(MarketOddity::UnrentableOffers) {
            query["rentable"] = Value::Null;
        }
        let unfiltered = without(&query, &UNAPPLIED);
        offers.retain(|offer| {
            let query = if self.is_unfiltered(offer) {
                &unfiltered
            } else {
                &query
            };
            filter::matches(offer, query)
        });
        let order = query["order"].as_array().into_iter().flatten();
        let order =
            order.filter_map(|key| Some((key[0].as_str()?.to_owned(), Direction::of(&key[1]))));
        let mut order: Vec<(String, Direction)> = order.collect();
        if order.is_empty() {
            order.push(("score".into(), Direction::Descending));
        }
        filter::sort(&mut offers, &order);
        let limit = query["limit"].as_u64().unwrap_or(SHOWN).min(SHOWN);
        offers.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        offers
    }

    fn is_unfiltered(&self, offer: &Value) -> bool {
        let machine = offer["machine_id"].as_u64().unwrap_or(0);
        self.is_odd(MarketOddity::UnappliedFilters) && uniform(self.seed, 72, machine) < UNFILTERED
    }

    pub(super) fn search(&self, query: &Value) -> ApiResponse {
        self.shown(self.found_offers(query))
    }

    /// The newer search: the query is a part of the body, and columns can be chosen.
    pub(super) fn search_asks(&self, body: &Value) -> ApiResponse {
        if !body["q"].is_object() {
            let text = "Invalid query: must be dict of conditions";
            return ApiResponse::refusal(400, "invalid_request", text);
        }
        let offers = self.found_offers(&body["q"]).into_iter();
        let columns = &body["select_cols"];
        self.shown(offers.map(|offer| filter::select(offer, columns)).collect())
    }

    fn shown(&self, mut offers: Vec<Value>) -> ApiResponse {
        if self.is_odd(MarketOddity::NotANumber) {
            for offer in offers.iter_mut().step_by(3) {
                offer["dlperf_per_dphtotal"] = json!("@NaN");
                offer["score"] = json!("@Infinity");
            }
        }
        if self.is_odd(MarketOddity::HostileTexts) {
            for offer in &mut offers {
                let name = offer["gpu_name"].as_str().unwrap_or_default();
                offer["gpu_name"] = json!(format!("{name} {HOSTILE_TEXT}{}", "W".repeat(5_000)));
                offer["geolocation"] = json!(HOSTILE_TEXT);
            }
        }
        if self.is_odd(MarketOddity::OddRows) {
            offers.insert(
                0,
                json!({"machine_id": 39_999, "gpu_name": null, "dph_total": "free"}),
            );
            offers.push(
                json!({"id": "20999999", "num_gpus": "four", "gpu_name": 4090, "dph_base": null,
                "dph_total": null, "duration": "-", "reliability": null, "geolocation": 7}),
            );
        }
        self.written(&json!({"success": true, "offers": offers}))
    }
}

/// Names of the kinds of GPUs, each once; the vendor's command checks its arguments with it.
pub(super) fn gpu_names() -> ApiResponse {
    let names: BTreeSet<&str> = gpus::names().collect();
    ApiResponse::ok(&json!({"success": true, "gpu_names": names}))
}

fn without(query: &Value, columns: &[&str]) -> Value {
    let mut query = query.clone();
    if let Some(filters) = query.as_object_mut() {
        filters.retain(|column, _| !columns.contains(&column.as_str()));
    }
    query
}

/// Factor of a price by the hour of the day; always 1 for the machines that are alike.
fn demand(machine: &SimMachine, at: Time) -> f64 {
    if is_alike(machine.number) {
        return 1.0;
    }
    let day = (unix(at) / 86_400.0).fract();
    0.92 + 0.16 * (1.0 - (2.0 * day - 1.0).abs())
}

/// An interruptible offer costs the least bid that wins.
fn as_bid(offer: &mut Value) {
    offer["is_bid"] = json!(true);
    offer["dph_base"] = offer["min_bid"].clone();
}

/// `dph_total = dph_base + storage_cost × GB / 720`.
pub(super) fn price(offer: &mut Value, gb: f64) {
    let disk = offer["storage_cost"].as_f64().unwrap_or(0.0) * gb / 720.0;
    let base = offer["dph_base"].as_f64().unwrap_or(0.0);
    offer["storage_total_cost"] = json!(disk);
    let gpu = base * (1.0 + offer["platform_fee"].as_f64().unwrap_or(0.0));
    let total = gpu + disk;
    offer["dph_total"] = json!(total);
    offer["discounted_dph_total"] = json!(total);
    offer["dph_total_adj"] = json!(total);
    offer["search"] = hourly(gpu, disk);
    offer["instance"] = hourly(0.0, disk);
    for (name, measure) in [
        ("dlperf_per_dphtotal", "dlperf"),
        ("flops_per_dphtotal", "total_flops"),
    ] {
        offer[name] = offer[measure].as_f64().map(|value| value / total).into();
    }
}

/// A price in its parts.
pub(super) fn hourly(gpu: f64, disk: f64) -> Value {
    json!({"gpuCostPerHour": gpu, "diskHour": disk, "totalHour": gpu + disk, "discountTotalHour": 0,
        "discountedTotalPerHour": gpu + disk})
}
