//! Notices that are not delivered yet, kept in a file so that a restart loses none. The file is that of
//! the process that delivers; others leave theirs in a directory beside it.

use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{Channel, Notice, NoticeLevel};
use crate::atomic_file;

/// Notices that are kept at most.
pub(super) const CAPACITY: usize = 256;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Entry {
    notice: Notice,
    /// Names of the channels that have not delivered it.
    left: Vec<String>,
}

/// Where others leave notices for the process whose outbox this is.
fn directory_beside(outbox: &Path) -> PathBuf {
    outbox.with_extension("d")
}

/// A notice that is left for the process that delivers from an outbox, now or later.
#[derive(Debug)]
pub struct Left {
    file: PathBuf,
}

impl Left {
    /// Leaves a notice for these channels to whoever has this outbox.
    pub fn leave(outbox: &Path, notice: &Notice, channels: &[Channel]) -> io::Result<Left> {
        let name = format!("{}.json", rand::random::<u64>());
        let left = Left {
            file: directory_beside(outbox).join(name),
        };
        left.is_for(notice, channels)?;
        Ok(left)
    }

    /// Leaves it for these channels alone.
    pub fn is_for(&self, notice: &Notice, channels: &[Channel]) -> io::Result<()> {
        atomic_file::write(&self.file, &Entry::of(notice.clone(), channels))
    }

    /// Somebody delivers it.
    pub fn is_taken(&self) -> bool {
        !self.file.exists()
    }

    /// Nothing of it is left to deliver. Whoever delivers may have taken it just now.
    pub fn take_back(self) -> io::Result<()> {
        match std::fs::remove_file(self.file) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            taken => taken,
        }
    }
}

impl Entry {
    fn of(notice: Notice, channels: &[Channel]) -> Entry {
        let left = channels.iter().map(|channel| channel.name().to_owned());
        Entry {
            notice,
            left: left.collect(),
        }
    }
}

/// What is not delivered yet, in order.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    /// Without one, a restart loses what is here.
    file: Option<PathBuf>,
    entries: VecDeque<(u64, Entry)>,
    next: u64,
}

impl Outbox {
    /// What an earlier run left, as far as there is still a channel for it.
    pub(super) fn open(file: Option<PathBuf>, channels: &[Channel]) -> Outbox {
        let entries = file.as_ref().map_or_else(Vec::<Entry>::new, |file| {
            atomic_file::read(file).unwrap_or_else(|error| {
                tracing::warn!(
                    "notices of an earlier run cannot be read and are lost ({}): {error}",
                    file.display()
                );
                Vec::new()
            })
        });
        let mut outbox = Outbox {
            file,
            ..Outbox::default()
        };
        for entry in entries {
            outbox.take(entry, channels);
        }
        outbox
    }

    /// Takes an entry, as far as there is still a channel for it.
    fn take(&mut self, mut entry: Entry, channels: &[Channel]) {
        entry
            .left
            .retain(|name| channels.iter().any(|channel| channel.name() == name));
        if !entry.left.is_empty() {
            self.put(entry);
        }
    }

    /// Takes what other processes left. What cannot be read is left where it is.
    pub(super) fn take_what_was_left(&mut self, channels: &[Channel]) {
        let Some(directory) = self.file.as_deref().map(directory_beside) else {
            return;
        };
        // Nobody has left anything yet, or it is looked for again soon.
        let Ok(files) = std::fs::read_dir(directory) else {
            return;
        };
        let files = files.filter_map(|file| Some(file.ok()?.path()));
        let files: Vec<PathBuf> = files
            .filter(|file| file.extension().is_some_and(|ending| ending == "json"))
            .collect();
        for file in files {
            match atomic_file::read::<Option<Entry>>(&file) {
                Ok(entry) => self.take_over(&file, entry, channels),
                Err(error) => tracing::warn!("{} cannot be read: {error}", file.display()),
            }
        }
    }

    /// Kept here before it is gone there: told twice does no harm.
    fn take_over(&mut self, file: &Path, entry: Option<Entry>, channels: &[Channel]) {
        // Whoever left it may have delivered it meanwhile.
        let Some(entry) = entry else { return };
        self.take(entry, channels);
        self.save();
        if let Err(error) = std::fs::remove_file(file) {
            tracing::warn!("{} cannot be removed: {error}", file.display());
        }
    }

    fn put(&mut self, entry: Entry) {
        self.entries.push_back((self.next, entry));
        self.next += 1;
    }

    /// Adds a notice for these channels. Says how many were given up for it: the least important
    /// of the oldest.
    pub(super) fn add(&mut self, notice: Notice, channels: &[Channel]) -> u64 {
        self.put(Entry::of(notice, channels));
        let mut given_up = 0;
        while self.entries.len() > CAPACITY {
            let unimportant = self.entries.iter().position(|(_, entry)| {
                matches!(
                    entry.notice.level,
                    NoticeLevel::Notice | NoticeLevel::Resolved
                )
            });
            self.entries.remove(unimportant.unwrap_or(0));
            given_up += 1;
        }
        self.save();
        given_up
    }

