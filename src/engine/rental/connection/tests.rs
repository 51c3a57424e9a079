//! The watcher's link to a simulated machine, in virtual time.

mod host;

use std::net::SocketAddr;

use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};

use super::*;
use crate::domain::samples::instance;
use crate::engine::LogStore;
use crate::engine::rental::access::RentalAccess;
use crate::engine::rental::watchdog::OurClock;
use crate::engine::rental::watcher::Watcher;
use crate::ports::CommandOutput;
use crate::ssh::sanitize::Sanitizer;
use host::{Host, ports, tunnel};

const ID: InstanceId = InstanceId(7);
const LINES: usize = 1_000_000;
const CUTS: usize = 1_000;

/// A log as programs write it: mostly short lines, with everything that can be wrong with one.
fn text(lines: usize) -> Vec<u8> {
    let mut chance = StdRng::seed_from_u64(5);
    let mut text = Vec::new();
    for number in 0..lines {
        match number % 97 {
            0 => {
                text.extend_from_slice(format!("\rloading 1 %\rloading 50 %\r{number}").as_bytes());
            }
            1 => text
                .extend_from_slice(format!("\x1b[1;32m{number}\x1b[0m\u{1f600} größer").as_bytes()),
            2 => text.extend_from_slice(
                &[
                    b"\x1b[2J\x1b]0;evil\x07",
                    number.to_string().as_bytes(),
                    b"\xff\xfe\0\x9b",
                ]
                .concat(),
            ),
            3 if number % 9_700 == 3 => {
                text.extend_from_slice(number.to_string().as_bytes());
                let length = chance.random_range(0..60_000);
                text.resize(text.len() + length, b'x');
            }
            _ => text.extend_from_slice(number.to_string().as_bytes()),
        }
        text.push(b'\n');
    }
    text
}

fn leading_number(line: &str) -> usize {
    let digits = line.bytes().take_while(u8::is_ascii_digit).count();
    line[..digits].parse().unwrap()
}

#[test]
fn failed_command_always_has_a_reason() {
    for (status, stderr, wanted) in [
        (
            Some(1),
            "mv: No space left on device\n",
            "mv: No space left on device",
        ),
        (
            Some(2),
            " \n",
            "the command exited with 2 and gave no reason",
        ),
        (None, "", "the command was killed"),
        // The text is the rental's own: nothing in it is obeyed by a terminal.
        (
            Some(1),
            "mv: \u{1b}[31mno\nspace",
            "mv: \u{fffd}[31mno space",
        ),
    ] {
        let output = CommandOutput {
            status,
            stdout: Vec::new(),
            stderr: stderr.into(),
        };
        assert_eq!(output.reason(), wanted);
    }
}

#[test]
fn refusal_at_one_address_outweighs_silence() {
    let (endpoint, detail) = ("198.51.100.7:41022".to_owned(), "why".to_owned());
    let silent = LinkError::Unreachable {
        endpoint: endpoint.clone(),
        detail: detail.clone(),
    };
    let missing = LinkError::Local("no key".into());
    let denied = LinkError::Denied {
        endpoint: endpoint.clone(),
        detail: detail.clone(),
    };
    let refused = LinkError::Refused("a session".into());
    let strange = LinkError::HostKeyChanged { endpoint, detail };
    let by_weight = [silent, missing, denied, refused, strange];
    assert!(by_weight.is_sorted_by(|one, next| weight(one) < weight(next)));
}

/// The log as a watcher reports it.
struct Observations {
    bytes: Vec<u8>,
    lines: usize,
    sanitizer: Sanitizer,
}

impl Observations {
    fn new() -> Observations {
        Observations {
            bytes: Vec::new(),
            lines: 0,
            sanitizer: Sanitizer::new(),
        }
    }

    async fn until(
        &mut self,
        length: usize,
        reports: &mut mpsc::Receiver<Observation>,
        text: &[u8],
    ) {
        while self.bytes.len() < length {
            let Observation::Log(ID, chunk) = reports.recv().await.unwrap() else {
                continue;
            };
            let begin = self.bytes.len();
            self.bytes.extend_from_slice(&chunk.bytes);
            assert!(
                self.bytes[begin..] == text[begin..self.bytes.len()],
                "the bytes from {begin} on are others"
            );
            for line in self.sanitizer.feed(Time::UNIX_EPOCH, &chunk.bytes) {
                let line = line.text();
                assert!(!line.contains(char::is_control), "{line:?}");
                assert_eq!(
                    leading_number(line),
                    self.lines,
                    "each line comes once, in order"
                );
                self.lines += 1;
            }
        }
    }
}

/// The market's, which has its address.
fn row() -> Instance {
    Instance {
        ssh: vec![SshEndpoint {
            host: "127.0.0.1".into(),
            port: 22,
        }],
        ..instance(ID.0)
    }
}

fn watch(host: &Arc<Host>, logs: &LogStore, reports: &mpsc::Sender<Observation>) -> Watcher {
    let ports = Arc::new(ports(host, logs.clone()));
    let access = RentalAccess {
        workload: Workload::MlNode,
        model: WorkloadModel::default(),
        tunnel: tunnel(),
        gateway: None,
        callback: None,
    };
    let lease = Lease {
        until: Time::UNIX_EPOCH,
        our_clock: OurClock::Right,
    };
    let watcher = Watcher::start(&ports, ID, access, lease, reports);
    watcher.set_row(&row());
    watcher
}

