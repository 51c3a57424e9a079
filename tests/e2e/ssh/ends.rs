//! However a session ends, nothing of it is left.

use std::io::BufRead as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use pocpit::domain::SshEndpoint;
use pocpit::ports::TunnelSpec;
use pocpit::ssh::shell_command;

use super::*;
use crate::ssh::wire::Wire;

/// A tunnel to the host itself.
fn spec(scene: &Scene) -> TunnelSpec {
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    TunnelSpec {
        api_listen: any,
        inference_listen: any,
        api_port: scene.peer.endpoint().port,
        inference_port: scene.peer.endpoint().port,
    }
}

for_both_peers! {
    async fn closed_session_leaves_nothing_behind(scene: Scene) {
        let session = scene.connect().await;
        let path = scene.peer.path("followed.log");
        scene.peer.append("followed.log", b"a line\n");
        let mut tail = session.tail(&path, &LogPosition::default()).await.unwrap();
        assert!(tail.recv().await.is_some());
        session.open_tunnel(&spec(&scene)).await.unwrap();
        assert!(!processes_with(&scene.run_dir()).is_empty(), "the master runs");
        session.close().await;
        eventually("the end of the master", async || processes_with(&scene.run_dir()).is_empty()).await;
        eventually("the end of the remote tail", async || processes_with(&path).is_empty()).await;
        let sockets = scene.sockets();
        drop(scene.remote);
        let left: Vec<_> = std::fs::read_dir(sockets).unwrap().flatten().map(|entry| entry.path()).collect();
        assert!(left.is_empty(), "{left:?}");
    }

    async fn dropped_session_ends_too(scene: Scene) {
        let session = scene.connect().await;
        let _tail = session.tail(&scene.peer.path("dropped.log"), &LogPosition::default()).await.unwrap();
        drop(session);
        eventually("the end of the master", async || processes_with(&scene.run_dir()).is_empty()).await;
    }

    async fn next_start_ends_orphaned_master(scene: Scene) {
        let session = scene.connect().await;
        // Given a control directory whose process is gone,
        let run = scene.scratch.path().join("run");
        let ours = std::fs::read_dir(scene.sockets()).unwrap().next().unwrap().unwrap().path();
        let orphaned = scene.sockets().join("2147483646-0");
        std::fs::rename(ours, &orphaned).unwrap();
        std::fs::remove_file(orphaned.join("lock")).unwrap();
        std::fs::write(orphaned.join("lock"), "").unwrap();
        assert!(session.check().await.is_err());
        assert!(!processes_with(&scene.run_dir()).is_empty(), "the master still runs");
        // when the next cockpit starts, then the master ends and the directory is gone.
        let next = OpenSshRemote::new(&scene.config, &run).unwrap();
        eventually("the end of the master", async || processes_with(&scene.run_dir()).is_empty()).await;
        assert!(!orphaned.exists());
        drop(next);
    }

    async fn vanished_runtime_directory_is_made_anew(scene: Scene) {
        let session = scene.connect().await;
        // When a logout takes the directory away, then the link is lost,
        std::fs::remove_dir_all(scene.run_dir()).unwrap();
        let lost = session.check().await.unwrap_err();
        assert!(matches!(lost, LinkError::Lost(_)), "{lost}");
        session.close().await;
        // and the next try connects. The old master has nobody left, and ends by its ControlPersist.
        let session = scene.connect().await;
        assert_eq!(session.run("true").await.unwrap().status, Some(0));
        session.open_tunnel(&spec(&scene)).await.unwrap();
        session.close().await;
    }

    async fn odd_paths_reach_ssh_whole(scene: Scene) {
        // Given a key, host keys and sockets in directories with odd names,
        let odd = scene.scratch.path().join("an operator's 100% \"#\"=");
        std::fs::create_dir(&odd).unwrap();
        let key_file = odd.join("k %h");
        std::fs::copy(&scene.config.key_file, &key_file).unwrap();
        let config = SshConfig {
            key_file,
            known_hosts_dir: odd.join("known hosts"),
            ..scene.config.clone()
        };
        // when a rental is reached, by the program and by the printed command,
        let remote = OpenSshRemote::new(&config, &odd).unwrap();
        remote.connect(ID, &scene.peer.endpoint()).await.unwrap().close().await;
        let words = shell_command(&config, ID, &scene.peer.endpoint(), &["true".to_owned()]).unwrap();
        let status = tokio::process::Command::new(&words[0]).args(&words[1..]).status().await.unwrap();
        assert!(status.success());
        // then its host key is where it belongs, and nothing is anywhere else.
        let pinned = std::fs::read_to_string(config.known_hosts_dir.join(ID.to_string())).unwrap();
        assert!(pinned.contains("ssh-"), "{pinned}");
        let beside = std::fs::read_dir(&odd).unwrap().count();
        assert_eq!(beside, 2, "the key and the known hosts");
    }

    async fn cancelled_connect_leaves_no_master(scene: Scene) {
        let wire = Wire::to(&scene.peer.endpoint()).await;
        wire.delay(Duration::from_millis(50));
        // When it is given up in the middle of the login,
        {
            let endpoint = wire.endpoint();
            let connecting = scene.remote.connect(ID, &endpoint);
            tokio::pin!(connecting);
            tokio::select! {
                _ = &mut connecting => panic!("it was too quick"),
                () = async { while processes_with(&scene.run_dir()).is_empty() { tokio::time::sleep(Duration::from_millis(5)).await; } } => {}
            }
        }
        // then what comes of it ends, however long that takes.
        eventually("the end of the master", async || processes_with(&scene.run_dir()).is_empty()).await;
    }

    async fn silent_link_is_detected_as_dead(scene: Scene) {
        let config = SshConfig { keepalive: Duration::from_secs(1), ..scene.config.clone() };
        let remote = OpenSshRemote::new(&config, &scene.scratch.path().join("run2")).unwrap();
        let wire = Wire::to(&scene.peer.endpoint()).await;
        let session = remote.connect(ID, &wire.endpoint()).await.unwrap();
        let mut tail = session.tail(&scene.peer.path("quiet.log"), &LogPosition::default()).await.unwrap();
        // When the wire goes silent,
        wire.die();
        // then the log ends by itself,
        let end = tokio::time::timeout(PATIENCE, tail.recv()).await.expect("the end comes");
        assert!(end.is_none());
        assert!(matches!(session.check().await, Err(LinkError::Lost(_))));
        session.close().await;
    }
}

