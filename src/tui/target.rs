//! What a frame shows where, so that a click means what was seen under the pointer.

use ratatui::layout::{Position, Rect};

use crate::domain::{NodeId, OfferId};

use super::keymap::Action;
use super::model::Pane;

/// Something that can be clicked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// A pane, or its tab.
    Pane(Pane),
    /// A usable offer.
    Offer(OfferId),
    /// The machine at this place among those that are avoided.
    Avoided(usize),
    /// A registration.
    Node(NodeId),
    /// The sprint at this place among the past ones, the newest first.
    Past(usize),
    /// What a key does: the footer's hints, a question's answers, the line of alerts.
    Do(Action),
}

/// The targets of one frame, what lies on top last.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Targets(Vec<(Rect, Target)>);

impl Targets {
    /// Says that this is there.
    pub fn put(&mut self, area: Rect, target: Target) {
        self.0.push((area, target));
    }

    /// A row of an area, counted from its top; none where it does not reach.
    pub fn put_row(&mut self, area: Rect, row: usize, target: Target) {
        let offset = u16::try_from(row).unwrap_or(u16::MAX);
        if offset < area.height {
            self.put(Rect::new(area.x, area.y + offset, area.width, 1), target);
        }
    }

    /// What lies on top there.
    pub fn at(&self, place: Position) -> Option<&Target> {
        let mut targets = self.0.iter().rev();
        let found = targets.find(|(area, _)| area.contains(place));
        found.map(|(_, target)| target)
    }

    /// The pane there, whatever lies on it.
    pub fn pane_at(&self, place: Position) -> Option<Pane> {
        self.0.iter().rev().find_map(|(area, target)| match target {
            Target::Pane(pane) if area.contains(place) => Some(*pane),
            _ => None,
        })
    }
}
