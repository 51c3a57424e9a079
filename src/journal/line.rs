//! An entry as a line of text with a checksum: in the spool and in a dump.

use serde::{Deserialize, Serialize};

use super::Entry;

pub(super) const END: u8 = b'\n';

#[derive(Serialize, Deserialize)]
struct Line {
    checksum: String,
    entry: Entry,
}

pub(super) fn write(entry: &Entry) -> serde_json::Result<Vec<u8>> {
    let line = Line {
        checksum: checksum(entry)?,
        entry: entry.clone(),
    };
    let mut bytes = serde_json::to_vec(&line)?;
    bytes.push(END);
    Ok(bytes)
}

/// `None` for a line that is torn or damaged.
pub(super) fn parse(line: &[u8]) -> Option<Entry> {
    let line: Line = serde_json::from_slice(line.strip_suffix(&[END])?).ok()?;
    (checksum(&line.entry).ok()? == line.checksum).then_some(line.entry)
}

/// FNV-1a over the entry's text, 64 bits: detects a torn line.
fn checksum(entry: &Entry) -> serde_json::Result<String> {
    let bytes = serde_json::to_vec(entry)?;
    let hash = bytes.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    });
    Ok(format!("{hash:016x}"))
}
