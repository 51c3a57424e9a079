//! Header, alert line, tabs, footer and help: what frames the panes.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use crate::domain::{Duration, Mode};
use crate::engine::{Alert, AlertLevel, CapSnapshot, WorldKind};
use crate::tui::keymap::{self, BINDINGS, Context};
use crate::tui::layout::centered;
use crate::tui::model::{Model, Pane, Role};
use crate::tui::theme::Theme;

use super::{popup, put, put_cut, words};

/// An engine publishes every second; a viewer that hears nothing for longer than this says so.
const SILENCE: Duration = Duration::seconds(5);

/// World, mode and money.
pub fn header(buf: &mut Buffer, area: Rect, model: &Model, theme: Theme) {
    put_cut(
        buf,
        area,
        vec![Line::from(header_spans(model, area.width, theme))],
    );
}

fn header_spans(model: &Model, width: u16, theme: Theme) -> Vec<Span<'static>> {
    let snapshot = &model.snapshot;
    let mut spans = Vec::new();
    if width >= 80 {
        spans.push(Span::styled(" pocpit ", theme.selected()));
    }
    match model.role {
        Role::Driver => {}
        Role::Viewer { driver } => {
            spans.push(Span::styled(
                format!(" VIEWER of {driver} "),
                theme.selected(),
            ));
        }
        Role::LeftBehind { driver } => {
            let text = format!(" VIEWER, {driver} HAS ENDED ");
            spans.push(Span::styled(text, theme.selected()));
        }
    }
    if let WorldKind::Simulated { speed } = snapshot.world {
        spans.push(Span::styled(format!(" DEMO x{speed:.0}"), theme.warn()));
    }
    let mode = match snapshot.mode {
        Mode::Manual => Span::styled(" MANUAL", theme.strong()),
        Mode::Auto => Span::styled(" AUTO", theme.accent()),
    };
    spans.push(mode);
    let money = &snapshot.money;
    let running = money.per_hour > crate::domain::UsdPerHour::ZERO;
    spans.push(Span::styled(
        format!("  {}", money.per_hour),
        if running { theme.warn() } else { theme.text() },
    ));
    spans.push(Span::raw(format!("  spent {}", money.sprint)));
    if !money.caps.is_empty() {
        spans.push(Span::styled("  left", theme.dim()));
    }
    // Where not all caps fit, the tightest is the one that matters.
    let mut caps: Vec<_> = money.caps.iter().collect();
    if width < 80 || caps.len() > 3 {
        caps.sort_by_key(|cap| cap.limit.left_after(cap.used));
        caps.truncate(1);
    }
    let mut rest: Vec<Span<'static>> = caps.into_iter().map(|cap| cap_span(cap, theme)).collect();
    if let Some(credit) = money.credit.filter(|_| width >= 100) {
        rest.push(Span::styled(format!("  credit {credit}"), theme.dim()));
    }
    let mut room = usize::from(width).saturating_sub(spans.iter().map(Span::width).sum());
    for span in rest {
        // Half a number is worse than none.
        if let Some(left) = room.checked_sub(span.width()) {
            room = left;
            spans.push(span);
        }
    }
    spans
}

fn cap_span(cap: &CapSnapshot, theme: Theme) -> Span<'static> {
    let left = cap.limit.left_after(cap.used);
    let low = left.0 < cap.limit.0 / 10;
    let style = if low { theme.bad() } else { theme.text() };
    Span::styled(format!(" {} {left}", cap.name), style)
}

/// What the operator must see first: a toast, then the worst alert.
pub fn alert(buf: &mut Buffer, area: Rect, model: &Model, theme: Theme) {
    let line = alert_line(model, theme);
    let is_cut = line.width() > usize::from(area.width);
    put_cut(buf, area, vec![line]);
    // Half a sentence must not look like a whole one.
    if let Some(last) = area.right().checked_sub(1).filter(|_| is_cut)
        && let Some(cell) = buf.cell_mut((last, area.y))
    {
        cell.set_symbol(theme.glyph("…", ">"));
    }
}

fn alert_line(model: &Model, theme: Theme) -> Line<'static> {
    if model.leaving {
        return Line::styled(
            " Releasing everything; the cockpit closes when nothing is left.",
            theme.warn(),
        );
    }
    if let Role::LeftBehind { driver } = model.role {
        let text =
            format!(" Process {driver} has ended; this is the last that it showed. q quits.");
        return Line::styled(text, theme.bad());
    }
    if let Role::Viewer { driver } = model.role
        && model.since_snapshot > SILENCE
    {
        let text = format!(
            " No word from process {driver} for {}: it may be suspended. What is shown is old.",
            words::length(model.since_snapshot)
        );
        return Line::styled(text, theme.bad());
    }
    // What costs money now is not covered by an answer to a key.
    let critical = |alert: &Alert| alert.level == AlertLevel::Critical;
    let covered = !model.snapshot.alerts.first().is_some_and(critical);
    if let Some((text, _)) = model.toast.as_ref().filter(|_| covered) {
        return Line::styled(format!(" {} {text}", theme.glyph("›", ">")), theme.accent());
    }
    let Some(worst) = model.snapshot.alerts.first() else {
        return Line::styled(" no alerts", theme.dim());
    };
    let (word, style) = match worst.level {
        AlertLevel::Notice => ("NOTICE", theme.accent()),
        AlertLevel::Warning => ("WARNING", theme.warn()),
        AlertLevel::Critical => ("CRITICAL", theme.bad()),
    };
    let more = match model.snapshot.alerts.len() {
        0 | 1 => String::new(),
        n => format!(" (+{})", n - 1),
    };
    Line::from(vec![
        Span::styled(format!(" {word}{more} "), style),
        Span::raw(worst.text.clone()),
        Span::styled(
            format!("  {} {}", theme.glyph("→", "->"), worst.advice),
            theme.strong(),
        ),
    ])
}

