//! The fleet as a table.

use std::iter::repeat_n;

use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use unicode_width::UnicodeWidthStr as _;

use crate::domain::{BootStage, GateKind, Spent};
use crate::tui::filter::Filtered;
use crate::tui::fleet::{FleetGroup, FleetKey, FleetRow, Urgency};
use crate::tui::hit_areas::HitTarget;
use crate::tui::keymap::Action;
use crate::tui::layout::Rows;
use crate::tui::model::Model;
use crate::tui::pane::Pane;
use crate::tui::section::Section;
use crate::tui::theme::Theme;

use super::widgets::{Align, Canvas, count_of, filter_line, indented, put_cut};
use super::{format, link};

/// Columns of the mark before a row.
const MARK: usize = 3;
/// Columns of a name.
const NAME: usize = 15;

/// A column of the table.
#[derive(Clone, Copy)]
struct Column {
    title: &'static str,
    width: usize,
    align: Align,
    /// The narrowest pane that shows it.
    from: u16,
    cell: fn(&FleetRow, &Canvas<'_>) -> String,
}

const fn left(title: &'static str, width: usize, from: u16, cell: Cell) -> Column {
    Column {
        title,
        width,
        align: Align::Left,
        from,
        cell,
    }
}

const fn right(title: &'static str, width: usize, from: u16, cell: Cell) -> Column {
    Column {
        title,
        width,
        align: Align::Right,
        from,
        cell,
    }
}

type Cell = fn(&FleetRow, &Canvas<'_>) -> String;

/// In order; a name comes before them. A wider pane shows more.
const COLUMNS: [Column; 13] = [
    left("step", 8, 0, |row, _| row.stage.word()),
    right("next", 7, 0, next),
    right("spare", 7, 112, |row, _| {
        row.spare.map_or_else(String::new, format::short)
    }),
    right("mach.", 6, 76, |row, _| or_empty(row.machine)),
    right("$/h", 6, 76, |row, _| {
        row.price
            .map_or_else(String::new, |price| price.0.to_string())
    }),
    right("est.", 8, 112, |row, _| {
        row.cost
            .map_or_else(String::new, |cost| Spent::Estimated(cost).to_string())
    }),
    left("boot", 9, 76, boot),
    left("status", 10, 0, status),
    right("weight", 7, 0, |row, _| {
        row.weight.map_or_else(|| "-".to_owned(), format::grouped)
    }),
    right("epoch", 6, 112, |row, _| or_empty(row.epoch)),
    left("link", 14, 118, |row, _| {
        row.link.as_ref().map_or_else(String::new, link::brief)
    }),
    left("GPUs", 13, 150, |row, _| or_empty(row.gpus.as_ref())),
    left("location", 16, 170, |row, _| {
        or_empty(row.location.as_ref())
    }),
];

fn or_empty(value: Option<impl ToString>) -> String {
    value.map_or_else(String::new, |value| value.to_string())
}

const FILTER: Filtered = Filtered::Pane(Pane::Fleet);

pub fn rows(model: &Model) -> Rows {
    let listed = model.fleet.groups.len() + model.fleet.count();
    Rows::up_to(4, 2 + listed + usize::from(model.has_filter_row(FILTER)))
}

/// What is listed, how many rows pass the filter, and how many of them are left out.
fn note(model: &Model, passing: usize, hidden: usize) -> String {
    let fleet = &model.fleet;
    let all = || fleet.groups.iter().flat_map(|group| &group.rows);
    let is_sprint = |row: &&FleetRow| matches!(row.key, FleetKey::Sprint | FleetKey::Replica(_));
    let sprints = all().filter(is_sprint).count();
    let rentals = all().filter(|row| row.price.is_some()).count();
    let of = match count_of(model, Pane::Fleet, passing) {
        of if of.is_empty() => of,
        of => format!("{of}{}, ", format::count(fleet.all(), "row")),
    };
    let more = match hidden {
        0 => String::new(),
        _ => format!("{}, ", format::count(hidden, "more row")),
    };
    format!(
        "{more}{of}{}, {}, {}",
        format::count(fleet.groups.len(), "Network Node"),
        format::count(sprints, "sprint"),
        format::count(rentals, "rental")
    )
}

/// The groups with their rows, around the selected one; those that are left out are counted.
pub fn draw(canvas: &mut Canvas<'_>, area: Rect) {
    let (model, theme) = (canvas.model, canvas.theme);
    let columns = shown(area.width);
    let fleet = &model.fleet;
    let selected = fleet.selected_row();
    let is_selected =
        |row: &FleetRow| selected.is_some_and(|(_, selected)| selected.key == row.key);
    let filter = filter_line(canvas, FILTER).map(indented);
    // Below the title, the filter and the heading.
    let above = 2 + usize::from(filter.is_some());
    let visible = usize::from(area.height).saturating_sub(above).max(1);
    let place = selected.map_or(0, |(place, _)| line_of(place, model));
    let first = (place + 1).saturating_sub(visible);
    let window: Vec<_> = fleet.lines().skip(first).take(visible).collect();
    let (all, shown) = (
        fleet.count(),
        window.iter().filter(|(_, row)| row.is_some()),
    );
    let note = note(model, all, all - shown.count());
    let inner = canvas.section_rule(area, Section::Fleet, &note);
    let mut lines: Vec<Line<'_>> = filter.into_iter().collect();
    lines.push(if all == 0 {
        Line::styled(" No row passes the filter.", theme.dim())
    } else {
        head(&columns, theme)
    });
    for (group, row) in window {
        lines.push(match row {
            None => group_line(group, area.width, canvas),
            Some(row) => {
                let target = HitTarget::Fleet(row.key.clone());
                canvas.hits.add_row(inner, lines.len(), target);
                row_line(row, group, &columns, is_selected(row), canvas)
            }
        });
    }
    put_cut(canvas.buf, inner, lines);
}

/// The line of the table at which the row of this place stands: below the lines of the groups.
fn line_of(place: usize, model: &Model) -> usize {
    let lines = model.fleet.lines().enumerate();
    let mut rows = lines.filter(|(_, (_, row))| row.is_some());
    rows.nth(place).map_or(0, |(line, _)| line)
}

fn shown(width: u16) -> Vec<&'static Column> {
    let fits = |column: &&Column| width >= column.from;
    COLUMNS.iter().filter(fits).collect()
}

fn head(columns: &[&Column], theme: Theme) -> Line<'static> {
    let mut text = format!("{:MARK$}{:<NAME$}", "", "node");
    for column in columns {
        push_cell(&mut text, column.title, column, theme);
    }
    Line::styled(text.trim_end().to_owned(), theme.dim())
}

