//! The whole journal as text, for backups: a line per entry with its checksum, and the digest of all at the
//! end. Any program that knows this version of dumps reads it, whatever stores the journal.

use std::io::{self, Write};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{Entry, VERSION, WriterEpoch, line};
use crate::domain::format::count;
use crate::domain::{Time, hexadecimal};

/// The form of the text.
const FORM: u32 = 1;

/// A journal at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dump {
    pub at: Time,
    /// The writer that it knew last.
    pub writer: WriterEpoch,
    /// In the order of their ids.
    pub entries: Vec<Entry>,
}

/// Why a text is no dump that can be restored. Nothing of it was used.
#[derive(Debug, thiserror::Error)]
pub enum DumpError {
    #[error("it is not a dump of a journal: its first line is another")]
    NotADump,
    #[error(
        "it was written by a newer pocpit (dump {form}, journal {journal}), and this one knows dump {FORM}, journal {VERSION}: install a newer pocpit"
    )]
    TooNew { form: u32, journal: i64 },
    #[error("line {line} is damaged: use another dump")]
    Damaged { line: usize },
    #[error("it is cut off after {}: use another dump", count(*entries, "record"))]
    CutOff { entries: usize },
    #[error("its digest is another: lines were changed, removed or added; use another dump")]
    Changed,
}

#[derive(Serialize, Deserialize)]
struct Head {
    dump: u32,
    journal: i64,
    writer: WriterEpoch,
    #[serde(with = "chrono::serde::ts_microseconds")]
    at: Time,
}

#[derive(Serialize, Deserialize)]
struct End {
    entries: usize,
    sha256: String,
}

impl Dump {
    pub fn write(&self, out: &mut impl Write) -> io::Result<()> {
        let mut digest = Sha256::new();
        let head = Head {
            dump: FORM,
            journal: VERSION,
            writer: self.writer,
            at: self.at,
        };
        let mut put = |bytes: &[u8]| {
            digest.update(bytes);
            out.write_all(bytes)
        };
        put(&json_line(&head)?)?;
        for entry in &self.entries {
            put(&line::write(entry)?)?;
        }
        let end = End {
            entries: self.entries.len(),
            sha256: hexadecimal(&digest.finalize()),
        };
        out.write_all(&json_line(&end)?)
    }

    /// Reads a text, all of it or nothing.
    pub fn parse(text: &[u8]) -> Result<Dump, DumpError> {
        let mut lines = text.split_inclusive(|byte| *byte == line::END);
        let first = lines.next().unwrap_or_default();
        let head: Head = serde_json::from_slice(first).map_err(|_| DumpError::NotADump)?;
        if head.dump > FORM || head.journal > VERSION {
            return Err(DumpError::TooNew {
                form: head.dump,
                journal: head.journal,
            });
        }
        let (mut entries, mut digest) = (Vec::new(), Sha256::new());
        digest.update(first);
        for text in lines.by_ref() {
            if let Ok(end) = serde_json::from_slice::<End>(text) {
                let is_same =
                    end.entries == entries.len() && end.sha256 == hexadecimal(&digest.finalize());
                if !is_same || lines.next().is_some() {
                    return Err(DumpError::Changed);
                }
                return Ok(Dump {
                    at: head.at,
                    writer: head.writer,
                    entries,
                });
            }
            // The last line of a text that was cut off is no line.
            let is_whole = text.ends_with(&[line::END]);
            let entry = line::parse(text).filter(|_| is_whole);
            match entry {
                Some(entry) => entries.push(entry),
                None if is_whole => {
                    let line = entries.len() + 2;
                    return Err(DumpError::Damaged { line });
                }
                None => break,
            }
            digest.update(text);
        }
        let entries = entries.len();
        Err(DumpError::CutOff { entries })
    }
}

fn json_line(value: &impl Serialize) -> io::Result<Vec<u8>> {
    let mut bytes = serde_json::to_vec(value)?;
    bytes.push(line::END);
    Ok(bytes)
}
