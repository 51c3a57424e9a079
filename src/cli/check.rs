//! `pocpit check`: checks everything that a sprint needs; spends nothing.

mod account;
mod chain;
mod fleet;
mod machine;
mod node;
mod probe;
#[cfg(test)]
mod tests;

use color_eyre::eyre::Report;

use self::account::AccountRead;
use self::machine::Owner;
pub(super) use self::probe::Probe;
use self::probe::{Subject, exit_of, text_of};
use super::arguments::{Common, OfPools};
use super::next_sprint::NextSprint;
use super::page::Page;
use super::places::Places;
use super::runtime::{self, Clients};
use super::{Exit, logging, offers, pools, print_report};
use crate::config::{Config, Loaded};
use crate::domain::{Account, CallError, Offer, PoolName, RankedOffer};
use crate::journal::{self, Journal};
use crate::ports::{Chain, Market, SourceSelection};
use crate::vast::judge_single_read;

pub(crate) async fn run(common: &Common, arguments: OfPools) -> Result<Exit, Report> {
    logging::start_quiet();
    let output = arguments.output;
    let mut loaded = runtime::load(common)?;
    loaded.config = pools::only(loaded.config, &arguments.pools)?;
    let probes = probes(&loaded).await;
    print_report(output, &probes, || {
        text_of(&probes, &Page::stdout(common, output))
    })?;
    Ok(exit_of(&probes))
}

async fn probes(loaded: &Loaded) -> Vec<Probe> {
    let config = &loaded.config;
    let clients = Clients::new(config);
    let (chain, market) = (&clients.chain, &clients.market);
    let now = clients.clock.now();
    let (sources, governance) = tokio::join!(
        chain.query_sources(SourceSelection::All),
        chain.governance()
    );
    // One after the other: the market limits calls by the second.
    let accounts = AccountRead::all(config).await;
    let single_read = market.try_single_read().await;
    // Held only for a moment: a cockpit that starts meanwhile becomes a viewer.
    let opened = Journal::open(&config.paths.state_dir);
    let owner = Owner::by(&opened);
    let journal = machine::journal(&opened);
    drop(opened);
    let ledger = journal::read_only(&config.paths.state_dir).unwrap_or_default();
    let next = NextSprint::by(chain, now, sources.clone(), governance).await;
    let pools = config.pools.iter();
    let pools: Vec<(&PoolName, Config)> = pools
        .map(|pool| (&pool.name, pools::config_of(config, pool)))
        .collect();
    let mut money = Vec::new();
    for (pool, config) in &pools {
        let market = Clients::new(config).market;
        let offers = market.search(&config.vast.query, now).await;
        let mut read = accounts.iter();
        let account = read.find(|account| account.name == config.vast.account);
        let account = account.map_or(&accounts[0].account, |account| &account.account);
        let found = offers.as_ref().map_or(&[][..], Vec::as_slice).to_vec();
        let (ranked, _) = offers::judged(now, config, &next, &ledger, found);
        money.push((
            *pool,
            money_probes(config, account, &offers, &ranked.usable),
        ));
    }
    let leaving = ledger.our_nodes();
    let keys = accounts.iter().map(|account| account.key(config));
    let mut probes: Vec<Probe> = keys.collect();
    probes.push(Probe::from(judge_single_read(&single_read)));
    probes.extend(accounts.iter().map(|account| account.peers(config)));
    probes.extend(fleet::merged(&money));
    probes.extend([
        Probe::new(Subject::Ssh, machine::ssh(config).await),
        Probe::new(Subject::Journal, journal),
        Probe::new(Subject::Clock, chain::clock(now, &sources)),
    ]);
    let sources = sources.iter().map(chain::source);
    probes.extend(sources.map(|checked| Probe::new(Subject::ChainSource, checked)));
    let places = Places::of(config);
    probes.extend(node::sprint_needs(chain, &places, now, loaded, &pools, &leaving).await);
    probes.extend(machine::listeners(loaded, owner));
    probes
}

/// Whether a pool's sprint can be paid, and whether there is anything to rent for it.
fn money_probes(
    config: &Config,
    account: &Result<Account, CallError>,
    offers: &Result<Vec<Offer>, CallError>,
    usable: &[RankedOffer],
) -> Vec<Probe> {
    let credit = account::credit(config, account.clone(), usable);
    vec![
        Probe::new(Subject::Credit, credit),
        Probe::new(Subject::Budget, account::budget(config, usable)),
        Probe::new(Subject::Offers, account::market_offers(offers)),
    ]
}