/// Adds a cell, as wide as its column, to a row.
fn push_cell(row: &mut String, cell: &str, column: &Column, theme: Theme) {
    let is_wide = cell.width() > column.width;
    let cut = is_wide.then(|| format::cut(cell, column.width, theme.glyph("…", "..")));
    let cell = cut.as_deref().unwrap_or(cell);
    let fill = repeat_n(' ', column.width.saturating_sub(cell.width()));
    row.push(' ');
    match column.align {
        Align::Left => {
            row.push_str(cell);
            row.extend(fill);
        }
        Align::Right => {
            row.extend(fill);
            row.push_str(cell);
        }
    }
}

/// `berlin   gonka1x9k…9k2l   admin API 4s ago   $15.78/h   weight 1,810`
fn group_line(group: &FleetGroup, width: u16, canvas: &Canvas<'_>) -> Line<'static> {
    let (model, theme) = (canvas.model, canvas.theme);
    let ellipsis = theme.glyph("…", "..");
    let participant = group.participant.as_ref();
    let participant = participant.map_or_else(String::new, |participant| {
        format::short_id(&participant.0, NAME, ellipsis)
    });
    let age = format::ago(group.read_at, model.now());
    let (state, style) = match &group.trouble {
        Some(trouble) => (format!("read {age}: {trouble}"), theme.bad()),
        None => (format!("admin API {age}"), theme.dim()),
    };
    // Why it cannot be read matters more than its weight.
    let weight = if width >= 76 && group.trouble.is_none() {
        format!("   weight {:>7}", format::grouped(group.weight()))
    } else {
        String::new()
    };
    let sums = format!("   {}{weight}", group.price());
    let name = format!(" {:<8} ", group.name);
    let columns = usize::from(width).saturating_sub(1);
    let taken = name.width() + participant.width() + 3 + sums.width();
    let room = columns.saturating_sub(taken);
    let state = format::cut(&state, room, ellipsis);
    let side = if group.trouble.is_some() {
        Align::Left
    } else {
        Align::Right
    };
    Line::from(vec![
        Span::styled(name, theme.strong()),
        Span::styled(participant, theme.dim()),
        Span::styled(format!("   {}", side.pad(&state, room)), style),
        Span::raw(sums),
    ])
}

fn row_line(
    row: &FleetRow,
    group: &FleetGroup,
    columns: &[&Column],
    is_selected: bool,
    canvas: &Canvas<'_>,
) -> Line<'static> {
    let theme = canvas.theme;
    let style = match row.urgency {
        Urgency::Waits => theme.warn(),
        Urgency::Fails => theme.bad(),
        // What was read before may not be so any more.
        Urgency::Runs if group.trouble.is_some() => theme.dim(),
        Urgency::Runs => theme.text(),
        Urgency::Others => theme.dim(),
    };
    let mark = match row.urgency {
        Urgency::Waits | Urgency::Fails => "!",
        _ if is_selected => theme.glyph("▸", ">"),
        _ => " ",
    };
    let focused = canvas.model.focus == Pane::Fleet;
    let style = theme.selected_if(is_selected && focused, style);
    let name = format::short_id(&row.name, NAME, theme.glyph("…", ".."));
    let mut text = format!(" {mark} {name:<NAME$}");
    for column in columns {
        push_cell(&mut text, &(column.cell)(row, canvas), column, theme);
    }
    Line::styled(text, style)
}

