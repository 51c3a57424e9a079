//! Undelivered notices, persisted so that a restart loses none. The file belongs to the delivering
//! process; others hand their notices off in a directory beside it.

use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::channel::Channel;
use super::notice::Notice;
use crate::atomic_file;

pub(super) const CAPACITY: usize = 256;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct OutboxEntry {
    notice: Notice,
    /// Names of the channels that have not delivered it.
    #[serde(rename = "left")]
    pending: Vec<String>,
}

/// Where other processes hand notices off to the owner of an outbox.
fn handoff_directory(outbox: &Path) -> PathBuf {
    outbox.with_extension("d")
}

/// A notice handed off to the process that delivers from an outbox, now or in its next run.
#[derive(Debug)]
pub struct Handoff {
    file: PathBuf,
}

impl Handoff {
    pub fn write(outbox: &Path, notice: &Notice, channels: &[Channel]) -> io::Result<Handoff> {
        let name = format!("{}.json", rand::random::<u64>());
        let handoff = Handoff {
            file: handoff_directory(outbox).join(name),
        };
        handoff.set_channels(notice, channels)?;
        Ok(handoff)
    }

    /// Leaves it pending for these channels only.
    pub fn set_channels(&self, notice: &Notice, channels: &[Channel]) -> io::Result<()> {
        atomic_file::write(&self.file, &OutboxEntry::new(notice.clone(), channels))
    }

    /// True once the owner of the outbox has it.
    pub fn is_collected(&self) -> bool {
        !self.file.exists()
    }

    /// Removes it because nothing is pending. The owner of the outbox may just have collected it.
    pub fn withdraw(self) -> io::Result<()> {
        match std::fs::remove_file(self.file) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            removed => removed,
        }
    }
}

impl OutboxEntry {
    fn new(notice: Notice, channels: &[Channel]) -> OutboxEntry {
        let pending = channels.iter().map(|channel| channel.name().to_owned());
        OutboxEntry {
            notice,
            pending: pending.collect(),
        }
    }
}

/// Undelivered notices, oldest first.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    /// Without a file, a restart loses the entries.
    file: Option<PathBuf>,
    entries: VecDeque<(u64, OutboxEntry)>,
    next: u64,
}

