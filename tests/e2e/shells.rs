//! The POSIX shells of this machine, for the scripts that run on a rental.

use std::process::Command;

/// Their programs; at least one.
pub fn available() -> Vec<&'static str> {
    let all = ["dash", "bash", "sh", "busybox"];
    let (available, missing): (Vec<&str>, Vec<&str>) = all.into_iter().partition(|shell| {
        let mut command = Command::new(shell);
        command.args(applet(shell)).args(["-c", ":"]);
        command.status().is_ok_and(|status| status.success())
    });
    for shell in missing {
        eprintln!("{shell} is not here: skipped");
    }
    assert!(
        !available.is_empty(),
        "there is no shell to try a script with"
    );
    available
}

/// The argument that makes this program a shell.
pub fn applet(shell: &str) -> Option<&'static str> {
    shell.ends_with("busybox").then_some("sh")
}
