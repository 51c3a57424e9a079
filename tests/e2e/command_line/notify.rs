//! Notifications: `pocpit notify`, alerts and their resolution, the heartbeat.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::relay::{Mood, Relay};
use super::{Home, ran};
use crate::sim::Sim;

/// Nothing here takes this long, even on a busy machine.
const PATIENCE: Duration = Duration::from_secs(90);

#[test]
fn program_of_notices_gets_no_keys() {
    let home = Home::new();
    let sim = Sim::start(home.command(&["sim"]).args(["--speed", "20"]));
    // Given keys in the environment,
    let received = home.path("received");
    let script = home.path("tell");
    std::fs::write(&script, format!("env > {}\n", received.display())).unwrap();
    let program = format!("/bin/sh, {}", script.display());
    let told = ran(home
        .command(&["--config", &sim.config, "notify", "test"])
        .env("POCPIT_NOTIFY_COMMAND", program)
        .env("POCPIT_VAST_API_KEY", "canary-market")
        .env("POCPIT_INFERENCE_PROXY_UPSTREAM_KEY", "canary-upstream"));
    assert_eq!(told.code, Some(0), "{}", told.stderr);
    // then the operator's program gets the notice and none of them.
    let environment = std::fs::read_to_string(received).unwrap();
    assert!(environment.contains("POCPIT_TITLE="), "{environment}");
    assert!(!environment.contains("canary"), "{environment}");
}

/// A received request.
struct Request {
    path: String,
    headers: String,
    body: String,
}

/// A service that accepts every request, but answers a path that is a number with that status, `/silent`
/// with nothing, and `/slow` later than any timeout.
struct Service {
    address: String,
    requests: Receiver<Request>,
}

impl Service {
    fn start() -> Service {
        Service::listening(TcpListener::bind("127.0.0.1:0").unwrap())
    }

