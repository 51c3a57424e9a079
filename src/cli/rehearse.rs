//! `pocpit rehearse`: a sprint that begins now, to see whether it all works. It asks before it costs
//! anything.

use std::fmt::Write as _;

use color_eyre::eyre::Report;

use super::arguments::{Common, Rehearse};
use super::headless::{self, Format, Signals};
use super::plan::report::{self, Certainty, Obstacle};
use super::plan::{self, Seen};
use super::telemetry::{self, Audience};
use super::{Exit, auto, runtime, say, takedown};
use crate::config::Config;
use crate::domain::{Aim, Duration, RankedOffer, Step, Time};
use crate::engine::{self, WorldKind};
use crate::flow::{Effect, Sprint};

pub(crate) async fn run(arguments: Rehearse, common: &Common) -> Result<Exit, Report> {
    let config = runtime::load(common)?.config;
    let _guard = telemetry::start(Audience::Terminal, common.log_format, &config.paths.log_dir)?;
    if let Some(refusal) = auto::another_cockpit(&config).await {
        return Ok(refused(&refusal));
    }
    let aim = if arguments.skip_poc {
        Aim::Registration
    } else {
        Aim::Rehearsal
    };
    let seen = plan::look(&config).await?;
    let saved = engine::saved_sprint(&seen.ledger)?;
    if saved.is_some_and(|sprint| sprint.step() != Step::Waiting) {
        return Ok(refused(
            "a sprint is under way: rehearse when it is over, or end it with `pocpit release`",
        ));
    }
    let prospect = match prospect(&config, &seen, aim) {
        Ok(prospect) => prospect,
        Err(refusal) => return Ok(refused(&refusal)),
    };
    let money = match runtime::world_kind(&config) {
        WorldKind::Real => "with real money",
        WorldKind::Simulated { .. } => "in the simulated world",
    };
    say(format_args!("A rehearsal, {money}:{}", in_words(&prospect)));
    if !arguments.yes && !takedown::confirmed("Rent now?")? {
        return Ok(refused("nothing was rented"));
    }
    let signals = Signals::listen()?;
    let handle = runtime::start_rehearsal(&config, aim)?;
    headless::follow(
        handle,
        signals,
        &config.paths.state_dir,
        Format::from_flag(arguments.json),
    )
    .await
}

fn refused(why: &str) -> Exit {
    say(format_args!("pocpit: {why}"));
    Exit::Refused
}

/// A rehearsal as it would be now.
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
        return Err(format!("nothing can be rehearsed now:{}", listed(&stops)));
    }
    let Some(Effect::SearchOffers {
        session, longest, ..
    }) = search
    else {
        return Err(
            "nothing can be rehearsed now: the chain does not say when its next PoC is".into(),
        );
    };
    let mut usable = ranked.map(|ranked| ranked.usable).unwrap_or_default();
    if usable.is_empty() {
        return Err("nothing can be rehearsed now: no offer is usable".into());
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

fn in_words(prospect: &Prospect) -> String {
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
    rows.push((
        "registers",
        "with the Network Node, as a sprint does".into(),
    ));
    rows.push(("proves", proof(prospect)));
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
