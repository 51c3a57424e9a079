//! Past sprints: outcome, cost, weight, times.

use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use crate::domain::{BootStage, BootTimes, Duration, OutcomeKind, Spent, Step, main_boot};
use crate::engine::PastSprintRow;
use crate::tui::filter::Filtered;
use crate::tui::hit_areas::HitTarget;
use crate::tui::layout::Rows;
use crate::tui::model::Model;
use crate::tui::pane::Pane;
use crate::tui::theme::Theme;

use super::format::{self, count};
use super::widgets::{Align, Canvas, count_of, filter_line, put_cut};

/// Sprints that are worth rows of their own before anything else may grow.
const WANTED: usize = 6;
/// Rows of details of the selected sprint, where there is room.
const DETAIL: usize = 4;

/// A heading, every sprint and the details of one.
pub fn rows(model: &Model) -> Rows {
    if model.snapshot.history.is_empty() {
        return Rows::up_to(2, 2);
    }
    let is_filtered = model.has_filter_row(Filtered::Pane(Pane::History));
    let all = model.shown_history().len() + usize::from(is_filtered);
    let wanted = 2 + all.min(WANTED) + DETAIL;
    Rows {
        most: Rows::up_to(4, 2 + all + DETAIL).most,
        ..Rows::up_to(4, wanted)
    }
}

pub fn draw(canvas: &mut Canvas<'_>, area: Rect) {
    let (model, theme) = (canvas.model, canvas.theme);
    let history = &model.snapshot.history;
    let confirmed = history.iter().filter(|past| past.report.weight.is_some());
    let cost: Spent = history.iter().map(PastSprintRow::spent).sum();
    let sprints = count(history.len(), "sprint");
    let shown = model.shown_history();
    let of = count_of(model, Pane::History, shown.len());
    let note = match history.len() {
        0 => sprints,
        _ => format!(
            "{of}{sprints}, {} with weight, {}",
            confirmed.count(),
            cost.in_words()
        ),
    };
    let inner = canvas.pane_frame(area, Pane::History, &note);
    let inner = Rect {
        x: inner.x + 1,
        width: inner.width.saturating_sub(1),
        ..inner
    };
    if history.is_empty() {
        let nothing = Line::styled("No sprint has ended yet.", theme.dim());
        return put_cut(canvas.buf, inner, [nothing]);
    }
    let filter = filter_line(canvas, Filtered::Pane(Pane::History));
    let mut lines: Vec<Line<'_>> = filter.into_iter().collect();
    let fit = fitting(inner.width);
    let height = usize::from(inner.height).saturating_sub(lines.len());
    let detail = if height > 2 * DETAIL { DETAIL } else { 1 };
    let visible = height.saturating_sub(1 + detail).max(1);
    lines.push(if shown.is_empty() {
        Line::styled("No sprint passes the filter.", theme.dim())
    } else {
        Line::styled(head(fit, inner.width), theme.dim())
    });
    let selected = model.history_index.min(shown.len().saturating_sub(1));
    let first = (selected + 1).saturating_sub(visible);
    let chosen = shown.get(selected).copied();
    for (place, past) in shown.into_iter().enumerate().skip(first).take(visible) {
        let style = theme.selected_if(place == selected, outcome_style(past, theme));
        canvas
            .hits
            .add_row(inner, lines.len(), HitTarget::Past(place));
        lines.push(Line::styled(row(&cells(past), fit), style));
    }
    if let Some(past) = chosen {
        lines.extend(details(past, theme).into_iter().take(detail));
    }
    put_cut(canvas.buf, inner, lines);
}

/// Title and columns; numbers end in one column.
const COLUMNS: [(&str, usize, Align); 10] = [
    ("ended", 11, Align::Left),
    ("epoch", 5, Align::Right),
    ("outcome", 11, Align::Left),
    ("weight", 7, Align::Right),
    ("cost", 8, Align::Right),
    ("$/1000", 8, Align::Right),
    ("conf.", 5, Align::Right),
    ("boot", 8, Align::Right),
    ("GPUs", 12, Align::Left),
    ("machine", 8, Align::Right),
];

/// How many of the columns fit: none is cut.
fn fitting(width: u16) -> usize {
    let mut room = usize::from(width) + 1;
    let fits = |(_, wide, _): &&(&str, usize, Align)| match room.checked_sub(wide + 1) {
        Some(rest) => {
            room = rest;
            true
        }
        None => false,
    };
    COLUMNS.iter().take_while(fits).count()
}

