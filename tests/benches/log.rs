//! How fast a log comes through to the cockpit's screen, beside `ssh host cat file | wc -l` on the same
//! server and over the same link: `cargo bench --bench log`. The ratio of the medians is printed for
//! each link: those that a host can have, and this machine's loopback, where there is no link, and
//! the server, `ssh` and what reads from it share the processor.
//!
//! Ours does with each line what the engine does: it is kept in a file, made safe, looked at for the
//! boot's stages and faults, and put into the log of a snapshot, which is published at the engine's
//! pace and drawn by a cockpit at its own.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::cast_precision_loss
)]

#[allow(dead_code)]
#[path = "../e2e/ssh/peer.rs"]
mod peer;

#[path = "scene.rs"]
mod scene;

use std::fmt::{self, Display, Formatter, Write as _};
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::ops::Range;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use pocpit::config::SshConfig;
use pocpit::domain::{
    InstanceId, OrderedMachine, SshEndpoint, StageTimes, Time, Workload, WorkloadModel,
};
use pocpit::engine::{PublishInterval, Snapshot};
use pocpit::mlnode::boot::{BootOrder, BootTracker};
use pocpit::ports::{LogPosition, Remote as _};
use pocpit::ssh::sanitize::Sanitizer;
use pocpit::ssh::{OpenSshRemote, generate_key};
use pocpit::tui::keymap::Keymap;
use pocpit::tui::message::Message;
use pocpit::tui::model::Model;
use pocpit::tui::view;
use ratatui::backend::CrosstermBackend;
use ratatui::layout::Rect;
use ratatui::{Frame, Terminal, TerminalOptions, Viewport};
use tokio::runtime::Runtime;
use tokio::sync::watch;

use peer::{Kind, Peer};

/// Rounds that count.
const ROUNDS: usize = 5;
const LINKS: [Link; 3] = [
    Link::MegabitsPerSecond(1_000),
    Link::MegabitsPerSecond(2_500),
    Link::Loopback,
];
/// As the cockpit's own.
const FRAME: Duration = Duration::from_millis(40);
/// Enough that the login, which both have, matters little.
const LINES: usize = 5_000_000;
/// Lines that are made at a time.
const PIECE: usize = 1_000_000;
const LOG: &str = "mlnode.log";

const ORDERED: OrderedMachine = OrderedMachine {
    gpus: 4,
    gpu_memory_mb: 80_000,
    cuda: None,
};

#[derive(Clone, Copy)]
enum Link {
    Loopback,
    MegabitsPerSecond(u32),
}

impl Link {
    /// Where the host is reached over this link.
    fn to(self, host: &SshEndpoint) -> SshEndpoint {
        let Link::MegabitsPerSecond(megabits) = self else {
            return host.clone();
        };
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let host_port = host.port;
        std::thread::spawn(move || {
            for client in listener.incoming() {
                let client = client.unwrap();
                let host = TcpStream::connect(("127.0.0.1", host_port)).unwrap();
                let back = (host.try_clone().unwrap(), client.try_clone().unwrap());
                std::thread::spawn(move || carry(client, host, megabits));
                std::thread::spawn(move || carry(back.0, back.1, megabits));
            }
        });
        SshEndpoint {
            host: "127.0.0.1".into(),
            port,
        }
    }
}

impl Display for Link {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Link::Loopback => f.write_str("loopback"),
            Link::MegabitsPerSecond(megabits) => write!(f, "{megabits} Mbit/s"),
        }
    }
}

