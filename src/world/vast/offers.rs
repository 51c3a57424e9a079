//! Offers: what is for rent, and the search for it.

use crate::world::clock::as_seconds;
use crate::world::exchange::ApiResponse;
use crate::world::numbers::{number, uniform, whole};
use crate::world::state::World;
use serde_json::{Value, json};

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
            .any(|i| i.offer["machine_id"] == json!(40_000 + machine));
        if taken || (machine > 4 && uniform(self.seed, 3, key) < 0.15) {
            return None;
        }
        let (name, gpus, ram, price, cap) =
            *CLASSES.get(usize::try_from(machine).unwrap_or(0) % CLASSES.len())?;
        let base = round4(price * number(gpus) * (0.95 + 0.5 * uniform(self.seed, 4, key)));
        // Unique per machine at any time.
        let id = 20_000_000 + machine * 1000 + generation % 1000;
        let mut offer = json!({"id": id, "ask_contract_id": id, "bundle_id": 900_000 + machine, "machine_id": 40_000 + machine, "host_id": 50_000 + machine / 3,
            "num_gpus": gpus, "gpu_name": name, "gpu_arch": "nvidia", "gpu_ram": ram, "gpu_total_ram": ram * gpus, "gpu_frac": 0.5, "compute_cap": cap,
            "cuda_max_good": 13.0, "driver_version": "580.126.09", "cpu_name": "AMD EPYC 9354", "cpu_cores": 128, "cpu_cores_effective": 64.0, "cpu_ram": 1_031_000});
        extend(
            &mut offer,
            json!({"disk_space": 900.0 + 100.0 * number(machine % 20), "disk_bw": 3100.5, "inet_up": 1800.0, "inet_down": round4(2_000.0 + 6_000.0 * uniform(self.seed, 5, machine)),
            "inet_up_cost": 0.004, "inet_down_cost": 0.002, "direct_port_count": 124, "static_ip": true, "geolocation": "Washington, US", "dph_base": base,
            "storage_cost": round4(0.1 + 0.1 * uniform(self.seed, 6, machine)), "is_bid": false, "reliability": round4(0.97 + 0.03 * uniform(self.seed, 8, machine)),
            "reliability2": round4(0.97 + 0.03 * uniform(self.seed, 8, machine)), "verification": "verified", "hosting_type": 1, "rentable": true, "rented": false,
            "external": null, "duration": 2_160_000.0, "end_date": self.now.timestamp() + 2_160_000, "dlperf": 98.3, "score": 345.6, "public_ipaddr": "127.0.0.1", "vms_enabled": false}),
        );
        Some(offer)
    }

    pub(super) fn offers(&self) -> impl Iterator<Item = Value> {
        (0..self.scenario.machines).filter_map(|machine| self.offer(machine))
    }

    pub(super) fn search(&self, body: &Value) -> ApiResponse {
        let gb = body["allocated_storage"].as_f64().unwrap_or(5.0);
        let mut offers: Vec<Value> = self.offers().collect();
        for offer in &mut offers {
            price(offer, gb);
        }
        offers.retain(|offer| matches_filter(offer, body));
        if let Some(field) = body["order"][0][0].as_str() {
            let value = |offer: &Value| offer[field].as_f64().unwrap_or(0.0);
            offers.sort_by(|a, b| value(a).total_cmp(&value(b)));
            if body["order"][0][1] == "desc" {
                offers.reverse();
            }
        }
        let limit = body["limit"].as_u64().unwrap_or(64).min(64);
        offers.truncate(usize::try_from(limit).unwrap_or(64));
        ApiResponse::ok(&json!({"offers": offers}))
    }
}

/// `dph_total = dph_base + storage_cost × GB / 720`.
pub(super) fn price(offer: &mut Value, gb: f64) {
    let disk = offer["storage_cost"].as_f64().unwrap_or(0.0) * gb / 720.0;
    let base = offer["dph_base"].as_f64().unwrap_or(0.0);
    offer["storage_total_cost"] = json!(disk);
    offer["dph_total"] = json!(base + disk);
    offer["search"] = json!({"gpuCostPerHour": base, "diskHour": disk, "totalHour": base + disk});
}

fn matches_filter(offer: &Value, body: &Value) -> bool {
    let mut filters = body.as_object().into_iter().flatten();
    filters.all(|(field, ops)| {
        let mut ops = ops.as_object().into_iter().flatten();
        match &offer[field] {
            Value::Null => true,
            have => ops.all(|(op, want)| compare(have, op, want)),
        }
    })
}

fn compare(have: &Value, op: &str, want: &Value) -> bool {
    if let Value::Array(list) = want {
        let found = list.iter().any(|w| same(have, w));
        return if op == "notin" { !found } else { found };
    }
    match (op, as_number(have), as_number(want)) {
        ("gt", Some(a), Some(b)) => a > b,
        ("gte", Some(a), Some(b)) => a >= b,
        ("lt", Some(a), Some(b)) => a < b,
        ("lte", Some(a), Some(b)) => a <= b,
        ("neq", ..) => !same(have, want),
        _ => same(have, want),
    }
}

fn same(have: &Value, want: &Value) -> bool {
    if let (Some(a), Some(b)) = (as_number(have), as_number(want)) {
        return (a - b).abs() < 1e-9;
    }
    match (have.as_str(), want.as_str()) {
        (Some(a), Some(b)) => a == b || a.ends_with(&format!(", {b}")),
        _ => have == want,
    }
}

fn as_number(value: &Value) -> Option<f64> {
    value.as_f64().or_else(|| value.as_str()?.parse().ok())
}

pub(super) fn round4(x: f64) -> f64 {
    (x * 10_000.0).round() / 10_000.0
}

fn extend(object: &mut Value, more: Value) {
    if let (Some(object), Value::Object(more)) = (object.as_object_mut(), more) {
        object.extend(more);
    }
}
