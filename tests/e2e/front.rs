//! The script in front of a directly exposed rental, run before a test service.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, ExitStatus};
use std::thread;
use std::time::Duration;

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/front.py");
/// A broken script fails instead of hanging; nothing is measured.
const TIMEOUT: Duration = Duration::from_secs(30);

/// The script in front of a service that echoes requests.
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

    /// Runs the script, which daemonizes.
    fn run(&self) -> ExitStatus {
        Command::new("python3")
            .args([SCRIPT, &self.pair])
            .status()
            .unwrap()
    }

    /// The request as the service received it.
    fn ask(&self, request: &str) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(TIMEOUT)).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer.split_once("\r\n\r\n").unwrap().1.to_owned()
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        // The daemon is found by its arguments, which are unique.
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

/// Echoes the request and closes.
fn echo(mut stream: TcpStream) {
    stream.set_read_timeout(Some(TIMEOUT)).unwrap();
    let (mut received, mut buffer) = (Vec::new(), [0; 1024]);
    while !received.ends_with(b"end") {
        let count = stream.read(&mut buffer).unwrap();
        assert!(count > 0, "the request broke off");
        received.extend_from_slice(&buffer[..count]);
    }
    stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
    stream.write_all(&received).unwrap();
}

#[test]
fn version_prefix_is_removed_and_rest_kept() {
    let front = Front::start();
    let received = front.ask(
        "POST /v3.0.8/api/v1/state?x=1 HTTP/1.1\r\nHost: a\r\nConnection: keep-alive\r\n\r\n/v3.0.8/ end",
    );
    assert_eq!(
        received,
        "POST /api/v1/state?x=1 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n/v3.0.8/ end"
    );
    for path in ["/v1/models", "/api/v1/state", "/v3/x", "/v3.0.8", "/"] {
        let received = front.ask(&format!("GET {path} HTTP/1.1\r\n\r\nend"));
        assert!(
            received.starts_with(&format!("GET {path} HTTP/1.1\r\n")),
            "{received}"
        );
    }
}

#[test]
fn front_adds_a_missing_content_type() {
    let front = Front::start();
    let json = "\r\nContent-Type: application/json\r\n";
    for (head, is_added) in [
        ("POST /api/v1/stop HTTP/1.1\r\ncontent-length: 3", true),
        (
            "POST /api/v1/stop HTTP/1.1\r\nTransfer-Encoding: chunked",
            true,
        ),
        ("POST /api/v1/stop HTTP/1.1\r\ncontent-length: 0", false),
        ("GET /api/v1/state HTTP/1.1", false),
        (
            "POST /v1/audio HTTP/1.1\r\ncontent-type: audio/wav\r\ncontent-length: 3",
            false,
        ),
    ] {
        let received = front.ask(&format!("{head}\r\n\r\nend"));
        assert_eq!(received.contains(json), is_added, "{received}");
        assert!(
            received.starts_with(head) && received.ends_with("\r\n\r\nend"),
            "{received}"
        );
    }
}

#[test]
fn second_start_leaves_the_first_running() {
    let front = Front::start();
    assert!(front.run().success());
    assert!(
        front
            .ask("GET /x HTTP/1.1\r\n\r\nend")
            .starts_with("GET /x")
    );
}

#[test]
fn large_body_arrives_complete() {
    let front = Front::start();
    let body = "x".repeat(3_000_000) + "end";
    let received = front.ask(&format!("POST /v3.0.16/v1/chat HTTP/1.1\r\n\r\n{body}"));
    assert!(
        received.starts_with("POST /v1/chat HTTP/1.1"),
        "{}",
        &received[..60]
    );
    assert!(received.ends_with(&body));
}
