//! Charts: epoch, boot, GPUs, block time, prices, cost and weight of past epochs.

use std::borrow::Cow;

use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use crate::domain::{BootStage, Duration, EpochStages, GpuDevice, Milestone, Weight};
use crate::engine::{ChainReading, RentalSnapshot};
use crate::tui::model::Model;
use crate::tui::pane::Pane;
use crate::tui::theme::Theme;
use crate::tui::trends::{Series, Trends};

use super::format;
use super::widgets::{Canvas, put_cut};

/// Columns from which two charts stand beside each other.
const TWO: u16 = 110;
/// Columns of a name before a bar.
const NAME: usize = 11;

pub fn draw(canvas: &mut Canvas<'_>, area: Rect) {
    let (model, theme) = (canvas.model, canvas.theme);
    let inner = canvas.pane_frame(area, Pane::Charts, "");
    if inner.width < TWO {
        let mut lines = left(model, inner.width, theme);
        lines.extend(right(model, inner.width, theme));
        let last = lines.len().saturating_sub(usize::from(inner.height));
        lines.drain(..model.charts_scroll.min(last));
        return put_cut(canvas.buf, inner, lines);
    }
    let halves = [
        Constraint::Fill(1),
        Constraint::Length(2),
        Constraint::Fill(1),
    ];
    let [first, _, second] = Layout::horizontal(halves).areas(inner);
    put_cut(canvas.buf, first, left(model, first.width, theme));
    put_cut(canvas.buf, second, right(model, second.width, theme));
}

fn left(model: &Model, width: u16, theme: Theme) -> Vec<Line<'static>> {
    let mut lines = Vec::new();
    let unread = "The chain has not been read yet.";
    match &model.snapshot.chain.reading {
        Some(reading) => lines.extend(epoch(reading, model, width, theme)),
        None => lines.push(Line::styled(unread, theme.dim())),
    }
    if let Some(rental) = &model.snapshot.rental {
        lines.extend(boot(rental, model, width, theme));
        lines.extend(rental.devices.iter().map(|gpu| device(gpu, width, theme)));
    }
    lines
}

/// The past: block time, prices, past epochs.
fn right(model: &Model, width: u16, theme: Theme) -> Vec<Line<'static>> {
    let Trends {
        block_time,
        poc_start,
        price,
        ..
    } = &model.trends;
    let line = |name, series: &Series, text: fn(f64) -> String| {
        let last = series.last().map_or_else(|| "-".to_owned(), text);
        spark(name, &last, &series.values(), width, theme)
    };
    let mut lines = vec![
        heading("While this cockpit was open", theme),
        line("block time", block_time, |seconds| format!("{seconds:.2}s")),
        spark(
            "PoC moved",
            &moved(poc_start),
            &poc_start.values(),
            width,
            theme,
        ),
        line("best price", price, |dollars| format!("${dollars:.2}")),
    ];
    lines.extend(past(model, width, theme));
    lines
}

fn heading(text: impl Into<Cow<'static, str>>, theme: Theme) -> Line<'static> {
    Line::styled(text, theme.accent())
}

/// The epoch as a line with its milestones, and what comes next.
fn epoch(reading: &ChainReading, model: &Model, width: u16, theme: Theme) -> Vec<Line<'static>> {
    let columns = usize::from(width).saturating_sub(1);
    let view = &reading.view;
    let end = view.next.poc_start.0;
    let place = |height: u64| column_of(height, &view.current, end, columns);
    let mut cells: Vec<(&str, Style)> = vec![(theme.glyph("─", "-"), theme.dim()); columns];
    let mut set = |at: usize, glyph: &'static str, style: Style| {
        if let Some(cell) = cells.get_mut(at) {
            *cell = (glyph, style);
        }
    };
    (0..place(view.height.0)).for_each(|at| set(at, theme.glyph("━", "="), theme.text()));
    for (milestone, height) in view.current.milestones() {
        set(place(height.0), letter(milestone), theme.strong());
    }
    let (here, next) = (theme.glyph("●", "@"), letter(Milestone::PocStart));
    set(columns.saturating_sub(1), next, theme.warn());
    set(place(view.height.0), here, theme.accent());
    let bar = cells.into_iter();
    let legend = "G generation V validation W weights C claim P next PoC";
    let mut lines = vec![
        Line::from(vec![
            Span::styled(format!("Epoch {} ", view.epoch), theme.accent()),
            Span::styled(legend, theme.dim()),
        ]),
        bar.map(|(glyph, style)| Span::styled(glyph, style))
            .collect(),
    ];
    let next = reading.stages.iter().take(3);
    lines.extend(next.map(|stage| {
        let left = stage.at.expected.map_or_else(
            || format!("in {} blocks", stage.at.blocks_left),
            |band| format::band(band, model.now(), theme.glyph("±", "+-")),
        );
        let name = format::milestone(stage.milestone);
        Line::from(vec![
            Span::styled(format!("  {name:<22} "), theme.dim()),
            Span::raw(left),
        ])
    }));
    lines
}

fn letter(milestone: Milestone) -> &'static str {
    match milestone {
        Milestone::PocStart => "P",
        Milestone::PocGenerationEnd => "G",
        Milestone::PocValidationStart => "v",
        Milestone::PocValidationEnd => "V",
        Milestone::SetNewValidators => "W",
        Milestone::ClaimMoney => "C",
        Milestone::InferenceValidationCutoff => "|",
    }
}

