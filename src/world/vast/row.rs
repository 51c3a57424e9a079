//! An instance as the market shows it.

use serde::{Serialize, Serializer};
use serde_json::{Map, Value, json};

use crate::world::clock::{as_seconds, unix};
use crate::world::model::{Boot, HostFault, IntendedStatus, SimInstance};
use crate::world::numbers::{signed, whole};
use crate::world::oddity::MarketOddity;
use crate::world::state::World;
use crate::world::vast::offers::hourly;

const BROKEN_HOST: &str = "Error response from daemon: failed to create task for container: OCI runtime create failed: unresolvable CDI devices /gpu=8: unknown Error: failed to start containers: C.ID";
/// Seconds that a contract runs.
pub(super) const TERM: i64 = 2_592_000;

/// What the host reports of a container.
struct Reported {
    /// None until the host reports.
    status: Option<&'static str>,
    message: String,
}

/// The columns of its offer, overridden by its own.
pub(super) struct InstanceRow<'a> {
    offer: &'a Value,
    own: Map<String, Value>,
}

impl InstanceRow<'_> {
    fn columns(&self) -> impl Iterator<Item = (&String, &Value)> {
        let offer = self.offer.as_object().into_iter().flatten();
        let offer = offer.filter(|(name, _)| !self.own.contains_key(*name));
        offer.chain(&self.own)
    }

    pub fn whole(&self) -> Value {
        let columns = self.columns();
        columns
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect()
    }
}

impl Serialize for InstanceRow<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.columns())
    }
}

impl World {
    pub(super) fn row<'a>(&self, instance: &'a SimInstance) -> InstanceRow<'a> {
        let mut own = Map::new();
        for part in [
            self.contract(instance),
            self.container(instance),
            prices(instance),
        ] {
            if let Value::Object(part) = part {
                own.extend(part);
            }
        }
        if self.is_odd(MarketOddity::NotANumber) {
            own.insert("gpu_temp".into(), json!("@NaN"));
            own.insert("disk_util".into(), json!("@Infinity"));
        }
        InstanceRow {
            offer: &instance.offer,
            own,
        }
    }

    /// The columns that a listing can be filtered by.
    pub(super) fn stored(&self, i: &SimInstance) -> Value {
        let offered = |name: &str| i.offer[name].clone();
        let mut stored = json!({
            "id": i.id, "label": label_of(i), "actual_status": self.reported(i).status,
            "intended_status": i.intended.word(), "next_state": i.intended.word(),
            "cur_state": self.contract_state(i), "image_uuid": i.order["image"],
            "template_id": i.order["template_id"], "template_hash_id": i.order["template_hash_id"],
            "start_date": unix(i.rented_at), "end_date": i.rented_at.timestamp() + TERM,
        });
        for name in [
            "gpu_name",
            "verification",
            "machine_id",
            "host_id",
            "geolocation",
        ] {
            stored[name] = offered(name);
        }
        stored
    }

    fn contract_state(&self, i: &SimInstance) -> &'static str {
        match i.intended {
            IntendedStatus::Running if !i.waits_for_gpu(self.now) => "running",
            _ => "stopped",
        }
    }

    fn contract(&self, i: &SimInstance) -> Value {
        let age = as_seconds(self.now - i.rented_at);
        json!({
            "id": i.id, "label": label_of(i),
            "intended_status": i.intended.word(), "cur_state": self.contract_state(i), "next_state": i.intended.word(),
            "start_date": unix(i.rented_at), "end_date": i.rented_at.timestamp() + TERM, "duration": signed(TERM) - age,
            "image_uuid": i.order["image"], "image_args": i.order["args"].as_array().cloned().unwrap_or_default(),
            "image_runtype": i.order["runtype"].as_str().unwrap_or("ssh_proxy"), "extra_env": extra_env(i),
            "onstart": i.order["onstart"], "jupyter_token": format!("{:064x}", u128::from(i.id) * 0x9e37_79b9_7f4a_7c15),
            "template_id": i.order["template_id"], "template_hash_id": i.order["template_hash_id"], "template_name": i.order["template_name"],
            "disk_space": i.disk(), "gpu_totalram": i.offer["gpu_total_ram"], "volume_info": [],
            "external": false, "credit_balance": null, "credit_discount": null, "client_run_time": 1.1, "host_run_time": 2_592_000.0,
            "country_code": null, "time_remaining": "", "time_remaining_isbid": "",
        })
    }

    fn container(&self, i: &SimInstance) -> Value {
        let running = i.is_running(self.now);
        let reported = self.reported(i);
        let metric = |value: f64| if running { json!(value) } else { Value::Null };
        let mut row = json!({
            "actual_status": reported.status, "status_msg": reported.message,
            // The forwarder's port is known from the start.
            "ssh_host": "127.0.0.1\n", "ssh_port": i.ssh_port.unwrap_or(forwarded_port(i.id)),
            "ssh_idx": (i.id % 9 + 1).to_string(), "machine_dir_ssh_port": 20_000 + i.id % 10_000,
            "public_ipaddr": "127.0.0.1\n", "local_ipaddrs": "10.2.202.31 172.17.0.1 \n",
            "direct_port_start": -1, "direct_port_end": -1, "uptime_mins": null,
            "gpu_util": metric(0.0), "gpu_temp": metric(41.0), "cpu_util": if running { 0.1 } else { 0.0 },
            "mem_usage": metric(1.2), "mem_limit": metric(64.0), "vmem_usage": metric(0.5),
            "disk_usage": if running { 3.1 } else { -1.0 }, "disk_util": if running { 0.1 } else { -1.0 },
        });
        // Absent before it runs, not null.
        if let Some(port) = i.ssh_port.filter(|_| running) {
            let mapped = i.mapped.iter().map(|(inside, outside)| (*inside, *outside));
            let ports = mapped.chain([(22, port)]);
            row["ports"] = ports
                .map(|(inside, outside)| (format!("{inside}/tcp"), bindings(outside)))
                .collect();
        }
        row
    }

    fn reported(&self, i: &SimInstance) -> Reported {
        let report = |status, message: &str| Reported {
            status,
            message: message.to_owned(),
        };
        if i.is_running(self.now) {
            let image = i.order["image"].as_str().unwrap_or("?").replace(':', "_");
            let runtype = i.order["runtype"].as_str().unwrap_or("ssh");
            return report(
                Some("running"),
                &format!("success, running {image}/{runtype}"),
            );
        }
        if i.intended == IntendedStatus::Stopped || i.waits_for_gpu(self.now) {
            return match i.boot {
                Boot::Never => report(None, ""),
                _ => report(Some("exited"), ""),
            };
        }
        let age = as_seconds(self.now - i.boot_began);
        match (i.boot, age) {
            (Boot::Reboot, _) => report(Some("rebooting"), ""),
            (Boot::Recycle, ..5.0) => report(Some("recycling"), ""),
            (_, 5.0..) if i.fault == Some(HostFault::BrokenHost) => report(
                Some("created"),
                &BROKEN_HOST.replace("ID", &i.id.to_string()),
            ),
            (_, ..5.0) => report(None, ""),
            (_, ..10.0) => report(Some("created"), ""),
            _ if !self.scenario.pull_failure.is_empty() => {
                report(Some("loading"), &self.scenario.pull_failure)
            }
            _ => report(Some("loading"), &pull_progress(age)),
        }
    }
}

