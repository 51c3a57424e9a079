//! Background tasks of the cockpit: saving, copying and reading logs.

pub(super) mod run;

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use crate::domain::{InstanceId, Time};
use crate::engine::LogBuffer;
use crate::tui::log::whole_text;

const MAX_NAMES: u32 = 1_000;

#[derive(Debug, Clone)]
pub enum Task {
    Save(SaveLog),
    Copy(String),
    /// Read the log of a past rental, which ended at this time.
    ReadLog(InstanceId, Time),
}

#[derive(Debug, Clone)]
pub struct SaveLog {
    /// File name without extension.
    pub name: String,
    pub log: LogBuffer,
    pub only: Option<Vec<u64>>,
}

impl SaveLog {
    /// Writes a new file into a directory; its path and the number of lines.
    pub fn write(&self, directory: &Path) -> io::Result<(PathBuf, usize)> {
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(directory)?;
        let (path, file) = new_file(directory, &self.name)?;
        let mut file = BufWriter::new(file);
        let log = &self.log;
        let mut count = 0;
        let mut write = |number| -> io::Result<()> {
            let Some(line) = log.line(number) else {
                return Ok(());
            };
            count += 1;
            writeln!(file, "{}", whole_text(line))
        };
        match &self.only {
            Some(numbers) => numbers.iter().copied().try_for_each(&mut write)?,
            None => (log.first_seq()..log.end_seq()).try_for_each(&mut write)?,
        }
        file.flush()?;
        Ok((path, count))
    }
}

/// Never overwrites a file.
fn new_file(directory: &Path, name: &str) -> io::Result<(PathBuf, File)> {
    for number in 1..=MAX_NAMES {
        let path = match number {
            1 => directory.join(format!("{name}.log")),
            _ => directory.join(format!("{name}-{number}.log")),
        };
        let mut options = OpenOptions::new();
        match options.write(true).create_new(true).mode(0o600).open(&path) {
            Ok(file) => return Ok((path, file)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}
