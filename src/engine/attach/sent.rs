//! The owner's record of what a viewer has, so that only changes follow.

use std::sync::Arc;

use serde_json::Value;

use super::delta::Delta;
use super::wire::Message;
use crate::domain::{LogLine, ReplicaId, Time};
use crate::engine::snapshot::{LogBuffer, OffersSnapshot, Snapshot};

/// Bytes of the log in a message.
const LOG_PART: usize = 256 * 1024;
/// Upper bound of a style in JSON, in bytes.
const STYLE: usize = 200;

/// What a viewer has been sent.
#[derive(Debug, Default)]
pub(super) struct Sent {
    /// Whose log and offers these are; absent while the viewer has named none: the first one's.
    replica: Option<ReplicaId>,
    offers_of: Option<Time>,
    log_end: u64,
    last_line: Option<LogLine>,
    /// Later lines are for the next snapshot: a busy log must not keep the rest from a slow viewer.
    log_until: u64,
    /// The last snapshot without log and offers.
    rest: Option<Value>,
}

impl Sent {
    /// A snapshot is to be sent: of its log what is there now.
    pub(super) fn begin(&mut self, snapshot: &Snapshot) {
        self.log_until = log_of(snapshot, self.replica.as_ref()).end_seq();
    }

    /// The next message that brings the viewer up to this snapshot, with log and offers of this replica.
    /// [`Message::is_last`] tells the last.
    pub(super) fn next(
        &mut self,
        snapshot: &Snapshot,
        focus: Option<&ReplicaId>,
    ) -> serde_json::Result<Message> {
        let replica = focus.map(|id| existing(snapshot, id));
        if let Some(replica) = replica.filter(|id| Some(*id) != self.replica.as_ref()) {
            self.turn_to(replica, snapshot);
            return Ok(Message::Replica(replica.clone()));
        }
        let offers = offers_of(snapshot, replica);
        let read_at = offers.and_then(|offers| offers.read_at);
        if self.offers_of != read_at {
            self.offers_of = read_at;
            return Ok(Message::Offers {
                rows: offers.map(|it| it.rows.clone()).unwrap_or_default(),
                rejected: offers.map(|it| it.rejected.clone()).unwrap_or_default(),
            });
        }
        let log = log_of(snapshot, replica);
        if !self.is_of(log) {
            let first = log.first_seq();
            (self.log_end, self.last_line) = (first, None);
            return Ok(Message::LogStart { first });
        }
        let part = part(log, self.log_end, self.log_until);
        if let Some(last) = part.last() {
            self.log_end += part.len() as u64;
            self.last_line = Some(last.clone());
            return Ok(Message::LogLines(part));
        }
        self.rest_of(rest_of(snapshot, replica))
    }

    /// The same as the viewer does at [`Message::Replica`].
    fn turn_to(&mut self, replica: &ReplicaId, snapshot: &Snapshot) {
        let before = self.replica.replace(replica.clone());
        if before.is_none_or(|before| before.pool != replica.pool) {
            self.offers_of = None;
        }
        (self.log_end, self.last_line) = (0, None);
        self.log_until = log_of(snapshot, Some(replica)).end_seq();
    }

    /// Whole for a viewer that has none yet, or knows no changes.
    fn rest_of(&mut self, rest: Snapshot) -> serde_json::Result<Message> {
        if self.replica.is_none() {
            return Ok(Message::Snapshot(Box::new(rest)));
        }
        let now = serde_json::to_value(&rest)?;
        let message = match &self.rest {
            Some(before) => Message::Changes(Delta::between(before, &now)),
            None => Message::Snapshot(Box::new(rest)),
        };
        self.rest = Some(now);
        Ok(message)
    }

    /// Whether this is the log that was sent: it has the last line that was sent. Lines have their
    /// time, so those of another rental differ.
    fn is_of(&self, log: &LogBuffer) -> bool {
        match &self.last_line {
            None => self.log_end == log.first_seq(),
            Some(last) => log.line(self.log_end.saturating_sub(1)) == Some(last),
        }
    }
}

/// The first replica, in the place of one that is gone.
fn existing<'a>(snapshot: &'a Snapshot, id: &ReplicaId) -> &'a ReplicaId {
    let replica = snapshot.replica(id);
    replica.map_or(&snapshot.replica, |replica| &replica.id)
}

fn log_of<'a>(snapshot: &'a Snapshot, replica: Option<&ReplicaId>) -> &'a LogBuffer {
    let replica = replica.and_then(|id| snapshot.replica(id));
    replica.map_or(&snapshot.boot_log, |replica| &replica.boot_log)
}

/// Absent before its pool's first search.
fn offers_of<'a>(
    snapshot: &'a Snapshot,
    replica: Option<&ReplicaId>,
) -> Option<&'a OffersSnapshot> {
    let replica = replica.unwrap_or(&snapshot.replica);
    snapshot.offers_at(&replica.pool)
}

fn part(log: &LogBuffer, from: u64, until: u64) -> Vec<LogLine> {
    let mut room = LOG_PART;
    let mut lines = Vec::new();
    for line in (from..until).map_while(|number| log.line(number)) {
        lines.push(line.clone());
        room = room.saturating_sub(line.bytes() + STYLE);
        if room == 0 {
            break;
        }
    }
    lines
}

/// Without the rows of the offers and the lines of the log; what else there is of them is of this
/// replica.
fn rest_of(snapshot: &Snapshot, replica: Option<&ReplicaId>) -> Snapshot {
    let live = log_of(snapshot, replica).live.clone();
    let mut offers = match offers_of(snapshot, replica) {
        Some(offers) => offers.clone(),
        None => OffersSnapshot::unread(snapshot.offers.avoided.clone()),
    };
    offers.rows = Arc::default();
    offers.rejected = Arc::default();
    let mut boot_log = LogBuffer::default();
    boot_log.live = live;
    Snapshot {
        offers,
        boot_log,
        ..snapshot.clone()
    }
}
