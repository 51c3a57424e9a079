//! Past sprints: outcome, cost, weight, times.

use std::fmt::Write as _;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use crate::domain::{BootStage, BootTimes, OutcomeKind, Step};
use crate::engine::PastSprintRow;
use crate::tui::hit_areas::{HitAreas, HitTarget};
use crate::tui::model::Model;
use crate::tui::pane::Pane;
use crate::tui::theme::Theme;

use super::format;
use super::widgets::{pane_frame, put_cut};

/// Rows of details of the selected sprint, where there is room.
const DETAIL: usize = 4;

pub fn draw(buf: &mut Buffer, area: Rect, model: &Model, hits: &mut HitAreas, theme: Theme) {
    let history = &model.snapshot.history;
    let confirmed = history.iter().filter(|past| past.report.weight.is_some());
    let cost: f64 = history.iter().map(|past| past.report.cost_usd).sum();
    let note = format!(
        "{}, {} with weight, ${cost:.2}",
        counted(history.len(), "sprint"),
        confirmed.count()
    );
    let inner = pane_frame(buf, area, Pane::History, &note, model, theme);
    if history.is_empty() {
        let nothing = Line::styled("No sprint has ended yet.", theme.dim());
        return put_cut(buf, inner, vec![nothing]);
    }
    let height = usize::from(inner.height);
    let detail = if height > 2 * DETAIL { DETAIL } else { 1 };
    let visible = height.saturating_sub(1 + detail).max(1);
    let mut lines = vec![Line::styled(row(&HEAD.map(str::to_owned)), theme.dim())];
    let selected = model.history_index.min(history.len() - 1);
    let first = (selected + 1).saturating_sub(visible);
    for (place, past) in history.iter().rev().enumerate().skip(first).take(visible) {
        let style = outcome_style(past, theme);
        let style = if place == selected {
            style.patch(theme.selected())
        } else {
            style
        };
        hits.add_row(inner, lines.len(), HitTarget::Past(place));
        lines.push(Line::styled(row(&cells(past)), style));
    }
    if let Some(past) = model.selected_past() {
        lines.extend(told(past, theme).into_iter().take(detail));
    }
    put_cut(buf, inner, lines);
}

const HEAD: [&str; 9] = [
    "ended", "epoch", "outcome", "weight", "cost", "$/1000w", "conf.", "boot", "GPUs",
];
const WIDTHS: [usize; 9] = [11, 6, 10, 8, 8, 8, 6, 8, 20];

fn row(cells: &[String; 9]) -> String {
    let mut row = String::new();
    for (cell, wide) in cells.iter().zip(WIDTHS) {
        // Writing to a String cannot fail.
        let _ = write!(row, "{cell:<wide$.wide$} ");
    }
    row
}

fn cells(past: &PastSprintRow) -> [String; 9] {
    let report = &past.report;
    let boot = boot(past);
    [
        past.at.format("%m-%d %H:%M").to_string(),
        or_none(report.epoch),
        report.outcome.to_string(),
        or_none(report.weight),
        format!("${:.2}", report.cost_usd),
        or_none(
            report
                .usd_per_weight()
                .map(|usd| format!("{:.2}", 1000.0 * usd)),
        ),
        or_none(
            past.confirmation_ratio
                .map(|ratio| format!("{:.0}%", 100.0 * ratio)),
        ),
        or_none(boot.and_then(BootTimes::total).map(format::length)),
        or_none(boot.map(|boot| format!("{}x {}", boot.gpu_count, boot.gpu_name))),
    ]
}

fn counted(count: usize, what: &str) -> String {
    match count {
        1 => format!("1 {what}"),
        count => format!("{count} {what}s"),
    }
}

fn or_none(value: Option<impl ToString>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| value.to_string())
}

/// The successful boot, else the last one.
fn boot(past: &PastSprintRow) -> Option<&BootTimes> {
    let worked = past.boots.iter().find(|boot| boot.total().is_some());
    worked.or(past.boots.last())
}

fn outcome_style(past: &PastSprintRow, theme: Theme) -> Style {
    match past.report.outcome {
        _ if past.report.succeeded() => theme.ok(),
        OutcomeKind::Aborted | OutcomeKind::NotTried => theme.text(),
        _ => theme.bad(),
    }
}

/// Cause, times of steps and of boot stages.
fn told(past: &PastSprintRow, theme: Theme) -> Vec<Line<'static>> {
    let report = &past.report;
    let cause = report.cause.clone().unwrap_or_else(|| {
        let node = or_none(report.node.as_ref());
        format!("{}, node {node}", report.outcome)
    });
    let steps = Step::ALL.iter().copied().filter(|step| *step != Step::Done);
    let steps = steps.filter_map(|step| Some((step.name().to_owned(), report.time_in(step)?)));
    let stages = boot(past).map(BootTimes::durations).unwrap_or_default();
    let stages = stages
        .into_iter()
        .filter(|(stage, _)| *stage != BootStage::Ready)
        .map(|(stage, took)| (stage.to_string(), took));
    let times = |name: &'static str, times: Vec<(String, crate::domain::Duration)>| {
        let times = times.into_iter();
        let text: Vec<String> = times
            .map(|(what, took)| format!("{what} {}", format::roughly(took)))
            .collect();
        Line::from(vec![
            Span::styled(format!("{name} "), theme.accent()),
            Span::raw(text.join(", ")),
        ])
    };
    let rentals = past.boots.len();
    let machine = or_none(boot(past).map(|boot| boot.machine));
    let left = report.rentals_left.map_or_else(
        || "what is left is not known".to_owned(),
        |left| format!("{left} rentals left"),
    );
    vec![
        Line::styled(cause, theme.strong()),
        times("Steps", steps.collect()),
        times("Boot", stages.collect()),
        Line::styled(
            format!(
                "{} watched, machine {machine}, {left}; Enter shows its log",
                counted(rentals, "boot")
            ),
            theme.dim(),
        ),
    ]
}
