//! Actions of the prompt.

use chrono::{NaiveTime, TimeDelta};

use super::log::go_to_stage;
use crate::domain::{BootStage, Time};
use crate::tui::keymap::{Action, Keymap};
use crate::tui::model::Model;
use crate::tui::prompt::{Prompt, PromptKind};

pub(super) fn accept(model: &mut Model, keys: &Keymap) {
    let Some(Prompt { kind, text }) = model.prompt.take() else {
        return;
    };
    match kind {
        PromptKind::Search => {
            if !model.log.search(&text) {
                model.show_toast(format!("no visible line has \"{text}\""));
            }
        }
        PromptKind::Filter => {
            model.log.set_filter(&text);
            let filter = model.log.filter.as_ref();
            if filter.is_some_and(|filter| filter.count() == 0) {
                let all = keys.key_of(Action::ClearSearch);
                model.show_toast(format!("no line has \"{text}\" yet: {all} shows all"));
            }
        }
        PromptKind::GoTo => go_to(model, text.trim()),
        PromptKind::Offers => model.offers.set_filter(&text),
    }
}

/// Applies what can be applied while typing.
pub(super) fn preview(model: &mut Model) {
    if let Some(prompt) = &model.prompt
        && prompt.kind == PromptKind::Offers
    {
        model.offers.set_filter(&prompt.text);
    }
}

/// Closes the prompt and undoes its preview.
pub(super) fn close(model: &mut Model) {
    let prompt = model.prompt.take();
    if prompt.is_some_and(|prompt| prompt.kind == PromptKind::Offers) {
        model.offers.set_filter("");
    }
}

fn go_to(model: &mut Model, text: &str) {
    if text.is_empty() {
        return;
    }
    if let Some(time) = time_of_day(text) {
        return model.log.go_to(last_time_at(time, model.now()));
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
