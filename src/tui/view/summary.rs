//! The summary rows: what is being spent, the time to `PoC`, the step, and what the operator has to do.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use crate::domain::{Duration, GateKind, Mode, Step, UsdPerHour};
use crate::engine::{Alert, AlertLevel, CapSnapshot, WorldKind};
use crate::tui::keymap::{Action, Keymap};
use crate::tui::model::{Model, Role};
use crate::tui::theme::Theme;

use super::widgets::put_cut;
use super::{countdown, format};

/// Spans that are drawn together or not at all.
type Item = Vec<Span<'static>>;

/// Draws money and sprint, each in half of the rows.
pub fn draw(buf: &mut Buffer, area: Rect, model: &Model, keys: &Keymap, theme: Theme) {
    let rows = usize::from(area.height) / 2;
    let mut lines = pack(money(model, area.width, theme), area.width, rows);
    lines.extend(pack(
        sprint(model, keys, area.width, theme),
        area.width,
        rows,
    ));
    put_cut(buf, area, lines);
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

fn money(model: &Model, width: u16, theme: Theme) -> Vec<Item> {
    let mut items = who(model, width, theme);
    let money = &model.snapshot.money;
    let running = money.per_hour > UsdPerHour::ZERO;
    items.push(vec![if running {
        Span::styled(format!("  {}", money.per_hour), theme.warn())
    } else {
        Span::raw("  $0.00/h".to_owned())
    }]);
    items.push(vec![Span::raw(format!("  spent {}", money.sprint))]);
    if let Some(until) = paid_until(model) {
        items.push(vec![
            Span::styled("  until ", theme.dim()),
            Span::raw(until),
        ]);
    }
    // The tightest cap first: not all of them may fit.
    let mut caps: Vec<&CapSnapshot> = money.caps.iter().collect();
    caps.sort_by_key(|cap| cap.limit.left_after(cap.used));
    let mut before = Some(Span::styled("  left", theme.dim()));
    for cap in caps {
        items.push(
            before
                .take()
                .into_iter()
                .chain([cap_span(cap, theme)])
                .collect(),
        );
    }
    if let Some(credit) = money.credit {
        items.push(vec![Span::styled(
            format!("  credit {credit}"),
            theme.dim(),
        )]);
    }
    items
}

fn who(model: &Model, width: u16, theme: Theme) -> Vec<Item> {
    let mut items = Vec::new();
    if width >= 100 {
        items.push(vec![Span::styled(" pocpit ", theme.selected())]);
    }
    match model.role {
        Role::Driver => {}
        Role::Viewer { driver } => items.push(vec![Span::styled(
            format!(" VIEWER of {driver} "),
            theme.selected(),
        )]),
        Role::Orphaned { driver } => items.push(vec![Span::styled(
            format!(" VIEWER, {driver} HAS ENDED "),
            theme.selected(),
        )]),
    }
    if let WorldKind::Simulated { speed } = model.snapshot.world {
        items.push(vec![Span::styled(
            format!(" DEMO x{speed:.0}"),
            theme.warn(),
        )]);
    }
    items.push(vec![match model.snapshot.mode {
        Mode::Manual => Span::styled(" MANUAL", theme.strong()),
        Mode::Auto => Span::styled(" AUTO", theme.accent()),
    }]);
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
    let at = planned
        .unwrap_or(rental.lease_until)
        .min(rental.lease_until);
    Some(at.format("%H:%M UTC").to_string())
}

fn sprint(model: &Model, keys: &Keymap, width: u16, theme: Theme) -> Vec<Item> {
    let snapshot = &model.snapshot;
    let mut items = vec![until_poc(model, width, theme), step(model, theme)];
    items.push(wanted(model, keys, theme));
    if let Some(rental) = &snapshot.rental
        && let Some(ready) = rental.boot.ready_at
    {
        let left = format::length(ready - model.now());
        items.push(vec![Span::styled(
            format!("  ready in {left}"),
            theme.dim(),
        )]);
    }
    items
}

/// `PoC 2h 16m ±2m`, or the phase of the chain.
fn until_poc(model: &Model, width: u16, theme: Theme) -> Item {
    let Some(reading) = &model.snapshot.chain.reading else {
        return vec![Span::styled(" PoC ? chain not read yet", theme.warn())];
    };
    let now = model.now();
    let left = reading.poc_start.blocks_left;
    if left.0 == 0 {
        let phase = format::phase(reading.view.phase);
        return vec![Span::styled(format!(" {phase} now"), theme.strong())];
    }
    let mut spans = vec![Span::styled(" PoC ", theme.dim())];
    match reading.poc_start.expected {
        None => spans.push(Span::styled(format!("in {left} blocks"), theme.strong())),
        Some(band) => {
            let text = format::band(band, now, theme.glyph("±", "+-"));
            let short = text
                .split_once(" (")
                .map_or(text.as_str(), |(short, _)| short);
            let text = if width < 100 { short } else { &text };
            spans.push(Span::styled(text.to_owned(), theme.strong()));
        }
    }
    if now - reading.at > countdown::STALE {
        let age = format::length(now - reading.at);
        spans.push(Span::styled(format!(" STALE {age}"), theme.warn()));
    }
    spans
}

fn step(model: &Model, theme: Theme) -> Item {
    let sprint = &model.snapshot.sprint;
    let span = sprint
        .spans
        .iter()
        .rev()
        .find(|span| span.step == sprint.step);
    let lasts = span
        .filter(|_| sprint.step != Step::Done)
        .map_or_else(String::new, |span| {
            format!(" {}", format::roughly(model.now() - span.started))
        });
    let name = sprint.step.name().to_uppercase();
    vec![
        Span::styled(format!("  {name}"), theme.accent()),
        Span::raw(lasts),
    ]
}

/// What only the operator can do, elsewhere and now: it must not need a key to be read.
fn by_hand(alerts: &[Alert]) -> Option<&str> {
    let mut critical = alerts
        .iter()
        .filter(|alert| alert.level == AlertLevel::Critical);
    critical.find_map(|alert| {
        let command = alert.advice.command.as_deref()?;
        // Ours are what the cockpit's own keys do.
        (!command.starts_with("pocpit")).then_some(command)
    })
}

/// What the operator has to do.
fn wanted(model: &Model, keys: &Keymap, theme: Theme) -> Item {
    let sprint = &model.snapshot.sprint;
    if let Some(command) = by_hand(&model.snapshot.alerts) {
        return vec![Span::styled(format!("  RUN {command}"), theme.bad())];
    }
    let Some(gate) = &sprint.gate else {
        let text = match (sprint.step, model.role) {
            (Step::Done, Role::Driver) => {
                return vec![Span::styled(
                    format!("  {} starts the next", keys.key_of(Action::Start)),
                    theme.accent(),
                )];
            }
            _ => "  wants nothing",
        };
        return vec![Span::styled(text, theme.dim())];
    };
    let left = gate.until.map_or_else(String::new, |until| {
        format!(
            ", {} left",
            format::length((until - model.now()).max(Duration::zero()))
        )
    });
    vec![
        Span::raw("  "),
        Span::styled(
            format!(
                " GATE {}: {}{left} ",
                gate.kind,
                how(gate.kind, model, keys)
            ),
            theme.highlight(theme.warn()),
        ),
    ]
}

pub fn how(kind: GateKind, model: &Model, keys: &Keymap) -> String {
    match kind {
        _ if model.role != Role::Driver => "its driver decides".to_owned(),
        GateKind::Start => format!("{} starts", keys.key_of(Action::Start)),
        GateKind::Rent | GateKind::Hedge => "3, pick, Enter".to_owned(),
        GateKind::Register | GateKind::Release => {
            format!("{} approves", keys.key_of(Action::Approve))
        }
    }
}
