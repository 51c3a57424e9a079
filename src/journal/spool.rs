//! A plain file for what the storage does not take: one line per entry, each with a checksum.
//!
//! A disk that is full for the database is full for this file too. So it is created while there is
//! room, as blank lines, and entries overwrite them.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read as _};
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use super::line;
use super::{Entry, JournalError};
use crate::atomic_file;

/// Bytes to reserve: some hundred saved sprints and their rentals, more than any release writes.
const ROOM: u64 = 1_048_576;
/// A hole in a torn line is shorter.
const ROOM_AT_ONCE: u64 = 65_536;
const BLANK: u8 = line::END;

/// The entries that wait for the storage to take them.
#[derive(Debug)]
pub(super) struct Spool {
    path: PathBuf,
    entries: Vec<Entry>,
    /// Bytes up to the end of the last good line. What a torn write left after it is overwritten.
    length: u64,
    /// Corrupt lines before the last good one: the file is preserved for the operator.
    damaged: usize,
}

impl Spool {
    /// Opens the spool and reserves room. A full disk is no reason to stop: the spool may never be needed.
    pub(super) fn open(path: &Path) -> Result<Spool, JournalError> {
        let spool = Spool::read(path)?;
        if let Err(error) = spool.reserve() {
            tracing::warn!("cannot reserve room in {}: {error}", path.display());
        }
        Ok(spool)
    }

    /// Reads the file without changing it. A torn last line was never acknowledged and is skipped.
    pub(super) fn read(path: &Path) -> Result<Spool, JournalError> {
        let bytes = match written(path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(JournalError::at(path)(error)),
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
            let Some(entry) = line::parse(line) else {
                bad += 1;
                continue;
            };
            spool.entries.push(entry);
            spool.length = end;
            spool.damaged = bad;
        }
        spool.warn(bad);
        Ok(spool)
    }

    fn warn(&self, bad: usize) {
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

    /// In the order of writing.
    pub(super) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    pub(super) fn is_clear(&self) -> bool {
        self.entries.is_empty() && self.damaged == 0
    }

    /// Adds an entry; it is on the disk when this returns.
    pub(super) fn add(&mut self, entry: Entry) -> Result<(), JournalError> {
        let line = line::write(&entry).map_err(JournalError::at(&self.path))?;
        self.write(&line, self.length)
            .map_err(JournalError::at(&self.path))?;
        self.length += line.len() as u64;
        self.entries.push(entry);
        Ok(())
    }

    /// Empties the file once the storage has its entries.
    pub(super) fn clear(&mut self) -> Result<(), JournalError> {
        if self.is_clear() {
            return Ok(());
        }
        self.blank().map_err(JournalError::at(&self.path))?;
        self.entries.clear();
        (self.length, self.damaged) = (0, 0);
        Ok(())
    }

    fn blank(&self) -> io::Result<()> {
        if self.damaged > 0 {
            fs::rename(&self.path, self.path.with_extension("damaged"))?;
            return self.reserve();
        }
        let length = fs::metadata(&self.path)?.len().max(ROOM);
        self.write(&blanks(length), 0)
    }

    /// Extends the file to the reserved size.
    fn reserve(&self) -> io::Result<()> {
        let length = fs::metadata(&self.path).map_or(0, |file| file.len());
        if length >= ROOM {
            return Ok(());
        }
        let reserved = self.write(&blanks(ROOM - length), length);
        if reserved.is_err() {
            // Half of it would fill the disk and help nobody.
            File::options()
                .write(true)
                .open(&self.path)?
                .set_len(length)?;
        }
        reserved
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

/// The file up to the end of its content, and some of the blank room after it. Each line is written
/// only when the one before is on the disk, so nothing follows that much blank room.
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
