//! The SSH room against two peers: a real `sshd`, and the simulated world's host.
//!
//! A machine without `sshd` skips its half; with `POCPIT_REQUIRE_SSHD` set that is a failure.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod peer;
mod wire;
mod world_host;

use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;

use pocpit::config::SshConfig;
use pocpit::domain::InstanceId;
use pocpit::engine::ports::{
    CallbackForward, LinkError, LogPlace, Remote, RemoteSession, TunnelSpec,
};
use pocpit::ssh::{OpenSshRemote, generate_key};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use peer::{Kind, Peer};

const ID: InstanceId = InstanceId(7);
const PATIENCE: Duration = Duration::from_secs(30);

/// A client with a key of its own, and a peer that knows the key.
struct Scene {
    peer: Peer,
    remote: OpenSshRemote,
    config: SshConfig,
    scratch: tempfile::TempDir,
}

impl Scene {
    /// `None` when this machine has no such peer.
    async fn new(kind: Kind) -> Option<Scene> {
        let scratch = tempfile::Builder::new()
            .prefix("pocpit-")
            .tempdir()
            .unwrap();
        let key_file = scratch.path().join("key");
        generate_key(&key_file).await.unwrap();
        let peer = Peer::start(kind, &scratch.path().join("key.pub")).await?;
        let config = SshConfig {
            key_file,
            known_hosts_dir: scratch.path().join("hosts"),
            user: peer.user(),
            connect_timeout: Duration::from_secs(10),
            keepalive: Duration::from_secs(5),
        };
        let remote = OpenSshRemote::new(&config, &scratch.path().join("run")).unwrap();
        Some(Scene {
            peer,
            remote,
            config,
            scratch,
        })
    }

    async fn connect(&self) -> Box<dyn RemoteSession> {
        self.remote
            .connect(ID, &self.peer.endpoint())
            .await
            .unwrap()
    }

    async fn refusal(&self, id: InstanceId) -> LinkError {
        match self.remote.connect(id, &self.peer.endpoint()).await {
            Ok(_) => panic!("it must not connect"),
            Err(error) => error,
        }
    }

    fn run_dir(&self) -> String {
        self.scratch.path().join("run").display().to_string()
    }
}

/// Runs the same sentences against both peers.
macro_rules! for_both_peers {
    ($($(#[$doc:meta])* async fn $name:ident($scene:ident: Scene) $body:block)*) => {$(
        mod $name {
            use super::*;

            async fn case($scene: Scene) $body

            #[tokio::test(flavor = "multi_thread")]
            async fn with_sshd() {
                if let Some(scene) = Scene::new(Kind::Sshd).await {
                    case(scene).await;
                }
            }

            #[tokio::test(flavor = "multi_thread")]
            async fn with_the_simulated_host() {
                case(Scene::new(Kind::Played).await.unwrap()).await;
            }
        }
    )*};
}

mod log;

async fn eventually(what: &str, mut done: impl AsyncFnMut() -> bool) {
    let end = tokio::time::Instant::now() + PATIENCE;
    while !done().await {
        assert!(tokio::time::Instant::now() < end, "{what} never happened");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// A server that answers every request with its request line, and streams when asked to.
async fn http_server() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(serve_http(stream));
        }
    });
    address
}

async fn serve_http(mut stream: TcpStream) {
    let mut request = Vec::new();
    let mut buffer = [0; 4096];
    while !request.windows(4).any(|four| four == b"\r\n\r\n") {
        let count = stream.read(&mut buffer).await.unwrap_or(0);
        if count == 0 {
            return;
        }
        request.extend_from_slice(&buffer[..count]);
    }
    let line = String::from_utf8_lossy(&request)
        .lines()
        .next()
        .unwrap_or_default()
        .to_owned();
    if line.contains("/stream") {
        let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
        stream.write_all(head.as_bytes()).await.unwrap();
        for piece in ["one", "two"] {
            let chunk = format!("{:x}\r\n{piece}\r\n", piece.len());
            stream.write_all(chunk.as_bytes()).await.unwrap();
            stream.flush().await.unwrap();
            // The second piece waits until the test has seen the first: it reads a byte for that.
            if piece == "one" {
                tokio::time::sleep(Duration::from_millis(300)).await;
            }
        }
        stream.write_all(b"0\r\n\r\n").await.unwrap();
        return;
    }
    let reply = format!(
        "HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{line}",
        line.len()
    );
    stream.write_all(reply.as_bytes()).await.unwrap();
}

