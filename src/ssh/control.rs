//! The private directory for this process's SSH masters, and the cleanup of masters that a killed
//! process left behind.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use rustix::process::{Pid, getuid, test_kill_process};

use crate::ports::LinkError;

/// A Unix socket's path is shorter than 108 bytes; `ssh` and the `openssh` crate add
/// `/.ssh-connectionXXXXXX/master` and 17 random characters while the master starts.
const LONGEST_DIRECTORY: usize = 107 - 29 - 17;
const LOCK: &str = "lock";
const EXIT_TIMEOUT: Duration = Duration::from_secs(3);

/// What `SessionBuilder` has no setting for: only our known-hosts file counts, nothing is forwarded
/// by default, and a socket of an earlier session does not block a new one.
const SSH_CONFIG: &str = "\
Host *
  ServerAliveCountMax 3
  StreamLocalBindUnlink yes
  GlobalKnownHostsFile /dev/null
  HashKnownHosts no
  UpdateHostKeys no
  PasswordAuthentication no
  KbdInteractiveAuthentication no
  ForwardAgent no
  ForwardX11 no
  PermitLocalCommand no
  LogLevel ERROR
";

/// Removed when dropped.
#[derive(Debug)]
pub(super) struct ControlDirectory {
    path: PathBuf,
    /// Locked while the process lives: process ids are reused.
    _lock: File,
}

impl ControlDirectory {
    /// Creates it below `runtime_dir`, or below the system's temporary directory if that path is too
    /// long for sockets. Ends the masters of dead processes.
    pub(super) fn create(runtime_dir: &Path) -> Result<ControlDirectory, LinkError> {
        let own_name = own_name();
        let longest = LONGEST_DIRECTORY - 1 - own_name.len();
        let create = || {
            let parent = socket_directory(runtime_dir, longest)?;
            let path = parent.join(own_name);
            end_orphans(&parent);
            make_private(&path)?;
            fs::write(path.join("config"), SSH_CONFIG)?;
            let lock = lock(&path)?;
            Ok(ControlDirectory { path, _lock: lock })
        };
        create().map_err(|error: io::Error| {
            LinkError::Local(format!(
                "cannot create a directory for SSH sockets: {error}"
            ))
        })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn config_file(&self) -> PathBuf {
        self.path.join("config")
    }
}

impl Drop for ControlDirectory {
    fn drop(&mut self) {
        // The next start removes the rest.
        let _ = fs::remove_dir_all(&self.path);
    }
}

/// Locked before it is renamed into place: a lock file that can be locked belongs to a dead process.
fn lock(directory: &Path) -> io::Result<File> {
    let unnamed = directory.join("lock.new");
    let lock = File::create(&unnamed)?;
    lock.try_lock()?;
    fs::rename(unnamed, directory.join(LOCK))?;
    Ok(lock)
}

/// The process id, and a number because tests create several per process.
fn own_name() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    format!("{}-{count}", std::process::id())
}

/// A private directory for sockets: `runtime_dir`, or one in the system's temporary directory if its
/// path is longer than `longest` bytes.
pub fn socket_directory(runtime_dir: &Path, longest: usize) -> io::Result<PathBuf> {
    let length = |path: &Path| path.as_os_str().len();
    let directory = if length(runtime_dir) <= longest {
        runtime_dir.to_owned()
    } else {
        std::env::temp_dir().join(format!("pocpit-{}", getuid().as_raw()))
    };
    if length(&directory) > longest {
        let what = format!(
            "{} is too long for sockets: set paths.runtime_dir to a path of at most {longest} characters",
            directory.display()
        );
        return Err(io::Error::new(io::ErrorKind::InvalidFilename, what));
    }
    make_private(&directory).map_err(|error| {
        let what = format!("{} cannot be used: {error}", directory.display());
        io::Error::new(error.kind(), what)
    })?;
    Ok(directory)
}

/// Creates a directory with mode 0700. Fails if it belongs to another user.
fn make_private(path: &Path) -> io::Result<()> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)?;
    let data = fs::metadata(path)?;
    if data.uid() != getuid().as_raw() {
        let what = "it belongs to another user";
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, what));
    }
    Ok(())
}

/// Ends the masters of dead processes. Their directories are named by process id, which may have been
/// reused.
fn end_orphans(parent: &Path) {
    let Ok(entries) = fs::read_dir(parent) else {
        return;
    };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let pid = name.to_str().and_then(|name| name.split('-').next());
        let pid = pid.and_then(|pid| pid.parse().ok());
        let Some(pid) = pid.and_then(Pid::from_raw) else {
            continue;
        };
        let gone = matches!(test_kill_process(pid), Err(rustix::io::Errno::SRCH));
        let unlocked =
            || File::open(entry.path().join(LOCK)).is_ok_and(|lock| lock.try_lock().is_ok());
        if gone || unlocked() {
            end_masters(&entry.path());
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

fn end_masters(directory: &Path) {
    let Ok(entries) = fs::read_dir(directory) else {
        return;
    };
    for entry in entries.flatten() {
        let socket = entry.path().join("master");
        if !socket.exists() {
            continue;
        }
        tracing::info!(
            "ending an SSH connection of an earlier run: {}",
            socket.display()
        );
        let child = Command::new("ssh")
            .arg("-S")
            .arg(&socket)
            .args(["-O", "exit", "none"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let Ok(mut child) = child else { continue };
        let until = Instant::now() + EXIT_TIMEOUT;
        while matches!(child.try_wait(), Ok(None)) && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(10));
        }
        // Harmless if it has ended; a master that hangs ends by its own ControlPersist.
        let _ = child.kill();
        let _ = child.wait();
    }
}
