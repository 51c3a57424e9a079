//! Messages on the socket. Log and offers are large and rarely change, so they are sent apart from the
//! rest of a snapshot: that is some 6 kB, while 20,000 lines of a log and a thousand offers are 5 MB.

use std::io;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufRead, AsyncBufReadExt as _, AsyncReadExt as _};

use crate::domain::{LogLine, RankedOffer, Time};
use crate::engine::snapshot::{LogBuffer, RejectedOffer, Snapshot};

/// Snapshots are only exchanged between equal versions.
pub(super) const VERSION: &str = env!("CARGO_PKG_VERSION");
/// In bytes. The longest line that is written has a thousand offers.
pub(super) const LONGEST_LINE: u64 = 8 * 1024 * 1024;
/// In bytes. A command has some 100.
pub(super) const LONGEST_COMMAND: u64 = 64 * 1024;
/// Bytes of the log in a message.
const LOG_PART: usize = 256 * 1024;
/// Upper bound of a style in JSON, in bytes.
const STYLE: usize = 200;

/// The owner's first line. Every version must be able to read it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Greeting {
    pub(super) pocpit: String,
    pub(super) pid: u32,
}

impl Greeting {
    pub(super) fn ours() -> Greeting {
        Greeting {
            pocpit: VERSION.to_owned(),
            pid: std::process::id(),
        }
    }
}

/// What the owner sends after the greeting.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Message {
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
}

/// What a viewer has been sent, so that only changes follow.
#[derive(Debug, Default)]
pub(super) struct Sent {
    offers_of: Option<Time>,
    log_end: u64,
    last_line: Option<LogLine>,
}

impl Sent {
    /// The next message that brings the viewer up to this snapshot; [`Message::Snapshot`] is the last.
    /// Lines of the log from `log_until` on are left out: a busy log must not keep the rest from a slow
    /// viewer.
    pub(super) fn next(&mut self, snapshot: &Snapshot, log_until: u64) -> Message {
        let (offers, log) = (&snapshot.offers, &snapshot.boot_log);
        if self.offers_of != offers.read_at {
            self.offers_of = offers.read_at;
            return Message::Offers {
                rows: offers.rows.clone(),
                rejected: offers.rejected.clone(),
            };
        }
        if !self.is_of(log) {
            let first = log.first_seq();
            (self.log_end, self.last_line) = (first, None);
            return Message::LogStart { first };
        }
        let part = part(log, self.log_end, log_until);
        if let Some(last) = part.last() {
            self.log_end += part.len() as u64;
            self.last_line = Some(last.clone());
            return Message::LogLines(part);
        }
        Message::Snapshot(Box::new(without_offers_and_log(snapshot)))
    }

    /// Whether this is the log that was sent: it has the last line that was sent. Lines have their
    /// time, so those of another rental differ.
    fn is_of(&self, log: &LogBuffer) -> bool {
        match &self.last_line {
            None => self.log_end == log.first_seq(),
            Some(last) => log.line(self.log_end.saturating_sub(1)) == Some(last),
        }
    }
}

fn part(log: &LogBuffer, from: u64, until: u64) -> Vec<LogLine> {
    let mut room = LOG_PART;
    let mut lines = Vec::new();
    for line in (from..until).map_while(|number| log.line(number)) {
        lines.push(line.clone());
        room = room.saturating_sub(line.bytes() + STYLE);
        if room == 0 {
            break;
        }
    }
    lines
}

fn without_offers_and_log(snapshot: &Snapshot) -> Snapshot {
    let mut rest = snapshot.clone();
    rest.offers.rows = Arc::default();
    rest.offers.rejected = Arc::default();
    let live = rest.boot_log.live.take();
    rest.boot_log = LogBuffer::default();
    rest.boot_log.live = live;
    rest
}

#[derive(Debug, Default)]
pub(super) struct Received {
    rows: Arc<Vec<RankedOffer>>,
    rejected: Arc<Vec<RejectedOffer>>,
    log: LogBuffer,
}

impl Received {
    /// Applies a message; returns the complete snapshot with the last one.
    pub(super) fn apply(&mut self, message: Message) -> Option<Snapshot> {
        match message {
            Message::Offers { rows, rejected } => (self.rows, self.rejected) = (rows, rejected),
            Message::LogStart { first } => self.log = LogBuffer::beginning_at(first),
            Message::LogLines(lines) => lines.into_iter().for_each(|line| self.log.push(line)),
            Message::Snapshot(mut snapshot) => {
                snapshot.offers.rows = self.rows.clone();
                snapshot.offers.rejected = self.rejected.clone();
                self.log.live = snapshot.boot_log.live.take();
                snapshot.boot_log = self.log.clone();
                return Some(*snapshot);
            }
        }
        None
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
