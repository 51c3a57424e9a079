//! File descriptors of this process: what uses them up also takes the market, SSH and the journal away.

use std::io;

use rustix::io::Errno;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::domain::DescriptorUsage;
use crate::ports::Descriptors;

/// More than this program can use; some systems allow a billion.
const ENOUGH: u64 = 65_536;
/// An entry for each open one, on Linux and macOS.
const OPEN: &str = "/dev/fd";

/// Raises this process's own limit to what the system allows it: shells start with 1,024.
pub fn raise_limit() -> io::Result<()> {
    let given = getrlimit(Resource::Nofile);
    let wanted = given.maximum.unwrap_or(ENOUGH).min(ENOUGH);
    if given.current.is_none_or(|current| current >= wanted) {
        return Ok(());
    }
    let raised = Rlimit {
        current: Some(wanted),
        ..given
    };
    Ok(setrlimit(Resource::Nofile, raised)?)
}

/// How many may be open.
pub fn limit() -> u64 {
    let limit = getrlimit(Resource::Nofile).current;
    limit.unwrap_or(ENOUGH)
}

/// Whether an error means that this process, or the whole machine, has none left: it passes.
pub fn ran_out(error: &io::Error) -> bool {
    let code = error.raw_os_error();
    [Errno::MFILE, Errno::NFILE]
        .map(|errno| Some(errno.raw_os_error()))
        .contains(&code)
}

/// Those of this process.
#[derive(Debug, Clone, Copy, Default)]
pub struct OwnDescriptors;

impl Descriptors for OwnDescriptors {
    fn usage(&self) -> Option<DescriptorUsage> {
        let limit = limit();
        let open = match std::fs::read_dir(OPEN) {
            // Without the one that reads them.
            Ok(entries) => (entries.count() as u64).saturating_sub(1),
            Err(error) if ran_out(&error) => limit,
            Err(_) => return None,
        };
        Some(DescriptorUsage { open, limit })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limit_is_what_the_system_allows() {
        raise_limit().unwrap();
        let allowed = getrlimit(Resource::Nofile).maximum.unwrap_or(ENOUGH);
        assert!(limit() >= allowed.min(ENOUGH));
        // Once more changes nothing.
        let before = limit();
        raise_limit().unwrap();
        assert_eq!(limit(), before);
    }

    #[test]
    fn open_descriptors_are_counted() {
        let open = || OwnDescriptors.usage().unwrap().open;
        // Other tests open and close some, too.
        let before = open();
        let files: Vec<_> = (0..400)
            .map(|_| std::fs::File::open("/dev/null").unwrap())
            .collect();
        assert!(open() >= before + 300);
        drop(files);
        assert!(open() < before + 300);
    }

    #[test]
    fn only_a_shortage_passes() {
        for (errno, wanted) in [
            (Errno::MFILE, true),
            (Errno::NFILE, true),
            (Errno::NOENT, false),
            (Errno::ADDRINUSE, false),
        ] {
            assert_eq!(ran_out(&errno.into()), wanted, "{errno}");
        }
    }
}
