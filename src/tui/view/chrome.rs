//! Tabs, footer, help, and the status line of a tiny screen.

use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use crate::tui::attention::headline;
use crate::tui::hit_areas::HitTarget;
use crate::tui::keymap::{Action, Binding, Context, disabled_reason};
use crate::tui::model::Role;
use crate::tui::pane::Pane;

use super::widgets::{Canvas, box_area, popup, put_cut};
use super::{format, top};

/// Columns of the keys in the help.
const NAMES: usize = 16;
const HELP_WIDTH: u16 = 96;

pub fn tabs(canvas: &mut Canvas<'_>, area: Rect) {
    if area.is_empty() {
        return;
    }
    let (model, theme) = (canvas.model, canvas.theme);
    // Every title and the clock fit into 80 columns, without a space to spare.
    let space = if area.width < 100 { "" } else { " " };
    let mut line = Line::default();
    let moved_on = model.moved_on();
    for &pane in Pane::ALL {
        let shown = area.width >= 76 || pane == model.focus;
        let title = if shown { pane.title() } else { "" };
        let (mark, style) = if pane == model.focus {
            (theme.glyph("▸", ">"), theme.selected())
        } else if Some(pane) == moved_on {
            ("*", theme.accent())
        } else if model.visible.contains(&pane) {
            (" ", theme.text())
        } else {
            (" ", theme.dim())
        };
        let tab = Span::styled(format!("{mark}{} {title}{space}", pane.index() + 1), style);
        push_span(canvas, area, &mut line, tab, Some(HitTarget::Pane(pane)));
    }
    put_cut(canvas.buf, area, [line]);
    let place = status(canvas, space);
    let columns = u16::try_from(place.width()).unwrap_or(u16::MAX);
    let start = area.right().saturating_sub(columns).max(area.x);
    let right = Rect::new(start, area.y, area.right() - start, 1);
    put_cut(canvas.buf, right, [place]);
}

/// The clock of the world, the one place that says its zone, and whose cockpit this is.
fn status(canvas: &Canvas<'_>, space: &str) -> Line<'static> {
    let (model, theme) = (canvas.model, canvas.theme);
    let clock = format!(" {} UTC{space}", model.now().format("%H:%M"));
    let clock = Span::styled(clock, theme.text());
    let attached = match model.role {
        Role::Driver => return Line::from(clock),
        Role::Viewer { driver } => format!(" attached to pid {driver} "),
        Role::Orphaned { driver } => format!(" main cockpit {driver} exited "),
    };
    Line::from(vec![Span::styled(attached, theme.selected()), clock])
}

/// Appends a span to the line of a row, and makes it clickable.
fn push_span(
    canvas: &mut Canvas<'_>,
    row: Rect,
    line: &mut Line<'static>,
    span: Span<'static>,
    target: Option<HitTarget>,
) {
    let columns = |width| u16::try_from(width).unwrap_or(u16::MAX);
    let start = row.x.saturating_add(columns(line.width()));
    let place = Rect::new(start, row.y, columns(span.width()), 1).intersection(row);
    if let Some(target) = target {
        canvas.hits.add(place, target);
    }
    line.push_span(span);
}

/// Order in the footer; the last ones are left out first.
fn importance(action: Action) -> u8 {
    match action {
        Action::Help | Action::Palette | Action::Quit => 0,
        Action::Start | Action::Approve | Action::Rent | Action::Abort | Action::Alerts => 1,
        _ => 2,
    }
}

/// Enabled keys, the most important first; a toast in their place.
pub fn footer(canvas: &mut Canvas<'_>, area: Rect) {
    let (model, theme) = (canvas.model, canvas.theme);
    if let Some(toast) = &model.toast {
        let text = format!(" {} {}", theme.glyph("›", ">"), toast.text);
        put_cut(canvas.buf, area, [Line::styled(text, theme.accent())]);
        return;
    }
    let mut line = Line::default();
    let mut bindings: Vec<&Binding> = canvas.keys.hints(model).collect();
    bindings.sort_by_key(|binding| importance(binding.action));
    for binding in bindings {
        let key = binding.keys.first().map(|key| format!(" {}", key.name()));
        let key = Span::styled(key.unwrap_or_default(), theme.key(binding.danger));
        let hint = Span::styled(format!(" {} ", binding.hint), theme.text());
        // The last hint may lose its space, but no letter. The help has them all.
        if line.width() + key.width() + hint.width() > usize::from(area.width) + 1 {
            continue;
        }
        // A second click on a hint must not confirm the dialog that the first one opened.
        let target = HitTarget::Action(binding.action);
        let target = Some(target).filter(|_| model.dialog.is_none());
        push_span(canvas, area, &mut line, key, target.clone());
        push_span(canvas, area, &mut line, hint, target);
    }
    put_cut(canvas.buf, area, [line]);
}

/// What a tiny screen has room for: the top area alone.
pub fn tiny(canvas: &mut Canvas<'_>, area: Rect) {
    let headline = headline(canvas.model, canvas.keys);
    let rows = top::rows(&headline, canvas.model).min(area.height);
    let top = Rect {
        height: rows,
        ..area
    };
    top::draw(canvas, top, &headline);
    let below = Rect::new(area.x, area.y + rows, area.width, area.height - rows);
    let style = canvas.theme.dim();
    put_cut(
        canvas.buf,
        below,
        [Line::styled("Enlarge to at least 60x16", style)],
    );
}

pub fn help(canvas: &mut Canvas<'_>, screen: Rect, scroll: usize) -> usize {
    let (model, theme) = (canvas.model, canvas.theme);
    // Beside the keys, their three spaces and the frame.
    let room = usize::from(HELP_WIDTH.min(screen.width)).saturating_sub(NAMES + 5);
    let mut lines = Vec::new();
    for &context in Context::ALL {
        lines.push(Line::styled(context.title(), theme.accent()));
        for binding in canvas.keys.rows(context) {
            // Whether a key is disabled is known only where it would count.
            let disabled = disabled_reason(model, binding)
                .filter(|_| model.dialog.is_none() && context == Context::Global);
            let (text, style) = match disabled {
                Some(why) => (format!("{} [{why}]", binding.help), theme.dim()),
                None => (binding.help.to_owned(), theme.text()),
            };
            let mut names = binding.key_names();
            let overflow = names.chars().count().saturating_sub(NAMES);
            for row in format::wrap(&text, room.saturating_sub(overflow)) {
                lines.push(Line::from(vec![
                    Span::styled(format!("  {names:<NAMES$} "), theme.strong()),
                    Span::styled(row, style),
                ]));
                names.clear();
            }
        }
    }
    let close = canvas.key(Action::Close);
    let title = format!("Keys of pocpit ({close} to close, j/k scroll)");
    let area = box_area(screen, HELP_WIDTH, lines.len());
    popup(canvas.buf, area, &title, lines, scroll, theme)
}
