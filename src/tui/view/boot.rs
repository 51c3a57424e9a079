//! The rental: boot stages and log.

use std::cmp::Ordering;

use ratatui::layout::{Constraint, Layout, Rect, Size};
use ratatui::text::{Line, Span};

use crate::domain::{BootFault, BootStage};
use crate::engine::{BootSnapshot, LinkSnapshot, RentalSnapshot};
use crate::tui::keymap::Action;
use crate::tui::model::Model;
use crate::tui::pane::Pane;
use crate::tui::theme::Theme;

use super::widgets::{Canvas, put_cut};
use super::{format, log};

/// Below this height the head is one row, to leave room for the log.
const LOW: u16 = 5;
/// From this height on there is room for the GPUs.
const HIGH: u16 = 10;

/// Draws the pane; returns the size of the log.
pub fn draw(canvas: &mut Canvas<'_>, area: Rect) -> Size {
    let (model, theme) = (canvas.model, canvas.theme);
    let inner = canvas.pane_frame(area, Pane::Boot, &log::position(model));
    let mut head = match (&model.snapshot.rental, model.log.past) {
        (_, Some(past)) => {
            let back = canvas.key(Action::LiveLog);
            let text = format!("LOG OF PAST RENTAL {past}; {back} shows the live log");
            vec![Line::styled(text, theme.warn())]
        }
        (None, None) => vec![Line::styled("Nothing is rented.", theme.dim())],
        (Some(rental), None) if inner.height < LOW => low_head(rental, model, theme),
        (Some(rental), None) => head(rental, inner.height, model, theme),
    };
    if let (Some(hedge), None) = (&model.snapshot.hedge, model.log.past) {
        head.insert(head.len().min(1), hedge_line(hedge, model, theme));
    }
    let rows = u16::try_from(head.len()).map_or(inner.height, |rows| rows.min(inner.height));
    let [top, rest] = Layout::vertical([Constraint::Length(rows), Constraint::Min(0)]).areas(inner);
    put_cut(canvas.buf, top, head);
    log::draw(canvas.buf, rest, model, theme)
}

fn head(rental: &RentalSnapshot, height: u16, model: &Model, theme: Theme) -> Vec<Line<'static>> {
    let mut lines = vec![
        rental_line(rental, model, theme),
        stages_line(rental, theme),
        progress_line(rental, model, theme),
    ];
    lines.extend(gpus_line(rental, theme).filter(|_| height >= HIGH));
    if let LinkSnapshot::Connecting {
        last_error: Some(error),
        ..
    } = &rental.link
    {
        lines.push(Line::styled(format!("link: {error}"), theme.warn()));
    }
    if let Some(fault) = &rental.boot.fault {
        lines.push(fault_line(fault, theme));
        lines.push(Line::styled(fault.advice.clone(), theme.strong()));
    }
    lines
}

/// One row: the fault, else the stage.
fn low_head(rental: &RentalSnapshot, model: &Model, theme: Theme) -> Vec<Line<'static>> {
    if let Some(fault) = &rental.boot.fault {
        return vec![fault_line(fault, theme)];
    }
    let place = BootStage::ALL.iter().position(|s| *s == rental.boot.stage);
    let number = place.map_or(0, |place| place + 1);
    let mut line = progress_line(rental, model, theme);
    let stage = format!("{} {number}/{} ", rental.boot.stage, BootStage::ALL.len());
    line.spans.insert(0, Span::styled(stage, theme.accent()));
    vec![line]
}

fn rental_line(rental: &RentalSnapshot, model: &Model, theme: Theme) -> Line<'static> {
    let link = match &rental.link {
        LinkSnapshot::None => "not connected yet".to_owned(),
        LinkSnapshot::Connecting { attempts, .. } => format!("connecting, try {attempts}"),
        LinkSnapshot::Up { tunnel: true, .. } => "link up, tunnel up".to_owned(),
        LinkSnapshot::Up { tunnel: false, .. } => "link up, NO TUNNEL".to_owned(),
    };
    let word = if rental.releasing { "RELEASING " } else { "" };
    let rate = match &rental.link {
        LinkSnapshot::Up { rate, .. } => format::rate(*rate),
        _ => String::new(),
    };
    Line::from(vec![
        Span::styled(word, theme.warn()),
        Span::styled(rental.gpus.clone(), theme.strong()),
        Span::raw(format!(
            " #{} {link} | {}, {}, lease {}{rate} | {}",
            rental.id,
            rental.price,
            format::estimate(rental.cost),
            format::length(rental.lease_until - model.now()),
            rental.status,
        )),
    ])
}

