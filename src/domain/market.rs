//! Offers and instances of the GPU market, in domain terms; the wire types are in `vast::wire`.

use std::collections::BTreeMap;
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    CockpitId, Duration, HostId, InstanceId, MachineId, OfferId, RentalLabel, Time, Usd, UsdPerHour,
};

/// An offer to rent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Offer {
    /// What to rent; valid for minutes.
    pub id: OfferId,
    pub machine: MachineId,
    /// The machine's owner, if reported.
    pub host: Option<HostId>,
    /// Name with spaces, as the market writes it: `H100 SXM`.
    pub gpu_name: String,
    /// Number of GPUs.
    pub gpu_count: u32,
    /// Memory of each GPU in megabytes (10^6; a 24 GB card says about 24,564).
    pub gpu_memory_mb: u64,
    /// Available disk in gigabytes.
    pub disk_gb: f64,
    /// Disk bandwidth in MB/s, when measured.
    pub disk_mb_per_s: Option<f64>,
    /// Download bandwidth in Mbit/s.
    pub download_mbps: f64,
    /// Upload bandwidth in Mbit/s.
    pub upload_mbps: f64,
    /// Price of the GPUs alone.
    pub gpu_price: UsdPerHour,
    /// Price of a gigabyte of disk for a month of 720 hours.
    pub storage_per_gb_month: Usd,
    /// Price of a downloaded gigabyte.
    pub download_per_gb: Usd,
    /// Price of an uploaded gigabyte.
    pub upload_per_gb: Usd,
    /// Between 0 and 1.
    pub reliability: f64,
    /// Highest CUDA version that the driver supports.
    pub cuda: Option<f64>,
    /// Version of the driver, if reported: `580.126.09`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub driver: Option<String>,
    /// Ports that can be mapped directly.
    pub direct_ports: u32,
    /// Free text that ends in a country code.
    pub location: Option<String>,
    /// When the host takes the machine back.
    pub ends_at: Option<Time>,
    /// Whether Vast has verified the machine.
    pub verified: bool,
    /// Where the machine is on the internet, if reported.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public_address: Option<String>,
    /// By how much the market's own total exceeds GPUs and disk: an unnamed fee.
    #[serde(default, skip_serializing_if = "UsdPerHour::is_zero")]
    pub surcharge: UsdPerHour,
    /// Why it cannot be rented as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed: Option<ClosedOffer>,
}

/// Why a listed offer cannot be rented: the server does not always apply the search's filters.
#[derive(
    Debug, derive_more::Display, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum ClosedOffer {
    #[display("not rentable now")]
    NotRentable,
    /// Interruptible: a higher bid takes the machine away.
    #[display("a bid, not on demand")]
    Bid,
    /// On another market.
    #[display("not on this market")]
    External,
}

/// What to search for. The server does not always apply it: `vast::rank` checks again.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct OfferQuery {
    /// GPU names with spaces; empty for any.
    pub gpu_names: Vec<String>,
    /// Numbers of GPUs of a machine, any of them; never empty.
    pub gpu_counts: Vec<u32>,
    /// Least memory per GPU in megabytes.
    pub min_gpu_memory_mb: u64,
    /// Least memory of all GPUs together in megabytes; 0 for any.
    pub min_total_gpu_memory_mb: u64,
    /// Disk to be rented, in gigabytes; prices are for this much.
    pub disk_gb: f64,
    /// Most that an hour may cost, disk included.
    pub max_price: UsdPerHour,
    /// Least reliability, between 0 and 1.
    pub min_reliability: f64,
    /// Least download bandwidth in Mbit/s.
    pub min_download_mbps: f64,
    /// Least CUDA version of the driver.
    pub min_cuda: Option<f64>,
    pub min_direct_ports: u32,
    /// Least time that the host still offers the machine.
    pub min_duration: Duration,
    /// Only offers verified by the market.
    pub verification: Verification,
    /// Two-letter country codes; empty for any.
    pub countries: Vec<String>,
}

/// Which offers count by the market's verification.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verification {
    #[default]
    Required,
    Any,
}

/// One rent call. The label is journalled before it is made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RentOrder {
    pub offer: OfferId,
    /// Unique per call.
    pub label: RentalLabel,
    /// Container image; may be empty when a template gives it.
    pub image: String,
    /// Vast template by content hash, when the operator configured one.
    pub template_hash: Option<String>,
    /// Disk in gigabytes; cannot change later.
    pub disk_gb: f64,
    /// Environment of the container. None of our secrets: the host can read it.
    pub env: BTreeMap<String, String>,
    /// Container ports (TCP) to map to the outside.
    pub ports: Vec<u16>,
    /// Script that the container runs at every start; at most 16,384 bytes.
    pub onstart: String,
}

/// An instance on the account, ours or not.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Instance {
    pub id: InstanceId,
    pub machine: Option<MachineId>,
    /// Its label, trimmed; ours parse as [`RentalLabel`].
    pub label: Option<String>,
    pub actual: ActualStatus,
    /// What was requested: `running` or `stopped`.
    pub intended: Option<String>,
    /// The host's last message: pull progress, or an error.
    pub status_message: Option<String>,
    /// Where SSH answers, direct address first, the market's proxy second.
    pub ssh: Vec<SshEndpoint>,
    pub public_ip: Option<String>,
    /// Container ports mapped to the outside.
    pub ports: Vec<PortMapping>,
    /// Price of the GPUs alone.
    pub gpu_price: UsdPerHour,
    /// Price per hour while running, disk included.
    pub total_price: UsdPerHour,
    pub started_at: Option<Time>,
    pub ends_at: Option<Time>,
    pub gpu_name: Option<String>,
    pub gpu_count: Option<u32>,
}

