//! Small files that are replaced whole: what a part of the program keeps over a restart, beside the
//! journal.

use std::io::{self, Write as _};
use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;

/// What is kept in a file; nothing yet, where there is none.
pub fn read<T: DeserializeOwned + Default>(file: &Path) -> io::Result<T> {
    match std::fs::read(file) {
        Ok(bytes) => serde_json::from_slice(&bytes).map_err(io::Error::other),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(T::default()),
        Err(error) => Err(error),
    }
}

/// Keeps it, readable by its owner alone. The old file or the new one is there, whenever it ends.
pub fn write(file: &Path, kept: &impl Serialize) -> io::Result<()> {
    let directory = file.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(directory)?;
    let mut fresh = tempfile::NamedTempFile::new_in(directory)?;
    serde_json::to_writer(&mut fresh, kept)?;
    fresh.flush()?;
    fresh.persist(file)?;
    Ok(())
}
