//! Follows a remote file from a byte offset, so that a new session continues where the last one broke.
//! `follow.sh` runs on the rental; one run outputs the bytes of one file.

use std::os::fd::AsFd;

use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::sync::mpsc;

use super::shell::quoted;
use crate::domain::hexadecimal;
use crate::ports::{LogPosition, TailChunk};

const CHUNK: usize = 256 * 1024;
const SCRIPT: &str = include_str!("follow.sh");
/// The script's first line is `pocpit-log INODE OFFSET`.
const HEADER_PREFIX: &str = "pocpit-log ";
/// Output of a login shell before the script's own, in bytes.
const MAX_GREETING: usize = 64 * 1024;

pub(super) fn command(path: &str, from: &LogPosition) -> String {
    format!(
        "sh -c {} follow {} {} {} '{}'",
        quoted(SCRIPT),
        quoted(path),
        from.file,
        from.offset,
        hexadecimal(&from.before),
    )
}

/// Enlarges the pipe: with the default 64 kB, `ssh` and the reader mostly wait for each other. Only a
/// matter of speed.
pub(super) fn enlarge_pipe(output: impl AsFd) {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::pipe::fcntl_setpipe_size(output, 4 * CHUNK) {
        tracing::debug!("cannot enlarge the pipe of a log: {error}");
    }
    #[cfg(not(target_os = "linux"))]
    let _ = output;
}

/// Forwards the output of the script that was asked to begin at `from`, until it or the receiver ends.
pub(super) async fn forward(
    output: impl AsyncRead + Unpin,
    from: u64,
    sender: &mpsc::Sender<TailChunk>,
) {
    tokio::select! {
        () = sender.closed() => {}
        // An error is a lost link, which the session reports.
        _ = pass_on(output, from, sender) => {}
    }
}

async fn pass_on(
    mut output: impl AsyncRead + Unpin,
    from: u64,
    sender: &mpsc::Sender<TailChunk>,
) -> Option<()> {
    let mut bytes = Vec::with_capacity(CHUNK);
    let (file, mut offset) = loop {
        if bytes.len() > MAX_GREETING || output.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
        if let Some((place, rest)) = split_header(&bytes, from) {
            bytes.drain(..rest);
            break place;
        }
    };
    loop {
        if !bytes.is_empty() {
            let length = bytes.len() as u64;
            let bytes = std::mem::replace(&mut bytes, Vec::with_capacity(CHUNK));
            let chunk = TailChunk {
                file,
                offset,
                bytes,
            };
            sender.send(chunk).await.ok()?;
            offset += length;
        }
        if output.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
}

/// The inode and offset from the script's header, and where the file's bytes begin. It begins where it was
/// asked to or with the file: any other offset is no word of the script's.
fn split_header(bytes: &[u8], from: u64) -> Option<((u64, u64), usize)> {
    let mut begin = 0;
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        begin += line.len();
        let place = parse_header(line);
        if let Some(place) = place.filter(|(_, offset)| [0, from].contains(offset)) {
            return Some((place, begin));
        }
    }
    None
}

fn parse_header(line: &[u8]) -> Option<(u64, u64)> {
    let line = std::str::from_utf8(line).ok()?.strip_suffix('\n')?;
    // A greeting may not end its line.
    let (_, place) = line.rsplit_once(HEADER_PREFIX)?;
    let (file, offset) = place.split_once(' ')?;
    Some((file.parse().ok()?, offset.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_cannot_leave_its_quotes() {
        let from = LogPosition {
            file: 7,
            offset: 41,
            before: b"\n\xff".to_vec(),
        };
        let command = command("/tmp/it's; rm -rf /", &from);
        assert!(
            command.ends_with(r"' follow '/tmp/it'\''s; rm -rf /' 7 41 '0aff'"),
            "{command}"
        );
    }

    async fn chunks(from: u64, output: &[u8]) -> Vec<TailChunk> {
        let (sender, mut receiver) = mpsc::channel(64);
        forward(output, from, &sender).await;
        drop(sender);
        let mut chunks = Vec::new();
        while let Some(chunk) = receiver.recv().await {
            chunks.push(chunk);
        }
        chunks
    }

    #[tokio::test]
    async fn chunks_carry_offsets_after_any_greeting() {
        let expected = TailChunk {
            file: 9,
            offset: 100,
            bytes: b"pocpit-log 1 2\nhello".to_vec(),
        };
        let output = b"Welcome\npocpit-log of old\n$ pocpit-log 9 100\npocpit-log 1 2\nhello";
        assert_eq!(chunks(100, output).await, [expected]);
    }

    #[tokio::test]
    async fn only_offset_that_was_asked_counts() {
        // Given a rental that begins elsewhere, so that the sum with its bytes would overflow,
        let (wrong, right) = (format!("pocpit-log 9 {}\n", u64::MAX), "pocpit-log 9 0\nx");
        // then that is no header, and a new file begins at 0.
        assert_eq!(chunks(100, wrong.as_bytes()).await, []);
        let chunks = chunks(100, (wrong + right).as_bytes()).await;
        assert_eq!((chunks[0].offset, &*chunks[0].bytes), (0, b"x".as_slice()));
    }

    #[tokio::test]
    async fn output_without_header_is_bounded() {
        assert_eq!(chunks(0, &vec![b'x'; 300_000]).await, []);
        assert_eq!(chunks(0, b"pocpit-log 9 0").await, []);
    }

    #[test]
    fn place_keeps_last_bytes_of_its_file() {
        let chunk = |file, offset, bytes: &[u8]| TailChunk {
            file,
            offset,
            bytes: bytes.to_vec(),
        };
        let mut place = LogPosition::default();
        place.advance(&chunk(3, 0, b"ab"));
        place.advance(&chunk(3, 2, &[b'c'; 31]));
        assert_eq!((place.file, place.offset), (3, 33));
        assert_eq!(place.before, [b"b".as_slice(), &[b'c'; 31]].concat());
        place.advance(&chunk(4, 0, b"z"));
        assert_eq!(
            (place.file, place.offset, place.before),
            (4, 1, b"z".to_vec())
        );
    }
}
