//! Log files with rotation and a bounded total size. A full disk loses lines instead of failing; the
//! number of lost lines is logged when writing works again.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use crate::domain::format::count;

/// Rotation size in bytes.
const FILE_BYTES: u64 = 16 << 20;
/// Number of files, the current one included.
const FILES: u32 = 8;

/// A writer that never fails. Several processes may write the same files.
pub(crate) struct LogFiles {
    directory: PathBuf,
    name: &'static str,
    file_bytes: u64,
    lost: u64,
}

impl LogFiles {
    /// Files are named `NAME.log`, `NAME.1.log` and so on; none is opened before the first line.
    pub(crate) fn new(directory: &Path, name: &'static str) -> LogFiles {
        LogFiles {
            directory: directory.to_owned(),
            name,
            file_bytes: FILE_BYTES,
            lost: 0,
        }
    }

    fn path(&self, age: u32) -> PathBuf {
        let (name, directory) = (self.name, &self.directory);
        match age {
            0 => directory.join(format!("{name}.log")),
            age => directory.join(format!("{name}.{age}.log")),
        }
    }

    /// Opened for every line: another process may write, rotate or remove the files.
    fn append(&mut self, line: &[u8]) -> io::Result<()> {
        let longest = usize::try_from(self.file_bytes).unwrap_or(usize::MAX);
        let line = &line[..line.len().min(longest)];
        let mut file = self.open()?;
        if file.metadata()?.len() + line.len() as u64 > self.file_bytes {
            self.rotate()?;
            file = self.open()?;
        }
        if self.lost > 0 {
            writeln!(
                file,
                "{} could not be written here",
                count(self.lost, "line")
            )?;
            self.lost = 0;
        }
        file.write_all(line)
    }

    fn open(&self) -> io::Result<File> {
        let mut options = OpenOptions::new();
        options.create(true).append(true).mode(0o600);
        options.open(self.path(0))
    }

    fn rotate(&self) -> io::Result<()> {
        for age in (0..FILES - 1).rev() {
            match std::fs::rename(self.path(age), self.path(age + 1)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }
}

impl Write for LogFiles {
    /// Writes a line; an error is only counted.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if self.append(line).is_err() {
            self.lost += 1;
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn logs(directory: &Path) -> LogFiles {
        LogFiles {
            file_bytes: 1_000,
            ..LogFiles::new(directory, "it")
        }
    }

    fn sizes(directory: &Path) -> Vec<u64> {
        let entries = std::fs::read_dir(directory).unwrap();
        entries
            .map(|entry| entry.unwrap().metadata().unwrap().len())
            .collect()
    }

    #[test]
    fn flood_keeps_bound_and_newest_lines() {
        let directory = tempfile::tempdir().unwrap();
        // Two programs write the same files.
        let mut writers = [logs(directory.path()), logs(directory.path())];
        for number in 0..5_000 {
            let writer = &mut writers[number % 2];
            writeln!(writer, "this is line number {number}").unwrap();
        }
        let sizes = sizes(directory.path());
        assert_eq!(sizes.len(), FILES as usize);
        assert!(sizes.iter().all(|&bytes| bytes <= 1_000), "{sizes:?}");
        let newest = std::fs::read_to_string(directory.path().join("it.log")).unwrap();
        assert!(newest.ends_with("line number 4999\n"), "{newest}");
    }

    #[test]
    fn oversized_line_is_truncated() {
        let directory = tempfile::tempdir().unwrap();
        let mut writer = logs(directory.path());
        writer.write_all(&[b'x'; 3_000]).unwrap();
        assert_eq!(sizes(directory.path()), [1_000]);
        writer.write_all(b"next\n").unwrap();
        let newest = std::fs::read_to_string(directory.path().join("it.log")).unwrap();
        assert_eq!(newest, "next\n");
    }

    #[test]
    fn full_disk_counts_lost_lines() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("it.log");
        std::os::unix::fs::symlink("/dev/full", &path).unwrap();
        let mut writer = logs(directory.path());
        for _ in 0..3 {
            writer.write_all(b"lost\n").unwrap();
        }
        std::fs::remove_file(&path).unwrap();
        writer.write_all(b"there is room again\n").unwrap();
        assert_eq!(
            std::fs::read_to_string(&path).unwrap(),
            "3 lines could not be written here\nthere is room again\n"
        );
    }

    #[test]
    fn missing_directory_does_not_fail() {
        let mut writer = logs(Path::new("/nonexistent"));
        writer.write_all(b"lost\n").unwrap();
        assert_eq!(writer.lost, 1);
    }
}
