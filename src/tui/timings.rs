//! Timing statistics, printed on exit by the hidden `--timings`.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

/// Measured keys, at most.
const MAX_KEYS: usize = 100_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TimingsChoice {
    #[default]
    Off,
    /// To standard error, once the terminal is restored.
    Print,
}

/// Prints on drop, so on every way out.
pub(super) struct Timings {
    choice: TimingsChoice,
    started: Instant,
    first_frame: Option<Duration>,
    frames: u64,
    /// The first key since the last frame.
    pressed: Option<Instant>,
    key_to_frame: Vec<Duration>,
    written: Arc<AtomicU64>,
}

impl Timings {
    pub(super) fn new(choice: TimingsChoice) -> Timings {
        Timings {
            choice,
            started: Instant::now(),
            first_frame: None,
            frames: 0,
            pressed: None,
            key_to_frame: Vec::new(),
            written: Arc::default(),
        }
    }

    /// A writer whose bytes are counted.
    pub(super) fn counted<W: Write>(&self, inner: W) -> CountingWriter<W> {
        CountingWriter {
            inner,
            written: Arc::clone(&self.written),
        }
    }

    pub(super) fn key(&mut self) {
        self.pressed.get_or_insert_with(Instant::now);
    }

    pub(super) fn frame(&mut self) {
        self.frames += 1;
        self.first_frame.get_or_insert(self.started.elapsed());
        if let Some(pressed) = self.pressed.take()
            && self.key_to_frame.len() < MAX_KEYS
        {
            self.key_to_frame.push(pressed.elapsed());
        }
    }

    fn summary(&self) -> String {
        let mut keys = self.key_to_frame.clone();
        keys.sort_unstable();
        let key = |percent| milliseconds(percentile(&keys, percent));
        format!(
            "timings: first frame {} ms; key to frame p50 {} ms, p99 {} ms of {}; {} frames, {} bytes in {} s; RSS {}",
            milliseconds(self.first_frame),
            key(50),
            key(99),
            keys.len(),
            self.frames,
            self.written.load(Ordering::Relaxed),
            self.started.elapsed().as_secs(),
            resident().unwrap_or_else(|| "unknown".to_owned()),
        )
    }
}

impl Drop for Timings {
    fn drop(&mut self) {
        if self.choice == TimingsChoice::Print {
            // Standard error may be gone too.
            let _ = writeln!(io::stderr(), "{}", self.summary());
        }
    }
}

/// Nearest-rank percentile.
fn percentile(sorted: &[Duration], percent: usize) -> Option<Duration> {
    let rank = (sorted.len() * percent).div_ceil(100);
    sorted.get(rank.checked_sub(1)?).copied()
}

fn milliseconds(duration: Option<Duration>) -> String {
    duration.map_or_else(
        || "-".to_owned(),
        |duration| format!("{:.1}", duration.as_secs_f64() * 1_000.0),
    )
}

fn resident() -> Option<String> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    Some(line.trim().to_owned())
}

pub(super) struct CountingWriter<W> {
    inner: W,
    written: Arc<AtomicU64>,
}

impl<W: Write> Write for CountingWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.inner.write(bytes)?;
        let counted = u64::try_from(count).unwrap_or(u64::MAX);
        self.written.fetch_add(counted, Ordering::Relaxed);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_measured_values() {
        let sorted: Vec<_> = (1..=200).map(Duration::from_millis).collect();
        assert_eq!(percentile(&sorted, 50), Some(Duration::from_millis(100)));
        assert_eq!(percentile(&sorted, 99), Some(Duration::from_millis(198)));
        assert_eq!(percentile(&sorted[..1], 99), Some(Duration::from_millis(1)));
        assert_eq!(percentile(&[], 99), None);
    }
}
