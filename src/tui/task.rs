//! What the cockpit does beside drawing: it saves the log and copies from it. Each runs on its own
//! and tells how it went.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::io::AsyncWriteExt as _;

use super::message::Message;
use super::model::Model;
use crate::domain::{InstanceId, Time};
use crate::engine::{BootLog, RentalLogs};

/// Bytes that are copied at most: terminals refuse longer ones, many beyond 75 kB of base64.
const LONGEST_COPY: usize = 50_000;
/// tmux answers at once, or not at all.
const TMUX_TAKES: Duration = Duration::from_secs(3);
/// Names that are tried for a file.
const NAMES: u32 = 1_000;

/// Something to do.
#[derive(Debug, Clone)]
pub enum Task {
    /// Save lines of the log.
    Save(Save),
    /// Copy text to the clipboard.
    Copy(String),
    /// Read the log of a past rental that ended then.
    ReadLog(InstanceId, Time),
}

/// Lines to save.
#[derive(Debug, Clone)]
pub struct Save {
    /// The file's name without its ending.
    name: String,
    log: BootLog,
    /// Only these lines.
    only: Option<Vec<u64>>,
}

impl Save {
    /// The lines that the log's filter lets through.
    pub fn of(model: &Model) -> Save {
        let now = model.now().format("%Y%m%d-%H%M%S");
        let live = model.snapshot.rental.as_ref().map(|rental| rental.id);
        Save {
            name: match model.past.or(live) {
                Some(rental) => format!("boot-{rental}-{now}"),
                None => format!("boot-{now}"),
            },
            log: model.boot_log.clone(),
            only: model
                .log
                .filter
                .as_ref()
                .map(|filter| filter.lines.numbers().collect()),
        }
    }

    /// Writes a new file into a directory and says which.
    pub fn write(&self, directory: &Path) -> io::Result<(PathBuf, usize)> {
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(directory)?;
        let (path, file) = new_file(directory, &self.name)?;
        let mut file = BufWriter::new(file);
        let log = &self.log;
        let mut count = 0;
        let mut write = |number| -> io::Result<()> {
            let Some(line) = log.line(number) else {
                return Ok(());
            };
            count += 1;
            writeln!(file, "{}", line.text())
        };
        match &self.only {
            Some(numbers) => numbers.iter().copied().try_for_each(&mut write)?,
            None => (log.first_seq()..log.end_seq()).try_for_each(&mut write)?,
        }
        file.flush()?;
        Ok((path, count))
    }
}

/// A file that was not there: nothing is ever overwritten.
fn new_file(directory: &Path, name: &str) -> io::Result<(PathBuf, File)> {
    for number in 1..=NAMES {
        let path = match number {
            1 => directory.join(format!("{name}.log")),
            _ => directory.join(format!("{name}-{number}.log")),
        };
        let mut options = OpenOptions::new();
        match options.write(true).create_new(true).mode(0o600).open(&path) {
            Ok(file) => return Ok((path, file)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

/// The shown lines, whole; of too much text the newest lines.
pub fn copied(model: &Model) -> (String, usize) {
    let log = &model.boot_log;
    let view = &model.log;
    let place = view.place(log);
    let window = place.map(|place| view.lines(log).window(place, view.pane()));
    let lines = window.unwrap_or_default();
    let mut texts = Vec::new();
    let mut room = LONGEST_COPY;
    let newest_first = lines.iter().rev().filter_map(|shown| log.line(shown.line));
    for line in newest_first {
        let text = line.text();
        let Some(left) = room.checked_sub(text.len() + 1) else {
            break;
        };
        room = left;
        texts.push(text);
    }
    texts.reverse();
    (texts.join("\n"), texts.len())
}

/// `1 line`, `12 lines`.
pub fn lines(count: usize) -> String {
    match count {
        1 => "1 line".to_owned(),
        count => format!("{count} lines"),
    }
}

/// Saves on a thread of its own: a disk can be slow.
pub async fn save(save: Save, directory: PathBuf) -> String {
    let shown = directory.display().to_string();
    let written = tokio::task::spawn_blocking(move || save.write(&directory)).await;
    match written.map_err(io::Error::other).and_then(|result| result) {
        Ok((path, count)) => format!("{} saved to {}", lines(count), path.display()),
        Err(error) => format!("the log cannot be saved in {shown}: {error}"),
    }
}

/// Reads on a thread of its own what is kept of a past rental's log.
pub async fn read_log(logs: RentalLogs, instance: InstanceId, ended: Time) -> Message {
    let read = tokio::task::spawn_blocking(move || logs.read(instance, ended)).await;
    match read.unwrap_or_default() {
        log if log.is_empty() => Message::Told(format!(
            "nothing is kept of the log of rental {instance}: only the last rentals' are"
        )),
        log => Message::PastLog(instance, Box::new(log)),
    }
}

/// tmux drops what programs send to the clipboard unless it is told otherwise; its own command works.
pub async fn copy_with_tmux(text: String) -> Result<(), String> {
    match tokio::time::timeout(TMUX_TAKES, load_buffer(text)).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err(format!("no answer within {} s", TMUX_TAKES.as_secs())),
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
    Err(io::Error::other(format!("tmux ended with {status}")))
}
