//! Every alert of a snapshot.

use std::collections::HashSet;

use crate::domain::format::count;
use crate::domain::{
    DescriptorShortage, DescriptorUsage, Duration, Finding, NetworkNodeName, Preflight,
    RequestedPrice, Requirement, Step, Time, Verdict,
};
use crate::engine::alerts::alert::{Advice, Alert, AlertLevel, Condition};
use crate::engine::alerts::onset::Onsets;
use crate::engine::alerts::stakes::Stakes;
use crate::engine::reconcile::plan::foreign;
use crate::engine::state::Engine;
use crate::flow::{PriceIncrease, Sprint};

/// A destroy that has not worked for this long needs a person.
const DESTROY_TAKES_LONG: Duration = Duration::minutes(5);
/// A failed change of a node is shown for this long.
const NODE_CHANGE_SHOWN_FOR: Duration = Duration::minutes(10);

impl Engine {
    /// Worst first, then oldest first.
    pub(crate) fn alerts(&self, now: Time, onsets: &mut Onsets) -> Vec<Alert> {
        let mut alerts = self.destroy_alerts(now);
        let monitors = self.replicas.monitors();
        alerts.extend(monitors.flat_map(|monitor| monitor.link.alerts(now, monitor.instance)));
        alerts.extend(self.clock_alert(now, onsets));
        alerts.extend(self.descriptors_alert(now, onsets));
        alerts.extend(self.policy_alert(now, onsets));
        alerts.extend(self.release_only_alert());
        alerts.extend(self.journal_lost_alert(now, onsets));
        alerts.extend(self.foreign_alerts(now, onsets));
        alerts.extend(self.listing_alerts());
        alerts.extend(self.nodes_alerts(now, onsets));
        alerts.extend(self.boot_alerts(now, onsets));
        alerts.extend(self.node_change_alerts(now));
        alerts.extend(self.preflight_alerts(now, onsets));
        alerts.extend(self.chain_alerts(now, onsets));
        alerts.extend(self.price_alerts());
        alerts.extend(self.requested_price_alerts(now, onsets));
        alerts.extend(self.shared.observed.proxy.alert(now, onsets));
        alerts.extend(self.credit_alerts(now, onsets));
        alerts.extend(self.broken_alerts());
        for replica in self.replicas.iter() {
            Stakes::of(replica).raise(now, &mut alerts);
        }
        alerts.sort_by(|a, b| b.level.cmp(&a.level).then(a.since.cmp(&b.since)));
        alerts
    }

    fn destroy_alerts(&self, now: Time) -> Vec<Alert> {
        let late = self.shared.destroying.iter();
        let late = late.filter(|(_, since)| now - **since > DESTROY_TAKES_LONG);
        late.map(|(instance, since)| {
            let minutes = count((now - *since).num_minutes(), "minute");
            let command = format!("vastai destroy instance {instance}");
            Alert::new(
                Condition::DestroyOverdue(*instance),
                AlertLevel::Critical,
                *since,
                format!("rental {instance} is still not gone {minutes} after its destroy"),
                Advice::with_command(
                    format!("destroy it by hand: `{command}`, or https://console.vast.ai/instances/ ; it costs money until then"),
                    command,
                ),
            )
        })
        .collect()
    }

    fn clock_alert(&self, now: Time, onsets: &mut Onsets) -> Option<Alert> {
        // While something is rented it may have been set.
        let skew = self
            .shared
            .observed
            .skew
            .shifted(self.shared.clock.set_by());
        if let Some(ahead) = skew.proven_ahead() {
            let minutes = count(ahead.num_minutes(), "minute");
            return Some(onsets.alert(
                Condition::ClockSkew,
                now,
                AlertLevel::Critical,
                format!("this machine's clock is {minutes} ahead of the market's and of the chain's: nothing is rented"),
                "synchronise it (timedatectl set-ntp true)",
            ));
        }
        let minutes = count(skew.behind()?.num_minutes(), "minute");
        Some(onsets.alert(
            Condition::ClockSkew,
            now,
            AlertLevel::Warning,
            format!("this machine's clock is {minutes} behind the chain's"),
            "synchronise it (timedatectl set-ntp true); leases are corrected until then",
        ))
    }

    fn descriptors_alert(&self, now: Time, onsets: &mut Onsets) -> Option<Alert> {
        let usage = self.shared.observed.descriptors?;
        let (level, meaning) = match usage.shortage() {
            DescriptorShortage::None => return None,
            DescriptorShortage::Near => (
                AlertLevel::Warning,
                "without one nothing can be rented, watched or released",
            ),
            DescriptorShortage::Here => (
                AlertLevel::Critical,
                "calls and connections fail, so nothing can be rented, watched or released",
            ),
        };
        let DescriptorUsage { open, limit } = usage;
        let command = "ss -tnp | grep pocpit";
        Some(onsets.alert(
            Condition::DescriptorsLow,
            now,
            level,
            format!("pocpit has {open} of {limit} file descriptors open: {meaning}"),
            Advice::with_command(
                format!("see who keeps connections open (`{command}`) and keep them out with a firewall, or raise the limit (LimitNOFILE= in the unit, `ulimit -n` in a shell) and restart pocpit"),
                command,
            ),
        ))
    }

