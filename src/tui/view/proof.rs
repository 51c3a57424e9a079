//! The `PoC`: its phases against time, and what the sprint does in it.

use ratatui::style::Style;
use ratatui::text::{Line, Span};

use crate::domain::{
    ChainPhase, Duration, EpochView, GateKind, Milestone, Mode, Outcome, PocActivity, Step, Time,
};
use crate::engine::NodeOwner;
use crate::tui::attention::{Feed, frozen_since, time_of};
use crate::tui::keymap::Action;
use crate::tui::model::Model;
use crate::tui::theme::Theme;

use super::format;
use super::timeline::{Axis, Bars};
use super::top::steps::{StepState, mark};
use super::widgets::{Canvas, Facts};

/// Columns of mark and name.
const NAME: usize = 15;
/// Columns of what is said of a phase.
const NOTE: usize = 26;

/// Rates of nonces that are drawn, the newest last.
const RATES: usize = 12;

struct Phase {
    name: &'static str,
    state: StepState,
    span: Option<(Time, Time)>,
    note: String,
}

/// The title with the epoch, and how far the phase of the chain is.
pub fn title(model: &Model) -> (String, String) {
    let epoch = model.snapshot.sprint.epoch;
    let name = epoch.map_or_else(|| "PoC".to_owned(), |epoch| format!("PoC {epoch}"));
    let note = match &model.snapshot.chain.reading {
        None => String::new(),
        Some(reading) => match frozen_since(model, Feed::Chain) {
            Some(since) => format::frozen(since, model.now()),
            None => progress(&reading.view).unwrap_or_else(|| {
                let phase = format::phase(reading.view.phase);
                format!("chain in {phase}")
            }),
        },
    };
    (name, note)
}

/// `generation, 30 of 60 blocks`
fn progress(view: &EpochView) -> Option<String> {
    use Milestone::{PocGenerationEnd, PocStart, PocValidationEnd, PocValidationStart};
    let (name, from, to) = match view.phase {
        ChainPhase::PoCGenerate => ("generation", PocStart, PocGenerationEnd),
        ChainPhase::PoCValidate | ChainPhase::PoCValidateWindDown => {
            ("validation", PocValidationStart, PocValidationEnd)
        }
        _ => return None,
    };
    let milestones = view.current.milestones();
    let height = |wanted| {
        let found = milestones.iter().find(|(of, _)| *of == wanted);
        found.map(|(_, height)| height.0)
    };
    let (from, to) = (height(from)?, height(to)?);
    let done = view.height.0.checked_sub(from)?;
    let all = to.checked_sub(from).filter(|all| done <= *all)?;
    Some(format!("{name}, {done} of {all} blocks"))
}

