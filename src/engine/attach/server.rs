//! The owner's side. A viewer that does not read holds up nobody, and keeps one line in memory.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinHandle, JoinSet};

use super::socket::{SocketFile, listen};
use super::wire::{Greeting, LONGEST_COMMAND, Message, Sent, line_of, read_line};
use crate::config::Paths;
use crate::engine::snapshot::{Command, Snapshot};

/// More look on one after the other.
const MOST_VIEWERS: usize = 16;
/// After the engine's end, viewers get this long to take its last snapshot.
const LAST_WORDS: Duration = Duration::from_secs(1);
const AFTER_FAILURE: Duration = Duration::from_secs(1);

/// Serves an engine's snapshots until the engine has ended, and hands it what viewers decide. Only
/// the holder of the state directory's lock may call this.
pub fn serve(
    paths: &Paths,
    snapshots: watch::Receiver<Arc<Snapshot>>,
    commands: mpsc::Sender<Command>,
) -> io::Result<JoinHandle<()>> {
    let (listener, file) = listen(paths)?;
    Ok(tokio::spawn(welcome(listener, file, snapshots, commands)))
}

async fn welcome(
    listener: UnixListener,
    _file: SocketFile,
    snapshots: watch::Receiver<Arc<Snapshot>>,
    commands: mpsc::Sender<Command>,
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
                    viewers.spawn(show(viewer, snapshots.clone(), commands.clone()));
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

async fn show(
    viewer: UnixStream,
    snapshots: watch::Receiver<Arc<Snapshot>>,
    commands: mpsc::Sender<Command>,
) {
    let process = viewer.peer_cred().ok().and_then(|who| who.pid());
    let (from, to) = viewer.into_split();
    // That a viewer leaves is nothing to tell.
    tokio::select! {
        why = hand_over(from, &commands, process) => {
            tracing::warn!("hung up on the viewer, process {}: {why}", process.unwrap_or_default());
        }
        _ = tell(to, snapshots) => {}
    }
}

/// Hands over what a viewer decides, until it says what no viewer may say: then why that is.
async fn hand_over(
    from: impl AsyncRead + Unpin,
    commands: &mpsc::Sender<Command>,
    process: Option<i32>,
) -> String {
    let mut from = BufReader::new(from);
    loop {
        let line = match read_line(&mut from, LONGEST_COMMAND).await {
            Ok(Some(line)) => line,
            // It has no more to say, and may still look on; that it is gone is found in telling it.
            Ok(None) => std::future::pending().await,
            Err(error) => return error.to_string(),
        };
        match serde_json::from_slice(&line) {
            Ok(Command::Quit(_)) => return "it would end what it only looks at".to_owned(),
            Ok(command) => {
                tracing::info!(
                    "the viewer, process {}, decides: {command:?}",
                    process.unwrap_or_default()
                );
                // Nobody takes it any more when the engine has ended, as its last snapshot says.
                let _ = commands.send(command).await;
            }
            Err(error) => return format!("it says what is no command: {error}"),
        }
    }
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
