//! The boot: its stages against time, with what they took and what was expected.

use std::cmp::Ordering;

use ratatui::text::{Line, Span};

use crate::domain::{BootStage, Duration, Time};
use crate::engine::{BootSnapshot, RentalSnapshot, StageForecast};
use crate::tui::attention::{Feed, frozen_since, time_of};
use crate::tui::model::Model;
use crate::tui::theme::Theme;

use super::timeline::{Axis, Bars};
use super::top::steps::{StepState, mark};
use super::widgets::Canvas;
use super::{boot_trouble, format, link, race};

/// Columns of mark and name.
const NAME: usize = 14;
/// Columns of `took` and `expect`.
const TIMES: usize = 18;
/// Columns of what is said of the running stage, where there is room.
const NOTE: usize = 18;
/// A forecast that moves by more than this a minute is called slower.
const DRIFT: f64 = 0.1;

/// The rental, for the title.
pub fn note(model: &Model) -> String {
    let snapshot = &model.snapshot;
    let Some(rental) = &snapshot.rental else {
        return "nothing rented".to_owned();
    };
    if snapshot.hedge.is_some() {
        return format!("2 rentals, {}", snapshot.money.per_hour);
    }
    if let Some(since) = frozen_since(model, Feed::Rentals) {
        let frozen = format::frozen(since, model.now());
        return format!("#{}, {frozen}", rental.id);
    }
    let word = if rental.releasing { "RELEASING " } else { "" };
    let lease = format::clock(rental.lease_until, model.now());
    format!(
        "{word}{} #{}, link {}, lease {lease}",
        rental.gpus,
        rental.id,
        link::brief(&rental.link)
    )
}

/// All rows; `low` has room for two.
pub fn lines(canvas: &Canvas<'_>, width: u16, low: bool) -> Vec<Line<'static>> {
    let (model, theme) = (canvas.model, canvas.theme);
    let Some(rental) = &model.snapshot.rental else {
        return vec![Line::styled(" Nothing is rented.", theme.dim())];
    };
    if let Some(hedge) = &model.snapshot.hedge {
        return race::lines([rental, hedge], model, width, theme);
    }
    if low {
        return low_lines(rental, model, width, theme);
    }
    let axis = axis(rental, model, width);
    let mut lines = vec![head(rental, model, &axis, theme)];
    lines.extend(
        BootStage::ALL
            .iter()
            .filter(|stage| **stage != BootStage::Ready)
            .map(|stage| stage_line(*stage, rental, model, &axis, theme)),
    );
    lines.push(ready_line(rental, model, width, theme));
    lines.extend(boot_trouble::lines(rental, width, theme));
    lines
}

/// The bars reach from the rent call to the later of now and the slow end.
fn axis(rental: &RentalSnapshot, model: &Model, width: u16) -> Axis {
    let boot = &rental.boot;
    let from = boot.started.first().map_or(rental.rented_at, |(_, at)| *at);
    let end = ended(boot).or(boot.ready_by.max(boot.ready_at));
    let to = end.unwrap_or(from);
    let to = if ended(boot).is_some() {
        to
    } else {
        to.max(time_of(model, Feed::Rentals))
    };
    let beside = NAME + TIMES + if width >= 70 { NOTE } else { 0 };
    Axis {
        from,
        to,
        columns: usize::from(width).saturating_sub(beside + 1),
    }
}

fn ended(boot: &BootSnapshot) -> Option<Time> {
    let (stage, at) = boot.started.last()?;
    (*stage == BootStage::Ready).then_some(*at)
}

fn head(rental: &RentalSnapshot, model: &Model, axis: &Axis, theme: Theme) -> Line<'static> {
    let pull = start_of(&rental.boot, BootStage::Container);
    let clocks: Vec<Time> = [Some(axis.from), pull, Some(axis.to)]
        .into_iter()
        .flatten()
        .collect();
    let clocks = axis.head(&clocks, time_of(model, Feed::Rentals), theme);
    let text = format!("   {:<11}{clocks}{:>9}{:>9}", "stage", "took", "expect");
    Line::styled(text, theme.dim())
}

fn start_of(boot: &BootSnapshot, stage: BootStage) -> Option<Time> {
    let mut started = boot.started.iter();
    started.find(|(of, _)| *of == stage).map(|(_, at)| *at)
}