    fn policy_alert(&self, now: Time, onsets: &mut Onsets) -> Option<Alert> {
        let cut = self.shared.config.poc.cut_short()?;
        let advice = Advice::with_command(cut.remedy, "pocpit plan");
        let (condition, level) = (Condition::ReleasePolicyCut, AlertLevel::Warning);
        Some(onsets.alert(condition, now, level, cut.cause, advice))
    }

    fn release_only_alert(&self) -> Option<Alert> {
        let mode = self.shared.release_only.as_ref()?;
        Some(Alert::new(
            Condition::ReleaseOnly,
            AlertLevel::Critical,
            mode.since,
            format!(
                "release-only: nothing new is rented or registered, and what is there is released as planned. {}",
                mode.why
            ),
            mode.advice.as_str(),
        ))
    }

    fn journal_lost_alert(&self, now: Time, onsets: &mut Onsets) -> Option<Alert> {
        let reason = self.shared.ledger.lost()?;
        Some(onsets.alert(
            Condition::JournalLost,
            now,
            AlertLevel::Critical,
            format!("nothing is rented: {reason}, and what it knew of money spent is forgotten"),
            Advice::with_command(
                "stop pocpit and restore the state directory from a backup; or compare the budget with the Vast console, then agree with `pocpit accept-journal`",
                "pocpit accept-journal",
            ),
        ))
    }

    fn foreign_alerts(&self, now: Time, onsets: &mut Onsets) -> Vec<Alert> {
        let accounts = self.shared.observed.accounts.iter();
        let foreign = accounts.flat_map(|(account, readings)| {
            let listing = readings.listing.iter();
            let foreign = listing.flat_map(|(_, listing)| foreign(listing, &self.shared.config));
            foreign.map(move |found| (account, found))
        });
        foreign
            .map(|(account, (instance, label))| {
                let (id, cockpit) = (instance.id, label.cockpit);
                onsets.alert(
                    Condition::ForeignRental(id).of(account),
                    now,
                    AlertLevel::Critical,
                    format!("instance {id} belongs to another cockpit, {cockpit}"),
                    "stop one of the two, or add it to cockpit.peers if both are intended",
                )
            })
            .collect()
    }

    fn listing_alerts(&self) -> impl Iterator<Item = Alert> {
        let accounts = self.shared.observed.accounts.iter();
        accounts.filter_map(|(account, readings)| {
            let (since, error) = readings.listing_error.as_ref()?;
            let rentals = match self.shared.config.other_accounts.as_slice() {
                [] => "rentals".to_owned(),
                _ => format!("the rentals of account {account}"),
            };
            Some(Alert::new(
                Condition::RentalsUnknown.of(account),
                AlertLevel::Warning,
                *since,
                format!("{rentals} are unknown: {error}"),
                "check vast.api_key and vast.base_url; nothing is rented, and no rental is given up, until then",
            ))
        })
    }

    fn nodes_alerts(&self, now: Time, onsets: &mut Onsets) -> Vec<Alert> {
        let network_nodes = self.shared.observed.network_nodes.iter();
        let alerts = network_nodes.filter_map(|(name, readings)| {
            let error = readings.error.as_ref()?;
            let place = self.shared.config.network_node_title(name);
            Some(onsets.alert(
                Condition::NetworkNodeDown.at(name),
                now,
                AlertLevel::Warning,
                format!("{place} does not answer: {error}"),
                "check network_node.admin_api; a node cannot be registered without it",
            ))
        });
        alerts.collect()
    }

    fn boot_alerts(&self, now: Time, onsets: &mut Onsets) -> Vec<Alert> {
        let monitors = self.replicas.iter().flat_map(|replica| {
            let rented = replica.sprint.rentals().map(|rental| rental.instance);
            rented.filter_map(|instance| replica.monitor(instance))
        });
        let alerts = monitors.flat_map(|monitor| {
            let boot = &monitor.boot;
            let condition = Condition::BootFault(monitor.instance);
            let trouble = monitor.trouble(now).map(|trouble| {
                Alert::new(
                    condition.clone(),
                    AlertLevel::Warning,
                    trouble.seen_at,
                    format!("{}: {}", trouble.name, trouble.evidence),
                    trouble.advice.as_str(),
                )
            });
            let lost = boot.lost_work(now).map(|lost| {
                onsets.alert(
                    Condition::PocWorkLost(monitor.instance),
                    now,
                    AlertLevel::Warning,
                    format!("{}: {}", lost.name, lost.evidence),
                    lost.advice.as_str(),
                )
            });
            let warning = boot.warning().map(|warning| {
                onsets.alert(
                    Condition::WorkloadPartial(monitor.instance),
                    now,
                    AlertLevel::Warning,
                    warning,
                    "read the rental's log: the missing part proves nothing and serves nothing",
                )
            });
            [trouble, lost, warning].into_iter().flatten()
        });
        alerts.collect()
    }

