//! The key table. Dispatch, footer, help, palette and README all read it.

mod action;
mod guards;
mod key;
mod overrides;
mod row;
pub mod search;
mod table;

use std::fmt::Write as _;
use std::sync::LazyLock;

use crossterm::event::KeyEvent;
use strum::VariantArray as _;

use super::model::{Model, Overlay, Role};
use super::pane::Pane;
pub use action::Action;
pub use key::Key;
pub use row::Binding;

/// In the order of the help.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, strum::VariantArray)]
pub enum Context {
    Global,
    Offers,
    Boot,
    Nodes,
    History,
    /// A line is typed; exclusive.
    Prompt,
    /// A dialog is open; exclusive.
    Dialog,
    /// A dialog that wants a typed word is open; exclusive.
    TypedDialog,
    /// The palette is open; exclusive.
    Palette,
    /// The alerts are open; only scrolling of `Global` still works.
    Alerts,
    /// The help is open; only scrolling of `Global` still works.
    Help,
}

impl Context {
    pub const ALL: &[Context] = Context::VARIANTS;

    pub fn title(self) -> &'static str {
        match self {
            Context::Dialog => "In a dialog",
            Context::TypedDialog => "In a dialog that asks for a word",
            Context::Help => "In the help",
            Context::Alerts => "In the alerts",
            Context::Palette => "In the palette",
            Context::Offers => "In the offers",
            Context::Boot => "In the boot log",
            Context::Nodes => "In the registrations",
            Context::History => "In the history",
            Context::Prompt => "In a prompt",
            Context::Global => "Everywhere",
        }
    }

    /// The pane that must have the focus.
    pub fn pane(self) -> Option<Pane> {
        match self {
            Context::Offers => Some(Pane::Offers),
            Context::Boot => Some(Pane::Boot),
            Context::Nodes => Some(Pane::Nodes),
            Context::History => Some(Pane::History),
            _ => None,
        }
    }
}

/// The table with the operator's keys, by context.
#[derive(Debug, Clone)]
pub struct Keymap(Vec<Binding>);

impl Keymap {
    /// The table with the default keys.
    pub fn defaults() -> &'static Keymap {
        static DEFAULTS: LazyLock<Keymap> = LazyLock::new(|| {
            Keymap(
                Context::ALL
                    .iter()
                    .flat_map(|it| table::rows(*it))
                    .collect(),
            )
        });
        &DEFAULTS
    }

    pub fn bindings(&self) -> impl Iterator<Item = &Binding> {
        self.0.iter()
    }

    pub fn rows(&self, context: Context) -> impl Iterator<Item = &Binding> {
        self.bindings().filter(move |row| row.context == context)
    }

    /// Name of the first key of an action.
    pub fn key_of(&self, action: Action) -> String {
        let row = self.bindings().find(|row| row.action == action);
        let key = row.and_then(|row| row.keys.first());
        key.map(|key| key.name()).unwrap_or_default()
    }

    /// The binding of a key now, whether enabled or not.
    pub fn lookup(&self, model: &Model, event: KeyEvent) -> Option<&Binding> {
        let pressed = Key::pressed(event)?;
        let bound = contexts(model).iter().find_map(|context| {
            self.rows(*context)
                .find(|row| row.keys.contains(&pressed))
                .filter(|row| is_reachable(model, row))
        })?;
        // Where a pane has nothing to go back from, the same key leaves the pane.
        let leaves = |row: &&Binding| row.action == Action::Back && row.keys.contains(&pressed);
        let idle = disabled_reason(model, bound).is_some();
        let back = self.reachable(model).find(leaves).filter(|_| idle);
        back.or(Some(bound))
    }

    /// The binding of an action now, whether enabled or not.
    pub fn lookup_action(&self, model: &Model, action: Action) -> Option<&Binding> {
        self.reachable(model).find(|row| row.action == action)
    }

    /// The enabled bindings for the footer.
    pub fn hints(&self, model: &Model) -> impl Iterator<Item = &Binding> {
        self.reachable(model)
            .filter(|row| !row.hint.is_empty() && disabled_reason(model, row).is_none())
    }

    fn reachable(&self, model: &Model) -> impl Iterator<Item = &Binding> {
        let rows = contexts(model).iter().flat_map(|it| self.rows(*it));
        rows.filter(move |row| is_reachable(model, row))
    }
}

/// Contexts that apply now; the first match wins.
fn contexts(model: &Model) -> &'static [Context] {
    if model.dialog.is_some() {
        return match model.confirmation_word() {
            Some(_) => &[Context::TypedDialog],
            None => &[Context::Dialog],
        };
    }
    if model.prompt.is_some() {
        return &[Context::Prompt];
    }
    match &model.overlay {
        Some(Overlay::Help { .. }) => return &[Context::Help, Context::Global],
        Some(Overlay::Alerts { .. }) => return &[Context::Alerts, Context::Global],
        Some(Overlay::Palette(_)) => return &[Context::Palette],
        None => {}
    }
    match model.focus {
        Pane::Offers => &[Context::Offers, Context::Global],
        Pane::Boot => &[Context::Boot, Context::Global],
        Pane::Nodes => &[Context::Nodes, Context::Global],
        Pane::History => &[Context::History, Context::Global],
        _ => &[Context::Global],
    }
}

/// Behind an overlay, global keys only scroll it or serve the terminal: nothing starts unseen.
fn is_reachable(model: &Model, binding: &Binding) -> bool {
    let is_terminal = matches!(binding.action, Action::Redraw | Action::Suspend);
    let is_behind = model.overlay.is_some() && model.dialog.is_none();
    !is_behind
        || binding.context != Context::Global
        || binding.action.is_navigation()
        || is_terminal
}

/// Why a binding does nothing now, if so.
pub fn disabled_reason(model: &Model, binding: &Binding) -> Option<&'static str> {
    if matches!(model.role, Role::Orphaned { .. }) && binding.action.sends_command() {
        return Some("the main cockpit has exited: commands have no effect");
    }
    (binding.guard)(model)
}

/// The table as Markdown, for the README.
pub fn markdown_table() -> String {
    let mut table =
        String::from("| where | keys | what | in `cockpit.keys` |\n| --- | --- | --- | --- |\n");
    for binding in Keymap::defaults().bindings() {
        let quoted = |name| format!("`{name}`");
        let keys: Vec<String> = binding.keys.iter().map(|key| quoted(key.name())).collect();
        // Writing to a String cannot fail.
        let _ = writeln!(
            table,
            "| {} | {} | {} | {} |",
            binding.context.title(),
            keys.join(" "),
            binding.help,
            overrides::name(binding).map(quoted).unwrap_or_default()
        );
    }
    table
}
