//! Actions on the log pane.

use crate::domain::{BootStage, Time, main_boot};
use crate::tui::keymap::{Action, Keymap};
use crate::tui::log::{Jump, Target, Toward, first_from, whole_text};
use crate::tui::model::Model;
use crate::tui::pane::Pane;
use crate::tui::task::{SaveLog, Task};
use crate::tui::view::format;

/// Bytes that are copied at most: many terminals refuse more than 75 kB of base64.
const MAX_COPY: usize = 50_000;

/// Opens the log of the selected sprint's rental.
pub(super) fn open_past(model: &mut Model) {
    let Some(past) = model.selected_past() else {
        return;
    };
    match main_boot(past.boots.iter()).and_then(|boot| boot.instance) {
        Some(instance) => model.effects.task = Some(Task::ReadLog(instance, past.at)),
        None => model.show_toast("no boot of this sprint was watched, so there is no log"),
    }
}

/// Goes to the next match; at the last one it stays and says so.
pub(super) fn next_match(model: &mut Model, keys: &Keymap, toward: Toward) {
    let text = match (model.focused_log_mut().jump(Target::Match, toward), toward) {
        (Jump::There, _) => return,
        (Jump::NoFurther { all: 0, .. }, _) => "no line matches".to_owned(),
        (Jump::NoFurther { .. }, Toward::Newer) => {
            format!("last match; {} goes to the first", keys.key_of(Action::Top))
        }
        (Jump::NoFurther { .. }, Toward::Older) => {
            let end = keys.key_of(Action::Bottom);
            format!("first match; {end} goes to the last")
        }
    };
    model.show_toast(text);
}

/// Goes to the next error; at the last one it stays and says so.
pub(super) fn next_error(model: &mut Model, toward: Toward) {
    let direction = match toward {
        Toward::Newer => "newer",
        Toward::Older => "older",
    };
    match model.focused_log_mut().jump(Target::Error, toward) {
        Jump::There => {}
        Jump::NoFurther { all: 0, .. } => model.show_toast("no error in this log"),
        Jump::NoFurther { passed, all } => {
            model.show_toast(format!("no {direction} error, {passed} of {all}"));
        }
    }
}

pub(super) fn go_to_stage(model: &mut Model, stage: BootStage) {
    let Some(started) = stage_start(model, stage) else {
        return model.show_toast(format!("the boot has not reached \"{stage}\""));
    };
    model.focused_log_mut().go_to(started);
    let clock = format::second(started);
    model.show_toast(format!("{stage} began at {clock}"));
}

fn stage_start(model: &Model, stage: BootStage) -> Option<Time> {
    let boot = &model.snapshot.rental.as_ref()?.boot;
    let found = boot.started.iter().find(|(started, _)| *started == stage);
    found.map(|(_, at)| *at)
}

/// Goes to the nearest stage that began above or below the top line.
pub(super) fn next_stage(model: &mut Model, toward: Toward) {
    let Some(rental) = &model.snapshot.rental else {
        return;
    };
    let top = model.log.top().unwrap_or(0);
    let mut stages = rental.boot.started.iter();
    let line = |at: Time| first_from(&model.log.log, at);
    let found = match toward {
        Toward::Newer => stages.find(|(_, at)| line(*at) > top),
        Toward::Older => stages.rfind(|(_, at)| line(*at) < top),
    };
    match found.map(|(stage, _)| *stage) {
        Some(stage) => go_to_stage(model, stage),
        None if toward == Toward::Newer => model.log.follow(),
        None => model.show_toast("no stage began above the top line"),
    }
}

/// Saves the lines that pass the filter.
pub(super) fn save(model: &mut Model) {
    let now = model.now().format("%Y%m%d-%H%M%S");
    let live = model.snapshot.rental.as_ref().map(|rental| rental.id);
    let pane = model.focused_log();
    model.effects.task = Some(Task::Save(SaveLog {
        name: match pane.past.or(live) {
            _ if model.focus == Pane::Journal => format!("pocpit-{now}"),
            Some(rental) => format!("boot-{rental}-{now}"),
            None => format!("boot-{now}"),
        },
        log: pane.log.clone(),
        only: pane.only().map(|only| only.numbers().collect()),
    }));
}

pub(super) fn copy(model: &mut Model, keys: &Keymap) {
    let (text, count) = copied_text(model);
    let lines = format::count(count, "line");
    let save = keys.key_of(Action::Save);
    model.show_toast(format!(
        "{lines} copied; if the terminal ignores this, {save} saves them to a file"
    ));
    model.effects.task = Some(Task::Copy(text));
}

/// The visible lines, unwrapped, and their number; the newest ones if there is too much text.
fn copied_text(model: &Model) -> (String, usize) {
    let log = model.focused_log();
    let visible = log.visible();
    let mut texts = Vec::new();
    let mut room = MAX_COPY;
    let newest_first = visible.iter().rev();
    for line in newest_first.filter_map(|shown| log.log.line(shown.line)) {
        let text = whole_text(line);
        let Some(left) = room.checked_sub(text.len() + 1) else {
            break;
        };
        room = left;
        texts.push(text);
    }
    texts.reverse();
    (texts.join("\n"), texts.len())
}