#[tokio::test(start_paused = true)]
async fn only_an_overdue_row_is_asked_for() {
    let host = Host::new(text(10), 1 << 30);
    let (sender, mut reports) = mpsc::channel(16);
    let watcher = watch(&host, &LogStore::disabled(), &sender);
    let mut listings = tokio::time::interval(std::time::Duration::from_secs(10));
    let mut left = 30;
    // Given a listing each ten seconds for five minutes, and none afterwards,
    let asked = async {
        loop {
            tokio::select! {
                _ = listings.tick(), if left > 0 => {
                    left -= 1;
                    watcher.set_row(&row());
                }
                report = reports.recv() => if let Some(Observation::Instance(ID, _)) = report {
                    return left;
                }
            }
        }
    };
    // when the rental is asked for, then no listing is left, and it is a minute later at most.
    let left = tokio::time::timeout(std::time::Duration::from_secs(360), asked).await;
    assert_eq!(left.ok(), Some(0));
}

#[tokio::test(start_paused = true)]
async fn watchdog_gets_its_time_to_start() {
    let host = Host::new(text(10), 1 << 30);
    let (sender, mut reports) = mpsc::channel(16);
    // Given a watchdog that has not started, and a clock error of ours that changes with each block,
    let watcher = watch(&host, &LogStore::disabled(), &sender);
    let began = tokio::time::Instant::now();
    let mut blocks = tokio::time::interval(std::time::Duration::from_secs(5));
    let mut behind = Duration::minutes(2);
    // when this is reported,
    let check = loop {
        tokio::select! {
            _ = blocks.tick() => {
                behind += Duration::seconds(1);
                watcher.set_lease(Lease {
                    until: Time::UNIX_EPOCH,
                    our_clock: OurClock::Behind(behind),
                });
            }
            report = reports.recv() => {
                if let Observation::Link(ID, LinkEvent::Watchdog(check)) = report.unwrap() {
                    break check;
                }
            }
        }
    };
    // then it had the time for two more looks.
    assert_eq!(
        check,
        WatchdogCheck::Failed("its watchdog does not run".into())
    );
    let waited = began.elapsed();
    assert!(waited.as_secs() >= 40, "{waited:?}");
}

#[tokio::test(start_paused = true)]
async fn flaky_link_delivers_each_line_once() {
    let scratch = tempfile::tempdir().unwrap();
    let logs = LogStore::in_directory(scratch.path().to_owned());
    let text = text(LINES);
    // Given a link that lives for few bytes, and a file that is renamed and truncated now and then,
    let host = Host::new(text.clone(), text.len() / CUTS * 2 / 3);
    let (sender, mut reports) = mpsc::channel(16);
    let watcher = watch(&host, &logs, &sender);
    // when everything was reported,
    let mut seen = Observations::new();
    seen.until(text.len(), &mut reports, &text).await;
    // then no line is lost and none comes twice,
    assert_eq!(seen.lines, LINES);
    assert!(
        host.cuts() >= CUTS,
        "the link was cut only {} times",
        host.cuts()
    );
    assert!(
        host.other_files() > 20,
        "the file was another one only {} times",
        host.other_files()
    );
    // and the same is in the rental's files.
    let kept: Vec<u8> = logs.of(ID).replay().flat_map(|chunk| chunk.bytes).collect();
    assert!(
        kept == text,
        "the files have {} bytes of {}",
        kept.len(),
        text.len()
    );
    drop(reports);
    watcher.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn restarted_cockpit_has_each_line_once() {
    let scratch = tempfile::tempdir().unwrap();
    let logs = LogStore::in_directory(scratch.path().to_owned());
    let text = text(20_000);
    let host = Host::new(text.clone(), 9_000);
    let mut chance = StdRng::seed_from_u64(6);
    for _ in 0..10 {
        let (sender, mut reports) = mpsc::channel(16);
        let watcher = watch(&host, &logs, &sender);
        // What was read before is replayed from the files, and the rest follows.
        let length = chance.random_range(0..text.len());
        Observations::new().until(length, &mut reports, &text).await;
        // Later reports are lost.
        drop(reports);
        watcher.stop().await.unwrap();
    }
    let (sender, mut reports) = mpsc::channel(16);
    let _watcher = watch(&host, &logs, &sender);
    let mut seen = Observations::new();
    seen.until(text.len(), &mut reports, &text).await;
    assert_eq!(seen.lines, 20_000);
}

#[tokio::test(start_paused = true)]
async fn moved_tunnel_repeats_no_line() {
    let text = text(20_000);
    let host = Host::new(text.clone(), 1 << 30);
    let (sender, mut reports) = mpsc::channel(16);
    // Given a rental whose tunnel ends at free ports,
    let watcher = watch(&host, &LogStore::disabled(), &sender);
    // when it is to end at the configured addresses,
    let end = |port: u16| SocketAddr::from(([127, 0, 0, 1], port));
    let configured = TunnelSpec {
        api_listen: end(18_080),
        inference_listen: end(15_000),
        ..tunnel()
    };
    assert!(watcher.move_tunnel(configured.clone()));
    assert!(!watcher.move_tunnel(configured.clone()), "it is there");
    // then the next session opens it there, and the log continues where it was.
    let (mut bytes, mut is_moved) = (Vec::new(), false);
    while !is_moved || bytes.len() < text.len() {
        match reports.recv().await.unwrap() {
            Observation::Log(ID, chunk) => bytes.extend(chunk.bytes),
            Observation::Link(ID, LinkEvent::Tunnel(ends)) => {
                is_moved = configured.matches(ends);
            }
            _ => {}
        }
    }
    assert!(bytes == text, "{} bytes of {}", bytes.len(), text.len());
    drop(reports);
    watcher.stop().await.unwrap();
}
