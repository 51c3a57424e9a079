//! An offer with everything that decides its rank, to explain the rank wherever it is shown.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{BootTime, Duration, HostId, MachineId, Offer, OwnBoots, Time, Usd, UsdPerHour};

/// A usable offer. It ranks by [`RankedOffer::cost_of_success`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RankedOffer {
    pub offer: Offer,
    /// Price of an hour, disk included.
    pub price: UsdPerHour,
    /// From renting to the planned release.
    pub session: Duration,
    /// What the GPUs cost for the session: from the start of the container, as the market bills them.
    pub gpu_cost: Usd,
    /// What the disk costs for the session.
    pub storage_cost: Usd,
    /// What the download of image and model costs.
    pub traffic_cost: Usd,
    /// Worst case of the whole session: what is reserved.
    pub worst_cost: Usd,
    /// Time from renting to a loaded model.
    pub boot: BootTime,
    /// Time available for the boot; absent when it does not matter.
    pub boot_within: Option<Duration>,
    /// Own boots behind the prediction.
    pub own_boots: OwnBoots,
    /// Chance that the machine works at all, 0 to 1.
    pub chance_to_work: f64,
    /// Chance that a working boot ends in time, 0 to 1.
    pub chance_in_time: f64,
}

/// A machine that is avoided for a time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AvoidedMachine {
    pub machine: MachineId,
    /// Until when.
    pub until: Time,
    /// Its last failure.
    pub reason: String,
    /// Our recorded boots that failed on this machine.
    pub failed_boots: u32,
    /// Its owner, whose other machines rank lower. Absent if the operator avoids it: that says nothing about
    /// the owner.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<HostId>,
    /// Until when all of its owner's machines are avoided, because another of them failed too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host_until: Option<Time>,
    /// Its public address: a machine can come back under a new id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
}

impl AvoidedMachine {
    /// Why an offer of this machine is not rented; none for others'. It can come back under a new id.
    pub fn objection(&self, offer: &Offer) -> Option<String> {
        let name = if self.machine == offer.machine {
            format!("machine {}", self.machine)
        } else {
            let address = self.address.as_ref()?;
            let is_same = offer.public_address.as_ref() == Some(address);
            is_same.then(|| format!("address {address}"))?
        };
        let until = self.until.format("%F %R");
        Some(format!(
            "{name} is avoided until {until} UTC: {}",
            self.reason
        ))
    }

    /// Why an offer of its host is not rented; none for others', and while only this machine failed.
    pub fn objection_to_host(&self, offer: &Offer) -> Option<String> {
        let (host, until) = (self.host?, self.host_until?);
        self.is_of_host(offer).then(|| {
            let (until, machine) = (until.format("%F %R"), self.machine);
            format!("host {host} is avoided until {until} UTC: several of its machines failed, {machine} with {}", self.reason)
        })
    }

    /// Its last failure, and whether its host is avoided with it.
    pub fn why(&self) -> String {
        let reason = &self.reason;
        match (self.host, self.host_until) {
            (Some(host), Some(until)) => {
                let until = until.format("%F %R");
                format!(
                    "{reason} (another machine of host {host} failed too: all of its are avoided until {until} UTC)"
                )
            }
            _ => reason.clone(),
        }
    }

    pub fn is_of_host(&self, offer: &Offer) -> bool {
        self.host.is_some() && self.host == offer.host
    }

    /// A machine under a new id at the old address is still one machine.
    fn is_another(&self, other: &AvoidedMachine) -> bool {
        let same_address = self.address.is_some() && self.address == other.address;
        self.machine != other.machine && !same_address
    }
}

/// One machine's fault is the machine's: its driver, its disk, its cards. When a second machine of the
/// same host fails while the first is still avoided, the fault is likely the host's, and all of its
/// machines are avoided until only one is left.
pub fn judge_hosts(avoided: &mut [AvoidedMachine]) {
    let all = avoided.to_vec();
    for one in avoided {
        let of_host = |other: &&AvoidedMachine| other.host.is_some() && other.host == one.host;
        let of_host: Vec<&AvoidedMachine> = all.iter().filter(of_host).collect();
        let pairs = of_host.iter().flat_map(|first| {
            let seconds = of_host.iter().filter(|second| first.is_another(second));
            seconds.map(|second| first.until.min(second.until))
        });
        one.host_until = pairs.max();
    }
}

