//! `pocpit check`: checks everything that a sprint needs; spends nothing.

mod account;
mod chain;
mod machine;
mod node;
mod probe;
#[cfg(test)]
pub(super) mod tests;

use color_eyre::eyre::Report;

use self::machine::Owner;
pub(super) use self::probe::Probe;
use self::probe::{exit_of, text_of};
use super::arguments::{Common, Output};
use super::next_sprint::NextSprint;
use super::{Exit, logging, offers, print, print_json, runtime};
use crate::chain::client::ChainClient;
use crate::config::{Config, Loaded};
use crate::domain::{CallError, Offer, RankedOffer, Time};
use crate::http::HttpClient;
use crate::journal::{self, Journal, Ledger};
use crate::network_node::NetworkNodeClient;
use crate::ports::{Chain, Market, SourceSelection};

pub(crate) async fn run(common: &Common, output: Output) -> Result<Exit, Report> {
    logging::start_quiet();
    let probes = probes(&runtime::load(common)?).await;
    if output.json {
        print_json(&probes)?;
    } else {
        print(&text_of(&probes))?;
    }
    Ok(exit_of(&probes))
}

async fn probes(loaded: &Loaded) -> Vec<Probe> {
    let config = &loaded.config;
    let http = HttpClient::new();
    let market = runtime::market(&http, &config.vast, config.simulation);
    let chain = ChainClient::new(http.clone(), &config.chain);
    let node = NetworkNodeClient::new(http, &config.network_node);
    let now = runtime::clock(config.simulation).now();
    let (instances, sources, governance) = tokio::join!(
        market.instances(),
        chain.query_sources(SourceSelection::All),
        chain.governance()
    );
    // One after the other: the market limits calls by the second.
    let account = market.account().await;
    let offers = market.search(&config.vast.query, now).await;
    // Held only for a moment: a cockpit that starts meanwhile becomes a viewer.
    let opened = Journal::open(&config.paths.state_dir);
    let owner = Owner::by(&opened);
    let journal = machine::journal(&opened);
    drop(opened);
    let ledger = journal::read_only(&config.paths.state_dir).unwrap_or_default();
    let outlook = NextSprint::by(&chain, now, sources.clone(), governance).await;
    let usable = usable(config, now, outlook, &ledger, &offers);
    let leaving = ledger.registered();
    let mut probes = vec![
        account::key(config, &instances),
        account::neighbours(config, &instances),
        account::credit(config, account, &usable),
        account::budget(config, &usable),
        account::market_offers(&offers),
        machine::ssh(config).await,
        journal,
        chain::clock(now, &sources),
    ];
    probes.extend(sources.iter().map(chain::source));
    probes.extend(node::sprint_needs(&chain, &node, now, loaded, &leaving).await);
    probes.extend(machine::listeners(loaded, owner));
    probes
}

/// What the next sprint could rent, best first.
fn usable(
    config: &Config,
    now: Time,
    outlook: Result<NextSprint, String>,
    ledger: &Ledger,
    offers: &Result<Vec<Offer>, CallError>,
) -> Vec<RankedOffer> {
    let offers = offers.as_ref().map_or(&[][..], Vec::as_slice).to_vec();
    let (ranked, _) = offers::judged(now, config, outlook, ledger, offers);
    ranked.usable
}
