//! The alert line, and the list of all alerts.

use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use crate::domain::Duration;
use crate::engine::{Alert, AlertLevel, NodeOwner, Snapshot};
use crate::tui::keymap::Action;
use crate::tui::model::{Model, Role};
use crate::tui::theme::Theme;

use super::format::{self, count};
use super::widgets::{Canvas, box_area, popup, put_cut};

/// An engine publishes every second; after this time a viewer reports silence.
const SILENCE: Duration = Duration::seconds(5);
const WIDTH: u16 = 100;

fn named(level: AlertLevel, theme: Theme) -> (&'static str, Style) {
    match level {
        AlertLevel::Notice => ("NOTICE", theme.accent()),
        AlertLevel::Warning => ("WARNING", theme.warn()),
        AlertLevel::Critical => ("CRITICAL", theme.bad()),
    }
}

/// Draws the most important message and the number of other alerts.
pub fn draw_line(canvas: &mut Canvas<'_>, area: Rect) {
    let (line, bar) = line(canvas.model, canvas.theme);
    let is_cut = line.width() > usize::from(area.width);
    let more = more(canvas, is_cut);
    let (buf, theme) = (&mut *canvas.buf, canvas.theme);
    if let Some(style) = bar {
        buf.set_style(area, style);
    }
    put_cut(buf, area, [line]);
    let columns = u16::try_from(more.chars().count()).unwrap_or(u16::MAX);
    let start = area.right().saturating_sub(columns).max(area.x);
    // Mark a cut sentence.
    if let Some(last) = start.checked_sub(1).filter(|_| is_cut)
        && let Some(cell) = buf.cell_mut((last, area.y))
    {
        cell.set_symbol(theme.glyph("…", ">"));
    }
    let style = bar.unwrap_or_default().patch(theme.strong());
    buf.set_stringn(start, area.y, &more, usize::from(area.width), style);
}

/// The end of the line: other alerts, and the key of the list.
fn more(canvas: &Canvas<'_>, is_cut: bool) -> String {
    let key = canvas.key(Action::Alerts);
    match canvas.model.snapshot.alerts.len() {
        1 if is_cut => format!(" {key}: details "),
        0 | 1 => String::new(),
        all => format!(" +{} {key} ", all - 1),
    }
}

/// The line, and the style of its row where that is a bar.
pub fn line(model: &Model, theme: Theme) -> (Line<'static>, Option<Style>) {
    let bar = theme.highlight(theme.bad());
    if model.quitting {
        return (Line::styled(quitting(&model.snapshot), theme.warn()), None);
    }
    if let Role::Orphaned { driver } = model.role {
        let text =
            format!(" The main cockpit (pid {driver}) has exited; this view is frozen. q quits.");
        return (Line::styled(text, bar), Some(bar));
    }
    if let Role::Viewer { driver } = model.role
        && model.since_snapshot > SILENCE
    {
        let silent = format::length(model.since_snapshot);
        let text = format!(
            " No data from the main cockpit (pid {driver}) for {silent}; it may be suspended."
        );
        return (Line::styled(text, bar), Some(bar));
    }
    let worst = model.snapshot.alerts.first();
    // A toast does not cover a critical alert.
    let is_critical = worst.is_some_and(|alert| alert.level == AlertLevel::Critical);
    if let Some(toast) = model.toast.as_ref().filter(|_| !is_critical) {
        let text = format!(" {} {}", theme.glyph("›", ">"), toast.text);
        return (Line::styled(text, theme.accent()), None);
    }
    let Some(worst) = worst else {
        let text = format!(" {} no alerts", theme.glyph("✓", "ok:"));
        return (Line::styled(text, theme.ok()), None);
    };
    let (word, style) = named(worst.level, theme);
    let bar = is_critical.then_some(bar);
    let (text, strong) = bar.map_or((theme.text(), theme.strong()), |bar| (bar, bar));
    let advice = format!("  {} {}", theme.glyph("→", "->"), worst.advice.text);
    let line = Line::from(vec![
        Span::styled(format!(" {word} "), theme.highlight(style)),
        Span::styled(format!(" {}", worst.text), text),
        Span::styled(advice, strong),
    ]);
    (line, bar)
}

fn quitting(snapshot: &Snapshot) -> String {
    let rentals = [&snapshot.rental, &snapshot.hedge]
        .into_iter()
        .flatten()
        .count();
    let nodes = snapshot.nodes.rows.iter();
    let registrations = nodes.filter(|row| row.owner == NodeOwner::Sprint).count();
    if rentals + registrations == 0 {
        // A rent call in flight may still give a rental.
        return " Quitting: the cockpit closes when everything is released".to_owned();
    }
    format!(
        " Quitting: {} and {} to release",
        count(rentals, "rental"),
        count(registrations, "registration")
    )
}

pub fn draw_all(canvas: &mut Canvas<'_>, screen: Rect, scroll: usize) -> usize {
    let (model, theme) = (canvas.model, canvas.theme);
    let columns = usize::from(WIDTH.min(screen.width)).saturating_sub(6);
    let alerts = &model.snapshot.alerts;
    let mut lines = Vec::new();
    if alerts.is_empty() {
        lines.push(Line::styled("No alerts.", theme.ok()));
    }
    for alert in alerts {
        lines.extend(in_full(alert, columns, model, theme));
    }
    let critical = alerts.iter().filter(|it| it.level == AlertLevel::Critical);
    let critical = match critical.count() {
        0 => String::new(),
        critical => format!(", {critical} CRITICAL"),
    };
    let title = format!(
        "{}{critical} ({} to close, j/k scroll)",
        count(alerts.len(), "alert"),
        canvas.key(Action::Alerts)
    );
    let area = box_area(screen, WIDTH, lines.len());
    popup(canvas.buf, area, &title, lines, scroll, theme)
}

fn in_full(alert: &Alert, columns: usize, model: &Model, theme: Theme) -> Vec<Line<'static>> {
    let (word, style) = named(alert.level, theme);
    let age = format::length(model.now() - alert.since);
    let since = format::clock(alert.since);
    let mut lines = vec![Line::from(vec![
        Span::styled(format!(" {word} "), theme.highlight(style)),
        Span::styled(format!(" for {age}, since {since}"), theme.dim()),
    ])];
    let rows = format::wrap(&alert.text, columns);
    lines.extend(rows.into_iter().map(|row| Line::raw(format!("  {row}"))));
    let mut mark = theme.glyph("→", "->");
    for row in format::wrap(&alert.advice.text, columns) {
        lines.push(Line::styled(format!("  {mark:<2} {row}"), theme.strong()));
        mark = "";
    }
    lines.push(Line::raw(""));
    lines
}