/// A chance below this counts as this: no offer is worth infinitely little.
const LEAST_CHANCE: f64 = 0.02;

impl RankedOffer {
    /// Expected cost of the session.
    pub fn expected_cost(&self) -> Usd {
        self.gpu_cost + self.storage_cost + self.traffic_cost
    }

    /// The chance of a loaded model in time, 0 to 1.
    pub fn chance(&self) -> f64 {
        self.chance_to_work * self.chance_in_time
    }

    /// Expected cost of a success, failed sessions included: the expected cost divided by the chance.
    pub fn cost_of_success(&self) -> Usd {
        Usd::from_dollars(self.expected_cost().dollars() / self.chance().max(LEAST_CHANCE))
    }

    /// Why it ranks where it does, in one line.
    pub fn why(&self) -> String {
        let traffic = if self.traffic_cost > Usd::ZERO {
            format!(", traffic {}", self.traffic_cost)
        } else {
            String::new()
        };
        format!(
            "{} a success: {} est., {} to be ready in time; {}{}{traffic}",
            self.cost_of_success(),
            self.expected_cost(),
            percent(self.chance()),
            self.price,
            self.offer.surcharge_text(),
        )
    }

    /// The same in full: names and reasons, in the order of the calculation.
    pub fn reasons(&self) -> Vec<(&'static str, String)> {
        let (offer, traffic) = (&self.offer, self.traffic_cost);
        let (gpu_cost, session) = (self.gpu_cost, length(self.session));
        let per_gb = offer.download_per_gb;
        let fee = offer.surcharge_text();
        let price = offer.running_price();
        let mut reasons = vec![
            (
                "GPUs",
                format!("{gpu_cost} for {session} at {price}{fee}, none while the image is pulled"),
            ),
            ("disk", self.storage_cost.to_string()),
            (
                "traffic",
                format!("{traffic} at {per_gb} a GB for image and model"),
            ),
            ("expected cost", self.expected_cost().to_string()),
            ("boot", self.boot_reason()),
            ("known by", self.known_by()),
        ];
        if let Some(within) = self.boot_within {
            let chance = percent(self.chance_in_time);
            reasons.push(("in time", format!("{chance}: there are {}", length(within))));
        }
        reasons.push(("works", self.work_reason()));
        let until = match offer.ends_at {
            Some(end) => format!("until {}", end.format("%F %R UTC")),
            None => "for an unknown time".to_owned(),
        };
        reasons.push(("host offers it", until));
        let (cost, chance) = (self.cost_of_success(), percent(self.chance()));
        reasons.push((
            "ranked by",
            format!("{cost} a success: expected cost / {chance}"),
        ));
        reasons
    }

    fn boot_reason(&self) -> String {
        let [p10, median, p90] = [self.boot.p10(), self.boot.median, self.boot.p90()].map(length);
        format!("{median} (80% range {p10} to {p90})")
    }

    /// Which boots the prediction is based on.
    pub fn known_by(&self) -> String {
        match (self.own_boots.machine_timed, self.own_boots.gpu_ready) {
            (0, 0) => "never tried by us, estimated from bandwidth and disk".to_owned(),
            (0, gpu) => format!("our boots: {gpu} on this GPU, none on the machine"),
            (own, gpu) => format!("our boots: {gpu} on this GPU, {own} on the machine"),
        }
    }

    /// The chance that it works at all, and why.
    pub fn work_reason(&self) -> String {
        format!("{}: {}", percent(self.chance_to_work), self.work_evidence())
    }

    /// Why it is likely to work at all.
    pub fn work_evidence(&self) -> String {
        let reliability = self.offer.reliability * 100.0;
        let own = self.own_boots;
        let tried = own.machine_ready + own.machine_failed;
        let with_us = match tried {
            0 => "never tried by us".to_owned(),
            _ => format!("{} of {tried} failed with us", own.machine_failed),
        };
        format!("reliability {reliability:.1}%, {with_us}")
    }
}

fn percent(chance: f64) -> String {
    format!("{:.0}%", chance * 100.0)
}

fn length(duration: Duration) -> String {
    let minutes = duration.num_minutes();
    if minutes < 100 {
        format!("{minutes}m")
    } else {
        format!("{}h{:02}m", minutes / 60, minutes % 60)
    }
}
