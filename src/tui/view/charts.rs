//! Charts: past epochs as bars; prices and times since the cockpit was opened.

use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::{Line, Span};

use crate::engine::PastSprintRow;
use crate::tui::layout::Rows;
use crate::tui::model::Model;
use crate::tui::section::Section;
use crate::tui::theme::Theme;
use crate::tui::trends::Series;

use super::bars::{Bars, Scale};
use super::format;
use super::widgets::{Canvas, put_cut};

/// Columns from which two charts stand beside each other.
const TWO: u16 = 100;
/// Rows of a chart that says anything.
const LOW: u16 = 5;
/// Columns of a name before a sparkline.
const NAME: usize = 11;
/// Columns of a figure before a sparkline.
const FIGURE: usize = 9;
/// Columns of the range behind a sparkline.
const RANGE: usize = 26;

pub fn epochs_rows() -> Rows {
    Rows {
        least: 6,
        wanted: 12,
        most: Rows::ENDLESS,
    }
}

pub fn trends_rows() -> Rows {
    Rows {
        least: 3,
        wanted: 12,
        most: Rows::ENDLESS,
    }
}

pub fn draw_epochs(canvas: &mut Canvas<'_>, area: Rect) {
    let history = &canvas.model.snapshot.history;
    let theme = canvas.theme;
    let note = match history.len() {
        0 => "no epoch yet".to_owned(),
        all => format!("{}, gaps had no weight", format::count(all, "epoch")),
    };
    let inner = canvas.section_rule(area, Section::Epochs, &note);
    let weight = Chart {
        name: "weight per epoch",
        comes: "comes with the first confirmed sprint",
        values: values(history, weight),
        scale: Scale::from_zero,
        label: format::whole,
        wide: 2,
        gap: 1,
    };
    let cost = Chart {
        name: "$ per 1000 weight",
        comes: "comes with the first confirmed sprint",
        values: values(history, cost_per_weight),
        scale: Scale::from_zero,
        label: |value| format!("{value:.2}"),
        wide: 2,
        gap: 1,
    };
    let areas = if inner.width >= TWO {
        Layout::horizontal([Constraint::Fill(1); 2]).split(inner)
    } else if inner.height >= 2 * LOW {
        Layout::vertical([Constraint::Fill(1); 2]).split(inner)
    } else {
        Layout::vertical([Constraint::Fill(1)]).split(inner)
    };
    for (chart, area) in [weight, cost].iter().zip(areas.iter()) {
        put_cut(canvas.buf, *area, chart.lines(*area, theme));
    }
}

pub fn draw_trends(canvas: &mut Canvas<'_>, area: Rect) {
    let (model, theme) = (canvas.model, canvas.theme);
    let inner = canvas.section_rule(area, Section::Trends, "since the cockpit was opened");
    let sparks = sparks(model, inner.width, theme);
    let rows = u16::try_from(sparks.len()).unwrap_or(u16::MAX);
    let room = inner.height.saturating_sub(rows);
    let chart_rows = if room >= LOW { room } else { 0 };
    let [top, rest] =
        Layout::vertical([Constraint::Length(chart_rows), Constraint::Min(0)]).areas(inner);
    if chart_rows > 0 {
        let price = Chart {
            name: "best $/h",
            comes: "comes with the next search of offers",
            values: known(&model.trends.price),
            scale: Scale::around,
            label: |value| format!("{value:.2}"),
            wide: 1,
            gap: 0,
        };
        put_cut(canvas.buf, top, price.lines(top, theme));
    }
    put_cut(canvas.buf, rest, sparks);
}

/// A title with the newest figure and the range, and bars.
struct Chart {
    name: &'static str,
    /// When there is something to draw, said until then.
    comes: &'static str,
    values: Vec<Option<f64>>,
    scale: fn(&[Option<f64>]) -> Scale,
    label: fn(f64) -> String,
    wide: usize,
    gap: usize,
}

