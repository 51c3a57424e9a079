//! A sprint that begins now because the operator says so: what `rehearse` and `serve` have in common.
//! It is said before what it will be and cost, and asked before it costs anything.

use std::fmt::Write as _;

use color_eyre::eyre::Report;

use super::arguments::Common;
use super::headless::{self, Format, Signals};
use super::plan::report::{self, Certainty, Obstacle};
use super::plan::{self, Seen};
use super::telemetry::{self, Audience};
use super::{Exit, auto, runtime, status_line, takedown};
use crate::config::Config;
use crate::domain::{Aim, Duration, RankedOffer, Step, Time};
use crate::engine::{self, WorldKind};
use crate::flow::{Effect, Sprint};
use crate::journal;

/// Whether the operator is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Consent {
    /// At the terminal.
    Asked,
    /// It was given with the command.
    Given,
}

impl Consent {
    /// What a `--yes` flag says.
    pub(super) fn from_flag(yes: bool) -> Consent {
        if yes { Consent::Given } else { Consent::Asked }
    }
}

/// What is to be done at once.
#[derive(Debug, Clone, Copy)]
pub(super) struct Errand {
    pub aim: Aim,
    /// As it is called: `A rehearsal`.
    pub name: &'static str,
    /// What cannot be done when something is in the way: `rehearsed`.
    pub done: &'static str,
    pub consent: Consent,
    pub format: Format,
}

pub(super) async fn run(errand: Errand, common: &Common) -> Result<Exit, Report> {
    let config = runtime::load(common)?.config;
    let _guard = telemetry::start(Audience::Terminal, common.log_format, &config.paths.log_dir)?;
    let ledger = journal::read_only(&config.paths.state_dir)?;
    let saved = engine::saved_sprint(&ledger)?;
    match saved.filter(|sprint| sprint.step() != Step::Waiting) {
        // It is paid for already, and was agreed to.
        Some(sprint) if serves(sprint.plan().aim) && serves(errand.aim) => {
            status_line(format_args!(
                "going on with what was begun, as it was begun"
            ));
            return go(&config, errand).await;
        }
        Some(_) => {
            return Ok(refused(
                "a sprint is under way: try again when it is over, or end it with `pocpit release`",
            ));
        }
        None => {}
    }
    if let Some(refusal) = auto::another_cockpit(&config).await {
        return Ok(refused(&refusal));
    }
    let seen = plan::look(&config, errand.aim.workload()).await?;
    let prospect = match prospect(&config, &seen, errand.aim) {
        Ok(prospect) => prospect,
        Err(refusal) => {
            let refusal = format!("nothing can be {} now{refusal}", errand.done);
            return Ok(refused(&refusal));
        }
    };
    let money = match runtime::world_kind(&config) {
        WorldKind::Real => "with real money",
        WorldKind::Simulated { .. } => "in the simulated world",
    };
    let name = errand.name;
    status_line(format_args!(
        "{name}, {money}:{}",
        in_words(&config, &prospect)
    ));
    if errand.consent == Consent::Asked && !takedown::confirmed("Rent now?")? {
        return Ok(refused("nothing was rented"));
    }
    go(&config, errand).await
}

async fn go(config: &Config, errand: Errand) -> Result<Exit, Report> {
    let signals = Signals::listen()?;
    let handle = runtime::start_at_once(config, errand.aim)?;
    headless::follow(handle, signals, &config.paths.state_dir, errand.format).await
}

fn serves(aim: Aim) -> bool {
    aim.serves_for().is_some()
}

fn refused(why: &str) -> Exit {
    status_line(format_args!("pocpit: {why}"));
    Exit::Refused
}

/// How it would be now.
struct Prospect {
    now: Time,
    best: RankedOffer,
    usable: usize,
    sprint: Sprint,
    aim: Aim,
    /// As planned, and at the very longest.
    length: (Duration, Duration),
    may_stop: Vec<String>,
}

