//! Pools as they are read: the settings of the file with those of the pool over them.

use std::collections::BTreeMap;

use toml::Value;

use super::draft::Draft;
use super::read::Reader;
use super::report::Problem;
use super::schema::POOL_SECTIONS;
use super::settings::{BudgetConfig, PoolConfig, PoolSettings, Pools};
use super::table_layer::TableLayer;
use super::tables::ShownTable;
use super::values::{Found, Source, Values};
use super::{advice, checks, derived};
use crate::domain::{NetworkNodeName, UsdPerHour};

const MODEL: &str = "mlnode.model";

/// A pool as far as it was read.
pub(super) struct PoolRead<'a> {
    pub(super) layer: &'a TableLayer,
    pub(super) draft: Draft,
    /// What counts for this pool.
    in_force: Values,
    /// What it has of its own, for `config show`.
    shown: Values,
}

/// Reads the pools over the file's own settings, which `fleet` has read. Problems of those are not repeated.
pub(super) fn read<'a>(
    pools: impl Iterator<Item = &'a TableLayer>,
    fleet: &Reader<'_>,
    filled: &[(&'static str, Value)],
) -> (Vec<PoolRead<'a>>, Vec<Problem>) {
    let mut problems = Vec::new();
    let read = pools.map(|layer| {
        let (pool, found) = read_one(layer, fleet, filled);
        let new = found.iter().filter(|found| !fleet.problems.contains(found));
        problems.extend(new.map(|problem| layer.located(problem)));
        pool
    });
    (read.collect(), problems)
}

fn read_one<'a>(
    layer: &'a TableLayer,
    fleet: &Reader<'_>,
    filled: &[(&'static str, Value)],
) -> (PoolRead<'a>, Vec<Problem>) {
    let in_force = over(fleet.values, layer);
    let mut reader = fleet.with_layer(&in_force, layer);
    let mut draft = Draft::default();
    let is_of_pool =
        |section: &str| section == layer.array.key() || POOL_SECTIONS.contains(&section);
    reader.fill_own(&mut draft);
    reader.fill(&mut draft, is_of_pool);
    let own = derived::fill(&mut draft);
    checks::run(&mut reader, &draft, is_of_pool);
    reader.sort_problems();
    let problems = reader.problems;
    let shown = shown(layer, fleet.values, filled, own);
    let pool = PoolRead {
        layer,
        draft,
        in_force,
        shown,
    };
    (pool, problems)
}

/// The file's values with the pool's over them. What was given for another model is not this one's.
fn over(fleet: &Values, layer: &TableLayer) -> Values {
    let mut values = fleet.clone();
    if has_own_model(layer, fleet) {
        for path in derived::OF_MODEL {
            values.remove(path);
        }
    }
    values.extend(layer.values.clone());
    values
}

fn has_own_model(layer: &TableLayer, fleet: &Values) -> bool {
    let model_in = |values: &Values| values.get(MODEL).map(|found| found.value.clone());
    model_in(&layer.values).is_some_and(|own| model_in(fleet) != Some(own))
}

/// What the pool was given, and what differs because of that.
fn shown(
    layer: &TableLayer,
    fleet: &Values,
    filled: &[(&'static str, Value)],
    own: Vec<(&'static str, Value)>,
) -> Values {
    let given = fleet.iter().map(|(path, found)| (*path, &found.value));
    let of_fleet: BTreeMap<&str, &Value> = filled
        .iter()
        .map(|(path, value)| (*path, value))
        .chain(given)
        .collect();
    let differs = |(path, value): &(&'static str, Value)| of_fleet.get(path) != Some(&value);
    let mut shown = layer.values.clone();
    for (path, value) in own.into_iter().filter(differs) {
        shown.entry(path).or_insert_with(|| by_default(value));
    }
    if has_own_model(layer, fleet) {
        for path in derived::OF_MODEL {
            if fleet.contains_key(path) {
                shown.entry(path).or_insert_with(|| by_default("".into()));
            }
        }
    }
    shown
}

fn by_default(value: Value) -> Found {
    let source = Source::Default;
    Found { value, source }
}

/// What is advised to the pools beside what is advised for all.
pub(super) fn advice(pools: &[PoolRead<'_>], fleet: &[String]) -> Vec<String> {
    let advised = pools.iter().flat_map(|pool| {
        let advised = advice::of(&pool.draft, &pool.in_force);
        let cut_short = pool.draft.poc.cut_short().map(|cut| cut.to_string());
        let own = advised.into_iter().chain(cut_short);
        let own = own.filter(|sentence| !fleet.contains(sentence));
        own.map(|sentence| format!("{}: {sentence}", pool.layer.title()))
    });
    advised.collect()
}

/// What all replicas together may cost in an hour.
pub(super) fn dearest_hour(pools: &[PoolRead<'_>]) -> UsdPerHour {
    let prices = pools.iter().flat_map(PoolRead::prices);
    prices.sum()
}

/// The pools of the configuration; `None` if a name is missing, which was reported.
pub(super) fn finish(
    pools: &[PoolRead<'_>],
    network_node: &NetworkNodeName,
    per_hour: UsdPerHour,
) -> Option<Pools> {
    let mut finished = pools.iter().map(|pool| pool.finish(network_node, per_hour));
    let Some(first) = finished.next() else {
        let mut only = Pools::default();
        only.first.network_node = network_node.clone();
        return Some(only);
    };
    Some(Pools {
        first: first?,
        others: finished.collect::<Option<_>>()?,
        idle: Vec::new(),
    })
}

impl PoolRead<'_> {
    pub(super) fn max_price(&self) -> UsdPerHour {
        self.draft.vast.query.max_price
    }

    /// What each of its replicas may cost.
    pub(super) fn prices(&self) -> impl Iterator<Item = UsdPerHour> {
        let replicas = self.draft.pool.replicas as usize;
        std::iter::repeat_n(self.max_price(), replicas)
    }

    /// What it has of its own, under its name.
    pub(super) fn into_shown(mut self) -> Option<ShownTable> {
        let pool = self.draft.pool.finish(&NetworkNodeName::default(), None)?;
        let derived = [
            ("pool.max_per_host", pool.max_per_host),
            ("pool.hedges", pool.hedges),
        ];
        for (path, count) in derived {
            let shown = self.shown.entry(path);
            shown.or_insert_with(|| by_default(Value::Integer(count.into())));
        }
        Some(ShownTable {
            array: self.layer.array,
            name: pool.name.into(),
            values: self.shown,
        })
    }

    fn finish(&self, network_node: &NetworkNodeName, per_hour: UsdPerHour) -> Option<PoolConfig> {
        let draft = &self.draft;
        let has_own = self.layer.overlaid().next().is_some();
        let settings = has_own.then(|| PoolSettings {
            vast: draft.vast(),
            mlnode: draft.mlnode.clone(),
            poc: draft.poc.clone(),
            budget: BudgetConfig {
                per_hour,
                ..draft.budget.clone()
            },
        });
        draft.pool.finish(network_node, settings)
    }
}
