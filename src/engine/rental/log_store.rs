//! A rental's log on this machine, byte for byte as the rental wrote it, in rotated files.
//!
//! A file's name says where in the remote file its first byte is: `NUMBER-INODE-OFFSET.log`. So the files
//! themselves say where to resume, also after a `kill -9`: no second record can disagree with them.
//! Bytes that a full disk did not take are a gap between two names.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use crate::domain::{InstanceId, Time};
use crate::engine::snapshot::LogBuffer;
use crate::ports::{LogPosition, TailChunk};
use crate::ssh::sanitize::Sanitizer;

/// Bytes of a file; the last chunk may exceed them.
const FILE_BYTES: u64 = 16 << 20;
/// Retention per rental, in bytes, without the file that is being written.
const MAX_BYTES: u64 = 7 * FILE_BYTES;
const MAX_RENTALS: usize = 20;
const READ_BYTES: usize = 64 << 10;

/// The directory of all rentals' logs.
#[derive(Debug, Clone)]
pub struct LogStore {
    directory: Option<PathBuf>,
}

impl LogStore {
    /// The directory is created with the first log.
    pub fn in_directory(directory: PathBuf) -> LogStore {
        LogStore {
            directory: Some(directory),
        }
    }

    pub fn disabled() -> LogStore {
        LogStore { directory: None }
    }

    /// The saved log of a rental, or its last lines, dated at its end. Blocks.
    pub fn read(&self, instance: InstanceId, ended: Time) -> LogBuffer {
        let mut log = LogBuffer::default();
        let Some(all) = &self.directory else {
            return log;
        };
        let past = LogFiles {
            files: files(&all.join(instance.to_string())),
            ..LogFiles::default()
        };
        let mut sanitizer = Sanitizer::new();
        for chunk in past.replay() {
            for line in sanitizer.feed(ended, &chunk.bytes) {
                log.push(line);
            }
        }
        if let Some(line) = sanitizer.end(ended) {
            log.push(line);
        }
        log
    }

    /// The log of one rental. Removes those of the oldest rentals.
    pub(crate) fn of(&self, instance: InstanceId) -> LogFiles {
        let Some(all) = &self.directory else {
            return LogFiles::default();
        };
        let own = all.join(instance.to_string());
        remove_oldest(all, &own);
        LogFiles {
            files: files(&own),
            directory: Some(own),
            ..LogFiles::default()
        }
    }
}

fn remove_oldest(all: &Path, own: &Path) {
    let Ok(entries) = fs::read_dir(all) else {
        return;
    };
    let others = entries.flatten().map(|entry| entry.path());
    let others = others.filter(|path| path != own && is_rental(path));
    let mut dated: Vec<_> = others
        .filter_map(|path| Some((path.symlink_metadata().ok()?.modified().ok()?, path)))
        .collect();
    dated.sort();
    let excess = (dated.len() + 1).saturating_sub(MAX_RENTALS);
    for (_, path) in dated.into_iter().take(excess) {
        for file in files(&path) {
            let _ = fs::remove_file(file.path);
        }
        // The next rental retries what cannot be removed; what others put there stays.
        let _ = fs::remove_dir(path);
    }
}

/// A directory of ours: its name is a rental's id.
fn is_rental(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str());
    let id = name.and_then(|name| name.parse::<u64>().ok());
    id.is_some_and(|id| name == Some(InstanceId(id).to_string().as_str()))
        && path.symlink_metadata().is_ok_and(|data| data.is_dir())
}

#[derive(Debug, Default)]
pub(crate) struct LogFiles {
    directory: Option<PathBuf>,
    /// Oldest first.
    files: Vec<LogFile>,
    /// The last of them, while it is being written.
    open: Option<File>,
    write_failed: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct LogFile {
    number: u64,
    inode: u64,
    /// Of the first byte in the remote file.
    offset: u64,
    length: u64,
    path: PathBuf,
}

impl LogFile {
    fn in_directory(directory: &Path, number: u64, chunk: &TailChunk) -> LogFile {
        let (inode, offset) = (chunk.file, chunk.offset);
        let path = directory.join(format!("{number:06}-{inode}-{offset}.log"));
        LogFile {
            number,
            inode,
            offset,
            length: 0,
            path,
        }
    }