    fn node_change_alerts(&self, now: Time) -> impl Iterator<Item = Alert> {
        let network_nodes = self.shared.observed.network_nodes.iter();
        network_nodes.filter_map(move |(name, readings)| {
            let (since, text) = readings.change_error.as_ref()?;
            (now - *since <= NODE_CHANGE_SHOWN_FOR).then(|| {
                Alert::new(
                    Condition::NodeChangeFailed.at(name),
                    AlertLevel::Warning,
                    *since,
                    text,
                    "check the registrations and retry",
                )
            })
        })
    }

    /// What keeps the sprint from renting. Once something is rented the preflight is outdated.
    fn preflight_alerts(&self, now: Time, onsets: &mut Onsets) -> Vec<Alert> {
        let waits = |sprint: &Sprint| matches!(sprint.step(), Step::Waiting | Step::Choosing);
        let waiting = self.replicas.iter().filter(|it| waits(&it.sprint));
        let obstacles = waiting.flat_map(|replica| {
            let preflights = replica.sprint.preflight().into_iter();
            let obstacles = preflights.flat_map(Preflight::obstacles);
            obstacles.map(|finding| (replica.network_node(), finding))
        });
        let mut obstacles: Vec<(&NetworkNodeName, &Finding)> = obstacles.collect();
        let mut told = HashSet::new();
        obstacles.retain(|(name, finding)| told.insert((*name, finding.requirement)));
        let alerts = obstacles.into_iter().filter_map(|(name, finding)| {
            let (cause, remedy) = finding.trouble()?;
            let place = match self.shared.config.other_network_nodes.as_slice() {
                [] => String::new(),
                _ => format!(" for {}", self.shared.config.network_node_title(name)),
            };
            Some(onsets.alert(
                Condition::PreflightFailure(finding.requirement).at(name),
                now,
                AlertLevel::Warning,
                format!("nothing is rented{place}: {cause}"),
                preflight_advice(finding, remedy),
            ))
        });
        alerts.collect()
    }

    fn price_alerts(&self) -> impl Iterator<Item = Alert> {
        let rentals = self.replicas.rentals();
        let dearer = rentals.filter_map(|rental| Some((rental, rental.dearer?)));
        dearer.map(|(rental, PriceIncrease { agreed, charged })| Alert::new(
            Condition::PriceIncrease(rental.instance),
            AlertLevel::Critical,
            rental.since,
            format!(
                "instance {} costs {charged}, {agreed} was agreed",
                rental.instance
            ),
            "auto mode releases it before registration; in manual mode x aborts, then another offer can be rented",
        ))
    }

    fn broken_alerts(&self) -> impl Iterator<Item = Alert> {
        let broken = self.replicas.iter();
        let broken = broken.filter_map(|replica| Some((&replica.id, replica.broken.as_ref()?)));
        broken.map(|(id, broken)| {
            Alert::new(
                Condition::SprintBroke(id.clone()),
                AlertLevel::Warning,
                broken.at,
                format!("the sprint of {id} broke: {}", broken.why),
                "this is a bug in pocpit: please report it with the log. What it rented is taken down, the others go on, and it joins again in the next epoch",
            )
        })
    }

    /// Only for rentals that still cost something.
    fn requested_price_alerts(&self, now: Time, onsets: &mut Onsets) -> Vec<Alert> {
        let open = self.shared.ledger.open_rentals();
        let is_ours = |id| open.iter().any(|open| open.instance == Some(id));
        let accounts = self.shared.observed.accounts.values();
        let requested = accounts.flat_map(|readings| &readings.requested_prices);
        let requested = requested.filter(|price| is_ours(price.instance));
        let alerts = requested.map(|price| {
            let RequestedPrice {
                instance,
                current,
                requested,
            } = price;
            onsets.alert(
                Condition::PriceRequested(*instance),
                now,
                AlertLevel::Warning,
                format!("the host of instance {instance} asks for {requested} instead of {current} for the GPUs"),
                "pocpit never accepts; reject it in the Vast console, or abort and rent another offer",
            )
        });
        alerts.collect()
    }
}

/// The remedy of an address in use is the only one that names a command.
fn preflight_advice(finding: &Finding, remedy: &str) -> Advice {
    match (finding.requirement, &finding.verdict) {
        (Requirement::Address, Verdict::Unmet { .. }) => Advice::with_command(remedy, "pocpit gc"),
        _ => remedy.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn address_remedy_has_its_command() {
        let command = |requirement, verdict| {
            let finding = Finding {
                requirement,
                seen: String::new(),
                verdict,
            };
            preflight_advice(&finding, "do it").command
        };
        let unmet = || Verdict::Unmet {
            cause: "in use".into(),
            remedy: "do it".into(),
        };
        let gc = Some("pocpit gc".to_owned());
        assert_eq!(command(Requirement::Address, unmet()), gc);
        assert_eq!(command(Requirement::Model, unmet()), None);
    }
}
