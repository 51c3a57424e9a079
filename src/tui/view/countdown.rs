//! The chain: height, epoch, time to `PoC`.

use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use crate::domain::{ConfirmationPhase, Duration, Lead, LeadBasis, Step, Time};
use crate::engine::{ChainReading, HeightEstimate};
use crate::tui::model::Model;
use crate::tui::pane::Pane;
use crate::tui::theme::Theme;

use super::format;
use super::widgets::{Canvas, put};

/// Younger readings are shown without age.
const FRESH: Duration = Duration::seconds(10);
pub(super) const STALE: Duration = Duration::seconds(30);

/// Width from which there is room for the reason of the lead time.
const WIDE: u16 = 50;

pub fn draw(canvas: &mut Canvas<'_>, area: Rect) {
    let (model, theme) = (canvas.model, canvas.theme);
    let chain = &model.snapshot.chain;
    let now = model.now();
    let read_at = chain.reading.as_ref().map(|reading| reading.at);
    let age = format::ago(read_at, now);
    // An age that changes every second would cost traffic on a slow link.
    let fresh = read_at.is_some_and(|at| now - at < FRESH);
    let note = if fresh { "just read" } else { &age };
    let inner = canvas.pane_frame(area, Pane::Countdown, note);
    let unread = "The chain has not been read yet.";
    let mut lines = match &chain.reading {
        None => vec![Line::styled(unread, theme.warn())],
        Some(reading) => reading_lines(reading, model, inner.width, theme),
    };
    // Problems go right below the figures that they make doubtful.
    let mut problems = Vec::new();
    if let Some(trouble) = &chain.trouble {
        problems.push(Line::styled(format!("TROUBLE {trouble}"), theme.bad()));
    }
    if let Some(since) = chain.stalled_since {
        let text = format!("STALLED no new block for {}", format::length(now - since));
        problems.push(Line::styled(text, theme.bad()));
    }
    if read_at.is_some_and(|at| now - at > STALE) {
        problems.push(Line::styled(format!("STALE read {age}"), theme.warn()));
    }
    let place = lines.len().min(2);
    lines.splice(place..place, problems);
    put(canvas.buf, inner, lines);
}

fn reading_lines(
    reading: &ChainReading,
    model: &Model,
    width: u16,
    theme: Theme,
) -> Vec<Line<'static>> {
    let now = model.now();
    let dim = |text: &'static str| Span::styled(text, theme.dim());
    let estimate = |name, at, style| estimate(name, at, now, width, style, theme);
    let view = &reading.view;
    let (start, end) = (view.current.poc_start.0, view.next.poc_start.0);
    #[expect(clippy::cast_precision_loss, reason = "a bar of a few dozen columns")]
    let part = view.height.0.saturating_sub(start) as f64 / end.saturating_sub(start).max(1) as f64;
    let columns = usize::from(width).saturating_sub(14);
    let percent = (part * 100.0).clamp(0.0, 100.0);
    let mut lines = vec![
        estimate("PoC start", reading.poc_start, theme.strong()),
        estimate("Register by", reading.registration_deadline, theme.text()),
        Line::from(vec![
            dim("Epoch "),
            Span::styled(view.epoch.to_string(), theme.strong()),
            dim(" at "),
            Span::raw(view.height.to_string()),
            dim(", block "),
            Span::raw(block_time(reading)),
        ]),
        Line::from(vec![
            dim("Phase "),
            Span::styled(format::phase(view.phase), theme.accent()),
        ]),
        Line::from(vec![
            Span::styled(theme.bar(columns, part), theme.accent()),
            Span::raw(format!(" {percent:.0}% of epoch")),
        ]),
        confirmation(reading, model, theme),
    ];
    let sprint = &model.snapshot.sprint;
    if let Some(rent_at) = sprint.rent_at.filter(|_| sprint.step <= Step::Choosing) {
        let clock = format::clock(rent_at, now);
        let text = if rent_at > now {
            format!("in {} ({clock})", format::roughly(rent_at - now))
        } else {
            format!("since {clock}")
        };
        let reason = Some(&sprint.lead).filter(|_| width >= WIDE).map(lead);
        lines.push(Line::from(vec![
            dim("Rents "),
            Span::raw(text),
            Span::styled(reason.unwrap_or_default(), theme.dim()),
        ]));
    }
    lines
}

/// Basis of the lead time; `pocpit plan` has the details.
fn lead(lead: &Lead) -> String {
    let minutes = lead.length.num_minutes();
    match lead.basis {
        LeadBasis::Setting { .. } => format!(", lead {minutes}m set"),
        LeadBasis::OwnBoots { boots, .. } => format!(", lead {minutes}m by {boots} boots"),
    }
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds of a block")]
fn block_time(reading: &ChainReading) -> String {
    match reading.block_time {
        Some(time) => format!("{:.2}s", time.num_milliseconds() as f64 / 1000.0),
        None => "unmeasured".to_owned(),
    }
}

fn estimate(
    name: &'static str,
    at: HeightEstimate,
    now: Time,
    width: u16,
    style: Style,
    theme: Theme,
) -> Line<'static> {
    let name = Span::styled(format!("{name:<12}"), theme.dim());
    if at.blocks_left.0 == 0 {
        let passed = format!("passed at {}", at.height);
        return Line::from(vec![name, Span::styled(passed, theme.warn())]);
    }
    let when = match at.expected {
        None => "time unknown".to_owned(),
        Some(band) => format::band(band, now, theme.glyph("±", "+-")),
    };
    // The clock is dropped first where the line is too narrow.
    let when = match when.split_once(" (") {
        Some((length, _)) if width < 46 => length,
        _ => &when,
    };
    let text = format!("{} bl {when}", at.blocks_left);
    Line::from(vec![name, Span::styled(text, style)])
}

fn confirmation(reading: &ChainReading, model: &Model, theme: Theme) -> Line<'static> {
    let name = Span::styled("Confirmation PoC ", theme.dim());
    let state = match reading.view.confirmation {
        None => Span::styled("none", theme.dim()),
        Some(event) => {
            let word = match event.phase {
                ConfirmationPhase::Inactive => "inactive",
                ConfirmationPhase::GracePeriod => "GRACE PERIOD",
                ConfirmationPhase::Generation => "GENERATION",
                ConfirmationPhase::Validation => "VALIDATION",
                ConfirmationPhase::Completed => "completed",
            };
            let times = reading.confirmation_times;
            let end = times.and_then(|times| times.end.expected);
            let until = end.map(|band| format!(" until {}", format::clock(band.p50, model.now())));
            let until = until.unwrap_or_default();
            Span::styled(format!("#{} {word}{until}", event.sequence), theme.warn())
        }
    };
    Line::from(vec![name, state])
}
