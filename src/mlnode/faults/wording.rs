//! Which part of a log line is the program's own text, and an error. Pure.
//!
//! A prompt, a request or an address from outside may contain any words, and a warning ends nothing.

/// What follows is text from outside: a prompt, a message, a request's line. vLLM logs requests in
/// `vllm/entrypoints/logger.py` ("Received request …: prompt: …", "Generated response …"), rejected
/// ones as pydantic's errors (`input_value=`), and Uvicorn each request's line
/// (`uvicorn/protocols/http`: `"POST /v1/chat/completions HTTP/1.1" 200 OK`).
const ECHOES: &[&str] = &[
    "received request",
    "generated response",
    "prompt:",
    "prompt=",
    "prompt':",
    "prompt\":",
    "messages:",
    "messages=",
    "messages':",
    "messages\":",
    "content=",
    "content':",
    "content\":",
    "input_value=",
    "input':",
    "input\":",
    "\"get /",
    "\"post /",
    "\"put /",
    "\"head /",
    "\"delete /",
    "\"options /",
];

/// The program keeps running: `huggingface_hub` "Retrying in 2s [Retry 1/5]." (`utils/_http.py`), `MLNode`
/// "Download stalled for …, will retry" (`api/models/manager.py`), vLLM "…, retrying 1 of 2"
/// (`transformers_utils/repo_utils.py`), Python "Exception ignored in: …".
const RECOVERIES: &[&str] = &[
    "retrying",
    "will retry",
    // vLLM's `transformers_utils/repo_utils.py`: the error that it finally raises is another line.
    "error retrieving file list",
    "[retry ",
    "next backoff",
    "trying to resume",
    "falling back",
    "exception ignored in",
];

/// Levels below an error. NCCL has no error: its "NCCL WARN" is the worst it says, and is none of these.
const HARMLESS: &[&str] = &["trace", "debug", "info", "warning", "warn"];

/// How far into a line its level may be, after process, time and module.
const HEAD: usize = 160;

/// The program's own part of a line, in lower case, if it is an error.
pub(super) fn own_error(line: &str) -> Option<String> {
    let said = own_words(line)?;
    (!is_harmless(&said)).then_some(said)
}

/// The program's own part of a line, in lower case, unless it says that the program keeps running.
pub(super) fn own_words(line: &str) -> Option<String> {
    let mut said = line.to_ascii_lowercase();
    if RECOVERIES.iter().any(|word| said.contains(word)) {
        return None;
    }
    let echo = ECHOES.iter().filter_map(|echo| said.find(echo)).min();
    said.truncate(echo.unwrap_or(said.len()));
    Some(said)
}

/// Below an error, by the level at its head.
fn is_harmless(line: &str) -> bool {
    let head = head(line);
    HARMLESS.contains(&level(head))
        || is_module_level_harmless(head)
        || is_python_warning(head)
        || head.contains("nccl info")
        || is_torch_level_harmless(head)
}

fn head(line: &str) -> &str {
    let end = (0..=HEAD.min(line.len()))
        .rev()
        .find(|end| line.is_char_boundary(*end));
    &line[..end.unwrap_or(0)]
}

/// vLLM and Uvicorn begin with it, after processes and times: `(EngineCore_DP0 pid=441) INFO 11-24
/// 11:54:11 [core.py:843] …`, `INFO:     Started server process [1]`, `[2026-11-24T11:54:11Z] INFO: …`.
fn level(head: &str) -> &str {
    let mut rest = head.trim_start();
    while let Some(close) = rest
        .strip_prefix('(')
        .and(rest.find(')'))
        .or_else(|| rest.strip_prefix('[').and(rest.find(']')))
    {
        rest = rest[close + 1..].trim_start();
    }
    let end = rest.find(|c: char| !c.is_ascii_alphabetic());
    &rest[..end.unwrap_or(rest.len())]
}

/// `MLNode`: `2026-11-29 03:04:05,678 - api.inference.vllm.runner - INFO - …`
/// (`mlnode/packages/common/src/common/logger.py`).
fn is_module_level_harmless(head: &str) -> bool {
    let mut fields = head.split(" - ");
    let is_time = |field: &str| field.trim_start().starts_with(|c: char| c.is_ascii_digit());
    fields.next().is_some_and(is_time)
        && fields
            .nth(1)
            .is_some_and(|level| HARMLESS.contains(&level.trim()))
}

/// `…/torch/cuda/__init__.py:182: UserWarning: CUDA initialization: …`.
fn is_python_warning(head: &str) -> bool {
    head.contains("warning: ")
}

/// torch's own loggers: `[rank0]:[W1129 03:04:05.678 ProcessGroupNCCL.cpp:1250] …`, `I` likewise.
fn is_torch_level_harmless(head: &str) -> bool {
    head.match_indices(['w', 'i']).any(|(at, _)| {
        let (before, after) = (&head[..at], &head[at + 1..]);
        let digits = after.bytes().take_while(u8::is_ascii_digit).count();
        before.ends_with('[') && digits >= 3 && after[digits..].starts_with(' ')
    })
}
