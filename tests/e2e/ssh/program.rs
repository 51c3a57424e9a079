//! `pocpit ssh` itself, as an operator runs it, against a real server.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use pocpit::domain::{
    AccountName, MachineId, OfferId, RentalLabel, RentalPrices, ReplicaId, SshEndpoint, Time, Usd,
    UsdPerHour,
};
use pocpit::journal::{Journal, Record};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::*;

/// A market that answers every request with one rental.
async fn market(endpoint: SshEndpoint) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let row = serde_json::json!({"instances": {
        "id": ID.0, "actual_status": "running", "cur_state": "running", "label": null,
        "ssh_host": "192.0.2.1", "ssh_port": 9, "public_ipaddr": endpoint.host,
        "ports": {"22/tcp": [{"HostIp": "0.0.0.0", "HostPort": endpoint.port.to_string()}]},
    }});
    let body = row.to_string();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut buffer = [0; 8192];
            let _ = stream.read(&mut buffer).await;
            let head = format!(
                "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                body.len()
            );
            let _ = stream.write_all(format!("{head}{body}").as_bytes()).await;
        }
    });
    address
}

/// The rental is in the journal of this state directory.
fn note_rental(state: &Path) {
    let label: RentalLabel = "pocpit/home/359/1-abc".parse().unwrap();
    let (mut journal, _) = Journal::open(state).unwrap();
    let intended = Record::RentIntended {
        label: label.clone(),
        replica: ReplicaId::default(),
        account: AccountName::default(),
        offer: OfferId(1),
        machine: MachineId(1),
        host: None,
        prices: RentalPrices {
            gpu_price: UsdPerHour::from_dollars(8.0),
            storage_price: UsdPerHour::ZERO,
            download_per_gb: Usd::ZERO,
            download_gb: 0.0,
        },
        reserved: Usd::from_dollars(20.0),
    };
    let rented = Record::Rented {
        label,
        instance: ID,
    };
    for record in [intended, rented] {
        let _kept = journal.append(Time::UNIX_EPOCH, &record).unwrap();
    }
}

/// An operator's configuration for all of that.
fn configured(scene: &Scene, market: SocketAddr) -> PathBuf {
    let place = |name: &str| scene.scratch.path().join(name).display().to_string();
    let text = format!(
        r#"
[cockpit]
id = "home"
[chain]
public_api = ["http://127.0.0.1:9/"]
rpc = ["http://127.0.0.1:9/"]
participant = "gonka1x9k2v5q8w4e7r3t6y0u2p5s8d4f7g3h6j9k2l"
[vast]
api_key = "key"
base_url = "http://{market}/"
image = "ghcr.io/gonka-ai/mlnode:3.0.16"
[ssh]
key_file = "{}"
known_hosts_dir = "{}"
user = "{}"
[mlnode]
model = "MiniMaxAI/MiniMax-M2.7"
[budget]
per_sprint = 40.0
per_day = 60.0
per_month = 900.0
[network_node]
admin_api = "http://127.0.0.1:9/"
host = "127.0.0.1"
api_listen = "127.0.0.1:18080"
inference_listen = "127.0.0.1:15000"
callback_target = "127.0.0.1:9100"
[paths]
state_dir = "{}"
"#,
        place("key"),
        place("hosts"),
        scene.config.user,
        place("state"),
    );
    let path = scene.scratch.path().join("config.toml");
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    path
}

fn quietly(command: &mut Command) -> Output {
    command.stdin(Stdio::null()).output().unwrap()
}

fn said(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn ssh_program_runs_on_the_rental() {
    let Some(scene) = Scene::new(Kind::Sshd).await else {
        return;
    };
    let market = market(scene.peer.endpoint()).await;
    let config = configured(&scene, market);
    note_rental(&scene.scratch.path().join("state"));
    let pocpit = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pocpit"));
        command.arg("--config").arg(&config).arg("ssh");
        quietly(command.args(arguments))
    };
    // When a command is run on the rental, then its output and exit code are the command's.
    let ran = pocpit(&["--", "echo here; exit 9"]);
    assert_eq!(ran.status.code(), Some(9), "{}", said(&ran.stderr));
    assert_eq!(said(&ran.stdout), "here\n");
    // What is printed for it goes there as well, from a shell of another directory.
    let printed = pocpit(&["--print", "--", "echo \"it's $((40 + 2))\""]);
    assert_eq!(printed.status.code(), Some(0), "{}", said(&printed.stderr));
    let pasted = quietly(
        Command::new("sh")
            .arg("-c")
            .arg(said(&printed.stdout))
            .current_dir("/"),
    );
    assert_eq!(
        said(&pasted.stdout),
        "it's 42\n",
        "{}{}",
        said(&printed.stdout),
        said(&pasted.stderr)
    );
    // Another host at the same address is not spoken to.
    let scene = Scene {
        peer: scene.peer.replaced().await,
        ..scene
    };
    let refused = pocpit(&["--", "echo here"]);
    assert_eq!(
        refused.status.code(),
        Some(255),
        "{}",
        said(&refused.stderr)
    );
    assert_eq!(said(&refused.stdout), "");
    assert!(
        said(&refused.stderr).contains("IDENTIFICATION HAS CHANGED"),
        "{}",
        said(&refused.stderr)
    );
    drop(scene);
}
