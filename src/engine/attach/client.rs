//! The viewer's side.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncBufRead, AsyncWrite, AsyncWriteExt as _, BufReader};
use tokio::net::UnixStream;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, timeout};

use super::AttachError;
use super::socket::connect;
use super::wire::{Greeting, LONGEST_LINE, Message, Received, VERSION, line_of, read_line};
use crate::engine::snapshot::{Command, Snapshot};

/// An owner that has just started takes a moment to listen.
const CONNECTS_WITHIN: Duration = Duration::from_secs(3);
const CONNECT_EVERY: Duration = Duration::from_millis(100);
/// The first snapshot may have a long log before it.
const SHOWS_WITHIN: Duration = Duration::from_secs(30);
/// Decisions that wait for an owner that is slow to read; more are refused.
const WAITING_COMMANDS: usize = 16;

#[derive(Debug)]
pub struct Attached {
    pub owner: u32,
    /// Its newest snapshot; closed when it has ended.
    pub snapshots: watch::Receiver<Arc<Snapshot>>,
    /// What is decided here and done there; closed when nobody takes it any more.
    pub commands: mpsc::Sender<Command>,
}

/// Looks on at whoever holds a state directory.
pub async fn attach(state_dir: &Path) -> Result<Attached, AttachError> {
    let (from, to) = connect_in_time(state_dir).await?.into_split();
    let first = timeout(SHOWS_WITHIN, follow(BufReader::new(from)));
    match first.await {
        Ok(Ok((owner, snapshots))) => {
            let (commands, decided) = mpsc::channel(WAITING_COMMANDS);
            tokio::spawn(hand_over(decided, to));
            Ok(Attached {
                owner,
                snapshots,
                commands,
            })
        }
        Ok(Err(Unfit::OtherVersion(greeting))) => Err(AttachError::OtherVersion {
            state_dir: state_dir.to_owned(),
            pid: greeting.pid,
            theirs: greeting.pocpit,
            ours: VERSION,
        }),
        Ok(Err(Unfit::NotUnderstood(detail))) => Err(not_understood(state_dir, detail)),
        Err(_) => Err(not_understood(state_dir, "it says nothing".to_owned())),
    }
}

fn not_understood(state_dir: &Path, detail: String) -> AttachError {
    AttachError::NotUnderstood {
        state_dir: state_dir.to_owned(),
        detail,
    }
}

async fn connect_in_time(state_dir: &Path) -> Result<UnixStream, AttachError> {
    let until = Instant::now() + CONNECTS_WITHIN;
    loop {
        match connect(state_dir).await {
            Ok(stream) => return Ok(stream),
            Err(_) if Instant::now() < until => tokio::time::sleep(CONNECT_EVERY).await,
            Err(source) => {
                return Err(AttachError::NotServed {
                    state_dir: state_dir.to_owned(),
                    source,
                });
            }
        }
    }
}

/// Why what the other side says cannot be shown.
#[derive(Debug)]
pub(super) enum Unfit {
    OtherVersion(Greeting),
    NotUnderstood(String),
}

/// Hands over what is decided, until nobody decides or takes anything any more.
async fn hand_over(mut decided: mpsc::Receiver<Command>, mut to: impl AsyncWrite + Unpin) {
    while let Some(command) = decided.recv().await {
        let sent = match line_of(&command) {
            Ok(line) => to.write_all(&line).await,
            Err(error) => Err(error),
        };
        if let Err(error) = sent {
            return tracing::warn!("{command:?} did not reach the process that drives: {error}");
        }
    }
}

/// An owner's process, and its newest snapshot.
pub(super) type Followed = (u32, watch::Receiver<Arc<Snapshot>>);

/// Reads until the first snapshot; a task goes on from there.
pub(super) async fn follow(
    mut from: impl AsyncBufRead + Send + Unpin + 'static,
) -> Result<Followed, Unfit> {
    let greeting: Greeting = read(&mut from).await?.ok_or_else(ended)?;
    if greeting.pocpit != VERSION {
        return Err(Unfit::OtherVersion(greeting));
    }
    let mut received = Received::default();
    let first = next(&mut from, &mut received).await?.ok_or_else(ended)?;
    let (publish, snapshots) = watch::channel(Arc::new(first));
    tokio::spawn(async move {
        // Nobody may be left to see it.
        tokio::select! {
            () = publish.closed() => {}
            () = go_on(from, received, &publish) => {}
        }
    });
    Ok((greeting.pid, snapshots))
}

async fn go_on(
    mut from: impl AsyncBufRead + Unpin,
    mut received: Received,
    publish: &watch::Sender<Arc<Snapshot>>,
) {
    loop {
        match next(&mut from, &mut received).await {
            Ok(Some(snapshot)) => publish.send_replace(Arc::new(snapshot)),
            Ok(None) => return,
            Err(unfit) => return tracing::error!("what the owner says cannot be read: {unfit:?}"),
        };
    }
}

fn ended() -> Unfit {
    Unfit::NotUnderstood("it hung up".to_owned())
}

/// The next snapshot; absent when the owner has ended.
async fn next(
    from: &mut (impl AsyncBufRead + Unpin),
    received: &mut Received,
) -> Result<Option<Snapshot>, Unfit> {
    while let Some(message) = read::<Message>(from).await? {
        if let Some(snapshot) = received.take(message) {
            return Ok(Some(snapshot));
        }
    }
    Ok(None)
}

async fn read<T: serde::de::DeserializeOwned>(
    from: &mut (impl AsyncBufRead + Unpin),
) -> Result<Option<T>, Unfit> {
    let not_understood = |error: &dyn std::fmt::Display| Unfit::NotUnderstood(error.to_string());
    let line = match read_line(from, LONGEST_LINE).await {
        Ok(Some(line)) => line,
        Ok(None) => return Ok(None),
        // A killed owner's socket may be reset instead of closed.
        Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => return Ok(None),
        Err(error) => return Err(not_understood(&error)),
    };
    let value = serde_json::from_slice(&line).map_err(|error| not_understood(&error))?;
    Ok(Some(value))
}
