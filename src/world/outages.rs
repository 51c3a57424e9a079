//! Outages near a `PoC`: which service fails, when and for how long, by the scenario's rates and the seed.

use strum::VariantArray as _;

use crate::domain::Time;

use super::clock::{as_seconds, seconds};
use super::exchange::ApiResponse;
use super::faults::FaultKind;
use super::host::HostId;
use super::numbers::{uniform, whole};
use super::state::World;

const MINUTE: f64 = 60.0;
/// Share of the calls that a proxy in trouble spoils.
const SPOILED: f64 = 0.7;

/// A service that fails for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, strum::VariantArray)]
pub(super) enum Outage {
    ChainRest,
    SetupReport,
    Callback,
    /// dapi is being restarted.
    Dapi,
    /// The proxy in front of the market.
    MarketProxy,
    PublicApiProxy,
    AdminApiProxy,
}

/// The earliest and latest begin of an outage, from `poc_start`, and its least and greatest length, in
/// seconds.
struct Range {
    begins: (f64, f64),
    lasts: (f64, f64),
}

impl Outage {
    /// Whether each host has it for itself.
    fn is_of_a_host(self) -> bool {
        match self {
            Outage::SetupReport | Outage::Callback | Outage::Dapi | Outage::AdminApiProxy => true,
            Outage::ChainRest | Outage::MarketProxy | Outage::PublicApiProxy => false,
        }
    }

    /// The number of the first of this outage's three rolls.
    fn first_roll(self) -> u64 {
        match self {
            Outage::ChainRest => 60,
            Outage::SetupReport => 63,
            Outage::Callback => 66,
            Outage::Dapi => 69,
            Outage::MarketProxy => 72,
            Outage::PublicApiProxy => 75,
            Outage::AdminApiProxy => 78,
        }
    }

    /// All are shorter than a sprint's lead.
    fn range(self, roll: f64) -> Range {
        let minutes = |from: f64, to: f64| (from * MINUTE, to * MINUTE);
        let (begins, lasts) = match self {
            Outage::ChainRest | Outage::SetupReport => (minutes(-70.0, 30.0), minutes(1.0, 10.0)),
            Outage::MarketProxy | Outage::PublicApiProxy | Outage::AdminApiProxy => {
                (minutes(-65.0, 30.0), minutes(0.5, 4.0))
            }
            // Nodes retry a batch for about two and a half minutes.
            Outage::Callback => (minutes(-40.0, 5.0), minutes(0.3, 1.0)),
            // Whether nodes loaded during a PoC take part in it is not known (field guide, section 7).
            Outage::Dapi if roll < 0.7 => (minutes(-70.0, -6.0), minutes(0.3, 1.5)),
            Outage::Dapi => (minutes(20.0, 45.0), minutes(0.3, 1.5)),
        };
        Range { begins, lasts }
    }

    fn rate(self, world: &World) -> f64 {
        let rates = &world.scenario.random_faults;
        match self {
            Outage::ChainRest => rates.rest_outages,
            Outage::SetupReport => rates.report_outages,
            Outage::Callback => rates.refused_callbacks,
            Outage::Dapi => rates.dapi_restarts,
            Outage::MarketProxy | Outage::PublicApiProxy | Outage::AdminApiProxy => {
                rates.gateway_resets
            }
        }
    }
}

impl World {
    /// Whether this service fails now, of all hosts or of the first.
    pub(super) fn is_out(&self, outage: Outage) -> bool {
        self.is_out_at(HostId::FIRST, outage)
    }

    /// Whether this service of a host fails now.
    pub(super) fn is_out_at(&self, host: HostId, outage: Outage) -> bool {
        if outage.rate(self) <= 0.0 {
            return false;
        }
        let epochs = [self.epoch(), self.epoch() + 1].into_iter();
        let mut spans = epochs.filter_map(|epoch| self.outage_near(host, outage, epoch));
        spans.any(|(from, to)| (from..to).contains(&self.now))
    }

