//! The fleet as a table, and what is selected in it.

use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use unicode_width::UnicodeWidthStr as _;

use crate::domain::{BootStage, GateKind, Spent, Step};
use crate::tui::fleet::{FleetGroup, FleetKey, FleetRow, Stage, Urgency, groups};
use crate::tui::hit_areas::HitTarget;
use crate::tui::keymap::Action;
use crate::tui::layout::Rows;
use crate::tui::model::Model;
use crate::tui::pane::Pane;
use crate::tui::section::Section;
use crate::tui::theme::Theme;

use super::top::{last, steps};
use super::widgets::{Canvas, indented, put_cut};
use super::{format, link, rental};

/// Columns of the mark before a row.
const MARK: usize = 3;
/// Columns of a name.
const NAME: usize = 15;
/// Lines of the log below what is selected.
const LOG: usize = 6;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Align {
    Left,
    Right,
}

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
    left("step", 9, 0, |row, _| step(row.stage)),
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

pub fn rows(model: &Model) -> Rows {
    let groups = groups(model);
    let listed: usize = groups.iter().map(|group| 1 + group.rows.len()).sum();
    Rows::up_to(4, 2 + listed)
}

fn note(groups: &[FleetGroup]) -> String {
    let rows = || groups.iter().flat_map(|group| &group.rows);
    let sprints = rows().filter(|row| row.key == FleetKey::Sprint).count();
    let rentals = rows().filter(|row| row.price.is_some()).count();
    format!(
        "{}, {}, {}",
        format::count(groups.len(), "Network Node"),
        format::count(sprints, "sprint"),
        format::count(rentals, "rental")
    )
}

/// The groups with their rows, around the selected one; those that are left out are counted.
pub fn draw(canvas: &mut Canvas<'_>, area: Rect) {
    let (model, theme) = (canvas.model, canvas.theme);
    let groups = groups(model);
    let selected = model.selected_fleet_row(&groups).map(|(_, row)| row.key);
    let columns = shown(area.width);
    let mut rows: Vec<(Line<'_>, Option<HitTarget>)> = Vec::new();
    let mut selected_place = 0;
    for group in &groups {
        rows.push((group_line(group, area.width, canvas), None));
        for row in &group.rows {
            let is_selected = selected.as_ref() == Some(&row.key);
            if is_selected {
                selected_place = rows.len();
            }
            let target = HitTarget::Fleet(row.key.clone());
            rows.push((row_line(row, &columns, is_selected, canvas), Some(target)));
        }
    }
    // Below the title and the heading.
    let visible = usize::from(area.height).saturating_sub(2).max(1);
    let first = (selected_place + 1).saturating_sub(visible);
    let is_row = |(_, target): &&(Line<'_>, Option<HitTarget>)| target.is_some();
    let all = rows.iter().filter(is_row).count();
    let window: Vec<_> = rows.into_iter().skip(first).take(visible).collect();
    let hidden = all - window.iter().filter(is_row).count();
    let note = match hidden {
        0 => note(&groups),
        _ => format!("{} more, {}", format::count(hidden, "row"), note(&groups)),
    };
    let inner = canvas.section_rule(area, Section::Fleet, &note);
    let mut lines = vec![head(&columns, theme)];
    for (line, target) in window {
        if let Some(target) = target {
            canvas.hits.add_row(inner, lines.len(), target);
        }
        lines.push(line);
    }
    put_cut(canvas.buf, inner, lines);
}

fn shown(width: u16) -> Vec<&'static Column> {
    let fits = |column: &&Column| width >= column.from;
    COLUMNS.iter().filter(fits).collect()
}

fn head(columns: &[&Column], theme: Theme) -> Line<'static> {
    let cells = columns
        .iter()
        .map(|column| padded(column.title, column, theme));
    let cells: Vec<String> = cells.collect();
    let text = format!("{:MARK$}{:<NAME$} {}", "", "node", cells.join(" "));
    Line::styled(text.trim_end().to_owned(), theme.dim())
}

fn padded(text: &str, column: &Column, theme: Theme) -> String {
    let width = column.width;
    let text = format::cut(text, width, theme.glyph("…", ".."));
    let fill = " ".repeat(width.saturating_sub(text.width()));
    match column.align {
        Align::Left => text + &fill,
        Align::Right => fill + &text,
    }
}

