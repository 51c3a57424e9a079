//! The metrics of a run, as a monitoring service reads them.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::Home;
use crate::sim::Sim;

/// A sprint of the served world takes a fraction of it.
const PATIENCE: Duration = Duration::from_secs(180);

struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = kill_process(Pid::from_child(&self.0), Signal::TERM);
        let _ = self.0.wait();
    }
}

/// The page, once it is served.
fn page(address: &str) -> Option<String> {
    let mut stream = TcpStream::connect(address).ok()?;
    write!(
        stream,
        "GET /metrics HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n"
    )
    .ok()?;
    let mut page = String::new();
    stream.read_to_string(&mut page).ok()?;
    Some(page)
}

/// Names of the phases that are 1.
fn phases(page: &str) -> Vec<&str> {
    let lines = page.lines();
    let phases = lines.filter_map(|line| line.strip_prefix("pocpit_chain_phase{phase=\""));
    phases
        .filter_map(|line| line.strip_suffix("\"} 1.0"))
        .collect()
}

#[test]
fn metrics_count_boot_and_chain_phase() {
    let home = Home::new();
    let sim = Sim::start(home.command(&["sim"]).args(["--speed", "400"]));
    // A free port: nothing listens there.
    let text = std::fs::read_to_string(&sim.config).unwrap();
    let config: toml::Table = text.parse().unwrap();
    let address = config["vllm"]["listen"].as_str().unwrap();
    // Given an unattended run that serves its metrics,
    let mut auto = home.command(&["--config", sim.config.as_str(), "auto"]);
    let auto = auto
        .env("POCPIT_NOTIFY_METRICS_LISTEN", address)
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let _running = Running(auto.spawn().unwrap());
    // when a boot reaches a loaded model,
    let end = Instant::now() + PATIENCE;
    let page = loop {
        assert!(Instant::now() < end, "no boot was ever counted");
        let page = page(address).unwrap_or_default();
        if page.contains("pocpit_boots_total{end=\"ready\",pool=\"default\"} 1\n") {
            break page;
        }
        std::thread::sleep(Duration::from_millis(100));
    };
    // then it is counted once, none is counted as failed, and no fault is named,
    assert!(
        page.contains("pocpit_boots_total{end=\"failed\",pool=\"default\"} 0\n"),
        "{page}"
    );
    assert!(!page.contains("pocpit_boot_faults_total{"), "{page}");
    // and the chain's metrics match the chain.
    assert_eq!(phases(&page).len(), 1, "{page}");
}
