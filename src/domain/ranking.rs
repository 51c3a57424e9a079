//! An offer with everything that decides its rank, so that the rank can be explained wherever it is
//! shown.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{BootTime, Duration, MachineId, Offer, OwnBoots, Time, Usd, UsdPerHour};

/// A usable offer with what it takes. It ranks by [`RankedOffer::cost_of_success`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RankedOffer {
    pub offer: Offer,
    /// Price of an hour, disk included.
    pub price: UsdPerHour,
    /// From renting to the planned release.
    pub session: Duration,
    /// What the GPUs cost for the session.
    pub gpu_cost: Usd,
    /// What the disk costs for the session.
    pub storage_cost: Usd,
    /// What the download of image and model costs.
    pub traffic_cost: Usd,
    /// Worst case of the whole session: what is reserved.
    pub worst_cost: Usd,
    /// Time from renting to a loaded model.
    pub boot: BootTime,
    /// Time that there is for the boot; absent when it does not matter.
    pub boot_within: Option<Duration>,
    /// Boots of ours that the prediction rests on.
    pub own_boots: OwnBoots,
    /// Chance that the machine works at all, 0 to 1.
    pub chance_to_work: f64,
    /// Chance that a boot which works ends in time, 0 to 1.
    pub chance_in_time: f64,
}

/// A machine that is left out for a time because of what it did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AvoidedMachine {
    pub machine: MachineId,
    /// Until when.
    pub until: Time,
    /// What it did last.
    pub reason: String,
    /// Our recorded boots that failed on this machine.
    pub failed_boots: u32,
}

/// A chance below this counts as this: no offer is worth infinitely little.
const LEAST_CHANCE: f64 = 0.02;

impl RankedOffer {
    /// What the session is expected to cost.
    pub fn expected_cost(&self) -> Usd {
        self.gpu_cost + self.storage_cost + self.traffic_cost
    }

    /// The chance of a loaded model in time, 0 to 1.
    pub fn chance(&self) -> f64 {
        self.chance_to_work * self.chance_in_time
    }

    /// What a session with a loaded model in time is expected to cost, with those that come to
    /// nothing: the expected cost divided by the chance.
    pub fn cost_of_success(&self) -> Usd {
        Usd::from_dollars(self.expected_cost().dollars() / self.chance().max(LEAST_CHANCE))
    }

    /// Why it ranks where it does, in a line.
    pub fn why(&self) -> String {
        let traffic = if self.traffic_cost > Usd::ZERO {
            format!(", {} of it traffic", self.traffic_cost)
        } else {
            String::new()
        };
        format!(
            "{} expected at {}{traffic}; {} to be ready in time, so {} a success",
            self.expected_cost(),
            self.price,
            percent(self.chance()),
            self.cost_of_success()
        )
    }

    /// The same in full: a name and what there is to say of it, in the order of the reckoning.
    pub fn reasons(&self) -> Vec<(&'static str, String)> {
        let offer = &self.offer;
        let mut reasons = vec![
            (
                "GPUs",
                format!(
                    "{} for {} at {}",
                    self.gpu_cost,
                    length(self.session),
                    offer.gpu_price
                ),
            ),
            ("disk", self.storage_cost.to_string()),
            (
                "traffic",
                format!(
                    "{} at {} a GB for image and model",
                    self.traffic_cost, offer.download_per_gb
                ),
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
        let until = offer.ends_at.map(|end| end.format("%F %R UTC").to_string());
        reasons.push((
            "host offers it",
            until.map_or_else(
                || "for an unknown time".to_owned(),
                |end| format!("until {end}"),
            ),
        ));
        reasons.push((
            "ranked by",
            format!(
                "{} a success: expected cost / {}",
                self.cost_of_success(),
                percent(self.chance())
            ),
        ));
        reasons
    }

    fn boot_reason(&self) -> String {
        let boot = self.boot;
        format!(
            "{}, eight of ten in {} to {}",
            length(boot.median),
            length(boot.p10()),
            length(boot.p90())
        )
    }

    fn known_by(&self) -> String {
        match (self.own_boots.machine_ready, self.own_boots.gpu_ready) {
            (0, 0) => "its bandwidth and disk alone".to_owned(),
            (0, gpu) => format!("boots of ours: {gpu} on this GPU, none on the machine"),
            (own, gpu) => format!("boots of ours: {gpu} on this GPU, {own} on the machine"),
        }
    }

    fn work_reason(&self) -> String {
        let chance = percent(self.chance_to_work);
        let reliability = self.offer.reliability * 100.0;
        let own = self.own_boots;
        let tried = own.machine_ready + own.machine_failed;
        let with_us = match tried {
            0 => "never tried by us".to_owned(),
            _ => format!("{} of {tried} failed with us", own.machine_failed),
        };
        format!("{chance}: reliability {reliability:.1}%, {with_us}")
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