/// What the host reports about an instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ActualStatus {
    /// `null` on the wire: being placed.
    Provisioning,
    Created,
    Loading,
    /// The container runs; says nothing about SSH or the service in it.
    Running,
    /// Stopped: storage still costs.
    Stopped,
    /// Paused: the GPU still costs.
    Frozen,
    Exited,
    Rebooting,
    /// No heartbeat from the host.
    Unknown,
    Offline,
    /// A word that this program does not know.
    Other(String),
}

/// Where to reach a rental by SSH. The user is always `root` on this market.
#[derive(Debug, derive_more::Display, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[display("{host}:{port}")]
pub struct SshEndpoint {
    /// Host name or address.
    pub host: String,
    pub port: u16,
}

/// A container port that can be reached from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PortMapping {
    pub container: u16,
    pub external: u16,
}

/// A host's request for a higher price. It takes effect only if the renter accepts it, which pocpit never
/// does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestedPrice {
    pub instance: InstanceId,
    /// Of the GPUs alone, now.
    pub current: UsdPerHour,
    pub requested: UsdPerHour,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// Money that can be spent (`credit` on the wire, not `balance`).
    pub credit: Usd,
    /// The market's clock when it said so: the reply's header `Date` (RFC 9110, section 6.6.1).
    #[serde(skip)]
    pub server_time: Option<Time>,
}

impl Instance {
    /// Its label, if some pocpit rented it.
    pub fn rental_label(&self) -> Option<RentalLabel> {
        self.label.as_deref()?.parse().ok()
    }

    /// Only the label decides; foreign ones are never touched.
    pub fn is_rented_by(&self, cockpit: &CockpitId) -> bool {
        self.rental_label()
            .is_some_and(|label| label.cockpit == *cockpit)
    }
}

impl OfferQuery {
    /// The fewest GPUs of a machine.
    pub fn least_gpus(&self) -> u32 {
        self.gpu_counts.iter().copied().min().unwrap_or(0)
    }
}

impl Offer {
    /// The code of its country, if its location ends in one: `US` of `Washington, US`.
    pub fn country(&self) -> Option<&str> {
        self.place()?.1
    }

    /// Its location with the country first, so that a narrow column keeps it: `US Washington`.
    pub fn country_and_region(&self) -> String {
        match self.place() {
            None => "unknown".to_owned(),
            Some((region, None)) => region.to_owned(),
            Some((region, Some(country))) => format!("{country} {region}").trim_end().to_owned(),
        }
    }

    /// Region and country of a location such as `Washington, US`; either can be missing.
    fn place(&self) -> Option<(&str, Option<&str>)> {
        let text = self.location.as_deref()?.trim();
        let (region, last) = text.rsplit_once(',').unwrap_or(("", text));
        let country = last.trim();
        let is_code = country.len() == 2 && country.bytes().all(|byte| byte.is_ascii_alphabetic());
        Some(if is_code {
            (region.trim_end(), Some(country))
        } else {
            (text, None)
        })
    }

    /// `4x H100 SXM`.
    pub fn gpus(&self) -> String {
        format!("{}x {}", self.gpu_count, self.gpu_name)
    }

    /// Price of an hour with `disk_gb` of disk.
    pub fn price_with_disk(&self, disk_gb: f64) -> UsdPerHour {
        self.running_price() + self.storage_price(disk_gb)
    }

    /// Price of an hour in which the container runs, without the disk.
    pub fn running_price(&self) -> UsdPerHour {
        self.gpu_price + self.surcharge
    }

    /// Whether it is of the same machine, by its id or by its address.
    pub fn is_same_machine(&self, other: &Offer) -> bool {
        let same_address =
            self.public_address.is_some() && self.public_address == other.public_address;
        self.machine == other.machine || same_address
    }

    /// Names the fee in the price; empty without one.
    pub fn surcharge_text(&self) -> String {
        match self.surcharge {
            UsdPerHour::ZERO => String::new(),
            fee => format!(" ({fee} of it a fee of the market)"),
        }
    }

    /// Price of an hour of `disk_gb` of disk alone: the market counts 720 hours to a month.
    pub fn storage_price(&self, disk_gb: f64) -> UsdPerHour {
        UsdPerHour::from_dollars(self.storage_per_gb_month.dollars() * disk_gb / 720.0)
    }
}

impl fmt::Display for ActualStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            ActualStatus::Provisioning => "provisioning",
            ActualStatus::Created => "created",
            ActualStatus::Loading => "loading",
            ActualStatus::Running => "running",
            ActualStatus::Stopped => "stopped",
            ActualStatus::Frozen => "frozen",
            ActualStatus::Exited => "exited",
            ActualStatus::Rebooting => "rebooting",
            ActualStatus::Unknown => "unknown",
            ActualStatus::Offline => "offline",
            ActualStatus::Other(word) => word,
        })
    }
}
