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
        self.passing().collect()
    }

    fn passing(&self) -> impl Iterator<Item = &FleetRow> {
        let words = Words::of(&self.filter);
        let all = self.groups.iter();
        let all = all.flat_map(|group| group.rows.iter().map(move |row| (group, row)));
        let passing = all.filter(move |(group, row)| words.are_in(|| fleet_text(group, row)));
        passing.map(|(_, row)| row)
    }

    /// The selected row with its place among those that are shown; the first one by default.
    pub fn selected_row(&self) -> Option<(usize, &FleetRow)> {
        let first = || self.passing().next().map(|row| (0, row));
        let Some(selected) = &self.selected else {
            return first();
        };
        let mut rows = self.passing().enumerate();
        rows.find(|(_, row)| row.key == *selected).or_else(first)
    }

    /// The row that the panes are about, while it lasts.
    pub fn opened_row(&self) -> Option<&FleetRow> {
        let mut rows = self.groups.iter().flat_map(|group| &group.rows);
        rows.find(|row| Some(&row.key) == self.opened.as_ref())
    }
}
