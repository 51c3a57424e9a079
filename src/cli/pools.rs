//! The pools of the configuration, as commands speak of them.

use color_eyre::eyre::Report;

use super::arguments::ChosenPools;
use super::{Exit, stop};
use crate::config::{Config, PoolConfig, Pools};
use crate::domain::format::count;
use crate::domain::{PoolName, ReplicaId, Slot};

/// Whether the configuration has pools: what a command says of one rental stays as it is without.
pub(super) fn are_configured(pools: &Pools) -> bool {
    pools.replicas() > 1 || pools.first.name != PoolName::default()
}

/// The pool of this name, or the first one.
pub(super) fn chosen<'a>(
    pools: &'a Pools,
    name: Option<&PoolName>,
) -> Result<&'a PoolConfig, Report> {
    let Some(name) = name else {
        return Ok(&pools.first);
    };
    pools.get(name).ok_or_else(|| unknown(pools, name))
}

/// The configuration with all pools idle but those that were named, if any were.
pub(super) fn only(config: Config, chosen: &ChosenPools) -> Result<Config, Report> {
    let known = |name: &&PoolName| config.pools.get(name).is_some();
    if let Some(name) = chosen.pools.iter().find(|name| !known(name)) {
        return Err(unknown(&config.pools, name));
    }
    let pools = config.pools.only(&chosen.pools);
    Ok(match pools {
        Some(pools) => Config { pools, ..config },
        None => config,
    })
}

/// A replica of a pool that has fewer.
pub(super) fn unknown_replica(pools: &Pools, id: &ReplicaId) -> Report {
    let Some(pool) = pools.get(&id.pool) else {
        return unknown(pools, &id.pool);
    };
    let has = count(pool.replicas.get(), "replica");
    let why = format!("there is no replica {id}; pool {} has {has}", pool.name);
    stop(Exit::Usage, why)
}

pub(super) fn unknown(pools: &Pools, name: &PoolName) -> Report {
    let names: Vec<&str> = pools.iter().map(|pool| pool.name.as_str()).collect();
    let why = format!(
        "there is no pool {name}; the pools are: {}",
        names.join(", ")
    );
    stop(Exit::Usage, why)
}

/// The configuration with the pool's own settings.
pub(super) fn config_of(config: &Config, pool: &PoolConfig) -> Config {
    config.of_replica(pool, Slot::default())
}

/// The replica for a column; the only one of a configuration without pools has no name there.
pub(super) fn replica_cell(id: &ReplicaId) -> Option<&ReplicaId> {
    (!id.is_default()).then_some(id)
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;
    use crate::cli::exit_of;

    fn pool(name: &str, replicas: u32) -> PoolConfig {
        let replicas = NonZeroU32::new(replicas).unwrap();
        PoolConfig::new(name.parse().unwrap(), replicas)
    }

    #[test]
    fn unknown_pool_is_a_usage_error_that_lists_the_pools() {
        let pools = Pools {
            first: pool("minimax", 3),
            others: vec![pool("glm", 1)],
            idle: Vec::new(),
        };
        let chosen = |name: Option<&str>| {
            let name = name.map(|name| name.parse().unwrap());
            chosen(&pools, name.as_ref()).map(|pool| pool.name.to_string())
        };
        assert_eq!(chosen(None).unwrap(), "minimax");
        assert_eq!(chosen(Some("glm")).unwrap(), "glm");
        let error = chosen(Some("kimi")).unwrap_err();
        assert_eq!(exit_of(&error), Exit::Usage);
        assert_eq!(
            error.to_string(),
            "there is no pool kimi; the pools are: minimax, glm"
        );
    }

    #[test]
    fn one_unnamed_replica_is_no_pool() {
        assert!(!are_configured(&Pools::default()));
        for (name, replicas) in [("minimax", 1), ("default", 2)] {
            let pools = Pools {
                first: pool(name, replicas),
                others: Vec::new(),
                idle: Vec::new(),
            };
            assert!(are_configured(&pools), "{name}");
        }
    }
}
