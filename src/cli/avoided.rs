//! `pocpit avoided`: lists avoided machines, or allows one again.

use std::path::Path;

use color_eyre::eyre::Report;
use schemars::JsonSchema;
use serde::Serialize;

use super::arguments::{Avoided, Common};
use super::page::Page;
use super::table::{Cell, Table, number, words};
use super::{Exit, pools, print_report, runtime, status_line};
use crate::domain::{AvoidedMachine, BootEnd, MachineId, PastBoot, ReplicaId, Time};
use crate::journal::{self, Journal, Ledger, Record};

pub(crate) fn run(arguments: Avoided, common: &Common) -> Result<Exit, Report> {
    let config = runtime::load_quietly(common)?;
    let now = runtime::clock(config.simulation).now();
    let state_dir = &config.paths.state_dir;
    if let Some(machine) = arguments.remove {
        return allow(state_dir, now, MachineId(machine));
    }
    let ledger = journal::read_only(state_dir)?;
    let avoided = ledger.avoided(now).into_iter();
    let avoided = avoided.map(|machine| Avoidance::of(machine, &ledger));
    let avoided: Vec<Avoidance> = avoided.collect();
    print_report(arguments.output, &avoided, || {
        text(&avoided, &Page::stdout(common, arguments.output))
    })
}

/// A machine that is not rented for a time.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Avoidance {
    #[serde(flatten)]
    machine: AvoidedMachine,
    /// The replica whose boot failed there last; absent if that is unknown, and without pools.
    #[serde(skip_serializing_if = "Option::is_none")]
    replica: Option<ReplicaId>,
}

impl Avoidance {
    fn of(machine: AvoidedMachine, ledger: &Ledger) -> Avoidance {
        let mut boots = ledger.boots().iter().rev();
        let failed = |boot: &&PastBoot| boot.end == BootEnd::Failed;
        let failed = boots.find(|boot| boot.machine == machine.machine && failed(boot));
        let mut watched = ledger.boot_times().iter();
        let boot =
            failed.and_then(|failed| watched.find(|boot| boot.instance == Some(failed.instance)));
        let replica = boot.and_then(|boot| pools::replica_cell(&boot.replica));
        Avoidance {
            replica: replica.cloned(),
            machine,
        }
    }

    fn why(&self) -> String {
        let why = self.machine.why();
        match &self.replica {
            Some(replica) => format!("{replica}: {why}"),
            None => why,
        }
    }
}

fn text(avoided: &[Avoidance], page: &Page) -> String {
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
        let machine = &avoided.machine;
        table.row([
            Cell::from(machine.machine),
            machine.until.format("%Y-%m-%d %H:%M").into(),
            machine.failed_boots.into(),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{BootTimes, Duration, InstanceId, StageMeaning};

    fn times(id: u64, replica: &str, machine: MachineId, ended: Time) -> BootTimes {
        BootTimes {
            label: format!("pocpit/north/7/{id}-0000000a").parse().unwrap(),
            replica: replica.parse().unwrap(),
            instance: Some(InstanceId(id)),
            machine,
            host: None,
            gpu_name: "H100 SXM".into(),
            gpu_count: 4,
            started: Vec::new(),
            ended,
            fault: None,
            meaning: StageMeaning::Stated,
            runs: 1,
        }
    }

    #[test]
    fn avoided_machine_names_the_replica_that_failed() {
        // Given a machine on which a boot of one replica went well and one of another failed,
        let now: Time = "2026-11-29T02:51:00Z".parse().unwrap();
        let machine = MachineId(7);
        let boot = |id: u64, replica: &str, end| {
            let times = times(id, replica, machine, now);
            let boot = PastBoot {
                instance: InstanceId(id),
                machine,
                gpu_name: times.gpu_name.clone(),
                download_mbps: 2_000.0,
                disk_mb_per_s: None,
                image_gb: 15.0,
                model_gb: 60.0,
                took_seconds: 600,
                end,
                model: None,
                times: Some(times),
            };
            Record::BootEnded { boot }
        };
        let avoided = Record::MachineAvoided {
            machine,
            until: now + Duration::hours(4),
            reason: "boot_failed: ECC error".into(),
            host: None,
            address: None,
        };
        let listed = |failed: &str| {
            let place = tempfile::tempdir().unwrap();
            let (mut journal, _) = Journal::open(place.path()).unwrap();
            let boots = [
                boot(1, failed, BootEnd::Failed),
                boot(2, "minimax/1", BootEnd::Ready),
            ];
            for record in boots.iter().chain([&avoided]) {
                let _kept = journal.append(now, record).unwrap();
            }
            drop(journal);
            let ledger = journal::read_only(place.path()).unwrap();
            let mut machines = ledger.avoided(now).into_iter();
            Avoidance::of(machines.next().unwrap(), &ledger)
        };
        // then it is told with the replica whose boot failed,
        let told = text(&[listed("minimax/3")], &Page::plain(80));
        assert!(told.contains("minimax/3: boot_failed: ECC error"), "{told}");
        // and without pools as before.
        let told = text(&[listed("default/1")], &Page::plain(80));
        assert!(!told.contains("default/1"), "{told}");
    }
}
