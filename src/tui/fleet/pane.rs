//! The operator's view of the fleet: what is filtered, selected and opened.

use std::rc::Rc;

use super::{FleetGroup, FleetKey, FleetRow};
use crate::tui::filter::{Words, fleet_text};

#[derive(Debug, Clone, Default)]
pub struct FleetPane {
    /// By Network Node, as of the newest snapshot.
    pub groups: Vec<FleetGroup>,
    /// Only rows with these words; empty for all.
    pub filter: String,
    pub selected: Option<FleetKey>,
    /// Where the selected row was when it was selected: looked at before all others.
    place: usize,
    /// The row that the panes are about: `Esc` goes back to it.
    pub opened: Option<FleetKey>,
}

impl FleetPane {
    /// Every Network Node, each before its rows that pass the filter.
    pub fn lines(&self) -> impl Iterator<Item = (&FleetGroup, Option<&FleetRow>)> {
        let words = Rc::new(Words::of(&self.filter));
        self.groups.iter().flat_map(move |group| {
            let words = words.clone();
            let rows = group.rows.iter();
            let rows = rows.filter(move |row| words.are_in(|| fleet_text(group, row)));
            let rows = rows.map(move |row| (group, Some(row)));
            std::iter::once((group, None)).chain(rows)
        })
    }

    /// How many rows pass the filter.
    pub fn count(&self) -> usize {
        if self.filter.is_empty() {
            return self.all();
        }
        self.passing().count()
    }

    /// How many rows there are, whatever the filter.
    pub fn all(&self) -> usize {
        self.groups.iter().map(|group| group.rows.len()).sum()
    }

    /// The row at a place among those that pass the filter.
    fn row(&self, place: usize) -> Option<&FleetRow> {
        if !self.filter.is_empty() {
            return self.passing().nth(place);
        }
        let mut before = 0;
        self.groups.iter().find_map(|group| {
            let row = group.rows.get(place - before);
            before += group.rows.len();
            row
        })
    }

    /// Selects the row at a place among those that pass the filter.
    pub fn select(&mut self, place: usize) {
        self.selected = self.row(place).map(|row| row.key.clone());
        self.place = place;
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
        // A frame asks several times, and seldom has it moved.
        let there = self.row(self.place).filter(|row| row.key == *selected);
        if let Some(row) = there {
            return Some((self.place, row));
        }
        let mut rows = self.passing().enumerate();
        rows.find(|(_, row)| row.key == *selected).or_else(first)
    }

    /// The row that the panes are about, while it lasts.
    pub fn opened_row(&self) -> Option<&FleetRow> {
        let mut rows = self.groups.iter().flat_map(|group| &group.rows);
        rows.find(|row| Some(&row.key) == self.opened.as_ref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{NetworkNodeName, NodeId, Step};
    use crate::tui::fleet::Stage;

    fn group(names: &[&str]) -> FleetGroup {
        let row = |name: &&str| {
            let id = NodeId((*name).to_owned());
            let key = FleetKey::Node(NetworkNodeName::default(), id);
            FleetRow::new(key, (*name).to_owned(), Stage::Step(Step::Booting))
        };
        FleetGroup {
            name: String::new(),
            participant: None,
            read_at: None,
            trouble: None,
            rows: names.iter().map(row).collect(),
        }
    }

    fn selected(fleet: &FleetPane) -> Option<(usize, &str)> {
        let row = fleet.selected_row();
        row.map(|(place, row)| (place, row.name.as_str()))
    }

    #[test]
    fn places_count_over_groups_and_over_what_passes_the_filter() {
        // Given three groups, one of them empty,
        let mut fleet = FleetPane {
            groups: vec![group(&["a-1", "b-1"]), group(&[]), group(&["a-2"])],
            ..FleetPane::default()
        };
        // when the last row is selected, then it is the third one,
        fleet.select(2);
        assert_eq!((selected(&fleet), fleet.count()), (Some((2, "a-2")), 3));
        // and the second one of those that pass a filter,
        "a-".clone_into(&mut fleet.filter);
        assert_eq!((selected(&fleet), fleet.count()), (Some((1, "a-2")), 2));
        fleet.select(1);
        assert_eq!(selected(&fleet), Some((1, "a-2")));
        // and every group has its line.
        assert_eq!(fleet.lines().count(), 3 + 2);
    }

    #[test]
    fn selected_row_is_found_where_it_has_moved() {
        // Given a selected row,
        let mut fleet = FleetPane {
            groups: vec![group(&["a", "b", "c"])],
            ..FleetPane::default()
        };
        fleet.select(2);
        // when it becomes the first one, then it is still the selected one,
        fleet.groups = vec![group(&["c", "a", "b"])];
        assert_eq!(selected(&fleet), Some((0, "c")));
        // and when it is gone, the first one is.
        fleet.groups = vec![group(&["a", "b"])];
        assert_eq!(selected(&fleet), Some((0, "a")));
    }
}
