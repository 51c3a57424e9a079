//! `pocpit gc`: finds and removes leftovers, once.

mod failure_count;
mod leftover;
mod sweep;

use std::time::Duration;

use color_eyre::eyre::Report;
use schemars::JsonSchema;
use serde::Serialize;

use super::arguments::{ChosenReplicas, Common, Confirmation, Gc, Output};
use super::page::Page;
use super::places::{Lists, Places, accounts_of, node_lists};
use super::runtime;
use super::scope::{LeftAlone, Owner, Scope, check_names};
use super::teardown::confirm;
use super::{Exit, causes, print, print_json, service, status_line, stop};
use crate::config::Config;
use crate::domain::{AccountName, Instance, NetworkNodeName, RegisteredNode};
use crate::engine::{self, ReconcileInput};
use crate::flow::Sprint;
use crate::journal::{self, Journal, JournalError, Ledger};
use failure_count::FailureCount;
use leftover::{Foreign, Leftover, is_left};
use sweep::Sweep;

const DOWNGRADE: &str = "Nothing was released: with the newer pocpit the sprint goes on. Without it a rental ends with its lease, and `pocpit release` destroys it now";

/// Time to list the account and to see everything gone.
const TAKEDOWN_TIMEOUT: Duration = Duration::from_mins(20);

pub(crate) async fn run(arguments: Gc, common: &Common) -> Result<Exit, Report> {
    let config = runtime::load_quietly(common)?;
    let opened = JournalAccess::open(&arguments, &config);
    let (access, ledger) = opened.map_err(|error| refusal(error.into()))?;
    let findings = if arguments.output.json {
        // The operator still needs to read what the question is about.
        Findings::Status
    } else {
        Findings::Result(Page::stdout(common, arguments.output))
    };
    check_names(&arguments.of, &config.pools, &ledger)?;
    sweep(&arguments, &config, access, &ledger, findings).await
}

/// Takes down everything with our label if the engine cannot start because its journal is unusable (law 15).
/// Any other error is returned as it is.
pub(super) async fn without_journal(
    config: &Config,
    error: Report,
    confirmation: Confirmation,
) -> Result<Exit, Report> {
    let journal = error.downcast_ref::<JournalError>();
    let Some(unusable) = journal.filter(|error| error.is_unusable()) else {
        return Err(refusal(error));
    };
    service::extend_startup("taking everything down without a journal", TAKEDOWN_TIMEOUT);
    let arguments = Gc {
        of: ChosenReplicas::default(),
        dry_run: false,
        confirmation,
        output: Output::default(),
    };
    let (access, ledger) = JournalAccess::unusable(unusable);
    sweep(&arguments, config, access, &ledger, Findings::Status).await
}

/// A newer pocpit knows what is rented, and nothing of it outlives its lease meanwhile.
fn refusal(error: Report) -> Report {
    match error.downcast_ref() {
        Some(JournalError::TooNew { .. }) => {
            stop(Exit::Refused, format!("{}. {DOWNGRADE}", causes(&error)))
        }
        _ => error,
    }
}

/// Where findings are printed.
#[derive(Debug, Clone, Copy)]
enum Findings {
    /// On standard output.
    Result(Page),
    /// On standard error.
    Status,
}

async fn sweep(
    arguments: &Gc,
    config: &Config,
    mut access: JournalAccess,
    ledger: &Ledger,
    findings: Findings,
) -> Result<Exit, Report> {
    let is_unusable = matches!(access, JournalAccess::Unusable);
    // Only the holder of the lock counts failures: another holder notices by itself.
    let is_writer = matches!(access, JournalAccess::Writer(_));
    let failures = is_writer.then(|| FailureCount::of(&config.paths.state_dir));
    let record_failure = |now| {
        let failures = failures.as_ref();
        // Without a journal failures are not counted: the first one already exits as failed.
        let uncounted = if is_unusable {
            Exit::Failed
        } else {
            Exit::Unknown
        };
        failures.map_or(uncounted, |failures| failures.record_failure(now))
    };
    let clock = runtime::clock(config.simulation);
    let clock = clock.as_ref();
    let places = Places::of(config);
    let (listed, lists) = tokio::join!(places.instances(), places.nodes());
    tell_failures(&listed, &lists);
    if listed.known.is_empty() {
        return Ok(record_failure(clock.now()));
    }
    if let Some(unknown) = engine::unknown_places(ledger, config) {
        status_line(format_args!("warning: {unknown}"));
    }
    let instances: Vec<Instance> = listed.known.values().flatten().cloned().collect();
    let accounts: Vec<&AccountName> = listed.known.keys().collect();
    let nodes = node_lists(&lists, config);
    let saved = saved_sprints(ledger);
    let sprints: Vec<&Sprint> = saved.iter().collect();
    let readings = ReconcileInput {
        now: clock.now(),
        accounts: &accounts,
        instances: &instances,
        nodes: &nodes,
        ledger,
        sprints: &sprints,
        cockpit: &config.cockpit,
    };
    let scope = Scope {
        chosen: &arguments.of,
        ledger,
        instances: &instances,
    };
    let (mut found, left_alone) = leftovers(&readings, &scope);
    let foreign = Foreign::all(&instances, config, readings.now);
    print_findings(findings, &found, &foreign, &readings, &scope)?;
    left_alone.tell(&arguments.of, "gc");
    let exit = if found.is_empty() || arguments.dry_run {
        Exit::Done
    } else if matches!(access, JournalAccess::Locked) {
        status_line(format_args!(
            "another pocpit uses {}: it releases these itself, or do it there; nothing was changed",
            config.paths.state_dir.display()
        ));
        Exit::Refused
    } else if !confirm(arguments.confirmation, "remove all of this?")? {
        status_line("nothing was changed");
        Exit::Refused
    } else {
        let mut sweep = Sweep {
            places: &places,
            accounts: accounts_of(&listed, ledger),
            journal: access.journal(),
            ledger,
            clock,
        };
        sweep.carry_out(&mut found).await;
        summarize(&found)
    };
    let recorded = if listed.is_complete() && lists.is_complete() {
        if let Some(failures) = &failures {
            failures.reset();
        }
        Exit::Done
    } else {
        // Without a list it is unknown whether something is left over.
        record_failure(clock.now())
    };
    let exit = match exit {
        Exit::Done if recorded == Exit::Done && is_unusable => Exit::NoJournal,
        Exit::Done if recorded == Exit::Done && left_alone.has_unknown() => Exit::Unknown,
        Exit::Done => recorded,
        exit => exit,
    };
    if arguments.output.json {
        print_json(&GcReport {
            left_over: found,
            foreign,
            left_alone: (!arguments.of.is_all()).then_some(left_alone),
        })?;
    }
    Ok(exit)
}

