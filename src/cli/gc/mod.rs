//! `pocpit gc`: one pass over everything that is left over.

mod leftover;
mod looks;
mod sweep;

use color_eyre::eyre::Report;
use schemars::JsonSchema;
use serde::Serialize;

use super::arguments::{Common, Gc};
use super::takedown::confirmed;
use super::{Exit, print, print_json, runtime, status_line, telemetry};
use crate::config::Config;
use crate::domain::Time;
use crate::engine::{self, Readings};
use crate::flow::Sprint;
use crate::http::HttpClient;
use crate::journal::{self, Journal, JournalError, Ledger};
use crate::network_node::NetworkNodeClient;
use crate::ports::{Market as _, NetworkNode as _};
use leftover::{Foreign, Leftover};
use looks::Looks;
use sweep::Sweep;

pub(crate) async fn run(arguments: Gc, common: &Common) -> Result<Exit, Report> {
    telemetry::quiet();
    let config = runtime::load(common)?.config;
    let (mut standing, ledger) = Standing::take(arguments, &config)?;
    let http = HttpClient::new();
    let market = runtime::market(&http, &config.vast, config.simulation);
    let network_node = NetworkNodeClient::new(http, &config.network_node);
    let clock = runtime::clock(config.simulation);
    let (instances, nodes) = tokio::join!(market.instances(), network_node.nodes());
    let instances = match instances {
        Ok(instances) => instances,
        Err(error) => {
            status_line(format_args!(
                "pocpit: rentals are not known, so nothing was changed: {error}"
            ));
            return Ok(standing.cannot_look(&config, clock.now()));
        }
    };
    if let Err(error) = &nodes {
        status_line(format_args!(
            "warning: registrations are not known and are left: {error}"
        ));
    }
    let sprint = saved_sprint(&ledger);
    let readings = Readings {
        now: clock.now(),
        instances: &instances,
        nodes: nodes.as_deref().ok(),
        ledger: &ledger,
        sprint: sprint.as_ref(),
        cockpit: &config.cockpit,
        node_prefix: &config.network_node.node_prefix,
    };
    let mut found: Vec<Leftover> = engine::plan(&readings)
        .into_iter()
        .map(|order| Leftover::of(order, &readings))
        .collect();
    let foreign: Vec<Foreign> = Foreign::all(&instances, &config, readings.now);
    tell(arguments, &found, &foreign, &readings)?;
    let exit = match &mut standing {
        _ if found.is_empty() => Exit::Done,
        Standing::Reader => Exit::Done,
        Standing::Occupied => {
            status_line(format_args!(
                "another pocpit works on {}: it takes this down itself, or do it there; nothing was changed",
                config.paths.state_dir.display()
            ));
            Exit::Refused
        }
        Standing::Writer(_) if !arguments.yes && !confirmed("remove all of this?")? => {
            status_line(format_args!("nothing was changed"));
            Exit::Refused
        }
        Standing::Writer(journal) => {
            let mut sweep = Sweep {
                market: &market,
                network_node: &network_node,
                journal,
                ledger: &ledger,
                clock: clock.as_ref(),
            };
            sweep.carry_out(&mut found).await;
            conclude(&found)
        }
    };
    let looked = match nodes {
        Ok(_) => standing.looked(&config),
        // What was not looked at is not known to be clean.
        Err(_) => standing.cannot_look(&config, clock.now()),
    };
    let exit = match exit {
        Exit::Done => looked,
        exit => exit,
    };
    if arguments.json {
        print_json(&GcReport {
            left_over: found,
            foreign,
        })?;
    }
    Ok(exit)
}

/// What `gc` found and did.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct GcReport {
    /// What no sprint uses.
    left_over: Vec<Leftover>,
    /// Rentals of other cockpits on the account.
    foreign: Vec<Foreign>,
}

fn conclude(found: &[Leftover]) -> Exit {
    let remaining = found.iter().filter(|leftover| !leftover.done).count();
    status_line(format_args!(
        "{} of {} done",
        found.len() - remaining,
        found.len()
    ));
    if remaining == 0 {
        return Exit::Done;
    }
    status_line(format_args!(
        "pocpit: what is not done may cost money: see the account, and try `pocpit release`"
    ));
    Exit::Failed
}

/// What this process may do to the state directory.
enum Standing {
    /// It holds it.
    Writer(Journal),
    /// It only looks.
    Reader,
    /// Another process holds it.
    Occupied,
}

impl Standing {
    fn take(arguments: Gc, config: &Config) -> Result<(Standing, Ledger), JournalError> {
        let state_dir = &config.paths.state_dir;
        if arguments.dry_run {
            return Ok((Standing::Reader, journal::read_only(state_dir)?));
        }
        match Journal::open(state_dir) {
            Ok((journal, ledger)) => Ok((Standing::Writer(journal), ledger)),
            Err(JournalError::Locked { .. }) => {
                Ok((Standing::Occupied, journal::read_only(state_dir)?))
            }
            Err(error) => Err(error),
        }
    }
}

impl Standing {
    /// Something cannot be seen. Who holds the state directory counts such looks: who does not hold it
    /// has no say in it, and whoever else does tells of the same.
    fn cannot_look(&self, config: &Config, now: Time) -> Exit {
        match self {
            Standing::Writer(_) => Looks::of(&config.paths.state_dir).failed(now),
            Standing::Reader | Standing::Occupied => Exit::Unknown,
        }
    }

    /// Everything was seen.
    fn looked(&self, config: &Config) -> Exit {
        if let Standing::Writer(_) = self {
            Looks::of(&config.paths.state_dir).succeeded();
        }
        Exit::Done
    }
}

/// A sprint that cannot be read would be given up by the next start too.
fn saved_sprint(ledger: &Ledger) -> Option<Sprint> {
    engine::saved_sprint(ledger).unwrap_or_else(|error| {
        status_line(format_args!(
            "warning: the saved sprint cannot be read, so what it rented is left over: {error}"
        ));
        None
    })
}

fn tell(
    arguments: Gc,
    found: &[Leftover],
    foreign: &[Foreign],
    readings: &Readings<'_>,
) -> std::io::Result<()> {
    for instance in readings.instances {
        if let Some(label) = instance
            .rental_label()
            .filter(|label| readings.is_in_use(label))
        {
            status_line(format_args!(
                "rental {} ({label}) is in use by a sprint: it is left",
                instance.id
            ));
        }
    }
    // With JSON on standard output, the operator still sees what the question is about.
    let out = |text: &str| {
        if arguments.json {
            status_line(format_args!("{text}"));
            return Ok(());
        }
        print(text)
    };
    for leftover in found {
        out(&leftover.in_words())?;
    }
    for foreign in foreign {
        out(&foreign.in_words())?;
    }
    if found.is_empty() {
        out("nothing is left over")?;
    }
    Ok(())
}
