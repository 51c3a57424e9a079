//! Tabs, footer, and what a tiny screen has room for.

use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use unicode_width::UnicodeWidthStr as _;

use crate::tui::attention::headline;
use crate::tui::breakpoint::Breakpoint;
use crate::tui::hit_areas::HitTarget;
use crate::tui::keymap::{Footer, Hint};
use crate::tui::model::Role;
use crate::tui::pane::Pane;

use super::top;
use super::widgets::{Canvas, put_cut};

pub fn tabs(canvas: &mut Canvas<'_>, area: Rect) {
    if area.is_empty() {
        return;
    }
    let (model, theme) = (canvas.model, canvas.theme);
    // Every title and the clock fit into 80 columns, without a space to spare.
    let space = if area.width < ROOMY { "" } else { " " };
    let place = status(canvas, space);
    let moved_on = model.moved_on();
    let mut line = Line::default();
    for (pane, title) in titles(canvas, area.width, place.width()) {
        let (mark, style) = if pane == model.focus {
            (theme.glyph("▸", ">"), theme.selected())
        } else if Some(pane) == moved_on {
            ("*", theme.accent())
        } else if model.visible.contains(&pane) {
            (" ", theme.text())
        } else {
            (" ", theme.dim())
        };
        let tab = Span::styled(format!("{mark}{}{title}{space}", pane.number()), style);
        push_span(canvas, area, &mut line, tab, Some(HitTarget::Pane(pane)));
    }
    put_cut(canvas.buf, area, [line]);
    let columns = u16::try_from(place.width()).unwrap_or(u16::MAX);
    let start = area.right().saturating_sub(columns).max(area.x);
    let right = Rect::new(start, area.y, area.right() - start, 1);
    put_cut(canvas.buf, right, [place]);
}

/// Width from which tabs have a space between them.
const ROOMY: u16 = 100;

/// The tabs with their titles, each after a space. Without room for all the focused pane has one; with the
/// fleet in the row, so do the others as far as they fit.
fn titles(canvas: &Canvas<'_>, width: u16, clock: usize) -> Vec<(Pane, String)> {
    let (model, theme) = (canvas.model, canvas.theme);
    let opened = model.fleet.opened.as_ref().map(|_| {
        let row = model.fleet.opened_row();
        let name = row.map_or("gone", |row| row.name.as_str());
        format!(" Fleet {} {name}", theme.glyph("›", ">"))
    });
    let with_fleet = model.focus == Pane::Fleet || opened.is_some();
    let titled = |pane: Pane, title: &str| match &opened {
        Some(opened) if pane == Pane::Fleet => opened.clone(),
        _ => format!(" {title}"),
    };
    let panes = Pane::ALL.iter().copied();
    let panes = panes.filter(|pane| *pane != Pane::Fleet || with_fleet);
    let full: Vec<(Pane, String)> = panes
        .map(|pane| (pane, titled(pane, pane.title())))
        .collect();
    // A mark and a number beside each title.
    let beside = if width < ROOMY { 2 } else { 3 };
    let columns = |tabs: &[(Pane, String)]| {
        let tabs = tabs.iter().map(|(_, title)| beside + title.width());
        tabs.sum::<usize>() + clock
    };
    let room = usize::from(width);
    if columns(&full) <= room {
        return full;
    }
    let is_kept = |pane: Pane| pane == model.focus || pane == Pane::Fleet;
    let mut tabs = full;
    for (pane, title) in &mut tabs {
        if !is_kept(*pane) {
            title.clear();
        }
    }
    for place in 0..tabs.len() {
        let pane = tabs[place].0;
        if with_fleet && !is_kept(pane) {
            tabs[place].1 = titled(pane, pane.short_title());
            if columns(&tabs) > room {
                tabs[place].1.clear();
                break;
            }
        }
    }
    tabs
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

/// The keys of this place on the left, those that are always there on the right; a toast in their place.
pub fn footer(canvas: &mut Canvas<'_>, area: Rect) {
    let (model, theme) = (canvas.model, canvas.theme);
    let screen = *canvas.buf.area();
    let size = Breakpoint::of(screen.width, screen.height);
    let Footer { left, right } = canvas.keys.footer(model, size);
    if let Some(toast) = &model.toast {
        let text = format!(" {} {}", theme.glyph("›", ">"), toast.text);
        let text = Line::styled(text, theme.accent());
        // What covers the panes keeps its keys in sight.
        let kept = if model.is_covered() { left } else { Vec::new() };
        return put_toast(canvas, area, kept, text);
    }
    // A column at both ends stays free, and two between the sides.
    let columns = usize::from(area.width).saturating_sub(1);
    let always = hints_width(&right, columns);
    let room = columns.saturating_sub(if right.is_empty() { 0 } else { always + 2 });
    put_hints(canvas, area, left, room);
    let start = u16::try_from(columns.saturating_sub(always)).unwrap_or(u16::MAX);
    let right_area = Rect {
        x: area.x + start,
        width: area.width.saturating_sub(start),
        ..area
    };
    put_hints(canvas, right_area, right, always);
}

/// A toast, behind the hints that stay.
fn put_toast(canvas: &mut Canvas<'_>, area: Rect, kept: Vec<Hint>, toast: Line<'_>) {
    let columns = usize::from(area.width);
    let used = if kept.is_empty() {
        0
    } else {
        hints_width(&kept, columns) + 1
    };
    put_hints(canvas, area, kept, columns);
    let used = u16::try_from(used).unwrap_or(area.width).min(area.width);
    let rest = Rect::new(area.x + used, area.y, area.width - used, area.height);
    put_cut(canvas.buf, rest, [toast]);
}

/// ` KEY WORD` and a gap between two.
fn hint_width(hint: &Hint) -> usize {
    hint.keys.width() + 1 + hint.word.width()
}

const GAP: usize = 2;

fn hints_width(hints: &[Hint], most: usize) -> usize {
    let width: usize = hints.iter().map(|hint| hint_width(hint) + GAP).sum();
    (width + 1).saturating_sub(GAP).min(most)
}

/// As many as fit, in their order; the help has them all.
fn put_hints(canvas: &mut Canvas<'_>, area: Rect, hints: Vec<Hint>, room: usize) {
    let theme = canvas.theme;
    let mut line = Line::raw(" ");
    for hint in hints {
        if line.width() + hint_width(&hint) > room {
            break;
        }
        // A second click on a hint must not confirm the dialog that the first one opened.
        let target = HitTarget::Action(hint.action);
        let target = Some(target).filter(|_| canvas.model.dialog.is_none());
        let key = Span::styled(hint.keys, theme.key(hint.danger));
        let word = Span::styled(format!(" {}", hint.word), theme.text());
        push_span(canvas, area, &mut line, key, target.clone());
        push_span(canvas, area, &mut line, word, target);
        line.push_span(Span::raw(" ".repeat(GAP)));
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