    fn listening(listener: TcpListener) -> Service {
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

    /// The next request that the test waits for.
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

    /// Waits until there was no request for this long.
    fn wait_for_silence(&self, length: Duration) {
        let end = Instant::now() + PATIENCE;
        while self.requests.recv_timeout(length).is_ok() {
            assert!(Instant::now() < end, "it never ends");
        }
    }
}

fn keep_open(stream: TcpStream) {
    std::thread::spawn(move || {
        std::thread::sleep(PATIENCE);
        drop(stream);
    });
}

/// Reads one request and answers it; connections are not reused.
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
    let of_path = path
        .split('/')
        .nth(1)
        .and_then(|number| number.parse().ok());
    let status: u16 = of_path.unwrap_or(200);
    let reply = format!("HTTP/1.1 {status} x\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
    match path.as_str() {
        "/silent" => {}
        "/slow" => keep_open(stream.try_clone().ok()?),
        _ => reader.into_inner().write_all(reply.as_bytes()).ok()?,
    }
    Some(Request {
        path,
        headers,
        body: String::from_utf8(body).ok()?,
    })
}

#[test]
fn notify_test_reports_every_channel() {
    let home = Home::new();
    let sim = Sim::start(&mut home.command(&["sim"]));
    let service = Service::start();
    let told = home.path("told");
    let notify = |arguments: &[&str], environment: &[(&str, String)]| {
        let first = ["--config", sim.config.as_str(), "notify"];
        let mut command = home.command(&[&first, arguments].concat());
        ran(command.envs(environment.iter().map(|(name, value)| (name, value))))
    };
    // Without a channel, the message says where to configure one.
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
    // and one that does not: each is reported, and the exit code is not 0.
    let one = notify(&["test", "--json"], &[hook("/404"), command]);
    assert_eq!(one.code, Some(1));
    let all: Value = serde_json::from_str(&one.stdout).unwrap();
    assert_eq!(
        (&all[0]["channel"], &all[0]["arrived"], &all[1]["arrived"]),
        (&"webhook".into(), &false.into(), &true.into()),
        "{all}"
    );
    // A service manager can send a notice too.
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

/// An operator's machine, a served world, and a receiving service.
struct Trial {
    home: Home,
    sim: Sim,
    service: Service,
}

impl Trial {
    fn new() -> Trial {
        let home = Home::new();
        let sim = Sim::start(&mut home.command(&["sim"]));
        Trial {
            home,
            sim,
            service: Service::start(),
        }
    }

    /// A URL at the service; the path determines the answer.
    fn at(&self, path: &str) -> String {
        format!("{}{path}", self.service.address)
    }

    /// Tests the channel that these variables configure; expects the cause of the failure and the remedy.
    fn fails(&self, environment: &[(&str, String)], why: &str, remedy: &str) {
        let test = [
            "--config",
            self.sim.config.as_str(),
            "notify",
            "test",
            "--wide",
        ];
        let variables = environment.iter().map(|(name, value)| (name, value));
        let told = ran(self.home.command(&test).envs(variables));
        assert_eq!(told.code, Some(1), "{environment:?}: {}", told.stderr);
        let (said, to_do) = told.stdout.split_once("\n  To do: ").expect("what to do");
        assert!(
            said.contains("NOT delivered") && said.contains(why),
            "{why}: {said}"
        );
        assert!(to_do.contains(remedy), "{environment:?}: {to_do}");
    }

    fn webhook_fails(&self, address: String, why: &str, remedy: &str) {
        self.fails(&[("POCPIT_NOTIFY_WEBHOOK", address)], why, remedy);
    }

    fn telegram_fails(&self, address: String, why: &str, remedy: &str) {
        let environment = [
            ("POCPIT_NOTIFY_TELEGRAM_TOKEN", "123:abc".to_owned()),
            ("POCPIT_NOTIFY_TELEGRAM_CHAT", "1".to_owned()),
            ("POCPIT_NOTIFY_TELEGRAM_API", address),
        ];
        self.fails(&environment, why, remedy);
    }
}

/// An address where nothing listens any more.
fn nobody() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}

#[test]
fn webhook_errors_have_a_remedy() {
    let trial = Trial::new();
    let fails = |address, why, remedy| trial.webhook_fails(address, why, remedy);
    fails(nobody(), "could not be reached", "the service is running");
    fails(
        trial.at("/silent"),
        "no usable answer",
        "a working web server",
    );
    fails(
        trial.at("/slow"),
        "no usable answer",
        "check whether it arrived",
    );
    fails(trial.at("/401"), "401", "notify.webhook_token");
    fails(trial.at("/403"), "403", "notify.webhook_token");
    fails(trial.at("/404"), "404", "the path in notify.webhook");
    fails(trial.at("/429"), "429", "wait a few minutes");
    fails(trial.at("/503"), "503", "the service behind notify.webhook");
}

#[test]
fn other_channel_errors_have_a_remedy() {
    let trial = Trial::new();
    let telegram = |address, why, remedy| trial.telegram_fails(address, why, remedy);
    telegram(nobody(), "could not be reached", "notify.telegram_api");
    telegram(trial.at("/401"), "401", "notify.telegram_token");
    telegram(trial.at("/403"), "403", "notify.telegram_chat");
    telegram(trial.at("/404"), "404", "notify.telegram_token");
    telegram(trial.at("/429"), "429", "wait a few minutes");
    let one = |name, value: String, why, remedy| trial.fails(&[(name, value)], why, remedy);
    let discord = "POCPIT_NOTIFY_DISCORD_WEBHOOK";
    one(discord, trial.at("/404"), "404", "create a webhook");
    one(discord, trial.at("/429"), "429", "wait a few minutes");
    let ntfy = "POCPIT_NOTIFY_NTFY";
    one(ntfy, trial.at("/403/topic"), "403", "notify.ntfy_token");
    one(ntfy, nobody() + "/topic", "reached", "notify.ntfy");
    let command = "POCPIT_NOTIFY_COMMAND";
    let by_hand = "run notify.command by hand";
    one(command, "false".to_owned(), "exited with", by_hand);
    one(command, "/nonexistent".to_owned(), "cannot run", by_hand);
}

#[test]
fn broken_config_is_reported_in_notice() {
    let home = Home::new();
    let sim = Sim::start(&mut home.command(&["sim"]));
    let service = Service::start();
    let hook = format!("[notify]\nwebhook = \"{}/hook\"\n", service.address);
    let complete = std::fs::read_to_string(&sim.config).unwrap() + &hook;
    assert!(complete.contains("\n[vast]\n"), "{complete}");
    let file = home.path("wrong.toml");
    let send = |text: &str| {
        std::fs::write(&file, text).unwrap();
        home.run(&[
            "--config",
            file.to_str().unwrap(),
            "notify",
            "send",
            "the service failed",
            "See its log.",
        ])
    };
    // Given a file with an error elsewhere, without a key, or that is not TOML,
    for (text, why) in [
        (
            complete.replacen("[vast]", "[vast]\nprize = 7", 1),
            "vast.prize",
        ),
        (complete.replacen("api_key", "# api_key", 1), "vast.api_key"),
        (complete.replacen("[vast]", "[vast", 1), "the file"),
        (hook.clone(), "vast.api_key"),
    ] {
        // when a notice is sent,
        let told = send(&text);
        // then it arrives, and says that the configuration does not load, and why.
        assert_eq!(told.code, Some(0), "{why}: {}", told.stderr);
        let page = service.wait_for("the page", |request| request.path == "/hook");
        let page: Value = serde_json::from_str(&page.body).unwrap();
        let body = page["body"].as_str().unwrap();
        assert!(
            body.starts_with("See its log.\nThe configuration does not load"),
            "{body}"
        );
        assert!(body.contains(why), "{why}: {body}");
        assert_eq!(page["title"], "the service failed");
    }
    // A valid configuration adds nothing.
    assert_eq!(send(&complete).code, Some(0));
    let page = service.wait_for("the page", |request| request.path == "/hook");
    assert!(!page.body.contains("does not load"), "{}", page.body);
    // An error in that part, or a missing channel, is reported here.
    let wrong = send("[vats]\n[notify]\nwebhook = \"nowhere\"\n");
    assert_eq!(wrong.code, Some(2));
    assert!(
        wrong.stderr.contains("notify.webhook (line 3)"),
        "{}",
        wrong.stderr
    );
    let nobody = send("[vats]\n");
    assert_eq!(nobody.code, Some(2));
    assert!(nobody.stderr.contains("vats"), "{}", nobody.stderr);
}

#[test]
fn notify_send_retries_late_receiver() {
    let home = Home::new();
    let sim = Sim::start(&mut home.command(&["sim"]));
    // Given a receiver that is away,
    let address = nobody();
    let mut send = home.command(&["--config", sim.config.as_str(), "notify", "send"]);
    let send = send
        .args(["--minutes", "5", "--json", "the service failed"])
        .env("POCPIT_NOTIFY_WEBHOOK", address.clone() + "/hook")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut send = Running(send.spawn().unwrap());
    let mut said = BufReader::new(send.0.stderr.take().unwrap()).lines();
    assert!(
        said.next()
            .unwrap()
            .unwrap()
            .contains("has not accepted it yet")
    );
    // when it is back, then it receives the notice,
    let place = address.strip_prefix("http://").unwrap();
    let service = Service::listening(TcpListener::bind(place).unwrap());
    service.wait_for("the notice", |request| {
        request.body.contains("the service failed")
    });
    assert_eq!(send.0.wait().unwrap().code(), Some(0));
    let rest: Vec<String> = said.map_while(Result::ok).collect();
    // and nothing stays persisted.
    assert!(!rest.join("\n").contains("are saved"), "{rest:?}");
    let left = crate::command_line::config_of(&sim)
        .paths
        .state_dir
        .join("outbox.d");
    assert_eq!(std::fs::read_dir(left).unwrap().count(), 0);
}

#[test]
fn undelivered_notice_is_left_to_running_pocpit() {
    let trial = Trial::new();
    let config = trial.sim.config.as_str();
    let command = |arguments: &[&str], hook: String| {
        let mut command = trial
            .home
            .command(&[&["--config", config], arguments].concat());
        command.env("POCPIT_NOTIFY_WEBHOOK", hook);
        command
    };
    // Given a notice that was not delivered, and one that was refused,
    let sent = ran(&mut command(
        &["notify", "send", "the service failed"],
        nobody(),
    ));
    assert_eq!(sent.code, Some(1), "{}", sent.stderr);
    assert!(sent.stderr.contains("are saved"), "{}", sent.stderr);
    let refused = ran(&mut command(
        &["notify", "send", "refused"],
        trial.at("/404"),
    ));
    assert!(!refused.stderr.contains("are saved"), "{}", refused.stderr);
    // when the program runs, then it delivers the first one.
    let mut auto = command(&["auto"], trial.at("/hook"));
    let auto = auto.stdout(Stdio::null()).stderr(Stdio::null());
    let _running = Running(auto.spawn().unwrap());
    let of_ours = |request: &Request| request.path == "/hook" && !request.body.contains("PoC");
    let page = trial.service.wait_for("the page", of_ours);
    assert!(page.body.contains("the service failed"), "{}", page.body);
}

struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = kill_process(Pid::from_child(&self.0), Signal::TERM);
        let _ = self.0.wait();
    }
}