/// A line of the image's pull.
fn pull_progress(age: f64) -> String {
    let part = whole(age / 9.0);
    let step = if part.is_multiple_of(3) {
        "Downloading"
    } else {
        "Pull complete"
    };
    format!("{:06x}f1a2: {step}", part * 7919)
}

/// `dph_total` is the price while it runs; `instance` is what it costs now.
fn prices(i: &SimInstance) -> Value {
    let (gpu, disk, fee) = (i.gpu_per_hour(), i.storage_per_hour(), i.fee_per_hour());
    let now = match i.intended {
        IntendedStatus::Running => gpu + fee,
        IntendedStatus::Stopped => 0.0,
    };
    json!({"dph_total": i.full_rate(), "storage_total_cost": disk, "search": hourly(gpu + fee, disk),
        "instance": hourly(now, disk)})
}

/// The order's environment, as pairs.
fn extra_env(i: &SimInstance) -> Vec<Value> {
    let env = i.order["env"].as_object().into_iter().flatten();
    env.map(|(name, value)| json!([name, value])).collect()
}

fn bindings(port: u16) -> Value {
    let port = port.to_string();
    json!([{"HostIp": "0.0.0.0", "HostPort": port}, {"HostIp": "::", "HostPort": port}])
}

fn forwarded_port(id: u64) -> u16 {
    u16::try_from(10_000 + id % 20_000).unwrap_or(10_000)
}

/// An empty label is none.
fn label_of(i: &SimInstance) -> Option<&str> {
    Some(i.label.as_str()).filter(|label| !label.is_empty())
}
