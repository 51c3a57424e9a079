//! Offers: what is for rent, and the search for it.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::world::clock::as_seconds;
use crate::world::exchange::ApiResponse;
use crate::world::numbers::{number, uniform, whole};
use crate::world::oddity::MarketOddity;
use crate::world::state::World;
use crate::world::vast::filter::{self, Direction};

/// A machine's asks have a thousand ids.
const FIRST_ASK: u64 = 20_000_000;
/// The most offers of a search, whatever its limit.
const SHOWN: u64 = 64;
/// GB of storage in a search's prices, unless it says otherwise.
const STORAGE: f64 = 8.0;

const CLASSES: [(&str, u64, u64, f64, u64); 5] = [
    ("H100 SXM", 4, 81_559, 2.0, 900),
    ("H100 SXM", 8, 81_559, 1.95, 900),
    ("A100 SXM4", 4, 81_920, 1.0, 800),
    ("RTX 4090", 1, 24_564, 0.35, 890),
    ("H200", 4, 143_771, 2.7, 900),
];

impl World {
    /// The current offer of a machine. It gets a new id and price every 20 to 60 minutes.
    fn offer(&self, machine: u64) -> Option<Value> {
        let age = as_seconds(self.now - self.start);
        let life = 1200.0 + 2400.0 * uniform(self.seed, 1, machine);
        let generation = whole(age / life + uniform(self.seed, 2, machine));
        let key = machine * 1000 + generation;
        let taken = self
            .live()
            .any(|i| i.holds_gpu(self.now) && i.offer["machine_id"] == json!(40_000 + machine));
        if taken || (machine > 4 && uniform(self.seed, 3, key) < 0.15) {
            return None;
        }
        let (name, gpus, ram, price, cap) =
            *CLASSES.get(usize::try_from(machine).unwrap_or(0) % CLASSES.len())?;
        let base = round4(price * number(gpus) * (0.95 + 0.5 * uniform(self.seed, 4, key)));
        // Unique per machine at any time.
        let id = FIRST_ASK + machine * 1000 + generation % 1000;
        let mut offer = json!({"id": id, "ask_contract_id": id, "bundle_id": 900_000 + machine, "machine_id": 40_000 + machine, "host_id": 50_000 + machine / 3,
            "num_gpus": gpus, "gpu_name": name, "gpu_arch": "nvidia", "gpu_ram": ram, "gpu_total_ram": ram * gpus, "gpu_frac": 0.5, "compute_cap": cap,
            "cuda_max_good": 13.0, "driver_version": "580.126.09", "cpu_name": "AMD EPYC 9354", "cpu_cores": 128, "cpu_cores_effective": 64.0, "cpu_ram": 1_031_000});
        extend(
            &mut offer,
            json!({"disk_space": 900.0 + 100.0 * number(machine % 20), "disk_bw": 3100.5, "inet_up": 1800.0, "inet_down": round4(2_000.0 + 6_000.0 * uniform(self.seed, 5, machine)),
            "inet_up_cost": 0.004, "inet_down_cost": 0.002, "direct_port_count": 124, "static_ip": true, "geolocation": "Washington, US", "dph_base": base,
            "storage_cost": round4(0.1 + 0.1 * uniform(self.seed, 6, machine)), "min_bid": round4(0.6 * base), "is_bid": false, "platform_fee": null, "reliability": round4(0.97 + 0.03 * uniform(self.seed, 8, machine)),
            "reliability2": round4(0.97 + 0.03 * uniform(self.seed, 8, machine)), "verification": "verified", "hosting_type": 1, "rentable": true, "rented": false,
            "external": null, "duration": 2_160_000.0, "end_date": self.now.timestamp() + 2_160_000, "dlperf": 98.3, "score": 345.6, "public_ipaddr": "127.0.0.1", "vms_enabled": false}),
        );
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

    pub(super) fn offers(&self) -> impl Iterator<Item = Value> {
        (0..self.scenario.machines).filter_map(|machine| self.offer(machine))
    }

    /// Whether an ask can have this id.
    pub(super) fn could_be_an_ask(&self, id: u64) -> bool {
        let machine = id.checked_sub(FIRST_ASK).map(|id| id / 1_000);
        machine.is_some_and(|machine| machine < self.scenario.machines)
    }

    /// The offers that a query finds, in its order, at most as many as the market shows.
    pub(super) fn found_offers(&self, query: &Value) -> Vec<Value> {
        let gb = query["allocated_storage"].as_f64().unwrap_or(STORAGE);
        let is_bid = query["type"] == "bid";
        let mut offers: Vec<Value> = self.offers().collect();
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
        offers.retain(|offer| filter::matches(offer, &query));
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
    let names: BTreeSet<&str> = CLASSES.iter().map(|class| class.0).collect();
    ApiResponse::ok(&json!({"success": true, "gpu_names": names}))
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

pub(super) fn round4(x: f64) -> f64 {
    (x * 10_000.0).round() / 10_000.0
}

fn extend(object: &mut Value, more: Value) {
    if let (Some(object), Value::Object(more)) = (object.as_object_mut(), more) {
        object.extend(more);
    }
}