/// The hedge rental: its progress, and the price of both.
fn hedge_line(hedge: &RentalSnapshot, model: &Model, theme: Theme) -> Line<'static> {
    let state = match hedge.boot.ready_at {
        _ if hedge.releasing => "lost the race, RELEASING".to_owned(),
        Some(at) => format!(
            "{}, ready in {}",
            hedge.boot.stage,
            format::length(at - model.now())
        ),
        None => hedge.boot.stage.to_string(),
    };
    Line::from(vec![
        Span::styled("HEDGE ", theme.warn()),
        Span::styled(hedge.gpus.clone(), theme.strong()),
        Span::raw(format!(
            " #{} {state} | {} | both {}",
            hedge.id,
            format::estimate(hedge.cost),
            model.snapshot.money.per_hour
        )),
    ])
}

fn stages_line(rental: &RentalSnapshot, theme: Theme) -> Line<'static> {
    let stages = BootStage::ALL.iter().copied().map(|stage| {
        let (mark, style) = match stage.cmp(&rental.boot.stage) {
            Ordering::Less => (theme.glyph("✓", "x"), theme.ok()),
            Ordering::Equal if rental.is_ready() => (theme.glyph("✓", "x"), theme.ok()),
            Ordering::Equal => (theme.glyph("▶", ">"), theme.accent()),
            Ordering::Greater => (theme.glyph("·", "."), theme.dim()),
        };
        Span::styled(format!("{mark}{stage} "), style)
    });
    stages.collect()
}

/// Progress of the stage, time so far, expected end.
fn progress_line(rental: &RentalSnapshot, model: &Model, theme: Theme) -> Line<'static> {
    let (boot, now) = (&rental.boot, model.now());
    let started = boot.started.first().map_or(rental.rented_at, |(_, at)| *at);
    let bar = boot
        .progress
        .map(|p| format!("{} {:.0}% ", theme.bar(12, p), p * 100.0))
        .unwrap_or_default();
    // Time until now, or until the boot ended.
    let ended = boot.started.last().filter(|_| rental.is_ready());
    let took = format::length(ended.map_or(now, |(_, at)| *at) - started);
    let ready = match boot.ready_at {
        Some(at) => {
            let left = format::length(at - now);
            format!("{took}, ready in {left}{}", ready_band(boot))
        }
        None if ended.is_some() => format!("booted in {took}"),
        None => took,
    };
    Line::from(vec![
        Span::styled(bar, theme.accent()),
        Span::raw(format!("{ready} {} {}", theme.glyph("·", "-"), boot.detail)),
    ])
}

/// The time band in which 80 % of boots are ready.
fn ready_band(boot: &BootSnapshot) -> String {
    let Some((from, by)) = boot.ready_from.zip(boot.ready_by) else {
        return String::new();
    };
    format!(", p10-p90 {}-{}", from.format("%H:%M"), by.format("%H:%M"))
}

/// GPUs as the driver in the container reports them.
fn gpus_line(rental: &RentalSnapshot, theme: Theme) -> Option<Line<'static>> {
    let least = rental.devices.iter().map(|gpu| gpu.total_memory_mb).min()?;
    let usable = rental.devices.iter().filter(|gpu| gpu.available).count();
    let all = rental.devices.len();
    let name = rental.devices.first().map(|gpu| gpu.name.as_str())?;
    let style = if usable == all {
        theme.dim()
    } else {
        theme.bad()
    };
    let text = format!("GPUs in the container: {usable} of {all} usable, {name}, {least} MB each");
    Some(Line::styled(text, style))
}

fn fault_line(fault: &BootFault, theme: Theme) -> Line<'static> {
    let text = format!("FAULT {}: {}", fault.name, fault.evidence);
    Line::styled(text, theme.bad())
}
