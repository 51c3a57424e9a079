//! Whom the program tells: `pocpit notify`, alerts with their end, and the heartbeat.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::{Home, ran};
use crate::common::Sim;

/// Nothing here takes this long, even on a busy machine.
const PATIENCE: Duration = Duration::from_secs(90);

/// A request as the receiver saw it.
struct Request {
    path: String,
    headers: String,
    body: String,
}

/// A service that takes everything but what is asked of `/gone`.
struct Service {
    address: String,
    requests: Receiver<Request>,
}

impl Service {
    fn start() -> Service {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let (seen, requests) = channel();
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let Some(request) = answered(&stream) else {
                    continue;
                };
                if seen.send(request).is_err() {
                    return;
                }
            }
        });
        Service { address, requests }
    }

    /// The next request that is looked for.
    fn wait_for(&self, what: &str, is_it: impl Fn(&Request) -> bool) -> Request {
        let end = Instant::now() + PATIENCE;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            match self.requests.recv_timeout(left) {
                Ok(request) if is_it(&request) => return request,
                Ok(_) => {}
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                    panic!("{what} never came")
                }
            }
        }
    }
}

/// Reads one request and answers it; connections are not kept.
fn answered(stream: &TcpStream) -> Option<Request> {
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    let mut reader = BufReader::new(stream);
    let mut first = String::new();
    reader.read_line(&mut first).ok()?;
    let path = first.split(' ').nth(1)?.to_owned();
    let mut headers = String::new();
    while !headers.ends_with("\r\n\r\n") {
        if reader.read_line(&mut headers).ok()? == 0 {
            return None;
        }
        if headers == "\r\n" {
            break;
        }
    }
    let headers = headers.to_lowercase();
    let length = headers
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "));
    let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
    reader.read_exact(&mut body).ok()?;
    let status = if path == "/gone" {
        "404 Not Found"
    } else {
        "200 OK"
    };
    let reply = format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
    reader.into_inner().write_all(reply.as_bytes()).ok()?;
    Some(Request {
        path,
        headers,
        body: String::from_utf8(body).ok()?,
    })
}

#[test]
fn a_test_notice_tells_of_every_channel_whether_it_arrived() {
    let home = Home::new();
    let sim = Sim::start(&mut home.command(&["sim"]));
    let service = Service::start();
    let told = home.path("told");
    let notify = |arguments: &[&str], environment: &[(&str, String)]| {
        let first = ["--config", sim.config.as_str(), "notify"];
        let mut command = home.command(&[&first, arguments].concat());
        ran(command.envs(environment.iter().map(|(name, value)| (name, value))))
    };
    // Without any channel it says where to name one.
    let nobody = notify(&["test"], &[]);
    assert_eq!(nobody.code, Some(2));
    assert!(nobody.stderr.contains("[notify]"), "{}", nobody.stderr);
    // Two that work,
    let hook = |path| {
        (
            "POCPIT_NOTIFY_WEBHOOK",
            format!("{}{path}", service.address),
        )
    };
    let command = format!("cp,/dev/stdin,{}", told.display());
    let command = ("POCPIT_NOTIFY_COMMAND", command);
    let secret = ("POCPIT_NOTIFY_WEBHOOK_SECRET", "s3cret".to_owned());
    let both = notify(&["test"], &[hook("/hook"), command.clone(), secret]);
    assert_eq!(both.code, Some(0), "{}{}", both.stdout, both.stderr);
    let request = service.wait_for("the notice", |_| true);
    assert!(
        request.headers.contains("x-pocpit-signature: sha256="),
        "{}",
        request.headers
    );
    let body: Value = serde_json::from_str(&request.body).unwrap();
    assert_eq!(body["title"], "a test of pocpit");
    assert!(
        std::fs::read_to_string(told)
            .unwrap()
            .contains("a test of pocpit")
    );
    // and one that does not: each is told, and the exit code is not 0.
    let one = notify(&["test", "--json"], &[hook("/gone"), command]);
    assert_eq!(one.code, Some(1));
    let all: Value = serde_json::from_str(&one.stdout).unwrap();
    assert_eq!(
        (&all[0]["channel"], &all[0]["arrived"], &all[1]["arrived"]),
        (&"webhook".into(), &false.into(), &true.into()),
        "{all}"
    );
    // A service manager can tell too.
    let said = notify(
        &["send", "--level", "critical", "it died"],
        &[hook("/hook")],
    );
    assert_eq!(said.code, Some(0), "{}", said.stderr);
    let request = service.wait_for("the own notice", |request| request.path == "/hook");
    let body: Value = serde_json::from_str(&request.body).unwrap();
    assert_eq!(
        (&body["level"], &body["title"]),
        (&"critical".into(), &"it died".into())
    );
}

struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = kill_process(Pid::from_child(&self.0), Signal::TERM);
        let _ = self.0.wait();
    }
}

#[test]
fn when_the_chain_is_gone_the_operator_is_told_and_the_heart_stops() {
    let home = Home::new();
    let sim = Sim::start(home.command(&["sim"]).args(["--speed", "100"]));
    let service = Service::start();
    // Given a program that runs hands-off and sends signs of life,
    let mut auto: Command = home.command(&["--config", sim.config.as_str(), "auto"]);
    let auto = auto
        .env("POCPIT_NOTIFY_WEBHOOK", format!("{}/hook", service.address))
        .env(
            "POCPIT_NOTIFY_HEARTBEAT",
            format!("{}/alive", service.address),
        )
        .env("POCPIT_NOTIFY_HEARTBEAT_EVERY", "1m")
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let _running = Running(auto.spawn().unwrap());
    for _ in 0..2 {
        service.wait_for("a heartbeat", |request| request.path == "/alive");
    }
    // when nothing of the outside world answers any more,
    drop(sim);
    // then the operator is told what it means and what to do,
    let page = service.wait_for("a page", |request| {
        request.path == "/hook" && request.body.contains("chain")
    });
    let page: Value = serde_json::from_str(&page.body).unwrap();
    let text = page["body"].as_str().unwrap();
    for part in ["To do: ", "Money: ", "pocpit: ", "Look: "] {
        assert!(text.contains(part), "{text}");
    }
    // and there is no sign of life any more. What was under way has arrived by now.
    while service.requests.try_recv().is_ok() {}
    let more = service.requests.recv_timeout(Duration::from_secs(3));
    assert!(more.is_err() || more.unwrap().path == "/hook");
}
