//! The private directory for this process's SSH masters, and the cleanup of masters that a killed
//! process left behind.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustix::process::getuid;

use super::failure;
use super::socket_directory::{create_private, socket_directory};
use crate::ports::LinkError;

/// A Unix socket's path is shorter than 108 bytes; `ssh` and the `openssh` crate add
/// `/.ssh-connectionXXXXXX/master` and 17 random characters while the master starts.
const LONGEST_DIRECTORY: usize = 107 - 29 - 17;
/// The directory's name: a process id, at most 4,194,304 on Linux, `-`, and a count.
const LONGEST_NAME: usize = 7 + 1 + 4;
const CONFIG: &str = "config";
const LOCK: &str = "lock";
const NEW_LOCK: &str = "lock.new";
/// What the `openssh` crate calls a master's directory, and the files in it.
const MASTER_DIRECTORY: &str = ".ssh-connection";
const MASTER: &str = "master";
const MASTER_LOG: &str = "log";
const EXIT_TIMEOUT: Duration = Duration::from_secs(3);

/// Removed when dropped, unless one of its masters still lives.
#[derive(Debug)]
pub(super) struct ControlDirectory {
    runtime_dir: PathBuf,
    /// The `ssh` configuration of every session.
    config: String,
    held: Mutex<Held>,
    /// Held while the directory is made anew.
    making: Mutex<()>,
}

#[derive(Debug)]
struct Held {
    path: PathBuf,
    /// Locked while the process lives: process ids are reused.
    lock: File,
}

impl ControlDirectory {
    /// Creates it below `runtime_dir`. Ends the masters of dead processes.
    pub(super) fn create(
        runtime_dir: &Path,
        config: String,
    ) -> Result<ControlDirectory, LinkError> {
        Ok(ControlDirectory {
            held: Mutex::new(Held::create(runtime_dir, &config)?),
            making: Mutex::default(),
            runtime_dir: runtime_dir.to_owned(),
            config,
        })
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn path(&self) -> PathBuf {
        self.held().path.clone()
    }

    /// The directory, made anew if it vanished: by a logout, or a cleaner of temporary files. That can
    /// take seconds, as it ends masters of dead processes, so another thread does it.
    pub(super) async fn ensure(self: Arc<Self>) -> Result<PathBuf, LinkError> {
        let ensured = tokio::task::spawn_blocking(move || self.ensure_blocking());
        ensured
            .await
            .unwrap_or_else(|panic| Err(LinkError::Local(panic.to_string())))
    }

    fn ensure_blocking(&self) -> Result<PathBuf, LinkError> {
        let _making = self.making.lock().unwrap_or_else(PoisonError::into_inner);
        let vanished = {
            let held = self.held();
            if held.is_whole() {
                return Ok(held.path.clone());
            }
            held.path.clone()
        };
        // Without the lock that other threads wait for.
        let made = Held::create(&self.runtime_dir, &self.config)?;
        let path = made.path.clone();
        tracing::warn!(
            "{} for SSH sockets vanished; using {}",
            vanished.display(),
            path.display()
        );
        *self.held() = made;
        Ok(path)
    }

    /// An example of a master's socket, named as the `openssh` crate does.
    pub(super) fn master_socket(directory: &Path) -> PathBuf {
        directory
            .join(format!("{MASTER_DIRECTORY}XXXXXX"))
            .join(MASTER)
    }

    pub(super) fn config_file(directory: &Path) -> PathBuf {
        directory.join(CONFIG)
    }
}

impl Drop for ControlDirectory {
    fn drop(&mut self) {
        let path = self.path();
        // The next start ends what still lives.
        if masters(&path).iter().all(|master| is_gone(master)) {
            remove(&path);
        }
    }
}

impl Held {
    fn create(runtime_dir: &Path, config: &str) -> Result<Held, LinkError> {
        let create = || {
            let parent = socket_directory(runtime_dir, LONGEST_DIRECTORY - 1 - LONGEST_NAME)?;
            end_orphans(&parent);
            let path = parent.join(own_name());
            create_private(&path)?;
            fs::write(path.join(CONFIG), config)?;
            let lock = lock(&path)?;
            Ok(Held { path, lock })
        };
        create().map_err(|error: io::Error| {
            failure::local(&error, || {
                LinkError::Local(format!(
                    "cannot create a directory for SSH sockets: {error}"
                ))
            })
        })
    }

    fn is_whole(&self) -> bool {
        let locked = self.lock.metadata().map(|file| file.ino()).ok();
        let named = fs::symlink_metadata(self.path.join(LOCK));
        locked == named.map(|file| file.ino()).ok() && self.path.join(CONFIG).is_file()
    }
}

/// Locked before it is renamed into place: a lock file that can be locked belongs to a dead process.
fn lock(directory: &Path) -> io::Result<File> {
    let unnamed = directory.join(NEW_LOCK);
    let lock = File::create(&unnamed)?;
    lock.try_lock()?;
    fs::rename(unnamed, directory.join(LOCK))?;
    Ok(lock)
}

/// The process id, and a number because a process may create several.
fn own_name() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    format!("{}-{count}", std::process::id())
}

