//! Recognisable secrets through whole runs of the program, with everything that goes wrong on the
//! way: none of them is in anything that it says, writes or starts.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use pocpit::cli;
use pocpit::world::{Fault, FaultKind, Scenario, ServedWorld, WorldOptions, serve};

const UPSTREAM_KEY: &str = "canary-upstream-5b1e";
const HOOK_PATH: &str = "canary-hook-path-77d0";
const HOOK_TOKEN: &str = "canary-hook-token-c3a9";
/// Those of the other notification channels: keys, and addresses that are as good as keys.
const TOLD: [&str; 6] = [
    "canary-hook-secret-51ce",
    "canary-telegram-7b02",
    "canary-discord-e8d1",
    "canary-topic-03fa",
    "canary-ntfy-token-9c66",
    "canary-heartbeat-2a4e",
];
const WRONG_KEY: &str = "canary-wrong-key-e012";
const MISPLACED: &str = "canary-misplaced-9f44";
const CALLER_KEY: &str = "canary-caller-1d6b";
/// What the world puts into the reply to a rent call.
const INSTANCE_KEY: &str = "instance-key-";
const PATIENCE: Duration = Duration::from_secs(180);

/// Where a secret was found: the place and the line.
type Leaks = BTreeSet<(String, String)>;

struct Operator {
    files: tempfile::TempDir,
    canaries: Vec<String>,
    leaks: Leaks,
}

impl Operator {
    fn path(&self, name: &str) -> std::path::PathBuf {
        self.files.path().join(name)
    }

    fn command(&self, config: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pocpit"));
        command
            .arg("--config")
            .arg(self.path(config))
            .args(arguments)
            .env("HOME", self.files.path())
            .env("POCPIT_LOG", "trace")
            .env("RUST_BACKTRACE", "full")
            .env(
                "POCPIT_FAILPOINTS",
                "effect:choosing,link:booting,poller:warming",
            )
            .stdin(Stdio::null());
        command
    }

    /// Runs it to its end; what it says is searched.
    fn run(&mut self, config: &str, arguments: &[&str]) -> String {
        let output = self.command(config, arguments).output().unwrap();
        let said = [output.stdout, output.stderr].concat();
        let place = format!("the output of {arguments:?} with {config}");
        self.search(&said, &place);
        String::from_utf8_lossy(&said).into_owned()
    }

    fn search(&mut self, bytes: &[u8], place: &str) {
        let text = String::from_utf8_lossy(bytes);
        for canary in &self.canaries {
            if let Some(line) = text.lines().find(|line| line.contains(canary)) {
                let line: String = line.chars().take(300).collect();
                self.leaks.insert((place.to_owned(), line));
            }
        }
    }

    /// Every file below a directory.
    fn search_files(&mut self, directory: &Path) -> usize {
        let mut count = 0;
        for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
            let path = entry.path();
            let kind = entry.file_type().unwrap();
            if kind.is_dir() {
                count += self.search_files(&path);
            } else if kind.is_file() {
                self.search(
                    &fs::read(&path).unwrap_or_default(),
                    &path.display().to_string(),
                );
                count += 1;
            }
        }
        count
    }

    /// Command lines, and the environment of everything that the program started.
    fn search_processes(&mut self, program: u32) -> usize {
        let home = self.files.path().display().to_string();
        let mut children = 0;
        for entry in fs::read_dir("/proc").unwrap().flatten() {
            let read = |name| fs::read(entry.path().join(name)).unwrap_or_default();
            let (line, name) = (read("cmdline"), entry.file_name());
            if !String::from_utf8_lossy(&line).contains(&home) {
                continue;
            }
            self.search(&line, "a command line");
            if name.to_string_lossy() != program.to_string() {
                children += 1;
                self.search(&read("environ"), "the environment of a child");
            }
        }
        children
    }
}

/// Calls that fail with what others may well put into their replies.
fn faults() -> Vec<Fault> {
    let fault = |service: &str, call: &str, nth, kind| Fault {
        service: service.into(),
        call: call.into(),
        nth: Some(nth),
        probability: None,
        kind,
    };
    let says = |status, body: &str| FaultKind::Status {
        status,
        body: body.into(),
    };
    let key = pocpit::world::API_KEY;
    vec![
        fault(
            "vast",
            "POST /api/v0/bundles/",
            1,
            says(500, &format!("{{\"msg\": \"{key} is broken\"}}")),
        ),
        fault(
            "vast",
            "GET /api/v1/instances/",
            2,
            says(401, &format!("Authorization: Bearer {key}")),
        ),
        fault("vast", "GET /api/v1/instances/", 4, FaultKind::Malformed),
        // It takes effect, and half of a reply with the instance's key comes back.
        fault("vast", "PUT /api/v0/asks/", 1, FaultKind::Malformed),
        fault(
            "vast",
            "DELETE /api/v0/instances/",
            1,
            says(500, "{\"instance_api_key\": \"instance-key-x\"}"),
        ),
        fault(
            "admin",
            "POST /admin/v1/nodes",
            1,
            says(500, &format!("api_key={key}")),
        ),
    ]
}

