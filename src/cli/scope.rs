//! What `gc` and `release` take down where pools or replicas were named. A label says nothing of them: the
//! journal does.

use color_eyre::eyre::Report;
use schemars::JsonSchema;
use serde::Serialize;

use super::arguments::ChosenReplicas;
use super::{pools, status_line};
use crate::config::Pools;
use crate::domain::format::{count, listed};
use crate::domain::{Instance, InstanceId, NodeId, RentalLabel, ReplicaId};
use crate::journal::Ledger;

/// Whose a rental or a registration is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Owner {
    /// Of what was named, or nothing was.
    Chosen,
    Other,
    /// The journal does not know it.
    Unknown,
}

pub(super) struct Scope<'a> {
    pub(super) chosen: &'a ChosenReplicas,
    pub(super) ledger: &'a Ledger,
    /// As listed: a rental whose rent call had no reply is known by its label alone.
    pub(super) instances: &'a [Instance],
}

impl Scope<'_> {
    pub(super) fn of_rental(&self, id: InstanceId) -> Owner {
        let listed = self.instances.iter().find(|listed| listed.id == id);
        let label = listed.and_then(Instance::rental_label);
        let by_label = label.and_then(|label| self.ledger.replica_labelled(&label));
        self.owner(by_label.or_else(|| self.ledger.replica_of(id)))
    }

    pub(super) fn of_label(&self, label: &RentalLabel) -> Owner {
        self.owner(self.ledger.replica_labelled(label))
    }

    /// By the rental behind it, which the journal or the node's name says.
    pub(super) fn of_node(&self, node: &NodeId, prefix: &str) -> Owner {
        let mut open = self.ledger.registrations().into_iter();
        let open = open.find(|open| open.node == *node);
        let named = || node.0.strip_prefix(prefix)?.parse().ok().map(InstanceId);
        match open.map(|open| open.instance).or_else(named) {
            Some(id) => self.of_rental(id),
            None => self.owner(None),
        }
    }

    fn owner(&self, replica: Option<&ReplicaId>) -> Owner {
        match replica {
            _ if self.chosen.is_all() => Owner::Chosen,
            None => Owner::Unknown,
            Some(replica) if self.chosen.has(replica) => Owner::Chosen,
            Some(_) => Owner::Other,
        }
    }
}

/// What `--pool` and `--replica` leave alone.
#[derive(Debug, Default, Serialize, JsonSchema)]
#[schemars(inline)]
pub(super) struct LeftAlone {
    /// Number of rentals of other pools or replicas.
    #[schemars(range(min = 0))]
    rentals: usize,
    /// Number of registrations of other pools or replicas.
    #[schemars(range(min = 0))]
    registrations: usize,
    /// Vast's ids of the rentals whose replica the journal does not know. They may be of the named ones.
    unknown_rentals: Vec<InstanceId>,
    /// Ids of the registered nodes whose replica the journal does not know.
    unknown_registrations: Vec<NodeId>,
}

impl LeftAlone {
    /// Whether it goes with the others.
    pub(super) fn takes_rental(&mut self, id: Option<InstanceId>, owner: Owner) -> bool {
        match owner {
            Owner::Chosen => return false,
            Owner::Other => self.rentals += 1,
            Owner::Unknown => self.unknown_rentals.extend(id),
        }
        true
    }

    /// The same of a registration.
    pub(super) fn takes_node(&mut self, node: &NodeId, owner: Owner) -> bool {
        match owner {
            Owner::Chosen => return false,
            Owner::Other => self.registrations += 1,
            Owner::Unknown => self.unknown_registrations.push(node.clone()),
        }
        true
    }

    pub(super) fn has_unknown(&self) -> bool {
        !self.unknown_rentals.is_empty() || !self.unknown_registrations.is_empty()
    }

    /// What is left, and what to do about what nobody knows.
    pub(super) fn tell(&self, chosen: &ChosenReplicas, command: &str) {
        let whose = if chosen.replicas.is_empty() {
            "other pools"
        } else {
            "other replicas"
        };
        if let Some(others) = in_words(self.rentals, self.registrations) {
            let are = if self.rentals + self.registrations == 1 {
                "is"
            } else {
                "are"
            };
            status_line(format_args!("{others} of {whose} {are} left alone"));
        }
        let unknown_rentals = self.unknown_rentals.iter().map(ToString::to_string);
        let unknown_nodes = self.unknown_registrations.iter().map(ToString::to_string);
        let ids: Vec<String> = unknown_rentals.chain(unknown_nodes).collect();
        let (rentals, nodes) = (self.unknown_rentals.len(), self.unknown_registrations.len());
        if let Some(unknown) = in_words(rentals, nodes) {
            let ids = ids.join(", ");
            status_line(format_args!(
                "warning: the journal does not know the pool of {unknown} ({ids}): left alone, may still cost money. `pocpit {command}` without --pool and --replica removes everything of ours"
            ));
        }
    }
}

