//! Bars over a scale: zero or a floor at the bottom, the top at a round figure.

use ratatui::text::{Line, Span};

use crate::tui::theme::Theme;

/// Values between two ends that are written beside them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scale {
    pub floor: f64,
    pub top: f64,
}

impl Scale {
    /// From zero to a round figure above all values: lengths of bars compare as the values do.
    pub fn from_zero(values: &[Option<f64>]) -> Scale {
        let most = values.iter().flatten().copied().fold(0.0, f64::max);
        let top = if most > 0.0 { round_up(most) } else { 1.0 };
        Scale { floor: 0.0, top }
    }

    /// Around the values, for what only moves a little. What does not move stays in the middle.
    pub fn around(values: &[Option<f64>]) -> Scale {
        let known = || values.iter().flatten().copied();
        let (least, most) = (
            known().fold(f64::INFINITY, f64::min),
            known().fold(0.0, f64::max),
        );
        if least.is_infinite() {
            return Scale {
                floor: 0.0,
                top: 1.0,
            };
        }
        let range = (most - least).max(most.abs() * 0.1).max(0.01);
        let step = round_up(range / 2.0);
        let (floor, top) = ((least / step).floor() * step, (most / step).ceil() * step);
        let (floor, top) = if top - floor < step / 2.0 {
            (floor - step, top + step)
        } else {
            (floor, top)
        };
        Scale {
            floor: floor.max(0.0),
            top,
        }
    }

    /// 0 at the floor, 1 at the top.
    fn part(self, value: f64) -> f64 {
        ((value - self.floor) / (self.top - self.floor)).clamp(0.0, 1.0)
    }
}

/// The next of 1, 2, 2.5, 5 and 10 times a power of ten.
fn round_up(value: f64) -> f64 {
    let power = 10_f64.powf(value.log10().floor());
    let steps = [1.0, 1.2, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0];
    let step = steps
        .into_iter()
        .find(|step| step * power >= value - power * 1e-9);
    step.unwrap_or(10.0) * power
}

/// Bars with their scale on the left; what is unknown is a gap.
pub struct Bars<'a> {
    pub values: &'a [Option<f64>],
    pub scale: Scale,
    /// Columns of a bar, without the one between two.
    pub wide: usize,
    pub gap: usize,
    pub label: fn(f64) -> String,
}

impl Bars<'_> {
    /// This many rows; the newest values that fit.
    pub fn lines(&self, width: u16, rows: usize, theme: Theme) -> Vec<Line<'static>> {
        let (top, floor) = ((self.label)(self.scale.top), (self.label)(self.scale.floor));
        let label = top.len().max(floor.len()).max(5);
        let room = usize::from(width).saturating_sub(label + 3);
        let count = (room + self.gap) / (self.wide + self.gap).max(1);
        let first = self.values.len().saturating_sub(count);
        let shown = &self.values[first..];
        let row = |row: usize| {
            let text = match row {
                0 => top.as_str(),
                _ if row + 1 == rows => floor.as_str(),
                _ => "",
            };
            let cells = shown
                .iter()
                .map(|value| self.cell(*value, rows - 1 - row, rows, theme));
            let bars = cells.collect::<Vec<String>>().join(&" ".repeat(self.gap));
            Line::from(vec![
                Span::styled(
                    format!(" {text:>label$} {}", theme.glyph("┤", "|")),
                    theme.dim(),
                ),
                Span::styled(bars, theme.accent()),
            ])
        };
        (0..rows).map(row).collect()
    }

    /// What a bar fills of a row, which is this far above the floor.
    fn cell(&self, value: Option<f64>, above: usize, rows: usize, theme: Theme) -> String {
        let Some(value) = value else {
            return " ".repeat(self.wide);
        };
        let glyphs = if theme.unicode {
            [" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"]
        } else {
            [" ", "_", "_", ".", ".", "-", "-", "=", "#"]
        };
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "0 to some hundred eighths of rows"
        )]
        // What is there is never invisible.
        let eighths = ((self.scale.part(value) * rows as f64 * 8.0).round() as usize).max(1);
        let here = eighths.saturating_sub(above * 8).min(8);
        glyphs[here].repeat(self.wide)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::theme::{BackgroundChoice, ColorChoice, GlyphChoice};

    fn drawn(values: &[f64], scale: fn(&[Option<f64>]) -> Scale, rows: usize) -> Vec<String> {
        let theme = Theme::resolve(
            ColorChoice::Auto,
            BackgroundChoice::Auto,
            GlyphChoice::Unicode,
            |_| None,
        );
        let values: Vec<Option<f64>> = values.iter().copied().map(Some).collect();
        let bars = Bars {
            values: &values,
            scale: scale(&values),
            wide: 1,
            gap: 0,
            label: |value| format!("{value:.0}"),
        };
        let lines = bars.lines(40, rows, theme);
        lines.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn bars_from_zero_compare_as_values_do() {
        // 2035 and 2183 differ by 7 %: so do their bars.
        let rows = drawn(&[2035.0, 2183.0], Scale::from_zero, 4);
        assert_eq!(rows[0], "  2500 ┤▂▄");
        assert_eq!(rows[3], "     0 ┤██");
    }

    #[test]
    fn constant_series_is_flat() {
        let rows = drawn(&[5.6; 6], Scale::around, 3);
        let bars = |row: &String| {
            row.chars()
                .skip_while(|it| *it != '┤')
                .skip(1)
                .collect::<String>()
        };
        for row in &rows {
            let bars = bars(row);
            assert!(bars.chars().all(|it| bars.starts_with(it)), "{rows:?}");
        }
        assert_eq!(bars(&rows[0]).trim(), "", "in the middle: {rows:?}");
    }

    #[test]
    fn floor_is_written_beside_bars() {
        let rows = drawn(&[771.0, 940.0, 789.0], Scale::around, 3);
        assert!(rows[0].contains("1000 ┤"), "{rows:?}");
        assert!(rows[2].contains("700 ┤"), "{rows:?}");
    }

    #[test]
    fn nothing_known_draws_empty_scale() {
        let rows = drawn(&[], Scale::from_zero, 2);
        assert_eq!(rows, ["     1 ┤", "     0 ┤"]);
    }
}
