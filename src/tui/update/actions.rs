//! What each action does. No catch-all arm: an action without a handler does not compile.

use super::navigation::{self, Move, Turn, back, drill, drill_beside, next_pane, page, pick};
use super::{dialogs, edit_text, log, prompt, run_selected};
use crate::domain::Mode;
use crate::engine::{Command, NodeChange, SprintCommand};
use crate::tui::keymap::{Action, Keymap, rents};
use crate::tui::log::Toward;
use crate::tui::model::{Dialog, HelpView, Model, Overlay, Palette};
use crate::tui::offers::Column;
use crate::tui::pane::Pane;
use crate::tui::prompt::{PromptKind, erase};
use crate::tui::task::Task;
use crate::tui::view::{format, next_decision, pane_text};

pub(super) fn run(model: &mut Model, keys: &Keymap, action: Action) -> Vec<Command> {
    match action {
        Action::Confirm => return dialogs::confirm(model),
        Action::Cancel => model.dialog = None,
        Action::Start => return vec![model.to_sprint(SprintCommand::Start)],
        Action::Approve => ask(model, model.gate().map(Dialog::Approve)),
        Action::Open => open(model, keys),
        Action::PutBack => put_back(model),
        Action::TakeOut => take_out(model),
        Action::Abort => model.open_dialog(Dialog::Abort),
        Action::AbortAll => model.open_dialog(Dialog::AbortAll),
        Action::ToggleMode => match model.snapshot.mode {
            Mode::Auto => {
                model.show_toast(format!("manual: {}", next_decision(model)));
                return vec![Command::SetMode(Mode::Manual)];
            }
            Mode::Manual => model.open_dialog(Dialog::Auto),
        },
        Action::AcceptJournal => model.open_dialog(Dialog::AcceptJournal),
        Action::Refresh => return vec![Command::RefreshOffers],
        Action::Quit => return dialogs::quit(model),
        Action::Run => return run_selected(model, keys),
        Action::Close => close(model),
        Action::Help => toggle_overlay(model, Overlay::Help(HelpView::default())),
        Action::Alerts => {
            model.seen_until = model.snapshot.history.last().map(|row| row.at);
            toggle_overlay(model, Overlay::Alerts { scroll: 0 });
        }
        Action::Details => toggle_overlay(model, Overlay::Details { scroll: 0 }),
        Action::Palette => model.overlay = Some(Overlay::Palette(Palette::default())),
        Action::Redraw => model.effects.redraw = true,
        Action::Suspend => model.effects.suspend = true,
        Action::Zoom => model.zoom = !model.zoom,
        Action::NextPane => next_pane(model, Turn::Next),
        Action::PreviousPane => next_pane(model, Turn::Previous),
        Action::Pane(pane) => pick(model, pane),
        Action::NextSprint => drill_beside(model, Turn::Next),
        Action::PreviousSprint => drill_beside(model, Turn::Previous),
        Action::Back => back(model),
        Action::SortBefore => sort(model, Column::ALL.len() - 1),
        Action::SortAfter => sort(model, 1),
        Action::Reverse => model.offers.reverse(),
        Action::Filter => prompt::open_filter(model),
        Action::Mark => mark(model, keys),
        Action::RemoveNode => open_node_dialog(model, NodeChange::Remove),
        Action::OtherList => model.offers.next_list(),
        Action::Up => scroll(model, keys, Move::Up(1)),
        Action::Down => scroll(model, keys, Move::Down(1)),
        Action::PageUp => scroll(model, keys, Move::Up(page(model))),
        Action::PageDown => scroll(model, keys, Move::Down(page(model))),
        Action::Top => scroll(model, keys, Move::Up(usize::MAX)),
        Action::Bottom => scroll(model, keys, Move::Down(usize::MAX)),
        Action::Pause => model.focused_log_mut().toggle_pause(),
        Action::Follow => model.focused_log_mut().follow(),
        Action::Wrap => model.focused_log_mut().toggle_wrap(),
        Action::Left => sideways(model, Turn::Previous),
        Action::Right => sideways(model, Turn::Next),
        Action::OtherLines => model.focused_log_mut().toggle_others(),
        Action::GoTo => prompt::open(model, PromptKind::GoTo, String::new()),
        Action::NextMatch => log::next_match(model, keys, Toward::Newer),
        Action::PreviousMatch => log::next_match(model, keys, Toward::Older),
        Action::NextError => log::next_error(model, Toward::Newer),
        Action::PreviousError => log::next_error(model, Toward::Older),
        Action::Times => model.focused_log_mut().toggle_times(),
        Action::NextStage => log::next_stage(model, Toward::Newer),
        Action::PreviousStage => log::next_stage(model, Toward::Older),
        Action::Save => log::save(model),
        Action::Copy => copy(model, keys),
        Action::Accept => prompt::accept(model),
        Action::ClosePrompt => prompt::close(model),
        Action::Erase => edit_text(model, erase),
        Action::EraseAll => edit_text(model, String::clear),
    }
    Vec::new()
}

