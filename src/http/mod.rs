//! The one HTTP client of the program: time-outs, retries of reads, and errors that say whether a
//! call may have taken effect. Secrets never leave it in a message.

mod client;
mod refusal;
mod request;
mod text;
mod transport;

pub use client::HttpClient;
pub use request::{HttpMethod, HttpReply, HttpRequest, Retry, join};
pub use transport::{Answer, BrokenBody, Messages, Transport, TransportError};
pub(crate) use transport::{is_loopback, with_causes};

/// What a body says went wrong, fit for a message: for services that refuse with status 200.
pub fn error_message(body: &str, bearer: Option<&secrecy::SecretString>) -> String {
    text::sanitize(&refusal::message(body), bearer)
}
