//! `pocpit journal`: dumps, verifies and restores the journal. No key is needed.

use std::io::{self, Write as _};
use std::path::Path;

use color_eyre::eyre::{Report, WrapErr as _};

use super::arguments::{Common, JournalCommand};
use super::teardown::confirm;
use super::{Exit, logging, runtime, status_line, stop};
use crate::atomic_file;
use crate::domain::Time;
use crate::domain::format::count;
use crate::journal::{self, Dump, RestoreError, VERSION, Verified};

const MINUTE: &str = "%Y-%m-%d %H:%M";

pub(crate) fn run(command: &JournalCommand, common: &Common) -> Result<Exit, Report> {
    logging::start_quiet();
    let config = runtime::load_for(common, &[])?.config;
    let state_dir = &config.paths.state_dir;
    let now = runtime::clock(config.simulation).now();
    match command {
        JournalCommand::Dump { file } => dump(state_dir, file.as_deref(), now),
        JournalCommand::Verify { file } => verify(state_dir, file.as_deref()),
        JournalCommand::Restore { file, confirmation } => {
            let dump = read(file)?;
            let verified = verified(&dump, file)?;
            status_line(dump_text(&dump, &verified));
            let question = format!("make this the journal of {}?", state_dir.display());
            if !confirm(*confirmation, &question)? {
                status_line("nothing was changed");
                return Ok(Exit::Refused);
            }
            restore(state_dir, &dump, now)
        }
    }
}

fn dump(state_dir: &Path, file: Option<&Path>, now: Time) -> Result<Exit, Report> {
    let Some(dump) = journal::dump(state_dir, now)? else {
        return Err(no_journal(state_dir));
    };
    let Some(file) = file else {
        dump.write(&mut io::stdout().lock())?;
        return Ok(Exit::Done);
    };
    let written = atomic_file::replace(file, |out| dump.write(out));
    written.wrap_err_with(|| format!("cannot write {}", file.display()))?;
    let records = count(dump.entries.len(), "record");
    status_line(format_args!("{records} written to {}", file.display()));
    Ok(Exit::Done)
}

fn verify(state_dir: &Path, file: Option<&Path>) -> Result<Exit, Report> {
    let text = if let Some(file) = file {
        let dump = read(file)?;
        dump_text(&dump, &verified(&dump, file)?)
    } else {
        let Some(verified) = journal::verify(state_dir)? else {
            return Err(no_journal(state_dir));
        };
        let waiting = match verified.spooled {
            0 => String::new(),
            spooled => format!(
                " {} of them wait in the spool for the database.",
                count(spooled, "record")
            ),
        };
        format!(
            "The journal of {}, version {VERSION}: {}.{waiting}",
            state_dir.display(),
            text(&verified)
        )
    };
    writeln!(io::stdout(), "{text}\nEvery record can be read.")?;
    Ok(Exit::Done)
}

fn restore(state_dir: &Path, dump: &Dump, now: Time) -> Result<Exit, Report> {
    match journal::restore(state_dir, dump, now) {
        Err(occupied @ RestoreError::Occupied { .. }) => {
            Err(stop(Exit::Refused, occupied.to_string()))
        }
        Err(RestoreError::Journal(error)) => Err(error.into()),
        Ok(()) => {
            status_line(
                "restored: nothing is rented before you agree to what the dump does not know. Look with `pocpit gc --dry-run` and in the Vast console, then `pocpit accept-journal`",
            );
            Ok(Exit::Done)
        }
    }
}

fn no_journal(state_dir: &Path) -> Report {
    let place = state_dir.display();
    stop(
        Exit::Failed,
        format!("there is no journal in {place}: see paths.state_dir in `pocpit config show`"),
    )
}

fn read(file: &Path) -> Result<Dump, Report> {
    let place = file.display();
    let text = std::fs::read(file).wrap_err_with(|| format!("cannot read {place}"))?;
    Dump::parse(&text).map_err(|error| stop(Exit::Failed, format!("{place}: {error}")))
}

fn verified(dump: &Dump, file: &Path) -> Result<Verified, Report> {
    Verified::dump(dump).wrap_err_with(|| format!("cannot use {}", file.display()))
}

fn dump_text(dump: &Dump, verified: &Verified) -> String {
    let at = dump.at.format(MINUTE);
    format!("A dump of {at} UTC: {}.", text(verified))
}

fn text(verified: &Verified) -> String {
    let records = count(verified.records, "record");
    let span = verified.span.map_or_else(String::new, |(first, last)| {
        format!(
            " from {} to {} UTC",
            first.format(MINUTE),
            last.format(MINUTE)
        )
    });
    let rentals = count(verified.open_rentals, "open rental");
    let registrations = count(verified.open_registrations, "open registration");
    format!("{records}{span}, {rentals} and {registrations}")
}