/// Carries one way, no faster than the link, until either end is gone.
fn carry(mut from: TcpStream, mut to: TcpStream, megabits: u32) {
    let mut bytes = vec![0; 64 * 1024];
    let bytes_per_second = f64::from(megabits) * 1e6 / 8.0;
    let mut free_at = Instant::now();
    while let Ok(count @ 1..) = from.read(&mut bytes) {
        // A link that was idle has saved nothing up.
        if free_at.elapsed() > Duration::from_millis(2) {
            free_at = Instant::now();
        }
        free_at += Duration::from_secs_f64(count as f64 / bytes_per_second);
        std::thread::sleep(free_at.saturating_duration_since(Instant::now()));
        if to.write_all(&bytes[..count]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
}

struct Scene {
    peer: Peer,
    remote: OpenSshRemote,
    config: SshConfig,
    scratch: tempfile::TempDir,
    bytes: u64,
}

impl Scene {
    async fn new() -> Option<Scene> {
        let scratch = tempfile::tempdir().unwrap();
        let key_file = scratch.path().join("key");
        generate_key(&key_file).await.unwrap();
        let peer = Peer::start(Kind::Sshd, &scratch.path().join("key.pub")).await?;
        let config = SshConfig {
            key_file,
            known_hosts_dir: scratch.path().join("hosts"),
            user: peer.user(),
            connect_timeout: Duration::from_secs(10),
            keepalive: Duration::from_secs(3),
        };
        let remote = OpenSshRemote::new(&config, &scratch.path().join("run")).unwrap();
        let mut bytes = 0;
        for piece in 0..LINES / PIECE {
            let text = text(piece * PIECE..(piece + 1) * PIECE);
            peer.append(LOG, text.as_bytes());
            bytes += text.len() as u64;
        }
        Some(Scene {
            peer,
            remote,
            config,
            scratch,
            bytes,
        })
    }

    /// Login included, as for the other one.
    async fn ours(&self, host: &SshEndpoint) -> (Duration, u64) {
        let (publish, snapshots) = watch::channel(Arc::new(scene::empty()));
        let cockpit = std::thread::spawn(move || draw(snapshots));
        let begin = Instant::now();
        let session = self.remote.connect(InstanceId(7), host).await.unwrap();
        let mut tail = session
            .tail(&self.peer.path(LOG), &LogPosition::default())
            .await
            .unwrap();
        let mut rental = Rental::new(&self.scratch.path().join("kept"), publish);
        while rental.bytes < self.bytes {
            rental.take(&tail.recv().await.unwrap().bytes);
        }
        let took = begin.elapsed();
        assert_eq!(rental.lines, LINES);
        drop(rental);
        let frames = cockpit.join().unwrap();
        session.close().await;
        (took, frames)
    }

    fn theirs(&self, host: &SshEndpoint) -> Duration {
        let hosts = self.scratch.path().join("known_hosts");
        let script = format!(
            "ssh -F /dev/null -o StrictHostKeyChecking=no -o UserKnownHostsFile={} -o LogLevel=ERROR -i {} -p {} {}@127.0.0.1 cat {} | wc -l",
            hosts.display(),
            self.config.key_file.display(),
            host.port,
            self.config.user,
            self.peer.path(LOG),
        );
        let begin = Instant::now();
        let output = Command::new("sh")
            .args(["-c", &script])
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let took = begin.elapsed();
        assert_eq!(
            String::from_utf8_lossy(&output.stdout).trim(),
            LINES.to_string()
        );
        took
    }
}

/// What the engine has of a rental's log.
struct Rental {
    kept: File,
    sanitizer: Sanitizer,
    boot: BootTracker,
    snapshot: Snapshot,
    publish: watch::Sender<Arc<Snapshot>>,
    published: Instant,
    lines: usize,
    bytes: u64,
}

impl Rental {
    fn new(kept: &Path, publish: watch::Sender<Arc<Snapshot>>) -> Rental {
        Rental {
            kept: File::create(kept).unwrap(),
            sanitizer: Sanitizer::new(),
            boot: BootTracker::new(BootOrder {
                workload: Workload::MlNode,
                rented_at: Time::UNIX_EPOCH,
                stage_known_from: Time::UNIX_EPOCH,
                machine: ORDERED,
                model: WorkloadModel::default(),
                model_gb: 230.0,
                usual: StageTimes(Vec::new()),
            }),
            snapshot: scene::empty(),
            publish,
            published: Instant::now(),
            lines: 0,
            bytes: 0,
        }
    }

    fn take(&mut self, bytes: &[u8]) {
        self.kept.write_all(bytes).unwrap();
        self.bytes += bytes.len() as u64;
        for line in self.sanitizer.feed(Time::UNIX_EPOCH, bytes) {
            self.boot.observe_line(Time::UNIX_EPOCH, line.text());
            self.snapshot.boot_log.push(line);
            self.lines += 1;
        }
        self.snapshot.boot_log.live = self.sanitizer.live(Time::UNIX_EPOCH);
        if self.published.elapsed() >= PublishInterval::default().active {
            self.publish.send_replace(Arc::new(self.snapshot.clone()));
            self.published = Instant::now();
        }
    }
}

/// A cockpit that shows the log, until nothing more is published. Gives its frames.
fn draw(mut snapshots: watch::Receiver<Arc<Snapshot>>) -> u64 {
    let mut model = Model::new(Arc::clone(&snapshots.borrow()));
    let options = TerminalOptions {
        viewport: Viewport::Fixed(Rect::new(0, 0, 200, 60)),
    };
    let backend = CrosstermBackend::new(std::io::sink());
    let mut terminal = Terminal::with_options(backend, options).unwrap();
    scene::press(&mut model, "4z");
    let mut frames = 0;
    while snapshots.has_changed().is_ok() {
        if snapshots.has_changed().unwrap_or_default() {
            let newest = Arc::clone(&snapshots.borrow_and_update());
            scene::update(&mut model, Message::Snapshot(newest));
            let frame = |frame: &mut Frame<'_>| {
                let area = frame.area();
                let keys = Keymap::defaults();
                view::draw(frame.buffer_mut(), area, &model, keys, scene::THEME);
            };
            terminal.draw(frame).unwrap();
            frames += 1;
        }
        std::thread::sleep(FRAME);
    }
    frames
}

/// What an `MLNode` writes: mostly plain lines, some in colour, few that tell of the boot.
fn text(lines: Range<usize>) -> String {
    let mut text = String::new();
    for number in lines {
        let colour = if number % 10 == 0 {
            "\x1b[32mINFO\x1b[0m"
        } else {
            "INFO"
        };
        let what = if number % 100 == 0 {
            "Loading safetensors checkpoint shards, layer"
        } else {
            "Avg prompt throughput of 812.4 tokens/s, step"
        };
        writeln!(
            text,
            "{colour} 11-25 01:02:03 [loader.py:{number}] {what} {number} of the model"
        )
        .unwrap();
    }
    text
}

fn median(times: &mut [Duration]) -> Duration {
    times.sort();
    times[times.len() / 2]
}

fn main() {
    let runtime = Runtime::new().unwrap();
    let Some(scene) = runtime.block_on(Scene::new()) else {
        return;
    };
    for link in LINKS {
        compare(&runtime, &scene, link);
    }
}

fn compare(runtime: &Runtime, scene: &Scene, link: Link) {
    let host = link.to(&scene.peer.endpoint());
    let (mut ours, mut theirs, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    // Side by side: the machine may be busier at one time than at another.
    for round in 0..=ROUNDS {
        let cat = scene.theirs(&host);
        let (log, frames) = runtime.block_on(scene.ours(&host));
        let ratio = 100.0 * cat.as_secs_f64() / log.as_secs_f64();
        println!(
            "round {round}: ours {log:.2?} with {frames} frames, ssh cat {cat:.2?}: {ratio:.0} %"
        );
        // The first one has a cold cache.
        if round > 0 {
            ours.push(log);
            theirs.push(cat);
            ratios.push(ratio);
        }
    }
    ratios.sort_by(f64::total_cmp);
    let (ours, theirs) = (median(&mut ours), median(&mut theirs));
    println!(
        "{link}, {LINES} lines, {} MB: ours {ours:.2?}, ssh cat {theirs:.2?}: {:.0} % of its throughput; by round {:.0} to {:.0} %",
        scene.bytes / 1_000_000,
        100.0 * theirs.as_secs_f64() / ours.as_secs_f64(),
        ratios[0],
        ratios[ratios.len() - 1],
    );
}
