//! Every alert of a snapshot.

use crate::domain::{Preflight, Step};
use crate::engine::alerts::onset::Onsets;
use crate::engine::reconcile::plan::foreign;
use crate::flow::PriceIncrease;

use crate::domain::{Duration, Time};
use crate::engine::alerts::condition::Condition;
use crate::engine::snapshot::{Alert, AlertLevel};
use crate::engine::state::Engine;

/// A destroy that has not worked for this long needs a person.
const DESTROY_TAKES_LONG: Duration = Duration::minutes(5);

/// A change that did not work is told for so long.
const TROUBLE_IS_NEWS: Duration = Duration::minutes(10);

impl Engine {
    fn clock_warning(&self) -> Option<String> {
        let behind = self.observed.clock_behind()?;
        Some(format!(
            "this machine's clock is {} minutes behind the chain's",
            behind.num_minutes()
        ))
    }

    /// What is wrong with rentals that cost something.
    fn rental_alerts(&self, now: Time) -> Vec<Alert> {
        let late = self
            .destroying
            .iter()
            .filter(|(_, since)| now - **since > DESTROY_TAKES_LONG);
        let late = late.map(|(instance, since)| Alert {
            condition: Condition::NotGone(*instance),
            level: AlertLevel::Critical,
            text: format!(
                "instance {instance} is still not gone {} minutes after its destroy",
                (now - *since).num_minutes()
            ),
            advice: format!(
                "destroy it by hand: `vastai destroy instance {instance}`, or https://console.vast.ai/instances/ ; it costs money until then"
            ),
            since: *since,
        });
        let monitor = self.primary.iter().chain(&self.hedge);
        let links = monitor.flat_map(|monitor| monitor.link.alerts(now, monitor.instance));
        late.chain(links).collect()
    }

    pub(crate) fn alerts(&self, now: Time, onsets: &mut Onsets) -> Vec<Alert> {
        let mut alerts = self.rental_alerts(now);
        let warning = AlertLevel::Warning;
        if let Some(text) = self.clock_warning() {
            let advice = "synchronise it (timedatectl set-ntp true); leases are corrected by as much until then";
            alerts.push(onsets.alert(Condition::ClockBehind, now, warning, text, advice));
        }
        if let Some(cut) = self.config.poc.cut_short() {
            let condition = Condition::PolicyCutShort;
            alerts.push(onsets.alert(condition, now, warning, cut.cause, &cut.remedy));
        }
        if let Some(mode) = &self.release_only {
            alerts.push(Alert {
                condition: Condition::ReleaseOnly,
                level: AlertLevel::Critical,
                text: format!(
                    "release-only: nothing new is rented or registered, and what is there is released as planned. {}",
                    mode.why
                ),
                advice: mode.advice.clone(),
                since: mode.since,
            });
        }
        if let Some((_, listing)) = &self.observed.listing {
            for (instance, label) in foreign(listing, &self.config) {
                alerts.push(onsets.alert(
                    Condition::Foreign(instance.id),
                    now,
                    AlertLevel::Critical,
                    format!(
                        "instance {} belongs to another cockpit, {}",
                        instance.id, label.cockpit
                    ),
                    "stop one of the two, or name it in cockpit.peers if both are meant",
                ));
            }
        }
        if let Some((since, trouble)) = &self.observed.listing_error {
            alerts.push(Alert {
                condition: Condition::RentalsUnread,
                level: warning,
                text: format!("rentals are unknown: {trouble}"),
                advice: "check vast.api_key and vast.base_url; nothing is rented and nothing forgotten meanwhile".to_owned(),
                since: *since,
            });
        }
        if let Some(trouble) = &self.observed.nodes_error {
            alerts.push(onsets.alert(
                Condition::NodesUnread,
                now,
                warning,
                format!("the Network Node does not answer: {trouble}"),
                "check network_node.admin_api; a node cannot be registered without it",
            ));
        }
        let rented = self.sprint.rentals().map(|rental| rental.instance);
        let monitor = rented.filter_map(|instance| self.monitor(instance));
        let faults = monitor.filter_map(|monitor| Some((monitor.instance, monitor.boot.fault()?)));
        alerts.extend(faults.map(|(instance, fault)| Alert {
            condition: Condition::BootFault(instance),
            level: warning,
            text: format!("{}: {}", fault.name, fault.evidence),
            advice: fault.advice.clone(),
            since: fault.seen_at,
        }));
        alerts.extend(self.node_change_alert(now));
        alerts.extend(self.preflight_alerts(now, onsets));
        alerts.extend(self.chain_alerts(now, onsets));
        alerts.extend(self.price_alert());
        alerts.extend(self.proxy_alert(now, onsets));
        alerts.extend(self.credit_alert(now, onsets));
        alerts.sort_by(|a, b| b.level.cmp(&a.level).then(a.since.cmp(&b.since)));
        alerts
    }

    pub(crate) fn node_change_alert(&self, now: Time) -> Option<Alert> {
        let (since, text) = self.observed.node_change_error.clone()?;
        (now - since <= TROUBLE_IS_NEWS).then(|| Alert {
            condition: Condition::NodeNotChanged,
            level: AlertLevel::Warning,
            text,
            advice: "look at the registrations and try again".to_owned(),
            since,
        })
    }

    /// What is in the way of a rental, while there is none: later it only says what was so before.
    pub(crate) fn preflight_alerts(&self, now: Time, onsets: &mut Onsets) -> Vec<Alert> {
        let waits = matches!(self.sprint.step(), Step::Waiting | Step::Choosing);
        let preflight = self.sprint.preflight().filter(|_| waits);
        let preflight_alerts = preflight.into_iter().flat_map(Preflight::obstacles);
        let alerts = preflight_alerts.filter_map(|finding| {
            let (cause, remedy) = finding.trouble()?;
            Some(onsets.alert(
                Condition::Obstacle(finding.requirement),
                now,
                AlertLevel::Warning,
                format!("nothing is rented: {cause}"),
                remedy,
            ))
        });
        alerts.collect()
    }

    pub(crate) fn proxy_alert(&self, now: Time, onsets: &mut Onsets) -> Option<Alert> {
        self.observed.proxy.alert(now, onsets)
    }

    /// Money that nobody agreed to is spent.
    pub(crate) fn price_alert(&self) -> Option<Alert> {
        let mut rentals = self.sprint.rentals();
        let (rental, dearer) = rentals.find_map(|rental| Some((rental, rental.dearer?)))?;
        let PriceIncrease { agreed, charged } = dearer;
        Some(Alert {
            condition: Condition::PriceIncrease(rental.instance),
            level: AlertLevel::Critical,
            text: format!(
                "instance {} costs {charged}, {agreed} was agreed",
                rental.instance
            ),
            advice: "auto gives it back before it is registered; by hand, x aborts and another offer can be taken".to_owned(),
            since: rental.since,
        })
    }
}
