//! The list of all alerts, by root cause.

use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use crate::engine::{Alert, AlertLevel};
use crate::tui::attention::{AlertGroup, Rank, groups, loss_text};
use crate::tui::keymap::Action;
use crate::tui::model::Model;
use crate::tui::pane::Pane;
use crate::tui::theme::Theme;

use super::format::{self, count};
use super::top::look;
use super::widgets::{Canvas, box_area, popup};

const WIDTH: u16 = 100;

/// The label of a rank, reversed.
fn word(rank: Rank, theme: Theme) -> Span<'static> {
    let (word, style, _) = look(rank, theme);
    Span::styled(format!(" {word} "), theme.highlight(style))
}

pub fn draw_all(canvas: &mut Canvas<'_>, screen: Rect, scroll: usize) -> usize {
    let (model, theme) = (canvas.model, canvas.theme);
    let columns = usize::from(WIDTH.min(screen.width)).saturating_sub(6);
    let groups = groups(model);
    let mut lines = Vec::new();
    let loss = loss_text(model);
    if groups.is_empty() && loss.is_none() {
        lines.push(Line::styled("No alerts.", theme.ok()));
    }
    for group in &groups {
        lines.extend(in_full(group, columns, model, theme));
    }
    if let Some(text) = &loss {
        lines.extend(loss_lines(text, columns, canvas));
    }
    let critical = groups.iter().filter(|it| it.level == AlertLevel::Critical);
    let critical = match critical.count() {
        0 => String::new(),
        critical => format!(", {critical} CRITICAL"),
    };
    let title = format!(
        "{}{critical} ({} to close, j/k scroll)",
        count(groups.len() + usize::from(loss.is_some()), "alert"),
        canvas.key(Action::Alerts)
    );
    let area = box_area(screen, WIDTH, lines.len());
    popup(canvas.buf, area, &title, lines, scroll, theme)
}

/// What the last sprint lost, and where its log is.
fn loss_lines(text: &str, columns: usize, canvas: &Canvas<'_>) -> Vec<Line<'static>> {
    let theme = canvas.theme;
    let mut lines = vec![Line::from(word(Rank::Warning, theme))];
    let rows = format::wrap(text, columns);
    lines.extend(rows.into_iter().map(|row| Line::raw(format!("  {row}"))));
    let history = canvas.key(Action::Pane(Pane::History));
    let log = canvas.key(Action::Open);
    let advice = format!(
        "  {} {history}, {log}: the log of its rental",
        theme.glyph("→", "->")
    );
    lines.push(Line::styled(advice, theme.strong()));
    lines.push(Line::raw(""));
    lines
}

/// The cause in a line, its alerts, and what to do: once for all of them.
fn in_full(group: &AlertGroup, columns: usize, model: &Model, theme: Theme) -> Vec<Line<'static>> {
    let age = format::length(model.now() - group.since);
    let since = format::clock(group.since, model.now());
    let mut lines = vec![Line::from(vec![
        word(group.rank(), theme),
        Span::styled(format!(" for {age}, since {since}"), theme.dim()),
    ])];
    let rows = format::wrap(&group.line, columns);
    lines.extend(rows.into_iter().map(|row| Line::raw(format!("  {row}"))));
    for member in &group.members {
        lines.extend(member_lines(member, group, columns, theme));
    }
    let mut mark = theme.glyph("→", "->");
    for row in format::wrap(&group.remedy, columns) {
        lines.push(Line::styled(format!("  {mark:<2} {row}"), theme.strong()));
        mark = "";
    }
    lines.push(Line::raw(""));
    lines
}

/// An alert below its cause, unless the cause already says it; its own remedy where that is another one.
fn member_lines(
    alert: &Alert,
    group: &AlertGroup,
    columns: usize,
    theme: Theme,
) -> Vec<Line<'static>> {
    let says_it = group.members.len() == 1 && group.line.eq_ignore_ascii_case(&alert.text);
    let mut lines = Vec::new();
    if !says_it {
        let rows = format::wrap(&alert.text, columns.saturating_sub(4));
        lines.extend(
            rows.into_iter()
                .map(|row| Line::styled(format!("      {row}"), theme.dim())),
        );
    }
    if alert.advice.text != group.remedy {
        let rows = format::wrap(&alert.advice.text, columns.saturating_sub(4));
        lines.extend(
            rows.into_iter()
                .map(|row| Line::raw(format!("      {row}"))),
        );
    }
    lines
}
