//! The SSH key for rentals.

use std::path::Path;
use std::process::{Command, Stdio};

use super::failure::{missing_ssh_error, short};
use crate::ports::LinkError;

/// Creates an ed25519 key without passphrase. Never overwrites one.
pub async fn generate_key(path: &Path) -> Result<(), LinkError> {
    if path.exists() {
        return Err(LinkError::Local(format!(
            "{} already exists and is not overwritten",
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
        "cannot create an SSH key at {}: {}",
        path.display(),
        short(&String::from_utf8_lossy(&output.stderr))
    )))
}

fn keygen_error(error: &std::io::Error) -> LinkError {
    match error.kind() {
        std::io::ErrorKind::NotFound => missing_ssh_error(),
        _ => LinkError::Local(format!("cannot run ssh-keygen: {error}")),
    }
}

/// Checks that a private key file exists and is private, as `ssh` will.
pub(super) fn check_private(path: &Path) -> Result<(), LinkError> {
    use std::os::unix::fs::PermissionsExt as _;
    let shown = path.display();
    let data = std::fs::metadata(path).map_err(|error| {
        LinkError::Local(format!(
            "cannot read the SSH key {shown}: {error}. Set ssh.key_file to the right file, or create one: ssh-keygen -t ed25519 -N '' -f {shown}"
        ))
    })?;
    if !data.is_file() {
        return Err(LinkError::Local(format!(
            "the SSH key {shown} is not a regular file"
        )));
    }
    if data.permissions().mode() & 0o077 != 0 {
        return Err(LinkError::Local(format!(
            "the SSH key {shown} is readable by others, so ssh rejects it: chmod 600 {shown}"
        )));
    }
    Ok(())
}

/// The public key as `type base64`, derived from the private key: a `.pub` file beside it may belong to
/// another key, and a passphrase would only surface once a rental boots.
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
            "the SSH key {shown} has a passphrase, and nobody can type it when a rental boots. Create a key for rentals only: ssh-keygen -t ed25519 -N '' -f ~/.ssh/pocpit"
        )));
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let mut words = text.split_whitespace();
    match (words.next(), words.next()) {
        (Some(kind), Some(key)) if output.status.success() => Ok(format!("{kind} {key}")),
        _ => Err(LinkError::Local(format!(
            "{shown} is not a private SSH key: {}",
            short(&complaint)
        ))),
    }
}
