//! The schedule: the epoch, what comes next, and what the sprint depends on.

use ratatui::text::Line;
use unicode_width::UnicodeWidthStr as _;

use crate::domain::{ConfirmationPhase, Finding, Preflight};
use crate::engine::ChainReading;
use crate::tui::attention::{Feed, frozen_since};
use crate::tui::milestones::{Upcoming, uncertainty};
use crate::tui::model::Model;
use crate::tui::theme::Theme;

use super::widgets::{Canvas, Facts};
use super::{epoch_bar, format, nodes};

/// Columns of a name of a fact.
const FACT: usize = 10;
/// Columns of the name of a milestone.
const NAME: usize = 18;

/// What the chain said last, for the title.
pub fn note(model: &Model) -> String {
    let Some(reading) = &model.snapshot.chain.reading else {
        return "not read yet".to_owned();
    };
    if let Some(since) = frozen_since(model, Feed::Chain) {
        return format::frozen(since, model.now());
    }
    let view = &reading.view;
    let part = epoch_bar::part(reading) * 100.0;
    let height = format::grouped(view.height.0);
    format!("epoch {} at {height}, {part:.0}%", view.epoch)
}

pub fn lines(canvas: &Canvas<'_>, width: u16) -> Vec<Line<'static>> {
    let (model, theme) = (canvas.model, canvas.theme);
    let mut lines = match &model.snapshot.chain.reading {
        None => vec![Line::styled(
            " The chain has not been read yet.",
            theme.warn(),
        )],
        Some(reading) => {
            let mut lines = epoch_bar::lines(reading, width, theme);
            lines.extend(milestones(reading, model, width, theme));
            lines
        }
    };
    let laid_out = Facts {
        names: FACT,
        width,
        theme,
    };
    for (name, text, style) in facts(model, theme) {
        lines.extend(laid_out.lines(name, &text, style));
    }
    lines
}

/// What comes next. What has passed is not named any more.
fn milestones(
    reading: &ChainReading,
    model: &Model,
    width: u16,
    theme: Theme,
) -> Vec<Line<'static>> {
    let all = model.upcoming();
    if all.is_empty() {
        let left = reading.poc_start.blocks_left;
        let text = format!(" PoC in {left} blocks; times unknown until the block time is measured");
        return vec![Line::styled(text, theme.dim())];
    }
    let is_frozen = model.is_frozen();
    let row = |(index, it): (usize, &Upcoming)| {
        let is_first = index == 0 && !is_frozen;
        let mark = if is_first {
            theme.glyph("▸", ">")
        } else {
            " "
        };
        let style = match (is_frozen, is_first) {
            (true, _) => theme.dim(),
            (_, true) => theme.strong(),
            _ => theme.text(),
        };
        Line::styled(milestone(it, mark, reading, model, width, theme), style)
    };
    all.iter().enumerate().map(row).collect()
}

fn milestone(
    it: &Upcoming,
    mark: &str,
    reading: &ChainReading,
    model: &Model,
    width: u16,
    theme: Theme,
) -> String {
    let now = model.now();
    let epoch = it
        .epoch
        .map_or_else(String::new, |epoch| format!(" {epoch}"));
    let name = format!("{}{epoch}", it.name);
    let left = if model.is_frozen() {
        theme.glyph("—", "-").to_owned()
    } else if it.at.p50 > now {
        format::length(it.at.p50 - now)
    } else {
        format!("{} late", format::short(now - it.at.p50))
    };
    let plus_minus = theme.glyph("±", "+-");
    let band = uncertainty(it.at).map(|half| format!("{plus_minus}{}", format::roughly(half)));
    let clock = format::clock(it.at.p50, now);
    let mut row = format!(
        " {mark} {name:<NAME$.NAME$} {left:>9} {:<8} {clock}",
        band.unwrap_or_default()
    );
    if let Some(note) = note_of(it, reading, model) {
        let note = format!("  {note}");
        if row.width() + note.width() <= usize::from(width) {
            row.push_str(&note);
        }
    }
    row
}

