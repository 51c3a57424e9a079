//! A plain file that takes what the storage does not: a line an entry, each with its checksum.
//!
//! A disk that is full for the database is full for this file too. So some room is held by a second
//! file, the reserve, which is given up when a line does not fit.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{Entry, JournalError};

/// Room for a long release: some hundred records and saved sprints.
const RESERVE: usize = 1_048_576;

/// The entries that wait for the storage to take them.
#[derive(Debug)]
pub(super) struct Spool {
    path: PathBuf,
    entries: Vec<Entry>,
    /// Bytes up to the end of the last good line. What a torn write left behind them is cut off.
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
    /// The spool at `path`, and room for more of it.
    pub(super) fn open(path: &Path) -> Result<Spool, JournalError> {
        let spool = Spool::read(path)?;
        spool.hold_reserve();
        Ok(spool)
    }

    /// What the file holds, without changing it. A last line that is torn was never promised to
    /// anybody and is left out.
    pub(super) fn read(path: &Path) -> Result<Spool, JournalError> {
        let bytes = match fs::read(path) {
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
        for line in bytes.split_inclusive(|byte| *byte == b'\n') {
            end += line.len() as u64;
            let Some(entry) = parse(line) else {
                bad += 1;
                continue;
            };
            spool.entries.push(entry);
            spool.length = end;
            spool.damaged = bad;
        }
        if bad > spool.damaged {
            tracing::warn!(
                "the last line of {} is torn and left out: its record was never finished",
                path.display()
            );
        }
        if spool.damaged > 0 {
            tracing::error!(
                "{} lines of {} are damaged and left out; what they rented is found on the market by its label",
                spool.damaged,
                path.display()
            );
        }
        Ok(spool)
    }

    /// What waits, in the order in which it was added.
    pub(super) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The file is gone, or was never needed.
    pub(super) fn is_clear(&self) -> bool {
        self.entries.is_empty() && self.damaged == 0
    }

    /// Adds an entry. When this returns it is on the disk.
    pub(super) fn add(&mut self, entry: Entry) -> Result<(), JournalError> {
        let line = line(&entry).map_err(|error| failed(&self.path, error))?;
        if self.write(&line).is_err() {
            let _ = fs::remove_file(self.reserve());
            self.write(&line)
                .map_err(|error| failed(&self.path, error))?;
        }
        self.length += line.len() as u64;
        self.entries.push(entry);
        Ok(())
    }

    /// Removes the file: the storage has what was in it.
    pub(super) fn clear(&mut self) -> Result<(), JournalError> {
        if self.is_clear() {
            return Ok(());
        }
        self.remove().map_err(|error| failed(&self.path, error))?;
        self.entries.clear();
        (self.length, self.damaged) = (0, 0);
        self.hold_reserve();
        Ok(())
    }

    fn write(&self, line: &[u8]) -> io::Result<()> {
        let is_new = !self.path.exists();
        let mut file = OpenOptions::new()
            .create(true)
            .write(true)
            .truncate(false)
            .mode(0o600)
            .open(&self.path)?;
        file.set_len(self.length)?;
        io::Seek::seek(&mut file, io::SeekFrom::Start(self.length))?;
        file.write_all(line)?;
        file.sync_all()?;
        if is_new {
            self.sync_directory()?;
        }
        Ok(())
    }

    fn remove(&self) -> io::Result<()> {
        if self.damaged > 0 {
            fs::rename(&self.path, self.path.with_extension("damaged"))?;
        } else {
            fs::remove_file(&self.path)?;
        }
        self.sync_directory()
    }

    fn sync_directory(&self) -> io::Result<()> {
        let directory = self.path.parent().unwrap_or(Path::new("."));
        File::open(directory)?.sync_all()
    }

    fn reserve(&self) -> PathBuf {
        self.path.with_extension("reserve")
    }

    /// A disk without room for the reserve is no reason to stop: the spool may never be needed.
    fn hold_reserve(&self) {
        let path = self.reserve();
        if path.exists() {
            return;
        }
        let hold = || {
            let mut options = OpenOptions::new();
            let mut file = options
                .create_new(true)
                .write(true)
                .mode(0o600)
                .open(&path)?;
            file.write_all(&vec![b'-'; RESERVE])?;
            file.sync_all()
        };
        if let Err(error) = hold() {
            tracing::warn!("no room could be held in {}: {error}", path.display());
            let _ = fs::remove_file(&path);
        }
    }
}

fn line(entry: &Entry) -> serde_json::Result<Vec<u8>> {
    let line = Line {
        checksum: checksum(entry)?,
        entry: entry.clone(),
    };
    let mut bytes = serde_json::to_vec(&line)?;
    bytes.push(b'\n');
    Ok(bytes)
}

fn parse(line: &[u8]) -> Option<Entry> {
    let line: Line = serde_json::from_slice(line.strip_suffix(b"\n")?).ok()?;
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
