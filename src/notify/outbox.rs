//! Notices that are not delivered yet, kept in a file so that a restart loses none.

use std::collections::VecDeque;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{Channel, Notice, NoticeLevel};
use crate::kept;

/// Notices that are kept at most.
pub(super) const CAPACITY: usize = 256;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Entry {
    notice: Notice,
    /// Names of the channels that have not delivered it.
    left: Vec<String>,
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
            kept::read(file).unwrap_or_else(|error| {
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
        for mut entry in entries {
            entry
                .left
                .retain(|name| channels.iter().any(|channel| channel.name() == name));
            if !entry.left.is_empty() {
                outbox.put(entry);
            }
        }
        outbox
    }

    fn put(&mut self, entry: Entry) {
        self.entries.push_back((self.next, entry));
        self.next += 1;
    }

    /// Adds a notice for these channels. Says how many were given up for it: the least important
    /// of the oldest.
    pub(super) fn add(&mut self, notice: Notice, channels: &[Channel]) -> u64 {
        let left = channels.iter().map(|channel| channel.name().to_owned());
        self.put(Entry {
            notice,
            left: left.collect(),
        });
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
        if let Err(error) = kept::write(file, &entries) {
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