/// Column of a height. `PoC` is about 1 % of an epoch; it gets a third of the columns, to be visible.
fn column_of(height: u64, stages: &EpochStages, end: u64, columns: usize) -> usize {
    let last = columns.saturating_sub(1);
    let (start, knee) = (stages.poc_start.0, stages.claim_money.0);
    if height <= knee {
        let (part, whole) = (height.saturating_sub(start), knee.saturating_sub(start));
        return scaled(part, whole, last / 3);
    }
    let rest = scaled(height - knee, end.saturating_sub(knee), last - last / 3);
    last / 3 + rest
}

fn scaled(part: u64, whole: u64, columns: usize) -> usize {
    let whole = u128::from(whole.max(1));
    let place = u128::from(part).min(whole) * (columns as u128) / whole;
    usize::try_from(place).unwrap_or(0)
}

fn boot(rental: &RentalSnapshot, model: &Model, width: u16, theme: Theme) -> Vec<Line<'static>> {
    let started = &rental.boot.started;
    let ends = started.iter().skip(1).map(|(_, at)| *at);
    let spans = started.iter().zip(ends.chain([model.now()]));
    let took: Vec<(BootStage, Duration)> = spans
        .filter(|((stage, _), _)| *stage != BootStage::Ready)
        .map(|((stage, began), end)| (*stage, (end - *began).max(Duration::zero())))
        .collect();
    let seconds = took.iter().map(|(_, took)| took.num_seconds());
    let longest = seconds.max().unwrap_or(0).max(1);
    let columns = usize::from(width).saturating_sub(NAME + 12);
    let mut lines = vec![heading("Boot by stage", theme)];
    lines.extend(took.into_iter().map(|(stage, took)| {
        #[expect(clippy::cast_precision_loss, reason = "seconds of a boot")]
        let part = took.num_seconds() as f64 / longest as f64;
        let here = stage == rental.boot.stage;
        let style = if here { theme.accent() } else { theme.ok() };
        Line::from(vec![
            Span::styled(format!("{:<NAME$} ", stage.to_string()), theme.dim()),
            Span::styled(theme.bar(columns, part), style),
            Span::raw(format!(" {}", format::length(took))),
        ])
    }));
    lines
}

fn device(gpu: &GpuDevice, width: u16, theme: Theme) -> Line<'static> {
    #[expect(clippy::cast_precision_loss, reason = "megabytes of a GPU")]
    let (used, total) = (gpu.used_memory_mb as f64, gpu.total_memory_mb.max(1) as f64);
    let columns = (usize::from(width).saturating_sub(NAME + 34) / 2).clamp(3, 24);
    let (style, state) = if gpu.available {
        (theme.text(), "")
    } else {
        (theme.bad(), " NOT USABLE")
    };
    let name = format!("GPU {}", gpu.index);
    let percent = gpu.utilization_percent;
    let temperature = gpu.temperature_c;
    let heat = temperature.map_or_else(String::new, |c| format!(" {c:.0}C"));
    let (used_gb, total_gb) = (used / 1000.0, total / 1000.0);
    let memory = format!(" {used_gb:.0}/{total_gb:.0} GB{heat}{state}");
    Line::from(vec![
        Span::styled(format!("{name:<NAME$} "), theme.dim()),
        Span::styled(theme.bar(columns, percent / 100.0), theme.accent()),
        Span::styled(format!(" {percent:>3.0}%  "), style),
        Span::styled(theme.bar(columns, used / total), theme.ok()),
        Span::styled(memory, style),
    ])
}

fn spark(name: &str, now: &str, values: &[f64], width: u16, theme: Theme) -> Line<'static> {
    let columns = usize::from(width).saturating_sub(NAME + 12);
    let first = values.len().saturating_sub(columns);
    Line::from(vec![
        Span::styled(format!("{name:<NAME$} "), theme.dim()),
        Span::styled(format!("{now:>9} "), theme.strong()),
        Span::styled(theme.spark(&values[first..]), theme.accent()),
    ])
}

/// Shift of the expected `PoC` start since the first estimate.
fn moved(series: &Series) -> String {
    let values = series.values();
    let (Some(first), Some(last)) = (values.first(), values.last()) else {
        return "-".to_owned();
    };
    format!("{:+.0}s", last - first)
}

/// Cost and weight of past epochs, oldest first.
fn past(model: &Model, width: u16, theme: Theme) -> Vec<Line<'static>> {
    let rows = model.snapshot.history.iter();
    let Some(last) = rows.clone().next_back() else {
        return Vec::new();
    };
    #[expect(clippy::cast_precision_loss, reason = "weights are far below 2^52")]
    let figure = |weight: Option<Weight>| weight.map_or(0.0, |weight| weight.0 as f64);
    let costs = rows.clone().map(|row| row.spent().usd().dollars());
    let costs: Vec<f64> = costs.collect();
    let weights: Vec<f64> = rows.map(|row| figure(row.report.weight)).collect();
    let cost = last.spent().to_string();
    let weight = last
        .report
        .weight
        .map_or("none".to_owned(), |weight| weight.to_string());
    vec![
        heading(
            format!("The last {}", format::count(costs.len(), "sprint")),
            theme,
        ),
        spark("cost", &cost, &costs, width, theme),
        spark("weight", &weight, &weights, width, theme),
    ]
}