/// What a killed cockpit is given.
const KILLED: [&str; 5] = [
    "POCPIT_TEST_KEY",
    "POCPIT_TEST_USER",
    "POCPIT_TEST_PORT",
    "POCPIT_TEST_LOG",
    "POCPIT_TEST_RUN",
];

#[tokio::test(flavor = "multi_thread")]
#[ignore = "the process that killed_cockpit_leaves_nothing_for_long kills"]
async fn cockpit_waiting_to_be_killed() {
    let [key, user, port, log, run] = KILLED.map(|name| std::env::var(name).unwrap());
    let config = SshConfig {
        known_hosts_dir: PathBuf::from(&run).join("hosts"),
        key_file: key.into(),
        user,
        connect_timeout: Duration::from_secs(10),
        keepalive: Duration::from_secs(5),
    };
    let remote = OpenSshRemote::new(&config, Path::new(&run)).unwrap();
    let endpoint = SshEndpoint {
        host: "127.0.0.1".into(),
        port: port.parse().unwrap(),
    };
    let session = remote.connect(ID, &endpoint).await.unwrap();
    let mut tail = session.tail(&log, &LogPosition::default()).await.unwrap();
    assert!(tail.recv().await.is_some());
    println!("\nready");
    std::future::pending::<()>().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_cockpit_leaves_nothing_for_long() {
    let Some(scene) = Scene::new(Kind::Sshd).await else {
        return;
    };
    scene.peer.append("killed.log", b"a line\n");
    let (log, run) = (
        scene.peer.path("killed.log"),
        scene.scratch.path().join("killed"),
    );
    let values = [
        scene.config.key_file.display().to_string(),
        scene.config.user.clone(),
        scene.peer.endpoint().port.to_string(),
        log.clone(),
        run.display().to_string(),
    ];
    let mut cockpit = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "ssh::ends::cockpit_waiting_to_be_killed",
            "--ignored",
            "--nocapture",
        ])
        .envs(KILLED.into_iter().zip(values))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let output = std::io::BufReader::new(cockpit.stdout.take().unwrap());
    assert!(output.lines().any(|line| line.unwrap() == "ready"));
    let run_dir = run.display().to_string();
    assert!(!processes_with(&log).is_empty() && !processes_with(&run_dir).is_empty());
    // When it is killed, then its processes on the rental end,
    cockpit.kill().unwrap();
    cockpit.wait().unwrap();
    eventually("the end of the remote script", async || {
        processes_with(&log).is_empty()
    })
    .await;
    // and the next start ends the rest, also when another process has the dead one's number by now.
    let directories = || {
        let entries = std::fs::read_dir(run.join("pocpit-sockets")).unwrap();
        let paths = entries.flatten().map(|entry| entry.path());
        paths.collect::<Vec<_>>()
    };
    let [left] = directories().try_into().unwrap();
    std::fs::rename(left, run.join("pocpit-sockets/1-0")).unwrap();
    let next = OpenSshRemote::new(&scene.config, &run).unwrap();
    eventually("the end of the master", async || {
        processes_with(&run_dir).is_empty()
    })
    .await;
    assert_eq!(directories().len(), 1, "the next one's own");
    drop(next);
    assert_eq!(directories(), Vec::<PathBuf>::new());
}
