//! A failed call to the outside world.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A failed call, with what an operator needs to know. Bodies are capped and redacted before they get
/// here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallError {
    /// The attempt, for people: `search offers on console.vast.ai`.
    pub what: String,
    /// Decisions depend on this alone.
    pub kind: CallErrorKind,
    /// HTTP status, when there was a reply.
    pub status: Option<u16>,
    /// What the other side said, or the transport's error: at most 2,000 characters.
    pub detail: String,
}

/// The kinds of failure that lead to different decisions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallErrorKind {
    /// The request certainly never reached the other side (refused, no such host).
    NotSent,
    /// It may or may not have taken effect: time-out, connection lost, 5xx after sending.
    Ambiguous,
    /// The same for a read, which has no effect.
    Unanswered,
    /// The other side wants fewer requests.
    RateLimited,
    /// The key is missing, wrong or lacks the permission.
    Unauthorized,
    /// The thing named does not exist.
    NotFound,
    /// The service as a whole is not at this address.
    NotServed,
    /// The other side understood and said no.
    Refused,
    /// The reply violates the wire format.
    Malformed,
}

impl CallErrorKind {
    fn meaning(self) -> &'static str {
        match self {
            CallErrorKind::NotSent => "could not be reached",
            CallErrorKind::Ambiguous => "gave no usable answer; it may have taken effect",
            CallErrorKind::Unanswered => "gave no usable answer",
            CallErrorKind::RateLimited => "asks us to slow down",
            CallErrorKind::Unauthorized => "does not accept the key",
            CallErrorKind::NotFound => "knows no such thing",
            CallErrorKind::NotServed => "is not served there",
            CallErrorKind::Refused => "refused",
            CallErrorKind::Malformed => "answered something that cannot be read",
        }
    }
}

impl CallError {
    /// Without a status.
    pub fn new(
        what: impl Into<String>,
        kind: CallErrorKind,
        detail: impl Into<String>,
    ) -> CallError {
        CallError {
            what: what.into(),
            kind,
            status: None,
            detail: detail.into(),
        }
    }

    /// True if retrying the same read later can help.
    pub fn is_passing(&self) -> bool {
        use CallErrorKind::{Ambiguous, Malformed, NotSent, RateLimited, Unanswered};
        matches!(
            self.kind,
            NotSent | Ambiguous | Unanswered | RateLimited | Malformed
        )
    }

    /// What is at the root of it, where there is room for a few words: `Connection refused`, `HTTP 503`.
    pub fn last_cause(&self) -> String {
        // What the other side said is no chain of causes.
        if let Some(status) = self.status {
            let colon = if self.detail.is_empty() { "" } else { ": " };
            return format!("HTTP {status}{colon}{}", self.detail);
        }
        let cause = self.detail.rsplit(": ").next().unwrap_or_default().trim();
        // The operating system's number for it says nothing to people.
        match cause.split(" (os error").next().unwrap_or_default() {
            "" => self.kind.meaning().to_owned(),
            cause => cause.to_owned(),
        }
    }

    /// The attempt and what is at the root of its failure, for a list of many.
    pub fn in_brief(&self) -> String {
        format!("{}: {}", self.what, self.last_cause())
    }

    /// True if the call may have taken effect anyway.
    pub fn may_have_happened(&self) -> bool {
        matches!(
            self.kind,
            CallErrorKind::Ambiguous | CallErrorKind::Malformed
        )
    }
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.what, self.kind.meaning())?;
        if let Some(status) = self.status {
            write!(f, " (HTTP {status})")?;
        }
        if !self.detail.is_empty() {
            write!(f, ": {}", self.detail)?;
        }
        Ok(())
    }
}

impl std::error::Error for CallError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn last_cause_is_the_root_of_a_chain() {
        let error = |status, detail: &str| CallError {
            status,
            ..CallError::new("read the state", CallErrorKind::NotSent, detail)
        };
        let chain = "client error (Connect): tcp connect error: Connection refused (os error 111)";
        assert_eq!(error(None, chain).last_cause(), "Connection refused");
        assert_eq!(error(Some(503), "").last_cause(), "HTTP 503");
        let body = r#"{"detail": "busy"}"#;
        assert_eq!(
            error(Some(503), body).last_cause(),
            format!("HTTP 503: {body}")
        );
        assert_eq!(error(None, "").last_cause(), "could not be reached");
    }
}