fn any() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

fn spec(api: SocketAddr) -> TunnelSpec {
    TunnelSpec {
        api_listen: any(),
        inference_listen: any(),
        api_port: api.port(),
        inference_port: api.port(),
        callback: None,
    }
}

fn http() -> reqwest::Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .no_proxy()
        .timeout(PATIENCE)
        .build()
        .unwrap()
}

for_both_peers! {
    async fn a_command_gives_its_output_and_status(scene: Scene) {
        let session = scene.connect().await;
        let path = scene.peer.path("lease");
        let written = session.run(&format!("printf %s 17 > {path}.new && mv {path}.new {path}")).await.unwrap();
        assert_eq!(written.status, Some(0));
        let read = session.run(&format!("cat {path}")).await.unwrap();
        assert_eq!((read.status, read.stdout.as_slice()), (Some(0), &b"17"[..]));
        let missing = session.run(&format!("cat {path}.none")).await.unwrap();
        assert_eq!(missing.status, Some(1));
        assert!(String::from_utf8_lossy(&missing.stderr).contains("No such file"), "{missing:?}");
        session.close().await;
    }

    async fn a_key_that_is_not_known_is_denied_until_it_is(scene: Scene) {
        scene.peer.forget_keys();
        let error = scene.refusal(ID).await;
        assert!(matches!(error, LinkError::Denied { .. }), "{error}");
        scene.peer.learn(&scene.scratch.path().join("key.pub"));
        scene.connect().await.close().await;
    }

    async fn another_host_key_on_the_same_rental_is_an_alarm(scene: Scene) {
        scene.connect().await.close().await;
        // When another host answers at the same place,
        let scene = Scene { peer: scene.peer.replaced().await, ..scene };
        // then the same rental refuses it, in a sentence,
        let error = scene.refusal(ID).await;
        assert!(matches!(error, LinkError::HostKeyChanged { .. }), "{error}");
        assert!(error.to_string().len() < 300, "{error}");
        // and another rental, or the same after it was forgotten, takes it.
        scene.remote.connect(InstanceId(8), &scene.peer.endpoint()).await.unwrap().close().await;
        scene.remote.forget(ID).await;
        scene.connect().await.close().await;
    }

    async fn requests_go_through_the_tunnel_with_and_without_a_version(scene: Scene) {
        let session = scene.connect().await;
        let ends = session.open_tunnel(&spec(http_server().await)).await.unwrap();
        let http = http();
        for (path, arrives) in [("/v3.0.8/api/v1/state?x=1", "GET /api/v1/state?x=1 HTTP/1.1"), ("/v1/models", "GET /v1/models HTTP/1.1")] {
            for end in [ends.api, ends.inference] {
                let text = http.get(format!("http://{end}{path}")).send().await.unwrap().text().await.unwrap();
                assert_eq!(text, arrives);
            }
        }
        // Many at once are all answered.
        let requests = (0..50).map(|number| http.get(format!("http://{}/{number}", ends.api)).send());
        for (number, reply) in futures_util::future::join_all(requests).await.into_iter().enumerate() {
            assert_eq!(reply.unwrap().text().await.unwrap(), format!("GET /{number} HTTP/1.1"));
        }
        session.close().await;
    }

    async fn a_stream_arrives_piece_by_piece(scene: Scene) {
        let session = scene.connect().await;
        let ends = session.open_tunnel(&spec(http_server().await)).await.unwrap();
        let mut reply = http().get(format!("http://{}/stream", ends.api)).send().await.unwrap();
        assert_eq!(reply.chunk().await.unwrap().unwrap(), "one", "the first piece does not wait for the second");
        assert_eq!(reply.chunk().await.unwrap().unwrap(), "two");
        session.close().await;
    }

    async fn the_callback_finds_its_way_back(scene: Scene) {
        let session = scene.connect().await;
        let target = http_server().await;
        let remote_port = free_port().await;
        let callback = CallbackForward { remote_port, target: target.to_string() };
        session.open_tunnel(&TunnelSpec { callback: Some(callback), ..spec(target) }).await.unwrap();
        // When something on the rental calls the port,
        let mut inside = scene.peer.connect_inside(remote_port).await;
        inside.write_all(b"POST /v2/poc-batches/generated HTTP/1.1\r\n\r\n").await.unwrap();
        let mut reply = String::new();
        inside.read_to_string(&mut reply).await.unwrap();
        // then it reaches the target here.
        assert!(reply.ends_with("POST /v2/poc-batches/generated HTTP/1.1"), "{reply}");
        session.close().await;
    }

    async fn a_dead_tunnel_says_so_and_its_ports_are_free_for_the_next(scene: Scene) {
        let session = scene.connect().await;
        let server = http_server().await;
        let ends = session.open_tunnel(&spec(server)).await.unwrap();
        scene.peer.cut_links();
        eventually("the loss", async || session.check().await.is_err()).await;
        let reply = http().get(format!("http://{}/x", ends.api)).send().await.unwrap();
        assert_eq!(reply.status(), 502);
        assert!(reply.text().await.unwrap().contains("tunnel"));
        session.close().await;
        // A new session listens at the same addresses at once.
        let session = scene.connect().await;
        let again = TunnelSpec { api_listen: ends.api, inference_listen: ends.inference, ..spec(server) };
        assert_eq!(session.open_tunnel(&again).await.unwrap(), ends);
        let text = http().get(format!("http://{}/x", ends.api)).send().await.unwrap().text().await.unwrap();
        assert_eq!(text, "GET /x HTTP/1.1");
        session.close().await;
    }

    async fn a_closed_session_leaves_nothing_behind(scene: Scene) {
        let session = scene.connect().await;
        let path = scene.peer.path("followed.log");
        scene.peer.append("followed.log", b"a line\n");
        let mut tail = session.tail(&path, &LogPlace::default()).await.unwrap();
        assert!(tail.recv().await.is_some());
        session.open_tunnel(&spec(http_server().await)).await.unwrap();
        assert!(!processes_with(&scene.run_dir()).is_empty(), "the master runs");
        session.close().await;
        eventually("the end of the master", async || processes_with(&scene.run_dir()).is_empty()).await;
        eventually("the end of the remote tail", async || processes_with(&path).is_empty()).await;
        let run_dir = scene.run_dir();
        drop(scene.remote);
        let left: Vec<_> = std::fs::read_dir(run_dir).unwrap().flatten().map(|entry| entry.path()).collect();
        assert!(left.is_empty(), "{left:?}");
    }

    async fn a_session_that_is_only_dropped_ends_too(scene: Scene) {
        let session = scene.connect().await;
        let _tail = session.tail(&scene.peer.path("dropped.log"), &LogPlace::default()).await.unwrap();
        drop(session);
        eventually("the end of the master", async || processes_with(&scene.run_dir()).is_empty()).await;
    }

    async fn a_master_that_a_killed_cockpit_left_is_ended_by_the_next_start(scene: Scene) {
        let session = scene.connect().await;
        // Given a control directory that carries the id of a process that is gone,
        let run = scene.scratch.path().join("run");
        let ours = std::fs::read_dir(&run).unwrap().next().unwrap().unwrap().path();
        std::fs::rename(ours, run.join("2147483646-0")).unwrap();
        assert!(session.check().await.is_err());
        assert!(!processes_with(&scene.run_dir()).is_empty(), "the master still runs");
        // when the next cockpit starts, then the master ends and the directory is gone.
        let next = OpenSshRemote::new(&scene.config, &run).unwrap();
        eventually("the end of the master", async || processes_with(&scene.run_dir()).is_empty()).await;
        assert!(!run.join("2147483646-0").exists());
        drop(next);
    }
}

async fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

/// Command lines of live processes, other than this one, that contain a text.
fn processes_with(text: &str) -> Vec<String> {
    let own = std::process::id().to_string();
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    let numbers = entries
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| *name != own && name.bytes().all(|b| b.is_ascii_digit()));
    numbers
        .filter_map(|number| std::fs::read(Path::new("/proc").join(number).join("cmdline")).ok())
        .map(|line| String::from_utf8_lossy(&line).replace('\0', " "))
        .filter(|line| line.contains(text))
        .collect()
}

#[tokio::test]
async fn nobody_at_the_address_is_told_as_such() {
    let scene = Scene::new(Kind::Played).await.unwrap();
    let endpoint = pocpit::domain::SshEndpoint {
        host: "127.0.0.1".into(),
        port: free_port().await,
    };
    let error = scene.remote.connect(ID, &endpoint).await.err().unwrap();
    assert!(matches!(error, LinkError::Unreachable { .. }), "{error}");
    assert!(error.to_string().contains("refused"), "{error}");
}

#[tokio::test]
async fn big_output_is_capped_and_the_command_still_ends() {
    let Some(scene) = Scene::new(Kind::Sshd).await else {
        return;
    };
    let session = scene.connect().await;
    let output = session
        .run("head -c 3000000 /dev/zero; head -c 200000 /dev/zero >&2; exit 9")
        .await
        .unwrap();
    assert_eq!(
        (output.status, output.stdout.len(), output.stderr.len()),
        (Some(9), 65_536, 65_536)
    );
    session.close().await;
}

