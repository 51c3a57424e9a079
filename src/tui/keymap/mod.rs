//! The key table. Dispatch, footer, help, palette and README all read it.

mod action;
mod footer;
mod guards;
mod key;
mod overrides;
mod renamed;
mod row;
pub mod search;
mod table;

use std::borrow::Cow;
use std::fmt::Write as _;
use std::sync::LazyLock;

use crossterm::event::KeyEvent;
use strum::VariantArray as _;

use super::model::{Model, Overlay, Role};
use super::offers::OfferList;
use super::pane::Pane;
pub use action::Action;
pub use footer::{Footer, Hint, asked};
pub use key::Key;
pub use row::Binding;

/// In the order of the help.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, strum::VariantArray)]
pub enum Context {
    /// Nothing else is open.
    Panes,
    /// A line is typed; exclusive.
    Prompt,
    /// A dialog is open; exclusive.
    Dialog,
    /// A dialog that wants a typed word is open; exclusive.
    TypedDialog,
    /// The palette is open; exclusive.
    Palette,
    /// Help, alerts or details are open; only scrolling of `Panes` still works.
    Overlay,
}

impl Context {
    pub const ALL: &[Context] = Context::VARIANTS;

    pub fn title(self) -> &'static str {
        match self {
            Context::Panes => "Everywhere",
            Context::Prompt => "In a prompt",
            Context::Dialog => "In a dialog",
            Context::TypedDialog => "In a dialog that asks for a word",
            Context::Palette => "In the palette",
            Context::Overlay => "In help, alerts and details",
        }
    }
}

/// The table with the operator's keys, by context.
#[derive(Debug, Clone)]
pub struct Keymap(Vec<Binding>);

/// What a key that was pressed stands for.
#[derive(Debug, Clone)]
pub struct Pressed<'a> {
    pub binding: &'a Binding,
    /// The key of a former version stands for it too: its name, and that of the key to use now.
    pub renamed: Option<[String; 2]>,
}

impl Keymap {
    /// The table with the default keys.
    pub fn defaults() -> &'static Keymap {
        static DEFAULTS: LazyLock<Keymap> = LazyLock::new(|| {
            let rows = Context::ALL.iter().flat_map(|it| table::rows(*it));
            Keymap(rows.collect())
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

    /// What a key stands for now, whether enabled or not.
    pub fn lookup(&self, model: &Model, event: KeyEvent) -> Option<Pressed<'_>> {
        let key = Key::pressed(event)?;
        let bound = self.reachable(model).find(|row| row.keys.contains(&key));
        let acts = bound.is_some_and(|row| row.acts_in(model.focus));
        let former = renamed::action_of_key(model, key).filter(|_| !acts);
        if let Some(row) = former.and_then(|action| self.lookup_action(model, action)) {
            let now = row.keys.first().map(|now| [key.name(), now.name()]);
            return Some(Pressed {
                binding: row,
                renamed: now,
            });
        }
        bound.map(|binding| Pressed {
            binding,
            renamed: None,
        })
    }

    /// The binding of an action now, whether enabled or not.
    pub fn lookup_action(&self, model: &Model, action: Action) -> Option<&Binding> {
        self.reachable(model).find(|row| row.action == action)
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
        Some(Overlay::Palette(_)) => &[Context::Palette],
        Some(_) => &[Context::Overlay, Context::Panes],
        None => &[Context::Panes],
    }
}

/// Behind an overlay, keys of the panes only scroll it, filter it, close it or serve the terminal: nothing
/// starts unseen.
fn is_reachable(model: &Model, binding: &Binding) -> bool {
    if binding.context != Context::Panes || model.dialog.is_some() {
        return true;
    }
    let serves_overlay = matches!(
        (&model.overlay, binding.action),
        (None, _)
            | (_, Action::Redraw | Action::Suspend)
            | (Some(Overlay::Help(_)), Action::Help | Action::Filter)
            | (Some(Overlay::Alerts { .. }), Action::Alerts)
            | (Some(Overlay::Details { .. }), Action::Details)
    );
    serves_overlay || binding.action.is_navigation()
}

/// Why a binding does nothing now, if so.
pub fn disabled_reason(model: &Model, binding: &Binding) -> Option<Cow<'static, str>> {
    let filters_help =
        binding.action == Action::Filter && matches!(model.overlay, Some(Overlay::Help(_)));
    if !binding.acts_in(model.focus) && !filters_help {
        return Some(only_in(binding.panes).into());
    }
    if matches!(model.role, Role::Orphaned { .. }) && sends_command(model, binding) {
        return Some("the main cockpit has exited: commands have no effect".into());
    }
    (binding.guard)(model).map(Cow::Borrowed)
}

fn sends_command(model: &Model, binding: &Binding) -> bool {
    binding.action.sends_command() || (binding.action == Action::Open && rents(model))
}

/// What the key that opens a row opens here is a rental.
pub fn rents(model: &Model) -> bool {
    model.focus == Pane::Offers && model.offers.list == OfferList::Usable
}

/// `only in 3 Offers or 5 Nodes`
fn only_in(panes: &[Pane]) -> String {
    let names = panes.iter().map(|pane| pane.name());
    let names: Vec<String> = names.collect();
    match names.split_last() {
        Some((last, [])) => format!("only in {last}"),
        Some((last, rest)) => format!("only in {} or {last}", rest.join(", ")),
        None => String::new(),
    }
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
            binding.place(),
            keys.join(" "),
            binding.help,
            overrides::name(binding).map(quoted).unwrap_or_default()
        );
    }
    table
}
