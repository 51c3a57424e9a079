//! A sprint that starts now on the operator's request: shared by `rehearse` and `serve`. It shows plan and
//! cost, and asks before it costs anything.

use std::fmt::Write as _;

use color_eyre::eyre::Report;

use super::arguments::Common;
use super::headless::{self, Format, Signals};
use super::logging::{self, Audience};
use super::plan::report::{self, Certainty, Obstacle};
use super::plan::{self, PlanInputs};
use super::{Exit, auto, runtime, status_line, teardown};
use crate::config::Config;
use crate::domain::{Aim, Duration, RankedOffer, Step, Time};
use crate::engine::{self, WorldKind};
use crate::flow::{Effect, Sprint};
use crate::journal;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Consent {
    Asked,
    /// Given by `--yes`.
    Given,
}

impl Consent {
    pub(super) fn from_flag(yes: bool) -> Consent {
        if yes { Consent::Given } else { Consent::Asked }
    }
}

#[derive(Debug, Clone, Copy)]
pub(super) struct OnDemandRun {
    pub aim: Aim,
    /// As it is called: `A rehearsal`.
    pub name: &'static str,
    /// What cannot be done when something is in the way: `rehearsed`.
    pub done: &'static str,
    pub consent: Consent,
    pub format: Format,
}

pub(super) async fn run(request: OnDemandRun, common: &Common) -> Result<Exit, Report> {
    let config = runtime::load(common)?.config;
    let _guard = logging::start(Audience::Terminal, common.log_format, &config.paths.log_dir)?;
    let ledger = journal::read_only(&config.paths.state_dir)?;
    let saved = engine::saved_sprint(&ledger)?;
    match saved.filter(|sprint| sprint.step() != Step::Waiting) {
        // Already approved and paid for.
        Some(sprint) if serves(sprint.plan().aim) && serves(request.aim) => {
            status_line(format_args!(
                "resuming the active sprint with its own settings"
            ));
            return start(&config, request).await;
        }
        Some(_) => {
            return Ok(refused(
                "a sprint is active: retry when it has finished, or end it with `pocpit release`",
            ));
        }
        None => {}
    }
    if let Some(refusal) = auto::another_cockpit(&config).await {
        return Ok(refused(&refusal));
    }
    let inputs = plan::read_inputs(&config, request.aim.workload()).await?;
    let outlook = match outlook(&config, &inputs, request.aim) {
        Ok(outlook) => outlook,
        Err(refusal) => {
            let refusal = format!("nothing can be {} now{refusal}", request.done);
            return Ok(refused(&refusal));
        }
    };
    let money = match runtime::world_kind(&config) {
        WorldKind::Real => "with real money",
        WorldKind::Simulated { .. } => "in the simulated world",
    };
    let name = request.name;
    status_line(format_args!(
        "{name}, {money}:{}",
        summary(&config, &outlook)
    ));
    if request.consent == Consent::Asked && !teardown::confirm("Rent now?")? {
        return Ok(refused("nothing was rented"));
    }
    start(&config, request).await
}

async fn start(config: &Config, request: OnDemandRun) -> Result<Exit, Report> {
    let signals = Signals::listen()?;
    let handle = runtime::start_on_demand(config, request.aim)?;
    headless::follow(handle, signals, &config.paths.state_dir, request.format).await
}

fn serves(aim: Aim) -> bool {
    aim.serves_for().is_some()
}

fn refused(why: &str) -> Exit {
    status_line(format_args!("pocpit: {why}"));
    Exit::Refused
}

/// What a sprint would be now.
struct Outlook {
    now: Time,
    best: RankedOffer,
    usable: usize,
    sprint: Sprint,
    aim: Aim,
    /// Planned and longest duration.
    length: (Duration, Duration),
    may_stop: Vec<String>,
}

/// The error says why there can be none.
fn outlook(config: &Config, inputs: &PlanInputs, aim: Aim) -> Result<Outlook, String> {
    let (sprint, search) = inputs.outlook.sprint(config, &inputs.ledger, aim);
    let ranked = report::ranked(config, inputs, search.as_ref());
    let (stops, may): (Vec<Obstacle>, Vec<Obstacle>) =
        report::obstacles(inputs, &sprint, ranked.as_ref())
            .into_iter()
            .partition(|obstacle| obstacle.certainty == Certainty::Stops);
    if !stops.is_empty() {
        return Err(format!(":{}", listed(&stops)));
    }
    let Some(Effect::SearchOffers {
        session, longest, ..
    }) = search
    else {
        return Err(": the start of the next PoC is unknown".into());
    };
    let mut usable = ranked.map(|ranked| ranked.usable).unwrap_or_default();
    if usable.is_empty() {
        return Err(": no offer is usable".into());
    }
    Ok(Outlook {
        now: inputs.outlook.now,
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

fn summary(config: &Config, outlook: &Outlook) -> String {
    let (best, now) = (&outlook.best, outlook.now);
    let offer = &best.offer;
    let clock = |at: Time| at.format("%Y-%m-%d %H:%M UTC").to_string();
    let (session, longest) = outlook.length;
    let mut rows = vec![(
        "rents",
        format!(
            "now: {}x {}, offer {} at {}, the best of {} usable ones",
            offer.gpu_count, offer.gpu_name, offer.id, best.price, outlook.usable
        ),
    )];
    rows.extend(purpose(config, outlook));
    rows.push((
        "releases",
        format!(
            "about {}; at the latest {}",
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
    for what in &outlook.may_stop {
        rows.push(("note", what.clone()));
    }
    let mut text = String::new();
    for (what, words) in rows {
        let _ = write!(text, "\n  {what:<11}{words}");
    }
    text
}

fn purpose(config: &Config, outlook: &Outlook) -> Vec<(&'static str, String)> {
    if let Some(time) = outlook.aim.serves_for() {
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
        ("proves", proof(outlook)),
    ]
}

fn proof(outlook: &Outlook) -> String {
    if outlook.aim == Aim::Registration {
        return "nothing: it ends before any PoC (--skip-poc)".into();
    }
    let stages = outlook.sprint.stages();
    let start = stages.and_then(|stages| outlook.sprint.eta(stages.poc_start));
    match (stages, start) {
        (Some(stages), Some(start)) => format!(
            "in the PoC of epoch {}, about {}",
            stages.epoch,
            start.format("%Y-%m-%d %H:%M UTC")
        ),
        _ => "in the next PoC".into(),
    }
}
