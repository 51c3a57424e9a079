//! Past sprints: outcome, cost, weight, times.

use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use crate::domain::{BootStage, BootTimes, Duration, Spent, Step, main_boot};
use crate::engine::PastSprintRow;
use crate::tui::filter::Filtered;
use crate::tui::hit_areas::HitTarget;
use crate::tui::layout::Rows;
use crate::tui::model::Model;
use crate::tui::pane::Pane;
use crate::tui::theme::Theme;

use super::columns::{Fitting, TableColumn, left, right};
use super::format::{self, count};
use super::outcome::{self, Ended};
use super::widgets::{Canvas, count_of, filter_line, put_cut};

/// Sprints that are worth rows of their own before anything else may grow.
const WANTED: usize = 6;
/// Rows of details of the selected sprint, where there is room.
const DETAIL: usize = 4;

/// A heading, every sprint and the details of one.
pub fn rows(model: &Model) -> Rows {
    if model.snapshot.history.is_empty() {
        return Rows::up_to(2, 2);
    }
    let is_filtered = model.has_filter_row(Filtered::Pane(Pane::History));
    let all = model.shown_history().len() + usize::from(is_filtered);
    let wanted = 2 + all.min(WANTED) + DETAIL;
    Rows {
        most: Rows::up_to(4, 2 + all + DETAIL).most,
        ..Rows::up_to(4, wanted)
    }
}

pub fn draw(canvas: &mut Canvas<'_>, area: Rect) {
    let (model, theme) = (canvas.model, canvas.theme);
    let history = &model.snapshot.history;
    let shown = model.shown_history();
    let note = note(model, shown.len(), area.width);
    let inner = canvas.pane_frame(area, Pane::History, &note);
    let inner = Rect {
        x: inner.x + 1,
        width: inner.width.saturating_sub(1),
        ..inner
    };
    if history.is_empty() {
        let nothing = Line::styled("No sprint has ended yet.", theme.dim());
        return put_cut(canvas.buf, inner, [nothing]);
    }
    let filter = filter_line(canvas, Filtered::Pane(Pane::History));
    let mut lines: Vec<Line<'_>> = filter.into_iter().collect();
    let columns = Fitting::new(&COLUMNS, inner.width, model.history_columns.away);
    canvas.most_away.history = Some(columns.most_away());
    let why = why_width(&columns, inner.width);
    let height = usize::from(inner.height).saturating_sub(lines.len());
    // Rows that the list does not need are for the details.
    let spare = height.saturating_sub(1 + shown.len());
    let detail = if height > 2 * DETAIL {
        DETAIL
    } else {
        spare.clamp(1, DETAIL)
    };
    let visible = height.saturating_sub(1 + detail).max(1);
    lines.push(if shown.is_empty() {
        Line::styled("No sprint passes the filter.", theme.dim())
    } else {
        let title = if why.is_some() { " why" } else { "" };
        Line::styled(columns.head(inner.width) + title, theme.dim())
    });
    let selected = model.history_index.min(shown.len().saturating_sub(1));
    let first = (selected + 1).saturating_sub(visible);
    let chosen = shown.get(selected).copied();
    for (place, past) in shown.into_iter().enumerate().skip(first).take(visible) {
        let ended = outcome::ended(past, model, theme);
        let style = theme.selected_if(place == selected, ended.style);
        canvas
            .hits
            .add_row(inner, lines.len(), HitTarget::Past(place));
        let row = row(past, &ended, &columns, why, theme);
        lines.push(Line::styled(row, style));
    }
    if let Some(past) = chosen {
        lines.extend(details(past, theme).into_iter().take(detail));
    }
    put_cut(canvas.buf, inner, lines);
}

/// Numbers end in one column.
const COLUMNS: [TableColumn; 10] = [
    left("ended", 11),
    right("epoch", 5),
    left("outcome", 11),
    right("weight", 7),
    right("cost", 8),
    right("$/1000", 8),
    right("conf.", 5),
    right("boot", 8),
    left("GPUs", 12),
    right("machine", 8),
];
/// Width from which outcomes are counted one by one.
const COUNTED: u16 = 100;
/// Columns that a cause needs to say anything.
const WHY: usize = 12;

/// `12 sprints, 9 confirmed, 1 reward lost, 1 failed, $86.27 billed`
fn note(model: &Model, shown: usize, width: u16) -> String {
    let history = &model.snapshot.history;
    let sprints = count(history.len(), "sprint");
    if history.is_empty() {
        return sprints;
    }
    let mut outcomes = format::tally(history.iter().map(|past| outcome::word(past, model)));
    outcomes.sort_by_key(|(word, number)| (*word != "CONFIRMED", std::cmp::Reverse(*number)));
    outcomes.truncate(if width < COUNTED { 1 } else { outcomes.len() });
    let cost: Spent = history.iter().map(PastSprintRow::spent).sum();
    let of = count_of(model, Pane::History, shown);
    format!(
        "{of}{sprints}, {}, {}",
        format::tallied(&outcomes),
        cost.in_words()
    )
}

