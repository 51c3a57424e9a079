//! What `pocpit ssh` turns into, in a terminal and without one.

use std::io::{Read as _, Write as _};
use std::process::{Command, Stdio};

use pocpit::ssh::shell_command;
use portable_pty::{CommandBuilder, PtySize, native_pty_system};

use super::*;

/// Reads until this text came; the terminal's end is a failure.
fn read_until(output: &mut impl std::io::Read, text: &str) {
    let (mut seen, mut buffer) = (Vec::new(), [0; 1024]);
    while !String::from_utf8_lossy(&seen).contains(text) {
        let count = output.read(&mut buffer).unwrap_or(0);
        assert!(count > 0, "{}", String::from_utf8_lossy(&seen));
        seen.extend_from_slice(&buffer[..count]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn terminal_shell_passes_on_exit_code() {
    let Some(scene) = Scene::new(Kind::Sshd).await else {
        return;
    };
    std::fs::create_dir_all(&scene.config.known_hosts_dir).unwrap();
    let words = shell_command(&scene.config, ID, &scene.peer.endpoint(), &[]).unwrap();
    let pty = native_pty_system().openpty(PtySize::default()).unwrap();
    let mut command = CommandBuilder::from_argv(words);
    command.env("TERM", "dumb");
    let mut child = pty.slave.spawn_command(command).unwrap();
    drop(pty.slave);
    let mut output = pty.master.try_clone_reader().unwrap();
    let mut keys = pty.master.take_writer().unwrap();
    // What is typed is echoed: only the answer has the sum.
    keys.write_all(b"echo sum-$((40 + 2))\n").unwrap();
    read_until(&mut output, "sum-42");
    keys.write_all(b"test -t 0 && exit 7\n").unwrap();
    std::thread::spawn(move || output.read_to_end(&mut Vec::new()));
    assert_eq!(child.wait().unwrap().exit_code(), 7);
}

#[tokio::test(flavor = "multi_thread")]
async fn command_passes_on_output_and_pins_host() {
    let Some(scene) = Scene::new(Kind::Sshd).await else {
        return;
    };
    std::fs::create_dir_all(&scene.config.known_hosts_dir).unwrap();
    let run = |scene: &Scene| {
        let remote = ["echo here; exit 9".to_owned()];
        let words = shell_command(&scene.config, ID, &scene.peer.endpoint(), &remote).unwrap();
        Command::new(&words[0])
            .args(&words[1..])
            .stdin(Stdio::null())
            .output()
            .unwrap()
    };
    let ran = run(&scene);
    assert_eq!((ran.status.code(), &*ran.stdout), (Some(9), &b"here\n"[..]));
    let scene = Scene {
        peer: scene.peer.replaced().await,
        ..scene
    };
    let ran = run(&scene);
    assert_eq!((ran.status.code(), &*ran.stdout), (Some(255), &b""[..]));
}
