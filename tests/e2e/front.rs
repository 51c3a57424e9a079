//! The front of a rental that is exposed directly, run for real before a service of the test's own.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, ExitStatus};
use std::thread;
use std::time::Duration;

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/front.py");
/// Only so that a broken front fails instead of hanging; nothing is measured.
const PATIENCE: Duration = Duration::from_secs(30);

/// A front before a service that answers with what it was asked.
struct Front {
    port: u16,
    pair: String,
}

impl Front {
    fn start() -> Front {
        let service = TcpListener::bind("127.0.0.1:0").unwrap();
        let target = service.local_addr().unwrap().port();
        thread::spawn(move || {
            for stream in service.incoming() {
                thread::spawn(move || echo(stream.unwrap()));
            }
        });
        let held = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = held.local_addr().unwrap().port();
        drop(held);
        let front = Front {
            port,
            pair: format!("{port}:{target}"),
        };
        assert!(front.run().success());
        front
    }

    /// Runs the script, which goes to the background.
    fn run(&self) -> ExitStatus {
        Command::new("python3")
            .args([SCRIPT, &self.pair])
            .status()
            .unwrap()
    }

    /// What the service saw of a request.
    fn ask(&self, request: &str) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer.split_once("\r\n\r\n").unwrap().1.to_owned()
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        // It is in the background, and known by its arguments, which no other one has.
        for process in std::fs::read_dir("/proc").unwrap().flatten() {
            let arguments = std::fs::read(process.path().join("cmdline")).unwrap_or_default();
            let ours = format!("{SCRIPT}\0{}\0", self.pair);
            if String::from_utf8_lossy(&arguments).ends_with(&ours) {
                let id = process.file_name();
                let _ = Command::new("kill").arg(id).status();
            }
        }
    }
}

/// Answers with the request itself, in two parts, and closes.
fn echo(mut stream: TcpStream) {
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let (mut seen, mut buffer) = (Vec::new(), [0; 1024]);
    while !seen.ends_with(b"end") {
        let count = stream.read(&mut buffer).unwrap();
        assert!(count > 0, "the request broke off");
        seen.extend_from_slice(&buffer[..count]);
    }
    stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
    stream.write_all(&seen).unwrap();
}

#[test]
fn a_version_before_the_path_is_taken_away_and_everything_else_stays() {
    let front = Front::start();
    let seen = front.ask(
        "POST /v3.0.8/api/v1/state?x=1 HTTP/1.1\r\nHost: a\r\nConnection: keep-alive\r\n\r\n/v3.0.8/ end",
    );
    assert_eq!(
        seen,
        "POST /api/v1/state?x=1 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n/v3.0.8/ end"
    );
    for path in ["/v1/models", "/api/v1/state", "/v3/x", "/v3.0.8", "/"] {
        let seen = front.ask(&format!("GET {path} HTTP/1.1\r\n\r\nend"));
        assert!(
            seen.starts_with(&format!("GET {path} HTTP/1.1\r\n")),
            "{seen}"
        );
    }
}

#[test]
fn started_again_it_leaves_the_ports_to_the_first_one() {
    let front = Front::start();
    assert!(front.run().success());
    assert!(
        front
            .ask("GET /x HTTP/1.1\r\n\r\nend")
            .starts_with("GET /x")
    );
}

#[test]
fn a_body_of_any_length_arrives_whole() {
    let front = Front::start();
    let body = "x".repeat(3_000_000) + "end";
    let seen = front.ask(&format!("POST /v3.0.16/v1/chat HTTP/1.1\r\n\r\n{body}"));
    assert!(
        seen.starts_with("POST /v1/chat HTTP/1.1"),
        "{}",
        &seen[..60]
    );
    assert!(seen.ends_with(&body));
}