#[test]
fn lost_chain_alerts_and_stops_heartbeat() {
    let home = Home::new();
    let sim = Sim::start(home.command(&["sim"]).args(["--speed", "100"]));
    let service = Service::start();
    // Given an unattended run that sends heartbeats,
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
    // when no outside service answers any more,
    drop(sim);
    // then the operator gets an alert that says what it means and what to do,
    let page = service.wait_for("a page", |request| {
        request.path == "/hook" && request.body.contains("chain")
    });
    let page: Value = serde_json::from_str(&page.body).unwrap();
    let text = page["body"].as_str().unwrap();
    for part in ["To do: ", "Money: ", "pocpit: ", "Look: "] {
        assert!(text.contains(part), "{text}");
    }
    // and there are no more heartbeats. Those in flight have arrived by now.
    while service.requests.try_recv().is_ok() {}
    let more = service.requests.recv_timeout(Duration::from_secs(3));
    assert!(more.is_err() || more.unwrap().path == "/hook");
}

/// The address of the served world's service in a setting.
fn service_of(sim: &Sim, section: &str, setting: &str) -> SocketAddr {
    let text = std::fs::read_to_string(&sim.config).unwrap();
    let config: toml::Table = text.parse().unwrap();
    let value = &config[section][setting];
    let url = value.get(0).unwrap_or(value).as_str().unwrap();
    let url: url::Url = url.parse().unwrap();
    url.socket_addrs(|| None).unwrap()[0]
}

