//! How serious a line of a log is, by its own words. Pure.

use std::sync::LazyLock;

use aho_corasick::AhoCorasick;
use serde::{Deserialize, Serialize};

/// From the least serious to the most.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, strum::IntoStaticStr,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "UPPERCASE")]
pub enum LogLevel {
    Trace,
    Debug,
    Info,
    Warn,
    Error,
}

impl LogLevel {
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// By its name, as loggers write it.
    fn named(name: &str) -> Option<LogLevel> {
        Some(match name {
            "TRACE" => LogLevel::Trace,
            "DEBUG" => LogLevel::Debug,
            "INFO" | "NOTICE" => LogLevel::Info,
            "WARN" | "WARNING" => LogLevel::Warn,
            "ERROR" | "CRITICAL" | "FATAL" | "SEVERE" => LogLevel::Error,
            _ => return None,
        })
    }
}

/// Words in which a level is looked for: time, process, logger and place come before it.
const HEAD: usize = 10;

/// The level of a line: the one that its head states, else that of what it reports.
pub fn level_of(line: &str) -> Option<LogLevel> {
    stated(line).or_else(|| reports_failure(line).then_some(LogLevel::Error))
}

/// Bytes of time and level before the rest of a line that states its level: its columns say them too.
pub fn head_length(line: &str) -> usize {
    let mut rest = line;
    let mut has_level = false;
    loop {
        let word = rest.split(' ').next().unwrap_or_default();
        let is_level = !has_level && LogLevel::named(bare(word)).is_some();
        if word.is_empty() || !(is_level || is_time(word) || word == "-") {
            break;
        }
        has_level |= is_level;
        rest = rest[word.len()..].trim_start_matches(' ');
    }
    if rest.is_empty() || stated(line).is_none() {
        return 0;
    }
    line.len() - rest.len()
}

fn stated(line: &str) -> Option<LogLevel> {
    let mut after_dash = false;
    for word in line.split_ascii_whitespace().take(HEAD) {
        if let Some(level) = level_of_word(word) {
            return Some(level);
        }
        if !(after_dash || is_of_head(word)) {
            return None;
        }
        after_dash = matches!(word, "-" | "|");
    }
    None
}

fn bare(word: &str) -> &str {
    word.trim_matches(['[', ']', '(', ')', '<', '>', '|', ',', ':'])
}

fn level_of_word(word: &str) -> Option<LogLevel> {
    let bare = bare(word);
    // `WARNING:root:text`
    let first = bare.split(':').next().unwrap_or_default();
    if let Some(level) = LogLevel::named(first) {
        return Some(level);
    }
    let named = |name: &str| LogLevel::named(&name.to_ascii_uppercase());
    if let Some(level) = bare.strip_prefix("level=") {
        return named(level.trim_matches('"'));
    }
    // `[warn]`, `error:`
    if (word.starts_with('[') || word.ends_with(':'))
        && let Some(level) = named(bare)
    {
        return Some(level);
    }
    // `torch.OutOfMemoryError:`, `UserWarning:`
    if word.ends_with(':') {
        if bare.ends_with("Error") || bare.ends_with("Exception") {
            return Some(LogLevel::Error);
        }
        if bare.ends_with("Warning") {
            return Some(LogLevel::Warn);
        }
    }
    level_of_glog(bare)
}

/// `W1130`, `[rank0]:[E1130`: a letter and month and day, maybe after the year.
fn level_of_glog(word: &str) -> Option<LogLevel> {
    let word = word.rsplit('[').next()?;
    let (letter, day) = word.split_at_checked(1)?;
    let is_day = matches!(day.len(), 4 | 8) && day.bytes().all(|byte| byte.is_ascii_digit());
    Some(match letter {
        "I" if is_day => LogLevel::Info,
        "W" if is_day => LogLevel::Warn,
        "E" | "F" if is_day => LogLevel::Error,
        _ => return None,
    })
}

