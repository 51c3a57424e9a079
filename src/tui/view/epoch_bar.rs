//! The epoch as a bar with its milestones.

use ratatui::style::Style;
use ratatui::text::{Line, Span};

use crate::domain::{EpochStages, Milestone};
use crate::engine::ChainReading;
use crate::tui::theme::Theme;

/// How much of the epoch is over, 0 to 1.
#[expect(clippy::cast_precision_loss, reason = "a bar of a few dozen columns")]
pub fn part(reading: &ChainReading) -> f64 {
    let view = &reading.view;
    let (start, end) = (view.current.poc_start.0, view.next.poc_start.0);
    let part = view.height.0.saturating_sub(start) as f64 / end.saturating_sub(start).max(1) as f64;
    part.clamp(0.0, 1.0)
}

/// The bar and what its letters mean.
pub fn lines(reading: &ChainReading, width: u16, theme: Theme) -> Vec<Line<'static>> {
    let columns = usize::from(width).saturating_sub(2);
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
    // Two that are close to each other are both seen.
    let mut free = 0;
    for (milestone, height) in view.current.milestones() {
        let at = place(height.0).max(free);
        set(at, letter(milestone, theme), theme.strong());
        free = at + 1;
    }
    let (here, next) = (theme.glyph("●", "@"), letter(Milestone::PocStart, theme));
    set(columns.saturating_sub(1), next, theme.warn());
    set(place(view.height.0), here, theme.accent());
    let bar = cells.into_iter();
    let bar = bar.map(|(glyph, style)| Span::styled(glyph, style));
    let legend = format!(
        " P generation G  v validation V  W weights C rewards {} cut",
        letter(Milestone::InferenceValidationCutoff, theme)
    );
    vec![
        std::iter::once(Span::raw(" ")).chain(bar).collect(),
        Line::styled(legend, theme.dim()),
    ]
}

fn letter(milestone: Milestone, theme: Theme) -> &'static str {
    match milestone {
        Milestone::PocStart => "P",
        Milestone::PocGenerationEnd => "G",
        Milestone::PocValidationStart => "v",
        Milestone::PocValidationEnd => "V",
        Milestone::SetNewValidators => "W",
        Milestone::ClaimMoney => "C",
        Milestone::InferenceValidationCutoff => theme.glyph("┊", "|"),
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
