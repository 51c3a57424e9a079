//! Parses rows of the market.

use chrono::TimeDelta;
use serde_json::Value;

use crate::domain::{
    ActualStatus, ClosedOffer, HostId, Instance, InstanceId, MachineId, Offer, OfferId,
    PortMapping, RentalLabel, RequestedPrice, SshEndpoint, Time, Usd, UsdPerHour, is_host,
    is_public_address, plausible_time,
};
use crate::http::json::Fields;

const SSH_PORT: u16 = 22;

/// An offer; `None` without id, machine, GPU or price. `now` gives the end of offers that only have a
/// duration. The search asked for prices with `disk_gb` of disk.
pub(super) fn offer(row: &Value, disk_gb: f64, now: Time) -> Option<Offer> {
    let mut offer = offer_without_surcharge(row, now)?;
    let total = listed_price(row).map(UsdPerHour::from_dollars);
    let computed = offer.price_with_disk(disk_gb);
    if let Some(total) = total.filter(|total| total.exceeds(computed)) {
        offer.surcharge = UsdPerHour(total.0 - computed.0);
    }
    Some(offer)
}

fn closed(fields: Fields<'_>) -> Option<ClosedOffer> {
    if fields.flag("rentable") == Some(false) {
        Some(ClosedOffer::NotRentable)
    } else if fields.flag("is_bid") == Some(true) {
        Some(ClosedOffer::Bid)
    } else if fields.flag("external") == Some(true) {
        Some(ClosedOffer::External)
    } else {
        None
    }
}

fn offer_without_surcharge(row: &Value, now: Time) -> Option<Offer> {
    let fields = Fields(row);
    let number = |name: &str| fields.number(name);
    let dollars = |name: &str| number(name).map_or(Usd::ZERO, Usd::from_dollars);
    Some(Offer {
        id: OfferId(
            fields
                .whole("id")
                .or_else(|| fields.whole("ask_contract_id"))?,
        ),
        machine: MachineId(fields.whole("machine_id")?),
        host: fields.whole("host_id").map(HostId),
        gpu_name: fields.name("gpu_name")?.replace('_', " "),
        gpu_count: fields
            .whole("num_gpus")
            .and_then(|n| u32::try_from(n).ok())?,
        gpu_memory_mb: number("gpu_ram").map_or(0, megabytes),
        disk_gb: number("disk_space").unwrap_or(0.0),
        disk_mb_per_s: number("disk_bw").filter(|speed| *speed > 0.0),
        download_mbps: number("inet_down").unwrap_or(0.0),
        upload_mbps: number("inet_up").unwrap_or(0.0),
        // The total includes some storage, so it never underestimates the GPUs' price.
        gpu_price: UsdPerHour::from_dollars(number("dph_base").or_else(|| number("dph_total"))?),
        storage_per_gb_month: dollars("storage_cost"),
        download_per_gb: dollars("inet_down_cost"),
        upload_per_gb: dollars("inet_up_cost"),
        reliability: number("reliability")
            .or_else(|| number("reliability2"))
            .unwrap_or(0.0),
        cuda: number("cuda_max_good"),
        driver: fields.name("driver_version"),
        direct_ports: fields
            .whole("direct_port_count")
            .map_or(0, |n| u32::try_from(n).unwrap_or(u32::MAX)),
        location: fields.name("geolocation"),
        ends_at: fields
            .time("end_date")
            .or_else(|| end_of(number("duration")?, now)),
        verified: fields.text("verification").as_deref() == Some("verified"),
        public_address: fields
            .text("public_ipaddr")
            .filter(|address| is_public_address(address)),
        surcharge: UsdPerHour::ZERO,
        closed: closed(fields),
    })
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "`as` saturates: memory is never negative and far below 2^63"
)]
fn megabytes(number: f64) -> u64 {
    number as u64
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "`as` saturates, and what chrono cannot hold is absent"
)]
fn end_of(seconds: f64, now: Time) -> Option<Time> {
    let end = now.checked_add_signed(TimeDelta::try_seconds(seconds as i64)?);
    end.and_then(plausible_time)
}

/// A row of `GET /api/v0/instances/pending-price-increases/`, which has prices per second. Whether the
/// disk's is for all of it or for a gigabyte is not documented (vast-ai/docs, branch
/// `auto/openapi-preview-pr-5363`).
pub(super) fn requested_price(row: &Value) -> Option<RequestedPrice> {
    let fields = Fields(row);
    let per_hour = |name: &str| {
        let per_second = fields.number(name)?;
        Some(UsdPerHour::from_dollars(3_600.0 * per_second))
    };
    Some(RequestedPrice {
        instance: InstanceId(fields.whole("contract_id")?),
        current: per_hour("old_gpu_costpersec")?,
        requested: per_hour("new_gpu_costpersec")?,
    })
}

/// The price at which the next page continues.
pub(super) fn listed_price(row: &Value) -> Option<f64> {
    Fields(row).number("dph_total")
}

