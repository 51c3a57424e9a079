//! A `PoC` Challenge of our node: nothing is released while one is open.

use super::note::Note;
use super::{Sprint, Step};
use crate::chain::challenge::{Sighting, sighting};
use crate::domain::{Challenge, EpochView, Time};

impl Sprint {
    /// The known challenge of our node, if any.
    pub fn challenge(&self) -> Option<Challenge> {
        self.volatile.challenge
    }

    /// A known challenge stays open while its end is uncertain.
    pub(super) fn look_for_challenge(&mut self, now: Time, view: &EpochView) {
        let held = matches!(
            self.step,
            Step::Proving | Step::Confirming | Step::Releasing
        );
        if !held || self.rental.is_none() {
            self.volatile.challenge = None;
            return;
        }
        let known = self.volatile.challenge;
        match sighting(now, view, self.volatile.duty) {
            Sighting::Open(seen) => {
                let open = Challenge {
                    seen_at: known.map_or(seen.seen_at, |known| known.seen_at),
                    ..seen
                };
                self.volatile.challenge = Some(open);
                self.volatile.note = Some(Note::Challenge(format!(
                    "every node with weight must generate until height {}, and the rental is held",
                    open.end
                )));
            }
            Sighting::None if known.is_some() => {
                self.volatile.challenge = None;
                let note = &mut self.volatile.note;
                note.take_if(|note| matches!(note, Note::Challenge(_)));
            }
            Sighting::None | Sighting::Unknown => {}
        }
    }
}
