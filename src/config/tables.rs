//! Network Nodes and accounts as they are read, where a file has several.

use std::collections::BTreeMap;

use secrecy::ExposeSecret as _;

use super::checks;
use super::draft::{Draft, ExposureKind};
use super::read::Reader;
use super::report::Problem;
use super::schema::Credential;
use super::settings::{AccountConfig, NetworkNodeConfig};
use super::source::Layers;
use super::table::settings_of;
use super::table_array::TableArray;
use super::table_layer::TableLayer;
use super::values::{Found, Source, Values};

const NETWORK_NODE: &str = "network_node";

/// What a table of several has of its own, for `config show`.
#[derive(Debug)]
pub(super) struct ShownTable {
    pub(super) array: TableArray,
    pub(super) name: String,
    pub(super) values: Values,
}

/// A table as far as it was read.
pub(super) struct TableRead<'a> {
    pub(super) layer: &'a TableLayer,
    pub(super) draft: Draft,
    /// What counts for it.
    values: Values,
}

/// Every table of an array, with its problems.
#[derive(Default)]
pub(super) struct Tables<'a> {
    pub(super) read: Vec<TableRead<'a>>,
    pub(super) problems: Vec<Problem>,
    pub(super) unneeded: Vec<(Credential, Problem)>,
    pub(super) warnings: Vec<String>,
}

impl<'a> Tables<'a> {
    fn add(&mut self, layer: &'a TableLayer, mut reader: Reader<'_>, draft: Draft) {
        reader.sort_problems();
        let problems = reader.problems.iter();
        self.problems.extend(problems.map(|it| layer.located(it)));
        let unneeded = reader.unneeded.into_iter();
        let unneeded = unneeded.map(|(credential, it)| (credential, layer.located(&it)));
        self.unneeded.extend(unneeded);
        self.warnings.extend(reader.warnings);
        let settings = layer.array.settings();
        let in_force = settings.filter_map(|setting| {
            let found = reader.values.get(setting.path)?;
            Some((setting.path, found.clone()))
        });
        let values = in_force.collect();
        self.read.push(TableRead {
            layer,
            draft,
            values,
        });
    }

