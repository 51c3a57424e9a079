//! The one table of keys: dispatch, footer, help, palette and README all read it, so help cannot lie.

mod action;
mod blocked;
mod everywhere;
mod key;
mod overlays;
mod own;
mod panes;
mod row;

use std::fmt::Write as _;
use std::sync::LazyLock;

use crossterm::event::KeyEvent;

use super::model::{Model, Overlay, Pane, Role};
pub use action::Action;
pub use key::Key;
pub use row::Binding;

/// Where a key counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Context {
    /// A question is open; nothing else counts then.
    Dialog,
    /// A question is open that is answered by a word; nothing else counts then.
    Typed,
    /// The help is open; nothing else counts then, except moving.
    Help,
    /// The alerts are open; nothing else counts then, except moving.
    Alerts,
    /// The palette is open; nothing else counts then.
    Palette,
    /// The offers have the focus.
    Offers,
    /// The boot log has the focus.
    Boot,
    /// The registrations have the focus.
    Nodes,
    /// The past sprints have the focus.
    History,
    /// A line is typed; nothing else counts then.
    Prompt,
    /// Everywhere else.
    Global,
}

impl Context {
    /// The context's heading in the help.
    pub fn title(self) -> &'static str {
        match self {
            Context::Dialog => "In a dialog",
            Context::Typed => "In a dialog that asks for a word",
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

    /// Every context, in the order of the help.
    pub const ALL: [Context; 11] = [
        Context::Global,
        Context::Offers,
        Context::Boot,
        Context::Nodes,
        Context::History,
        Context::Prompt,
        Context::Dialog,
        Context::Typed,
        Context::Palette,
        Context::Alerts,
        Context::Help,
    ];

    /// Its rows, with the usual keys.
    fn usual(self) -> &'static [Binding] {
        match self {
            Context::Dialog => overlays::DIALOG,
            Context::Typed => overlays::TYPED,
            Context::Help => overlays::HELP,
            Context::Alerts => overlays::ALERTS,
            Context::Palette => overlays::PALETTE,
            Context::Offers => panes::OFFERS,
            Context::Boot => panes::BOOT,
            Context::Nodes => panes::NODES,
            Context::History => panes::HISTORY,
            Context::Prompt => overlays::PROMPT,
            Context::Global => everywhere::ROWS,
        }
    }

    /// The pane whose focus it is.
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

/// The table with the keys that the operator wants.
#[derive(Debug)]
pub struct Keymap(Vec<(Context, Vec<Binding>)>);

impl Keymap {
    /// The table with the usual keys.
    pub fn usual() -> &'static Keymap {
        static USUAL: LazyLock<Keymap> = LazyLock::new(|| {
            let rows = |context: Context| (context, context.usual().to_vec());
            Keymap(Context::ALL.into_iter().map(rows).collect())
        });
        &USUAL
    }

    /// The rows of a context.
    pub fn rows(&self, context: Context) -> &[Binding] {
        let found = self.0.iter().find(|(known, _)| *known == context);
        found.map(|(_, rows)| rows.as_slice()).unwrap_or_default()
    }

    /// Every row.
    pub fn bindings(&self) -> impl Iterator<Item = &Binding> {
        self.0.iter().flat_map(|(_, rows)| rows)
    }

    /// Name of the first key of an action: what a text calls it by.
    pub fn key_of(&self, action: Action) -> String {
        let row = self.bindings().find(|row| row.action == action);
        let key = row.and_then(|row| row.keys.first());
        key.map(|key| key.name()).unwrap_or_default()
    }
}

/// Contexts that count, first match wins.
pub fn contexts(model: &Model) -> &'static [Context] {
    if model.dialog.is_some() {
        return match model.word() {
            Some(_) => &[Context::Typed],
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

/// Rows of the contexts that count.
fn counting(model: &Model) -> impl Iterator<Item = &'static Binding> {
    let keymap = model.keymap;
    contexts(model)
        .iter()
        .flat_map(|context| keymap.rows(*context))
}

/// The row that this key means now, whether blocked or not.
pub fn lookup(model: &Model, event: KeyEvent) -> Option<&'static Binding> {
    let pressed = Key::pressed(event)?;
    contexts(model).iter().find_map(|context| {
        let mut rows = model.keymap.rows(*context).iter();
        rows.find(|row| row.keys.contains(&pressed))
            .filter(|row| counts(model, row))
    })
}

/// The row of this action where it counts now, whether blocked or not.
pub fn lookup_action(model: &Model, action: Action) -> Option<&'static Binding> {
    let mut rows = counting(model);
    rows.find(|row| row.action == action && counts(model, row))
}

/// Behind an open help, keys only move it or serve the terminal: nothing is started unseen.
fn counts(model: &Model, binding: &Binding) -> bool {
    let serves = matches!(binding.action, Action::Redraw | Action::Suspend);
    let is_behind = model.overlay.is_some() && model.dialog.is_none();
    !is_behind || binding.context != Context::Global || binding.action.moves() || serves
}

/// Rows that belong into the footer now: they work.
pub fn hints(model: &Model) -> impl Iterator<Item = &'static Binding> {
    let rows = counting(model);
    rows.filter(|row| !row.hint.is_empty())
        .filter(move |row| reason_against(model, row).is_none() && counts(model, row))
}

/// Why a row does nothing now, if so.
pub fn reason_against(model: &Model, binding: &Binding) -> Option<&'static str> {
    if matches!(model.role, Role::LeftBehind { .. }) && binding.action.commands() {
        return Some("the process that drove has ended: nobody would do it");
    }
    (binding.blocked)(model)
}

/// The table as Markdown, for the README.
pub fn markdown_table() -> String {
    let mut table =
        String::from("| where | keys | what | in `cockpit.keys` |\n| --- | --- | --- | --- |\n");
    for binding in Keymap::usual().bindings() {
        let keys: Vec<String> = binding
            .keys
            .iter()
            .map(|key| format!("`{}`", key.name()))
            .collect();
        let own = own::name(binding).map(|name| format!("`{name}`"));
        // Writing to a String cannot fail.
        let _ = writeln!(
            table,
            "| {} | {} | {} | {} |",
            binding.context.title(),
            keys.join(" "),
            binding.help,
            own.unwrap_or_default()
        );
    }
    table
}
