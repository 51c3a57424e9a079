//! File descriptors of this process: what uses them up also takes the market, SSH and the journal away.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// More than this program can use; some systems allow a billion.
const ENOUGH: u64 = 65_536;

/// Raises this process's own limit to what the system allows it: shells start with 1,024.
pub fn raise_limit() -> std::io::Result<()> {
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
}
