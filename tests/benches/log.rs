//! How fast a log comes through our tail and sanitizer, beside `ssh host cat file | wc -l` on the same
//! server: `cargo bench --bench log`. The ratio of the medians is printed at the end.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[allow(dead_code)]
#[path = "../ssh/peer.rs"]
mod peer;

use std::fmt::Write as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput};
use pocpit::config::SshConfig;
use pocpit::domain::{InstanceId, Time};
use pocpit::engine::ports::{LogPlace, Remote as _};
use pocpit::ssh::sanitize::Sanitizer;
use pocpit::ssh::{OpenSshRemote, generate_key};
use tokio::runtime::Runtime;

use peer::{Kind, Peer};

const LINES: usize = 1_000_000;
const LOG: &str = "mlnode.log";

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
        let text = text();
        peer.append(LOG, text.as_bytes());
        Some(Scene {
            peer,
            remote,
            config,
            scratch,
            bytes: text.len() as u64,
        })
    }

    /// Login included, as for the other one.
    async fn ours(&self) -> Duration {
        let begin = Instant::now();
        let session = self
            .remote
            .connect(InstanceId(7), &self.peer.endpoint())
            .await
            .unwrap();
        let mut tail = session
            .tail(&self.peer.path(LOG), &LogPlace::default())
            .await
            .unwrap();
        let (mut sanitizer, mut lines, mut bytes) = (Sanitizer::new(), 0, 0);
        while bytes < self.bytes {
            let chunk = tail.recv().await.unwrap();
            bytes += chunk.bytes.len() as u64;
            lines += sanitizer.feed(Time::UNIX_EPOCH, &chunk.bytes).len();
        }
        let took = begin.elapsed();
        assert_eq!(lines, LINES);
        session.close().await;
        took
    }

    fn theirs(&self) -> Duration {
        let hosts = self.scratch.path().join("known_hosts");
        let script = format!(
            "ssh -F /dev/null -o StrictHostKeyChecking=no -o UserKnownHostsFile={} -o LogLevel=ERROR -i {} -p {} {}@127.0.0.1 cat {} | wc -l",
            hosts.display(),
            self.config.key_file.display(),
            self.peer.endpoint().port,
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

/// What an `MLNode` writes: mostly plain lines, some in colour.
fn text() -> String {
    let mut text = String::new();
    for number in 0..LINES {
        let colour = if number % 10 == 0 {
            "\x1b[32mINFO\x1b[0m"
        } else {
            "INFO"
        };
        writeln!(text, "{colour} 11-25 01:02:03 [loader.py:{number}] Loading safetensors checkpoint shards, layer {number} of the model").unwrap();
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
    let mut criterion = Criterion::default().sample_size(10).configure_from_args();
    let mut group = criterion.benchmark_group("log");
    group.throughput(Throughput::Bytes(scene.bytes));
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    // Side by side: the machine may be busier at one time than at another.
    group.bench_function("ours", |bencher| {
        bencher.iter_custom(|count| {
            let mut sum = Duration::ZERO;
            for _ in 0..count {
                theirs.push(scene.theirs());
                let took = runtime.block_on(scene.ours());
                ours.push(took);
                sum += took;
            }
            sum
        });
    });
    group.bench_function("ssh cat", |bencher| {
        bencher.iter_custom(|count| (0..count).map(|_| scene.theirs()).sum());
    });
    group.finish();
    criterion.final_summary();
    if ours.is_empty() {
        return;
    }
    let (ours, theirs) = (median(&mut ours), median(&mut theirs));
    println!(
        "{LINES} lines, {} MB: ours {ours:.2?}, ssh cat {theirs:.2?}: {:.0} % of its throughput",
        scene.bytes / 1_000_000,
        100.0 * theirs.as_secs_f64() / ours.as_secs_f64(),
    );
}