fn next(row: &FleetRow, canvas: &Canvas<'_>) -> String {
    let now = canvas.model.now();
    match row.next {
        Some(at) if at > now => format::short(at - now),
        Some(_) => "now".to_owned(),
        None => String::new(),
    }
}

/// A bar of four cells and what is done of the stage.
fn boot(row: &FleetRow, canvas: &Canvas<'_>) -> String {
    match row.boot {
        None => String::new(),
        Some(boot) if boot.stage == BootStage::Ready => "ready".to_owned(),
        Some(boot) => match boot.progress {
            Some(part) => {
                let bar = canvas.theme.bar(4, part);
                format!("{bar} {:.0}%", (100.0 * part).min(99.0))
            }
            None => "...".to_owned(),
        },
    }
}

/// What it does, or which key it waits for. Keys act on one replica: another one is opened first.
fn status(row: &FleetRow, canvas: &Canvas<'_>) -> String {
    let acted_on = canvas.model.acted_on();
    let is_other = matches!(&row.key, FleetKey::Replica(id) if id != acted_on);
    let opened_by = |action| format!("{}, {}", canvas.key(Action::Open), canvas.key(action));
    match row.waits {
        Some(GateKind::Start) if is_other => opened_by(Action::Start),
        Some(GateKind::Register | GateKind::Release) if is_other => opened_by(Action::Approve),
        Some(GateKind::Start) => format!("start: {}", canvas.key(Action::Start)),
        Some(GateKind::Rent | GateKind::Hedge) => "pick one".to_owned(),
        Some(GateKind::Register | GateKind::Release) => {
            format!("waits: {}", canvas.key(Action::Approve))
        }
        None => row.status.clone(),
    }
}
