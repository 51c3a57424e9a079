//! Runs background tasks. Each sends a message when it is done; the event loop never waits for one.

use std::io;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::sync::mpsc;

use super::{SaveLog, Task};
use crate::domain::{InstanceId, Time};
use crate::engine::LogStore;
use crate::tui::message::Message;
use crate::tui::terminal::Screen;
use crate::tui::view::format;
use crate::tui::{CockpitLogs, TuiError};

/// tmux answers at once or never.
const TMUX_TIMEOUT: Duration = Duration::from_secs(3);
/// Results that wait for the event loop.
const QUEUE: usize = 8;

pub struct TaskRunner {
    logs: CockpitLogs,
    sender: mpsc::Sender<Message>,
}

impl TaskRunner {
    pub fn new(logs: CockpitLogs) -> (TaskRunner, mpsc::Receiver<Message>) {
        let (sender, results) = mpsc::channel(QUEUE);
        (TaskRunner { logs, sender }, results)
    }

    pub fn start(&self, task: Task, screen: &mut Screen) -> Result<(), TuiError> {
        match task {
            Task::Save(log) => {
                let directory = self.logs.saved.clone();
                self.spawn(async move { Some(Message::TaskDone(save(log, directory).await)) });
            }
            Task::ReadLog(instance, ended) => {
                let logs = self.logs.rentals.clone();
                self.spawn(async move { Some(read_log(logs, instance, ended).await) });
            }
            Task::Copy(text) => {
                screen.copy(&text)?;
                if std::env::var_os("TMUX").is_some_and(|socket| !socket.is_empty()) {
                    self.spawn(async move {
                        let error = copy_with_tmux(text).await.err()?;
                        Some(Message::TaskDone(format!(
                            "tmux could not copy the lines ({error}): S saves them to a file"
                        )))
                    });
                }
            }
        }
        Ok(())
    }

    fn spawn(&self, task: impl Future<Output = Option<Message>> + Send + 'static) {
        let sender = self.sender.clone();
        tokio::spawn(async move {
            if let Some(message) = task.await {
                // Nobody listens once the cockpit has closed.
                let _ = sender.send(message).await;
            }
        });
    }
}

/// On a blocking thread: disks can be slow.
async fn save(save: SaveLog, directory: PathBuf) -> String {
    let shown = directory.display().to_string();
    let written = tokio::task::spawn_blocking(move || save.write(&directory)).await;
    match written.map_err(io::Error::other).and_then(|result| result) {
        Ok((path, count)) => {
            let lines = format::count(count, "line");
            format!("{lines} saved to {}", path.display())
        }
        Err(error) => format!("the log cannot be saved in {shown}: {error}"),
    }
}

/// On a blocking thread.
async fn read_log(logs: LogStore, instance: InstanceId, ended: Time) -> Message {
    let read = tokio::task::spawn_blocking(move || logs.read(instance, ended)).await;
    match read.unwrap_or_default() {
        log if log.is_empty() => Message::TaskDone(format!("no saved log of rental {instance}")),
        log => Message::PastLog(instance, Box::new(log)),
    }
}

/// tmux drops clipboard escapes by default; its own command works.
async fn copy_with_tmux(text: String) -> Result<(), String> {
    match tokio::time::timeout(TMUX_TIMEOUT, load_buffer(text)).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err(format!("no answer within {} s", TMUX_TIMEOUT.as_secs())),
    }
}

async fn load_buffer(text: String) -> io::Result<()> {
    let mut child = tokio::process::Command::new("tmux")
        .args(["load-buffer", "-w", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(text.as_bytes()).await?;
    }
    let status = child.wait().await?;
    if status.success() {
        return Ok(());
    }
    Err(io::Error::other(format!("tmux exited with {status}")))
}
