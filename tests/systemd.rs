//! The units in `assets/`, as a service manager reads them.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::path::Path;
use std::process::Command;

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
            .replace("/usr/local/bin/pocpit", env!("CARGO_BIN_EXE_pocpit"))
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
fn every_service_is_hardened_and_keeps_its_key_from_others() {
    for unit in UNITS.into_iter().filter(|unit| unit.ends_with(".service")) {
        let text = text(unit);
        for line in [
            "NoNewPrivileges=yes",
            "ProtectSystem=strict",
            "SystemCallFilter=@system-service",
            "LoadCredential=vast.key:/etc/pocpit/vast.key",
            "Environment=POCPIT_VAST_API_KEY_FILE=%d/vast.key",
            "User=pocpit",
        ] {
            assert!(
                text.lines().any(|known| known == line),
                "{unit} lacks {line}"
            );
        }
        // Who is told of a failure must not be told that telling failed.
        let tells = text.contains("OnFailure=pocpit-failure@%N.service");
        assert_eq!(tells, !unit.starts_with("pocpit-failure"), "{unit}");
    }
}

#[test]
fn who_tells_of_a_failure_starts_without_the_key_that_may_be_missing() {
    let text = text("pocpit-failure@.service");
    // A credential that is also set is no hindrance when its file cannot be read (systemd.exec(5)).
    assert!(
        text.lines()
            .any(|line| line == "SetCredential=vast.key:\\n")
    );
}
