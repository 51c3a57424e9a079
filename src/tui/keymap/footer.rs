//! The keys in the footer, by place and in order of use; words name what a key leads to.

use super::{Action, Binding, Context, Keymap, contexts, disabled_reason, rents};
use crate::domain::{GateKind, Mode, Step};
use crate::tui::breakpoint::Breakpoint;
use crate::tui::log::LongLines;
use crate::tui::model::{Model, Overlay};
use crate::tui::offers::OfferList;
use crate::tui::pane::Pane;
use crate::tui::prompt::PromptKind;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hint {
    pub action: Action,
    pub keys: String,
    pub word: &'static str,
    /// It costs money or cannot be undone; a dialog follows.
    pub danger: bool,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Footer {
    /// In order of use; the last ones are left out first.
    pub left: Vec<Hint>,
    /// Always there.
    pub right: Vec<Hint>,
}

impl Keymap {
    pub fn footer(&self, model: &Model, size: Breakpoint) -> Footer {
        let hints = |actions: Vec<Action>| self.hints(model, actions);
        let (left, right) = match contexts(model).first() {
            // Dialogs name their keys in their last rows.
            None | Some(Context::Dialog | Context::TypedDialog) => (Vec::new(), Vec::new()),
            Some(Context::Prompt) => (vec![Action::Accept, Action::ClosePrompt], Vec::new()),
            Some(Context::Palette) => (vec![Action::Run, Action::Close], Vec::new()),
            Some(Context::Overlay) => {
                let keys = vec![Action::Close, Action::Down, Action::Filter];
                (keys, Vec::new())
            }
            Some(Context::Panes) => {
                let always = vec![Action::Palette, Action::Help, Action::Quit];
                (place(model, size), always)
            }
        };
        Footer {
            left: hints(left),
            right: hints(right),
        }
    }

    /// The enabled ones, each once.
    fn hints(&self, model: &Model, actions: Vec<Action>) -> Vec<Hint> {
        let mut hints: Vec<Hint> = Vec::new();
        for action in actions {
            let binding = self.lookup_action(model, action);
            let binding = binding.filter(|row| disabled_reason(model, row).is_none());
            let is_new = hints.iter().all(|hint| hint.action != action);
            hints.extend(binding.filter(|_| is_new).map(|row| hint(row, self, model)));
        }
        hints
    }
}

fn hint(binding: &Binding, keys: &Keymap, model: &Model) -> Hint {
    let action = binding.action;
    let first = binding.keys.first().map(|key| key.name());
    let mut names = first.unwrap_or_default();
    if action == Action::Down {
        names = format!("{names} {}", keys.key_of(Action::Up));
    }
    Hint {
        action,
        keys: names,
        word: word(action, model),
        danger: binding.danger && (action != Action::Open || rents(model)),
    }
}

/// What row 1 asks for, the keys of the pane, and what works in every pane.
fn place(model: &Model, size: Breakpoint) -> Vec<Action> {
    let mut actions: Vec<Action> = asked(model).into_iter().collect();
    actions.push(Action::AcceptJournal);
    actions.push(Action::NextSprint);
    actions.extend(of_pane(model, size));
    actions.extend([Action::NextPane, Action::Zoom, Action::Times]);
    actions
}

/// The key that row 1 asks for.
pub fn asked(model: &Model) -> Option<Action> {
    let begins_next =
        model.snapshot.sprint.step == Step::Done && model.snapshot.mode == Mode::Manual;
    match model.gate() {
        Some(GateKind::Start) => Some(Action::Start),
        Some(GateKind::Register | GateKind::Release) => Some(Action::Approve),
        Some(GateKind::Rent | GateKind::Hedge) if rents(model) => Some(Action::Open),
        Some(GateKind::Rent | GateKind::Hedge) => {
            (model.focus != Pane::Offers).then_some(Action::Pane(Pane::Offers))
        }
        None => begins_next.then_some(Action::Start),
    }
}

fn of_pane(model: &Model, size: Breakpoint) -> Vec<Action> {
    use Action::{
        Abort, AbortAll, Back, Copy, Details, Filter, GoTo, Mark, NextError, NextMatch, NextStage,
        Open, OtherLines, OtherList, Pause, PutBack, Refresh, RemoveNode, Save, SortAfter, Start,
        TakeOut, ToggleMode, Wrap, Zoom,
    };
    match model.focus {
        Pane::Fleet => vec![Open, Abort, AbortAll, Filter],
        Pane::Schedule | Pane::Charts => vec![Start, ToggleMode, Open, Refresh, Abort],
        Pane::Sprint => vec![Start, Abort, Open, ToggleMode],
        Pane::Offers if model.offers.list != OfferList::Usable => {
            vec![Back, PutBack, Open, Filter, OtherList]
        }
        Pane::Offers => {
            let mut actions = vec![Open, Mark];
            // From there on the details stand beside or below the list.
            if size < Breakpoint::Normal {
                actions.push(Details);
            }
            actions.extend([Filter, SortAfter, Refresh, OtherList, TakeOut, Abort]);
            actions
        }
        Pane::Boot => {
            let mut actions = vec![Abort, Filter, NextMatch, OtherLines];
            if model.log.past.is_some() {
                actions.insert(0, Back);
            }
            actions.extend([NextError, GoTo, Pause, NextStage, Wrap, Save, Copy, Zoom]);
            actions
        }
        Pane::Nodes => vec![Abort, Open, TakeOut, PutBack, RemoveNode, Filter],
        Pane::Journal => vec![
            Filter, NextMatch, OtherLines, NextError, GoTo, Pause, Wrap, Save, Copy, Zoom,
        ],
        Pane::History => vec![Start, Open, Filter, Copy],
    }
}

/// The result where a key switches something.
fn word(action: Action, model: &Model) -> &'static str {
    let is_manual = model.snapshot.mode == Mode::Manual;
    match action {
        Action::Start if is_manual => "start",
        Action::Start => "start now",
        Action::Approve => match model.gate() {
            Some(GateKind::Register) => "register",
            Some(GateKind::Release) => "release",
            _ => "approve",
        },
        Action::Abort => "abort",
        Action::AbortAll => "abort all",
        Action::ToggleMode if is_manual => "auto",
        Action::ToggleMode => "manual",
        Action::Refresh if model.focus == Pane::Offers => "search",
        Action::Refresh => "search offers",
        Action::AcceptJournal => "accept journal",
        Action::Open => opens(model),
        Action::Details => "why",
        Action::Filter => "filter",
        Action::OtherLines if model.focused_log().hides_others() => "all lines",
        Action::OtherLines => "matches only",
        Action::NextMatch => "next match",
        Action::NextError => "next error",
        Action::Times if model.focused_log().shows_times() => "no times",
        Action::Times => "times",
        Action::Mark => "mark",
        Action::PutBack if model.focus == Pane::Nodes => "enable",
        Action::PutBack => "use again",
        Action::TakeOut if model.focus == Pane::Nodes => "disable",
        Action::TakeOut => "avoid",
        Action::RemoveNode => "remove",
        Action::OtherList => match model.offers.list {
            OfferList::Usable => "out",
            OfferList::Rejected => "avoided",
            OfferList::Avoided => "usable",
        },
        Action::SortAfter => "sort",
        Action::GoTo => "go to",
        Action::NextStage => "stage",
        Action::Pause if model.focused_log().anchor.is_none() => "hold",
        Action::Pause => "run",
        Action::Wrap if model.focused_log().long == LongLines::Wrap => "cut",
        Action::Wrap => "wrap",
        Action::Copy => "copy",
        Action::Save => "save",
        Action::Accept if types_filter(model) => "keep",
        Action::Accept => "go",
        Action::ClosePrompt if types_filter(model) => "clear",
        Action::ClosePrompt => "close",
        Action::Down => "scroll",
        Action::NextSprint => "next row",
        Action::NextPane => "pane",
        Action::Back if model.focus == Pane::Offers => "usable",
        Action::Back => "live log",
        Action::Zoom if model.zoom => "restore",
        Action::Zoom => "zoom",
        Action::Close if is_filtered_help(model) => "clear",
        Action::Close => "close",
        Action::Palette => "find",
        Action::Run => "run",
        Action::Help => "help",
        Action::Quit => "quit",
        Action::Pane(Pane::Offers) => "offers",
        _ => "",
    }
}

fn opens(model: &Model) -> &'static str {
    match model.focus {
        Pane::Fleet => "open",
        Pane::Offers if rents(model) => "rent",
        Pane::Offers => "why",
        Pane::History => "its log",
        _ => "details",
    }
}

fn types_filter(model: &Model) -> bool {
    let kind = model.prompt.as_ref().map(|prompt| prompt.kind);
    matches!(kind, Some(PromptKind::Filter(_)))
}

fn is_filtered_help(model: &Model) -> bool {
    matches!(&model.overlay, Some(Overlay::Help(help)) if !help.filter.is_empty())
}
