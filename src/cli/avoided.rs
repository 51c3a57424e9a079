//! `pocpit avoided`: lists avoided machines, or allows one again.

use color_eyre::eyre::Report;

use super::arguments::{Avoided, Common};
use super::read_only::{row, table};
use super::{Exit, logging, print, print_json, runtime, status_line};
use crate::domain::{AvoidedMachine, MachineId, Time};
use crate::journal::{self, Journal, Record, WriteOutcome};

pub(crate) fn run(arguments: Avoided, common: &Common) -> Result<Exit, Report> {
    logging::start_quiet();
    let config = runtime::load(common)?.config;
    let now = runtime::clock(config.simulation).now();
    if let Some(machine) = arguments.remove {
        // Needs the lock of the journal: in a running cockpit there is a key for this.
        let (mut journal, ledger) = Journal::open(&config.paths.state_dir)?;
        let is_it = |avoided: &AvoidedMachine| avoided.machine == MachineId(machine);
        if !ledger.avoided(now).iter().any(is_it) {
            status_line(format_args!("machine {machine} is not avoided"));
            return Ok(Exit::Failed);
        }
        return allow(&mut journal, now, MachineId(machine));
    }
    let avoided = journal::read_only(&config.paths.state_dir)?.avoided(now);
    if arguments.json {
        print_json(&avoided)?;
        return Ok(Exit::Done);
    }
    let mut rows = vec![row(["MACHINE", "UNTIL (UTC)", "FAILED", "WHY"])];
    for machine in &avoided {
        rows.push(row([
            &machine.machine.to_string(),
            &machine.until.format("%Y-%m-%d %H:%M").to_string(),
            &machine.failed_boots.to_string(),
            &machine.reason,
        ]));
    }
    print(&table(&rows))?;
    Ok(Exit::Done)
}

fn allow(journal: &mut Journal, now: Time, machine: MachineId) -> Result<Exit, Report> {
    if let WriteOutcome::Spooled(error) =
        journal.append(now, &Record::MachineAllowed { machine })?
    {
        status_line(format_args!("warning: recorded in the spool only: {error}"));
    }
    status_line(format_args!("machine {machine} is no longer avoided"));
    Ok(Exit::Done)
}