#[tokio::test]
async fn a_port_that_is_taken_is_named() {
    let scene = Scene::new(Kind::Played).await.unwrap();
    let session = scene.connect().await;
    let taken = TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap();
    let _held = TcpListener::bind(taken).await.unwrap();
    let spec = TunnelSpec {
        api_listen: taken,
        ..spec(any())
    };
    let error = session.open_tunnel(&spec).await.unwrap_err();
    assert!(
        matches!(&error, LinkError::Listen { address, .. } if *address == taken.to_string()),
        "{error}"
    );
    session.close().await;
}

#[tokio::test]
async fn a_key_file_that_cannot_work_is_refused_at_the_start() {
    let scene = Scene::new(Kind::Played).await.unwrap();
    let run = scene.scratch.path().join("run2");
    let missing = SshConfig {
        key_file: scene.scratch.path().join("none"),
        ..scene.config.clone()
    };
    let error = OpenSshRemote::new(&missing, &run).unwrap_err().to_string();
    assert!(error.contains("ssh-keygen -t ed25519"), "{error}");
    let open = std::fs::Permissions::from_mode(0o644);
    std::fs::set_permissions(&scene.config.key_file, open).unwrap();
    let error = OpenSshRemote::new(&scene.config, &run)
        .unwrap_err()
        .to_string();
    assert!(error.contains("chmod 600"), "{error}");
}

#[tokio::test]
async fn the_public_key_is_that_of_the_private_one_whatever_lies_beside_it() {
    let scene = Scene::new(Kind::Played).await.unwrap();
    let key = scene.remote.public_key().to_owned();
    assert!(
        key.starts_with("ssh-ed25519 AAAA") && key.split(' ').count() == 2,
        "{key}"
    );
    // A file that was left from another key would let nobody in.
    let beside = scene.scratch.path().join("key.pub");
    std::fs::write(&beside, "ssh-ed25519 AAAAC3Nzsomebodyelses other").unwrap();
    let other = OpenSshRemote::new(&scene.config, &scene.scratch.path().join("run3")).unwrap();
    assert_eq!(other.public_key(), key);
}

#[tokio::test]
async fn a_key_with_a_passphrase_is_refused_before_anything_is_rented() {
    let mut scene = Scene::new(Kind::Played).await.unwrap();
    let locked = scene.scratch.path().join("locked");
    let made = std::process::Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "a passphrase", "-f"])
        .arg(&locked)
        .status()
        .unwrap();
    assert!(made.success());
    scene.config.key_file = locked;
    let error = OpenSshRemote::new(&scene.config, &scene.scratch.path().join("run4"))
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("has a passphrase") && error.contains("ssh-keygen"),
        "{error}"
    );
}
