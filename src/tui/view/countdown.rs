//! The chain: height, epoch, time to `PoC`.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use crate::domain::{ConfirmationPhase, Duration, Lead, LeadBasis, Step};
use crate::engine::{ChainReading, HeightEstimate};
use crate::tui::model::Model;
use crate::tui::pane::Pane;
use crate::tui::theme::Theme;

use super::format;
use super::widgets::{pane_frame, put};

/// Younger readings are shown without age.
const FRESH: Duration = Duration::seconds(10);
pub(super) const STALE: Duration = Duration::seconds(30);

/// Width from which there is room for the reason of the lead time.
const WIDE: u16 = 50;

pub fn draw(buf: &mut Buffer, area: Rect, model: &Model, theme: Theme) {
    let chain = &model.snapshot.chain;
    let now = model.now();
    let read_at = chain.reading.as_ref().map(|reading| reading.at);
    let age = format::ago(read_at, now);
    // An age that changes every second would cost traffic on a slow link.
    let fresh = read_at.is_some_and(|at| now - at < FRESH);
    let note = if fresh { "just read" } else { &age };
    let inner = pane_frame(buf, area, Pane::Countdown, note, model, theme);
    let mut lines = Vec::new();
    match &chain.reading {
        None => lines.push(Line::styled(
            "The chain has not been read yet.",
            theme.warn(),
        )),
        Some(reading) => reading_lines(&mut lines, reading, model, inner.width, theme),
    }
    // Problems go right below the figures that they make doubtful.
    let mut wrong = Vec::new();
    if let Some(trouble) = &chain.trouble {
        wrong.push(Line::styled(format!("TROUBLE {trouble}"), theme.bad()));
    }
    if let Some(since) = chain.stalled_since {
        let text = format!("STALLED no new block for {}", format::length(now - since));
        wrong.push(Line::styled(text, theme.bad()));
    }
    if let Some(reading) = &chain.reading
        && now - reading.at > STALE
    {
        wrong.push(Line::styled(format!("STALE read {age}"), theme.warn()));
    }
    let place = lines.len().min(2);
    lines.splice(place..place, wrong);
    put(buf, inner, lines);
}

fn reading_lines(
    lines: &mut Vec<Line<'static>>,
    reading: &ChainReading,
    model: &Model,
    width: u16,
    theme: Theme,
) {
    let now = model.now();
    lines.push(estimate(
        "PoC start",
        reading.poc_start,
        now,
        theme,
        true,
        width,
    ));
    lines.push(estimate(
        "Register by",
        reading.registration_deadline,
        now,
        theme,
        false,
        width,
    ));
    lines.push(Line::from(vec![
        Span::styled("Epoch ", theme.dim()),
        Span::styled(reading.view.epoch.to_string(), theme.strong()),
        Span::styled(" at ", theme.dim()),
        Span::raw(reading.view.height.to_string()),
        Span::styled(", block ", theme.dim()),
        Span::raw(block_time(reading)),
    ]));
    lines.push(Line::from(vec![
        Span::styled("Phase ", theme.dim()),
        Span::styled(format::phase(reading.view.phase), theme.accent()),
    ]));
    let (start, end) = (
        reading.view.current.poc_start.0,
        reading.view.next.poc_start.0,
    );
    #[expect(clippy::cast_precision_loss, reason = "a bar of a few dozen columns")]
    let part = reading.view.height.0.saturating_sub(start) as f64
        / end.saturating_sub(start).max(1) as f64;
    let columns = usize::from(width).saturating_sub(14);
    lines.push(Line::from(vec![
        Span::styled(theme.bar(columns, part), theme.accent()),
        Span::raw(format!(
            " {:.0}% of epoch",
            (part * 100.0).clamp(0.0, 100.0)
        )),
    ]));
    lines.push(confirmation(reading, theme));
    let sprint = &model.snapshot.sprint;
    if let Some(rent_at) = sprint.rent_at.filter(|_| sprint.step <= Step::Choosing) {
        let text = if rent_at > now {
            format!(
                "in {} ({})",
                format::roughly(rent_at - now),
                rent_at.format("%H:%M UTC")
            )
        } else {
            format!("since {}", rent_at.format("%H:%M UTC"))
        };
        let because = if width < WIDE {
            String::new()
        } else {
            lead(&sprint.lead)
        };
        lines.push(Line::from(vec![
            Span::styled("Rents ", theme.dim()),
            Span::raw(text),
            Span::styled(because, theme.dim()),
        ]));
    }
}

/// Basis of the lead time; `pocpit plan` has the details.
fn lead(lead: &Lead) -> String {
    let minutes = lead.length.num_minutes();
    match lead.basis {
        LeadBasis::Setting { .. } => format!(", lead {minutes}m set"),
        LeadBasis::OwnBoots { boots, .. } => format!(", lead {minutes}m by {boots} boots"),
    }
}

fn block_time(reading: &ChainReading) -> String {
    #[expect(clippy::cast_precision_loss, reason = "milliseconds of a block")]
    let seconds = |d: Duration| d.num_milliseconds() as f64 / 1000.0;
    reading.block_time.map_or_else(
        || "unmeasured".into(),
        |time| format!("{:.2}s", seconds(time)),
    )
}

fn estimate(
    name: &'static str,
    at: HeightEstimate,
    now: crate::domain::Time,
    theme: Theme,
    main: bool,
    width: u16,
) -> Line<'static> {
    let style = if main { theme.strong() } else { theme.text() };
    if at.blocks_left.0 == 0 {
        return Line::from(vec![
            Span::styled(format!("{name:<12}"), theme.dim()),
            Span::styled(format!("passed at {}", at.height), theme.warn()),
        ]);
    }
    let when = at.expected.map_or_else(
        || "time unknown".into(),
        |band| format::band(band, now, theme.glyph("±", "+-")),
    );
    // The clock is dropped first where the line is too narrow.
    let when = match when.split_once(" (") {
        Some((length, _)) if width < 46 => length.to_owned(),
        _ => when,
    };
    Line::from(vec![
        Span::styled(format!("{name:<12}"), theme.dim()),
        Span::styled(format!("{} bl ", at.blocks_left), style),
        Span::styled(when, style),
    ])
}

fn confirmation(reading: &ChainReading, theme: Theme) -> Line<'static> {
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
            let end = reading
                .confirmation_times
                .and_then(|times| times.end.expected);
            let until = end.map_or_else(String::new, |band| {
                format!(" until {}", band.p50.format("%H:%M UTC"))
            });
            Span::styled(format!("#{} {word}{until}", event.sequence), theme.warn())
        }
    };
    Line::from(vec![name, state])
}
