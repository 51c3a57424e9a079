//! The owner's side of the socket. A viewer that does not read costs one line of memory and delays
//! nobody.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinHandle, JoinSet};

use super::sent::Sent;
use super::socket::{SocketFile, listen};
use super::wire::{Greeting, Hello, LONGEST_COMMAND, PROTOCOL, Request, line_of, read_line};
use crate::config::Paths;
use crate::domain::ReplicaId;
use crate::engine::snapshot::{Command, Snapshot};

/// More have to wait.
const MAX_VIEWERS: usize = 16;
/// After the engine's end, viewers get this long to read its last snapshot.
const LAST_SNAPSHOT_TIMEOUT: Duration = Duration::from_secs(1);
const ACCEPT_RETRY: Duration = Duration::from_secs(1);
/// A logout or a cleaner of temporary files may take the socket away.
const SOCKET_CHECK: Duration = Duration::from_secs(10);

/// Serves an engine's snapshots until it has ended, and passes viewers' commands to it. Only the
/// holder of the state directory's lock may call this.
pub fn serve(
    paths: &Paths,
    snapshots: watch::Receiver<Arc<Snapshot>>,
    commands: mpsc::Sender<Command>,
) -> io::Result<JoinHandle<()>> {
    let socket = listen(paths)?;
    Ok(tokio::spawn(accept_viewers(
        socket,
        paths.clone(),
        snapshots,
        commands,
    )))
}

async fn accept_viewers(
    (mut listener, mut file): (UnixListener, SocketFile),
    paths: Paths,
    snapshots: watch::Receiver<Arc<Snapshot>>,
    commands: mpsc::Sender<Command>,
) {
    let mut viewers = JoinSet::new();
    let ended = end_of(snapshots.clone());
    tokio::pin!(ended);
    let mut look = tokio::time::interval(SOCKET_CHECK);
    // The last error while the socket was made anew: each is logged once.
    let mut failure = String::new();
    loop {
        tokio::select! {
            () = &mut ended => break,
            Some(_) = viewers.join_next() => {}
            _ = look.tick() => if !file.is_there() {
                match listen(&paths) {
                    Ok((anew, its_file)) => {
                        failure.clear();
                        listener = anew;
                        // The new file may have the old one's inode: the old one must not remove it.
                        std::mem::forget(std::mem::replace(&mut file, its_file));
                    }
                    Err(error) if error.to_string() == failure => {}
                    Err(error) => {
                        failure = error.to_string();
                        tracing::warn!("a second pocpit cannot attach: {failure}");
                    }
                }
            },
            accepted = listener.accept(), if viewers.len() < MAX_VIEWERS => match accepted {
                Ok((viewer, _)) => {
                    viewers.spawn(serve_viewer(viewer, snapshots.clone(), commands.clone()));
                }
                Err(error) => {
                    tracing::warn!("a viewer could not connect: {error}");
                    tokio::time::sleep(ACCEPT_RETRY).await;
                }
            },
        }
    }
    let rest = async { while viewers.join_next().await.is_some() {} };
    let _ = tokio::time::timeout(LAST_SNAPSHOT_TIMEOUT, rest).await;
}

async fn end_of(mut snapshots: watch::Receiver<Arc<Snapshot>>) {
    while snapshots.changed().await.is_ok() {}
}

async fn serve_viewer(
    viewer: UnixStream,
    snapshots: watch::Receiver<Arc<Snapshot>>,
    commands: mpsc::Sender<Command>,
) {
    let process = viewer.peer_cred().ok().and_then(|who| who.pid());
    let (from, to) = viewer.into_split();
    let (focus, shown) = watch::channel(None);
    // A viewer may leave at any time.
    tokio::select! {
        why = receive_requests(from, &commands, &focus, process) => {
            tracing::warn!("disconnected the viewer, process {}: {why}", process.unwrap_or_default());
        }
        _ = send_snapshots(to, snapshots, shown) => {}
    }
}

/// Passes a viewer's commands on, and what it shows. Returns why it must be disconnected.
async fn receive_requests(
    from: impl AsyncRead + Unpin,
    commands: &mpsc::Sender<Command>,
    focus: &watch::Sender<Option<ReplicaId>>,
    process: Option<i32>,
) -> String {
    let mut from = BufReader::new(from);
    loop {
        let line = match read_line(&mut from, LONGEST_COMMAND).await {
            Ok(Some(line)) => line,
            // It may still read: that it is gone shows in sending.
            Ok(None) => std::future::pending().await,
            Err(error) => return error.to_string(),
        };
        match serde_json::from_slice(&line) {
            Ok(Request::Hello(Hello { protocol, replica })) if protocol == PROTOCOL => {
                focus.send_replace(Some(replica));
            }
            Ok(Request::Hello(Hello { protocol, .. })) => {
                return format!("its protocol is {protocol}, ours is {PROTOCOL}");
            }
            Ok(Request::Command(Command::Quit(_))) => {
                return "a viewer may not stop the engine".to_owned();
            }
            Ok(Request::Command(command)) => {
                tracing::info!(
                    "command of the viewer, process {}: {command}",
                    process.unwrap_or_default()
                );
                // This fails if the engine has ended, as its last snapshot says.
                let _ = commands.send(command).await;
            }
            Err(error) => return format!("not a command: {error}"),
        }
    }
}

/// Sends what changes until the engine has ended.
pub(super) async fn send_snapshots(
    mut to: impl AsyncWrite + Unpin,
    mut snapshots: watch::Receiver<Arc<Snapshot>>,
    mut focus: watch::Receiver<Option<ReplicaId>>,
) -> io::Result<()> {
    to.write_all(&line_of(&Greeting::ours())?).await?;
    let mut sent = Sent::default();
    loop {
        sent.begin(&snapshots.borrow_and_update());
        focus.mark_unchanged();
        while !send_next(&mut to, &mut sent, &snapshots, &focus).await? {}
        tokio::select! {
            changed = snapshots.changed() => if changed.is_err() {
                return to.shutdown().await;
            },
            Ok(()) = focus.changed() => {}
        }
    }
}

/// Sends one line of the newest snapshot; true if that was its last. No snapshot is held while the
/// viewer reads.
async fn send_next(
    to: &mut (impl AsyncWrite + Unpin),
    sent: &mut Sent,
    snapshots: &watch::Receiver<Arc<Snapshot>>,
    focus: &watch::Receiver<Option<ReplicaId>>,
) -> io::Result<bool> {
    let (line, is_last) = {
        // A borrow during serialization would block the engine.
        let snapshot = Arc::clone(&snapshots.borrow());
        let focus = focus.borrow().clone();
        let message = sent.next(&snapshot, focus.as_ref())?;
        (line_of(&message)?, message.is_last())
    };
    to.write_all(&line).await?;
    Ok(is_last)
}
