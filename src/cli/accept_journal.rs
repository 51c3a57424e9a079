//! `pocpit accept-journal`: the operator agrees to go on without an older journal.

use std::path::Path;
use std::time::Duration;

use color_eyre::eyre::Report;
use tokio::time::timeout;

use super::arguments::{Common, Confirmation};
use super::teardown::confirm;
use super::{Exit, logging, runtime, status_line};
use crate::domain::Time;
use crate::engine::attach::{self, Attached};
use crate::engine::{Command, Condition, Snapshot};
use crate::journal::{self, Journal, JournalError, Record, WriteOutcome};

/// Time for a running pocpit to record it.
const ACCEPTED_WITHIN: Duration = Duration::from_secs(10);
const QUESTION: &str =
    "go on with this journal? What an older one knew of money spent counts for no cap";

pub(crate) async fn run(confirmation: Confirmation, common: &Common) -> Result<Exit, Report> {
    logging::start_quiet();
    // No key is needed, and on a server none is at hand.
    let config = runtime::load_for(common, &[])?.config;
    let state_dir = &config.paths.state_dir;
    let now = runtime::clock(config.simulation).now();
    match Journal::open(state_dir) {
        Ok((journal, ledger)) => {
            let agreed = agree(ledger.lost(), confirmation)?;
            if agreed == Exit::Done {
                accept(journal, now)?;
            }
            Ok(agreed)
        }
        Err(JournalError::Locked { .. }) => {
            let agreed = agree(journal::read_only(state_dir)?.lost(), confirmation)?;
            if agreed == Exit::Done {
                return tell(state_dir).await;
            }
            Ok(agreed)
        }
        Err(error) => Err(error.into()),
    }
}

fn agree(lost: Option<&str>, confirmation: Confirmation) -> Result<Exit, Report> {
    let Some(reason) = lost else {
        status_line("no journal is missing: there is nothing to accept");
        return Ok(Exit::Failed);
    };
    status_line(reason);
    if confirm(confirmation, QUESTION)? {
        return Ok(Exit::Done);
    }
    status_line("nothing was changed");
    Ok(Exit::Refused)
}

fn accept(mut journal: Journal, now: Time) -> Result<(), Report> {
    if let WriteOutcome::Spooled(error) = journal.append(now, &Record::JournalAccepted)? {
        status_line(format_args!("warning: recorded in the spool only: {error}"));
    }
    status_line("accepted: the next start rents as configured");
    Ok(())
}

/// Tells the pocpit that holds the journal.
async fn tell(state_dir: &Path) -> Result<Exit, Report> {
    let Attached {
        mut snapshots,
        commands,
        ..
    } = attach::attach(state_dir).await?;
    commands.send(Command::AcceptJournal).await?;
    let accepted = snapshots.wait_for(|snapshot| !is_lost(snapshot));
    if matches!(timeout(ACCEPTED_WITHIN, accepted).await, Ok(Ok(_))) {
        status_line("accepted: the running pocpit rents as configured");
        return Ok(Exit::Done);
    }
    status_line("the running pocpit has not confirmed it: see its alerts");
    Ok(Exit::Unknown)
}

fn is_lost(snapshot: &Snapshot) -> bool {
    let mut alerts = snapshot.alerts.iter();
    alerts.any(|alert| alert.condition == Condition::JournalLost)
}
