//! The key that rentals let us in by.

use std::path::Path;
use std::process::{Command, Stdio};

use super::failure::missing_ssh_error;
use crate::ports::LinkError;

/// Makes a new ed25519 key without passphrase. Never overwrites one.
pub async fn generate_key(path: &Path) -> Result<(), LinkError> {
    if path.exists() {
        return Err(LinkError::Local(format!(
            "{} is there already and is not overwritten",
            path.display()
        )));
    }
    let output = tokio::process::Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-C", "pocpit", "-f"])
        .arg(path)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .map_err(|error| keygen_error(&error))?;
    if output.status.success() {
        return Ok(());
    }
    Err(LinkError::Local(format!(
        "no SSH key can be made at {}: {}",
        path.display(),
        String::from_utf8_lossy(&output.stderr).trim()
    )))
}

fn keygen_error(error: &std::io::Error) -> LinkError {
    match error.kind() {
        std::io::ErrorKind::NotFound => missing_ssh_error(),
        _ => LinkError::Local(format!("ssh-keygen cannot be run: {error}")),
    }
}

/// Checks a private key file as `ssh` will: there, readable, private.
pub(super) fn check_private(path: &Path) -> Result<(), LinkError> {
    use std::os::unix::fs::PermissionsExt as _;
    let shown = path.display();
    let data = std::fs::metadata(path).map_err(|error| {
        LinkError::Local(format!(
            "the SSH key {shown} cannot be read: {error}. Name the right file in ssh.key_file, or make one: ssh-keygen -t ed25519 -N '' -f {shown}"
        ))
    })?;
    if data.permissions().mode() & 0o077 != 0 {
        return Err(LinkError::Local(format!(
            "the SSH key {shown} can be read by others, and ssh refuses such keys: chmod 600 {shown}"
        )));
    }
    Ok(())
}

/// The public half as `type base64`, always from the private key itself: a `.pub` file beside it can
/// be that of another key, and a passphrase would only show once a rental waits to be let in.
pub(super) fn public_key(path: &Path) -> Result<String, LinkError> {
    let shown = path.display();
    let output = Command::new("ssh-keygen")
        .args(["-y", "-P", "", "-f"])
        .arg(path)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| keygen_error(&error))?;
    let complaint = String::from_utf8_lossy(&output.stderr);
    if complaint.contains("incorrect passphrase") {
        return Err(LinkError::Local(format!(
            "the SSH key {shown} has a passphrase, and nobody is there to type it when a rental boots. Make one for rentals alone: ssh-keygen -t ed25519 -N '' -f ~/.ssh/pocpit"
        )));
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let mut words = text.split_whitespace();
    match (words.next(), words.next()) {
        (Some(kind), Some(key)) if output.status.success() => Ok(format!("{kind} {key}")),
        _ => Err(LinkError::Local(format!(
            "{shown} is not a private SSH key: {}",
            complaint.trim()
        ))),
    }
}
