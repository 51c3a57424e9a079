//! Puts a viewer's snapshots together again.

use std::sync::Arc;

use serde::Deserialize as _;
use serde_json::Value;

use super::delta::MisfitError;
use super::wire::Message;
use crate::domain::{RankedOffer, ReplicaId};
use crate::engine::snapshot::{LogBuffer, OffersSnapshot, RejectedOffer, Snapshot};

#[derive(Debug, thiserror::Error)]
pub(super) enum UnfitError {
    #[error("changes without a snapshot before them")]
    Early,
    #[error(transparent)]
    Misfit(#[from] MisfitError),
    #[error(transparent)]
    Json(#[from] serde_json::Error),
}

#[derive(Debug, Default)]
pub(super) struct Received {
    /// Whose log and offers these are; the first one's until the owner names one.
    replica: Option<ReplicaId>,
    rows: Arc<Vec<RankedOffer>>,
    rejected: Arc<Vec<RejectedOffer>>,
    log: LogBuffer,
    /// The last snapshot without them.
    rest: Option<Value>,
}

impl Received {
    /// Applies a message; returns the complete snapshot with the last one.
    pub(super) fn apply(&mut self, message: Message) -> Result<Option<Snapshot>, UnfitError> {
        match message {
            Message::Replica(id) => self.turn_to(id),
            Message::Offers { rows, rejected } => (self.rows, self.rejected) = (rows, rejected),
            Message::LogStart { first } => self.log = LogBuffer::beginning_at(first),
            Message::LogLines(lines) => lines.into_iter().for_each(|line| self.log.push(line)),
            Message::Snapshot(rest) => {
                if self.replica.is_some() {
                    self.rest = Some(serde_json::to_value(&rest)?);
                }
                return Ok(Some(self.complete(*rest)));
            }
            Message::Changes(changes) => {
                let rest = self.rest.as_mut().ok_or(UnfitError::Early)?;
                changes.apply(rest)?;
                let rest = Snapshot::deserialize(&*rest)?;
                return Ok(Some(self.complete(rest)));
            }
        }
        Ok(None)
    }

    fn turn_to(&mut self, id: ReplicaId) {
        let is_of_pool = |before: &ReplicaId| before.pool == id.pool;
        if !self.replica.as_ref().is_some_and(is_of_pool) {
            (self.rows, self.rejected) = Default::default();
        }
        self.log = LogBuffer::default();
        self.replica = Some(id);
    }

    fn complete(&mut self, mut snapshot: Snapshot) -> Snapshot {
        let first = snapshot.replica.clone();
        let shown = self.replica.as_ref().unwrap_or(&first);
        let avoided = snapshot.offers.avoided.clone();
        let offers = OffersSnapshot {
            rows: self.rows.clone(),
            rejected: self.rejected.clone(),
            ..snapshot.offers
        };
        if shown.pool == first.pool {
            snapshot.offers = offers;
        } else {
            snapshot.offers = OffersSnapshot::unread(avoided);
            snapshot.offers_by_pool = [(shown.pool.clone(), offers)].into();
        }
        self.log.live = snapshot.boot_log.live.take();
        let mut replicas = snapshot.replicas.iter_mut();
        if let Some(replica) = replicas.find(|replica| replica.id == *shown) {
            Arc::make_mut(replica).boot_log = self.log.clone();
        }
        if *shown == first {
            snapshot.boot_log = self.log.clone();
        }
        snapshot.in_focus = Some(shown.clone());
        snapshot
    }
}
