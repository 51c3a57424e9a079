//! Row 4: the next milestones.

use ratatui::text::{Line, Span};

use crate::domain::Time;
use crate::tui::milestones::{Upcoming, uncertainty};
use crate::tui::model::Model;
use crate::tui::theme::Theme;
use crate::tui::view::format;

use super::super::widgets::Canvas;
use super::{Item, WIDE, fit, item, label};

pub(super) fn line(canvas: &Canvas<'_>, width: u16) -> Line<'static> {
    let (model, theme) = (canvas.model, canvas.theme);
    let head = label("NEXT", theme.dim());
    let Some(reading) = &model.snapshot.chain.reading else {
        let text = match model.snapshot.chain.sources.len() {
            0 => "chain not read yet".to_owned(),
            sources => format!(
                "chain not read yet, asking {}",
                format::count(sources, "source")
            ),
        };
        return fit(head, vec![item(text, theme.warn())], width);
    };
    let upcoming = model.upcoming();
    if model.is_frozen() {
        return fit(head, frozen(&upcoming, reading.at, model, theme), width);
    }
    if upcoming.is_empty() {
        let text = "times unknown until the block time is measured";
        return fit(head, vec![item(text, theme.dim())], width);
    }
    let count = match width {
        ..80 => 2,
        80..WIDE => 3,
        WIDE..180 => 4,
        180.. => 6,
    };
    let shown = upcoming.iter().take(count).enumerate();
    let items = shown.map(|(index, it)| spans(it, index, width, model.now(), theme));
    let (mut used, mut line) = (head.iter().map(Span::width).sum::<usize>(), head);
    for (mut item, clock) in items {
        let wide: usize = item.iter().map(Span::width).sum();
        if used + wide > usize::from(width) {
            break;
        }
        used += wide;
        // The clock of the last one goes first.
        if used + clock.width() <= usize::from(width) {
            used += clock.width();
            item.push(clock);
        }
        line.extend(item);
    }
    Line::from(line)
}

/// `NAME LENGTH ±BAND`, and the clock.
fn spans(
    upcoming: &Upcoming,
    index: usize,
    width: u16,
    now: Time,
    theme: Theme,
) -> (Item, Span<'static>) {
    let at = upcoming.at.p50;
    let style = if index == 0 {
        theme.strong()
    } else {
        theme.text()
    };
    let gap = if index == 0 { "" } else { "  " };
    let epoch = upcoming.epoch.filter(|_| width >= WIDE);
    let epoch = epoch.map_or_else(String::new, |epoch| format!("{epoch} "));
    let name = format!("{gap}{} {epoch}", upcoming.name);
    let mut spans = vec![Span::styled(name, theme.dim())];
    if at <= now {
        let late = now - at;
        let text = if late < crate::domain::Duration::minutes(1) {
            "due now".to_owned()
        } else {
            format!("{} late", format::roughly(late))
        };
        spans.push(Span::styled(text, theme.warn()));
        return (spans, Span::raw(""));
    }
    let mut length = format::short(at - now);
    if width >= WIDE
        && let Some(half) = uncertainty(upcoming.at)
    {
        let half = format::in_largest_unit(half);
        length = format!("{length} {}{half}", theme.glyph("±", "+-"));
    }
    spans.push(Span::styled(length, style));
    let clock = format!(" ({})", format::clock(at, now));
    (spans, Span::styled(clock, theme.dim()))
}

/// The last clocks; remaining times are not known.
fn frozen(upcoming: &[Upcoming], read_at: Time, model: &Model, theme: Theme) -> Vec<Item> {
    let now = model.now();
    let clocks = upcoming.iter().take(3).enumerate().map(|(index, it)| {
        let gap = if index == 0 { "" } else { "  " };
        let clock = format::clock(it.at.p50, now);
        item(format!("{gap}{} ~{clock}", it.name), theme.dim())
    });
    let age = format::short(now - read_at);
    let mut items: Vec<Item> = clocks.collect();
    let at = items.len().min(1);
    items.insert(at, item(format!(" (read {age} ago)"), theme.warn()));
    items
}
