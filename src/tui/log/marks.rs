//! Rows between the lines of a log that say what happened then. They are neither saved nor copied.

use crate::domain::{InstanceId, Step, Time};
use crate::engine::{LinkSnapshot, RentalSnapshot, Snapshot, SprintSnapshot};

/// Changes of the link that are remembered.
const LINK_CHANGES: usize = 100;

/// What happened at a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    pub at: Time,
    pub name: String,
}

impl Mark {
    fn new(at: Time, name: impl Into<String>) -> Mark {
        Mark {
            at,
            name: name.into(),
        }
    }
}

/// What has happened to a rental: what its snapshots say, and what their sequence shows.
#[derive(Debug, Clone, Default)]
pub struct RentalMarks {
    rental: Option<InstanceId>,
    is_linked: bool,
    links: Vec<Mark>,
    /// Its log stays on the screen when it is gone.
    last: Vec<Mark>,
}

impl RentalMarks {
    /// The marks of what is or was rented, in order. `poc_began` is the start of its `PoC`, if it has begun.
    pub fn of(&mut self, snapshot: &Snapshot, poc_began: Option<Time>) -> Vec<Mark> {
        if let Some(rental) = &snapshot.rental {
            self.follow_link(rental, snapshot.at);
            self.last = self.all(rental, &snapshot.sprint, poc_began);
        }
        self.last.clone()
    }

    fn all(
        &self,
        rental: &RentalSnapshot,
        sprint: &SprintSnapshot,
        poc_began: Option<Time>,
    ) -> Vec<Mark> {
        let stages = rental.boot.started.iter();
        let mut marks: Vec<Mark> = stages
            .map(|(stage, at)| Mark::new(*at, stage.to_string()))
            .collect();
        let mut spans = sprint.spans.iter();
        let registered = spans.find(|span| span.step == Step::Registering);
        marks.extend(registered.and_then(|span| Some(Mark::new(span.ended?, "registered"))));
        let poc = sprint.epoch.zip(poc_began);
        let poc = poc.map(|(epoch, at)| Mark::new(at, format!("PoC {epoch}")));
        marks.extend(poc.filter(|mark| mark.at >= rental.rented_at));
        marks.extend(self.links.iter().cloned());
        marks.sort_by_key(|mark| mark.at);
        marks
    }

    fn follow_link(&mut self, rental: &RentalSnapshot, now: Time) {
        if self.rental != Some(rental.id) {
            *self = RentalMarks {
                rental: Some(rental.id),
                ..RentalMarks::default()
            };
        }
        let up_since = match rental.link {
            LinkSnapshot::Up { since, .. } => Some(since),
            LinkSnapshot::None | LinkSnapshot::Connecting { .. } => None,
        };
        // A link that is closed for the release is not lost.
        let change = match (self.is_linked, up_since) {
            (true, None) if !rental.releasing => Some(Mark::new(now, "link lost")),
            (false, Some(since)) if !self.links.is_empty() => Some(Mark::new(since, "link back")),
            _ => None,
        };
        self.is_linked = up_since.is_some();
        self.links.extend(change);
        let excess = self.links.len().saturating_sub(LINK_CHANGES);
        self.links.drain(..excess);
    }
}
