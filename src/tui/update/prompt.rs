//! Actions of the prompt.

use chrono::{NaiveTime, TimeDelta};

use super::log::go_to_stage;
use crate::domain::{BootStage, Time};
use crate::tui::filter::Filtered;
use crate::tui::model::{Model, Overlay};
use crate::tui::prompt::{Prompt, PromptKind};

/// What is filtered is what covers the panes, else the pane that has the keys. A filter can be edited.
pub(super) fn open_filter(model: &mut Model) {
    let of = match &model.overlay {
        Some(Overlay::Help(_)) => Filtered::Help,
        _ => Filtered::Pane(model.focus),
    };
    let text = model.filter(of).to_owned();
    open(model, PromptKind::Filter(of), text);
}

pub(super) fn open(model: &mut Model, kind: PromptKind, text: String) {
    model.prompt = Some(Prompt { kind, text });
}

/// A filter counts already.
pub(super) fn accept(model: &mut Model) {
    let Some(Prompt { kind, text }) = model.prompt.take() else {
        return;
    };
    match kind {
        PromptKind::Filter(_) => {}
        PromptKind::GoTo => go_to(model, text.trim()),
    }
}

/// Filters while it is typed.
pub(super) fn preview(model: &mut Model) {
    if let Some(Prompt {
        kind: PromptKind::Filter(of),
        text,
    }) = &model.prompt
    {
        let (of, text) = (*of, text.clone());
        model.set_filter(of, &text);
    }
}

/// Closes the prompt, and takes its filter back.
pub(super) fn close(model: &mut Model) {
    if let Some(PromptKind::Filter(of)) = model.prompt.take().map(|prompt| prompt.kind) {
        model.set_filter(of, "");
    }
}

fn go_to(model: &mut Model, text: &str) {
    if text.is_empty() {
        return;
    }
    if let Some(time) = time_of_day(text) {
        let at = last_time_at(time, model.now());
        return model.focused_log_mut().go_to(at);
    }
    if let Some(stage) = parse_stage(text) {
        return go_to_stage(model, stage);
    }
    let stages: Vec<String> = BootStage::ALL.iter().map(BootStage::to_string).collect();
    let stages = stages.join(", ");
    model.show_toast(format!(
        "\"{text}\" is neither a time like 14:05 or 14:05:30 (UTC) nor a stage: {stages}"
    ));
}

fn time_of_day(text: &str) -> Option<NaiveTime> {
    NaiveTime::parse_from_str(text, "%H:%M:%S")
        .or_else(|_| NaiveTime::parse_from_str(text, "%H:%M"))
        .ok()
}

/// The last moment with this time of day: logs lie in the past.
fn last_time_at(time: NaiveTime, now: Time) -> Time {
    let today = now.date_naive().and_time(time).and_utc();
    if today <= now {
        return today;
    }
    today.checked_sub_signed(TimeDelta::days(1)).unwrap_or(now)
}

fn parse_stage(text: &str) -> Option<BootStage> {
    let text = text.to_lowercase();
    let mut stages = BootStage::ALL.iter().copied();
    stages.find(|stage| stage.to_string().starts_with(&text))
}
