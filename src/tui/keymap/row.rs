//! A row of the key table.

use super::guards::enabled;
use super::{Action, Context, Key};
use crate::tui::model::Model;

/// Why an action is disabled now, if it is.
pub(super) type Guard = fn(&Model) -> Option<&'static str>;

#[derive(Debug, Clone)]
pub struct Binding {
    pub action: Action,
    pub keys: Vec<Key>,
    pub context: Context,
    /// Leads to something that costs money or cannot be undone; a dialog follows.
    pub danger: bool,
    /// Short word for the footer; empty keeps it out.
    pub hint: &'static str,
    pub help: &'static str,
    pub(super) guard: Guard,
}

/// A binding of these keys, whose names are separated by spaces; `table::rows` sets its context.
pub(super) fn bind(keys: &str, action: Action, hint: &'static str) -> Binding {
    let binding = Binding {
        action,
        keys: keys.split(' ').filter_map(Key::named).collect(),
        context: Context::Global,
        danger: false,
        hint,
        help: "",
        guard: enabled,
    };
    debug_assert_eq!(binding.key_names(), keys, "unknown key");
    binding
}

impl Binding {
    pub(super) fn help(self, help: &'static str) -> Binding {
        Binding { help, ..self }
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

    /// Names of all keys, separated by spaces.
    pub fn key_names(&self) -> String {
        let names: Vec<String> = self.keys.iter().map(|key| key.name()).collect();
        names.join(" ")
    }
}
