//! `pocpit avoided`: lists avoided machines, or allows one again.

use std::path::Path;

use color_eyre::eyre::Report;

use super::arguments::{Avoided, Common};
use super::page::Page;
use super::table::{Cell, Table, number, words};
use super::{Exit, print_report, runtime, status_line};
use crate::domain::{AvoidedMachine, MachineId, Time};
use crate::journal::{self, Journal, Record};

pub(crate) fn run(arguments: Avoided, common: &Common) -> Result<Exit, Report> {
    let config = runtime::load_quietly(common)?;
    let now = runtime::clock(config.simulation).now();
    let state_dir = &config.paths.state_dir;
    if let Some(machine) = arguments.remove {
        return allow(state_dir, now, MachineId(machine));
    }
    let avoided = journal::read_only(state_dir)?.avoided(now);
    print_report(arguments.output, &avoided, || {
        text(&avoided, &Page::stdout(common, arguments.output))
    })
}

fn text(avoided: &[AvoidedMachine], page: &Page) -> String {
    if avoided.is_empty() {
        return "No machine is avoided.".to_owned();
    }
    let columns = [
        number("machine"),
        words("until (UTC)"),
        number("failed"),
        words("why"),
    ];
    let mut table = Table::new(columns);
    for avoided in avoided {
        table.row([
            Cell::from(avoided.machine),
            avoided.until.format("%Y-%m-%d %H:%M").into(),
            avoided.failed_boots.into(),
            avoided.why().into(),
        ]);
    }
    table.lines(page).join("\n")
}

/// Needs the lock of the journal: in a running cockpit there is a key for this.
fn allow(state_dir: &Path, now: Time, machine: MachineId) -> Result<Exit, Report> {
    let (mut journal, ledger) = Journal::open(state_dir)?;
    let mut avoided = ledger.avoided(now).into_iter();
    if !avoided.any(|avoided| avoided.machine == machine) {
        status_line(format_args!("machine {machine} is not avoided"));
        return Ok(Exit::Failed);
    }
    let record = Record::MachineAllowed { machine };
    runtime::record(&mut journal, now, &record)?;
    status_line(format_args!("machine {machine} is no longer avoided"));
    Ok(Exit::Done)
}