/// What is to be removed, and what is not meant.
fn leftovers(readings: &ReconcileInput<'_>, scope: &Scope<'_>) -> (Vec<Leftover>, LeftAlone) {
    let mut left_alone = LeftAlone::default();
    let actions = engine::plan(readings).into_iter();
    let found = actions
        .filter(|action| !is_left(action, scope, readings.nodes, &mut left_alone))
        .map(|action| Leftover::of(action, readings))
        .collect();
    (found, left_alone)
}

/// Says which rentals and registrations are unknown. Without any listing the lists do not matter.
fn tell_failures(
    listed: &Lists<AccountName, Instance>,
    lists: &Lists<NetworkNodeName, RegisteredNode>,
) {
    let is_unknown = listed.known.is_empty();
    let outcome = if is_unknown {
        "nothing was changed"
    } else {
        "left as they are"
    };
    for error in &listed.failures {
        status_line(format_args!("pocpit: rentals unknown, {outcome}: {error}"));
    }
    for error in lists.failures.iter().filter(|_| !is_unknown) {
        status_line(format_args!(
            "warning: registrations unknown, left as they are: {error}"
        ));
    }
}

/// What `gc` found and did.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct GcReport {
    /// What no sprint uses.
    left_over: Vec<Leftover>,
    /// Rentals of other cockpits on the account.
    foreign: Vec<Foreign>,
    /// What is left over of others; only with `--pool` or `--replica`.
    #[serde(skip_serializing_if = "Option::is_none")]
    left_alone: Option<LeftAlone>,
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
    /// It cannot be opened or read.
    Unusable,
}

impl JournalAccess {
    fn open(arguments: &Gc, config: &Config) -> Result<(JournalAccess, Ledger), JournalError> {
        let state_dir = &config.paths.state_dir;
        if arguments.dry_run {
            return match journal::read_only(state_dir) {
                Ok(ledger) => Ok((JournalAccess::DryRun, ledger)),
                Err(error) if error.is_unusable() => Ok(JournalAccess::unusable(&error)),
                Err(error) => Err(error),
            };
        }
        match Journal::open(state_dir) {
            Ok((journal, ledger)) => Ok((JournalAccess::Writer(journal), ledger)),
            Err(JournalError::Locked { .. }) => {
                Ok((JournalAccess::Locked, journal::read_only(state_dir)?))
            }
            Err(error) if error.is_unusable() => Ok(JournalAccess::unusable(&error)),
            Err(error) => Err(error),
        }
    }

    fn unusable(error: &JournalError) -> (JournalAccess, Ledger) {
        status_line(format_args!("pocpit: {error}"));
        status_line(
            "no journal: nothing is rented, and rentals are recognized by their label alone",
        );
        (JournalAccess::Unusable, Ledger::default())
    }

    fn journal(&mut self) -> Option<&mut Journal> {
        match self {
            JournalAccess::Writer(journal) => Some(journal),
            _ => None,
        }
    }
}

/// A saved sprint that cannot be read is given up by the next start as well; those of others are not.
fn saved_sprints(ledger: &Ledger) -> Vec<Sprint> {
    let saved = engine::saved_sprints(ledger);
    let readable = saved.filter_map(|(replica, saved)| match saved {
        Ok(sprint) => Some(sprint),
        Err(error) => {
            status_line(format_args!(
                "warning: the saved sprint of {replica} cannot be read, so its rentals count as leftovers: {error}"
            ));
            None
        }
    });
    readable.collect()
}

fn print_findings(
    findings: Findings,
    found: &[Leftover],
    foreign: &[Foreign],
    readings: &ReconcileInput<'_>,
    scope: &Scope<'_>,
) -> std::io::Result<()> {
    for instance in readings.instances {
        let label = instance.rental_label();
        let is_chosen = scope.of_rental(instance.id) == Owner::Chosen;
        if let Some(label) = label.filter(|label| is_chosen && readings.is_in_use(label)) {
            let id = instance.id;
            status_line(format_args!(
                "rental {id} ({label}) is in use by a sprint, left as it is"
            ));
        }
    }
    let out = |text: &str| {
        match findings {
            Findings::Result(page) => return print(&page.sentences(text)),
            Findings::Status => status_line(text),
        }
        Ok(())
    };
    for leftover in found {
        out(&leftover.to_line())?;
    }
    for foreign in foreign {
        out(&foreign.to_line())?;
    }
    if found.is_empty() {
        let nothing = if scope.chosen.is_all() {
            "nothing is left over"
        } else {
            "nothing of these is left over"
        };
        out(nothing)?;
    }
    Ok(())
}
