//! What a release offers, installed and used on a machine on which nothing of it stays.

mod debian;
mod scratch_root;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

/// Set where the tools must be there.
const REQUIRED: &str = "POCPIT_REQUIRE_PACKAGING";
/// Commands that the tests need, each with what shows that it is there.
const TOOLS: [&[&str]; 4] = [
    &["cargo", "deb", "--version"],
    &["lintian", "--version"],
    &["dpkg-deb", "--version"],
    &["strip", "--version"],
];

/// True when packages can be made and installed here.
fn is_possible() -> bool {
    let tools = TOOLS.iter().map(|tool| {
        let mut command = Command::new(tool[0]);
        command.args(&tool[1..]);
        command
    });
    let mut mounts = scratch_root::unshare();
    mounts.args(["--mount", "true"]);
    let missing = tools.chain([mounts]).find_map(|mut tool| {
        let output = tool.output();
        let is_there = output.is_ok_and(|output| output.status.success());
        (!is_there).then(|| format!("{tool:?}"))
    });
    if let Some(tool) = &missing {
        assert!(std::env::var_os(REQUIRED).is_none(), "{tool} fails");
        eprintln!("skipped: {tool} fails");
    }
    missing.is_none()
}

/// Runs it and gives what it printed.
fn output(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {said}");
    String::from_utf8(output.stdout).unwrap()
}

/// The folder in the archive, and what the archive is called after.
const ARCHIVE: &str = concat!(
    "pocpit-",
    env!("CARGO_PKG_VERSION"),
    "-x86_64-unknown-linux-musl"
);

/// What `assets/package` makes of the tests' program, which stands for the one of a release.
struct Release {
    directory: tempfile::TempDir,
}

static RELEASE: LazyLock<Release> = LazyLock::new(Release::new);

impl Release {
    fn new() -> Release {
        let directory = tempfile::tempdir().unwrap();
        let program = directory.path().join("program");
        let program_of_tests = env!("CARGO_BIN_EXE_pocpit");
        output(
            Command::new("strip")
                .arg("-o")
                .arg(&program)
                .arg(program_of_tests),
        );
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/package");
        output(
            Command::new(script)
                .arg(directory.path())
                .arg(&program)
                .arg("--fast"),
        );
        let release = Release { directory };
        release.write_next();
        release
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn package(&self) -> PathBuf {
        self.path(&format!("pocpit_{}-1_amd64.deb", env!("CARGO_PKG_VERSION")))
    }

    /// The same program as the next version of the package.
    fn next_package(&self) -> PathBuf {
        self.path("next.deb")
    }

    fn write_next(&self) {
        let unpacked = self.path("next");
        output(
            Command::new("dpkg-deb")
                .arg("--raw-extract")
                .arg(self.package())
                .arg(&unpacked),
        );
        let control = unpacked.join("DEBIAN/control");
        let text = std::fs::read_to_string(&control).unwrap();
        let version = format!("Version: {}-1\n", env!("CARGO_PKG_VERSION"));
        assert!(text.contains(&version), "{text}");
        std::fs::write(&control, text.replace(&version, "Version: 999-1\n")).unwrap();
        output(
            Command::new("dpkg-deb")
                .args(["-Zgzip", "--build"])
                .arg(&unpacked)
                .arg(self.next_package()),
        );
    }
}

#[test]
#[ignore = "makes packages: half a minute"]
fn archive_runs_and_its_checksums_hold() {
    if !is_possible() {
        return;
    }
    let here = || {
        let mut command = Command::new("env");
        command.current_dir(RELEASE.directory.path());
        command
    };
    output(here().args(["sha256sum", "--check", "SHA256SUMS"]));
    let archive = format!("{ARCHIVE}.tar.gz");
    output(here().args(["tar", "--extract", "--file", &archive]));
    let unpacked = RELEASE.path(ARCHIVE);
    let version = output(Command::new(unpacked.join("pocpit")).arg("-V"));
    assert_eq!(version, format!("pocpit {}\n", env!("CARGO_PKG_VERSION")));
    for file in [
        "man/pocpit.1",
        "pocpit.bash",
        "_pocpit",
        "pocpit.fish",
        "pocpit.service",
        "pocpit-gc.timer",
        "config.example.toml",
        "README.md",
        "CHANGELOG.md",
        "LICENSE",
    ] {
        assert!(unpacked.join(file).is_file(), "{file}");
    }
}