/// A time, a process, a logger, a place in the source or a shouted name, but no word of a sentence.
fn is_of_head(word: &str) -> bool {
    let is_shouted = word.len() > 1 && word.bytes().all(|byte| byte.is_ascii_uppercase());
    let is_mark = |byte: u8| byte.is_ascii_digit() || b".:/[]()=_|-".contains(&byte);
    let is_quoted = word.starts_with(['"', '\'']);
    !is_quoted && (is_shouted || word.bytes().any(is_mark))
}

/// `2026-11-30`, `03:44:31,123`, `[11-25`, but no address.
fn is_time(word: &str) -> bool {
    let word = bare(word);
    let is_part = |byte: u8| byte.is_ascii_digit() || b"-:,./TZ".contains(&byte);
    word.len() >= 5
        && word.starts_with(|first: char| first.is_ascii_digit())
        && word.contains(['-', ':'])
        && word.matches('.').count() <= 1
        && word.bytes().all(is_part)
}

/// Words of a failure in a line without a level.
const FAILURES: &[&str] = &[
    "Traceback (most recent call last)",
    "CUDA error",
    "CUDA driver error",
    "out of memory",
    "OutOfMemory",
    "OOM",
    "Killed",
    "Segmentation fault",
    "NVRM: Xid",
];

/// What stands before the status of a program that has ended.
const ENDS: &[&str] = &[
    "exit code ",
    "exit status ",
    "exit code: ",
    "exit status: ",
    "with code ",
    "with status ",
];

fn reports_failure(line: &str) -> bool {
    static WORDS: LazyLock<Option<AhoCorasick>> =
        LazyLock::new(|| AhoCorasick::new(FAILURES.iter().chain(ENDS)).ok());
    let Some(words) = WORDS.as_ref() else {
        return false;
    };
    words.find_iter(line).any(|found| {
        let (before, after) = (&line[..found.start()], &line[found.end()..]);
        if found.pattern().as_usize() >= FAILURES.len() {
            return is_failure(after);
        }
        let is_letter = |letter: char| letter.is_alphanumeric();
        let word = &line[found.range()];
        // `OOM` and `Killed` are words of their own, not parts of others.
        !matches!(word, "OOM" | "Killed")
            || !(before.ends_with(is_letter) || after.starts_with(is_letter))
    })
}