fn in_words(rentals: usize, registrations: usize) -> Option<String> {
    let kinds = [(rentals, "rental"), (registrations, "registration")];
    let kinds = kinds.into_iter().filter(|(number, _)| *number > 0);
    let counts: Vec<String> = kinds.map(|(number, noun)| count(number, noun)).collect();
    let counts: Vec<&str> = counts.iter().map(String::as_str).collect();
    (!counts.is_empty()).then(|| listed(&counts))
}

/// Refuses a name that neither the configuration nor the journal has: a pool that was taken out may still have
/// rentals.
pub(super) fn check_names(
    chosen: &ChosenReplicas,
    pools: &Pools,
    ledger: &Ledger,
) -> Result<(), Report> {
    let journalled = ledger.replicas();
    let is_known = |name| pools.get(name).is_some() || journalled.iter().any(|it| it.pool == *name);
    let of_replicas = chosen.replicas.iter().map(|replica| &replica.pool);
    let mut names = chosen.pools.iter().chain(of_replicas);
    if let Some(name) = names.find(|name| !is_known(*name)) {
        return Err(pools::unknown(pools, name));
    }
    let is_known = |id: &&ReplicaId| {
        let pool = pools.get(&id.pool);
        pool.is_some_and(|pool| id.number <= pool.replicas) || journalled.contains(id)
    };
    match chosen.replicas.iter().find(|id| !is_known(id)) {
        Some(id) => Err(pools::unknown_replica(pools, id)),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{Exit, exit_of};
    use crate::domain::{Time, Usd, samples::instance};
    use crate::journal::{
        Record,
        samples::{registering, rent_intended, rented},
    };

    fn chosen(pools: &[&str], replicas: &[&str]) -> ChosenReplicas {
        ChosenReplicas {
            pools: pools.iter().map(|name| name.parse().unwrap()).collect(),
            replicas: replicas.iter().map(|id| id.parse().unwrap()).collect(),
        }
    }

    fn label(text: &str) -> RentalLabel {
        text.parse().unwrap()
    }

    /// What the journal has of two pools, in which one rental is gone.
    fn ledger() -> Ledger {
        let lost = rent_intended(label("pocpit/home/1/3-c"), "glm/2".parse().unwrap());
        let gone = Record::RentalGone {
            label: label("pocpit/home/1/1-a"),
            instance: InstanceId(41),
            cost: Usd::ZERO,
        };
        let records = [
            rented("pocpit/home/1/1-a", "minimax/1", 41).to_vec(),
            rented("pocpit/home/1/2-b", "glm/1", 42).to_vec(),
            vec![lost, gone, registering("renamed", 42)],
        ];
        let mut ledger = Ledger::default();
        for record in records.concat() {
            ledger.apply(Time::UNIX_EPOCH, &record);
        }
        ledger
    }

    #[test]
    fn owner_is_known_by_label_by_id_and_by_node() {
        // Given rentals of two pools: one gone, one open, one whose rent call had no reply,
        let ledger = ledger();
        let listed = Instance {
            label: Some("pocpit/home/1/3-c".to_owned()),
            ..instance(43)
        };
        let instances = [listed, instance(44)];
        let of = |chosen: &ChosenReplicas| {
            let scope = Scope {
                chosen,
                ledger: &ledger,
                instances: &instances,
            };
            let rentals = [41, 42, 43, 44].map(|id| scope.of_rental(InstanceId(id)));
            let nodes = ["vastai-41", "renamed", "vastai-44", "other"];
            let nodes = nodes.map(|id| scope.of_node(&NodeId(id.into()), "vastai-"));
            (rentals, nodes)
        };
        // when nothing is named, then all is meant;
        let all = [Owner::Chosen; 4];
        assert_eq!(of(&ChosenReplicas::default()), (all, all));
        // when a pool or a replica is, then what is its.
        let (named, other, unknown) = (Owner::Chosen, Owner::Other, Owner::Unknown);
        assert_eq!(
            of(&chosen(&["glm"], &[])),
            (
                [other, named, named, unknown],
                [other, named, unknown, unknown]
            )
        );
        assert_eq!(
            of(&chosen(&["minimax"], &["glm/2"])),
            (
                [named, other, named, unknown],
                [named, other, unknown, unknown]
            )
        );
    }

    #[test]
    fn unknown_names_are_refused_unless_the_journal_has_them() {
        let (pools, ledger) = (Pools::default(), ledger());
        let why = |pools_: &[&str], replicas: &[&str]| {
            let refused = check_names(&chosen(pools_, replicas), &pools, &ledger).err();
            refused.map(|error| {
                assert_eq!(exit_of(&error), Exit::Usage);
                error.to_string()
            })
        };
        assert_eq!(why(&["default", "glm"], &["default/1", "glm/2"]), None);
        let no_pool = "there is no pool kimi; the pools are: default";
        assert_eq!(why(&["kimi"], &[]).unwrap(), no_pool);
        assert_eq!(why(&[], &["kimi/1"]).unwrap(), no_pool);
        let no_replica = "there is no replica default/9; pool default has 1 replica";
        assert_eq!(why(&[], &["default/9"]).unwrap(), no_replica);
    }
}
