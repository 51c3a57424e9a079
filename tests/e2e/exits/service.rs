//! Under a service manager: it hears when the program is up, lives and leaves, and that a loop that
//! hangs gives no sign of life any more.

use std::os::unix::net::UnixDatagram;
use std::time::{Duration, Instant};

use pocpit::journal::Journal;
use pocpit::world::Scenario;
use rustix::process::Signal;

use crate::exits::process::{Front, Process, Stage};

/// What the manager waits for between two signs of life.
const WATCHDOG: Duration = Duration::from_secs(2);
const PATIENCE: Duration = Duration::from_secs(120);

/// A service manager that only listens.
struct Manager(UnixDatagram);

impl Manager {
    fn start(stage: &Stage, failpoints: &str) -> (Manager, Process) {
        let path = stage.path("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        socket.set_read_timeout(Some(2 * WATCHDOG)).unwrap();
        let environment = [
            ("NOTIFY_SOCKET", path.display().to_string()),
            ("WATCHDOG_USEC", WATCHDOG.as_micros().to_string()),
            ("POCPIT_FAILPOINTS", failpoints.to_owned()),
        ];
        let process = Process::with_environment(Front::Headless, stage, &environment);
        (Manager(socket), process)
    }

    /// The next message, if it comes before the time-out.
    fn hears(&self) -> Option<String> {
        let mut buffer = [0; 1024];
        let length = self.0.recv(&mut buffer).ok()?;
        Some(String::from_utf8_lossy(&buffer[..length]).into_owned())
    }

    fn hears_at_last(&self, what: &str) {
        let end = Instant::now() + PATIENCE;
        let mut heard = Vec::new();
        while Instant::now() < end {
            heard.extend(self.hears());
            if heard.iter().any(|told| told.contains(what)) {
                return;
            }
        }
        panic!("{what} was never told, only {heard:?}");
    }
}

#[test]
fn systemd_gets_ready_watchdog_status_stop() {
    let stage = Stage::new(Scenario::default());
    let (manager, process) = Manager::start(&stage, "");
    manager.hears_at_last("READY=1");
    manager.hears_at_last("WATCHDOG=1");
    manager.hears_at_last("STATUS=booting: ");
    manager.hears_at_last("WATCHDOG=1");
    process.signal(Signal::TERM);
    manager.hears_at_last("STOPPING=1");
    process.end(|| {});
}

#[test]
fn systemd_start_timeout_is_extended() {
    let stage = Stage::new(Scenario::default());
    let held = Journal::open(&stage.path("state")).unwrap();
    let (manager, process) = Manager::start(&stage, "");
    manager.hears_at_last("STATUS=waiting for another pocpit");
    manager.hears_at_last("EXTEND_TIMEOUT_USEC=");
    drop(held);
    manager.hears_at_last("READY=1");
    process.signal(Signal::TERM);
    process.end(|| {});
}

#[test]
fn systemd_gets_reload_error() {
    let stage = Stage::new(Scenario::default());
    let (manager, mut process) = Manager::start(&stage, "");
    manager.hears_at_last("READY=1");
    let file = stage.path("config.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace("[budget]", "[budgett]")).unwrap();
    process.signal(Signal::HUP);
    manager.hears_at_last("STATUS=the configuration is not changed");
    // The log is written by a thread of its own, which may come later than the status.
    let is_logged =
        |line: &str| line.contains(" ERROR ") && line.contains("the configuration is not changed");
    process.until("the error in the log", |_| {
        stage.log().lines().any(is_logged)
    });
    process.signal(Signal::TERM);
    process.end(|| {});
}

/// A release cannot be made to hang, so only a build with debug assertions has this.
#[cfg(debug_assertions)]
#[test]
fn hung_engine_sends_no_watchdog() {
    let stage = Stage::new(Scenario::default());
    let (manager, mut process) = Manager::start(&stage, "stall:booting");
    manager.hears_at_last("WATCHDOG=1");
    // It hangs as soon as something is rented. What it said before that is still to be heard.
    let is_silent = || manager.hears().is_none();
    let end = Instant::now() + PATIENCE;
    while !is_silent() || stage.truth().rentals.is_empty() {
        assert!(Instant::now() < end, "it hangs and gives signs of life");
    }
    assert!(
        !process.has_ended(),
        "a manager restarts what hangs, and it does not hang"
    );
    process.signal(Signal::KILL);
    process.end(|| {});
}