pub fn lines(canvas: &Canvas<'_>, width: u16) -> Vec<Line<'static>> {
    let (model, theme) = (canvas.model, canvas.theme);
    let now = time_of(model, Feed::Chain);
    let phases = phases(canvas);
    let times = phases.iter().filter_map(|it| it.span);
    let from = times.clone().map(|(from, _)| from).min().unwrap_or(now);
    let to = times.map(|(_, to)| to).max().unwrap_or(now);
    let axis = Axis {
        from: from.min(now),
        to: to.max(now).max(from + Duration::minutes(1)),
        columns: usize::from(width).saturating_sub(NAME + NOTE + 1),
    };
    let mut lines = Vec::new();
    if axis.columns >= 12 {
        let starts = phases.iter().filter_map(|it| Some(it.span?.0));
        let mut clocks: Vec<Time> = starts.collect();
        clocks.push(axis.to);
        let head = axis.head(&clocks, now, theme);
        let head = format!("{:<NAME$}{head}", "");
        lines.push(Line::styled(head, theme.dim()));
    }
    lines.extend(
        phases
            .iter()
            .map(|phase| phase_line(phase, axis, now, theme)),
    );
    // Names stand below those of the phases.
    let facts = Facts {
        names: NAME - 2,
        width,
        theme,
    };
    if let Some((text, style)) = nonces(model, theme) {
        lines.extend(facts.lines("  nonces", &text, style));
    }
    let (name, text) = match seen(model) {
        Some(seen) => ("  seen", seen),
        None => ("  now", model.snapshot.sprint.doing.clone()),
    };
    lines.extend(facts.lines(name, &text, theme.text()));
    lines
}

/// What the node has generated, by vLLM's own count; one that stands still in the generation is bad.
fn nonces(model: &Model, theme: Theme) -> Option<(String, Style)> {
    let proof = &model.snapshot.sprint.proof;
    let (nonces, last) = (proof.nonces?, proof.last_nonces_at?);
    let total = format::grouped(nonces.total);
    if proof.validating_since.is_some() {
        let text = format!("{total} generated, the last {}", format::second(last));
        return Some((text, theme.text()));
    }
    let rate = format::grouped(nonces.per_minute);
    let age = time_of(model, Feed::Rentals) - last;
    let style = if age > PocActivity::STANDS_STILL_AFTER {
        theme.bad()
    } else {
        theme.text()
    };
    let age = format::length(age);
    let rates = model.trends.nonces.values();
    let newest = &rates[rates.len().saturating_sub(RATES)..];
    // One rate is no curve.
    let curve = match newest {
        [] | [_] => String::new(),
        newest => format!(" {}", theme.spark(newest, 0.0)),
    };
    let text = format!("{rate}/min{curve}, total {total}, last {age} ago");
    Some((text, style))
}

/// When the `PoC` began, and from when on our node took part.
fn seen(model: &Model) -> Option<String> {
    let proof = &model.snapshot.sprint.proof;
    let began = model.poc_started();
    let began = began.map(|at| format!("PoC started {}", format::clock(at, model.now())));
    let since =
        |what: &str, at: Option<Time>| at.map(|at| format!("{what} since {}", format::second(at)));
    let generating = since("node generating", proof.generating_since)?;
    let validating = since("validating", proof.validating_since);
    let parts = began.into_iter().chain([generating]).chain(validating);
    Some(parts.collect::<Vec<_>>().join(", "))
}

fn phase_line(phase: &Phase, axis: Axis, now: Time, theme: Theme) -> Line<'static> {
    let (mark, style) = mark(phase.state, theme);
    let bars = phase
        .span
        .map_or_else(Bars::default, |(from, to)| match phase.state {
            StepState::Done => Bars {
                took: Some((from, to)),
                ..Bars::default()
            },
            StepState::Current => Bars {
                took: Some((from, now)),
                rest: Some((now, to.max(now))),
                ..Bars::default()
            },
            StepState::Failed | StepState::ToCome => Bars {
                expected: Some((from, to)),
                ..Bars::default()
            },
        });
    let mut spans = vec![Span::styled(format!(" {mark} {:<12}", phase.name), style)];
    if axis.columns >= 12 {
        spans.extend(axis.bars(bars, theme));
    }
    spans.push(Span::raw(format!(" {}", phase.note)));
    Line::from(spans)
}

fn phases(canvas: &Canvas<'_>) -> Vec<Phase> {
    let model = canvas.model;
    let mut phases = vec![registered(canvas)];
    let start = model.poc_start_ahead().map(|band| band.p50);
    let began = start.or_else(|| model.poc_started());
    let stages = [
        ("generation", Milestone::PocGenerationEnd),
        ("validation", Milestone::PocValidationEnd),
        ("weight set", Milestone::SetNewValidators),
    ];
    let mut from = began;
    let now = time_of(model, Feed::Chain);
    for (name, milestone) in stages {
        let to = end_of(milestone, model);
        let state = match (from, to) {
            (Some(from), _) if from > now => StepState::ToCome,
            (_, Some(to)) if to <= now => StepState::Done,
            (None, _) => StepState::ToCome,
            _ => StepState::Current,
        };
        let note = match (state, from, to) {
            (StepState::Done, _, Some(to)) => format!("ended {}", format::clock(to, now)),
            (StepState::Current, _, Some(to)) => {
                let left = format::short(to - now);
                format!("until {}, {left} left", format::clock(to, now))
            }
            (StepState::ToCome, Some(from), Some(to)) => {
                let [from, to] = [from, to].map(|at| format::clock(at, now));
                if from == to {
                    from
                } else {
                    format!("{from}-{to}")
                }
            }
            _ => String::new(),
        };
        phases.push(Phase {
            name,
            state,
            span: from.zip(to),
            note,
        });
        from = to.or(from);
    }
    phases.push(release(canvas));
    phases
}

