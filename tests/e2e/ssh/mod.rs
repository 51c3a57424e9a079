//! The SSH room against two peers: a real `sshd`, and the simulated world's host.
//!
//! A machine without `sshd` skips its half; with `POCPIT_REQUIRE_SSHD` set that is a failure.

mod peer;
mod wire;
mod world_host;

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;

use pocpit::config::SshConfig;
use pocpit::domain::InstanceId;
use pocpit::ports::{LinkError, LogPosition, Remote, RemoteSession};
use pocpit::ssh::{OpenSshRemote, generate_key};
use tokio::net::TcpListener;

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

    fn sockets(&self) -> std::path::PathBuf {
        self.scratch.path().join("run/pocpit-sockets")
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

mod ends;
mod log;
mod program;
mod shell;
mod tunnels;

async fn eventually(what: &str, mut done: impl AsyncFnMut() -> bool) {
    let end = tokio::time::Instant::now() + PATIENCE;
    while !done().await {
        assert!(tokio::time::Instant::now() < end, "{what} never happened");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

for_both_peers! {
    async fn command_returns_output_and_status(scene: Scene) {
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

    async fn unknown_key_is_denied_until_added(scene: Scene) {
        scene.peer.forget_keys();
        let error = scene.refusal(ID).await;
        assert!(matches!(error, LinkError::Denied { .. }), "{error}");
        scene.peer.learn(&scene.scratch.path().join("key.pub"));
        scene.connect().await.close().await;
    }

    async fn changed_host_key_is_refused(scene: Scene) {
        scene.connect().await.close().await;
        // When another host answers at the same place,
        let scene = Scene { peer: scene.peer.replaced().await, ..scene };
        // then the same rental refuses it, in a sentence,
        let error = scene.refusal(ID).await;
        assert!(matches!(error, LinkError::HostKeyChanged { .. }), "{error}");
        assert!(error.to_string().len() < 300, "{error}");
        // and another rental, or the same after it was forgotten, takes it.
        scene.remote.connect(InstanceId(8), &scene.peer.endpoint()).await.unwrap().close().await;
        scene.remote.forget_host_key(ID).await;
        scene.connect().await.close().await;
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
async fn closed_port_is_reported_as_unreachable() {
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
async fn large_output_is_capped() {
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
async fn unusable_key_file_is_refused_early() {
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
async fn public_key_is_derived_from_private_key() {
    let scene = Scene::new(Kind::Played).await.unwrap();
    let key = scene.remote.public_key().to_owned();
    assert!(
        key.starts_with("ssh-ed25519 AAAA") && key.split(' ').count() == 2,
        "{key}"
    );
    // A stale file from another key would be denied.
    let beside = scene.scratch.path().join("key.pub");
    std::fs::write(&beside, "ssh-ed25519 AAAAC3Nzsomebodyelses other").unwrap();
    let other = OpenSshRemote::new(&scene.config, &scene.scratch.path().join("run3")).unwrap();
    assert_eq!(other.public_key(), key);
}

#[tokio::test]
async fn passphrase_key_is_refused_before_renting() {
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
