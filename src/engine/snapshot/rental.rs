//! Rentals in a snapshot.

use serde::{Deserialize, Serialize};

use crate::domain::{
    BootFault, BootStage, Duration, GpuDevice, HostId, InstanceId, MachineId, OfferId, RentalLabel,
    ServiceState, SshEndpoint, Time, Usd, UsdPerHour,
};
use crate::ports::TunnelTraffic;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RentalSnapshot {
    pub id: InstanceId,
    pub label: RentalLabel,
    /// GPUs: `4x H100 SXM`.
    pub gpus: String,
    pub location: Option<String>,
    /// Where it runs; absent in snapshots of older versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub machine: Option<RentedMachine>,
    /// The market's status and message.
    pub status: String,
    pub rented_at: Time,
    /// Price of an hour, disk included.
    pub price: UsdPerHour,
    /// Cost so far.
    pub cost: Usd,
    /// When the watchdog on it would end it.
    pub lease_until: Time,
    pub ssh: Option<SshEndpoint>,
    pub link: LinkSnapshot,
    pub boot: BootSnapshot,
    /// GPUs as the container sees them.
    pub devices: Vec<GpuDevice>,
    /// The service in it, once it answers.
    pub service: Option<ServiceState>,
    /// Being destroyed; it exists until its absence is proven.
    pub releasing: bool,
}

impl RentalSnapshot {
    /// True when the node's own answer says that its model is served.
    pub fn is_ready(&self) -> bool {
        self.boot.stage == BootStage::Ready
    }
}

/// State of the SSH link and tunnel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LinkSnapshot {
    None,
    /// Being connected; the last failure if there was one.
    Connecting {
        /// Attempts so far.
        attempts: u32,
        last_error: Option<String>,
    },
    /// Connected; `tunnel` once a request went through it.
    Up {
        /// Since when.
        since: Time,
        tunnel: bool,
        /// How much it carries, and how fast.
        rate: TunnelRate,
    },
}

/// What a tunnel carries, over the last seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct TunnelRate {
    /// Bytes of requests' bodies per second.
    pub sent_per_second: u64,
    /// Bytes of answers' bodies per second.
    pub received_per_second: u64,
    /// Milliseconds from a request to its answer: the quickest of the last ones. Absent before any.
    pub round_trip_ms: Option<u64>,
}

impl TunnelRate {
    /// What the difference of two readings, `elapsed` apart, means.
    pub(in crate::engine) fn between(
        before: TunnelTraffic,
        after: TunnelTraffic,
        elapsed: std::time::Duration,
    ) -> TunnelRate {
        let per_second = |before: u64, after: u64| {
            let bytes = u128::from(after.saturating_sub(before));
            let rate = bytes * 1_000 / elapsed.as_millis().max(1);
            u64::try_from(rate).unwrap_or(u64::MAX)
        };
        TunnelRate {
            sent_per_second: per_second(before.sent, after.sent),
            received_per_second: per_second(before.received, after.received),
            round_trip_ms: after
                .round_trip
                .map(|time| u64::try_from(time.as_millis()).unwrap_or(u64::MAX)),
        }
    }
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct BootSnapshot {
    pub stage: BootStage,
    /// Of the stage, 0 to 1, if known.
    pub progress: Option<f64>,
    pub detail: String,
    pub started: Vec<(BootStage, Time)>,
    /// One boot in ten has ended by then.
    pub ready_from: Option<Time>,
    /// Expected end.
    pub ready_at: Option<Time>,
    /// Nine boots in ten have ended by then.
    pub ready_by: Option<Time>,
    /// How long each stage usually takes on such a machine, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub expected: Vec<StageForecast>,
    /// Why it will not succeed.
    pub fault: Option<BootFault>,
    /// Which run of the workload this is, from 1; 0 before it is watched.
    #[serde(default)]
    pub run: u32,
    /// What keeps the model from being served for now; it may recover.
    #[serde(default)]
    pub setback: Option<BootFault>,
}

/// How long a stage usually takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct StageForecast {
    pub stage: BootStage,
    pub median: Duration,
    /// Nine in ten are faster.
    pub p90: Duration,
}

/// Where a rental runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RentedMachine {
    pub machine: MachineId,
    pub host: Option<HostId>,
    pub offer: OfferId,
    /// Share of the time that the host was reachable, 0 to 1.
    pub reliability: f64,
    pub verified: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rate_is_difference_over_time() {
        let reading = |sent, received| TunnelTraffic {
            sent,
            received,
            round_trip: Some(std::time::Duration::from_micros(23_900)),
        };
        let rate = TunnelRate::between(
            reading(1_000, 500),
            reading(4_000, 500),
            std::time::Duration::from_millis(1_500),
        );
        let expected = TunnelRate {
            sent_per_second: 2_000,
            received_per_second: 0,
            round_trip_ms: Some(23),
        };
        assert_eq!(rate, expected);
    }
}
