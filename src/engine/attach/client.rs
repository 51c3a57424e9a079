//! The viewer's side of the socket.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncBufRead, AsyncWrite, AsyncWriteExt as _, BufReader};
use tokio::net::UnixStream;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, timeout};

use super::AttachError;
use super::received::Received;
use super::socket::connect;
use super::wire::{
    Greeting, Hello, LONGEST_LINE, Message, PROTOCOL, Request, VERSION, line_of, read_line,
};
use crate::domain::ReplicaId;
use crate::engine::snapshot::{Command, Snapshot};

/// An owner that has just started takes a moment to listen.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
const CONNECT_INTERVAL: Duration = Duration::from_millis(100);
/// A long log may precede the first snapshot.
const FIRST_SNAPSHOT_TIMEOUT: Duration = Duration::from_secs(30);
/// Commands queued for an owner that is slow to read; more are refused.
const COMMAND_QUEUE: usize = 16;

#[derive(Debug)]
pub struct Attached {
    /// The owner's process id.
    pub owner: u32,
    /// Closed when the owner has ended.
    pub snapshots: watch::Receiver<Arc<Snapshot>>,
    /// Closed when the owner accepts no more.
    pub commands: mpsc::Sender<Command>,
    /// Whose log and offers are sent; those of the first replica until it is told.
    pub focus: watch::Sender<Option<ReplicaId>>,
}

/// Attaches to the owner of a state directory.
pub async fn attach(state_dir: &Path) -> Result<Attached, AttachError> {
    let (from, to) = connect_in_time(state_dir).await?.into_split();
    let first = timeout(FIRST_SNAPSHOT_TIMEOUT, follow(BufReader::new(from)));
    let silent = Err(FollowError::NotUnderstood("it sends nothing".to_owned()));
    let state_dir = state_dir.to_owned();
    let (owner, snapshots) = first.await.unwrap_or(silent).map_err(|error| match error {
        FollowError::OtherVersion(greeting) => AttachError::OtherVersion {
            state_dir,
            pid: greeting.pid,
            theirs: greeting.pocpit,
            ours: VERSION,
        },
        FollowError::NotUnderstood(detail) => AttachError::NotUnderstood { state_dir, detail },
    })?;
    let (commands, queue) = mpsc::channel(COMMAND_QUEUE);
    let (focus, shown) = watch::channel(None);
    tokio::spawn(send_requests(queue, shown, to));
    Ok(Attached {
        owner,
        snapshots,
        commands,
        focus,
    })
}

async fn connect_in_time(state_dir: &Path) -> Result<UnixStream, AttachError> {
    let until = Instant::now() + CONNECT_TIMEOUT;
    loop {
        match connect(state_dir).await {
            Ok(stream) => return Ok(stream),
            Err(_) if Instant::now() < until => tokio::time::sleep(CONNECT_INTERVAL).await,
            Err(source) => {
                return Err(AttachError::NotServed {
                    state_dir: state_dir.to_owned(),
                    source,
                });
            }
        }
    }
}

#[derive(Debug)]
pub(super) enum FollowError {
    OtherVersion(Greeting),
    NotUnderstood(String),
}

/// Sends commands, and the replica in focus, until one side closes.
async fn send_requests(
    mut queue: mpsc::Receiver<Command>,
    mut focus: watch::Receiver<Option<ReplicaId>>,
    mut to: impl AsyncWrite + Unpin,
) {
    loop {
        let request = tokio::select! {
            Some(command) = queue.recv() => Request::Command(command),
            Ok(()) = focus.changed() => match focus.borrow_and_update().clone() {
                Some(replica) => Request::Hello(Hello::of(replica)),
                None => continue,
            },
            else => return,
        };
        let sent = async { to.write_all(&line_of(&request)?).await };
        let Err(error) = sent.await else {
            continue;
        };
        if let Request::Command(command) = request {
            tracing::warn!("{command} did not reach the main cockpit: {error}");
        }
        return;
    }
}

/// An owner's process id and snapshots.
pub(super) type Followed = (u32, watch::Receiver<Arc<Snapshot>>);

/// Returns with the first snapshot; a task follows the later ones.
pub(super) async fn follow(
    mut from: impl AsyncBufRead + Send + Unpin + 'static,
) -> Result<Followed, FollowError> {
    let greeting = line(&mut from).await?.ok_or_else(ended)?;
    let greeting: Greeting = serde_json::from_slice(&greeting).map_err(not_understood)?;
    if greeting.pocpit != VERSION {
        return Err(FollowError::OtherVersion(greeting));
    }
    if greeting.protocol != PROTOCOL {
        let detail = format!("its protocol is {}, ours is {PROTOCOL}", greeting.protocol);
        return Err(FollowError::NotUnderstood(detail));
    }
    let mut received = Received::default();
    let first = next(&mut from, &mut received).await?.ok_or_else(ended)?;
    let (publish, snapshots) = watch::channel(Arc::new(first));
    tokio::spawn(async move {
        tokio::select! {
            () = publish.closed() => {}
            () = publish_rest(from, received, &publish) => {}
        }
    });
    Ok((greeting.pid, snapshots))
}

async fn publish_rest(
    mut from: impl AsyncBufRead + Unpin,
    mut received: Received,
    publish: &watch::Sender<Arc<Snapshot>>,
) {
    loop {
        match next(&mut from, &mut received).await {
            Ok(Some(snapshot)) => publish.send_replace(Arc::new(snapshot)),
            Ok(None) => return,
            Err(error) => return tracing::error!("cannot read the owner's snapshots: {error:?}"),
        };
    }
}

fn ended() -> FollowError {
    FollowError::NotUnderstood("it disconnected".to_owned())
}

/// The next snapshot; absent when the owner has ended.
async fn next(
    from: &mut (impl AsyncBufRead + Unpin),
    received: &mut Received,
) -> Result<Option<Snapshot>, FollowError> {
    while let Some(line) = line(from).await? {
        let Some(message) = Message::read(&line).map_err(not_understood)? else {
            continue;
        };
        if let Some(snapshot) = received.apply(message).map_err(not_understood)? {
            return Ok(Some(snapshot));
        }
    }
    Ok(None)
}

async fn line(from: &mut (impl AsyncBufRead + Unpin)) -> Result<Option<Vec<u8>>, FollowError> {
    match read_line(from, LONGEST_LINE).await {
        // The socket of a killed owner may be reset instead of closed.
        Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => Ok(None),
        read => read.map_err(not_understood),
    }
}

fn not_understood(error: impl std::fmt::Display) -> FollowError {
    FollowError::NotUnderstood(error.to_string())
}
