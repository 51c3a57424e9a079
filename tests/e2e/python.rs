//! Python environments with exactly the pinned packages, for third-party clients.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};

/// Variables that would put a proxy between a client and loopback.
const PROXIES: [&str; 6] = [
    "http_proxy",
    "https_proxy",
    "all_proxy",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
];

/// Lets the client reach loopback directly.
pub fn without_proxy(command: &mut Command) {
    for name in PROXIES {
        command.env_remove(name);
    }
}

/// The `bin` directory of an environment with the requirements of `tests/e2e/NAME`, made once. If it
/// cannot be made the test is skipped, or fails when the variable `required` is set.
pub fn environment(name: &str, required: &str) -> Option<PathBuf> {
    // Tests that need the same one start at once.
    static INSTALLING: Mutex<()> = Mutex::new(());
    let _installing = INSTALLING.lock().unwrap_or_else(PoisonError::into_inner);
    match install(name) {
        Ok(bin) => Some(bin),
        Err(why) => {
            let required = std::env::var_os(required).is_some();
            assert!(!required, "{name} cannot be installed: {why}");
            eprintln!("skipped: {name} cannot be installed: {why}");
            None
        }
    }
}

fn install(name: &str) -> Result<PathBuf, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/e2e");
    let wanted = root.join(name).join("requirements.txt");
    let place = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let (bin, installed) = (place.join("bin"), place.join("requirements.txt"));
    let requirements = std::fs::read(&wanted).map_err(|error| error.to_string())?;
    if std::fs::read(&installed).is_ok_and(|installed| installed == requirements) {
        return Ok(bin);
    }
    let run = |command: &mut Command| -> Result<(), String> {
        let output = command.output().map_err(|error| error.to_string())?;
        let stderr = || String::from_utf8_lossy(&output.stderr).into_owned();
        output.status.success().then_some(()).ok_or_else(stderr)
    };
    // `--clear`: nothing of an environment with other versions stays.
    run(Command::new("python3")
        .args(["-m", "venv", "--clear"])
        .arg(&place))?;
    // `--no-deps`: nothing is installed that is not pinned; `pip check` fails if something is missing.
    let python = bin.join("python");
    let pip = ["-m", "pip", "-q", "--disable-pip-version-check"];
    let install = ["install", "--no-deps", "-r"];
    run(Command::new(&python).args(pip).args(install).arg(wanted))?;
    run(Command::new(&python).args(pip).arg("check"))?;
    std::fs::write(installed, requirements).map_err(|error| error.to_string())?;
    Ok(bin)
}
