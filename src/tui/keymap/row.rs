//! A row of the key table.

use std::borrow::Cow;

use super::guards::enabled;
use super::{Action, Context, Key};
use crate::tui::model::Model;

/// Why an action is disabled now, if it is.
pub(super) type Guard = fn(&Model) -> Option<&'static str>;

#[derive(Debug, Clone)]
pub struct Binding {
    pub action: Action,
    pub keys: Cow<'static, [Key]>,
    pub context: Context,
    /// Leads to something that costs money or cannot be undone; a dialog follows.
    pub danger: bool,
    /// Short word for the footer; empty keeps it out.
    pub hint: &'static str,
    pub help: &'static str,
    pub(super) guard: Guard,
}

pub(super) const fn row(
    context: Context,
    action: Action,
    keys: &'static [Key],
    hint: &'static str,
    help: &'static str,
) -> Binding {
    Binding {
        action,
        keys: Cow::Borrowed(keys),
        context,
        danger: false,
        hint,
        help,
        guard: enabled,
    }
}

impl Binding {
    #[must_use]
    pub(super) const fn danger(mut self) -> Binding {
        self.danger = true;
        self
    }

    #[must_use]
    pub(super) const fn guard(mut self, guard: Guard) -> Binding {
        self.guard = guard;
        self
    }

    /// Names of all keys, separated by spaces.
    pub fn key_names(&self) -> String {
        let names: Vec<String> = self.keys.iter().map(|key| key.name()).collect();
        names.join(" ")
    }
}
