//! Small files that are replaced atomically: state that survives a restart, beside the journal.

use std::fs::File;
use std::io::{self, BufWriter, Write as _};
use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;

/// Reads a file; the default if there is none.
pub fn read<T: DeserializeOwned + Default>(file: &Path) -> io::Result<T> {
    match std::fs::read(file) {
        Ok(bytes) => serde_json::from_slice(&bytes).map_err(io::Error::other),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(T::default()),
        Err(error) => Err(error),
    }
}

/// Replaces a file by a value as JSON.
pub fn write(file: &Path, value: &impl Serialize) -> io::Result<()> {
    replace(file, |fresh| Ok(serde_json::to_writer(fresh, value)?))
}

/// Replaces a file, readable by its owner only, by what `content` writes. After a crash at any point, the old
/// file or the new one is there; once this returns, the new one, even after a power cut.
pub fn replace(
    file: &Path,
    content: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>,
) -> io::Result<()> {
    let directory = directory_of(file);
    std::fs::create_dir_all(directory)?;
    let fresh = tempfile::NamedTempFile::new_in(directory)?;
    let mut writer = BufWriter::new(fresh.reopen()?);
    content(&mut writer)?;
    writer.flush()?;
    // Before it gets the name: an empty file must not replace the old one.
    fresh.as_file().sync_all()?;
    fresh.persist(file)?;
    sync_name(file)
}

/// Syncs the file's new name to the disk, not only its content.
pub fn sync_name(file: &Path) -> io::Result<()> {
    File::open(directory_of(file))?.sync_all()
}

fn directory_of(file: &Path) -> &Path {
    let directory = file.parent();
    directory
        .filter(|directory| !directory.as_os_str().is_empty())
        .unwrap_or(Path::new("."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn write_replaces_file_without_leftovers() {
        let scratch = tempfile::tempdir().unwrap();
        let file = scratch.path().join("new/kept.json");
        assert!(read::<Vec<u32>>(&file).unwrap().is_empty());
        for kept in [vec![1], vec![2, 3]] {
            write(&file, &kept).unwrap();
            assert_eq!(read::<Vec<u32>>(&file).unwrap(), kept);
        }
        let names = std::fs::read_dir(scratch.path().join("new")).unwrap();
        assert_eq!(names.count(), 1);
    }

    #[test]
    fn failed_write_preserves_the_old_file() {
        struct Unwritable;
        impl Serialize for Unwritable {
            fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
                Err(serde::ser::Error::custom("no"))
            }
        }
        let scratch = tempfile::tempdir().unwrap();
        let file = scratch.path().join("kept.json");
        write(&file, &vec![1]).unwrap();
        assert!(write(&file, &Unwritable).is_err());
        assert_eq!(read::<Vec<u32>>(&file).unwrap(), [1]);
        assert_eq!(std::fs::read_dir(scratch.path()).unwrap().count(), 1);
    }

    #[test]
    fn bare_file_name_is_in_current_directory() {
        assert_eq!(directory_of(Path::new("kept.json")), Path::new("."));
        assert_eq!(directory_of(Path::new("a/kept.json")), Path::new("a"));
    }
}