fn is_own_name(name: &str) -> bool {
    let is_number = |text: &str| text.parse::<u32>().is_ok_and(|n| n.to_string() == text);
    let parts = name.split_once('-');
    parts.is_some_and(|(pid, count)| is_number(pid) && is_number(count))
}

/// Ends the masters of dead processes, and removes their directories. A directory is ours if it has our
/// name, our owner and our lock; a master is forgotten only when it is gone.
fn end_orphans(parent: &Path) {
    for (name, path) in entries(parent) {
        if !is_own_name(&name) || !is_own_directory(&path) || !was_unlocked(&path) {
            continue;
        }
        let living: Vec<PathBuf> = masters(&path)
            .into_iter()
            .filter(|master| !end_master(master))
            .collect();
        if living.is_empty() {
            remove(&path);
        }
        for master in living {
            tracing::warn!(
                "an SSH connection of an earlier run does not end: {}; the next start tries again",
                master.display()
            );
        }
    }
}

/// Names and paths in a directory. One that cannot be read has none.
fn entries(directory: &Path) -> Vec<(String, PathBuf)> {
    let Ok(entries) = fs::read_dir(directory) else {
        return Vec::new();
    };
    entries
        .flatten()
        .filter_map(|entry| Some((entry.file_name().into_string().ok()?, entry.path())))
        .collect()
}

fn is_own_directory(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|data| data.is_dir() && data.uid() == getuid().as_raw())
}

/// Its process is dead.
fn was_unlocked(directory: &Path) -> bool {
    let path = directory.join(LOCK);
    fs::symlink_metadata(&path).is_ok_and(|data| data.is_file())
        && File::open(path).is_ok_and(|lock| lock.try_lock().is_ok())
}

/// The sockets of a directory's masters.
fn masters(directory: &Path) -> Vec<PathBuf> {
    master_directories(directory)
        .map(|path| path.join(MASTER))
        .filter(|socket| {
            fs::symlink_metadata(socket).is_ok_and(|data| data.file_type().is_socket())
        })
        .collect()
}

fn master_directories(directory: &Path) -> impl Iterator<Item = PathBuf> {
    let all = entries(directory).into_iter();
    all.filter(|(name, path)| name.starts_with(MASTER_DIRECTORY) && is_own_directory(path))
        .map(|(_, path)| path)
}

/// Nobody listens on the socket.
fn is_gone(master: &Path) -> bool {
    UnixStream::connect(master).is_err()
}

/// True if the master is gone.
fn end_master(socket: &Path) -> bool {
    if is_gone(socket) {
        return true;
    }
    tracing::info!(
        "ending an SSH connection of an earlier run: {}",
        socket.display()
    );
    let child = Command::new("ssh")
        // The operator's configuration may have lines that this `ssh` refuses.
        .args(["-F", "none", "-S"])
        .arg(socket)
        .args(["-O", "exit", "none"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    let Ok(mut child) = child else { return false };
    let until = Instant::now() + EXIT_TIMEOUT;
    let mut exited = false;
    while !(exited && is_gone(socket)) && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(10));
        exited = exited || !matches!(child.try_wait(), Ok(None));
    }
    // Harmless if it has ended.
    let _ = child.kill();
    let _ = child.wait();
    is_gone(socket)
}

/// Removes what this file, the tunnel and `ssh` put into the directory, by name. What others put there
/// stays, and the directory with it.
fn remove(directory: &Path) {
    for path in master_directories(directory) {
        let is_masters = |name: &str| name == MASTER_LOG || name.starts_with(MASTER);
        remove_files(&path, is_masters);
    }
    let is_tunnel = |name: &str| {
        name.strip_prefix('t')
            .is_some_and(|n| n.parse::<u32>().is_ok())
    };
    remove_files(directory, |name| {
        [CONFIG, LOCK, NEW_LOCK].contains(&name) || is_tunnel(name)
    });
}

