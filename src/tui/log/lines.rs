//! What single lines are: which are left out without a filter, and their whole text.

use std::borrow::Cow;

use super::index::LineIndex;
use crate::domain::{LogLevel, LogLine, PROXY_REQUESTS};
use crate::engine::LogBuffer;

/// How uvicorn logs that vLLM's health was asked for, every two seconds.
const HEALTH_CHECK: &str = "\"GET /health HTTP/1.1\" 200 OK";

fn is_health_check(line: &LogLine) -> bool {
    line.text().ends_with(HEALTH_CHECK)
}

/// Left out without a filter: all but the first of several health checks, and requests to the inference proxy.
pub(super) fn is_shown(log: &LogBuffer, number: u64, line: &LogLine) -> bool {
    if is_health_check(line) {
        let before = number.checked_sub(1).and_then(|before| log.line(before));
        return !before.is_some_and(is_health_check);
    }
    let is_request = line.target() == Some(PROXY_REQUESTS);
    !is_request || line.level() > Some(LogLevel::Info)
}

/// How many lines a line of the plain log stands for.
pub fn repeats(log: &LogBuffer, shown: &LineIndex, number: u64) -> u64 {
    if !log.line(number).is_some_and(is_health_check) {
        return 1;
    }
    let next = shown.first_from(number + 1).unwrap_or(log.end_seq());
    next - number
}

/// A line as it is saved and copied: in the program's own log with its time, level and target.
pub fn whole_text(line: &LogLine) -> Cow<'_, str> {
    let Some((level, target)) = line.level().zip(line.target()) else {
        return line.text().into();
    };
    let (at, level) = (line.at.format("%Y-%m-%dT%H:%M:%SZ"), level.name());
    format!("{at} {level:5} {target}: {}", line.text()).into()
}
