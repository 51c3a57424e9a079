//! A sprint that starts now, for `rehearse` and `serve`. Shows plan and cost, and asks before it rents.

use std::fmt::Write as _;

use color_eyre::eyre::Report;

use super::arguments::{ChosenPools, Common, Confirmation, SprintOutput};
use super::headless::{self, Signals};
use super::logging;
use super::plan::obstacles::{self, Certainty, Obstacle};
use super::plan::{self, PlanInputs, report};
use super::{Exit, auto, pools, runtime, status_line, stop, teardown};
use crate::config::Config;
use crate::domain::format::count;
use crate::domain::{Aim, Duration, RankedOffer, Step, Time};
use crate::engine::{self, WorldKind};
use crate::flow::{Effect, Sprint};
use crate::journal;

pub(super) async fn run(
    aim: Aim,
    chosen: &ChosenPools,
    confirmation: Confirmation,
    output: SprintOutput,
    common: &Common,
) -> Result<Exit, Report> {
    let (name, done) = match aim {
        Aim::Serving { .. } => ("Inference alone", "served"),
        _ => ("A rehearsal", "rehearsed"),
    };
    let config = pools::only(runtime::load(common)?.config, chosen)?;
    // It rents once, whatever pools there are.
    let config = Config {
        pools: config.pools.of_one(),
        ..config
    };
    let _guard = logging::start(common.log_format, &config.paths.log_dir)?;
    let ledger = journal::read_only(&config.paths.state_dir)?;
    let saved = engine::saved_sprints(&ledger).map(|(_, saved)| saved);
    let saved = saved.collect::<Result<Vec<Sprint>, _>>()?;
    let mut active = saved.into_iter();
    match active.find(|sprint| sprint.step() != Step::Waiting) {
        // Already approved and paid for.
        Some(sprint) if serves(sprint.plan().aim) && serves(aim) => {
            status_line("resuming the active sprint with its own settings");
            return Box::pin(start(&config, aim, output)).await;
        }
        Some(_) => {
            return Err(refused(
                "a sprint is active: retry when it has finished, or end it with `pocpit release`",
            ));
        }
        None => {}
    }
    if let Some(refusal) = Box::pin(auto::another_cockpit(&config)).await {
        return Err(refused(refusal));
    }
    let inputs = Box::pin(plan::read_inputs(&config, aim.workload())).await?;
    let proposal = Proposal::new(&inputs, aim)
        .map_err(|why| refused(format!("nothing can be {done} now{why}")))?;
    let money = match runtime::world_kind(&config) {
        WorldKind::Real => "with real money",
        WorldKind::Simulated { .. } => "in the simulated world",
    };
    let summary = summary(&inputs.first.config, &proposal);
    status_line(format_args!("{name}, {money}:{summary}"));
    if !teardown::confirm(confirmation, "Rent now?")? {
        return Err(refused("nothing was rented"));
    }
    Box::pin(start(&config, aim, output)).await
}

async fn start(config: &Config, aim: Aim, output: SprintOutput) -> Result<Exit, Report> {
    let signals = Signals::listen()?;
    let handle = runtime::start_on_demand(config, aim)?;
    headless::follow(handle, signals, config, output).await
}

fn serves(aim: Aim) -> bool {
    aim.serves_for().is_some()
}

fn refused(why: impl Into<String>) -> Report {
    stop(Exit::Refused, why)
}

/// What a sprint would be now.
struct Proposal {
    now: Time,
    best: RankedOffer,
    usable: usize,
    sprint: Sprint,
    aim: Aim,
    /// Planned and longest duration.
    length: (Duration, Duration),
    may_stop: Vec<String>,
}

impl Proposal {
    /// The error says why there can be no sprint.
    fn new(inputs: &PlanInputs, aim: Aim) -> Result<Proposal, String> {
        let first = &inputs.first;
        let (sprint, search) = inputs.next.sprint(&first.config, &inputs.ledger, aim);
        let ranked = report::ranked(first, inputs, search.as_ref());
        let found = obstacles::of_sprint(inputs, first, &sprint, ranked.as_ref()).into_iter();
        let (stops, may): (Vec<_>, Vec<_>) =
            found.partition(|obstacle| obstacle.certainty == Certainty::Stops);
        if !stops.is_empty() {
            return Err(format!(":{}", listed(&stops)));
        }
        let Some(Effect::SearchOffers {
            session, longest, ..
        }) = search
        else {
            return Err(": the start of the next PoC is unknown".into());
        };
        let usable = ranked.map(|ranked| ranked.usable).unwrap_or_default();
        let count = usable.len();
        let mut usable = usable.into_iter();
        let best = usable.next().ok_or(": no offer is usable")?;
        Ok(Proposal {
            now: inputs.next.now,
            usable: count,
            best,
            sprint,
            aim,
            length: (session, longest),
            may_stop: may.into_iter().map(|obstacle| obstacle.what).collect(),
        })
    }
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

const MINUTE: &str = "%Y-%m-%d %H:%M UTC";

fn summary(config: &Config, proposal: &Proposal) -> String {
    let (best, now) = (&proposal.best, proposal.now);
    let offer = &best.offer;
    let (session, longest) = proposal.length;
    let rents = format!(
        "now: {}, offer {} at {}, the best of {} usable ones",
        offer.gpus(),
        offer.id,
        best.price,
        proposal.usable
    );
    let releases = format!(
        "about {}; at the latest {}",
        (now + session).format(MINUTE),
        (now + longest).format(MINUTE)
    );
    let costs = format!(
        "about {}, at worst {}",
        best.expected_cost().in_cents(),
        best.worst_cost.in_cents()
    );
    let mut rows = vec![("rents", rents)];
    rows.extend(purpose(config, proposal));
    rows.extend([("releases", releases), ("costs", costs)]);
    let notes = proposal.may_stop.iter();
    rows.extend(notes.map(|what| ("note", what.clone())));
    let mut text = String::new();
    for (what, words) in rows {
        let _ = write!(text, "\n  {what:<11}{words}");
    }
    text
}

fn purpose(config: &Config, proposal: &Proposal) -> Vec<(&'static str, String)> {
    if let Some(time) = proposal.aim.serves_for() {
        let (vllm, model) = (&config.vllm, &config.mlnode.model.id);
        let served = format!(
            "{model} by {}, {} from when it is loaded or until Ctrl-C",
            vllm.image,
            count(time.num_minutes(), "minute")
        );
        return vec![
            ("serves", served),
            ("at", format!("http://{}/v1, through SSH", vllm.listen)),
            ("registers", "nothing: no PoC, no Network Node".into()),
        ];
    }
    let registers = "with the Network Node, as a sprint does";
    vec![("registers", registers.into()), ("proves", proof(proposal))]
}

fn proof(proposal: &Proposal) -> String {
    if proposal.aim == Aim::Registration {
        return "nothing: it ends before any PoC (--skip-poc)".into();
    }
    let stages = proposal.sprint.stages();
    let start = stages.and_then(|stages| proposal.sprint.eta(stages.poc_start));
    match (stages, start) {
        (Some(stages), Some(start)) => {
            let (epoch, start) = (stages.epoch, start.format(MINUTE));
            format!("in the PoC of epoch {epoch}, about {start}")
        }
        _ => "in the next PoC".into(),
    }
}
