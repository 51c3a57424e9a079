//! Where the owner's socket is. It is named after the state directory's device and inode, and the state
//! directory has a link to it: a viewer finds it whatever its own environment says.

use std::fs::{self, FileType};
use std::io;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use tokio::net::{UnixListener, UnixStream};

use crate::config::Paths;
use crate::ssh::socket_directory;

const LINK: &str = "cockpit.sock";
/// Below the runtime directory.
const DIRECTORY: &str = "cockpit";
/// A Unix socket's path is shorter than 108 bytes; `/cockpit/` and two hexadecimal numbers with
/// `-` and `.sock` are ours.
const LONGEST_PARENT: usize = 107 - 9 - 16 - 1 - 16 - 5;

/// The file of a listening socket; removed when dropped.
#[derive(Debug)]
pub(super) struct SocketFile {
    path: PathBuf,
    inode: u64,
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        // The next owner may have replaced it already.
        if self.is_there() {
            let _ = fs::remove_file(&self.path);
        }
    }
}

impl SocketFile {
    /// Viewers can still find it.
    pub(super) fn is_there(&self) -> bool {
        fs::symlink_metadata(&self.path).is_ok_and(|file| file.ino() == self.inode)
    }
}

/// Listens for viewers. Only the holder of the state directory's lock calls this, so an existing socket
/// was left by an owner that is gone.
pub(super) fn listen(paths: &Paths) -> io::Result<(UnixListener, SocketFile)> {
    let state = fs::metadata(&paths.state_dir)?;
    let directory = socket_directory(&paths.runtime_dir, LONGEST_PARENT)?.join(DIRECTORY);
    crate::journal::make_private_dir(&directory)?;
    fs::set_permissions(&directory, fs::Permissions::from_mode(0o700))?;
    let path = directory.join(format!("{:x}-{:x}.sock", state.dev(), state.ino()));
    remove(&path, FileType::is_socket)?;
    let listener = UnixListener::bind(&path)?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600))?;
    let inode = fs::symlink_metadata(&path)?.ino();
    let link = paths.state_dir.join(LINK);
    remove(&link, FileType::is_symlink)?;
    symlink(&path, &link)?;
    Ok((listener, SocketFile { path, inode }))
}

pub(super) async fn connect(state_dir: &Path) -> io::Result<UnixStream> {
    // The link's own path may be too long for a socket.
    let path = fs::read_link(state_dir.join(LINK))?;
    UnixStream::connect(path).await
}

/// Removes what an earlier owner left. A file of another type is not ours.
fn remove(path: &Path, is_ours: impl Fn(&FileType) -> bool) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
        Ok(data) if is_ours(&data.file_type()) => fs::remove_file(path),
        Ok(_) => {
            let what = format!("{} is in the way", path.display());
            Err(io::Error::new(io::ErrorKind::AlreadyExists, what))
        }
    }
}
