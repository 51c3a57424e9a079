//! A line that the operator types, and what becomes of it. It only changes what is looked at: what
//! is typed into it never reaches the engine.

use chrono::{NaiveTime, TimeDelta};
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::keymap::Action;
use super::log::first_from;
use super::model::Model;
use crate::domain::{BootStage, Time};

/// Characters that a prompt takes.
const LONGEST: usize = 200;

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ask {
    /// A text to look for in the log.
    Search,
    /// A text that the shown lines hold.
    Filter,
    /// A time or a boot stage to go to.
    GoTo,
    /// Words that the shown offers hold.
    Offers,
}

impl Ask {
    /// What stands before what is typed.
    pub fn label(self) -> &'static str {
        match self {
            Ask::Search => "search: ",
            Ask::Filter => "only lines with: ",
            Ask::GoTo => "go to (14:05 or a stage): ",
            Ask::Offers => "only offers with: ",
        }
    }
}

/// An open prompt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prompt {
    /// What is asked for.
    pub ask: Ask,
    /// What was typed.
    pub text: String,
}

impl Prompt {
    /// Nothing is typed yet.
    pub fn new(ask: Ask) -> Prompt {
        Prompt {
            ask,
            text: String::new(),
        }
    }

    /// The character that a key types, if any.
    pub fn character(key: KeyEvent) -> Option<char> {
        let commands = KeyModifiers::CONTROL | KeyModifiers::ALT;
        match key.code {
            KeyCode::Char(letter) if !key.modifiers.intersects(commands) => Some(letter),
            _ => None,
        }
    }
}

/// Takes a typed character in. What is no part of a line, and what is too much, is left out.
pub fn push(text: &mut String, letter: char) {
    if !letter.is_control() && text.chars().count() < LONGEST {
        text.push(letter);
    }
}

/// Does what the prompt was opened for.
pub fn accept(model: &mut Model) {
    let Some(Prompt { ask, text }) = model.prompt.take() else {
        return;
    };
    let log = &model.boot_log;
    match ask {
        Ask::Search => {
            if !model.log.search(&text, log) {
                model.say(format!("no line that is shown holds \"{text}\""));
            }
        }
        Ask::Filter => {
            model.log.filter(&text, log);
            let none = model.log.filter.as_ref();
            if none.is_some_and(|filter| filter.lines.count() == 0) {
                let all = model.keymap.key_of(Action::ClearSearch);
                model.say(format!(
                    "no line holds \"{text}\" yet: {all} shows all again"
                ));
            }
        }
        Ask::GoTo => go_to(model, text.trim()),
        Ask::Offers => narrow(model, &text),
    }
}

/// Does what can be done while one types.
pub fn follow(model: &mut Model) {
    if let Some(Prompt {
        ask: Ask::Offers,
        text,
    }) = &model.prompt
    {
        let text = text.clone();
        narrow(model, &text);
    }
}

/// Does nothing of what was typed, and takes back what followed it.
pub fn close(model: &mut Model) {
    if let Some(Prompt {
        ask: Ask::Offers, ..
    }) = model.prompt.take()
    {
        narrow(model, "");
    }
}

/// Shows only offers with these words. A selection that is not shown goes to the first that is.
pub fn narrow(model: &mut Model, text: &str) {
    model.offers.narrow(text);
    if model.selected_row().is_none() {
        let first = model.offers.row(0).map(|(_, row)| row.offer.id);
        model.selected = first.or(model.selected);
    }
}

fn go_to(model: &mut Model, text: &str) {
    if text.is_empty() {
        return;
    }
    if let Some(time) = time_of_day(text) {
        let at = last_time_at(time, model.now());
        model.log.go_to(at, &model.boot_log);
        return;
    }
    if let Some(stage) = stage_called(text) {
        return go_to_stage(model, stage);
    }
    let stages = BootStage::ALL.map(|stage| stage.to_string()).join(", ");
    model.say(format!(
        "\"{text}\" is no time like 14:05 or 14:05:30 (UTC) and no stage: {stages}"
    ));
}

/// Goes to the first line since a stage began.
pub fn go_to_stage(model: &mut Model, stage: BootStage) {
    let Some(began) = began(model, stage) else {
        return model.say(format!("the boot has not come to \"{stage}\""));
    };
    model.log.go_to(began, &model.boot_log);
    model.say(format!("{stage} began at {}", began.format("%H:%M:%S UTC")));
}

fn began(model: &Model, stage: BootStage) -> Option<Time> {
    let boot = &model.snapshot.rental.as_ref()?.boot;
    let found = boot.started.iter().find(|(started, _)| *started == stage);
    found.map(|(_, at)| *at)
}

/// The stage whose first line is the next one above the pane's top, or below it.
pub fn next_stage(model: &mut Model, toward: super::log::Toward) {
    use super::log::Toward;
    let log = &model.boot_log;
    let Some(rental) = &model.snapshot.rental else {
        return;
    };
    let top = model.log.top(log).unwrap_or(0);
    let mut stages = rental.boot.started.iter();
    let line = |at: Time| first_from(log, at);
    let found = match toward {
        Toward::Newer => stages.find(|(_, at)| line(*at) > top),
        Toward::Older => stages.rfind(|(_, at)| line(*at) < top),
    };
    match found.map(|(stage, _)| *stage) {
        Some(stage) => go_to_stage(model, stage),
        None if toward == Toward::Newer => model.log.follow(),
        None => model.say("no stage began before the line at the top"),
    }
}

fn time_of_day(text: &str) -> Option<NaiveTime> {
    NaiveTime::parse_from_str(text, "%H:%M:%S")
        .or_else(|_| NaiveTime::parse_from_str(text, "%H:%M"))
        .ok()
}

/// The last moment at which it was this time of day: logs have a past only.
fn last_time_at(time: NaiveTime, now: Time) -> Time {
    let today = now.date_naive().and_time(time).and_utc();
    if today <= now {
        return today;
    }
    today.checked_sub_signed(TimeDelta::days(1)).unwrap_or(now)
}

fn stage_called(text: &str) -> Option<BootStage> {
    let text = text.to_lowercase();
    BootStage::ALL
        .into_iter()
        .find(|stage| stage.to_string().starts_with(&text))
}
