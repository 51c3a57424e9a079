//! What the service manager is told: that we are up, that the engine's loop still turns, that we
//! leave. Without a service manager (`NOTIFY_SOCKET`) nobody is told anything.

use std::time::Duration;

use sd_notify::NotifyState;
use tokio::time::Instant;

/// Our side of `sd_notify(3)`.
#[derive(Debug)]
pub(crate) struct Service {
    /// Between two signs of life: half of what the manager waits for.
    pause: Option<Duration>,
    signed: Option<Instant>,
}

impl Service {
    /// The manager that the environment names, if there is one.
    pub(crate) fn of_environment() -> Service {
        Service {
            pause: sd_notify::watchdog_enabled().map(|patience| patience / 2),
            signed: None,
        }
    }

    /// The engine has just published: its loop turns. To be called for nothing else, or a manager
    /// would keep alive what watches no rental any more.
    pub(crate) fn engine_lives(&mut self) {
        if self.signed.is_none() {
            tell(&[NotifyState::Ready]);
        } else if !self.is_due() {
            return;
        }
        self.signed = Some(Instant::now());
        tell(&[NotifyState::Watchdog]);
    }

    fn is_due(&self) -> bool {
        let Some(pause) = self.pause else {
            return false;
        };
        self.signed.is_none_or(|signed| signed.elapsed() >= pause)
    }
}

/// What the program does, for `systemctl status`.
pub(crate) fn does(doing: &str) {
    tell(&[NotifyState::Status(&in_one_line(doing))]);
}

/// It does this before it is up, for so long from now at most without another word.
pub(crate) fn starts_late(doing: &str, more: Duration) {
    let more = u32::try_from(more.as_micros()).unwrap_or(u32::MAX);
    let status = in_one_line(doing);
    tell(&[
        NotifyState::Status(&status),
        NotifyState::ExtendTimeoutUsec(more),
    ]);
}

/// A line of its own would be another message to the manager.
fn in_one_line(text: &str) -> String {
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    lines.join("; ")
}

/// The configuration is read again; ready is told when the engine lives with it.
pub(crate) fn reloads() {
    let mut state = vec![NotifyState::Reloading];
    // The manager wants to know when, to tell this reload from others (`Type=notify-reload`).
    state.extend(NotifyState::monotonic_usec_now());
    tell(&state);
}

/// The program ends by intention.
pub(crate) fn leaves() {
    tell(&[NotifyState::Stopping]);
}

fn tell(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::warn!("the service manager cannot be told {state:?}: {error}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_of_many_lines_is_one_status() {
        assert_eq!(
            in_one_line("a.toml: 1 problem\n  x: y"),
            "a.toml: 1 problem; x: y"
        );
        assert_eq!(in_one_line("waiting"), "waiting");
    }
}