async fn world() -> ServedWorld {
    let scenario = Scenario {
        blocks_before_poc: 760,
        faults: faults(),
        ..Scenario::default()
    };
    let options = WorldOptions {
        seed: 3,
        scenario,
        speed: 400.0,
        ports: None,
    };
    serve(options).await.unwrap()
}

/// Answers every request with 401 and repeats what it was sent, as a clumsy service does.
fn clumsy_service() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || repeat(stream));
        }
    });
    port
}

fn repeat(mut stream: TcpStream) {
    let mut request = vec![0; 16 * 1024];
    let count = stream.read(&mut request).unwrap_or(0);
    let head = String::from_utf8_lossy(&request[..count]).replace(['\r', '\n', '"'], " ");
    let body = format!("{{\"error\": \"refused: {head}\"}}");
    let _ = write!(
        stream,
        "HTTP/1.1 401 Unauthorized\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    );
}

/// A configuration with all secrets in it, and broken ones.
fn write_configurations(operator: &Operator, text: &str, service: u16) {
    let hook = format!("http://127.0.0.1:{service}/{HOOK_PATH}");
    // The proxy's upstream is the service that repeats what it gets.
    let lines = text.lines().map(|line| match line.split_once(" = ") {
        Some(("upstream_key", _)) => format!("upstream_key = \"{UPSTREAM_KEY}\"\n"),
        Some(("upstream", _)) => format!("upstream = \"http://127.0.0.1:{service}/v1\"\n"),
        _ => format!("{line}\n"),
    });
    let good: String = lines.collect();
    let [hook_secret, telegram, discord, topic, ntfy, heartbeat] = TOLD;
    let clumsy = format!("http://127.0.0.1:{service}");
    let good = format!(
        "{good}\n[notify]\nwebhook = \"{hook}\"\nwebhook_token = \"{HOOK_TOKEN}\"\n\
         webhook_secret = \"{hook_secret}\"\ntelegram_token = \"{telegram}\"\n\
         telegram_chat = \"1\"\ntelegram_api = \"{clumsy}\"\n\
         discord_webhook = \"{clumsy}/{discord}\"\nntfy = \"{clumsy}/{topic}\"\n\
         ntfy_token = \"{ntfy}\"\nheartbeat = \"{clumsy}/{heartbeat}\"\n"
    );
    assert!(good.contains(UPSTREAM_KEY), "{good}");
    let key = format!("api_key = \"{}\"", pocpit::world::API_KEY);
    assert!(good.contains(&key), "{good}");
    let with = |right: &str| good.replace(&key, right);
    let variants = [
        ("good.toml", good.clone()),
        ("wrong.toml", with(&format!("api_key = \"{WRONG_KEY}\""))),
        ("list.toml", with(&format!("api_key = [\"{MISPLACED}\"]"))),
        ("unclosed.toml", with(&format!("api_key = \"{MISPLACED}"))),
        ("unquoted.toml", with(&format!("api_key = {MISPLACED}"))),
        (
            "unknown.toml",
            with(&format!("{key}\napi_kye = \"{MISPLACED}\"")),
        ),
        (
            "file.toml",
            with(&format!("api_key_file = [\"{MISPLACED}\"]")),
        ),
        (
            "url.toml",
            good.replace(&hook, &format!("https://me:{MISPLACED}@example.org/")),
        ),
        (
            "hook.toml",
            good.replace(&hook, &format!("htp:/{HOOK_PATH}")),
        ),
    ];
    for (name, text) in variants {
        fs::write(operator.path(name), text).unwrap();
    }
}

fn wait(child: &mut Child, what: &str, mut meanwhile: impl FnMut()) {
    let end = Instant::now() + PATIENCE;
    while child.try_wait().unwrap().is_none() {
        assert!(Instant::now() < end, "{what} did not end");
        meanwhile();
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Hands off through a sprint in which everything goes wrong once.
fn a_sprint(operator: &mut Operator) {
    let path = operator.path("said");
    let said = File::create(&path).unwrap();
    let mut child = operator
        .command("good.toml", &["auto", "--once", "--json"])
        .stdout(said.try_clone().unwrap())
        .stderr(said)
        .spawn()
        .unwrap();
    let (program, mut children) = (child.id(), 0);
    wait(&mut child, "the sprint", || {
        children += operator.search_processes(program);
    });
    let said = fs::read(&path).unwrap();
    operator.search(&said, "the output of auto");
    let said = String::from_utf8_lossy(&said);
    // The search can fail: the run said a lot, started ssh, and came to its report.
    assert!(said.contains("TRACE"), "{said}");
    assert!(said.contains("\"rentals_left\":0"), "{said}");
    assert!(children > 0, "no child was ever seen");
    if cfg!(debug_assertions) {
        assert!(said.contains("failpoint: "), "nothing panicked");
    }
}

/// The inference proxy with a caller and an upstream that repeats what it gets.
fn a_proxied_call(operator: &mut Operator, listen: &str) {
    let path = operator.path("proxy-said");
    let said = File::create(&path).unwrap();
    let mut child = operator
        .command("good.toml", &["proxy"])
        .stdout(said.try_clone().unwrap())
        .stderr(said)
        .spawn()
        .unwrap();
    let end = Instant::now() + PATIENCE;
    let call = |path: &str| {
        let mut stream = TcpStream::connect(listen).ok()?;
        let body = format!(
            "{{\"model\": \"{}\", \"messages\": []}}",
            pocpit::world::MODEL
        );
        write!(
            stream,
            "POST {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {CALLER_KEY}\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
            body.len()
        )
        .ok()?;
        let mut reply = String::new();
        stream.read_to_string(&mut reply).ok()?;
        Some(reply)
    };
    while call("/api/v1/inference/up").is_none() {
        assert!(Instant::now() < end, "the proxy never listened");
        std::thread::sleep(Duration::from_millis(50));
    }
    let reply = call("/v1/chat/completions").expect("a reply");
    operator.search(reply.as_bytes(), "the proxy's reply to its caller");
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    wait(&mut child, "the proxy", || {});
    operator.search(&fs::read(&path).unwrap(), "the output of proxy");
}

#[test]
fn no_secret_in_output_files_or_arguments() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let files = tempfile::Builder::new()
        .prefix("pocpit-")
        .tempdir()
        .unwrap();
    let world = runtime.block_on(world());
    let text = runtime
        .block_on(cli::configuration(&world, files.path()))
        .unwrap();
    let private = fs::read_to_string(files.path().join("id_ed25519")).unwrap();
    let private = private
        .lines()
        .nth(2)
        .expect("the key's own part")
        .to_owned();
    let mut canaries: Vec<String> = [
        UPSTREAM_KEY,
        HOOK_PATH,
        HOOK_TOKEN,
        WRONG_KEY,
        MISPLACED,
        CALLER_KEY,
        INSTANCE_KEY,
        pocpit::world::API_KEY,
        pocpit::world::WORKER_PRIVATE_KEY,
    ]
    .map(str::to_owned)
    .into();
    canaries.push(private);
    canaries.extend(TOLD.map(str::to_owned));
    let listen = cli::parse_configuration(&text).unwrap().inference_proxy;
    let listen = listen.expect("a proxy").listen.to_string();
    let mut operator = Operator {
        files,
        canaries,
        leaks: Leaks::new(),
    };
    write_configurations(&operator, &text, clumsy_service());

    a_sprint(&mut operator);
    a_proxied_call(&mut operator, &listen);
    for command in ["offers", "epoch", "nodes", "history"] {
        operator.run("good.toml", &[command, "--json"]);
        operator.run("wrong.toml", &[command]);
    }
    operator.run("wrong.toml", &["release", "--yes"]);
    let told = operator.run("good.toml", &["notify", "test"]);
    for channel in ["webhook", "telegram", "discord", "ntfy"] {
        assert!(
            told.contains(&format!("{channel}: NOT delivered")),
            "{told}"
        );
    }
    for broken in [
        "list", "unclosed", "unquoted", "unknown", "file", "url", "hook", "good",
    ] {
        let config = format!("{broken}.toml");
        operator.run(&config, &["config", "check"]);
        operator.run(&config, &["config", "show"]);
        // The error of a configuration that does not load appears here.
        operator.run(&config, &["notify", "send", "it failed"]);
    }
    operator.run("good.toml", &["journal", "dump"]);
    let written = ["state", "run"].map(|name| operator.path(name));
    let count: usize = written.iter().map(|path| operator.search_files(path)).sum();
    assert!(count > 2, "journal and log were not found");

    let leaks: Vec<String> = operator
        .leaks
        .iter()
        .map(|(place, line)| format!("in {place}: {line}"))
        .collect();
    assert!(leaks.is_empty(), "{}", leaks.join("\n"));
}