/// Why a sprint lost something stands behind the columns, where there is room.
fn why_width(columns: &Fitting<'_>, width: u16) -> Option<usize> {
    let row = columns.row(|_| String::new());
    let room = usize::from(width).saturating_sub(row.len() + 1);
    (columns.hidden() == 0 && room >= WHY).then_some(room)
}

fn row(
    past: &PastSprintRow,
    ended: &Ended,
    columns: &Fitting<'_>,
    why: Option<usize>,
    theme: Theme,
) -> String {
    let cells = cells(past, ended.word);
    let row = columns.row(|place| cells[place].clone());
    match (&ended.why, why) {
        (Some(text), Some(room)) => {
            let why = format::cut(text, room, theme.glyph("…", "..."));
            format!("{row} {why}")
        }
        _ => row,
    }
}

fn cells(past: &PastSprintRow, outcome: &'static str) -> [String; 10] {
    let report = &past.report;
    let spent = past.spent();
    let percent = past.confirmation_ratio.map(|ratio| 100.0 * ratio);
    let boot = main_boot(past.boots.iter());
    [
        past.at.format("%m-%d %H:%M").to_string(),
        or_none(report.epoch),
        outcome.to_owned(),
        or_none(report.weight.map(|weight| format::grouped(weight.0))),
        spent.to_string(),
        or_none(report.per_1000_weight(spent)),
        or_none(percent.map(|percent| format!("{percent:.0}%"))),
        or_none(boot.and_then(BootTimes::total).map(format::length)),
        or_none(boot.map(BootTimes::gpus)),
        or_none(boot.map(|boot| boot.machine)),
    ]
}

fn or_none(value: Option<impl ToString>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| value.to_string())
}

/// Cause, times of steps and of boot stages.
fn details(past: &PastSprintRow, theme: Theme) -> Vec<Line<'static>> {
    let (report, boot) = (&past.report, main_boot(past.boots.iter()));
    let cause = report.cause.clone().unwrap_or_else(|| {
        let node = or_none(report.node.as_ref());
        format!("{}, node {node}", report.outcome)
    });
    let steps = Step::ALL.iter().copied().filter(|step| *step != Step::Done);
    let steps = steps.filter_map(|step| Some(spent(&step, report.time_in(step)?)));
    let stages = boot.map(BootTimes::durations).unwrap_or_default();
    let stages = stages
        .iter()
        .filter(|(stage, _)| *stage != BootStage::Ready);
    let stages = stages.map(|(stage, time)| spent(stage, *time));
    let times = |name: &'static str, times: Vec<String>| {
        let name = Span::styled(name, theme.accent());
        Line::from(vec![name, Span::raw(times.join(", "))])
    };
    let boots = count(past.boots.len(), "boot");
    let machine = or_none(boot.map(|boot| boot.machine));
    let left = report.rentals_left.map_or_else(
        || "leftovers unknown".to_owned(),
        |left| format!("{} left", count(left, "rental")),
    );
    let last = format!("{boots} watched, machine {machine}, {left}; Enter shows its log");
    let charged = past.charged_usd.map(|charged| {
        let charged = report.beside_own_count(charged);
        format!("Vast charged {charged}; ")
    });
    // A narrow pane cuts the end of a long cause.
    let cause = format!("{}{cause}", charged.unwrap_or_default());
    vec![
        Line::styled(cause, theme.strong()),
        times("Steps ", steps.collect()),
        times("Boot ", stages.collect()),
        Line::styled(last, theme.dim()),
    ]
}

/// The same, wrapped.
pub fn in_full(
    past: &PastSprintRow,
    columns: usize,
    model: &Model,
    theme: Theme,
) -> Vec<Line<'static>> {
    let Ended { word, style, why } = outcome::ended(past, model, theme);
    let why = why.map_or_else(String::new, |why| format!(": {why}"));
    let outcome = Line::styled(format!("{word}{why}"), style);
    let rows = details(past, theme).into_iter().flat_map(|line| {
        let style = line.style;
        let rows = format::wrap(&line.to_string(), columns).into_iter();
        rows.map(move |row| Line::styled(row, style))
    });
    [outcome].into_iter().chain(rows).collect()
}

fn spent(on: &impl ToString, time: Duration) -> String {
    format!("{} {}", on.to_string(), format::roughly(time))
}