    /// Tables that have a usable name.
    pub(super) fn named(&self) -> impl Iterator<Item = &TableRead<'a>> {
        self.read.iter().filter(|it| it.layer.name().is_some())
    }

    /// Each table that has what `key` reads needs it for itself.
    fn refuse_repeated<K: Ord>(
        &mut self,
        path: &'static str,
        what: &str,
        key: impl Fn(&TableRead<'_>) -> Option<K>,
    ) {
        self.refuse_repeated_beside(BTreeMap::new(), path, what, key);
    }

    /// The same, where the sections named in `before` have some already.
    fn refuse_repeated_beside<K: Ord>(
        &mut self,
        mut before: BTreeMap<K, String>,
        path: &'static str,
        what: &str,
        key: impl Fn(&TableRead<'_>) -> Option<K>,
    ) {
        for table in &self.read {
            let Some(key) = key(table) else { continue };
            if let Some(other) = before.insert(key, table.layer.title()) {
                let what = format!("{other} has {what}");
                let expected = format!("its own for each {}", table.layer.array.noun());
                self.problems
                    .push(table.layer.problem(path, what, expected));
            }
        }
    }
}

/// Reads every `[[network_node]]`. Each begins with what the environment gives for all of them.
pub(super) fn network_nodes<'a>(layers: &'a Layers, fleet: &Reader<'_>) -> Tables<'a> {
    let mut tables = Tables::default();
    let base = without_file(fleet.values);
    for layer in layers.tables_of(TableArray::NetworkNode) {
        let mut values = base.clone();
        values.extend(layer.values.clone());
        let mut reader = fleet.with_layer(&values, layer);
        let mut draft = Draft::default();
        let is_of_node = |section: &str| section == NETWORK_NODE;
        // For the participant of those without one of their own. Its problems are the file's.
        reader.fill(&mut draft, |section| section == "chain");
        reader.problems.clear();
        reader.fill_own(&mut draft);
        reader.fill(&mut draft, is_of_node);
        checks::run(&mut reader, &draft, is_of_node);
        tables.add(layer, reader, draft);
    }
    refuse_repeated_nodes(&mut tables);
    tables
}

/// What the file gives for the section is the first Network Node's, which stands there for the others too.
fn without_file(values: &Values) -> Values {
    let mut values = values.clone();
    for setting in settings_of(NETWORK_NODE) {
        let source = values.get(setting.path).map(|found| &found.source);
        if !matches!(source, Some(Source::File { .. })) {
            continue;
        }
        values.remove(setting.path);
        if let Some(value) = setting.default_value() {
            let source = Source::Default;
            values.insert(setting.path, Found { value, source });
        }
    }
    values
}

fn refuse_repeated_nodes(tables: &mut Tables<'_>) {
    tables.refuse_repeated("network_node.name", "this name", |it| {
        it.layer.name().map(str::to_owned)
    });
    tables.refuse_repeated("network_node.admin_api", "this address", |it| {
        let is_given = it.layer.values.contains_key("network_node.admin_api");
        is_given.then(|| it.draft.network_node.admin_api.clone())
    });
    // A participant has one Network Node: its weight would be counted twice.
    tables.refuse_repeated("network_node.participant", "this participant", |it| {
        let participant = &it.draft.network_node.participant;
        (!participant.0.is_empty()).then(|| participant.clone())
    });
    // Proofs would reach the other one.
    tables.refuse_repeated("network_node.callback_target", "this callback", |it| {
        let is_tunnel = it.draft.exposure == ExposureKind::Tunnel;
        is_tunnel.then(|| it.draft.tunnel.callback_target.clone())
    });
}

/// Reads every `[[account]]`; `main` is the draft with the account of `[vast]`.
pub(super) fn accounts<'a>(layers: &'a Layers, fleet: &Reader<'_>, main: &Draft) -> Tables<'a> {
    let mut tables = Tables::default();
    for layer in layers.tables_of(TableArray::Account) {
        let mut reader = fleet.with_layer(&layer.values, layer);
        let mut draft = Draft::default();
        draft.budget.credit_floor = main.budget.credit_floor;
        reader.fill_own(&mut draft);
        tables.add(layer, reader, draft);
    }
    let named_main = tables
        .named()
        .filter(|it| it.draft.vast.account.is_default());
    let named_main = named_main.map(|it| {
        let what = "main is the account of [vast]";
        it.layer
            .problem(TableArray::Account.name(), what, "another name")
    });
    let named_main: Vec<_> = named_main.collect();
    tables.problems.extend(named_main);
    tables.refuse_repeated("account.name", "this name", |it| {
        it.layer.name().map(str::to_owned)
    });
    // Two names of one account would be two purses.
    let key_of = |draft: &Draft| {
        let key = draft.vast.api_key.expose_secret();
        (!key.is_empty()).then(|| key.to_owned())
    };
    let of_main = key_of(main).map(|key| (key, "[vast]".to_owned()));
    let of_main = of_main.into_iter().collect();
    tables.refuse_repeated_beside(of_main, "account.api_key", "this key", |it| {
        key_of(&it.draft)
    });
    tables
}

impl TableRead<'_> {
    pub(super) fn shown(&self) -> Option<ShownTable> {
        Some(ShownTable {
            array: self.layer.array,
            name: self.layer.name()?.to_owned(),
            values: self.values.clone(),
        })
    }

    pub(super) fn network_node(&self) -> Option<NetworkNodeConfig> {
        self.draft.network_node()
    }

    pub(super) fn account(&self) -> AccountConfig {
        AccountConfig {
            name: self.draft.vast.account.clone(),
            api_key: self.draft.vast.api_key.clone(),
            credit_floor: self.draft.budget.credit_floor,
        }
    }
}
