//! Tells the program its commit: `POCPIT_COMMIT`, else what git says.
//!
//! Optimised builds alone are installed, and theirs alone ask git: the others would be built anew after
//! each commit.

use std::path::Path;
use std::process::Command;

const VARIABLE: &str = "POCPIT_COMMIT";
/// What git writes when another commit is checked out.
const WRITTEN: [&str; 2] = ["HEAD", "logs/HEAD"];

fn main() {
    println!("cargo::rerun-if-changed=src/build.rs");
    println!("cargo::rerun-if-env-changed={VARIABLE}");
    let is_told = std::env::var_os(VARIABLE).is_some();
    if is_told || std::env::var("PROFILE").as_deref() != Ok("release") {
        return;
    }
    for file in WRITTEN {
        let path = git(&["rev-parse", "--git-path", file]);
        if let Some(path) = path.filter(|path| Path::new(path).exists()) {
            println!("cargo::rerun-if-changed={path}");
        }
    }
    if let Some(commit) = git(&["rev-parse", "--short=12", "HEAD"]) {
        println!("cargo::rustc-env={VARIABLE}={commit}");
    }
}

/// What git prints, if it is there and this is its work tree.
fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}
