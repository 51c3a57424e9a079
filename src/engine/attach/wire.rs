//! Messages on the socket. Log and offers are large and rarely change, so they are sent apart from the
//! rest of a snapshot: that is some 6 kB, while 20,000 lines of a log and a thousand offers are 5 MB.
//! A viewer that has sent its [`Hello`] gets what changes in the rest, too.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tokio::io::{AsyncBufRead, AsyncBufReadExt as _, AsyncReadExt as _};

use super::delta::Delta;
use crate::domain::{LogLine, RankedOffer, ReplicaId};
use crate::engine::snapshot::{Command, RejectedOffer, Snapshot};

/// Snapshots are only exchanged between equal versions.
pub(super) const VERSION: &str = env!("CARGO_PKG_VERSION");
/// Of the messages on the socket. The first one had no [`Hello`].
pub(super) const PROTOCOL: u32 = 2;
/// In bytes. The longest line that is written has a thousand offers.
pub(super) const LONGEST_LINE: u64 = 8 * 1024 * 1024;
/// In bytes. A command has some 100.
pub(super) const LONGEST_COMMAND: u64 = 64 * 1024;

/// The owner's first line. Every version must be able to read it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Greeting {
    pub(super) pocpit: String,
    pub(super) pid: u32,
    #[serde(default = "first_protocol")]
    pub(super) protocol: u32,
}

fn first_protocol() -> u32 {
    1
}

impl Greeting {
    pub(super) fn ours() -> Greeting {
        Greeting {
            pocpit: VERSION.to_owned(),
            pid: std::process::id(),
            protocol: PROTOCOL,
        }
    }
}

/// What the owner sends after the greeting.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Message {
    /// From now on log and offers are those of this replica and its pool. The log is empty, and so are
    /// the offers unless the replica before was of the same pool.
    Replica(ReplicaId),
    /// All offers.
    Offers {
        rows: Arc<Vec<RankedOffer>>,
        rejected: Arc<Vec<RejectedOffer>>,
    },
    /// A new log replaces the last one. Its first line has this number.
    LogStart {
        first: u64,
    },
    LogLines(Vec<LogLine>),
    /// Everything else, to be completed with the offers and the log that were sent before.
    Snapshot(Box<Snapshot>),
    /// The same, as changes to the last one.
    Changes(Delta),
}

impl Message {
    /// It is the last one of a snapshot.
    pub(super) fn is_last(&self) -> bool {
        matches!(self, Message::Snapshot(_) | Message::Changes(_))
    }

    /// Reads a line; absent where a later owner sends what this version does not know.
    pub(super) fn read(line: &[u8]) -> serde_json::Result<Option<Message>> {
        let read = serde_json::from_slice(line);
        if read.is_err() && is_of_unknown_kind(line) {
            return Ok(None);
        }
        read.map(Some)
    }
}

/// The names of the messages.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Replica,
    Offers,
    LogStart,
    LogLines,
    Snapshot,
    Changes,
    #[serde(other)]
    Unknown,
}

/// Whether a line is a message, but none of those above.
fn is_of_unknown_kind(line: &[u8]) -> bool {
    let message: serde_json::Result<BTreeMap<Kind, &RawValue>> = serde_json::from_slice(line);
    message.is_ok_and(|message| message.into_keys().eq([Kind::Unknown]))
}

/// What a viewer sends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Request {
    Hello(Hello),
    #[serde(untagged)]
    Command(Command),
}

/// A viewer tells whose log and offers it shows, and tells it again when that changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Hello {
    pub(super) protocol: u32,
    pub(super) replica: ReplicaId,
}

impl Hello {
    pub(super) fn of(replica: ReplicaId) -> Hello {
        Hello {
            protocol: PROTOCOL,
            replica,
        }
    }
}

pub(super) fn line_of(value: &impl Serialize) -> io::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(value)?;
    line.push(b'\n');
    Ok(line)
}

/// The next line without its end; `None` at the end of the stream. A line that is too long is an
/// error; no more than `longest` bytes of it are read.
pub(super) async fn read_line(
    from: &mut (impl AsyncBufRead + Unpin),
    longest: u64,
) -> io::Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    from.take(longest).read_until(b'\n', &mut line).await?;
    if line.pop_if(|last| *last == b'\n').is_some() {
        return Ok(Some(line));
    }
    // A killed owner leaves half a line.
    if (line.len() as u64) < longest {
        return Ok(None);
    }
    let why = format!("a line of more than {longest} bytes");
    Err(io::Error::new(io::ErrorKind::InvalidData, why))
}