/// `berlin  gonka1x9k…9k2l  admin API 4s ago  $15.78/h  weight 1,810`
fn group_line(group: &FleetGroup, width: u16, canvas: &Canvas<'_>) -> Line<'static> {
    let (model, theme) = (canvas.model, canvas.theme);
    let state = if let Some(trouble) = &group.trouble {
        Span::styled(trouble.clone(), theme.bad())
    } else {
        let age = format::ago(group.read_at, model.now());
        Span::styled(format!("admin API {age}"), theme.dim())
    };
    let participant = group.participant.as_ref();
    let participant = participant.map_or_else(String::new, |participant| {
        format::short_id(&participant.0, NAME, theme.glyph("…", ".."))
    });
    let mut parts = vec![
        Span::styled(format!(" {}", group.name), theme.strong()),
        Span::styled(participant, theme.dim()),
        state,
        Span::raw(group.price().to_string()),
    ];
    if usize::from(width) >= 76 {
        let weight = format::grouped(group.weight());
        parts.push(Span::raw(format!("weight {weight}")));
    }
    let mut line = Line::default();
    for part in parts.into_iter().filter(|part| !part.content.is_empty()) {
        if !line.spans.is_empty() {
            line.push_span(Span::raw("  "));
        }
        line.push_span(part);
    }
    line
}

fn row_line(
    row: &FleetRow,
    columns: &[&Column],
    is_selected: bool,
    canvas: &Canvas<'_>,
) -> Line<'static> {
    let theme = canvas.theme;
    let style = match row.urgency {
        Urgency::Waits => theme.warn(),
        Urgency::Fails => theme.bad(),
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
    let cells = columns
        .iter()
        .map(|column| padded(&(column.cell)(row, canvas), column, theme));
    let cells: Vec<String> = cells.collect();
    let text = format!(" {mark} {name:<NAME$} {}", cells.join(" "));
    Line::styled(text, style)
}

fn step(stage: Stage) -> String {
    match stage {
        Stage::Step(step) => steps::verb(step).to_uppercase(),
        Stage::Node(owner) => owner.word().to_owned(),
    }
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

/// What it does, or which key it waits for.
fn status(row: &FleetRow, canvas: &Canvas<'_>) -> String {
    match row.waits {
        Some(GateKind::Start) => format!("start: {}", canvas.key(Action::Start)),
        Some(GateKind::Rent | GateKind::Hedge) => "pick one".to_owned(),
        Some(GateKind::Register | GateKind::Release) => {
            format!("waits: {}", canvas.key(Action::Approve))
        }
        None => row.status.clone(),
    }
}

/// The row that the panes are about.
pub fn drilled_name(model: &Model) -> String {
    let groups = groups(model);
    let mut rows = groups.iter().flat_map(|group| &group.rows);
    let row = rows.find(|row| Some(&row.key) == model.drilled.as_ref());
    row.map_or_else(|| "gone".to_owned(), |row| row.name.clone())
}

/// What is selected: its name, and what is behind the columns.
pub fn detail_note(model: &Model) -> String {
    let groups = groups(model);
    let Some((_, row)) = model.selected_fleet_row(&groups) else {
        return String::new();
    };
    let epoch = row.epoch.map(|epoch| format!("epoch {epoch}"));
    let parts = [Some(row.name), epoch, row.gpus];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    parts.join(", ")
}

/// The selected row; of the log as many lines as fit into the height.
pub fn detail(canvas: &Canvas<'_>, width: u16, height: usize) -> Vec<Line<'static>> {
    let (model, theme) = (canvas.model, canvas.theme);
    let groups = groups(model);
    let Some((_, row)) = model.selected_fleet_row(&groups) else {
        return vec![Line::styled(
            " Nothing is known of the fleet yet.",
            theme.dim(),
        )];
    };
    match &row.key {
        FleetKey::Sprint => of_sprint(canvas, width, height),
        FleetKey::Hedge => of_hedge(canvas, width),
        FleetKey::Node(id) => {
            let mut listed = model.snapshot.nodes.rows.iter();
            let node = listed.find(|row| row.node.config.id == *id);
            let wide = usize::from(width).saturating_sub(1);
            let lines = node.map(|node| super::nodes::in_full(node, wide, theme));
            let lines = lines.unwrap_or_default();
            lines.into_iter().map(indented).collect()
        }
    }
}

fn of_sprint(canvas: &Canvas<'_>, width: u16, height: usize) -> Vec<Line<'static>> {
    let (model, theme) = (canvas.model, canvas.theme);
    let snapshot = &*model.snapshot;
    let columns = usize::from(width).saturating_sub(1);
    let text = |text: &str, style: Style| {
        let rows = format::wrap_into(text, columns, 2, theme.glyph("…", "..."));
        rows.into_iter()
            .map(move |row| Line::styled(format!(" {row}"), style))
    };
    let mut lines: Vec<Line<'static>> = Vec::new();
    let step = snapshot.sprint.step;
    let doing = format!(
        "{}: {}",
        steps::verb(step).to_uppercase(),
        snapshot.sprint.doing
    );
    lines.extend(text(&doing, theme.text()));
    if let Some(gate) = &snapshot.sprint.gate {
        lines.extend(text(&gate.question, theme.warn()));
    }
    if let Some(rental) = &snapshot.rental {
        lines.extend(
            rental::in_brief(rental, model)
                .into_iter()
                .flat_map(|it| text(&it, theme.text())),
        );
        let worst = snapshot.money.sprint + snapshot.money.reserved;
        let money = format!(
            "{}  {} est. of {}",
            rental.price,
            format::estimate(rental.cost),
            format::worst(worst, theme)
        );
        lines.extend(text(&money, theme.text()));
    }
    lines.push(last::line(canvas, width));
    if step > Step::Renting && snapshot.rental.is_some() {
        let log = &snapshot.boot_log;
        let room = LOG.min(height.saturating_sub(lines.len()));
        let first = log.end_seq().saturating_sub(room as u64);
        let first = first.max(log.first_seq());
        let log = (first..log.end_seq()).filter_map(|seq| log.line(seq));
        lines.extend(log.map(|line| Line::styled(format!(" {}", line.text()), theme.dim())));
    }
    lines
}

fn of_hedge(canvas: &Canvas<'_>, width: u16) -> Vec<Line<'static>> {
    let (model, theme) = (canvas.model, canvas.theme);
    let columns = usize::from(width).saturating_sub(1);
    let hedge = model.snapshot.hedge.iter();
    let facts = hedge.flat_map(|rental| rental::in_brief(rental, model));
    let rows = facts.flat_map(|fact| format::wrap_into(&fact, columns, 2, theme.glyph("…", "...")));
    rows.map(|row| Line::raw(format!(" {row}"))).collect()
}
