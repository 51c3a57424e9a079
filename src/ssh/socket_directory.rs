//! Private directories for sockets. The runtime directory may hold things of others: everything of ours is
//! in a directory of our own below it.

use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use rustix::process::getuid;

use super::options::is_plain_control_path;

/// Our own directory's name.
const OWN: &str = "pocpit-sockets";
/// Others may create files there, but not replace ours.
const STICKY: u32 = 0o1000;
const WRITABLE_BY_OTHERS: u32 = 0o002;
const OF_OTHERS: u32 = 0o077;

/// A private directory for sockets, with a path of at most `longest` bytes: below `runtime_dir`, or below
/// the system's temporary directory if that one cannot be used.
pub fn socket_directory(runtime_dir: &Path, longest: usize) -> io::Result<PathBuf> {
    let first = match below_runtime(runtime_dir, longest) {
        Err(error) => error,
        created => return created,
    };
    let own = below_temporary(longest).map_err(|second| {
        let what = format!("{first}; {second}. Set paths.runtime_dir to a private directory");
        io::Error::new(second.kind(), what)
    })?;
    // A path that is merely too long is common, and no fault.
    if first.kind() != ErrorKind::InvalidFilename {
        tracing::warn!("{first}: sockets are in {} instead", own.display());
    }
    Ok(own)
}

fn below_runtime(runtime_dir: &Path, longest: usize) -> io::Result<PathBuf> {
    let own = fitting(runtime_dir, longest)?;
    create_safe(runtime_dir).map_err(|error| about(runtime_dir, &error))?;
    create_private(&own)?;
    Ok(own)
}

fn below_temporary(longest: usize) -> io::Result<PathBuf> {
    let base = std::env::temp_dir().join(format!("pocpit-{}", getuid().as_raw()));
    let own = fitting(&base, longest)?;
    create_private(&base)?;
    create_private(&own)?;
    Ok(own)
}

fn fitting(base: &Path, longest: usize) -> io::Result<PathBuf> {
    let own = base.join(OWN);
    let why = if own.as_os_str().len() > longest {
        let longest = longest.saturating_sub(OWN.len() + 1);
        format!("it is too long for sockets (at most {longest} characters)")
    } else if !is_plain_control_path(&own) {
        "ssh would expand `%`, `$` or `~` in it".to_owned()
    } else {
        return Ok(own);
    };
    let error = io::Error::new(ErrorKind::InvalidFilename, why);
    Err(about(base, &error))
}

/// Creates the runtime directory, unless it belongs to another user or can be changed by others. If it does
/// not exist yet, that is decided by its nearest parent that does.
fn create_safe(directory: &Path) -> io::Result<()> {
    let existing = directory
        .ancestors()
        .find_map(|path| fs::metadata(path).ok());
    let existing = existing.ok_or(ErrorKind::NotFound)?;
    let owner = existing.uid();
    if owner != getuid().as_raw() && owner != 0 {
        let what = "it belongs to another user (after su or sudo, XDG_RUNTIME_DIR may still be that user's)";
        return Err(denied(what));
    }
    if existing.mode() & WRITABLE_BY_OTHERS != 0 && existing.mode() & STICKY == 0 {
        return Err(denied("everyone can write to it: chmod o-w"));
    }
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory)
}

/// Creates a directory of our own with mode 0700. One that exists is taken only if it is a directory of
/// this user's, and is made private again.
pub(super) fn create_private(path: &Path) -> io::Result<()> {
    let create = || {
        match fs::DirBuilder::new().mode(0o700).create(path) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
        let data = fs::symlink_metadata(path)?;
        if !data.is_dir() {
            return Err(denied("it is no directory"));
        }
        if data.uid() != getuid().as_raw() {
            return Err(denied("it belongs to another user"));
        }
        if data.mode() & OF_OTHERS != 0 {
            tracing::warn!("{} was open to others, and is private now", path.display());
            fs::set_permissions(path, fs::Permissions::from_mode(0o700))?;
        }
        Ok(())
    };
    create().map_err(|error| about(path, &error))
}

fn denied(what: &str) -> io::Error {
    io::Error::new(ErrorKind::PermissionDenied, what)
}

fn about(path: &Path, error: &io::Error) -> io::Error {
    let what = format!("{} cannot be used: {error}", path.display());
    io::Error::new(error.kind(), what)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().mode() & 0o7777
    }

    #[test]
    fn sockets_have_a_directory_of_their_own() {
        let scratch = tempfile::tempdir().unwrap();
        let runtime = scratch.path().join("run");
        // Given a directory of an earlier start that has become open to others,
        let own = socket_directory(&runtime, 100).unwrap();
        assert_eq!(own, runtime.join(OWN));
        fs::set_permissions(&own, fs::Permissions::from_mode(0o777)).unwrap();
        // when it is used again, then it is private again, and its parent is as it was.
        fs::set_permissions(&runtime, fs::Permissions::from_mode(0o755)).unwrap();
        assert_eq!(socket_directory(&runtime, 100).unwrap(), own);
        assert_eq!((mode(&own), mode(&runtime)), (0o700, 0o755));
    }

    #[test]
    fn unsafe_runtime_directory_is_not_used() {
        let scratch = tempfile::tempdir().unwrap();
        let own = |runtime: &Path| socket_directory(runtime, 100).unwrap();
        // Given a directory that everyone can write to, an odd one, a planted link,
        let open = scratch.path().join("open");
        fs::create_dir(&open).unwrap();
        fs::set_permissions(&open, fs::Permissions::from_mode(0o777)).unwrap();
        let percent = scratch.path().join("100%");
        let planted = scratch.path().join("planted");
        fs::create_dir(&planted).unwrap();
        std::os::unix::fs::symlink(scratch.path(), planted.join(OWN)).unwrap();
        // then the temporary directory is used, and nothing is made there.
        for runtime in [&open, &percent, &planted] {
            assert!(own(runtime).starts_with(std::env::temp_dir()));
            assert!(!own(runtime).starts_with(runtime));
        }
        assert_eq!(fs::read_dir(&open).unwrap().count(), 0);
        assert!(!percent.exists());
        let link = fs::symlink_metadata(planted.join(OWN)).unwrap();
        assert!(link.is_symlink());
    }

    #[test]
    fn another_users_directory_is_not_used() {
        if !getuid().is_root() {
            eprintln!("skipped: only root can give a directory to another user");
            return;
        }
        let scratch = tempfile::tempdir().unwrap();
        let other = scratch.path().join("other");
        fs::create_dir(&other).unwrap();
        std::os::unix::fs::chown(&other, Some(65_534), Some(65_534)).unwrap();
        let error = below_runtime(&other.join("pocpit"), 100).unwrap_err();
        assert!(error.to_string().contains("XDG_RUNTIME_DIR"), "{error}");
        let error = create_private(&other).unwrap_err();
        assert!(error.to_string().contains("another user"), "{error}");
        assert_eq!(fs::read_dir(&other).unwrap().count(), 0);
    }
}
