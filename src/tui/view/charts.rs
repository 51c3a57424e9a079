//! Charts: epoch, boot, GPUs, block time, prices, cost and weight of past epochs.

use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use crate::domain::{BootStage, Duration, EpochStages, GpuDevice, Milestone};
use crate::engine::{ChainReading, RentalSnapshot};
use crate::tui::model::Model;
use crate::tui::pane::Pane;
use crate::tui::theme::Theme;
use crate::tui::trends::Series;

use super::format;
use super::widgets::{pane_frame, put_cut};

/// Columns from which two charts stand beside each other.
const TWO: u16 = 110;
/// Columns of a name before a bar.
const NAME: usize = 11;

pub fn draw(buf: &mut Buffer, area: Rect, model: &Model, theme: Theme) {
    let inner = pane_frame(buf, area, Pane::Charts, "", model, theme);
    if inner.width < TWO {
        let mut lines = left(model, inner.width, theme);
        lines.extend(right(model, inner.width, theme));
        let last = lines.len().saturating_sub(usize::from(inner.height));
        lines.drain(..model.charts_scroll.min(last));
        return put_cut(buf, inner, lines);
    }
    let halves = [
        Constraint::Fill(1),
        Constraint::Length(2),
        Constraint::Fill(1),
    ];
    let [first, _, second] = Layout::horizontal(halves).areas(inner);
    put_cut(buf, first, left(model, first.width, theme));
    put_cut(buf, second, right(model, second.width, theme));
}

fn left(model: &Model, width: u16, theme: Theme) -> Vec<Line<'static>> {
    let mut lines = Vec::new();
    match &model.snapshot.chain.reading {
        Some(reading) => lines.extend(epoch(reading, model, width, theme)),
        None => lines.push(Line::styled(
            "The chain has not been read yet.",
            theme.dim(),
        )),
    }
    if let Some(rental) = &model.snapshot.rental {
        lines.extend(boot(rental, model, width, theme));
        lines.extend(rental.devices.iter().map(|gpu| device(gpu, width, theme)));
    }
    lines
}

/// The past: block time, prices, past epochs.
fn right(model: &Model, width: u16, theme: Theme) -> Vec<Line<'static>> {
    let trends = &model.trends;
    let mut lines = vec![heading("While this cockpit was open", theme)];
    let figure = |value: Option<f64>, unit: fn(f64) -> String| value.map_or("-".to_owned(), unit);
    let block = figure(trends.block_time.last(), |seconds| format!("{seconds:.2}s"));
    lines.push(spark(
        "block time",
        &block,
        &trends.block_time.values(),
        width,
        theme,
    ));
    lines.push(spark(
        "PoC moved",
        &moved(&trends.poc_start),
        &trends.poc_start.values(),
        width,
        theme,
    ));
    let price = figure(trends.price.last(), |dollars| format!("${dollars:.2}"));
    lines.push(spark(
        "best price",
        &price,
        &trends.price.values(),
        width,
        theme,
    ));
    lines.extend(past(model, width, theme));
    lines
}

fn heading(text: &'static str, theme: Theme) -> Line<'static> {
    Line::styled(text, theme.accent())
}

/// The epoch as a line with its milestones, and what comes next.
fn epoch(reading: &ChainReading, model: &Model, width: u16, theme: Theme) -> Vec<Line<'static>> {
    let columns = usize::from(width).saturating_sub(1);
    let end = reading.view.next.poc_start.0;
    let place = |height: u64| column_of(height, &reading.view.current, end, columns);
    let mut cells: Vec<(&str, Style)> = vec![(theme.glyph("─", "-"), theme.dim()); columns];
    let mut set = |at: usize, glyph: &'static str, style: Style| {
        if let Some(cell) = cells.get_mut(at) {
            *cell = (glyph, style);
        }
    };
    (0..place(reading.view.height.0)).for_each(|at| set(at, theme.glyph("━", "="), theme.text()));
    for (milestone, height) in reading.view.current.milestones() {
        set(place(height.0), letter(milestone), theme.strong());
    }
    set(
        columns.saturating_sub(1),
        letter(Milestone::PocStart),
        theme.warn(),
    );
    set(
        place(reading.view.height.0),
        theme.glyph("●", "@"),
        theme.accent(),
    );
    let bar = cells
        .into_iter()
        .map(|(glyph, style)| Span::styled(glyph, style));
    let mut lines = vec![
        Line::from(vec![
            Span::styled(format!("Epoch {} ", reading.view.epoch), theme.accent()),
            Span::styled(
                "G generation V validation W weights C claim P next PoC",
                theme.dim(),
            ),
        ]),
        Line::from(bar.collect::<Vec<_>>()),
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
        return scaled(
            height.saturating_sub(start),
            knee.saturating_sub(start),
            last / 3,
        );
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
    let mut took: Vec<(BootStage, Duration)> = Vec::new();
    for (place, (stage, began)) in started.iter().enumerate() {
        let until = started
            .get(place + 1)
            .map_or(model.now(), |(_, next)| *next);
        if *stage != BootStage::Ready {
            took.push((*stage, (until - *began).max(Duration::zero())));
        }
    }
    let longest = took
        .iter()
        .map(|(_, took)| took.num_seconds())
        .max()
        .unwrap_or(0)
        .max(1);
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
    let style = if gpu.available {
        theme.text()
    } else {
        theme.bad()
    };
    let heat = gpu
        .temperature_c
        .map_or_else(String::new, |c| format!(" {c:.0}C"));
    let state = if gpu.available { "" } else { " NOT USABLE" };
    Line::from(vec![
        Span::styled(
            format!("{:<NAME$} ", format!("GPU {}", gpu.index)),
            theme.dim(),
        ),
        Span::styled(
            theme.bar(columns, gpu.utilization_percent / 100.0),
            theme.accent(),
        ),
        Span::styled(format!(" {:>3.0}%  ", gpu.utilization_percent), style),
        Span::styled(theme.bar(columns, used / total), theme.ok()),
        Span::styled(
            format!(
                " {:.0}/{:.0} GB{heat}{state}",
                used / 1000.0,
                total / 1000.0
            ),
            style,
        ),
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
    let history = &model.snapshot.history;
    if history.is_empty() {
        return Vec::new();
    }
    let costs: Vec<f64> = history.iter().map(|past| past.report.cost_usd).collect();
    #[expect(clippy::cast_precision_loss, reason = "weights are far below 2^52")]
    let weight =
        |weight: Option<crate::domain::Weight>| weight.map_or(0.0, |weight| weight.0 as f64);
    let weights: Vec<f64> = history
        .iter()
        .map(|past| weight(past.report.weight))
        .collect();
    let last = history.last().map(|past| &past.report);
    let cost = last.map_or("-".to_owned(), |report| format!("${:.2}", report.cost_usd));
    let earned = last
        .and_then(|report| report.weight)
        .map_or("none".to_owned(), |weight| weight.to_string());
    vec![
        Line::styled(
            format!("The last {} sprints", history.len()),
            theme.accent(),
        ),
        spark("cost", &cost, &costs, width, theme),
        spark("weight", &earned, &weights, width, theme),
    ]
}
