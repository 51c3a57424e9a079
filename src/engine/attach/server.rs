//! The owner's side. A viewer that does not read holds up nobody, and keeps one line in memory.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

use super::socket::{SocketFile, listen};
use super::wire::{Greeting, Message, Sent, line_of};
use crate::config::Paths;
use crate::engine::snapshot::Snapshot;

/// More look on one after the other.
const MOST_VIEWERS: usize = 16;
/// After the engine's end, viewers get this long to take its last snapshot.
const LAST_WORDS: Duration = Duration::from_secs(1);
const AFTER_FAILURE: Duration = Duration::from_secs(1);

/// Serves an engine's snapshots until the engine has ended. Only the holder of the state
/// directory's lock may call this.
pub fn serve(
    paths: &Paths,
    snapshots: watch::Receiver<Arc<Snapshot>>,
) -> io::Result<JoinHandle<()>> {
    let (listener, file) = listen(paths)?;
    Ok(tokio::spawn(welcome(listener, file, snapshots)))
}

async fn welcome(
    listener: UnixListener,
    _file: SocketFile,
    snapshots: watch::Receiver<Arc<Snapshot>>,
) {
    let mut viewers = JoinSet::new();
    let ended = end_of(snapshots.clone());
    tokio::pin!(ended);
    loop {
        tokio::select! {
            () = &mut ended => break,
            Some(_) = viewers.join_next() => {}
            accepted = listener.accept(), if viewers.len() < MOST_VIEWERS => match accepted {
                Ok((viewer, _)) => {
                    viewers.spawn(show(viewer, snapshots.clone()));
                }
                Err(error) => {
                    tracing::warn!("a viewer could not connect: {error}");
                    tokio::time::sleep(AFTER_FAILURE).await;
                }
            },
        }
    }
    let rest = async { while viewers.join_next().await.is_some() {} };
    let _ = tokio::time::timeout(LAST_WORDS, rest).await;
}

async fn end_of(mut snapshots: watch::Receiver<Arc<Snapshot>>) {
    while snapshots.changed().await.is_ok() {}
}

async fn show(viewer: UnixStream, snapshots: watch::Receiver<Arc<Snapshot>>) {
    let (from, to) = viewer.into_split();
    // That a viewer leaves is nothing to tell.
    tokio::select! {
        () = until_it_speaks(from) => {}
        _ = tell(to, snapshots) => {}
    }
}

/// Until the viewer is gone, or says something: it has nothing to say.
async fn until_it_speaks(mut from: impl AsyncRead + Unpin) {
    let _ = from.read(&mut [0]).await;
}

/// Tells a viewer the news until the engine has ended.
pub(super) async fn tell(
    mut to: impl AsyncWrite + Unpin,
    mut snapshots: watch::Receiver<Arc<Snapshot>>,
) -> io::Result<()> {
    to.write_all(&line_of(&Greeting::ours())?).await?;
    let mut sent = Sent::default();
    loop {
        let log_until = snapshots.borrow_and_update().boot_log.end_seq();
        while !tell_next(&mut to, &mut sent, &snapshots, log_until).await? {}
        if snapshots.changed().await.is_err() {
            return to.shutdown().await;
        }
    }
}

/// Sends one line of the newest snapshot; true when that was its last. While the viewer takes its
/// time no snapshot is held.
async fn tell_next(
    to: &mut (impl AsyncWrite + Unpin),
    sent: &mut Sent,
    snapshots: &watch::Receiver<Arc<Snapshot>>,
    log_until: u64,
) -> io::Result<bool> {
    let (line, is_last) = {
        // Not borrowed while it is written as JSON: the engine would wait.
        let snapshot = Arc::clone(&snapshots.borrow());
        let message = sent.next(&snapshot, log_until);
        (line_of(&message)?, matches!(message, Message::Snapshot(_)))
    };
    to.write_all(&line).await?;
    Ok(is_last)
}
