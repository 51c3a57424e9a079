//! `pocpit plan`: what the next sprint will do, in words and as JSON. It only reads.

mod report;
mod words;

use color_eyre::eyre::{Report, eyre};

use super::arguments::{Common, Output};
use super::{Exit, print, print_json, runtime, telemetry};
use crate::chain::client::ChainClient;
use crate::chain::clock::{BlockClock, STRETCH, STRETCHES};
use crate::chain::sources::Sources;
use crate::config::Config;
use crate::domain::{
    Account, Blocks, CallError, Duration, EpochView, Governance, Mode, Offer, Preflight,
    SourceStatus, Time,
};
use crate::engine::ports::{Chain, Look, Market};
use crate::engine::preflight::examine;
use crate::engine::sprint_rules;
use crate::flow::{Effect, Event, Funds, Sprint};
use crate::http::HttpClient;
use crate::journal::{self, Ledger};
use crate::network_node::NetworkNodeClient;

/// Everything that was read for a plan. What could not be read is an error in its place: a plan
/// says so instead of failing.
struct Seen {
    now: Time,
    view: EpochView,
    /// Why the view would not be gone by yet.
    doubt: Option<String>,
    sources: Vec<SourceStatus>,
    clock: BlockClock,
    governance: Result<Option<Governance>, CallError>,
    /// As the engine judges before it rents.
    preflight: Preflight,
    offers: Result<Vec<Offer>, CallError>,
    account: Result<Account, CallError>,
    ledger: Ledger,
}

pub(crate) async fn run(common: &Common, output: Output) -> Result<Exit, Report> {
    telemetry::quiet();
    let config = runtime::load(common)?.config;
    let seen = look(&config).await?;
    let report = report::plan(&config, &seen);
    if output.json {
        print_json(&report)?;
    } else {
        print(&words::of(&report))?;
    }
    Ok(Exit::Done)
}

async fn look(config: &Config) -> Result<Seen, Report> {
    let http = HttpClient::new();
    let chain = ChainClient::new(http.clone(), &config.chain);
    let market = runtime::market(&http, &config.vast, config.simulation);
    let node = NetworkNodeClient::new(http, &config.network_node);
    let clock = runtime::clock(config.simulation);
    let now = clock.now();
    let ledger = journal::read_only(&config.paths.state_dir)?;
    let leaving = ledger.registered();
    let (reports, governance, examined) = tokio::join!(
        chain.look(Look::Every),
        chain.governance(),
        examine(&chain, &node, now, config, &leaving),
    );
    // One after the other: the market limits calls by the second.
    let offers = market.search(&config.vast.query, now).await;
    let account = market.account().await;
    let alone = reports
        .iter()
        .filter_map(|report| report.told.as_ref().ok()?.view.clone())
        .filter(|view| crate::chain::epoch::consistent(view).is_ok())
        .max_by_key(|view| view.height);
    let mut sources = Sources::default();
    let (view, doubt) = match (sources.take(now, reports), alone) {
        (Ok(view), _) => (view, None),
        (Err(why), Some(view)) => (view, Some(why)),
        (Err(why), None) => {
            return Err(eyre!(
                "the chain cannot be read, so there is no plan: {why}"
            ));
        }
    };
    Ok(Seen {
        now,
        clock: block_clock(&chain, now, &view).await,
        view,
        doubt,
        sources: sources.statuses(),
        governance,
        preflight: examined.preflight,
        offers,
        account,
        ledger,
    })
}

/// The pace by two headers; without an RPC it stays unmeasured.
async fn block_clock(chain: &ChainClient, now: Time, view: &EpochView) -> BlockClock {
    let mut clock = BlockClock::new();
    clock.observe_height(now, view.height);
    let back = Blocks(STRETCH.0 * STRETCHES as u64);
    for height in [view.height - back, view.height] {
        if let Ok(header) = chain.header(Some(height)).await {
            clock.observe_header(header);
        }
    }
    clock
}

impl Seen {
    /// The sprint as it will be, and what it would search for.
    fn sprint(&self, config: &Config) -> (Sprint, Option<Effect>) {
        // In manual mode it stays where it is: before the search.
        let mut sprint = Sprint::new(sprint_rules(config, 0), Mode::Manual, self.now);
        let done = self.ledger.reports().last();
        if let Some(done) = done.and_then(|(_, report)| report.epoch) {
            sprint = sprint.not_before(done);
        }
        let governance = self.governance.as_ref().ok().and_then(Option::as_ref);
        let upgrade = governance.and_then(|known| known.upgrade.clone());
        sprint.handle(self.now, Event::UpgradePlanned(upgrade));
        let observed = Event::ChainObserved {
            view: self.view.clone(),
            block_time: self.clock.block_time(),
        };
        sprint.handle(self.now, observed);
        let mut effects = sprint.handle(self.now, Event::RefreshRequested);
        let search = effects
            .iter()
            .position(|effect| matches!(effect, Effect::SearchOffers { .. }));
        let search = search.map(|index| effects.swap_remove(index));
        (sprint, search)
    }

    fn funds(&self) -> Funds {
        let (ledger, now) = (&self.ledger, self.now);
        let reserved = ledger.reserved(now);
        Funds {
            hour: ledger.price_of_open_rentals(),
            sprint: reserved,
            day: ledger.spent_within(Duration::hours(24), now) + reserved,
            month: ledger.spent_within(Duration::days(30), now) + reserved,
            credit: self.account.as_ref().ok().map(|account| account.credit),
        }
    }
}
