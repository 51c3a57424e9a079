//! The units in `assets/`, as a service manager reads them.

use std::io::{BufRead as _, BufReader};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::sim::Sim;

/// Nothing here takes this long, even on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

const UNITS: [&str; 5] = [
    "pocpit.service",
    "pocpit-proxy.service",
    "pocpit-gc.service",
    "pocpit-gc.timer",
    "pocpit-failure@.service",
];

fn text(unit: &str) -> String {
    let assets = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets");
    std::fs::read_to_string(assets.join(unit)).unwrap()
}

/// The units with the program and user of this machine in place of those of an operator's.
fn installed(directory: &Path) {
    let user = String::from_utf8(Command::new("id").arg("-un").output().unwrap().stdout).unwrap();
    for unit in UNITS {
        let text = text(unit)
            .replace("/usr/bin/pocpit", env!("CARGO_BIN_EXE_pocpit"))
            .replace("User=pocpit", &format!("User={}", user.trim()));
        std::fs::write(directory.join(unit), text).unwrap();
    }
}

#[test]
fn systemd_understands_every_unit() {
    let required = std::env::var_os("POCPIT_REQUIRE_SYSTEMD").is_some();
    let there = Command::new("systemd-analyze").arg("--version").output();
    if !there.is_ok_and(|output| output.status.success()) {
        assert!(!required, "systemd-analyze is not there");
        eprintln!("skipped: systemd-analyze is not there");
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    installed(directory.path());
    for unit in UNITS {
        // An instance stands for a template.
        let name = unit.replace("@.", "@pocpit.");
        let output = Command::new("systemd-analyze")
            .args(["verify", "--man=no", "--recursive-errors=no"])
            .arg(directory.path().join(&name))
            .env(
                "SYSTEMD_UNIT_PATH",
                format!("{}:", directory.path().display()),
            )
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        let complaints: Vec<&str> = said
            .lines()
            .filter(|line| line.contains("pocpit"))
            .collect();
        assert!(
            output.status.success() && complaints.is_empty(),
            "{unit}: {said}"
        );
    }
}

#[test]
fn units_are_hardened_with_own_credentials() {
    for unit in UNITS.into_iter().filter(|unit| unit.ends_with(".service")) {
        let text = text(unit);
        for line in [
            "NoNewPrivileges=yes",
            "ProtectSystem=strict",
            "SystemCallFilter=@system-service",
            "User=pocpit",
            "LimitCORE=0",
            "LimitNOFILE=65536",
        ] {
            assert!(
                text.lines().any(|known| known == line),
                "{unit} lacks {line}"
            );
        }
        let (own, other) = if unit == "pocpit-proxy.service" {
            (
                ["upstream.key", "POCPIT_INFERENCE_PROXY_UPSTREAM_KEY_FILE"],
                "vast",
            )
        } else {
            (["vast.key", "POCPIT_VAST_API_KEY_FILE"], "upstream")
        };
        let [file, variable] = own;
        assert!(
            text.contains(&format!("\nLoadCredential={file}:/etc/pocpit/{file}\n")),
            "{unit}"
        );
        assert!(
            text.contains(&format!("\nEnvironment={variable}=%d/{file}\n")),
            "{unit}"
        );
        assert!(
            !text.contains(&format!("LoadCredential={other}")),
            "{unit} needs no {other}"
        );
        // A failed failure notice must not trigger another one.
        let tells = text.contains("OnFailure=pocpit-failure@%N.service");
        assert_eq!(tells, !unit.starts_with("pocpit-failure"), "{unit}");
    }
}

#[test]
fn failure_unit_starts_without_keys() {
    let text = text("pocpit-failure@.service");
    // A credential that is also set is no hindrance when its file cannot be read (systemd.exec(5)).
    assert!(
        text.lines()
            .any(|line| line == "SetCredential=vast.key:\\n")
    );
}

/// An operator's machine on a served world: the configuration names no key, because the units give
/// them.
struct Machine {
    sim: Sim,
    files: tempfile::TempDir,
}

/// What `/etc/pocpit` holds for root alone.
const ROOTS: [(&str, &str); 2] = [("vast.key", "api_key"), ("upstream.key", "upstream_key")];

impl Machine {
    fn new() -> Machine {
        let files = tempfile::tempdir().unwrap();
        let mut sim = Command::new(env!("CARGO_BIN_EXE_pocpit"));
        let sim = Sim::start(sim.args(["sim", "--speed", "20"]));
        let mut text = std::fs::read_to_string(&sim.config).unwrap();
        for (file, setting) in ROOTS {
            let line = text
                .lines()
                .find(|line| line.starts_with(&format!("{setting} =")))
                .expect("a key")
                .to_owned();
            let key = line.split('"').nth(1).unwrap();
            std::fs::write(files.path().join(file), key).unwrap();
            text = text.replace(&line, "");
        }
        // An upstream to fall back to has a key that is root's too.
        let fallback = "[inference_proxy]\nfallbacks = [{ upstream = \"https://u.example/v1\", key_file = \"/nonexistent/fallback.key\", model = \"m\" }]";
        let text = text.replacen("[inference_proxy]", fallback, 1);
        let text = text + "[notify]\ncommand = [\"true\"]\n";
        std::fs::write(files.path().join("config.toml"), text).unwrap();
        Machine { sim, files }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.files.path().join(name)
    }

    /// What the unit runs, with the credentials that it loads and the environment that it sets.
    fn command(&self, unit: &str) -> Command {
        let text = text(unit);
        let values =
            |name: &'static str| text.lines().filter_map(move |line| line.strip_prefix(name));
        let credentials = self.path(&format!("credentials-{unit}"));
        std::fs::create_dir(&credentials).unwrap();
        for loaded in values("LoadCredential=") {
            let name = loaded.split(':').next().unwrap();
            std::fs::copy(self.path(name), credentials.join(name)).unwrap();
        }
        let words = values("ExecStart=").next().unwrap().replace(
            "/etc/pocpit/config.toml",
            &self.path("config.toml").display().to_string(),
        );
        let mut command = Command::new(env!("CARGO_BIN_EXE_pocpit"));
        command
            .args(split(&words).iter().skip(1))
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap())
            .env("HOME", self.files.path())
            .stdin(Stdio::null());
        for variable in values("Environment=") {
            let (name, value) = variable.split_once('=').unwrap();
            let value = value
                .replace("%d", &credentials.display().to_string())
                .replace("%S", &self.path("state").display().to_string())
                .replace("%t", &self.path("run").display().to_string());
            command.env(name, value);
        }
        command
    }
}