impl Chart {
    fn lines(&self, area: Rect, theme: Theme) -> Vec<Line<'static>> {
        let figures = match self.values.iter().flatten().next_back() {
            None => format!(": {}", self.comes),
            Some(now) => {
                let (least, most) = range(self.values.iter().flatten().copied());
                let label = self.label;
                format!(", now {}, {} to {}", label(*now), label(least), label(most))
            }
        };
        let bars = Bars {
            values: &self.values,
            scale: (self.scale)(&self.values),
            wide: self.wide,
            gap: self.gap,
            label: self.label,
        };
        let title = Line::from(vec![
            Span::styled(format!(" {}", self.name), theme.strong()),
            Span::styled(figures, theme.dim()),
        ]);
        let rows = usize::from(area.height).saturating_sub(1);
        let bars = bars.lines(area.width, rows, theme);
        std::iter::once(title).chain(bars).collect()
    }
}

fn known(series: &Series) -> Vec<Option<f64>> {
    series.values().into_iter().map(Some).collect()
}

fn values(
    history: &[PastSprintRow],
    figure: fn(&PastSprintRow) -> Option<f64>,
) -> Vec<Option<f64>> {
    history.iter().map(figure).collect()
}

#[expect(clippy::cast_precision_loss, reason = "weights are far below 2^52")]
fn weight(past: &PastSprintRow) -> Option<f64> {
    past.report.weight.map(|weight| weight.0 as f64)
}

fn cost_per_weight(past: &PastSprintRow) -> Option<f64> {
    let cost = past.report.per_1000_weight(past.spent())?;
    Some(cost.usd().dollars())
}

fn range(values: impl Iterator<Item = f64>) -> (f64, f64) {
    values.fold(
        (f64::INFINITY, f64::NEG_INFINITY),
        |(least, most), value| (least.min(value), most.max(value)),
    )
}

/// What moves little: a figure, its line and its range each.
fn sparks(model: &Model, width: u16, theme: Theme) -> Vec<Line<'static>> {
    let trends = &model.trends;
    let line = |name, series: &Series, noise: f64, label: fn(f64) -> String| {
        let values = series.values();
        let now = values
            .last()
            .map_or_else(|| "-".to_owned(), |now| label(*now));
        let (least, most) = range(values.iter().copied());
        let range = match values.len() {
            0 | 1 => String::new(),
            _ if is_flat(least, most) => format!("flat within {}2%", theme.glyph("±", "+-")),
            _ => format!("{} to {}", label(least), label(most)),
        };
        // A part of the value, up and down.
        let noise = 2.0 * noise * values.last().copied().unwrap_or_default().abs();
        let curve = Curve {
            values: &values,
            noise,
        };
        spark(name, &now, curve, &range, width, theme)
    };
    let first = trends.poc_start.values().first().copied().unwrap_or(0.0);
    let shifts: Vec<f64> = trends
        .poc_start
        .values()
        .iter()
        .map(|at| at - first)
        .collect();
    let shift = shifts
        .last()
        .map_or_else(|| "-".to_owned(), |now| format!("{now:+.0} s"));
    vec![
        line("block time", &trends.block_time, 0.08, |seconds| {
            format!("{seconds:.2} s")
        }),
        spark(
            "PoC moved",
            &shift,
            Curve {
                values: &shifts,
                noise: 120.0,
            },
            "since announced",
            width,
            theme,
        ),
        line("best $/h", &trends.price, 0.1, |dollars| {
            format!("{dollars:.2}")
        }),
        line("$/success", &trends.success, 0.1, |dollars| {
            format!("{dollars:.2}")
        }),
        line("usable", &trends.usable, 0.0, format::whole),
    ]
}

fn is_flat(least: f64, most: f64) -> bool {
    most - least <= 0.04 * most.abs()
}

/// Values, and by how much they move without saying anything.
struct Curve<'a> {
    values: &'a [f64],
    noise: f64,
}

fn spark(
    name: &str,
    now: &str,
    Curve { values, noise }: Curve<'_>,
    range: &str,
    width: u16,
    theme: Theme,
) -> Line<'static> {
    let columns = usize::from(width).saturating_sub(NAME + FIGURE + RANGE + 4);
    let first = values.len().saturating_sub(columns);
    let line = theme.spark(&values[first..], noise);
    Line::from(vec![
        Span::styled(format!(" {name:<NAME$} "), theme.dim()),
        Span::styled(format!("{now:<FIGURE$} "), theme.strong()),
        Span::styled(format!("{line:<columns$} "), theme.accent()),
        Span::styled(range.to_owned(), theme.dim()),
    ])
}
