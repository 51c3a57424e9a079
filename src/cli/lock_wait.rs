//! Waits for the lock of the state directory. `gc`, `check` or a cockpit may hold it for a while, and `auto`
//! must not fail to start because of that.

use std::path::Path;
use std::time::Duration;

use color_eyre::eyre::Report;
use tokio::time::Instant;

use super::{service, status_line};
use crate::journal::JournalError;

/// `gc` verifies that what it destroyed is gone, which takes minutes.
const TIMEOUT: Duration = Duration::from_mins(5);
const RETRY_INTERVAL: Duration = Duration::from_secs(1);
/// Requested from the service manager at each try: longer than a try takes.
const STARTUP_EXTENSION: Duration = Duration::from_secs(30);

/// Calls `open` until the state directory is unlocked; after the timeout its error is returned.
pub(super) async fn wait<T>(
    state_dir: &Path,
    mut open: impl FnMut() -> Result<T, Report>,
) -> Result<T, Report> {
    let doing = format!(
        "waiting for another pocpit that uses {}",
        state_dir.display()
    );
    let until = Instant::now() + TIMEOUT;
    let mut printed = false;
    loop {
        match open() {
            Err(error) if is_locked(&error) && Instant::now() < until => {}
            opened => return opened,
        }
        if !printed {
            status_line(format_args!("{doing}: continuing when it has exited"));
            printed = true;
        }
        service::extend_startup(&doing, STARTUP_EXTENSION);
        tokio::time::sleep(RETRY_INTERVAL).await;
    }
}

/// Another process holds the state directory.
pub(super) fn is_locked(error: &Report) -> bool {
    matches!(error.downcast_ref(), Some(JournalError::Locked { .. }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn locked() -> Report {
        let path = "/state".into();
        JournalError::Locked { path }.into()
    }

    #[tokio::test(start_paused = true)]
    async fn opens_when_the_lock_is_released() {
        let mut tries = 0;
        let opened = wait(Path::new("/state"), || {
            tries += 1;
            if tries < 100 {
                Err(locked())
            } else {
                Ok(tries)
            }
        });
        assert_eq!(opened.await.unwrap(), 100);
    }

    #[tokio::test(start_paused = true)]
    async fn lock_times_out_other_errors_return_immediately() {
        let began = Instant::now();
        let error = wait(Path::new("/state"), || Err::<(), _>(locked())).await;
        assert!(is_locked(&error.unwrap_err()));
        assert!(began.elapsed() >= TIMEOUT);
        let began = Instant::now();
        let other = wait(Path::new("/state"), || {
            Err::<(), _>(Report::msg("full disk"))
        })
        .await;
        assert!(!is_locked(&other.unwrap_err()));
        assert_eq!(began.elapsed(), Duration::ZERO);
    }
}
