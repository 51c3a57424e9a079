//! The key table. Dispatch, footer, help, palette and README all read it.

mod action;
mod global;
mod guards;
mod key;
mod overlays;
mod overrides;
mod panes;
mod row;
pub mod search;

use std::fmt::Write as _;
use std::sync::LazyLock;

use crossterm::event::KeyEvent;

use super::model::{Model, Overlay, Role};
use super::pane::Pane;
pub use action::Action;
pub use key::Key;
pub use row::Binding;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Context {
    /// A dialog is open; exclusive.
    Dialog,
    /// A dialog that wants a typed word is open; exclusive.
    TypedDialog,
    /// The help is open; only scrolling of `Global` still works.
    Help,
    /// The alerts are open; only scrolling of `Global` still works.
    Alerts,
    /// The palette is open; exclusive.
    Palette,
    Offers,
    Boot,
    Nodes,
    History,
    /// A line is typed; exclusive.
    Prompt,
    Global,
}

impl Context {
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

    /// In the order of the help.
    pub const ALL: [Context; 11] = [
        Context::Global,
        Context::Offers,
        Context::Boot,
        Context::Nodes,
        Context::History,
        Context::Prompt,
        Context::Dialog,
        Context::TypedDialog,
        Context::Palette,
        Context::Alerts,
        Context::Help,
    ];

    fn default_rows(self) -> &'static [Binding] {
        match self {
            Context::Dialog => overlays::DIALOG,
            Context::TypedDialog => overlays::TYPED,
            Context::Help => overlays::HELP,
            Context::Alerts => overlays::ALERTS,
            Context::Palette => overlays::PALETTE,
            Context::Offers => panes::OFFERS,
            Context::Boot => panes::BOOT,
            Context::Nodes => panes::NODES,
            Context::History => panes::HISTORY,
            Context::Prompt => overlays::PROMPT,
            Context::Global => global::ROWS,
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

/// The table with the operator's keys.
#[derive(Debug)]
pub struct Keymap(Vec<(Context, Vec<Binding>)>);

impl Keymap {
    /// The table with the default keys.
    pub fn defaults() -> &'static Keymap {
        static DEFAULTS: LazyLock<Keymap> = LazyLock::new(|| {
            let rows = |context: Context| (context, context.default_rows().to_vec());
            Keymap(Context::ALL.into_iter().map(rows).collect())
        });
        &DEFAULTS
    }

    pub fn rows(&self, context: Context) -> &[Binding] {
        let found = self.0.iter().find(|(other, _)| *other == context);
        found.map(|(_, rows)| rows.as_slice()).unwrap_or_default()
    }

    pub fn bindings(&self) -> impl Iterator<Item = &Binding> {
        self.0.iter().flat_map(|(_, rows)| rows)
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
        contexts(model).iter().find_map(|context| {
            let mut rows = self.rows(*context).iter();
            rows.find(|row| row.keys.contains(&pressed))
                .filter(|row| is_reachable(model, row))
        })
    }

    /// The binding of an action now, whether enabled or not.
    pub fn lookup_action(&self, model: &Model, action: Action) -> Option<&Binding> {
        let mut rows = self.active_rows(model);
        rows.find(|row| row.action == action && is_reachable(model, row))
    }

    pub fn hints(&self, model: &Model) -> impl Iterator<Item = &Binding> {
        let rows = self.active_rows(model).filter(|row| !row.hint.is_empty());
        rows.filter(|row| disabled_reason(model, row).is_none() && is_reachable(model, row))
    }

    fn active_rows(&self, model: &Model) -> impl Iterator<Item = &Binding> {
        let contexts = contexts(model).iter();
        contexts.flat_map(|context| self.rows(*context))
    }
}

/// Contexts that apply now; the first match wins.
pub fn contexts(model: &Model) -> &'static [Context] {
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
        let keys: Vec<String> = binding
            .keys
            .iter()
            .map(|key| format!("`{}`", key.name()))
            .collect();
        let name = overrides::name(binding).map(|name| format!("`{name}`"));
        // Writing to a String cannot fail.
        let _ = writeln!(
            table,
            "| {} | {} | {} | {} |",
            binding.context.title(),
            keys.join(" "),
            binding.help,
            name.unwrap_or_default()
        );
    }
    table
}
