//! The summary rows: money, time to `PoC`, step, and what the operator has to do.

use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use crate::domain::{Duration, GateKind, Mode, Step, UsdPerHour};
use crate::engine::{Alert, AlertLevel, CapSnapshot, WorldKind};
use crate::tui::keymap::Action;
use crate::tui::model::{Model, Role};
use crate::tui::theme::Theme;

use super::widgets::{Canvas, put_cut};
use super::{countdown, format};

/// Spans that are drawn together or not at all.
type Item = Vec<Span<'static>>;

/// Draws money and sprint, each in half of the rows.
pub fn draw(canvas: &mut Canvas<'_>, area: Rect) {
    let rows = usize::from(area.height) / 2;
    let (money, sprint) = (money(canvas, area.width), sprint(canvas, area.width));
    let mut lines = pack(money, area.width, rows);
    lines.extend(pack(sprint, area.width, rows));
    put_cut(canvas.buf, area, lines);
}

fn item(text: impl Into<String>, style: Style) -> Item {
    vec![Span::styled(text.into(), style)]
}

/// Rows of items, up to the first that does not fit: half a number is worse than none, and later items
/// matter less.
fn pack(items: Vec<Item>, width: u16, rows: usize) -> Vec<Line<'static>> {
    let width = usize::from(width);
    let mut lines = vec![Line::default()];
    for item in items {
        let wide: usize = item.iter().map(Span::width).sum();
        let used = lines.last().map_or(0, Line::width);
        if used + wide <= width {
            if let Some(line) = lines.last_mut() {
                line.spans.extend(item);
            }
        } else if lines.len() < rows && wide <= width {
            lines.push(Line::from(item));
        } else {
            break;
        }
    }
    lines.resize(rows, Line::default());
    lines
}

fn money(canvas: &Canvas<'_>, width: u16) -> Vec<Item> {
    let (model, theme) = (canvas.model, canvas.theme);
    let money = &model.snapshot.money;
    let mut items = identity(model, width, theme);
    items.push(if money.per_hour > UsdPerHour::ZERO {
        item(format!("  {}", money.per_hour), theme.warn())
    } else {
        item("  $0.00/h", theme.text())
    });
    items.push(item(format!("  spent {}", money.sprint), theme.text()));
    items.extend(paid_until(model).map(|until| {
        let label = Span::styled("  until ", theme.dim());
        vec![label, Span::raw(until)]
    }));
    // The tightest cap first: not all of them may fit.
    let mut caps: Vec<&CapSnapshot> = money.caps.iter().collect();
    caps.sort_by_key(|cap| cap.limit.left_after(cap.used));
    let mut caps: Vec<Item> = caps.iter().map(|cap| vec![cap_span(cap, theme)]).collect();
    if let Some(first) = caps.first_mut() {
        first.insert(0, Span::styled("  left", theme.dim()));
    }
    items.append(&mut caps);
    let credit = money.credit.map(|credit| format!("  credit {credit}"));
    items.extend(credit.map(|text| item(text, theme.dim())));
    items
}

/// Which cockpit of which world this is, and its mode.
fn identity(model: &Model, width: u16, theme: Theme) -> Vec<Item> {
    let name = (width >= 100).then(|| " pocpit ".to_owned());
    let role = match model.role {
        Role::Driver => None,
        Role::Viewer { driver } => Some(format!(" attached to pid {driver} ")),
        Role::Orphaned { driver } => Some(format!(" MAIN COCKPIT {driver} EXITED ")),
    };
    let labels = name.into_iter().chain(role);
    let mut items: Vec<Item> = labels.map(|text| item(text, theme.selected())).collect();
    if let WorldKind::Simulated { speed } = model.snapshot.world {
        items.push(item(format!(" DEMO x{speed:.0}"), theme.warn()));
    }
    items.push(match model.snapshot.mode {
        Mode::Manual => item(" MANUAL", theme.strong()),
        Mode::Auto => item(" AUTO", theme.accent()),
    });
    items
}

fn cap_span(cap: &CapSnapshot, theme: Theme) -> Span<'static> {
    let left = cap.limit.left_after(cap.used);
    let low = left.0 < cap.limit.0 / 10;
    let style = if low { theme.bad() } else { theme.text() };
    Span::styled(format!(" {} {left}", cap.name), style)
}

