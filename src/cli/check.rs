//! `pocpit check`: checks everything that a sprint needs; spends nothing.

mod account;
mod chain;
mod machine;
mod node;
mod probe;
#[cfg(test)]
mod tests;

use color_eyre::eyre::Report;

use self::machine::Owner;
pub(super) use self::probe::Probe;
use self::probe::{Subject, exit_of, text_of};
use super::arguments::{Common, Output};
use super::next_sprint::NextSprint;
use super::page::Page;
use super::runtime::{self, Clients};
use super::{Exit, logging, offers, print_report};
use crate::config::Loaded;
use crate::journal::{self, Journal};
use crate::ports::{Chain, Market, SourceSelection};
use crate::vast::judge_single_read;

pub(crate) async fn run(common: &Common, output: Output) -> Result<Exit, Report> {
    logging::start_quiet();
    let probes = probes(&runtime::load(common)?).await;
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
    let (instances, sources, governance) = tokio::join!(
        market.instances(),
        chain.query_sources(SourceSelection::All),
        chain.governance()
    );
    // One after the other: the market limits calls by the second.
    let single_read = market.try_single_read().await;
    let account = market.account().await;
    let offers = market.search(&config.vast.query, now).await;
    // Held only for a moment: a cockpit that starts meanwhile becomes a viewer.
    let opened = Journal::open(&config.paths.state_dir);
    let owner = Owner::by(&opened);
    let journal = machine::journal(&opened);
    drop(opened);
    let ledger = journal::read_only(&config.paths.state_dir).unwrap_or_default();
    let next = NextSprint::by(chain, now, sources.clone(), governance).await;
    let found = offers.as_ref().map_or(&[][..], Vec::as_slice).to_vec();
    let (ranked, _) = offers::judged(now, config, next, &ledger, found);
    let usable = ranked.usable;
    let leaving = ledger.our_nodes();
    let mut probes = vec![
        Probe::new(Subject::VastKey, account::key(config, &instances)),
        Probe::from(judge_single_read(&single_read)),
        Probe::new(Subject::Account, account::peers(config, &instances)),
        Probe::new(Subject::Credit, account::credit(config, account, &usable)),
        Probe::new(Subject::Budget, account::budget(config, &usable)),
        Probe::new(Subject::Offers, account::market_offers(&offers)),
        Probe::new(Subject::Ssh, machine::ssh(config).await),
        Probe::new(Subject::Journal, journal),
        Probe::new(Subject::Clock, chain::clock(now, &sources)),
    ];
    let sources = sources.iter().map(chain::source);
    probes.extend(sources.map(|checked| Probe::new(Subject::ChainSource, checked)));
    probes.extend(node::sprint_needs(chain, &clients.network_node, now, loaded, &leaving).await);
    probes.extend(machine::listeners(loaded, owner));
    probes
}
