//! A plain file that takes what the storage does not: a line an entry, each with its checksum.
//!
//! A disk that is full for the database is full for this file too. So it is made while there is
//! room, as blank lines, and entries are written over them.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read as _};
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{Entry, JournalError};
use crate::atomic_file;

/// Bytes that are held: some hundred saved sprints and their rentals, more than any release writes.
const ROOM: u64 = 1_048_576;
/// No hole in a line that was torn is so long.
const ROOM_AT_ONCE: u64 = 65_536;
const BLANK: u8 = b'\n';

/// The entries that wait for the storage to take them.
#[derive(Debug)]
pub(super) struct Spool {
    path: PathBuf,
    entries: Vec<Entry>,
    /// Bytes up to the end of the last good line. What a torn write left behind them is written over.
    length: u64,
    /// Lines before the last one that are not what was written: the file is kept for a person.
    damaged: usize,
}

#[derive(Serialize, Deserialize)]
struct Line {
    checksum: String,
    entry: Entry,
}

impl Spool {
    /// The spool at `path`, and room for more of it. A disk without room is no reason to stop: the
    /// spool may never be needed.
    pub(super) fn open(path: &Path) -> Result<Spool, JournalError> {
        let spool = Spool::read(path)?;
        if let Err(error) = spool.hold_room() {
            tracing::warn!("no room is held in {}: {error}", path.display());
        }
        Ok(spool)
    }

    /// What the file holds, without changing it. A last line that is torn was never promised to
    /// anybody and is left out.
    pub(super) fn read(path: &Path) -> Result<Spool, JournalError> {
        let bytes = match written(path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(failed(path, error)),
        };
        let mut spool = Spool {
            path: path.to_owned(),
            entries: Vec::new(),
            length: 0,
            damaged: 0,
        };
        let (mut end, mut bad) = (0, 0);
        for line in bytes.split_inclusive(|byte| *byte == BLANK) {
            end += line.len() as u64;
            if line == [BLANK] {
                continue;
            }
            let Some(entry) = parse(line) else {
                bad += 1;
                continue;
            };
            spool.entries.push(entry);
            spool.length = end;
            spool.damaged = bad;
        }
        spool.tell(bad);
        Ok(spool)
    }

    fn tell(&self, bad: usize) {
        let (path, damaged) = (self.path.display(), self.damaged);
        if damaged > 0 {
            tracing::error!(
                "{damaged} lines of {path} are damaged and left out; what they rented is found on the market by its label"
            );
        }
        if bad > damaged {
            tracing::warn!(
                "the last line of {path} is torn and left out: its record was never finished"
            );
        }
    }

    /// What waits, in the order in which it was added.
    pub(super) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Nothing is in the file.
    pub(super) fn is_clear(&self) -> bool {
        self.entries.is_empty() && self.damaged == 0
    }

    /// Adds an entry. When this returns it is on the disk.
    pub(super) fn add(&mut self, entry: Entry) -> Result<(), JournalError> {
        let line = line(&entry).map_err(|error| failed(&self.path, error))?;
        self.write(&line, self.length)
            .map_err(|error| failed(&self.path, error))?;
        self.length += line.len() as u64;
        self.entries.push(entry);
        Ok(())
    }

    /// Takes everything out of the file: the storage has it.
    pub(super) fn clear(&mut self) -> Result<(), JournalError> {
        if self.is_clear() {
            return Ok(());
        }
        self.blank().map_err(|error| failed(&self.path, error))?;
        self.entries.clear();
        (self.length, self.damaged) = (0, 0);
        Ok(())
    }

    fn blank(&self) -> io::Result<()> {
        if self.damaged > 0 {
            fs::rename(&self.path, self.path.with_extension("damaged"))?;
            return self.hold_room();
        }
        let length = fs::metadata(&self.path)?.len().max(ROOM);
        self.write(&blanks(length), 0)
    }

    /// Makes the file as long as the room that is to be held.
    fn hold_room(&self) -> io::Result<()> {
        let length = fs::metadata(&self.path).map_or(0, |file| file.len());
        if length >= ROOM {
            return Ok(());
        }
        let held = self.write(&blanks(ROOM - length), length);
        if held.is_err() {
            // Half of it would fill the disk to the brim and help nobody.
            File::options()
                .write(true)
                .open(&self.path)?
                .set_len(length)?;
        }
        held
    }

    fn write(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let is_new = !self.path.exists();
        let file = OpenOptions::new()
            .create(true)
            .write(true)
            .truncate(false)
            .mode(0o600)
            .open(&self.path)?;
        file.write_all_at(bytes, offset)?;
        file.sync_all()?;
        if is_new {
            atomic_file::sync_name(&self.path)?;
        }
        Ok(())
    }
}

/// The file as far as something was written to it, and some of the room behind that. Lines are
/// written one after the other, each only when the one before is on the disk: behind so much room
/// there is nothing.
fn written(path: &Path) -> io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    let mut bytes = Vec::new();
    loop {
        let before = bytes.len();
        let read = file.by_ref().take(ROOM_AT_ONCE).read_to_end(&mut bytes)?;
        if read == 0 || bytes[before..].iter().all(|byte| *byte == BLANK) {
            return Ok(bytes);
        }
    }
}

fn blanks(length: u64) -> Vec<u8> {
    vec![BLANK; usize::try_from(length).unwrap_or_default()]
}

fn line(entry: &Entry) -> serde_json::Result<Vec<u8>> {
    let line = Line {
        checksum: checksum(entry)?,
        entry: entry.clone(),
    };
    let mut bytes = serde_json::to_vec(&line)?;
    bytes.push(BLANK);
    Ok(bytes)
}

fn parse(line: &[u8]) -> Option<Entry> {
    let line: Line = serde_json::from_slice(line.strip_suffix(&[BLANK])?).ok()?;
    (checksum(&line.entry).ok()? == line.checksum).then_some(line.entry)
}

/// FNV-1a over the entry's text, 64 bits: it tells a torn line from a whole one.
fn checksum(entry: &Entry) -> serde_json::Result<String> {
    let bytes = serde_json::to_vec(entry)?;
    let hash = bytes.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    });
    Ok(format!("{hash:016x}"))
}

fn failed(
    path: &Path,
    source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> JournalError {
    JournalError::Failed {
        place: path.display().to_string(),
        source: source.into(),
    }
}