/// When a stage began and ended, if it did.
fn span_of(boot: &BootSnapshot, stage: BootStage, now: Time) -> Option<(Time, Time)> {
    let place = boot.started.iter().position(|(of, _)| *of == stage)?;
    let (_, from) = boot.started[place];
    let to = boot.started.get(place + 1).map_or(now, |(_, at)| *at);
    Some((from, to.max(from)))
}

fn forecast(boot: &BootSnapshot, stage: BootStage) -> Option<StageForecast> {
    boot.expected.iter().copied().find(|it| it.stage == stage)
}

/// What is left of the running stage: by its own progress, else by what it usually takes.
fn rest_of_stage(boot: &BootSnapshot, now: Time) -> Duration {
    let Some((from, _)) = span_of(boot, boot.stage, now) else {
        return Duration::zero();
    };
    let spent = (now - from).max(Duration::zero());
    let usual = forecast(boot, boot.stage).map_or(Duration::zero(), |it| it.median);
    let by_progress = boot.progress.filter(|part| *part > 0.05).map(|part| {
        let seconds = spent.as_seconds_f64() * (1.0 - part.min(1.0)) / part;
        #[expect(
            clippy::cast_possible_truncation,
            reason = "`as` saturates; display only"
        )]
        Duration::try_seconds(seconds as i64).unwrap_or_default()
    });
    by_progress.unwrap_or((usual - spent).max(Duration::zero()))
}

/// When a stage that has not begun is expected: after the rest of what runs.
fn expected_span(boot: &BootSnapshot, stage: BootStage, now: Time) -> Option<(Time, Time)> {
    let before = boot.expected.iter();
    let before = before.filter(|it| it.stage > boot.stage && it.stage < stage);
    let before = before.fold(Duration::zero(), |sum, it| sum + it.median);
    let from = now + rest_of_stage(boot, now) + before;
    Some((from, from + forecast(boot, stage)?.median))
}

fn stage_line(
    stage: BootStage,
    rental: &RentalSnapshot,
    model: &Model,
    axis: &Axis,
    theme: Theme,
) -> Line<'static> {
    let (boot, now) = (&rental.boot, time_of(model, Feed::Rentals));
    let order = if rental.is_ready() {
        Ordering::Less
    } else {
        stage.cmp(&boot.stage)
    };
    let progress = match order {
        Ordering::Less => StepState::Done,
        Ordering::Equal if boot.fault.is_some() => StepState::Failed,
        Ordering::Equal => StepState::Current,
        Ordering::Greater => StepState::ToCome,
    };
    let (mark, style) = mark(progress, theme);
    let took = span_of(boot, stage, now).filter(|_| order != Ordering::Greater);
    let bars = Bars {
        took,
        rest: (order == Ordering::Equal && boot.fault.is_none())
            .then(|| (now, now + rest_of_stage(boot, now))),
        expected: expected_span(boot, stage, now)
            .filter(|_| order == Ordering::Greater && boot.fault.is_none()),
    };
    let forecast = forecast(boot, stage);
    let spent = took.map(|(from, to)| to - from);
    let is_slow = spent
        .zip(forecast)
        .is_some_and(|(spent, it)| spent > it.p90);
    let spent_style = if is_slow { theme.warn() } else { theme.text() };
    let mut spans = vec![Span::styled(
        format!(" {mark} {:<11}", stage.to_string()),
        style,
    )];
    spans.extend(axis.bars(bars, theme));
    let spent = spent.map(format::length).unwrap_or_default();
    spans.push(Span::styled(format!("{spent:>9}"), spent_style));
    let usual = forecast
        .map(|it| format::length(it.median))
        .unwrap_or_default();
    spans.push(Span::styled(format!("{usual:>9}"), theme.dim()));
    let note = match order {
        Ordering::Equal => running_note(boot, now),
        Ordering::Less => over(took, forecast),
        Ordering::Greater => String::new(),
    };
    spans.push(Span::raw(format!("  {note}")));
    Line::from(spans)
}