#[test]
fn heartbeat_stops_and_resumes() {
    let home = Home::new();
    let sim = Sim::start(home.command(&["sim"]).args(["--speed", "100"]));
    let service = Service::start();
    let relay = |section, setting| Relay::to(service_of(&sim, section, setting));
    let market = relay("vast", "base_url");
    let (api, rpc) = (relay("chain", "public_api"), relay("chain", "rpc"));
    // Given an unattended run with a heartbeat every minute of its world,
    let mut auto: Command = home.command(&["--config", sim.config.as_str(), "auto"]);
    let auto = auto
        .envs([
            (
                "POCPIT_NOTIFY_HEARTBEAT",
                service.address.clone() + "/alive",
            ),
            ("POCPIT_NOTIFY_HEARTBEAT_EVERY", "1m".to_owned()),
            ("POCPIT_VAST_BASE_URL", market.url()),
            ("POCPIT_CHAIN_PUBLIC_API", api.url()),
            ("POCPIT_CHAIN_RPC", rpc.url()),
        ])
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let _running = Running(auto.spawn().unwrap());
    let is_beat = |request: &Request| request.path == "/alive";
    let beats = |count| {
        for number in 1..=count {
            service.wait_for(&format!("heartbeat {number}"), is_beat);
        }
    };
    // Heartbeats arrive,
    beats(4);
    for relays in [&[&market][..], &[&api, &rpc]] {
        // when the answers that it reads are empty,
        for relay in relays {
            relay.turn(Mood::Senseless);
        }
        // then there are no more heartbeats,
        service.wait_for_silence(Duration::from_secs(4));
        // and as soon as the answers are back, they resume.
        for relay in relays {
            relay.turn(Mood::Honest);
        }
        beats(3);
    }
}
