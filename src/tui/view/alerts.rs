//! The alert line, and the list of all alerts.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use crate::domain::Duration;
use crate::engine::{Alert, AlertLevel};
use crate::tui::keymap::{Action, Keymap};
use crate::tui::layout::centered;
use crate::tui::model::{Model, Role};
use crate::tui::theme::Theme;

use super::format;
use super::widgets::{popup, put_cut};

/// An engine publishes every second; after this time a viewer reports silence.
const SILENCE: Duration = Duration::seconds(5);

fn named(level: AlertLevel, theme: Theme) -> (&'static str, Style) {
    match level {
        AlertLevel::Notice => ("NOTICE", theme.accent()),
        AlertLevel::Warning => ("WARNING", theme.warn()),
        AlertLevel::Critical => ("CRITICAL", theme.bad()),
    }
}

/// Draws the most important message and the number of other alerts.
pub fn draw_line(buf: &mut Buffer, area: Rect, model: &Model, keys: &Keymap, theme: Theme) {
    let (line, bar) = line(model, theme);
    let is_cut = line.width() > usize::from(area.width);
    if let Some(style) = bar {
        buf.set_style(area, style);
    }
    put_cut(buf, area, vec![line]);
    let more = more(model, keys, is_cut);
    let columns = u16::try_from(more.chars().count()).unwrap_or(u16::MAX);
    let start = area.right().saturating_sub(columns).max(area.x);
    // Mark a cut sentence.
    if let Some(last) = start.checked_sub(1).filter(|_| is_cut)
        && let Some(cell) = buf.cell_mut((last, area.y))
    {
        cell.set_symbol(theme.glyph("…", ">"));
    }
    buf.set_stringn(
        start,
        area.y,
        &more,
        usize::from(area.width),
        bar.unwrap_or_default().patch(theme.strong()),
    );
}

/// The end of the line: other alerts, and the key of the list.
fn more(model: &Model, keys: &Keymap, is_cut: bool) -> String {
    let alerts = model.snapshot.alerts.len();
    let key = keys.key_of(Action::Alerts);
    match alerts {
        0 => String::new(),
        1 if is_cut => format!(" {key} all of it "),
        1 => String::new(),
        _ => format!(" +{} more: {key} ", alerts - 1),
    }
}

/// The line, and the style of its row where that is a bar.
pub fn line(model: &Model, theme: Theme) -> (Line<'static>, Option<Style>) {
    let bar = theme.highlight(theme.bad());
    if model.quitting {
        let text = " Releasing everything; the cockpit closes when nothing is left.";
        return (Line::styled(text, theme.warn()), None);
    }
    if let Role::Orphaned { driver } = model.role {
        let text =
            format!(" Process {driver} has ended; this is the last that it showed. q quits.");
        return (Line::styled(text, bar), Some(bar));
    }
    if let Role::Viewer { driver } = model.role
        && model.since_snapshot > SILENCE
    {
        let text = format!(
            " No word from process {driver} for {}: it may be suspended. What is shown is old.",
            format::length(model.since_snapshot)
        );
        return (Line::styled(text, bar), Some(bar));
    }
    // A toast does not cover a critical alert.
    let critical = |alert: &Alert| alert.level == AlertLevel::Critical;
    let may_cover = !model.snapshot.alerts.first().is_some_and(critical);
    if let Some(toast) = model.toast.as_ref().filter(|_| may_cover) {
        let text = format!(" {} {}", theme.glyph("›", ">"), toast.text);
        return (Line::styled(text, theme.accent()), None);
    }
    let Some(worst) = model.snapshot.alerts.first() else {
        let text = format!(" {} no alerts", theme.glyph("✓", "ok:"));
        return (Line::styled(text, theme.ok()), None);
    };
    let (word, style) = named(worst.level, theme);
    let bar = critical(worst).then_some(bar);
    let (text, strong) = match bar {
        Some(bar) => (bar, bar),
        None => (theme.text(), theme.strong()),
    };
    let line = Line::from(vec![
        Span::styled(format!(" {word} "), theme.highlight(style)),
        Span::styled(format!(" {}", worst.text), text),
        Span::styled(
            format!("  {} {}", theme.glyph("→", "->"), worst.advice.text),
            strong,
        ),
    ]);
    (line, bar)
}

pub fn draw_all(
    buf: &mut Buffer,
    screen: Rect,
    model: &Model,
    keys: &Keymap,
    scroll: u16,
    theme: Theme,
) {
    let columns = usize::from(WIDTH.min(screen.width)).saturating_sub(6);
    let alerts = &model.snapshot.alerts;
    let mut lines = Vec::new();
    if alerts.is_empty() {
        lines.push(Line::styled("Nothing is wrong.", theme.ok()));
    }
    for alert in alerts {
        lines.extend(in_full(alert, columns, model, theme));
    }
    let title = format!(
        "{} ({} to close, j/k scroll)",
        counted(alerts),
        keys.key_of(Action::Alerts)
    );
    let most = screen.height.saturating_sub(2);
    let height = u16::try_from(lines.len() + 2).map_or(most, |height| height.min(most));
    let area = centered(screen, WIDTH, height);
    popup(buf, area, &title, lines, scroll, theme);
}

const WIDTH: u16 = 100;

fn counted(alerts: &[Alert]) -> String {
    let critical = alerts
        .iter()
        .filter(|alert| alert.level == AlertLevel::Critical)
        .count();
    let all = match alerts.len() {
        1 => "1 alert".to_owned(),
        count => format!("{count} alerts"),
    };
    match critical {
        0 => all,
        critical => format!("{all}, {critical} CRITICAL"),
    }
}

fn in_full(alert: &Alert, columns: usize, model: &Model, theme: Theme) -> Vec<Line<'static>> {
    let (word, style) = named(alert.level, theme);
    let age = format::length(model.now() - alert.since);
    let since = alert.since.format("%H:%M UTC");
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