/// Removes these files of a directory, and the directory if nothing else is in it.
fn remove_files(directory: &Path, is_ours: impl Fn(&str) -> bool) {
    for (name, path) in entries(directory) {
        if is_ours(&name) {
            // What cannot be removed stays, and shows by staying.
            let _ = fs::remove_file(path);
        }
    }
    let _ = fs::remove_dir(directory);
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;

    use super::*;

    fn control(runtime: &Path) -> ControlDirectory {
        ControlDirectory::create(runtime, "Host *\n".to_owned()).unwrap()
    }

    #[test]
    fn only_our_own_directories_are_removed() {
        let scratch = tempfile::tempdir().unwrap();
        let runtime = scratch.path();
        let sockets = socket_directory(runtime, 200).unwrap();
        // Given things of others, in the runtime directory and even in ours,
        let others: Vec<PathBuf> = ["2019-photos", "4194000", "7-0", "notes"]
            .into_iter()
            .flat_map(|name| [runtime.join(name), sockets.join(name)])
            .collect();
        for directory in &others {
            fs::create_dir(directory).unwrap();
            fs::write(directory.join("file"), "precious").unwrap();
        }
        fs::write(sockets.join("7-0").join("notes"), "precious").unwrap();
        // a link to them that looks like ours,
        std::os::unix::fs::symlink(runtime.join("notes"), sockets.join("8-0")).unwrap();
        fs::write(runtime.join("notes").join(LOCK), "").unwrap();
        // and what a dead process left, with a file of another's in it,
        let dead = sockets.join("9-0");
        let master = dead.join(".ssh-connectionabc");
        fs::create_dir_all(&master).unwrap();
        for file in [
            dead.join(CONFIG),
            dead.join(LOCK),
            dead.join("t0"),
            master.join("log"),
        ] {
            fs::write(file, "").unwrap();
        }
        let shared = sockets.join("10-0");
        fs::create_dir(&shared).unwrap();
        fs::write(shared.join(LOCK), "").unwrap();
        fs::write(shared.join("file"), "precious").unwrap();
        // when a process starts and ends,
        drop(control(runtime));
        // then only what the dead one left is gone.
        for directory in others.iter().chain([&shared]) {
            let kept = fs::read_to_string(directory.join("file"));
            assert_eq!(kept.unwrap(), "precious", "{}", directory.display());
        }
        assert!(
            fs::symlink_metadata(sockets.join("8-0"))
                .unwrap()
                .is_symlink()
        );
        assert!(runtime.join("notes").join(LOCK).exists());
        assert!(!dead.exists());
    }

    #[test]
    fn living_processes_keep_their_directories() {
        let scratch = tempfile::tempdir().unwrap();
        let first = control(scratch.path());
        let second = control(scratch.path());
        for held in [&first, &second] {
            assert!(ControlDirectory::config_file(&held.path()).is_file());
        }
        let paths = [first.path(), second.path()];
        drop((first, second));
        assert!(paths.iter().all(|path| !path.exists()));
    }

    #[test]
    fn vanished_directory_is_made_anew() {
        let scratch = tempfile::tempdir().unwrap();
        let runtime = scratch.path().join("run");
        let control = control(&runtime);
        assert_eq!(control.ensure_blocking().unwrap(), control.path());
        // When all of it goes, or one of its files,
        let file = |name: &str| control.path().join(name);
        for gone in [None, Some(CONFIG), Some(LOCK)] {
            match gone {
                None => fs::remove_dir_all(&runtime).unwrap(),
                Some(name) => fs::remove_file(file(name)).unwrap(),
            }
            // then the next try has a whole one.
            let path = control.ensure_blocking().unwrap();
            assert!(path.join(CONFIG).is_file() && path.join(LOCK).is_file());
        }
    }

    /// A master of a dead process that does not answer, and its socket.
    fn hung_master(sockets: &Path) -> (UnixListener, PathBuf) {
        let dead = sockets.join("9-0");
        let master = dead.join(".ssh-connectionabc");
        fs::create_dir_all(&master).unwrap();
        fs::write(dead.join(LOCK), "").unwrap();
        let socket = master.join(MASTER);
        (UnixListener::bind(&socket).unwrap(), socket)
    }

    #[tokio::test]
    async fn hung_master_holds_up_nobody_else() {
        let scratch = tempfile::tempdir().unwrap();
        let control = Arc::new(control(scratch.path()));
        let (_hung, socket) = hung_master(&socket_directory(scratch.path(), 200).unwrap());
        // Given a directory that must be made anew, and a master that takes its time to end,
        fs::remove_dir_all(control.path()).unwrap();
        let mut ensured = std::pin::pin!(Arc::clone(&control).ensure());
        // when a link needs the directory, then the others go on,
        let mut rounds = 0;
        let path = loop {
            tokio::select! {
                path = &mut ensured => break path.unwrap(),
                () = tokio::time::sleep(Duration::from_millis(20)) => rounds += 1,
            }
            // which read its path meanwhile.
            control.path();
        };
        assert!(path.join(LOCK).is_file() && socket.exists());
        let ssh = Command::new("ssh").arg("-V").stderr(Stdio::null()).status();
        assert!(ssh.is_err() || rounds > 20, "{rounds}");
    }

    #[test]
    fn hung_master_is_not_forgotten() {
        let scratch = tempfile::tempdir().unwrap();
        let sockets = socket_directory(scratch.path(), 200).unwrap();
        let dead = sockets.join("9-0");
        // Given a master of a dead process that does not answer,
        let (hung, socket) = hung_master(&sockets);
        // when processes start, then it is kept until it has ended.
        drop(control(scratch.path()));
        assert!(socket.exists());
        drop(hung);
        drop(control(scratch.path()));
        assert!(!dead.exists());
    }
}