fn row(cells: &[String; 10], shown: usize) -> String {
    let cells = cells.iter().zip(COLUMNS).take(shown);
    let cells = cells.map(|(cell, (_, wide, align))| align.pad(cell, wide) + " ");
    cells.collect()
}

/// The titles, and how many columns are left out.
fn head(shown: usize, width: u16) -> String {
    let titles = row(&COLUMNS.map(|(title, ..)| title.to_owned()), shown);
    let more = match COLUMNS.len() - shown {
        0 => return titles,
        more => format!("+{more}"),
    };
    let in_words = format!("{more} columns");
    let room = usize::from(width).saturating_sub(titles.len());
    match room {
        _ if in_words.len() <= room => titles + &in_words,
        _ if more.len() <= room => titles + &more,
        _ => titles,
    }
}

fn cells(past: &PastSprintRow) -> [String; 10] {
    let report = &past.report;
    let spent = past.spent();
    let percent = past.confirmation_ratio.map(|ratio| 100.0 * ratio);
    let boot = main_boot(past.boots.iter());
    [
        past.at.format("%m-%d %H:%M").to_string(),
        or_none(report.epoch),
        report.outcome.headline().to_owned(),
        or_none(report.weight.map(|weight| format::grouped(weight.0))),
        spent.to_string(),
        or_none(report.per_1000_weight(spent)),
        or_none(percent.map(|percent| format!("{percent:.0}%"))),
        or_none(boot.and_then(BootTimes::total).map(format::length)),
        or_none(boot.map(BootTimes::gpus)),
        or_none(boot.map(|boot| boot.machine)),
    ]
}

fn or_none(value: Option<impl ToString>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| value.to_string())
}

fn outcome_style(past: &PastSprintRow, theme: Theme) -> Style {
    match past.report.outcome {
        _ if past.report.succeeded() => theme.ok(),
        OutcomeKind::Aborted | OutcomeKind::NotTried => theme.text(),
        _ => theme.bad(),
    }
}

/// Cause, times of steps and of boot stages.
fn details(past: &PastSprintRow, theme: Theme) -> Vec<Line<'static>> {
    let (report, boot) = (&past.report, main_boot(past.boots.iter()));
    let cause = report.cause.clone().unwrap_or_else(|| {
        let node = or_none(report.node.as_ref());
        format!("{}, node {node}", report.outcome)
    });
    let steps = Step::ALL.iter().copied().filter(|step| *step != Step::Done);
    let steps = steps.filter_map(|step| Some(spent(&step, report.time_in(step)?)));
    let stages = boot.map(BootTimes::durations).unwrap_or_default();
    let stages = stages
        .iter()
        .filter(|(stage, _)| *stage != BootStage::Ready);
    let stages = stages.map(|(stage, time)| spent(stage, *time));
    let times = |name: &'static str, times: Vec<String>| {
        let name = Span::styled(name, theme.accent());
        Line::from(vec![name, Span::raw(times.join(", "))])
    };
    let boots = count(past.boots.len(), "boot");
    let machine = or_none(boot.map(|boot| boot.machine));
    let left = report.rentals_left.map_or_else(
        || "leftovers unknown".to_owned(),
        |left| format!("{} left", count(left, "rental")),
    );
    let last = format!("{boots} watched, machine {machine}, {left}; Enter shows its log");
    let charged = past.charged_usd.map(|charged| {
        let charged = report.beside_own_count(charged);
        format!("Vast charged {charged}; ")
    });
    // A narrow pane cuts the end of a long cause.
    let cause = format!("{}{cause}", charged.unwrap_or_default());
    vec![
        Line::styled(cause, theme.strong()),
        times("Steps ", steps.collect()),
        times("Boot ", stages.collect()),
        Line::styled(last, theme.dim()),
    ]
}

/// The same, wrapped.
pub fn in_full(past: &PastSprintRow, columns: usize, theme: Theme) -> Vec<Line<'static>> {
    let outcome = Line::styled(past.report.outcome.to_string(), outcome_style(past, theme));
    let rows = details(past, theme).into_iter().flat_map(|line| {
        let style = line.style;
        let rows = format::wrap(&line.to_string(), columns).into_iter();
        rows.map(move |row| Line::styled(row, style))
    });
    [outcome].into_iter().chain(rows).collect()
}

fn spent(on: &impl ToString, time: Duration) -> String {
    format!("{} {}", on.to_string(), format::roughly(time))
}
