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
use crate::world::vast::machines::{FIRST_MACHINE, MachineKind, SimMachine, gpus_of, round4};

/// A machine's asks have a thousand ids.
const FIRST_ASK: u64 = 20_000_000;
/// The most offers of a search, whatever its limit.
const SHOWN: u64 = 64;
/// GB of storage in a search's prices, unless it says otherwise.
const STORAGE: f64 = 8.0;

/// What [`MarketOddity::UnappliedFilters`] does not apply, and to how many machines.
const UNAPPLIED: [&str; 3] = ["inet_down", "reliability", "cuda_max_good"];
const UNFILTERED: f64 = 0.4;

/// Of [`MarketOddity::PlatformFee`].
const FEE: f64 = 0.04;

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

/// What is for rent, in numbers.
struct Listed {
    machine: SimMachine,
    ask: Ask,
    /// Of the GPUs on demand, in dollars per hour.
    base: f64,
    kind: Kind,
    /// The market's share of the GPUs' price, on top of it.
    fee: Option<f64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    OnDemand,
    /// Interruptible: it costs the least bid that wins.
    Bid,
}

impl Listed {
    fn least_bid(&self) -> f64 {
        round4(0.6 * self.base)
    }

    fn gpu_price(&self) -> f64 {
        match self.kind {
            Kind::OnDemand => self.base,
            Kind::Bid => self.least_bid(),
        }
    }

