//! `sd_notify(3)`: readiness, watchdog, status, reload and stop. Without a service manager
//! (`NOTIFY_SOCKET`) nothing is sent.

use std::time::Duration;

use sd_notify::NotifyState;
use tokio::time::Instant;

#[derive(Debug)]
pub(crate) struct ServiceManager {
    /// Between two watchdog messages: half of its timeout.
    interval: Option<Duration>,
    last_alive: Option<Instant>,
}

impl ServiceManager {
    pub(crate) fn from_env() -> ServiceManager {
        ServiceManager {
            interval: sd_notify::watchdog_enabled().map(|patience| patience / 2),
            last_alive: None,
        }
    }

    /// Call only when the engine has published a snapshot: anything else would keep a process alive whose
    /// engine has stopped.
    pub(crate) fn engine_alive(&mut self) {
        match (self.last_alive, self.interval) {
            (None, _) => notify(&[NotifyState::Ready]),
            (Some(last), Some(interval)) if last.elapsed() >= interval => {}
            _ => return,
        }
        self.last_alive = Some(Instant::now());
        notify(&[NotifyState::Watchdog]);
    }
}

/// For `systemctl status`.
pub(crate) fn set_status(doing: &str) {
    notify(&[NotifyState::Status(&in_one_line(doing))]);
}

/// The start takes `more` longer, counted from now.
pub(crate) fn extend_startup(doing: &str, more: Duration) {
    let more = u32::try_from(more.as_micros()).unwrap_or(u32::MAX);
    let status = in_one_line(doing);
    notify(&[
        NotifyState::Status(&status),
        NotifyState::ExtendTimeoutUsec(more),
    ]);
}

/// A newline would begin another message.
fn in_one_line(text: &str) -> String {
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    lines.join("; ")
}

/// The configuration is reloaded; ready follows from the new engine.
pub(crate) fn notify_reloading() {
    let mut state = vec![NotifyState::Reloading];
    // `Type=notify-reload` tells reloads apart by their time.
    state.extend(NotifyState::monotonic_usec_now());
    notify(&state);
}

pub(crate) fn notify_stopping() {
    notify(&[NotifyState::Stopping]);
}

fn notify(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::warn!("cannot notify the service manager of {state:?}: {error}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn multiline_status_becomes_one_line() {
        assert_eq!(
            in_one_line("a.toml: 1 problem\n  x: y"),
            "a.toml: 1 problem; x: y"
        );
        assert_eq!(in_one_line("waiting"), "waiting");
    }
}
