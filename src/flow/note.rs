//! What an operator reads beside a step: the last thing that went wrong or is worth knowing.

use derive_more::Display;
use serde::{Deserialize, Serialize};

/// Saved as its text. What a later step recognises and takes back has a variant of its own; `PreflightUnmet`
/// and `Setback` are read back as `Other`, because neither outlives a restart.
#[derive(Debug, Clone, PartialEq, Eq, Display, Serialize, Deserialize)]
#[serde(into = "String", from = "String")]
pub(super) enum Note {
    #[display(
        "the chain stands still or cannot be read: nothing is rented until it moves, and the time to rent is computed anew then"
    )]
    ChainUnknown,
    #[display("the model does not answer")]
    ModelSilent,
    #[display("finding out whether a rental could do its work")]
    PreflightPending,
    #[display("nothing is rented: {_0}")]
    PreflightUnmet(String),
    /// The workload ended, or is silent; it may recover.
    #[display("{_0}")]
    Setback(String),
    /// What an open `PoC` Challenge means for the rental.
    #[display("{CHALLENGE}{_0}")]
    Challenge(String),
    /// Which `PoC` is skipped, and for which one it waits instead.
    #[display("{TOO_LATE_FOR}{_0}")]
    TooLateFor(String),
    #[display("{_0}")]
    Other(String),
}

const TOO_LATE_FOR: &str = "too late for the PoC of epoch ";
const CHALLENGE: &str = "a PoC Challenge is open: ";

impl From<String> for Note {
    fn from(text: String) -> Note {
        let fixed = [
            Note::ChainUnknown,
            Note::ModelSilent,
            Note::PreflightPending,
        ];
        if let Some(note) = fixed.into_iter().find(|note| note.to_string() == text) {
            return note;
        }
        if let Some(epochs) = text.strip_prefix(TOO_LATE_FOR) {
            return Note::TooLateFor(epochs.to_owned());
        }
        match text.strip_prefix(CHALLENGE) {
            Some(effect) => Note::Challenge(effect.to_owned()),
            None => Note::Other(text),
        }
    }
}

impl From<Note> for String {
    fn from(note: Note) -> String {
        note.to_string()
    }
}