    fn of_path(path: PathBuf) -> Option<LogFile> {
        let name = path.file_name()?.to_str()?.strip_suffix(".log")?;
        let mut numbers = name.splitn(3, '-').map(str::parse);
        Some(LogFile {
            number: numbers.next()?.ok()?,
            inode: numbers.next()?.ok()?,
            offset: numbers.next()?.ok()?,
            length: path
                .symlink_metadata()
                .ok()
                .filter(fs::Metadata::is_file)?
                .len(),
            path,
        })
    }

    fn position(&self) -> io::Result<LogPosition> {
        let mut file = File::open(&self.path)?;
        let last = self.length.saturating_sub(LogPosition::BEFORE as u64);
        file.seek(SeekFrom::Start(last))?;
        let mut before = Vec::new();
        file.read_to_end(&mut before)?;
        Ok(LogPosition {
            file: self.inode,
            offset: self.offset + self.length,
            before,
        })
    }
}

fn files(directory: &Path) -> Vec<LogFile> {
    let Ok(entries) = fs::read_dir(directory) else {
        return Vec::new();
    };
    let mut files: Vec<_> = entries
        .flatten()
        .filter_map(|entry| LogFile::of_path(entry.path()))
        .collect();
    files.sort();
    files
}

impl LogFiles {
    /// The position after the last saved byte.
    pub(crate) fn position(&self) -> LogPosition {
        let last = self.files.last().map(LogFile::position);
        last.and_then(Result::ok).unwrap_or_default()
    }

    /// Everything saved, oldest first.
    pub(crate) fn replay(&self) -> impl Iterator<Item = TailChunk> + Send + use<> {
        self.files.clone().into_iter().flat_map(|kept| {
            let mut offset = kept.offset;
            let mut file = File::open(kept.path).ok();
            std::iter::from_fn(move || {
                let mut bytes = Vec::with_capacity(READ_BYTES);
                let mut part = file.as_mut()?.take(READ_BYTES as u64);
                part.read_to_end(&mut bytes).ok().filter(|read| *read > 0)?;
                let chunk = TailChunk {
                    file: kept.inode,
                    offset,
                    bytes,
                };
                offset += chunk.bytes.len() as u64;
                Some(chunk)
            })
        })
    }

    /// Appends bytes. A failing disk is logged once.
    pub(crate) fn append(&mut self, chunk: &TailChunk) {
        let Some(directory) = self.directory.clone() else {
            return;
        };
        let result = self.write(&directory, chunk);
        if let (Err(error), false) = (&result, self.write_failed) {
            tracing::warn!(
                "cannot save the rental's log in {}: {error}; it is still shown",
                directory.display()
            );
        }
        self.write_failed = result.is_err();
    }

    fn write(&mut self, directory: &Path, chunk: &TailChunk) -> io::Result<()> {
        // After a failure it is unknown how much of the chunk is in the file: a new one is started.
        let mut file = match self.open.take().filter(|_| self.continues(chunk)) {
            Some(file) => file,
            None => self.start_file(directory, chunk)?,
        };
        file.write_all(&chunk.bytes)?;
        if let Some(last) = self.files.last_mut() {
            last.length += chunk.bytes.len() as u64;
        }
        self.open = Some(file);
        Ok(())
    }

    fn continues(&self, chunk: &TailChunk) -> bool {
        self.files.last().is_some_and(|last| {
            let end = (last.inode, last.offset + last.length);
            last.length < FILE_BYTES && end == (chunk.file, chunk.offset)
        })
    }

    fn start_file(&mut self, directory: &Path, chunk: &TailChunk) -> io::Result<File> {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(directory)?;
        let number = self.files.last().map_or(0, |last| last.number + 1);
        let next = LogFile::in_directory(directory, number, chunk);
        let file = OpenOptions::new()
            .create_new(true)
            .append(true)
            .mode(0o600)
            .open(&next.path)?;
        self.remove_oldest_files();
        self.files.push(next);
        Ok(file)
    }

    fn remove_oldest_files(&mut self) {
        let mut kept: u64 = self.files.iter().map(|file| file.length).sum();
        self.files.retain(|file| {
            if kept <= MAX_BYTES {
                return true;
            }
            kept -= file.length;
            let _ = fs::remove_file(&file.path);
            false
        });
    }
}

#[cfg(test)]
mod tests;