/// The words of a command line, of which some are in quotes.
fn split(line: &str) -> Vec<&str> {
    let parts = line.split('"').enumerate();
    let words = parts.flat_map(|(index, part)| match index % 2 {
        0 => part.split_whitespace().collect(),
        _ => vec![part],
    });
    words.collect()
}

struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn units_start_with_own_credentials_only() {
    let machine = Machine::new();
    // A clean exit logs no complaint about its configuration.
    for unit in ["pocpit-failure@.service", "pocpit-gc.service"] {
        let output = machine.command(unit).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(0), "{unit}: {said}");
        assert!(!said.contains("is read:"), "{unit}: {said}");
    }
    // Hands-off works with the market's key alone,
    let mut auto = machine.command("pocpit.service");
    let mut auto = Running(auto.stderr(Stdio::piped()).spawn().unwrap());
    let mut said = BufReader::new(auto.0.stderr.take().unwrap()).lines();
    let waits = said.any(|line| line.unwrap().contains("waiting"));
    assert!(waits, "auto never said that it waits");
    let rest = std::thread::spawn(move || said.count());
    // and the proxy does not serve without every one of its own.
    let refused = machine.command("pocpit-proxy.service").output().unwrap();
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(2), "{said}");
    assert!(
        said.contains("inference_proxy.fallbacks") && !said.contains("vast"),
        "{said}"
    );
    drop(auto);
    rest.join().unwrap();
}

#[test]
fn proxy_unit_serves_with_its_credentials() {
    let machine = Machine::new();
    let file = machine.path("config.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    let key = machine.path("upstream.key").display().to_string();
    std::fs::write(&file, text.replace("/nonexistent/fallback.key", &key)).unwrap();
    let listen = pocpit::config::load(Some(Path::new(&machine.sim.config)), &[]);
    let listen = listen.unwrap().config.inference_proxy.unwrap().listen;
    let _proxy = Running(machine.command("pocpit-proxy.service").spawn().unwrap());
    let end = Instant::now() + PATIENCE;
    while TcpStream::connect(listen).is_err() {
        assert!(Instant::now() < end, "it never listens");
        std::thread::sleep(Duration::from_millis(50));
    }
}
