//! The script that proves the callback from a rental, run under every POSIX shell of this machine, in
//! namespaces of its own: it changes `/etc/hosts`. Skipped where namespaces are not allowed.

use std::fs;
use std::process::{Command, Output};

use pocpit::domain::{CallbackAddress, CallbackProof};
use pocpit::network_node::{CallbackRoute, CallbackWay};
use pocpit::ports::CommandOutput;
use tempfile::TempDir;

use crate::shells::{applet, available};

const HOSTS: &str = "127.0.0.1 localhost\n10.9.9.9 gw.example.net other\n";

/// Serves `/versions` on the loopback of a rental, and runs a command there.
const RENTAL: &str = r#"
ip link set lo up && mount --bind "$1/hosts" /etc/hosts || exit 97
(cd "$1/www" && exec python3 -m http.server 9100 --bind 127.0.0.1) >/dev/null 2>&1 &
for _ in $(seq 100); do
  python3 -c 'import socket; socket.create_connection(("127.0.0.1", 9100))' 2>/dev/null && break
  sleep 0.1
done
sh -c "$2"
"#;

fn in_namespaces(script: &str, arguments: &[&str]) -> Output {
    let mut unshare = Command::new("unshare");
    unshare.args([
        "--map-root-user",
        "--mount",
        "--net",
        "--pid",
        "--fork",
        "sh",
        "-c",
        script,
        "sh",
    ]);
    unshare.args(arguments).output().unwrap()
}

fn has_namespaces() -> bool {
    let mount = "ip link set lo up && mount --bind /etc/hosts /etc/hosts";
    Command::new("unshare").arg("--version").output().is_ok()
        && in_namespaces(mount, &[]).status.success()
}

/// What the script on the rental finds at this address, and the rental's `/etc/hosts` afterwards.
fn proof(shell: &str, url: &str) -> (CallbackProof, String) {
    let root = TempDir::new().unwrap();
    fs::create_dir(root.path().join("www")).unwrap();
    fs::write(root.path().join("www/versions"), "{\"versions\":[]}").unwrap();
    fs::write(root.path().join("hosts"), HOSTS).unwrap();
    let way = CallbackWay::Tunnel {
        target: "127.0.0.1:9100".into(),
    };
    let route = CallbackRoute::of(CallbackAddress::parse(url).unwrap(), &way);
    let command = route.command();
    let applet = applet(shell).unwrap_or_default();
    let command = command.replacen("sh -c", &format!("{shell} {applet} -c"), 1);
    let output = in_namespaces(RENTAL, &[root.path().to_str().unwrap(), &command]);
    let output = CommandOutput {
        status: output.status.code(),
        stdout: output.stdout,
        stderr: output.stderr,
    };
    let hosts = fs::read_to_string(root.path().join("hosts")).unwrap();
    (route.proof(&output), hosts)
}

#[test]
fn rental_takes_the_callback_for_itself() {
    if !has_namespaces() {
        return eprintln!("skipped: this machine allows no namespaces");
    }
    for shell in available() {
        // A name that leads elsewhere, and an unknown one.
        for (host, kept) in [
            ("gw.example.net", "10.9.9.9 other"),
            ("api", "10.9.9.9 gw.example.net other"),
        ] {
            let (proof, hosts) = proof(shell, &format!("http://{host}:9100"));
            assert_eq!(proof, CallbackProof::Proven, "{shell}, {host}");
            assert!(
                hosts.contains(&format!("127.0.0.1 {host}\n")),
                "{shell}: {hosts}"
            );
            assert!(hosts.contains(kept), "{shell}: {hosts}");
        }
    }
}

#[test]
fn unreachable_callback_is_not_proven() {
    if !has_namespaces() {
        return eprintln!("skipped: this machine allows no namespaces");
    }
    for shell in available() {
        for (url, cause) in [
            ("http://api:9101", "does not reach"),
            ("http://api:9100/elsewhere", "HTTP 404"),
            ("http://10.0.0.5:9100", "DAPI_API__POC_CALLBACK_URL"),
        ] {
            let (proof, _) = proof(shell, url);
            let CallbackProof::Failed(why) = proof else {
                panic!("{shell}, {url}: {proof:?}");
            };
            assert!(why.contains(cause), "{shell}, {url}: {why}");
        }
    }
}