/// End of the costs: the planned release, at the latest the end of the lease.
fn paid_until(model: &Model) -> Option<String> {
    let rental = model.snapshot.rental.as_ref()?;
    let planned = model.snapshot.sprint.release_at.map(|band| band.p50);
    let lease = rental.lease_until;
    Some(format::clock(planned.map_or(lease, |at| at.min(lease))))
}

fn sprint(canvas: &Canvas<'_>, width: u16) -> Vec<Item> {
    let (model, theme) = (canvas.model, canvas.theme);
    let rental = model.snapshot.rental.as_ref();
    let ready = rental.and_then(|rental| rental.boot.ready_at);
    let ready = ready.map(|at| format!("  ready in {}", format::length(at - model.now())));
    let mut items = vec![
        until_poc(model, width, theme),
        step(model, theme),
        todo(canvas),
    ];
    items.extend(ready.map(|text| item(text, theme.dim())));
    items
}

/// `PoC 2h 16m ±2m`, or the phase of the chain.
fn until_poc(model: &Model, width: u16, theme: Theme) -> Item {
    let Some(reading) = &model.snapshot.chain.reading else {
        return item(" PoC ? chain not read yet", theme.warn());
    };
    let now = model.now();
    let left = reading.poc_start.blocks_left;
    if left.0 == 0 {
        let phase = format::phase(reading.view.phase);
        return item(format!(" {phase} now"), theme.strong());
    }
    let when = match reading.poc_start.expected {
        None => format!("in {left} blocks"),
        Some(band) => format::band(band, now, theme.glyph("±", "+-")),
    };
    let when = match when.split_once(" (") {
        Some((length, _)) if width < 100 => length.to_owned(),
        _ => when,
    };
    let mut spans = item(" PoC ", theme.dim());
    spans.push(Span::styled(when, theme.strong()));
    if now - reading.at > countdown::STALE {
        let age = format::length(now - reading.at);
        spans.push(Span::styled(format!(" STALE {age}"), theme.warn()));
    }
    spans
}

fn step(model: &Model, theme: Theme) -> Item {
    let sprint = &model.snapshot.sprint;
    let mut spans = sprint.spans.iter().rev();
    let span = spans.find(|span| span.step == sprint.step && sprint.step != Step::Done);
    let lasts = span.map(|span| format::roughly(model.now() - span.started));
    let lasts = lasts.map_or_else(String::new, |time| format!(" {time}"));
    let mut spans = item(
        format!("  {}", sprint.step.name().to_uppercase()),
        theme.accent(),
    );
    spans.push(Span::raw(lasts));
    spans
}

/// A command that only the operator can run, elsewhere and now: it must not need a key to be read.
fn by_hand(alerts: &[Alert]) -> Option<&str> {
    let mut critical = alerts.iter().filter(|it| it.level == AlertLevel::Critical);
    critical.find_map(|alert| {
        let command = alert.advice.command.as_deref()?;
        // Ours are what the cockpit's own keys do.
        (!command.starts_with("pocpit")).then_some(command)
    })
}

/// What the operator has to do.
fn todo(canvas: &Canvas<'_>) -> Item {
    let (model, theme) = (canvas.model, canvas.theme);
    let sprint = &model.snapshot.sprint;
    if let Some(command) = by_hand(&model.snapshot.alerts) {
        return item(format!("  RUN {command}"), theme.bad());
    }
    let Some(gate) = &sprint.gate else {
        if sprint.step == Step::Done && model.role == Role::Driver {
            let key = canvas.key(Action::Start);
            return item(format!("  {key}: start the next sprint"), theme.accent());
        }
        return item("  nothing to do", theme.dim());
    };
    let left = gate
        .until
        .map(|until| (until - model.now()).max(Duration::zero()));
    let left = left.map(|left| format!(", {} left", format::length(left)));
    let how = how(gate.kind, canvas);
    let text = format!(" GATE {}: {how}{} ", gate.kind, left.unwrap_or_default());
    vec![
        Span::raw("  "),
        Span::styled(text, theme.highlight(theme.warn())),
    ]
}

/// How a gate is passed.
pub fn how(kind: GateKind, canvas: &Canvas<'_>) -> String {
    match (kind, canvas.model.role) {
        (_, Role::Orphaned { .. }) => "the main cockpit has exited".to_owned(),
        (GateKind::Start, _) => format!("{} starts", canvas.key(Action::Start)),
        (GateKind::Rent | GateKind::Hedge, _) => "3 then Enter".to_owned(),
        (GateKind::Register | GateKind::Release, _) => {
            format!("{} approves", canvas.key(Action::Approve))
        }
    }
}
