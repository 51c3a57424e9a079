//! What is sent to the operator.

use serde::{Deserialize, Serialize};
use strum::IntoStaticStr;

use crate::domain::Time;

/// A message to the operator. Never holds a secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    pub level: NoticeLevel,
    /// What happened, in a few words.
    pub title: String,
    /// What it means and what to do.
    pub body: String,
    pub at: Time,
}

#[derive(Debug, IntoStaticStr, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "UPPERCASE")]
pub enum NoticeLevel {
    Notice,
    Resolved,
    /// Will cost money or reward unless someone acts.
    Warning,
    /// Costs money or reward now.
    Critical,
}

impl NoticeLevel {
    /// The first word of a message.
    pub fn word(self) -> &'static str {
        self.into()
    }

    /// Notifies without a sound, and is the first to be dropped from a full outbox.
    pub(super) fn is_quiet(self) -> bool {
        matches!(self, NoticeLevel::Notice | NoticeLevel::Resolved)
    }
}
