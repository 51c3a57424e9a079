//! The rental: its boot by stages, and its log as it comes.

use ratatui::buffer::Buffer;
use ratatui::layout::{Rect, Size};
use ratatui::text::{Line, Span};

use crate::domain::BootStage;
use crate::engine::{LinkSnapshot, RentalSnapshot};
use crate::tui::model::{Model, Pane};
use crate::tui::theme::Theme;

use super::{frame, log, put_cut, words};

/// Draws the pane; how much of it the log has.
pub fn draw(buf: &mut Buffer, area: Rect, model: &Model, theme: Theme) -> Size {
    let inner = frame(buf, area, Pane::Boot, &log::place(model), model, theme);
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
    log::draw(buf, rest, model, theme)
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
            " #{} {link} | {}, cost {}, lease {} | {}",
            rental.id,
            rental.price,
            rental.cost,
            words::length(rental.lease_until - now),
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
