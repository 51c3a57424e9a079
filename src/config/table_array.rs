//! Tables that a file may have several of, each with a name: `[[network_node]]`, `[[account]]`, `[[pool]]`.

use super::schema::{POOL_SECTIONS, Setting};
use super::table::{ACCOUNT_SETTINGS, NETWORK_NODE_SETTINGS, POOL_SETTINGS, settings_of};

/// What such tables are, in the order of the example file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum TableArray {
    NetworkNode,
    Account,
    Pool,
}

impl TableArray {
    pub(super) const ALL: [TableArray; 3] = [
        TableArray::NetworkNode,
        TableArray::Account,
        TableArray::Pool,
    ];

    pub(super) fn named(key: &str) -> Option<TableArray> {
        let mut all = TableArray::ALL.into_iter();
        all.find(|array| array.key() == key)
    }

    /// Its key in the file, and the section of the paths of its own settings.
    pub(super) const fn key(self) -> &'static str {
        match self {
            TableArray::NetworkNode => "network_node",
            TableArray::Account => "account",
            TableArray::Pool => "pool",
        }
    }

    /// What a sentence calls one of them.
    pub(super) const fn noun(self) -> &'static str {
        match self {
            TableArray::NetworkNode => "Network Node",
            TableArray::Account => "account",
            TableArray::Pool => "pool",
        }
    }

    /// True if the same key may be a section too, for the only one.
    pub(super) const fn is_section_too(self) -> bool {
        matches!(self, TableArray::NetworkNode)
    }

    /// The path of its name.
    pub(super) const fn name(self) -> &'static str {
        match self {
            TableArray::NetworkNode => "network_node.name",
            TableArray::Account => "account.name",
            TableArray::Pool => "pool.name",
        }
    }

    /// The settings that only such a table has.
    pub(super) const fn own(self) -> &'static [Setting] {
        match self {
            TableArray::NetworkNode => NETWORK_NODE_SETTINGS,
            TableArray::Account => ACCOUNT_SETTINGS,
            TableArray::Pool => POOL_SETTINGS,
        }
    }

    /// Every setting directly in the table, in the order of the example file.
    pub(super) fn settings(self) -> impl Iterator<Item = &'static Setting> {
        let of_section = self.is_section_too().then(|| settings_of(self.key()));
        self.own().iter().chain(of_section.into_iter().flatten())
    }

    /// Sections below it, which lie over those of the file.
    pub(super) const fn sections(self) -> &'static [&'static str] {
        match self {
            TableArray::NetworkNode | TableArray::Account => &[],
            TableArray::Pool => &POOL_SECTIONS,
        }
    }
}