fn scroll(model: &mut Model, keys: &Keymap, by: Move) {
    if model.dialog.is_some() {
        return dialogs::scroll(model, by);
    }
    navigation::scroll(model, keys, by);
}

/// Rents the offer, or shows what is behind the row.
fn open(model: &mut Model, keys: &Keymap) {
    match model.focus {
        Pane::Fleet => drill(model),
        Pane::Offers if rents(model) => dialogs::rent(model, keys),
        Pane::History => log::open_past(model),
        _ => toggle_overlay(model, Overlay::Details { scroll: 0 }),
    }
}

fn put_back(model: &mut Model) {
    if model.focus == Pane::Nodes {
        return open_node_dialog(model, NodeChange::Enable);
    }
    let machine = model.selected_avoided().map(|avoided| avoided.machine);
    ask(model, machine.map(Dialog::Allow));
}

fn take_out(model: &mut Model) {
    if model.focus == Pane::Nodes {
        return open_node_dialog(model, NodeChange::Disable);
    }
    let machine = model.offers.selected_offer().map(|row| row.offer.machine);
    ask(model, machine.map(Dialog::Avoid));
}

fn ask(model: &mut Model, dialog: Option<Dialog>) {
    if let Some(dialog) = dialog {
        model.open_dialog(dialog);
    }
}

/// Its own key closes an overlay again.
fn toggle_overlay(model: &mut Model, overlay: Overlay) {
    let kind = std::mem::discriminant(&overlay);
    let is_open = model.overlay.as_ref().map(std::mem::discriminant) == Some(kind);
    model.overlay = (!is_open).then_some(overlay);
}

/// One thing a press: the filter of the help, then the overlay.
fn close(model: &mut Model) {
    match &mut model.overlay {
        Some(Overlay::Help(help)) if !help.filter.is_empty() => help.filter.clear(),
        _ => model.overlay = None,
    }
}

/// A log by columns of text, a table by its columns.
fn sideways(model: &mut Model, toward: Turn) {
    if let Some((column, last)) = model.scrolled_columns_mut() {
        let by = match toward {
            Turn::Next => Move::Down(1),
            Turn::Previous => Move::Up(1),
        };
        return by.shift(column, last + 1);
    }
    match toward {
        Turn::Next => model.focused_log_mut().right(),
        Turn::Previous => model.focused_log_mut().left(),
    }
}

/// The log has lines that are longer than the screen; other panes are copied as they are drawn.
fn copy(model: &mut Model, keys: &Keymap) {
    if model.focus.is_log() {
        return log::copy(model, keys);
    }
    let text = pane_text(model, keys);
    let rows = format::count(text.lines().count(), "row");
    model.show_toast(format!("{rows} copied"));
    model.effects.task = Some(Task::Copy(text));
}

fn sort(model: &mut Model, by: usize) {
    let column = model.offers.sort.step(by);
    model.offers.sort_by(column);
    model.show_toast(format!("sorted by {}", column.name()));
}

/// Marks the selected offer, or takes its mark away.
fn mark(model: &mut Model, keys: &Keymap) {
    model.offers.toggle_mark();
    if model.offers.marked_pair().is_some() {
        let key = keys.key_of(Action::Back);
        model.show_toast(format!("compared: {key} takes the marks away"));
    } else if model.offers.has_marks() {
        let key = keys.key_of(Action::Mark);
        model.show_toast(format!("marked: {key} on another offer compares the two"));
    }
}

fn open_node_dialog(model: &mut Model, change: NodeChange) {
    let network_node = model.snapshot.nodes.name();
    let node = model.selected_node().map(|(_, row)| Dialog::Node {
        network_node,
        node: row.node.config.id.clone(),
        owner: row.owner,
        change,
    });
    ask(model, node);
}