    fn total(&self, gb: f64) -> f64 {
        with_fee(self.gpu_price(), self.fee) + disk_price(self.machine.storage_cost, gb)
    }
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
        let is_stray = self.kind_of(machine) == MachineKind::Community;
        let is_away = is_stray && uniform(self.seed, 70, day) < 0.05;
        let is_let = machine > 4 && uniform(self.seed, 3, key) < 0.15;
        (!is_away && !is_let).then(|| Ask {
            id: FIRST_ASK + machine * 1000 + generation % 1000,
            key,
            since: self.start + seconds((number(generation) - phase) * life),
        })
    }

    /// What a machine costs now; none while it is not for rent. `is_bid` asks for interruptible offers.
    fn listed(&self, machine: u64, is_bid: bool) -> Option<Listed> {
        let ask = self.ask(machine)?;
        let is_ours = |i: &SimInstance| i.offer["machine_id"] == json!(FIRST_MACHINE + machine);
        if self.live().any(|i| i.holds_gpu(self.now) && is_ours(i)) {
            return None;
        }
        let one = SimMachine::of(self.seed, self.kind_of(machine), machine);
        let base = round4(one.price(uniform(self.seed, 4, ask.key)) * demand(&one, ask.since));
        let is_bid = is_bid || self.is_odd(MarketOddity::BidOffers) && machine % 3 == 2;
        let has_fee = self.is_odd(MarketOddity::PlatformFee);
        Some(Listed {
            machine: one,
            ask,
            base,
            kind: if is_bid { Kind::Bid } else { Kind::OnDemand },
            fee: has_fee.then_some(FEE),
        })
    }

    /// The current offer of a machine.
    pub(super) fn offer(&self, machine: u64) -> Option<Value> {
        Some(self.written_offer(&self.listed(machine, false)?))
    }

    /// An offer without its total, which depends on the storage.
    fn written_offer(&self, listed: &Listed) -> Value {
        let (one, ask, base) = (&listed.machine, &listed.ask, listed.gpu_price());
        let lasts = self.lasts(one, ask);
        let mut offer: Value = one.columns().into();
        for (name, value) in [
            ("id", json!(ask.id)),
            ("ask_contract_id", json!(ask.id)),
            ("dph_base", json!(base)),
            ("min_bid", json!(listed.least_bid())),
            ("is_bid", json!(listed.kind == Kind::Bid)),
            ("platform_fee", json!(listed.fee)),
            ("duration", json!(lasts)),
            ("start_date", json!(unix(ask.since))),
            ("end_date", json!(whole(unix(self.now) + lasts))),
            (
                "vram_costperhour",
                json!(listed.base / number(one.gpu.memory * one.gpus)),
            ),
        ] {
            offer[name] = value;
        }
        if self.is_odd(MarketOddity::UnrentableOffers) && one.number % 3 == 1 {
            offer["rentable"] = json!(false);
        }
        offer
    }

    /// Seconds from now.
    fn lasts(&self, machine: &SimMachine, ask: &Ask) -> f64 {
        if machine.kind == MachineKind::DataCentre {
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

    /// What is for rent of the GPUs and at the prices that a query names. Nothing else is made: the market
    /// has thousands of machines.
    fn listed_for(&self, query: &Value, gb: f64) -> impl Iterator<Item = Listed> {
        let is_wanted = |machine: &u64| {
            let (gpu, gpus) = gpus_of(self.seed, self.kind_of(*machine), *machine);
            filter::holds(&json!(gpus), &query["num_gpus"])
                && filter::holds(&json!(gpu.name), &query["gpu_name"])
        };
        let is_bid = query["type"] == "bid";
        let machines = (0..self.scenario.machines).filter(is_wanted);
        let listed = machines.filter_map(move |machine| self.listed(machine, is_bid));
        listed.filter(move |listed| filter::holds(&json!(listed.total(gb)), &query["dph_total"]))
    }

    /// The offers that a query finds, in its order, at most as many as the market shows.
    pub(super) fn found_offers(&self, query: &Value) -> Vec<Value> {
        let gb = query["allocated_storage"].as_f64().unwrap_or(STORAGE);
        let order = order_of(query);
        let mut listed: Vec<Listed> = self.listed_for(query, gb).collect();
        let limit = query["limit"].as_u64().unwrap_or(SHOWN).min(SHOWN);
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        // The usual order needs no more offers than are shown: to write one takes longest.
        let is_by_price = order[0] == ("dph_total".into(), Direction::Ascending);
        if is_by_price {
            listed.sort_by(|a, b| a.total(gb).total_cmp(&b.total(gb)));
        }
        let mut query = query.clone();
        if self.is_odd(MarketOddity::UnrentableOffers) {
            query["rentable"] = Value::Null;
        }
        let unfiltered = without(&query, &UNAPPLIED);
        let found = listed.iter().map(|listed| {
            let mut offer = self.written_offer(listed);
            price(&mut offer, gb);
            offer
        });
        let found = found.filter(|offer| {
            let query = if self.is_unfiltered(offer) {
                &unfiltered
            } else {
                &query
            };
            filter::matches(offer, query)
        });
        let most = if is_by_price { limit } else { usize::MAX };
        let mut found: Vec<Value> = found.take(most).collect();
        filter::sort(&mut found, &order);
        found.truncate(limit);
        found
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
            for offer in offers.iter_mut().step_by(2) {
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
    if machine.kind == MachineKind::DataCentre {
        return 1.0;
    }
    let day = (unix(at) / 86_400.0).fract();
    0.92 + 0.16 * (1.0 - (2.0 * day - 1.0).abs())
}

/// The keys of a search's order, never empty.
fn order_of(query: &Value) -> Vec<(String, Direction)> {
    let order = query["order"].as_array().into_iter().flatten();
    let order = order.filter_map(|key| Some((key[0].as_str()?.to_owned(), Direction::of(&key[1]))));
    let mut order: Vec<(String, Direction)> = order.collect();
    if order.is_empty() {
        order.push(("score".into(), Direction::Descending));
    }
    order
}

/// The GPUs' price with the market's fee.
fn with_fee(base: f64, fee: Option<f64>) -> f64 {
    base * (1.0 + fee.unwrap_or(0.0))
}

/// What so many GB cost per hour.
fn disk_price(storage_cost: f64, gb: f64) -> f64 {
    storage_cost * gb / 720.0
}

/// Writes the prices: `dph_total = dph_base + storage_cost × GB / 720`, and a fee.
pub(super) fn price(offer: &mut Value, gb: f64) {
    let base = offer["dph_base"].as_f64().unwrap_or(0.0);
    let gpu = with_fee(base, offer["platform_fee"].as_f64());
    let disk = disk_price(offer["storage_cost"].as_f64().unwrap_or(0.0), gb);
    let total = gpu + disk;
    offer["storage_total_cost"] = json!(disk);
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
