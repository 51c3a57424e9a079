//! Two cockpits on one state directory: the second one is a viewer.

use std::io::{BufRead as _, BufReader, Lines};
use std::process::{Child, ChildStderr, Stdio};

use crate::cockpit_terminal::{Terminal, pocpit};
use crate::sim::Sim;

fn cockpit(sim: &Sim) -> Terminal {
    Terminal::start(100, 30, &["--config", &sim.config])
}

fn viewer_of(driver: &Terminal) -> String {
    format!("attached to pid {}", driver.child.process_id().unwrap())
}

/// Hands off for a sprint, and what it says.
fn hands_off(sim: &Sim) -> (Child, Lines<BufReader<ChildStderr>>) {
    let mut auto = pocpit(&["--config", &sim.config, "auto", "--once"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let said = BufReader::new(auto.stderr.take().unwrap()).lines();
    (auto, said)
}

#[test]
fn second_cockpit_forwards_its_decisions() {
    let sim = Sim::start(&mut pocpit(&["sim", "--speed", "20"]));
    let mut driver = cockpit(&sim);
    driver.until("s: start");
    let mut viewer = cockpit(&sim);
    viewer.until(&viewer_of(&driver));
    // Given a gate that waits, when the viewer passes it, then the driver does it and both see it.
    viewer.until("s: start");
    viewer.press("s");
    viewer.until("sent to the main cockpit");
    driver.until("rent an offer");
    viewer.until("rent an offer");
    // The driver commands as before.
    driver.press("x");
    driver.until("Abort epoch");
    driver.press("n");
    // Leaving asks nothing, and the main cockpit continues.
    viewer.press("q");
    assert_eq!(viewer.end(), (0, true));
    driver.press("5");
    driver.until("▸5 ");
    driver.press("q");
    assert_eq!(driver.end(), (0, true));
}

#[test]
fn viewer_reports_killed_main_cockpit() {
    let sim = Sim::start(&mut pocpit(&["sim", "--speed", "20"]));
    let driver = cockpit(&sim);
    driver.until("s: start");
    let mut viewer = cockpit(&sim);
    viewer.until(&viewer_of(&driver));
    driver.signal(rustix::process::Signal::KILL);
    driver.end();
    viewer.until("Quit the viewer?");
    // It does not take over: the next one does, over the socket that was left.
    let next = cockpit(&sim);
    next.until("s: start");
    assert!(!next.text().contains("attached to"), "{}", next.text());
    let other = cockpit(&sim);
    other.until(&viewer_of(&next));
    std::thread::sleep(std::time::Duration::from_millis(200));
    viewer.press("y");
    assert_eq!(viewer.end(), (0, true));
}

#[test]
fn directory_without_viewer_socket_is_refused() {
    let sim = Sim::start(&mut pocpit(&["sim", "--speed", "20"]));
    let config = pocpit::config::load(Some(std::path::Path::new(&sim.config)), &[]);
    let paths = config.unwrap().config.paths;
    let _held = pocpit::journal::Journal::open(&paths.state_dir).unwrap();
    let refused = cockpit(&sim);
    refused.until("accepts no viewers");
    assert_eq!(refused.end().0, 3);
}

#[test]
fn viewer_sees_end_of_auto() {
    let sim = Sim::start(&mut pocpit(&["sim", "--speed", "300"]));
    // Whoever comes first drives: here that is not to be the cockpit.
    let (mut auto, mut lines) = hands_off(&sim);
    let drives = lines
        .by_ref()
        .map_while(Result::ok)
        .any(|line| line.contains("waiting"));
    assert!(drives, "it never said that it waits");
    let rest = std::thread::spawn(move || lines.map_while(Result::ok).count());
    let mut viewer = cockpit(&sim);
    viewer.until(&format!("attached to pid {}", auto.id()));
    viewer.until(" exited");
    assert_eq!(auto.wait().unwrap().code(), Some(0));
    rest.join().unwrap();
    std::thread::sleep(std::time::Duration::from_millis(200));
    viewer.press("n");
    viewer.until("CONFIRMED");
    viewer.press("q");
    assert_eq!(viewer.end(), (0, true));
}

#[test]
fn viewer_stops_auto_sprint() {
    let sim = Sim::start(&mut pocpit(&["sim", "--speed", "60"]));
    let (mut auto, mut lines) = hands_off(&sim);
    let mut said = Vec::new();
    // A rental is there, and money runs.
    for line in lines.by_ref().map_while(Result::ok) {
        said.push(line);
        if said.last().is_some_and(|line| line.contains("→ booting")) {
            break;
        }
    }
    let rest = std::thread::spawn(move || lines.map_while(Result::ok).collect::<Vec<_>>());
    let mut viewer = cockpit(&sim);
    viewer.until(&format!("attached to pid {}", auto.id()));
    viewer.press("x");
    viewer.until("Abort epoch");
    std::thread::sleep(std::time::Duration::from_millis(200));
    viewer.press("y");
    // Then hands-off releases everything, and its log says who decided that.
    viewer.until(" exited");
    assert_eq!(auto.wait().unwrap().code(), Some(1));
    let log = rest.join().unwrap().join("\n");
    let by = format!(
        "command of the viewer, process {}: Abort",
        viewer.child.process_id().unwrap()
    );
    assert!(
        log.contains(&by) && log.contains("is gone"),
        "{said:?}\n{log}"
    );
    let config = pocpit::config::load(Some(std::path::Path::new(&sim.config)), &[]);
    let ledger = pocpit::journal::read_only(&config.unwrap().config.paths.state_dir).unwrap();
    assert!(ledger.open_rentals().is_empty());
    std::thread::sleep(std::time::Duration::from_millis(200));
    viewer.press("y");
    assert_eq!(viewer.end(), (0, true));
}

#[test]
fn only_main_cockpit_needs_market_key() {
    let sim = Sim::start(&mut pocpit(&["sim", "--speed", "20"]));
    // Given a configuration whose key belongs to the service alone,
    let keyless = sim.config.replace("config.toml", "keyless.toml");
    let text = std::fs::read_to_string(&sim.config).unwrap();
    let text: Vec<&str> = text
        .lines()
        .filter(|line| !line.starts_with("api_key") && !line.starts_with("upstream_key"))
        .collect();
    std::fs::write(&keyless, text.join("\n")).unwrap();
    let start = || Terminal::start(100, 30, &["--config", &keyless]);
    // without a main cockpit, it says what it lacks;
    let refused = start();
    refused.until("vast.api_key: missing");
    assert_eq!(refused.end().0, 2);
    // and beside one, it is a viewer.
    let driver = cockpit(&sim);
    driver.until("s: start");
    let mut viewer = start();
    viewer.until(&viewer_of(&driver));
    viewer.until("s: start");
    viewer.press("q");
    assert_eq!(viewer.end(), (0, true));
}
