//! Leftovers, as text and as JSON.

use std::fmt;

use schemars::JsonSchema;
use serde::Serialize;

use crate::cli::scope::{LeftAlone, Scope};
use crate::config::Config;
use crate::domain::{Duration, Instance, InstanceId, Time, Usd};
use crate::engine::{CleanupAction, NEVER_LISTED, NodeList, ReconcileInput, Registration};
use crate::tui::view::format;

/// Something that no sprint uses any more.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Leftover {
    #[serde(skip)]
    pub(super) planned: CleanupAction,
    /// The planned action.
    action: Action,
    /// Vast's id of the rental, the node's id, or `(none)` for a rent call without a known rental.
    id: String,
    /// The rental's label; null if it has none or it is not known.
    label: Option<String>,
    /// Seconds since it was rented; null if not known.
    age_seconds: Option<i64>,
    /// Cost so far in US dollars; null if not known.
    cost_usd: Option<f64>,
    /// Why it is a leftover.
    why: &'static str,
    /// Done and verified; false with `--dry-run`.
    pub(super) done: bool,
}

#[derive(Debug, Clone, Copy, Serialize, JsonSchema)]
#[schemars(inline)]
enum Action {
    #[serde(rename = "destroy rental")]
    DestroyRental,
    #[serde(rename = "forget rental")]
    ForgetRental,
    #[serde(rename = "forget rent call")]
    ForgetRentCall,
    #[serde(rename = "unregister")]
    Unregister,
    #[serde(rename = "forget registration")]
    ForgetRegistration,
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

impl Leftover {
    pub(super) fn of(planned: CleanupAction, readings: &ReconcileInput<'_>) -> Leftover {
        let (action, why) = match &planned {
            CleanupAction::Destroy(_) => (
                Action::DestroyRental,
                "it carries our label and no sprint uses it",
            ),
            CleanupAction::Verify(_) => (
                Action::ForgetRental,
                "open in the journal but not listed by the market: destroyed to be safe, and checked by its id",
            ),
            CleanupAction::Void(_) => (Action::ForgetRentCall, NEVER_LISTED),
            CleanupAction::Unregister(_) => {
                (Action::Unregister, "its rental is gone or is removed now")
            }
            CleanupAction::Forget(_) => (
                Action::ForgetRegistration,
                "open in the journal but not listed by the Network Node",
            ),
        };
        let now = readings.now;
        let open = readings.ledger.open_rentals();
        let (id, label, since, cost) = match &planned {
            // By the journal; by the market what the journal does not know.
            CleanupAction::Destroy(id) | CleanupAction::Verify(id) => {
                let open = open.iter().find(|open| open.instance == Some(*id));
                let listed = readings.instances.iter().find(|listed| listed.id == *id);
                let label = listed.and_then(|listed| listed.label.clone());
                let since = open.map(|open| open.intended_at);
                let cost = open.map(|open| open.cost(now));
                (
                    id.to_string(),
                    label.or_else(|| Some(open?.label.to_string())),
                    since.or_else(|| listed?.started_at),
                    cost.or_else(|| cost_of(listed?, now)),
                )
            }
            CleanupAction::Void(label) => {
                let open = open.iter().find(|open| open.label == *label);
                let since = open.map(|open| open.intended_at);
                (
                    "(none)".to_owned(),
                    Some(label.to_string()),
                    since,
                    Some(Usd::ZERO),
                )
            }
            CleanupAction::Unregister(Registration { node, .. }) | CleanupAction::Forget(node) => {
                (node.to_string(), None, None, None)
            }
        };
        Leftover {
            planned,
            action,
            id,
            label,
            age_seconds: since.map(|since| (now - since).num_seconds()),
            cost_usd: cost.map(Usd::dollars),
            why,
            done: false,
        }
    }

    pub(super) fn to_line(&self) -> String {
        line(
            &format!("{} {}", self.action, self.id),
            self.label.as_deref(),
            self.age_seconds,
            self.cost_usd,
            self.why,
        )
    }
}

/// Whether it is of none of the pools and replicas that were named.
pub(super) fn is_left(
    action: &CleanupAction,
    scope: &Scope<'_>,
    nodes: &[NodeList<'_>],
    left: &mut LeftAlone,
) -> bool {
    match action {
        CleanupAction::Destroy(id) | CleanupAction::Verify(id) => {
            left.takes_rental(Some(*id), scope.of_rental(*id))
        }
        CleanupAction::Void(label) => left.takes_rental(None, scope.of_label(label)),
        CleanupAction::Unregister(Registration { network_node, node }) => {
            let mut nodes = nodes.iter();
            let list = nodes.find(|list| list.network_node == network_node);
            let prefix = list.map_or("", |list| list.node_prefix);
            left.takes_node(node, scope.of_node(node, prefix))
        }
        // It is open in the journal, which says whose it is.
        CleanupAction::Forget(node) => left.takes_node(node, scope.of_node(node, "")),
    }
}

fn cost_of(instance: &Instance, now: Time) -> Option<Usd> {
    let since = instance.started_at?;
    Some(instance.total_price.times(now - since))
}

/// A rental of another cockpit; never touched.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Foreign {
    /// Vast's id of the rental.
    id: InstanceId,
    /// Its label: `pocpit/<cockpit>/<epoch>/<attempt>-<nonce>`.
    label: String,
    /// Seconds since it was rented; null if not known.
    age_seconds: Option<i64>,
    /// Cost so far in US dollars; null if not known.
    cost_usd: Option<f64>,
}

impl Foreign {
    pub(super) fn all(instances: &[Instance], config: &Config, now: Time) -> Vec<Foreign> {
        let foreign = instances.iter().filter_map(|instance| {
            let label = instance.rental_label()?;
            (label.cockpit != config.cockpit).then(|| Foreign {
                id: instance.id,
                label: label.to_string(),
                age_seconds: instance.started_at.map(|since| (now - since).num_seconds()),
                cost_usd: cost_of(instance, now).map(Usd::dollars),
            })
        });
        foreign.collect()
    }

    pub(super) fn to_line(&self) -> String {
        line(
            &format!("foreign rental {}", self.id),
            Some(&self.label),
            self.age_seconds,
            self.cost_usd,
            "another cockpit's, never touched",
        )
    }
}

fn line(
    what: &str,
    label: Option<&str>,
    age_seconds: Option<i64>,
    cost_usd: Option<f64>,
    why: &str,
) -> String {
    let mut facts = vec![what.to_owned()];
    facts.extend(label.map(str::to_owned));
    facts.extend(age_seconds.map(|age| format!("{} old", format::length(Duration::seconds(age)))));
    facts.extend(cost_usd.map(|cost| format!("{} so far", Usd::from_dollars(cost).in_cents())));
    format!("{}: {why}", facts.join(", "))
}
