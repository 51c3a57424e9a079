//! A row of the key table.

use super::guards::enabled;
use super::{Action, Context, Key};
use crate::tui::model::Model;
use crate::tui::pane::Pane;

/// Why an action is disabled now, if it is.
pub(super) type Guard = fn(&Model) -> Option<&'static str>;

#[derive(Debug, Clone)]
pub struct Binding {
    pub action: Action,
    pub keys: Vec<Key>,
    pub context: Context,
    /// The panes in which there is something for it to act on; empty for all.
    pub panes: &'static [Pane],
    /// Leads to something that costs money or cannot be undone; a dialog follows.
    pub danger: bool,
    pub help: &'static str,
    pub(super) guard: Guard,
}

/// A binding of these keys, whose names are separated by spaces; `table::rows` sets its context.
pub(super) fn bind(keys: &str, action: Action, help: &'static str) -> Binding {
    let binding = Binding {
        action,
        keys: keys.split(' ').filter_map(Key::named).collect(),
        context: Context::Panes,
        panes: &[],
        danger: false,
        help,
        guard: enabled,
    };
    debug_assert_eq!(binding.key_names(), keys, "unknown key");
    binding
}

impl Binding {
    /// It acts in these panes only.
    pub(super) fn only_in(self, panes: &'static [Pane]) -> Binding {
        Binding { panes, ..self }
    }

    pub(super) fn danger(self) -> Binding {
        Binding {
            danger: true,
            ..self
        }
    }

    pub(super) fn guard(self, guard: Guard) -> Binding {
        Binding { guard, ..self }
    }

    pub fn acts_in(&self, pane: Pane) -> bool {
        self.panes.is_empty() || self.panes.contains(&pane)
    }

    /// Where it acts, for tables.
    pub fn place(&self) -> String {
        if self.panes.is_empty() {
            return self.context.title().to_owned();
        }
        let titles: Vec<&str> = self.panes.iter().map(|pane| pane.title()).collect();
        titles.join(", ")
    }

    /// Names of all keys, separated by spaces.
    pub fn key_names(&self) -> String {
        let names: Vec<String> = self.keys.iter().map(|key| key.name()).collect();
        names.join(" ")
    }
}
