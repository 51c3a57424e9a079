//! Reads files that the operator names.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::Path;

/// No file of ours is nearly as long.
const MAX_BYTES: u64 = 1 << 20;

/// The text of a file. A FIFO would make the program wait, a device would never end.
pub fn read_text(path: &Path) -> io::Result<String> {
    let refused = |why: &str| Err(io::Error::new(ErrorKind::InvalidInput, why));
    let data = fs::metadata(path)?;
    if !data.is_file() {
        return refused("it is not a regular file");
    }
    if data.len() > MAX_BYTES {
        return refused("it is longer than 1 MiB");
    }
    fs::read_to_string(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_regular_files_are_read() {
        let scratch = tempfile::tempdir().unwrap();
        let fifo = scratch.path().join("fifo");
        rustix::fs::mknodat(
            rustix::fs::CWD,
            &fifo,
            rustix::fs::FileType::Fifo,
            rustix::fs::Mode::RUSR,
            0,
        )
        .unwrap();
        for path in [&fifo, Path::new("/dev/zero"), scratch.path()] {
            let error = read_text(path).unwrap_err();
            assert!(error.to_string().contains("not a regular file"), "{error}");
        }
        let long = scratch.path().join("long");
        fs::File::create(&long)
            .unwrap()
            .set_len(MAX_BYTES + 1)
            .unwrap();
        let error = read_text(&long).unwrap_err();
        assert!(error.to_string().contains("longer than"), "{error}");
        fs::write(&long, "short").unwrap();
        assert_eq!(read_text(&long).unwrap(), "short");
    }
}