    /// Whether any service fails now.
    pub fn has_outage(&self) -> bool {
        let of_hosts = Outage::VARIANTS
            .iter()
            .filter(|outage| outage.is_of_a_host());
        let fails = |outage: &Outage| self.hosts().any(|host| self.is_out_at(host, *outage));
        Outage::VARIANTS.iter().any(|outage| self.is_out(*outage))
            || of_hosts.into_iter().any(fails)
    }

    /// When this service fails near the `PoC` of an epoch.
    fn outage_near(&self, host: HostId, outage: Outage, epoch: u64) -> Option<(Time, Time)> {
        let roll = |nth| uniform(self.seed, outage.first_roll() + nth, host.draw(epoch));
        let happens = roll(0) / outage.rate(self);
        if happens >= 1.0 {
            return None;
        }
        let range = outage.range(happens);
        let within = |(from, to): (f64, f64), roll: f64| from + (to - from) * roll;
        let begins =
            self.block_time(World::poc_start(epoch)) + seconds(within(range.begins, roll(1)));
        Some((begins, begins + seconds(within(range.lasts, roll(2)))))
    }

    /// What a proxy in front of an API does with a call now: `vast`, `public`, or a host's `admin`.
    pub(super) fn gateway_fault(&self, service: &str) -> Option<FaultKind> {
        let is_out = match service {
            "vast" => self.is_out(Outage::MarketProxy),
            "public" => self.is_out(Outage::PublicApiProxy),
            admin => {
                let mut hosts = self.hosts();
                let host = hosts.find(|host| host.service("admin") == admin)?;
                self.is_out_at(host, Outage::AdminApiProxy)
            }
        };
        if !is_out {
            return None;
        }
        let instant = whole(1_000.0 * as_seconds(self.now - self.start));
        let roll = uniform(self.seed, 81, instant) / SPOILED;
        match whole(4.0 * roll) {
            0 => Some(FaultKind::GatewayPage { status: 502 }),
            1 => Some(FaultKind::DropBefore),
            2 => Some(FaultKind::DropAfter),
            3 => Some(FaultKind::Malformed),
            _ => None,
        }
    }

    /// The answer of a proxy whose upstream is down: 502, or 404 from one that has lost the route.
    pub(super) fn proxy_page(&self) -> ApiResponse {
        let minute = whole(as_seconds(self.now - self.start) / MINUTE);
        let is_lost = uniform(self.seed, 82, minute) < 0.25;
        ApiResponse::gateway_page(if is_lost { 404 } else { 502 })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use chrono::TimeZone as _;

    use super::*;
    use crate::world::faults::RandomFaults;
    use crate::world::scenario::Scenario;

    #[test]
    fn every_outage_comes_and_ends() {
        let start = chrono::Utc.with_ymd_and_hms(2026, 11, 24, 6, 0, 0).unwrap();
        let random_faults = RandomFaults {
            rest_outages: 1.0,
            report_outages: 1.0,
            refused_callbacks: 1.0,
            gateway_resets: 1.0,
            dapi_restarts: 1.0,
            ..RandomFaults::default()
        };
        let scenario = Scenario {
            random_faults,
            ..Scenario::default()
        };
        let mut world = World::new(7, scenario, start);
        let end = start + seconds(8_400.0);
        let mut seconds_out: BTreeMap<Outage, f64> = BTreeMap::new();
        while world.now() < end {
            world.advance(world.now() + seconds(2.0));
            for outage in Outage::VARIANTS {
                if world.is_out(*outage) {
                    *seconds_out.entry(*outage).or_default() += 2.0;
                }
            }
        }
        assert_eq!(seconds_out.len(), Outage::VARIANTS.len(), "{seconds_out:?}");
        // Each is shorter than a sprint's lead.
        assert!(seconds_out.values().all(|out| (10.0..=602.0).contains(out)));
        let calm = World::new(7, Scenario::default(), start);
        assert!(!calm.has_outage() && calm.gateway_fault("vast").is_none());
    }
}
