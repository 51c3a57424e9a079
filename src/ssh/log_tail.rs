//! Follows a remote file by byte offset, so that a new session goes on exactly where the last one
//! was lost.

use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::sync::mpsc;

use crate::engine::ports::TailChunk;

const CHUNK: usize = 32 * 1024;

/// The remote command. `tail -F` waits for a file that is not there yet and then begins at its
/// beginning. Without a terminal nothing would end it when the link is lost, so it lives only as
/// long as its shell's input is open: that is closed by the server at the session's end.
///
/// Offsets count the bytes that were delivered: when the file is cut off and written anew (nothing
/// of ours does that), they are no longer places in it.
pub(super) fn command(path: &str, offset: u64) -> String {
    let first = offset.saturating_add(1);
    format!(
        "tail -c +{first} -F {} 2>/dev/null & p=$!; cat >/dev/null; kill $p",
        quoted(path)
    )
}

/// For a POSIX shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// Passes the output on until it or the receiver ends.
pub(super) async fn read(
    mut output: impl AsyncRead + Unpin,
    mut offset: u64,
    sender: &mpsc::Sender<TailChunk>,
) {
    let mut buffer = vec![0; CHUNK];
    loop {
        let count = tokio::select! {
            () = sender.closed() => return,
            count = output.read(&mut buffer) => count.unwrap_or(0),
        };
        if count == 0 {
            return;
        }
        let chunk = TailChunk {
            offset,
            bytes: buffer[..count].to_vec(),
        };
        offset += count as u64;
        if sender.send(chunk).await.is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_cannot_leave_its_quotes() {
        let command = command("/tmp/it's; rm -rf /", 41);
        assert!(
            command.starts_with(r"tail -c +42 -F '/tmp/it'\''s; rm -rf /' "),
            "{command}"
        );
    }

    #[tokio::test]
    async fn chunks_carry_their_place_in_the_file() {
        let (sender, mut receiver) = mpsc::channel(4);
        read(&b"hello"[..], 100, &sender).await;
        let chunk = receiver.recv().await.unwrap();
        assert_eq!((chunk.offset, chunk.bytes.as_slice()), (100, &b"hello"[..]));
    }
}
