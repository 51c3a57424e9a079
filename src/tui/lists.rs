//! The rows of the lists that pass their filters, and the selected one of each.

use super::filter::{Words, avoided_text, node_text, past_text, rejected_text};
use super::model::Model;
use super::offers::OffersPane;
use super::pane::Pane;
use crate::domain::AvoidedMachine;
use crate::engine::{NodeRow, PastSprintRow, RejectedOffer};

impl Model {
    /// The avoided machines that pass the filter.
    pub fn shown_avoided(&self) -> Vec<&AvoidedMachine> {
        let words = Words::of(&self.offers.filter);
        let all = self.snapshot.offers.avoided.iter();
        all.filter(|avoided| words.are_in(|| avoided_text(avoided)))
            .collect()
    }

    pub fn selected_avoided(&self) -> Option<&AvoidedMachine> {
        selected(&self.shown_avoided(), self.offers.avoided_index)
    }

    /// The offers that are out and pass the filter.
    pub fn shown_rejected(&self) -> Vec<&RejectedOffer> {
        let words = Words::of(&self.offers.filter);
        let all = self.snapshot.offers.rejected.iter();
        all.filter(|out| words.are_in(|| rejected_text(out)))
            .collect()
    }

    pub fn selected_rejected(&self) -> Option<&RejectedOffer> {
        selected(&self.shown_rejected(), self.offers.rejected_index)
    }

    /// The registrations that pass the filter, ours first.
    pub fn shown_nodes(&self) -> Vec<&NodeRow> {
        let words = Words::of(&self.node_filter);
        let all = self.snapshot.nodes.rows.iter();
        let mut rows: Vec<&NodeRow> = all.filter(|row| words.are_in(|| node_text(row))).collect();
        rows.sort_by_key(|row| row.owner);
        rows
    }

    /// The selected node with its place among those that are shown; the first one by default.
    pub fn selected_node(&self) -> Option<(usize, &NodeRow)> {
        let rows = self.shown_nodes();
        let is_selected = |row: &&NodeRow| Some(&row.node.config.id) == self.selected_node.as_ref();
        let index = rows.iter().position(is_selected).unwrap_or(0);
        Some((index, rows.get(index).copied()?))
    }

    /// The past sprints that pass the filter, newest first.
    pub fn shown_history(&self) -> Vec<&PastSprintRow> {
        let words = Words::of(&self.history_filter);
        let all = self.snapshot.history.iter().rev();
        all.filter(|row| words.are_in(|| past_text(row))).collect()
    }

    pub fn selected_past(&self) -> Option<&PastSprintRow> {
        selected(&self.shown_history(), self.history_index)
    }

    /// How many columns of the focused table are scrolled away, and how many can be.
    pub fn scrolled_columns(&self) -> Option<(usize, usize)> {
        match self.focus {
            Pane::Offers => Some((self.offers.first_column, OffersPane::LAST_COLUMN)),
            Pane::Nodes => Some((self.node_columns.away, self.node_columns.most)),
            Pane::History => Some((self.history_columns.away, self.history_columns.most)),
            _ => None,
        }
    }

    pub fn scrolled_columns_mut(&mut self) -> Option<(&mut usize, usize)> {
        let (_, last) = self.scrolled_columns()?;
        let column = match self.focus {
            Pane::Offers => &mut self.offers.first_column,
            Pane::Nodes => &mut self.node_columns.away,
            _ => &mut self.history_columns.away,
        };
        Some((column, last))
    }
}

/// The row of an index, or the last one.
fn selected<'a, T>(rows: &[&'a T], index: usize) -> Option<&'a T> {
    rows.get(index).or(rows.last()).copied()
}
