//! The operator's view of the fleet: what is filtered, selected and opened.

use super::{FleetGroup, FleetKey, FleetRow};
use crate::tui::filter::{Words, fleet_text};

#[derive(Debug, Clone, Default)]
pub struct FleetPane {
    /// By Network Node, as of the newest snapshot.
    pub groups: Vec<FleetGroup>,
    /// Only rows with these words; empty for all.
    pub filter: String,
    pub selected: Option<FleetKey>,
    /// The row that the panes are about: `Esc` goes back to it.
    pub opened: Option<FleetKey>,
}

impl FleetPane {
    /// Every Network Node with its rows that pass the filter.
    pub fn shown(&self) -> Vec<(&FleetGroup, Vec<&FleetRow>)> {
        let words = Words::of(&self.filter);
        let mut shown = Vec::new();
        for group in &self.groups {
            let rows = group.rows.iter();
            let rows = rows.filter(|row| words.are_in(|| fleet_text(group, row)));
            shown.push((group, rows.collect()));
        }
        shown
    }

    /// The rows that pass the filter.
    pub fn rows(&self) -> Vec<&FleetRow> {
        self.shown()
            .into_iter()
            .flat_map(|(_, rows)| rows)
            .collect()
    }

    /// The selected row with its place among those that are shown; the first one by default.
    pub fn selected_row(&self) -> Option<(usize, &FleetRow)> {
        let rows = self.rows();
        let is_selected = |row: &&FleetRow| Some(&row.key) == self.selected.as_ref();
        let place = rows.iter().position(is_selected).unwrap_or(0);
        Some((place, rows.get(place).copied()?))
    }

    /// The row that the panes are about, while it lasts.
    pub fn opened_row(&self) -> Option<&FleetRow> {
        let mut rows = self.groups.iter().flat_map(|group| &group.rows);
        rows.find(|row| Some(&row.key) == self.opened.as_ref())
    }
}
