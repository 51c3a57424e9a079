//! The last search for a pool, shared by its replicas.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::domain::{Account, CallError, Offer, ReplicaId, Time};
use crate::engine::effects::task_key::SHARED_FOR;
use crate::flow::HedgeRoom;

/// What a search came back with.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) offers: Result<Vec<Offer>, CallError>,
    pub(crate) account: Result<Account, CallError>,
}

pub(crate) struct LastSearch {
    pub(crate) at: Time,
    found: Arc<Found>,
    boots: HedgeRoom,
    /// Replicas that have had it: who asks again wants to know what has changed since.
    had: BTreeSet<ReplicaId>,
}

impl LastSearch {
    pub(crate) fn new(
        at: Time,
        found: Arc<Found>,
        boots: HedgeRoom,
        had: impl Iterator<Item = ReplicaId>,
    ) -> LastSearch {
        LastSearch {
            at,
            found,
            boots,
            had: had.collect(),
        }
    }

    /// What was found, for a replica that has not had it, while it is new.
    pub(crate) fn hand_to(&mut self, now: Time, id: &ReplicaId) -> Option<(Arc<Found>, HedgeRoom)> {
        let is_new = now - self.at <= SHARED_FOR && self.had.insert(id.clone());
        is_new.then(|| (self.found.clone(), self.boots))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{CallErrorKind, Duration};

    #[test]
    fn search_is_handed_once_to_each_replica_while_it_is_new() {
        let at = Time::UNIX_EPOCH;
        let error = || CallError::new("search", CallErrorKind::NotSent, "none");
        let found = Found {
            offers: Err(error()),
            account: Err(error()),
        };
        let [first, second, third]: [ReplicaId; 3] =
            ["a/1", "a/2", "a/3"].map(|id| id.parse().unwrap());
        let had = std::iter::once(first.clone());
        let mut last = LastSearch::new(at, Arc::new(found), HedgeRoom::Free, had);
        let soon = at + Duration::seconds(9);
        assert!(last.hand_to(soon, &first).is_none(), "it asks for news");
        assert!(last.hand_to(soon, &second).is_some());
        assert!(last.hand_to(soon, &second).is_none());
        assert!(last.hand_to(at + Duration::seconds(11), &third).is_none());
    }
}
