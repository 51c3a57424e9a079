//! Small files that are replaced whole: what a part of the program keeps over a restart, beside the
//! journal.

use std::fs::File;
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

/// Keeps it, readable by its owner alone. The old file or the new one is there, whenever it ends; the
/// new one, once this returns, even if the power fails then.
pub fn write(file: &Path, kept: &impl Serialize) -> io::Result<()> {
    let directory = directory_of(file);
    std::fs::create_dir_all(directory)?;
    let mut fresh = tempfile::NamedTempFile::new_in(directory)?;
    serde_json::to_writer(&mut fresh, kept)?;
    fresh.flush()?;
    // Before it has the name: an empty file in place of the old one would be the worst of both.
    fresh.as_file().sync_all()?;
    fresh.persist(file)?;
    sync_name(file)
}

/// Makes sure that a new name of a file is on the disk, and not its contents alone.
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
    fn what_is_kept_is_read_again_whole_and_nothing_else_is_left_beside_it() {
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
    fn what_cannot_be_written_leaves_the_old_one() {
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
    fn a_file_without_a_directory_is_in_this_one() {
        assert_eq!(directory_of(Path::new("kept.json")), Path::new("."));
        assert_eq!(directory_of(Path::new("a/kept.json")), Path::new("a"));
    }
}