/// When a stage of the sprint's `PoC` ends or ended: as the chain expects it, else from its height.
pub fn end_of(milestone: Milestone, model: &Model) -> Option<Time> {
    let reading = model.snapshot.chain.reading.as_ref()?;
    let view = &reading.view;
    let poc = reading.poc_start.height;
    let stages = [&view.current, &view.next]
        .into_iter()
        .find(|stages| stages.poc_start == poc)?;
    let (_, height) = stages
        .milestones()
        .into_iter()
        .find(|(of, _)| *of == milestone)?;
    let block = reading.block_time?;
    let blocks = i64::try_from(height.0).ok()? - i64::try_from(view.height.0).ok()?;
    Some(reading.at + block * i32::try_from(blocks).ok()?)
}

fn registered(canvas: &Canvas<'_>) -> Phase {
    let model = canvas.model;
    let sprint = &model.snapshot.sprint;
    let now = time_of(model, Feed::Chain);
    let span = |step| sprint.spans.iter().rev().find(|span| span.step == step);
    let began = span(Step::Registering).map(|span| span.started);
    let ended = span(Step::Registering).and_then(|span| span.ended);
    let listed = model.snapshot.nodes.rows.iter();
    let is_listed = listed.clone().any(|row| row.owner == NodeOwner::Sprint);
    let deadline = model.deadline();
    let waits = model.gate() == Some(GateKind::Register);
    // Only what is registered goes on to the proof; a rehearsal may end with it.
    let is_registered =
        span(Step::Proving).is_some() || matches!(sprint.outcome, Some(Outcome::Rehearsed));
    let (state, note) = match ended {
        Some(at) if is_registered => (StepState::Done, early(at, model)),
        Some(_) => (StepState::Failed, "not registered".to_owned()),
        None if waits => {
            let key = canvas.key(Action::Approve);
            let left = deadline.map(|at| format!(", {} left", format::short(at - now)));
            (
                StepState::Current,
                format!("waits for {key}{}", left.unwrap_or_default()),
            )
        }
        None if is_listed => (StepState::Current, "waits for a good status".to_owned()),
        None if began.is_some() => (StepState::Current, "asking the Network Node".to_owned()),
        None => (StepState::ToCome, String::new()),
    };
    let end = ended.or(deadline).unwrap_or(now);
    Phase {
        name: "registered",
        state,
        span: began.map(|began| (began, end.max(began))),
        note,
    }
}

/// When it was registered, and how long before the `PoC`.
fn early(at: Time, model: &Model) -> String {
    let clock = format::clock(at, model.now());
    let start = model.poc_start_ahead().map(|band| band.p50);
    match start.or_else(|| model.poc_started()) {
        Some(start) if start > at => format!("{clock}, {} early", format::short(start - at)),
        _ => clock,
    }
}

fn release(canvas: &Canvas<'_>) -> Phase {
    let model = canvas.model;
    let sprint = &model.snapshot.sprint;
    let at = sprint.release_at.map(|band| band.p50);
    let clock = at.map(|at| format::clock(at, model.now()));
    let who = match model.snapshot.mode {
        Mode::Manual => format!("{} approves", canvas.key(Action::Approve)),
        Mode::Auto => "by policy".to_owned(),
    };
    let note = clock.map_or(who.clone(), |clock| format!("{clock}, {who}"));
    Phase {
        name: "release",
        state: StepState::ToCome,
        span: at.map(|at| (at, at)),
        note,
    }
}
