//! `pocpit accept-journal`: the operator agrees to go on without an older journal.

use std::path::Path;
use std::time::Duration;

use color_eyre::eyre::Report;
use tokio::time::timeout;

use super::arguments::{Common, Confirmation};
use super::teardown::confirm;
use super::{Exit, logging, runtime, status_line};
use crate::engine::Command;
use crate::engine::attach::{self, Attached};
use crate::journal::{self, Journal, JournalError, Record};

/// What to do about a lost journal.
pub(super) const REMEDY: &str = "nothing is rented: restore paths.state_dir from a backup; or compare the budget with the Vast console, then agree with `pocpit accept-journal`";
/// Time for a running pocpit to record it.
const ACCEPTED_WITHIN: Duration = Duration::from_secs(10);
const QUESTION: &str =
    "go on with this journal? No cap counts what only the older one knows to be spent";

pub(crate) async fn run(confirmation: Confirmation, common: &Common) -> Result<Exit, Report> {
    logging::start_quiet();
    // No key is needed, and on a server none is at hand.
    let config = runtime::load_for(common, &[])?.config;
    let state_dir = &config.paths.state_dir;
    let now = runtime::clock(config.simulation).now();
    let (journal, ledger) = match Journal::open(state_dir) {
        Ok((journal, ledger)) => (Some(journal), ledger),
        Err(JournalError::Locked { .. }) => (None, journal::read_only(state_dir)?),
        Err(error) => return Err(error.into()),
    };
    let Some(reason) = ledger.lost() else {
        status_line("no journal is missing: there is nothing to accept");
        return Ok(Exit::Failed);
    };
    status_line(reason);
    if !confirm(confirmation, QUESTION)? {
        status_line("nothing was changed");
        return Ok(Exit::Refused);
    }
    let Some(mut journal) = journal else {
        return tell(state_dir).await;
    };
    runtime::record(&mut journal, now, &Record::JournalAccepted)?;
    status_line("accepted: the next start rents as configured");
    Ok(Exit::Done)
}

/// Tells the pocpit that holds the journal.
async fn tell(state_dir: &Path) -> Result<Exit, Report> {
    let Attached {
        mut snapshots,
        commands,
        ..
    } = attach::attach(state_dir).await?;
    commands.send(Command::AcceptJournal).await?;
    let accepted = snapshots.wait_for(|snapshot| snapshot.lost_journal().is_none());
    if matches!(timeout(ACCEPTED_WITHIN, accepted).await, Ok(Ok(_))) {
        status_line("accepted: the running pocpit rents as configured");
        return Ok(Exit::Done);
    }
    status_line("the running pocpit has not confirmed it: see its alerts");
    Ok(Exit::Unknown)
}
