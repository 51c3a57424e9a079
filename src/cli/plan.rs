//! `pocpit plan`: what the next sprint will do. It only reads.

mod fleet;
pub(super) mod obstacles;
pub(super) mod report;
mod text;

use std::collections::BTreeMap;

use color_eyre::eyre::{Report, eyre};

use super::arguments::{Common, OfPools};
use super::next_sprint::{NextSprint, funds};
use super::page::Page;
use super::pools;
use super::runtime::{self, Clients};
use super::{Exit, print_report};
use crate::config::{Config, PoolConfig};
use crate::domain::{
    Account, AccountName, Aim, CallError, GovernanceModel, Offer, Preflight, Time, Workload,
};
use crate::engine::preflight::{run_chain_preflight, run_preflight};
use crate::flow::{Funds, Sprint};
use crate::journal::{self, Ledger};
use crate::ports::Market;
use crate::vast::RankedOffers;

/// Everything a plan is based on. The plan reports what could not be read instead of failing.
pub(super) struct PlanInputs {
    pub next: NextSprint,
    accounts: BTreeMap<AccountName, Result<Account, CallError>>,
    pub ledger: Ledger,
    /// The first pool, or the only one of a configuration without pools.
    pub first: PoolInputs,
    others: Vec<PoolInputs>,
}

/// What was read for one pool.
pub(super) struct PoolInputs {
    pool: PoolConfig,
    /// With the pool's own settings.
    pub config: Config,
    preflight: Preflight,
    /// Governance's models; absent for a workload that governance does not affect.
    catalogue: Option<Result<Vec<GovernanceModel>, CallError>>,
    offers: Result<Vec<Offer>, CallError>,
}

/// A pool's next sprint, and the offers as it would rank them; absent when those are not known.
struct Outlook<'a> {
    inputs: &'a PoolInputs,
    sprint: Sprint,
    ranked: Option<RankedOffers>,
}

pub(crate) async fn run(common: &Common, arguments: OfPools) -> Result<Exit, Report> {
    let output = arguments.output;
    let config = pools::only(runtime::load_quietly(common)?, &arguments.pools)?;
    let inputs = Box::pin(read_inputs(&config, Workload::MlNode)).await?;
    let plan = report::plan(&config.pools, &inputs);
    print_report(output, &plan, || {
        text::of(&plan, &Page::stdout(common, output))
    })
}

/// Reads what a sprint with this workload depends on.
pub(super) async fn read_inputs(config: &Config, workload: Workload) -> Result<PlanInputs, Report> {
    let clients = Clients::new(config);
    let (chain, now) = (&clients.chain, clients.clock.now());
    let ledger = journal::read_only(&config.paths.state_dir)?;
    let next = NextSprint::read(chain, now);
    let first = PoolReader::of(config, &config.pools.first);
    let first = Box::pin(first.read(now, &ledger, workload));
    let (next, first) = tokio::join!(next, first);
    let mut others = Vec::new();
    // Without the Network Node there is one rental.
    let pools = match workload {
        Workload::MlNode => config.pools.others.as_slice(),
        Workload::Vllm => &[],
    };
    for pool in pools {
        let reader = PoolReader::of(config, pool);
        let known = others.iter().chain([&first]).find(|it| reader.is_like(it));
        let read = match known {
            Some(known) => reader.like(known),
            None => Box::pin(reader.read(now, &ledger, workload)).await,
        };
        others.push(read);
    }
    let mut accounts = BTreeMap::new();
    for pool in std::iter::once(&first).chain(&others) {
        let name = &pool.config.vast.account;
        if !accounts.contains_key(name) {
            let read = Clients::new(&pool.config).market.account().await;
            accounts.insert(name.clone(), read);
        }
    }
    let next = next.map_err(|why| eyre!("no plan, because the chain cannot be read: {why}"))?;
    Ok(PlanInputs {
        next,
        accounts,
        ledger,
        first,
        others,
    })
}

/// A pool that is still to be read.
struct PoolReader {
    pool: PoolConfig,
    config: Config,
}

impl PoolReader {
    fn of(config: &Config, pool: &PoolConfig) -> PoolReader {
        PoolReader {
            pool: pool.clone(),
            config: pools::config_of(config, pool),
        }
    }

    async fn read(self, now: Time, ledger: &Ledger, workload: Workload) -> PoolInputs {
        let config = &self.config;
        let clients = Clients::new(config);
        let (chain, node) = (&clients.chain, &clients.network_node);
        let preflight = async {
            match workload {
                Workload::Vllm => (run_chain_preflight(chain, now, config).await, None),
                Workload::MlNode => {
                    let leaving = ledger.our_nodes();
                    let examined = run_preflight(chain, node, now, config, &leaving).await;
                    (examined.preflight, Some(examined.catalogue))
                }
            }
        };
        let offers = clients.market.search(&config.vast.query, now);
        let ((preflight, catalogue), offers) = tokio::join!(preflight, offers);
        PoolInputs {
            pool: self.pool,
            config: self.config,
            preflight,
            catalogue,
            offers,
        }
    }

    /// Both have the settings of the fleet: what was read for the one counts for the other.
    fn is_like(&self, read: &PoolInputs) -> bool {
        let (own, other) = (&self.pool, &read.pool);
        own.settings.is_none()
            && other.settings.is_none()
            && own.network_node == other.network_node
            && own.account == other.account
    }

    fn like(self, read: &PoolInputs) -> PoolInputs {
        PoolInputs {
            pool: self.pool,
            config: self.config,
            preflight: read.preflight.clone(),
            catalogue: read.catalogue.clone(),
            offers: read.offers.clone(),
        }
    }
}

impl PlanInputs {
    fn pools(&self) -> impl Iterator<Item = &PoolInputs> {
        std::iter::once(&self.first).chain(&self.others)
    }

    fn outlook<'a>(&self, pool: &'a PoolInputs) -> Outlook<'a> {
        let (sprint, search) = self.next.sprint(&pool.config, &self.ledger, Aim::Proof);
        let ranked = report::ranked(pool, self, search.as_ref());
        Outlook {
            inputs: pool,
            sprint,
            ranked,
        }
    }

    /// The account that pays for a pool.
    fn account_of(&self, pool: &PoolInputs) -> Option<&Result<Account, CallError>> {
        self.accounts.get(&pool.config.vast.account)
    }

    /// What counts against the caps of a pool's next sprint.
    fn funds(&self, inputs: &PoolInputs, sprint: &Sprint) -> Funds {
        let (pool, epoch) = (&inputs.pool.name, sprint.poc_epoch());
        let account = self.account_of(inputs).and_then(|read| read.as_ref().ok());
        let reserved = self
            .ledger
            .reserved_on(&inputs.config.vast.account, self.next.now);
        let credit = account.map(|account| account.credit.left_after(reserved));
        funds(&self.ledger, pool, epoch, self.next.now, credit)
    }
}