/// An instance; `None` without an id.
pub(super) fn instance(row: &Value) -> Option<Instance> {
    let fields = Fields(row);
    let public_ip = host(fields, "public_ipaddr");
    let ports = fields.get("ports").map(ports).unwrap_or_default();
    let price = |name: &str| fields.number(name).map(UsdPerHour::from_dollars);
    let total = price("dph_total");
    Some(Instance {
        id: InstanceId(fields.whole("id")?),
        machine: fields.whole("machine_id").map(MachineId),
        label: fields.text("label"),
        actual: actual_status(fields.text("actual_status").as_deref()),
        intended: fields.name("intended_status"),
        status_message: fields.text("status_msg"),
        ssh: ssh_endpoints(fields, public_ip.as_deref(), &ports),
        public_ip,
        ports,
        gpu_price: price("dph_base").or(total).unwrap_or_default(),
        total_price: total.or_else(|| price("dph_base")).unwrap_or_default(),
        started_at: fields.time("start_date"),
        ends_at: fields.time("end_date"),
        gpu_name: fields.name("gpu_name").map(|name| name.replace('_', " ")),
        gpu_count: fields.whole("num_gpus").and_then(|n| u32::try_from(n).ok()),
    })
}

/// Whether a row without an id may be a rental of ours: by its label, or because that cannot be read.
pub(super) fn may_be_ours(row: &Value) -> bool {
    match row.get("label") {
        None | Some(Value::Null) => false,
        Some(Value::String(label)) => label.trim().parse::<RentalLabel>().is_ok(),
        Some(_) => true,
    }
}

/// Only `actual_status` comes from the host; `cur_state` is "running" from the first second and is
/// ignored.
fn actual_status(word: Option<&str>) -> ActualStatus {
    match word {
        None => ActualStatus::Provisioning,
        Some("created") => ActualStatus::Created,
        Some("loading") => ActualStatus::Loading,
        Some("running") => ActualStatus::Running,
        Some("stopped") => ActualStatus::Stopped,
        Some("frozen") => ActualStatus::Frozen,
        Some("exited") => ActualStatus::Exited,
        Some("rebooting") => ActualStatus::Rebooting,
        Some("unknown") => ActualStatus::Unknown,
        Some("offline") => ActualStatus::Offline,
        Some(other) => ActualStatus::Other(other.chars().take(40).collect()),
    }
}

/// `{"8080/tcp": [{"HostIp": "0.0.0.0", "HostPort": "53590"}]}`; entries of any other form are
/// skipped.
fn ports(value: &Value) -> Vec<PortMapping> {
    let Some(entries) = value.as_object() else {
        return Vec::new();
    };
    let mapping = |(name, bindings): (&String, &Value)| {
        let container = name.strip_suffix("/tcp")?.parse().ok()?;
        let external = Fields(bindings.as_array()?.first()?).whole("HostPort")?;
        let external = u16::try_from(external).ok().filter(|port| *port != 0)?;
        Some(PortMapping {
            container,
            external,
        })
    };
    entries.iter().filter_map(mapping).collect()
}

/// Absent when it is none: it becomes an argument of `ssh`, and the host of a registration.
fn host(fields: Fields<'_>, name: &str) -> Option<String> {
    fields.text(name).filter(|host| is_host(host))
}

/// The direct address first, then the market's proxy, as the vendor does.
fn ssh_endpoints(
    fields: Fields<'_>,
    public_ip: Option<&str>,
    ports: &[PortMapping],
) -> Vec<SshEndpoint> {
    let direct = public_ip.and_then(|host| {
        let mapped = ports.iter().find(|port| port.container == SSH_PORT)?;
        Some(SshEndpoint {
            host: host.to_owned(),
            port: mapped.external,
        })
    });
    let proxy = host(fields, "ssh_host").and_then(|host| {
        let port = u16::try_from(fields.whole("ssh_port")?).ok()?;
        let jupyter = fields
            .text("image_runtype")
            .is_some_and(|kind| kind.contains("jupyter"));
        let port = port
            .checked_add(u16::from(jupyter))
            .filter(|port| *port != 0)?;
        Some(SshEndpoint { host, port })
    });
    direct.into_iter().chain(proxy).collect()
}

/// Public keys of the account, in any of the known shapes.
pub(super) fn public_keys(body: &Value) -> Option<Vec<String>> {
    let rows = body
        .as_array()
        .or_else(|| body.get("ssh_keys")?.as_array())?;
    let live = |row: &Value| {
        let fields = Fields(row);
        if fields.get("deleted_at").is_some() {
            return None;
        }
        fields.text("public_key").or_else(|| fields.text("key"))
    };
    Some(rows.iter().filter_map(live).collect())
}

/// Whether two lines hold the same key, comments aside.
pub(super) fn same_key(a: &str, b: &str) -> bool {
    let key = |line: &str| -> Vec<String> {
        line.split_whitespace().take(2).map(str::to_owned).collect()
    };
    let a = key(a);
    a.len() == 2 && a == key(b)
}

#[cfg(test)]
mod tests;
