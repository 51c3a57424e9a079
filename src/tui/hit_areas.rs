//! What a frame shows where, so that a click hits what was under the pointer.

use ratatui::layout::{Position, Rect};

use super::fleet::FleetKey;
use super::keymap::Action;
use super::offers::Column;
use super::pane::Pane;
use crate::domain::{NodeId, OfferId};

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HitTarget {
    /// A pane, its tab, or a step that it is about.
    Pane(Pane),
    /// A usable offer.
    Offer(OfferId),
    /// Index of an offer that is out.
    Rejected(usize),
    /// Index of an avoided machine.
    Avoided(usize),
    Node(NodeId),
    /// A row of the fleet.
    Fleet(FleetKey),
    /// Index of a past sprint, newest first.
    Past(usize),
    /// The heading of a column.
    Sort(Column),
    /// A footer hint, a dialog's answer or the alert line.
    Action(Action),
}

/// Clickable areas of one frame, topmost last.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HitAreas(Vec<(Rect, HitTarget)>);

impl HitAreas {
    pub fn add(&mut self, area: Rect, target: HitTarget) {
        self.0.push((area, target));
    }

    /// Adds one row of an area, if the area has it.
    pub fn add_row(&mut self, area: Rect, row: usize, target: HitTarget) {
        let offset = u16::try_from(row).unwrap_or(u16::MAX);
        if offset < area.height {
            self.add(Rect::new(area.x, area.y + offset, area.width, 1), target);
        }
    }

    /// The topmost target.
    pub fn at(&self, position: Position) -> Option<&HitTarget> {
        let mut targets = self.0.iter().rev();
        let hit = targets.find(|(area, _)| area.contains(position));
        hit.map(|(_, target)| target)
    }

    /// The pane, whatever lies on top of it.
    pub fn pane_at(&self, position: Position) -> Option<Pane> {
        self.0.iter().rev().find_map(|(area, target)| match target {
            HitTarget::Pane(pane) if area.contains(position) => Some(*pane),
            _ => None,
        })
    }
}