fn running_note(boot: &BootSnapshot, now: Time) -> String {
    let part = boot.progress.map(|part| format!("{:.0}%", part * 100.0));
    let left = rest_of_stage(boot, now);
    let left = (left > Duration::zero()).then(|| format!("{} left", format::short(left)));
    let parts: Vec<String> = part.into_iter().chain(left).collect();
    parts.join(", ")
}

/// How much longer a stage took than usual, where that is worth a word.
fn over(took: Option<(Time, Time)>, forecast: Option<StageForecast>) -> String {
    let Some(((from, to), forecast)) = took.zip(forecast) else {
        return String::new();
    };
    let over = (to - from) - forecast.median;
    if over > Duration::seconds(30) {
        format!("+{}", format::short(over))
    } else {
        String::new()
    }
}

fn ready_line(rental: &RentalSnapshot, model: &Model, width: u16, theme: Theme) -> Line<'static> {
    let (boot, now) = (&rental.boot, time_of(model, Feed::Rentals));
    let began = boot.started.first().map_or(rental.rented_at, |(_, at)| *at);
    let style = theme.text();
    let text = if let Some(at) = ended(boot) {
        let took = format::length(at - began);
        format!(
            "{}, booted in {took}{}",
            format::clock(at, now),
            spare(at, model)
        )
    } else if boot.fault.is_some() {
        "not on this machine".to_owned()
    } else if let Some(at) = boot.ready_at {
        let band = boot.ready_from.zip(boot.ready_by).map(|(from, by)| {
            let (from, by) = (from.format("%H:%M"), by.format("%H:%M"));
            format!(", p10-p90 {from}-{by}")
        });
        let end = format!("~{}{}", format::clock(at, now), slower(model));
        let (band, spare) = (band.unwrap_or_default(), spare(at, model));
        // The deadline matters more than the band.
        let room = usize::from(width).saturating_sub(NAME + end.len() + spare.len());
        let band = if band.len() <= room {
            band
        } else {
            String::new()
        };
        format!("{end}{band}{spare}")
    } else {
        "no estimate yet".to_owned()
    };
    Line::from(vec![
        Span::styled("   ready      ", theme.dim()),
        Span::styled(text, style),
    ])
}

/// The expected end moves away faster than the word can be left out.
fn slower(model: &Model) -> &'static str {
    let drift = model.trends.ready_drift();
    if drift.is_some_and(|drift| drift > DRIFT) {
        ", slower"
    } else {
        ""
    }
}

fn spare(ready: Time, model: &Model) -> String {
    let Some(deadline) = model.deadline() else {
        return String::new();
    };
    let clock = format::clock(deadline, model.now());
    if ready > deadline {
        let late = format::short(ready - deadline);
        return format!("; deadline {clock}, {late} TOO LATE");
    }
    format!(
        "; deadline {clock}, {} to spare",
        format::short(deadline - ready)
    )
}

fn low_lines(
    rental: &RentalSnapshot,
    model: &Model,
    width: u16,
    theme: Theme,
) -> Vec<Line<'static>> {
    let boot = &rental.boot;
    if boot.fault.is_some() {
        return boot_trouble::lines(rental, width, theme);
    }
    let all = BootStage::ALL.len() - 1;
    let done = BootStage::ALL
        .iter()
        .filter(|stage| **stage < boot.stage)
        .count();
    let began = boot.started.first().map_or(rental.rented_at, |(_, at)| *at);
    let took = format::short(ended(boot).unwrap_or(time_of(model, Feed::Rentals)) - began);
    let ready = boot
        .ready_at
        .map(|at| format!("; ready ~{}", format::clock(at, model.now())));
    let summary = format!(
        " {} {done} of {all} stages in {took}{}",
        theme.glyph("✓", "+"),
        ready.unwrap_or_default()
    );
    let summary = Line::styled(summary, theme.text());
    if rental.is_ready() {
        return vec![summary];
    }
    let part = boot.progress.unwrap_or_default();
    let bar = theme.bar(20.min(usize::from(width) / 3), part);
    let running = Line::from(vec![
        Span::styled(
            format!(" {} {:<11}", theme.glyph("▶", ">"), boot.stage.to_string()),
            theme.accent(),
        ),
        Span::styled(bar, theme.accent()),
        Span::raw(format!(
            " {}",
            running_note(boot, time_of(model, Feed::Rentals))
        )),
    ]);
    vec![running, summary]
}
