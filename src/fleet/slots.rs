//! Slots: a replica's place among those of its Network Node, which gives it ports of its own.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::{ReplicaId, Slot};

/// The slots of all replicas of a Network Node: those that are `taken` stay, the others get the lowest that
/// are free, in order.
pub fn assign(
    replicas: impl IntoIterator<Item = ReplicaId>,
    taken: &BTreeMap<ReplicaId, Slot>,
) -> BTreeMap<ReplicaId, Slot> {
    let mut used = BTreeSet::new();
    let mut slots = BTreeMap::new();
    let mut rest = Vec::new();
    for id in replicas {
        match taken.get(&id) {
            // Two that claim one slot cannot both have it.
            Some(slot) if used.insert(*slot) => {
                slots.insert(id, *slot);
            }
            _ => rest.push(id),
        }
    }
    let mut free = (0..=u16::MAX).map(Slot).filter(|slot| !used.contains(slot));
    for id in rest {
        let Some(slot) = free.next() else { break };
        slots.insert(id, slot);
    }
    slots
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> ReplicaId {
        text.parse().unwrap()
    }

    #[test]
    fn taken_slots_stay_and_others_get_the_lowest_free_ones() {
        let all = ["a/1", "a/2", "b/1", "b/2"].map(id);
        let taken = [(id("b/1"), Slot(0)), (id("a/2"), Slot(3))].into();
        let slots = assign(all, &taken);
        let expected = [("a/1", 1), ("a/2", 3), ("b/1", 0), ("b/2", 2)];
        let expected = expected.map(|(name, slot)| (id(name), Slot(slot)));
        assert_eq!(slots, expected.into());
    }

    #[test]
    fn slot_that_two_claim_is_given_once() {
        let taken = [(id("a/1"), Slot(1)), (id("a/2"), Slot(1))].into();
        let slots = assign(["a/1", "a/2"].map(id), &taken);
        assert_eq!(slots, [(id("a/1"), Slot(1)), (id("a/2"), Slot(0))].into());
    }
}
