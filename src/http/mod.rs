//! pocpit's HTTP client: timeouts, retries of reads, and errors that say whether a call may have taken
//! effect. Its messages hold no secrets.

mod client;
pub mod json;
mod refusal;
mod request;
mod text;
mod transport;

pub use client::{HttpClient, refusal};
pub use refusal::{MAX_RETRY_AFTER, classify, is_page};
pub use request::{Classify, HttpMethod, HttpReply, HttpRequest, Pace, Retry, join};
pub use transport::{Answer, BrokenBody, Messages, Transport, TransportError};
pub(crate) use transport::{is_loopback, with_causes};

/// The error message in a body, sanitized: for services that report errors with status 200.
pub fn error_message(body: &str, bearer: Option<&secrecy::SecretString>) -> String {
    text::sanitize(&refusal::message(body), bearer)
}
