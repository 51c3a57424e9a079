//! `pocpit gc`: finds and removes leftovers, once.

mod failure_count;
mod leftover;
mod sweep;

use color_eyre::eyre::Report;
use schemars::JsonSchema;
use serde::Serialize;

use super::arguments::{Common, Gc};
use super::runtime::{self, Clients};
use super::teardown::confirm;
use super::{Exit, print, print_json, status_line};
use crate::config::Config;
use crate::engine::{self, ReconcileInput};
use crate::flow::Sprint;
use crate::journal::{self, Journal, JournalError, Ledger};
use crate::ports::{Market as _, NetworkNode as _};
use failure_count::FailureCount;
use leftover::{Foreign, Leftover};
use sweep::Sweep;

pub(crate) async fn run(arguments: Gc, common: &Common) -> Result<Exit, Report> {
    let config = runtime::load_quietly(common)?;
    let (mut access, ledger) = JournalAccess::open(arguments, &config)?;
    // Only the holder of the lock counts failures: another holder notices by itself.
    let is_writer = matches!(access, JournalAccess::Writer(_));
    let failures = is_writer.then(|| FailureCount::of(&config.paths.state_dir));
    let record_failure = |now| {
        let failures = failures.as_ref();
        failures.map_or(Exit::Unknown, |failures| failures.record_failure(now))
    };
    let clients = Clients::new(&config);
    let (market, network_node) = (&clients.market, &clients.network_node);
    let clock = clients.clock.as_ref();
    let (instances, nodes) = tokio::join!(market.instances(), network_node.nodes());
    let instances = match instances {
        Ok(instances) => instances,
        Err(error) => {
            status_line(format_args!(
                "pocpit: rentals unknown, nothing was changed: {error}"
            ));
            return Ok(record_failure(clock.now()));
        }
    };
    if let Err(error) = &nodes {
        status_line(format_args!(
            "warning: registrations unknown, left as they are: {error}"
        ));
    }
    let sprint = saved_sprint(&ledger);
    let readings = ReconcileInput {
        now: clock.now(),
        instances: &instances,
        nodes: nodes.as_deref().ok(),
        ledger: &ledger,
        sprint: sprint.as_ref(),
        cockpit: &config.cockpit,
        node_prefix: &config.network_node.node_prefix,
    };
    let actions = engine::plan(&readings).into_iter();
    let mut found: Vec<Leftover> = actions
        .map(|action| Leftover::of(action, &readings))
        .collect();
    let foreign = Foreign::all(&instances, &config, readings.now);
    print_findings(arguments, &found, &foreign, &readings)?;
    let exit = match &mut access {
        _ if found.is_empty() => Exit::Done,
        JournalAccess::DryRun => Exit::Done,
        JournalAccess::Locked => {
            status_line(format_args!(
                "another pocpit uses {}: it releases these itself, or do it there; nothing was changed",
                config.paths.state_dir.display()
            ));
            Exit::Refused
        }
        JournalAccess::Writer(_) if !confirm(arguments.confirmation, "remove all of this?")? => {
            status_line("nothing was changed");
            Exit::Refused
        }
        JournalAccess::Writer(journal) => {
            let mut sweep = Sweep {
                market,
                network_node,
                journal,
                ledger: &ledger,
                clock,
            };
            sweep.carry_out(&mut found).await;
            summarize(&found)
        }
    };
    let recorded = if nodes.is_ok() {
        if let Some(failures) = &failures {
            failures.reset();
        }
        Exit::Done
    } else {
        // Without a list it is unknown whether something is left over.
        record_failure(clock.now())
    };
    let exit = match exit {
        Exit::Done => recorded,
        exit => exit,
    };
    if arguments.output.json {
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

fn summarize(found: &[Leftover]) -> Exit {
    let done = found.iter().filter(|leftover| leftover.done).count();
    status_line(format_args!("{done} of {} done", found.len()));
    if done == found.len() {
        return Exit::Done;
    }
    status_line(
        "pocpit: anything not removed may still cost money: check the Vast console, and try `pocpit release`",
    );
    Exit::Failed
}

/// Access of this process to the journal.
enum JournalAccess {
    /// It holds the lock.
    Writer(Journal),
    /// `--dry-run`: it only reads.
    DryRun,
    /// Another process holds the lock.
    Locked,
}

impl JournalAccess {
    fn open(arguments: Gc, config: &Config) -> Result<(JournalAccess, Ledger), JournalError> {
        let state_dir = &config.paths.state_dir;
        if arguments.dry_run {
            return Ok((JournalAccess::DryRun, journal::read_only(state_dir)?));
        }
        match Journal::open(state_dir) {
            Ok((journal, ledger)) => Ok((JournalAccess::Writer(journal), ledger)),
            Err(JournalError::Locked { .. }) => {
                Ok((JournalAccess::Locked, journal::read_only(state_dir)?))
            }
            Err(error) => Err(error),
        }
    }
}

/// A saved sprint that cannot be read is given up by the next start as well.
fn saved_sprint(ledger: &Ledger) -> Option<Sprint> {
    engine::saved_sprint(ledger).unwrap_or_else(|error| {
        status_line(format_args!(
            "warning: the saved sprint cannot be read, so its rentals count as leftovers: {error}"
        ));
        None
    })
}

fn print_findings(
    arguments: Gc,
    found: &[Leftover],
    foreign: &[Foreign],
    readings: &ReconcileInput<'_>,
) -> std::io::Result<()> {
    for instance in readings.instances {
        let label = instance.rental_label();
        if let Some(label) = label.filter(|label| readings.is_in_use(label)) {
            let id = instance.id;
            status_line(format_args!(
                "rental {id} ({label}) is in use by a sprint, left as it is"
            ));
        }
    }
    // With `--json` the operator still needs to read what the question is about.
    let out = |text: &str| {
        if arguments.output.json {
            status_line(text);
            return Ok(());
        }
        print(text)
    };
    for leftover in found {
        out(&leftover.to_line())?;
    }
    for foreign in foreign {
        out(&foreign.to_line())?;
    }
    if found.is_empty() {
        out("nothing is left over")?;
    }
    Ok(())
}
