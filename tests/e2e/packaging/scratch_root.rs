//! A root directory with this machine's files, in which nothing that is written stays.

use std::path::Path;
use std::process::{Command, Stdio};

use rustix::process::geteuid;

/// Mounts memory over this machine's files, and folders of the test at their own places, and runs a script
/// inside.
const ENTER: &str = r#"
root=$1; shift
mount -t tmpfs tmpfs "$root"
mkdir "$root/upper" "$root/work" "$root/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$root/upper,workdir=$root/work" "$root/root"
mount -t proc proc "$root/root/proc"
mount --rbind /dev "$root/root/dev"
for folder in "$@"; do
    mkdir -p "$root/root$folder"
    mount --bind "$folder" "$root/root$folder"
done
exec chroot "$root/root" /bin/bash -eu -o pipefail -s
"#;

/// Starts another program with mounts of its own, which root alone may have.
pub fn unshare() -> Command {
    if geteuid().is_root() {
        return Command::new("unshare");
    }
    let mut command = Command::new("sudo");
    command.args(["--non-interactive", "unshare"]);
    command
}

/// Runs a script there with its standard error on its standard output; the folders are there too. Gives
/// what it printed.
pub fn run(script: &str, folders: &[&Path]) -> String {
    let root = tempfile::tempdir().unwrap();
    let mut command = unshare();
    command
        .args([
            "--mount",
            "--propagation",
            "private",
            "bash",
            "-eu",
            "-c",
            ENTER,
            "enter",
        ])
        .arg(root.path())
        .args(folders)
        .env_clear()
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .env("HOME", "/root")
        .env("LC_ALL", "C")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit());
    let mut child = command.spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    std::io::Write::write_all(&mut input, format!("exec 2>&1\n{script}").as_bytes()).unwrap();
    drop(input);
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}");
    said
}