/// Names of the panes, the shown one marked.
pub fn tabs(buf: &mut Buffer, area: Rect, model: &Model, theme: Theme) {
    if area.is_empty() {
        return;
    }
    let spans = Pane::ALL.iter().map(|&pane| {
        let shown = area.width >= 76 || pane == model.focus || pane == model.work;
        let title = if shown { pane.title() } else { "" };
        let text = format!(" {} {title} ", pane.index() + 1);
        let style = if pane == model.focus {
            theme.selected()
        } else if pane == model.work {
            theme.accent()
        } else {
            theme.dim()
        };
        Span::styled(text, style)
    });
    put_cut(buf, area, vec![Line::from(spans.collect::<Vec<_>>())]);
}

/// Keys that work now, help and quit first so that they are never cut.
pub fn footer(buf: &mut Buffer, area: Rect, model: &Model, theme: Theme) {
    let mut spans: Vec<Span<'_>> = Vec::new();
    let (tail, head): (Vec<&keymap::Binding>, Vec<&keymap::Binding>) = keymap::hints(model)
        .partition(|b| matches!(b.action, keymap::Action::Help | keymap::Action::Quit));
    for binding in tail.into_iter().chain(head) {
        let key = binding
            .keys
            .first()
            .map(|key| key.name())
            .unwrap_or_default();
        let style = if binding.danger {
            theme.warn()
        } else {
            theme.accent()
        };
        let key = Span::styled(format!(" {key}"), style);
        let hint = Span::styled(format!(" {} ", binding.hint), theme.text());
        let used: usize = spans.iter().map(Span::width).sum();
        // The last hint may lose its space, but no letter. The help has them all.
        if used + key.width() + hint.width() > usize::from(area.width) + 1 {
            continue;
        }
        spans.extend([key, hint]);
    }
    put_cut(buf, area, vec![Line::from(spans)]);
}

/// Everything that matters in the little there is.
pub fn tiny(buf: &mut Buffer, area: Rect, model: &Model, theme: Theme) {
    let snapshot = &model.snapshot;
    let left = snapshot.chain.reading.as_ref().map_or_else(
        || "no chain yet".to_owned(),
        |r| format!("{} blocks to PoC", r.poc_start.blocks_left),
    );
    let gate = model
        .gate()
        .map(|g| format!(" GATE {g}"))
        .unwrap_or_default();
    let viewer = match model.role {
        Role::Driver => "",
        Role::Viewer { .. } | Role::LeftBehind { .. } => "VIEWER ",
    };
    let mut lines = vec![Line::styled(
        format!(
            "{viewer}{}{gate} {} {left}",
            snapshot.sprint.step, snapshot.money.per_hour
        ),
        theme.strong(),
    )];
    if area.height > 1 {
        lines.push(alert_line(model, theme));
        lines.push(Line::styled(
            "60x16 is the least for the panes",
            theme.dim(),
        ));
    }
    put(buf, area, lines);
}

/// The help, from the table of keys.
pub fn help(buf: &mut Buffer, screen: Rect, model: &Model, theme: Theme) {
    let mut lines = Vec::new();
    for context in Context::ALL {
        lines.push(Line::styled(context.title(), theme.accent()));
        for binding in BINDINGS.iter().filter(|b| b.context == context) {
            let why = if model.role != Role::Driver && binding.action.commands() {
                Some("not in a viewer")
            } else if model.dialog.is_none() && context == Context::Global {
                (binding.blocked)(model)
            } else {
                None
            };
            let mut spans = vec![
                Span::styled(format!("  {:<16}", binding.key_names()), theme.strong()),
                Span::raw(binding.help),
            ];
            if let Some(why) = why {
                spans.push(Span::styled(format!(" [{why}]"), theme.dim()));
            }
            lines.push(Line::from(spans));
        }
    }
    let area = centered(screen, 96, screen.height.saturating_sub(2));
    let title = format!("Keys of pocpit ({} to close, j/k scroll)", words::HELP_KEY);
    popup(buf, area, &title, lines, model.help_scroll, theme);
}
