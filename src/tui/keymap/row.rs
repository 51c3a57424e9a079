//! A row of the table, and how it is written.

use super::blocked::never;
use super::{Action, Context, Key};
use crate::tui::model::Model;

/// A row of the table.
#[derive(Debug, Clone, Copy)]
pub struct Binding {
    /// What it does.
    pub action: Action,
    /// The keys that do it.
    pub keys: &'static [Key],
    /// Where.
    pub context: Context,
    /// It leads to something that costs money or cannot be undone: a question follows.
    pub danger: bool,
    /// Short word for the footer; empty keeps it out.
    pub hint: &'static str,
    /// A sentence for the help.
    pub help: &'static str,
    /// Why it does nothing now, if so.
    pub blocked: fn(&Model) -> Option<&'static str>,
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
        keys,
        context,
        danger: false,
        hint,
        help,
        blocked: never,
    }
}

impl Binding {
    pub(super) const fn danger(mut self) -> Binding {
        self.danger = true;
        self
    }

    pub(super) const fn unless(mut self, blocked: fn(&Model) -> Option<&'static str>) -> Binding {
        self.blocked = blocked;
        self
    }

    /// Names of its keys.
    pub fn key_names(&self) -> String {
        let names: Vec<String> = self.keys.iter().map(|key| key.name()).collect();
        names.join(" ")
    }
}
