//! How fast the cockpit was: told at its end by the hidden `--timings`.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

/// Keys that are remembered at most.
const KEYS: usize = 100_000;

/// Whether it is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TimingsChoice {
    /// It is not.
    #[default]
    Quiet,
    /// On standard error, when the terminal is given back.
    Tell,
}

/// What was measured. Told on drop, so on every way out.
pub(super) struct Timings {
    choice: TimingsChoice,
    began: Instant,
    first_frame: Option<Duration>,
    frames: u64,
    /// The first key that no frame shows yet.
    pressed: Option<Instant>,
    key_to_frame: Vec<Duration>,
    written: Arc<AtomicU64>,
}

impl Timings {
    /// Begins to measure.
    pub(super) fn new(choice: TimingsChoice) -> Timings {
        Timings {
            choice,
            began: Instant::now(),
            first_frame: None,
            frames: 0,
            pressed: None,
            key_to_frame: Vec::new(),
            written: Arc::default(),
        }
    }

    /// A writer whose bytes count.
    pub(super) fn counted<W: Write>(&self, inner: W) -> Counted<W> {
        Counted {
            inner,
            written: Arc::clone(&self.written),
        }
    }

    /// A key has come.
    pub(super) fn key(&mut self) {
        self.pressed.get_or_insert_with(Instant::now);
    }

    /// A frame is on the screen.
    pub(super) fn frame(&mut self) {
        self.frames += 1;
        self.first_frame.get_or_insert(self.began.elapsed());
        if let Some(pressed) = self.pressed.take()
            && self.key_to_frame.len() < KEYS
        {
            self.key_to_frame.push(pressed.elapsed());
        }
    }

    fn told(&self) -> String {
        let mut keys = self.key_to_frame.clone();
        keys.sort_unstable();
        let part = |percent| milliseconds(of_sorted(&keys, percent));
        format!(
            "timings: first frame {} ms; key to frame p50 {} ms, p99 {} ms of {}; {} frames, {} bytes in {} s; RSS {}",
            milliseconds(self.first_frame),
            part(50),
            part(99),
            keys.len(),
            self.frames,
            self.written.load(Ordering::Relaxed),
            self.began.elapsed().as_secs(),
            resident().unwrap_or_else(|| "unknown".to_owned()),
        )
    }
}

impl Drop for Timings {
    fn drop(&mut self) {
        if self.choice == TimingsChoice::Tell {
            // The terminal may be gone, and then nobody reads it.
            let _ = writeln!(io::stderr(), "{}", self.told());
        }
    }
}

/// The value that so many in a hundred do not exceed.
fn of_sorted(sorted: &[Duration], percent: usize) -> Option<Duration> {
    let rank = (sorted.len() * percent).div_ceil(100);
    sorted.get(rank.checked_sub(1)?).copied()
}

fn milliseconds(duration: Option<Duration>) -> String {
    duration.map_or_else(
        || "-".to_owned(),
        |duration| format!("{:.1}", duration.as_secs_f64() * 1_000.0),
    )
}

/// Memory of this process that is in RAM, as the kernel says it.
fn resident() -> Option<String> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    Some(line.trim().to_owned())
}

/// Counts what is written through it.
pub(super) struct Counted<W> {
    inner: W,
    written: Arc<AtomicU64>,
}

impl<W: Write> Write for Counted<W> {
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
    fn a_part_in_a_hundred_is_a_value_that_was_measured() {
        let sorted: Vec<_> = (1..=200).map(Duration::from_millis).collect();
        assert_eq!(of_sorted(&sorted, 50), Some(Duration::from_millis(100)));
        assert_eq!(of_sorted(&sorted, 99), Some(Duration::from_millis(198)));
        assert_eq!(of_sorted(&sorted[..1], 99), Some(Duration::from_millis(1)));
        assert_eq!(of_sorted(&[], 99), None);
    }
}