/// An exit status other than 0.
fn is_failure(text: &str) -> bool {
    let number = text.strip_prefix('-').unwrap_or(text);
    let digits = number.find(|c: char| !c.is_ascii_digit());
    let number = &number[..digits.unwrap_or(number.len())];
    number.bytes().any(|digit| digit != b'0')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn head_of_a_line_states_its_level() {
        let lines: &[(LogLevel, &[&str])] = &[
            (
                LogLevel::Error,
                &[
                    "ERROR 03-26 05:25:01 engine.py:389] Unexpected error from cudaGetDeviceCount().",
                    "(EngineCore_DP0 pid=68) ERROR 02-06 16:34:06 [core.py:936] RuntimeError: no",
                    "(VllmWorker TP1 pid=512) ERROR torch.OutOfMemoryError: CUDA out of memory.",
                    "2026-11-30 03:44:31,123 - api.inference.manager - ERROR - Async startup failed",
                    "2026-11-30 03:44:31,123 - uvicorn - CRITICAL - gone",
                    "api_server.py: error: unrecognized arguments: --tensor-paralel-size 4",
                    "RuntimeError: No CUDA GPUs are available",
                    "torch.AcceleratorError: CUDA error: uncorrectable ECC error encountered",
                    "(APIServer pid=966592) KeyError: 'invalid tool call parser: openai'",
                    "E0000 00:00:1732 cuda_dnn.cc:8310] Unable to register cuDNN factory",
                    "time=2026-11-30T03:44:31Z level=error msg=\"pull failed\"",
                    "fatal: could not read the repository",
                ],
            ),
            (
                LogLevel::Warn,
                &[
                    "WARNING [config.py:4] the model is slow",
                    "WARNING:root:deprecated",
                    "[rank0]:[W1130 03:44:31.123 ProcessGroupNCCL.cpp:4115] using GPU 0",
                    "misc/shmutils.cc:87 NCCL WARN Error: failed to extend /dev/shm/nccl-XZ",
                    "[2025-10-13 09:06:25] host:3663:4044 [0] misc/shmutils.cc:129 NCCL WARN Error while",
                    "/usr/lib/python3/x.py:12: FutureWarning: use y",
                    "2026-11-30T03:44:31.123Z  WARN pocpit::vast: slow",
                ],
            ),
            (
                LogLevel::Info,
                &[
                    "INFO:     Application startup complete.",
                    "INFO:     127.0.0.1:41622 - \"GET /health HTTP/1.1\" 500 Internal Server Error",
                    "(APIServer pid=41) INFO:     Waiting for application startup.",
                    "(Worker_TP0 pid=1188) INFO 11-25 00:54:07 [weight_utils.py:440] Time spent",
                    "2026-11-30 03:44:31,123 - api.models.manager - INFO - shard 19: ERROR before",
                    "[info] ready",
                ],
            ),
            (LogLevel::Debug, &["DEBUG 11-25 00:54:07 [x.py:1] step"]),
            (LogLevel::Trace, &["[TRACE] step"]),
        ];
        for (level, lines) in lines {
            for line in *lines {
                assert_eq!(level_of(line), Some(*level), "{line}");
            }
        }
    }

    #[test]
    fn failure_without_a_level_is_an_error() {
        for line in [
            "Traceback (most recent call last):",
            "CUDA error: device-side assert triggered",
            "terminate called: CUDA out of memory. Tried to allocate 2.00 GiB",
            "sh: line 1: 871 Killed                  vllm serve org/model",
            "Memory cgroup: OOM: process 4711",
            "pocpit: the workload ended with status 137",
            "vLLM process exited with code -9",
            "subprocess ended: returned non-zero exit status 1.",
            "NVRM: Xid (PCI:0000:3b:00): 79, GPU has fallen off the bus.",
        ] {
            assert_eq!(level_of(line), Some(LogLevel::Error), "{line}");
        }
    }

    #[test]
    fn sentence_about_an_error_has_no_level() {
        for line in [
            "",
            "Fetching 30 files:  58%|######    | 17/30",
            "Loading safetensors checkpoint shards:  43% Completed | 9/21",
            "No ERROR so far",
            "vLLM process exited with code 0",
            "the workload ended with status 00",
            "ROOM for 4 shards, BLOOM model",
            "nvidia-smi: 4 devices, driver 570.86, CUDA 12.8",
            "Skilled workers",
            "The container's log, as the market copies its last lines now and then:",
        ] {
            assert_eq!(level_of(line), None, "{line}");
        }
    }

    #[test]
    fn head_is_time_and_level() {
        for (line, rest) in [
            (
                "INFO:     127.0.0.1:41622 - \"GET /health HTTP/1.1\" 200 OK",
                "127.0.0.1:41622 - \"GET /health HTTP/1.1\" 200 OK",
            ),
            (
                "INFO 11-25 00:54:07 [loader.py:458] Loading weights took 3 s",
                "[loader.py:458] Loading weights took 3 s",
            ),
            (
                "2026-11-30 03:44:31,123 - api.proxy - INFO - vLLM proxy started",
                "api.proxy - INFO - vLLM proxy started",
            ),
            (
                "(APIServer pid=41) INFO 11-25 00:54:07 [utils.py:253] x",
                "(APIServer pid=41) INFO 11-25 00:54:07 [utils.py:253] x",
            ),
            ("ERROR worker 7 did not answer", "worker 7 did not answer"),
            ("RuntimeError: no GPU", "RuntimeError: no GPU"),
            ("11-25 00:54:07 done", "11-25 00:54:07 done"),
            ("WARNING", "WARNING"),
        ] {
            assert_eq!(&line[head_length(line)..], rest);
        }
    }
}