/// Why there can be none, otherwise.
fn prospect(config: &Config, seen: &Seen, aim: Aim) -> Result<Prospect, String> {
    let (sprint, search) = seen.outlook.sprint(config, &seen.ledger, aim);
    let ranked = report::ranked(config, seen, search.as_ref());
    let (stops, may): (Vec<Obstacle>, Vec<Obstacle>) =
        report::obstacles(seen, &sprint, ranked.as_ref())
            .into_iter()
            .partition(|obstacle| obstacle.certainty == Certainty::Stops);
    if !stops.is_empty() {
        return Err(format!(":{}", listed(&stops)));
    }
    let Some(Effect::SearchOffers {
        session, longest, ..
    }) = search
    else {
        return Err(": the chain does not say when its next PoC is".into());
    };
    let mut usable = ranked.map(|ranked| ranked.usable).unwrap_or_default();
    if usable.is_empty() {
        return Err(": no offer is usable".into());
    }
    Ok(Prospect {
        now: seen.outlook.now,
        usable: usable.len(),
        best: usable.swap_remove(0),
        sprint,
        aim,
        length: (session, longest),
        may_stop: may.into_iter().map(|obstacle| obstacle.what).collect(),
    })
}

fn listed(obstacles: &[Obstacle]) -> String {
    let mut text = String::new();
    for Obstacle { what, remedy, .. } in obstacles {
        let _ = write!(text, "\n  {what}");
        if let Some(remedy) = remedy {
            let _ = write!(text, "\n    {remedy}");
        }
    }
    text
}

fn in_words(config: &Config, prospect: &Prospect) -> String {
    let (best, now) = (&prospect.best, prospect.now);
    let offer = &best.offer;
    let clock = |at: Time| at.format("%Y-%m-%d %H:%M UTC").to_string();
    let (session, longest) = prospect.length;
    let mut rows = vec![(
        "rents",
        format!(
            "now: {}x {}, offer {} at {}, the best of {} usable ones",
            offer.gpu_count, offer.gpu_name, offer.id, best.price, prospect.usable
        ),
    )];
    rows.extend(purpose(config, prospect));
    rows.push((
        "gives back",
        format!(
            "about {}; whatever happens by {}",
            clock(now + session),
            clock(now + longest)
        ),
    ));
    rows.push((
        "costs",
        format!(
            "about ${:.2}, at worst ${:.2}",
            best.expected_cost().dollars(),
            best.worst_cost.dollars()
        ),
    ));
    for what in &prospect.may_stop {
        rows.push(("note", what.clone()));
    }
    let mut text = String::new();
    for (what, words) in rows {
        let _ = write!(text, "\n  {what:<11}{words}");
    }
    text
}

/// What it is for.
fn purpose(config: &Config, prospect: &Prospect) -> Vec<(&'static str, String)> {
    if let Some(time) = prospect.aim.serves_for() {
        let (vllm, model) = (&config.vllm, &config.mlnode.model.id);
        let served = format!(
            "{model} by {}, {} minutes from when it is loaded or until Ctrl-C",
            vllm.image,
            time.num_minutes()
        );
        return vec![
            ("serves", served),
            ("at", format!("http://{}/v1, through SSH", vllm.listen)),
            ("registers", "nothing: no PoC, no Network Node".into()),
        ];
    }
    vec![
        (
            "registers",
            "with the Network Node, as a sprint does".into(),
        ),
        ("proves", proof(prospect)),
    ]
}

fn proof(prospect: &Prospect) -> String {
    if prospect.aim == Aim::Registration {
        return "nothing: it ends before any PoC (--skip-poc)".into();
    }
    let stages = prospect.sprint.stages();
    let start = stages.and_then(|stages| prospect.sprint.eta(stages.poc_start));
    match (stages, start) {
        (Some(stages), Some(start)) => format!(
            "in the PoC of epoch {}, about {}",
            stages.epoch,
            start.format("%Y-%m-%d %H:%M UTC")
        ),
        _ => "in the next PoC".into(),
    }
}