/// What a milestone is reckoned from.
fn note_of(it: &Upcoming, reading: &ChainReading, model: &Model) -> Option<String> {
    let sprint = &model.snapshot.sprint;
    let height = |height: u64| format::grouped(height);
    match it.name.as_str() {
        "rent" => Some(format!("lead {}", format::roughly(sprint.lead.length))),
        "register by" => Some(height(reading.registration_deadline.height.0)),
        "PoC" => Some(height(reading.poc_start.height.0)),
        "release" => Some(format::release(sprint)),
        _ => None,
    }
}

type Fact = (&'static str, String, ratatui::style::Style);

/// What the sprint depends on, troubles first.
fn facts(model: &Model, theme: Theme) -> Vec<Fact> {
    let (chain, sprint) = (&model.snapshot.chain, &model.snapshot.sprint);
    let now = model.now();
    let mut facts = Vec::new();
    if let Some(trouble) = &chain.trouble {
        facts.push(("chain", trouble.clone(), theme.bad()));
    }
    if let Some(since) = chain.stalled_since {
        let text = format!("STALLED: no new block for {}", format::length(now - since));
        facts.push(("chain", text, theme.bad()));
    }
    facts.extend(confirmation(model, theme));
    if let Some(preflight) = &sprint.preflight {
        facts.push(preflight_fact(preflight, model, theme));
    }
    if !sprint.overridden.is_empty() {
        let all: Vec<String> = sprint.overridden.iter().map(ToString::to_string).collect();
        let text = format!("governance overrides {}", all.join(", "));
        facts.push(("arguments", text, theme.text()));
    }
    let policy = format!("release {}", format::release(sprint));
    facts.push(("policy", policy, theme.text()));
    facts.extend(sources(model, theme));
    if let Some(proxy) = &model.snapshot.proxy {
        let (text, style) = nodes::proxy_state(proxy, now, theme);
        facts.push(("proxy", text, style));
    }
    facts
}

/// Which requirements are unmet; alerts have the remedies. Warnings are only named; `pocpit check` explains
/// them.
fn preflight_fact(preflight: &Preflight, model: &Model, theme: Theme) -> Fact {
    let names = |findings: Vec<&Finding>| {
        let names = findings.iter().map(|it| it.requirement.to_string());
        names.collect::<Vec<_>>().join(", ")
    };
    let all = preflight.findings.len();
    let obstacles: Vec<&Finding> = preflight.obstacles().collect();
    let warnings: Vec<&Finding> = preflight.warnings().collect();
    let (text, style) = if !obstacles.is_empty() {
        (format!("not met: {}", names(obstacles)), theme.bad())
    } else if warnings.is_empty() {
        (format!("{all} of {all} met"), theme.text())
    } else {
        let met = all - warnings.len();
        let text = format!("{met} of {all} met, look at: {}", names(warnings));
        (text, theme.warn())
    };
    let checked = format::ago(Some(preflight.at), model.now());
    ("preflight", format!("{text}; checked {checked}"), style)
}

fn sources(model: &Model, theme: Theme) -> Option<Fact> {
    let chain = &model.snapshot.chain;
    let reading = chain.reading.as_ref().filter(|_| chain.trouble.is_none())?;
    let block = block_time(reading);
    let text = match chain.sources.len() {
        0 => format!("block {block}"),
        all => format!("{}, block {block}", format::count(all, "source")),
    };
    Some(("chain", text, theme.text()))
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds of a block")]
fn block_time(reading: &ChainReading) -> String {
    match reading.block_time {
        Some(time) => format!("{:.2} s", time.num_milliseconds() as f64 / 1000.0),
        None => "time unmeasured".to_owned(),
    }
}

fn confirmation(model: &Model, theme: Theme) -> Option<Fact> {
    let reading = model.snapshot.chain.reading.as_ref()?;
    let event = reading.view.confirmation?;
    let word = match event.phase {
        ConfirmationPhase::Inactive => "inactive",
        ConfirmationPhase::GracePeriod => "grace period",
        ConfirmationPhase::Generation => "generation",
        ConfirmationPhase::Validation => "validation",
        ConfirmationPhase::Completed => "completed",
    };
    let end = reading
        .confirmation_times
        .and_then(|times| times.end.expected);
    let until = end.map(|band| format!(" until {}", format::clock(band.p50, model.now())));
    let until = until.unwrap_or_default();
    let text = format!("PoC {}: {word}{until}", event.sequence);
    Some(("confirm", text, theme.warn()))
}
