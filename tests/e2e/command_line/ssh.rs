//! `pocpit ssh` connects to the current rental only, with its key, port and host key.

use pocpit::config::Config;
use pocpit::domain::{
    AccountName, ActualStatus, InstanceId, MachineId, OfferId, RentalPrices, ReplicaId, Usd,
    UsdPerHour,
};
use pocpit::journal::{Journal, Record};
use pocpit::ports::Market as _;
use serde_json::Value;

use crate::command_line::{Home, Ran, config_of, rent};
use crate::sim::Sim;

struct Scene {
    home: Home,
    sim: Sim,
    config: Config,
    runtime: tokio::runtime::Runtime,
}

impl Scene {
    fn new() -> Scene {
        let home = Home::new();
        let sim = Sim::start(home.command(&["sim"]).args(["--speed", "2000"]));
        Scene {
            config: config_of(&sim),
            runtime: tokio::runtime::Runtime::new().unwrap(),
            home,
            sim,
        }
    }

    fn ssh(&self, arguments: &[&str]) -> Ran {
        let before = ["--config", self.sim.config.as_str(), "ssh"];
        self.home.run(&[&before, arguments].concat())
    }

    fn note(&self, label: &str, instance: InstanceId) {
        note(&self.config, label, instance);
    }

    /// Rents, and waits until the container runs.
    fn rental(&self, label: &str) -> InstanceId {
        self.runtime.block_on(running(&self.config, label))
    }
}

/// Records a rental in the journal, as its cockpit would.
pub fn note(config: &Config, label: &str, instance: InstanceId) {
    let (mut journal, _) = Journal::open(&config.paths.state_dir).unwrap();
    let label: pocpit::domain::RentalLabel = label.parse().unwrap();
    let at = config.simulation.unwrap().world_start;
    let prices = RentalPrices {
        gpu_price: UsdPerHour::from_dollars(8.0),
        storage_price: UsdPerHour::ZERO,
        download_per_gb: Usd::ZERO,
        download_gb: 0.0,
    };
    let intended = Record::RentIntended {
        label: label.clone(),
        replica: ReplicaId::default(),
        account: AccountName::default(),
        offer: OfferId(1),
        machine: MachineId(1),
        host: None,
        prices,
        reserved: Usd::from_dollars(20.0),
    };
    for record in [intended, Record::Rented { label, instance }] {
        let _kept = journal.append(at, &record).unwrap();
    }
}

/// A rental under a label, once its container runs.
pub async fn running(config: &Config, label: &str) -> InstanceId {
    let key = std::fs::read_to_string(config.ssh.key_file.with_extension("pub")).unwrap();
    let market = crate::market::market(&config.vast);
    market.ensure_account_key(key.trim()).await.unwrap();
    let id = rent(config, label).await;
    loop {
        let instance = market.instance(id).await.unwrap();
        if instance.is_some_and(|instance| instance.actual == ActualStatus::Running) {
            return id;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}

#[test]
fn with_nothing_rented_there_is_no_shell() {
    let scene = Scene::new();
    let ran = scene.ssh(&[]);
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    assert!(ran.stderr.contains("no active rental"), "{}", ran.stderr);
    // A rental that is only in the journal is gone.
    scene.note("pocpit/demo/1/1-gone", InstanceId(999_999));
    let ran = scene.ssh(&["--print"]);
    assert_eq!(
        (ran.code, ran.stdout.as_str()),
        (Some(1), ""),
        "{}",
        ran.stderr
    );
    assert!(ran.stderr.contains("999999"), "{}", ran.stderr);
}

#[test]
fn ssh_runs_command_and_pins_host_key() {
    let scene = Scene::new();
    let id = scene.rental("pocpit/demo/1/1-a");
    scene.note("pocpit/demo/1/1-a", id);
    // Given a running rental, the command is printed,
    let printed = scene.ssh(&["--print"]);
    assert_eq!(printed.code, Some(0), "{}", printed.stderr);
    let config = &scene.config.ssh;
    let known = config.known_hosts_dir.join(id.to_string());
    for part in [
        format!("IdentityFile={}", config.key_file.display()),
        format!("UserKnownHostsFile={}", known.display()),
        format!("{}@", config.user),
    ] {
        assert!(printed.stdout.contains(&part), "{part}: {}", printed.stdout);
    }
    // as a line for a shell and as fields for other programs,
    let told = scene.ssh(&["--json"]);
    let told: Value = serde_json::from_str(&told.stdout).unwrap();
    assert_eq!(told["rental"], id.0);
    assert_eq!(told["key"], config.key_file.display().to_string());
    assert_eq!(told["known_hosts"], known.display().to_string());
    let (port, user) = (&told["port"], told["user"].as_str().unwrap());
    let address = format!("{user}@{}", told["host"].as_str().unwrap());
    for part in [format!("-p {port} "), address] {
        assert!(printed.stdout.contains(&part), "{part}: {}", printed.stdout);
    }
    assert!(!known.exists(), "to print is to touch nothing");
    // and it runs, once the rental accepts the key.
    let ran = loop {
        let ran = scene.ssh(&["--", "echo", "hello"]);
        if !ran.stderr.contains("Permission denied") {
            break ran;
        }
        std::thread::sleep(std::time::Duration::from_millis(200));
    };
    assert_eq!(
        (ran.code, ran.stdout.trim()),
        (Some(0), "hello"),
        "{}",
        ran.stderr
    );
    // The host key pinned by that is required from now on:
    let pinned = std::fs::read_to_string(&known).unwrap();
    assert!(pinned.contains("ssh-ed25519"), "{pinned}");
    assert!(
        scene
            .ssh(&["--print"])
            .stdout
            .contains("StrictHostKeyChecking=yes")
    );
    // a host with another key is rejected.
    let other = std::process::Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-f"])
        .arg(scene.home.path("other"))
        .status();
    assert!(other.unwrap().success());
    let other = std::fs::read_to_string(scene.home.path("other.pub")).unwrap();
    let other = other.split_whitespace().nth(1).unwrap();
    let ours = pinned.split_whitespace().nth(2).unwrap();
    std::fs::write(&known, pinned.replace(ours, other)).unwrap();
    let refused = scene.ssh(&["--", "echo", "hello"]);
    assert_eq!((refused.code, refused.stdout.as_str()), (Some(255), ""));
    assert!(
        refused.stderr.contains("IDENTIFICATION HAS CHANGED"),
        "{}",
        refused.stderr
    );
}
