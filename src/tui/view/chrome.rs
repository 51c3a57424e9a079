//! Tabs, footer, help, and the status line of a tiny screen.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use crate::tui::hit_areas::{HitAreas, HitTarget};
use crate::tui::keymap::{Action, Binding, Context, Keymap, disabled_reason};
use crate::tui::layout::centered;
use crate::tui::model::{Model, Role};
use crate::tui::pane::Pane;
use crate::tui::theme::Theme;

use super::widgets::{popup, put, put_cut};
use super::{alerts, format};

pub fn tabs(buf: &mut Buffer, area: Rect, model: &Model, hits: &mut HitAreas, theme: Theme) {
    if area.is_empty() {
        return;
    }
    let mut place = area.x;
    let spans = Pane::ALL.iter().map(|&pane| {
        let shown = area.width >= 76 || pane == model.focus || pane == model.work;
        let title = if shown { pane.tab() } else { "" };
        let text = format!(" {} {title} ", pane.index() + 1);
        let style = if pane == model.focus {
            theme.selected()
        } else if pane == model.work {
            theme.accent()
        } else {
            theme.dim()
        };
        let tab = Span::styled(text, style);
        place = put_span(hits, area, place, &tab, HitTarget::Pane(pane));
        tab
    });
    put_cut(buf, area, vec![Line::from(spans.collect::<Vec<_>>())]);
}

/// Adds the hit area of a span; returns the column after it.
fn put_span(
    hits: &mut HitAreas,
    line: Rect,
    column: u16,
    span: &Span<'_>,
    target: HitTarget,
) -> u16 {
    let width = u16::try_from(span.width()).unwrap_or(u16::MAX);
    let place = Rect::new(column, line.y, width, 1).intersection(line);
    hits.add(place, target);
    column.saturating_add(width)
}

/// Order in the footer; the last ones are left out first.
fn importance(action: Action) -> u8 {
    match action {
        Action::Help | Action::Palette | Action::Quit => 0,
        Action::Start | Action::Approve | Action::Rent | Action::Abort | Action::Alerts => 1,
        _ => 2,
    }
}

/// Enabled keys, the most important first.
pub fn footer(
    buf: &mut Buffer,
    area: Rect,
    model: &Model,
    keys: &Keymap,
    hits: &mut HitAreas,
    theme: Theme,
) {
    let mut spans: Vec<Span<'_>> = Vec::new();
    let mut bindings: Vec<&Binding> = keys.hints(model).collect();
    bindings.sort_by_key(|binding| importance(binding.action));
    for binding in bindings {
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
        let place = area
            .x
            .saturating_add(u16::try_from(used).unwrap_or(u16::MAX));
        let target = HitTarget::Action(binding.action);
        // A second click on a hint must not agree to what the first one asked.
        if model.dialog.is_none() {
            let place = put_span(hits, area, place, &key, target.clone());
            put_span(hits, area, place, &hint, target);
        }
        spans.extend([key, hint]);
    }
    put_cut(buf, area, vec![Line::from(spans)]);
}

/// The status of the sprint on a tiny screen.
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
        Role::Viewer { .. } | Role::Orphaned { .. } => "VIEWER ",
    };
    let mut lines = vec![Line::styled(
        format!(
            "{viewer}{}{gate} {} {left}",
            snapshot.sprint.step, snapshot.money.per_hour
        ),
        theme.strong(),
    )];
    if area.height > 1 {
        lines.push(alerts::line(model, theme).0);
        lines.push(Line::styled(
            "60x16 is the least for the panes",
            theme.dim(),
        ));
    }
    put(buf, area, lines);
}

pub fn help(
    buf: &mut Buffer,
    screen: Rect,
    model: &Model,
    keys: &Keymap,
    scroll: u16,
    theme: Theme,
) {
    let area = centered(screen, 96, screen.height.saturating_sub(2));
    let room = usize::from(area.width).saturating_sub(NAMES + 4);
    let mut lines = Vec::new();
    for &context in Context::ALL {
        lines.push(Line::styled(context.title(), theme.accent()));
        for binding in keys.rows(context) {
            // What is against it is known only where its key would count.
            let against = disabled_reason(model, binding)
                .filter(|_| model.dialog.is_none() && context == Context::Global);
            let text = match against {
                Some(why) => format!("{} [{why}]", binding.help),
                None => binding.help.to_owned(),
            };
            let style = against.map_or(theme.text(), |_| theme.dim());
            let mut names = binding.key_names();
            for row in format::wrap(&text, room) {
                lines.push(Line::from(vec![
                    Span::styled(format!("  {names:<NAMES$} "), theme.strong()),
                    Span::styled(row, style),
                ]));
                names.clear();
            }
        }
    }
    let title = format!(
        "Keys of pocpit ({} to close, j/k scroll)",
        keys.key_of(Action::Close)
    );
    popup(buf, area, &title, lines, scroll, theme);
}

const NAMES: usize = 16;
