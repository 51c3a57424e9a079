//! The rental: its boot by stages, and its log as it comes.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Paragraph, Widget, Wrap};

use crate::domain::{BootStage, LineStyle, LogLine, TerminalColor};
use crate::engine::{LinkSnapshot, RentalSnapshot};
use crate::tui::model::{Model, Pane};
use crate::tui::theme::Theme;

use super::{frame, put_cut, words};

/// Draws the pane.
pub fn draw(buf: &mut Buffer, area: Rect, model: &Model, theme: Theme) {
    let end = model.snapshot.boot_log.end_seq();
    let note = match model.log.held_at {
        None => format!("following, {end} lines"),
        Some(at) => format!("PAUSED, {} new below", end.saturating_sub(at)),
    };
    let inner = frame(buf, area, Pane::Boot, &note, model, theme);
    let mut head = Vec::new();
    match &model.snapshot.rental {
        None => head.push(Line::styled("Nothing is rented.", theme.dim())),
        Some(rental) => rental_lines(&mut head, rental, model, theme),
    }
    let rows = u16::try_from(head.len())
        .unwrap_or(u16::MAX)
        .min(inner.height);
    put_cut(
        buf,
        Rect {
            height: rows,
            ..inner
        },
        head,
    );
    let rest = Rect {
        y: inner.y + rows,
        height: inner.height - rows,
        ..inner
    };
    log(buf, rest, model, theme);
}

fn rental_lines(
    lines: &mut Vec<Line<'static>>,
    rental: &RentalSnapshot,
    model: &Model,
    theme: Theme,
) {
    let now = model.now();
    let link = match &rental.link {
        LinkSnapshot::None => "no link".to_owned(),
        LinkSnapshot::Connecting { attempts, .. } => format!("CONNECTING try {attempts}"),
        LinkSnapshot::Up { tunnel: true, .. } => "link up, tunnel up".to_owned(),
        LinkSnapshot::Up { tunnel: false, .. } => "link up, NO TUNNEL".to_owned(),
    };
    let word = if rental.releasing { "RELEASING " } else { "" };
    lines.push(Line::from(vec![
        Span::styled(word, theme.warn()),
        Span::styled(rental.gpus.clone(), theme.strong()),
        Span::raw(format!(
            " #{} {link} | {}, cost {}, lease {}{} | {}",
            rental.id,
            rental.price,
            rental.cost,
            words::length(rental.lease_until - now),
            carries(&rental.link),
            rental.status,
        )),
    ]));
    let boot = &rental.boot;
    let mut stages = Vec::new();
    for stage in BootStage::ALL {
        let (mark, style) = match stage.cmp(&boot.stage) {
            std::cmp::Ordering::Less => (theme.glyph("✓", "x"), theme.ok()),
            std::cmp::Ordering::Equal if rental.is_ready() => (theme.glyph("✓", "x"), theme.ok()),
            std::cmp::Ordering::Equal => (theme.glyph("▶", ">"), theme.accent()),
            std::cmp::Ordering::Greater => (theme.glyph("·", "."), theme.dim()),
        };
        stages.push(Span::styled(format!("{mark}{stage} "), style));
    }
    lines.push(Line::from(stages));
    let started = boot.started.first().map_or(rental.rented_at, |(_, at)| *at);
    let ready = boot
        .ready_at
        .map(|at| format!(", ready in {}", words::length(at - now)))
        .unwrap_or_default();
    let bar = boot
        .progress
        .map(|p| format!("{} {:.0}% ", theme.bar(12, p), p * 100.0))
        .unwrap_or_default();
    lines.push(Line::from(vec![
        Span::styled(bar, theme.accent()),
        Span::raw(format!(
            "{}{ready} {} {}",
            words::length(now - started),
            theme.glyph("·", "-"),
            boot.detail
        )),
    ]));
    if let LinkSnapshot::Connecting {
        last_error: Some(error),
        ..
    } = &rental.link
    {
        lines.push(Line::styled(format!("link: {error}"), theme.warn()));
    }
    if let Some(fault) = &boot.fault {
        lines.push(Line::styled(
            format!("FAULT {}: {}", fault.name, fault.evidence),
            theme.bad(),
        ));
        lines.push(Line::styled(fault.advice.clone(), theme.strong()));
    }
}

fn log(buf: &mut Buffer, area: Rect, model: &Model, theme: Theme) {
    if area.is_empty() {
        return;
    }
    let log = &model.snapshot.boot_log;
    let live = log.live.as_ref().filter(|_| model.log.held_at.is_none());
    let end = model.log.held_at.unwrap_or_else(|| log.end_seq());
    let rows = u64::from(area.height).saturating_sub(u64::from(live.is_some()));
    let first = end.saturating_sub(rows).max(log.first_seq());
    let lines: Vec<Line<'_>> = (first..end)
        .filter_map(|seq| log.line(seq))
        .chain(live)
        .map(|line| styled(line, theme))
        .collect();
    let text = Paragraph::new(lines);
    if !model.log.wrap {
        text.scroll((0, model.log.column)).render(area, buf);
        return;
    }
    // Wrapped lines are taller: the newest ones are what must stay in sight.
    let text = text.wrap(Wrap { trim: false });
    let height = wrapped_height(log, first, end, live, area.width);
    let over = height.saturating_sub(usize::from(area.height));
    text.scroll((u16::try_from(over).unwrap_or(u16::MAX), 0))
        .render(area, buf);
}

fn wrapped_height(
    log: &crate::engine::BootLog,
    first: u64,
    end: u64,
    live: Option<&LogLine>,
    width: u16,
) -> usize {
    let width = usize::from(width).max(1);
    (first..end)
        .filter_map(|seq| log.line(seq))
        .chain(live)
        .map(|line| {
            let columns: usize = line
                .spans
                .iter()
                .map(|s| unicode_width::UnicodeWidthStr::width(s.text.as_str()))
                .sum();
            columns.div_ceil(width).max(1)
        })
        .sum()
}

/// How fast the tunnel answers and how much goes through it, once something did.
fn carries(link: &LinkSnapshot) -> String {
    match link {
        LinkSnapshot::Up { rate, .. } => words::rate(*rate),
        _ => String::new(),
    }
}

fn styled(line: &LogLine, theme: Theme) -> Line<'_> {
    line.spans
        .iter()
        .map(|s| Span::styled(s.text.as_str(), style(s.style, theme)))
        .collect()
}

fn style(from: LineStyle, theme: Theme) -> Style {
    let color = |c: TerminalColor| match c {
        TerminalColor::Indexed(index) => Color::Indexed(index),
        TerminalColor::Rgb(r, g, b) => Color::Rgb(r, g, b),
    };
    let mut style = Style::new();
    if theme.color {
        style.fg = from.foreground.map(color);
        style.bg = from.background.map(color);
    }
    for (on, modifier) in [
        (from.bold, Modifier::BOLD),
        (from.dim, Modifier::DIM),
        (from.italic, Modifier::ITALIC),
        (from.underline, Modifier::UNDERLINED),
    ] {
        if on {
            style = style.add_modifier(modifier);
        }
    }
    style
}