impl Outbox {
    /// Opens what an earlier run left undelivered.
    pub(super) fn open(file: Option<PathBuf>, channels: &[Channel]) -> Outbox {
        let entries = file.as_ref().map_or_else(Vec::<OutboxEntry>::new, |file| {
            atomic_file::read(file).unwrap_or_else(|error| {
                tracing::warn!(
                    "undelivered notices of an earlier run are lost: cannot read {}: {error}",
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
            outbox.restore(entry, channels);
        }
        outbox
    }

    /// Drops channels that are no longer configured.
    fn restore(&mut self, mut entry: OutboxEntry, channels: &[Channel]) {
        entry
            .pending
            .retain(|name| channels.iter().any(|channel| channel.name() == name));
        if !entry.pending.is_empty() {
            self.push(entry);
        }
    }

    /// Collects what other processes handed off. Unreadable files stay where they are.
    pub(super) fn collect_handoffs(&mut self, channels: &[Channel]) {
        let Some(directory) = self.file.as_deref().map(handoff_directory) else {
            return;
        };
        // Nothing was handed off yet, or the next interval retries.
        let Ok(files) = std::fs::read_dir(directory) else {
            return;
        };
        let files = files.filter_map(|file| Some(file.ok()?.path()));
        let files: Vec<PathBuf> = files
            .filter(|file| file.extension().is_some_and(|ending| ending == "json"))
            .collect();
        for file in files {
            match atomic_file::read::<Option<OutboxEntry>>(&file) {
                Ok(entry) => self.collect(&file, entry, channels),
                Err(error) => tracing::warn!("cannot read {}: {error}", file.display()),
            }
        }
    }

    /// Persisted here before it is removed there: a duplicate does no harm.
    fn collect(&mut self, file: &Path, entry: Option<OutboxEntry>, channels: &[Channel]) {
        // The other process may have delivered and withdrawn it.
        let Some(entry) = entry else { return };
        self.restore(entry, channels);
        self.persist();
        if let Err(error) = std::fs::remove_file(file) {
            tracing::warn!("cannot remove {}: {error}", file.display());
        }
    }

    fn push(&mut self, entry: OutboxEntry) {
        self.entries.push_back((self.next, entry));
        self.next += 1;
    }

    /// Adds a notice for these channels. Returns how many were dropped to make room: the oldest of
    /// the least important.
    pub(super) fn add(&mut self, notice: Notice, channels: &[Channel]) -> u64 {
        self.push(OutboxEntry::new(notice, channels));
        let mut dropped = 0;
        while self.entries.len() > CAPACITY {
            let mut entries = self.entries.iter();
            let quiet = entries.position(|(_, entry)| entry.notice.level.is_quiet());
            self.entries.remove(quiet.unwrap_or(0));
            dropped += 1;
        }
        self.persist();
        dropped
    }

    /// The oldest notice that is pending for this channel.
    pub(super) fn first(&self, channel: Channel) -> Option<(u64, Notice)> {
        let is_pending = |(_, entry): &&(u64, OutboxEntry)| {
            entry.pending.iter().any(|name| name == channel.name())
        };
        let found = self.entries.iter().find(is_pending);
        found.map(|(id, entry)| (*id, entry.notice.clone()))
    }

    /// This channel delivered the notice or gave it up.
    pub(super) fn done(&mut self, channel: Channel, id: u64) {
        if let Some((_, entry)) = self.entries.iter_mut().find(|(other, _)| *other == id) {
            entry.pending.retain(|name| name != channel.name());
        }
        self.entries.retain(|(_, entry)| !entry.pending.is_empty());
        self.persist();
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    fn persist(&self) {
        let Some(file) = &self.file else { return };
        let entries: Vec<&OutboxEntry> = self.entries.iter().map(|(_, entry)| entry).collect();
        if let Err(error) = atomic_file::write(file, &entries) {
            // It is still delivered, unless the program ends first.
            tracing::warn!("cannot write {}: {error}", file.display());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notify::notice::NoticeLevel;
    use crate::notify::tests::notice;

    const BOTH: [Channel; 2] = [Channel::Webhook, Channel::Ntfy];

    #[test]
    fn restart_restores_pending_notices_only() {
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
        // A channel that is no longer configured blocks nothing.
        let alone = Outbox::open(Some(file.clone()), &[Channel::Webhook]);
        assert_eq!(alone.first(Channel::Ntfy), None);
        std::fs::write(&file, "{").unwrap();
        assert!(
            Outbox::open(Some(file), &BOTH).is_empty(),
            "a damaged file is reported"
        );
    }

    #[test]
    fn handoffs_are_collected_once() {
        let scratch = tempfile::tempdir().unwrap();
        let file = scratch.path().join("outbox.json");
        let mut outbox = Outbox::open(Some(file.clone()), &BOTH);
        outbox.collect_handoffs(&BOTH);
        assert!(outbox.is_empty(), "nothing was handed off");
        // Given two handoffs, of which the other process delivered one itself,
        let hand_off = |title: &str| {
            let notice = notice(NoticeLevel::Critical, title);
            Handoff::write(&file, &notice, &[Channel::Ntfy]).unwrap()
        };
        let (own, others) = (hand_off("delivered"), hand_off("the service failed"));
        own.withdraw().unwrap();
        assert!(!others.is_collected());
        // when the owner collects, then it has the other one, also after a restart.
        outbox.collect_handoffs(&BOTH);
        assert!(others.is_collected());
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
    fn full_outbox_drops_least_important() {
        let mut outbox = Outbox::open(None, &BOTH);
        outbox.add(notice(NoticeLevel::Critical, "rental left"), &BOTH);
        for number in 1..CAPACITY {
            let dropped = outbox.add(notice(NoticeLevel::Notice, &number.to_string()), &BOTH);
            assert_eq!(dropped, 0);
        }
        assert_eq!(outbox.add(notice(NoticeLevel::Critical, "again"), &BOTH), 1);
        assert_eq!(outbox.first(Channel::Ntfy).unwrap().1.title, "rental left");
    }
}
