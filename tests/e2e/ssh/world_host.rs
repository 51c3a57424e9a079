//! The world's SSH host alone, with the operator's OpenSSH client.

use std::net::SocketAddr;
use std::process::{Output, Stdio};
use std::sync::Arc;

use pocpit::ssh::generate_key;
use pocpit::world::{Machine as _, SshHost};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::Command;

use crate::ssh::free_port;
use crate::ssh::peer::{Fake, plain_key};

struct Scene {
    machine: Arc<Fake>,
    host: SshHost,
    directory: tempfile::TempDir,
}

impl Scene {
    /// A host that lets the client's key in.
    async fn new() -> Scene {
        let directory = tempfile::tempdir().unwrap();
        let key = directory.path().join("key");
        generate_key(&key).await.unwrap();
        let machine = Arc::new(Fake::default());
        *machine.key.lock().unwrap() = plain_key(&directory.path().join("key.pub"));
        let listen = SocketAddr::from(([127, 0, 0, 1], 0));
        let host = SshHost::start(listen, 7, machine.clone()).await.unwrap();
        Scene {
            machine,
            host,
            directory,
        }
    }

    fn ssh(&self) -> Command {
        let mut command = Command::new("ssh");
        command
            .args([
                "-F",
                "none",
                "-o",
                "BatchMode=yes",
                "-o",
                "IdentitiesOnly=yes",
                "-o",
                "LogLevel=ERROR",
            ])
            .args([
                "-o",
                "StrictHostKeyChecking=accept-new",
                "-o",
                "GlobalKnownHostsFile=/dev/null",
            ])
            .arg("-o")
            .arg(format!(
                "UserKnownHostsFile={}",
                self.directory.path().join("hosts").display()
            ))
            .arg("-i")
            .arg(self.directory.path().join("key"))
            .args(["-p", &self.host.addr().port().to_string(), "-l", "root"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        command
    }

    async fn run(&self, command: &str) -> Output {
        self.ssh()
            .arg("127.0.0.1")
            .arg(command)
            .output()
            .await
            .unwrap()
    }
}

/// A server that sends everything back.
async fn echo() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let (mut read, mut write) = stream.split();
        tokio::io::copy(&mut read, &mut write).await.unwrap();
        write.shutdown().await.unwrap();
    });
    port
}

async fn connected(port: u16) -> TcpStream {
    for _ in 0..200 {
        if let Ok(stream) = TcpStream::connect(("127.0.0.1", port)).await {
            return stream;
        }
        tokio::time::sleep(std::time::Duration::from_millis(25)).await;
    }
    panic!("nothing listens on {port}");
}

#[tokio::test]
async fn commands_return_output_and_status() {
    let scene = Scene::new().await;
    let lease = scene.run("printf %s 17 > /l.new && mv /l.new /l").await;
    assert!(lease.status.success(), "{lease:?}");
    assert_eq!(scene.machine.read_file("/l", 0, 9).unwrap(), b"17");
    assert_eq!(scene.run("cat /l").await.stdout, b"17");
    let missing = scene.run("cat /none").await;
    assert_eq!(
        (missing.status.code(), missing.stdout.as_slice()),
        (Some(1), &b""[..])
    );
    assert!(String::from_utf8_lossy(&missing.stderr).contains("No such file"));
    assert_eq!(scene.run("nvidia-smi").await.status.code(), Some(127));
}

#[tokio::test]
async fn unknown_key_is_refused() {
    let scene = Scene::new().await;
    *scene.machine.key.lock().unwrap() = "ssh-ed25519 other".into();
    let output = scene.run("true").await;
    assert_eq!(output.status.code(), Some(255));
    assert!(
        String::from_utf8_lossy(&output.stderr).contains("Permission denied"),
        "{output:?}"
    );
}

#[tokio::test]
async fn growing_file_is_followed_until_disconnect() {
    let scene = Scene::new().await;
    let mut child = scene
        .ssh()
        .arg("127.0.0.1")
        .arg("sh -c 'tail -f \"$1\"' follow '/log' 1 2 '6865'")
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let mut output = child.stdout.take().unwrap();
    let guard = child.stdin.take();
    // Given a file that appears and grows, when it is read from its third byte, then nothing is lost.
    scene.machine.write_file("/log", b"hello ");
    let mut head = [0; 15];
    output.read_exact(&mut head).await.unwrap();
    assert_eq!(&head, b"pocpit-log 1 2\n");
    let mut seen = [0; 4];
    output.read_exact(&mut seen).await.unwrap();
    scene.machine.write_file("/log", b"hello world");
    let mut more = [0; 5];
    output.read_exact(&mut more).await.unwrap();
    assert_eq!((&seen, &more), (b"llo ", b"world"));
    // And the client's end ends the command.
    drop(guard);
    assert!(child.wait().await.unwrap().success());
}

#[tokio::test]
async fn ports_are_forwarded_both_ways() {
    let scene = Scene::new().await;
    let inside_port = echo().await;
    let (local, target) = (
        free_port().await,
        TcpListener::bind("127.0.0.1:0").await.unwrap(),
    );
    let remote = format!(
        "127.0.0.1:9100:127.0.0.1:{}",
        target.local_addr().unwrap().port()
    );
    let _child = scene
        .ssh()
        .args([
            "-N",
            "-L",
            &format!("127.0.0.1:{local}:127.0.0.1:{inside_port}"),
            "-R",
            &remote,
            "127.0.0.1",
        ])
        .spawn()
        .unwrap();
    // Local: an echo in the machine, half-closed at its end.
    let mut echo = connected(local).await;
    echo.write_all(b"ping").await.unwrap();
    echo.shutdown().await.unwrap();
    let mut back = Vec::new();
    echo.read_to_end(&mut back).await.unwrap();
    assert_eq!(back, b"ping");
    // Remote: a connection inside the machine comes out here.
    let dialer = loop {
        if let Some(dialer) = scene.machine.forwards.lock().unwrap().get(&9100).cloned() {
            break dialer;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    };
    let mut inside = dialer().await.expect("a connection");
    inside.write_all(b"batch").await.unwrap();
    inside.shutdown().await.unwrap();
    let (mut arrived, _) = target.accept().await.unwrap();
    let mut bytes = Vec::new();
    arrived.read_to_end(&mut bytes).await.unwrap();
    assert_eq!(bytes, b"batch");
}

#[tokio::test]
async fn cut_connection_closes_its_forwards() {
    let scene = Scene::new().await;
    let mut child = scene
        .ssh()
        .args(["-N", "-R", "127.0.0.1:9100:127.0.0.1:1", "127.0.0.1"])
        .spawn()
        .unwrap();
    while scene.machine.forwards.lock().unwrap().is_empty() {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    scene.host.drop_connections();
    assert_eq!(child.wait().await.unwrap().code(), Some(255));
    while !scene.machine.forwards.lock().unwrap().is_empty() {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert!(
        scene.run("true").await.status.success(),
        "a new connection is taken"
    );
}