    /// The oldest that this channel has not delivered.
    pub(super) fn first(&self, channel: Channel) -> Option<(u64, Notice)> {
        let waits =
            |(_, entry): &&(u64, Entry)| entry.left.iter().any(|name| name == channel.name());
        let found = self.entries.iter().find(waits);
        found.map(|(id, entry)| (*id, entry.notice.clone()))
    }

    /// This channel is done with it, for good or bad.
    pub(super) fn done(&mut self, channel: Channel, id: u64) {
        if let Some((_, entry)) = self.entries.iter_mut().find(|(known, _)| *known == id) {
            entry.left.retain(|name| name != channel.name());
        }
        self.entries.retain(|(_, entry)| !entry.left.is_empty());
        self.save();
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    fn save(&self) {
        let Some(file) = &self.file else { return };
        let entries: Vec<&Entry> = self.entries.iter().map(|(_, entry)| entry).collect();
        if let Err(error) = atomic_file::write(file, &entries) {
            // It is told all the same, unless the program ends first.
            tracing::warn!("{} cannot be written: {error}", file.display());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOTH: [Channel; 2] = [Channel::Webhook, Channel::Ntfy];

    fn notice(level: NoticeLevel, title: &str) -> Notice {
        Notice {
            level,
            title: title.into(),
            body: String::new(),
            at: chrono::DateTime::UNIX_EPOCH,
        }
    }

    #[test]
    fn a_restart_finds_what_a_channel_has_not_delivered_and_nothing_else() {
        let scratch = tempfile::tempdir().unwrap();
        let file = scratch.path().join("outbox.json");
        let mut outbox = Outbox::open(Some(file.clone()), &BOTH);
        outbox.add(notice(NoticeLevel::Warning, "a"), &BOTH);
        outbox.add(notice(NoticeLevel::Warning, "b"), &BOTH);
        let (first, _) = outbox.first(Channel::Webhook).unwrap();
        outbox.done(Channel::Webhook, first);
        drop(outbox);
        let next = Outbox::open(Some(file.clone()), &BOTH);
        assert_eq!(next.first(Channel::Webhook).unwrap().1.title, "b");
        assert_eq!(next.first(Channel::Ntfy).unwrap().1.title, "a");
        // A channel that is not configured any more holds nothing up.
        let alone = Outbox::open(Some(file.clone()), &[Channel::Webhook]);
        assert_eq!(alone.first(Channel::Ntfy), None);
        std::fs::write(&file, "{").unwrap();
        assert!(
            Outbox::open(Some(file), &BOTH).is_empty(),
            "a damaged one is told"
        );
    }

    #[test]
    fn what_another_process_left_is_taken_once_and_kept() {
        let scratch = tempfile::tempdir().unwrap();
        let file = scratch.path().join("outbox.json");
        let mut outbox = Outbox::open(Some(file.clone()), &BOTH);
        outbox.take_what_was_left(&BOTH);
        assert!(outbox.is_empty(), "nobody has left anything");
        // Given two that another process left, of which it delivered one itself,
        let leave = |title: &str| {
            let notice = notice(NoticeLevel::Critical, title);
            Left::leave(&file, &notice, &[Channel::Ntfy]).unwrap()
        };
        let (own, others) = (leave("delivered"), leave("the service failed"));
        own.take_back().unwrap();
        assert!(!others.is_taken());
        // when whoever delivers looks, then it has the other one, and a restart has it too.
        outbox.take_what_was_left(&BOTH);
        assert!(others.is_taken());
        let next = Outbox::open(Some(file), &BOTH);
        for outbox in [outbox, next] {
            assert_eq!(outbox.first(Channel::Webhook), None);
            let title = outbox.first(Channel::Ntfy).unwrap().1.title;
            assert_eq!(
                (title.as_str(), outbox.entries.len()),
                ("the service failed", 1)
            );
        }
    }

    #[test]
    fn a_full_one_gives_up_what_matters_least() {
        let mut outbox = Outbox::open(None, &BOTH);
        outbox.add(notice(NoticeLevel::Critical, "rental left"), &BOTH);
        for number in 1..CAPACITY {
            let given_up = outbox.add(notice(NoticeLevel::Notice, &number.to_string()), &BOTH);
            assert_eq!(given_up, 0);
        }
        assert_eq!(outbox.add(notice(NoticeLevel::Critical, "again"), &BOTH), 1);
        assert_eq!(outbox.first(Channel::Ntfy).unwrap().1.title, "rental left");
    }
}
