//! Pollers of the outside world.

use std::sync::Arc;

use futures_util::StreamExt as _;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use crate::chain::clock::{STRETCH, STRETCHES};
use crate::config::Config;
use crate::domain::{
    AccountName, Blocks, CallError, CallErrorKind, Duration, Height, NetworkNodeName, Time,
};
use crate::engine::Ports;
use crate::engine::failpoint::{Failpoint, failpoint};
use crate::engine::observe::charges;
use crate::engine::observe::logged_failure::LoggedFailure;
use crate::engine::observe::observation::{Headers, Observation};
use crate::engine::supervise::restart_on_panic;
use crate::ports::{Market, SourceSelection};

const MEASURE_INTERVAL: Duration = Duration::minutes(30);
const MEASURE_RETRY: Duration = Duration::seconds(30);
/// All sources are polled this often while the preferred one is healthy.
const ALL_SOURCES_INTERVAL: Duration = Duration::minutes(5);
/// The chain is polled this often while a height that decides something is overdue.
const OVERDUE_INTERVAL: Duration = Duration::seconds(5);
/// Upgrades are decided days ahead.
const GOVERNANCE_INTERVAL: Duration = Duration::minutes(10);
const NODES_INTERVAL: Duration = Duration::seconds(30);
/// It changes with an upgrade.
const NODE_RELEASE_INTERVAL: Duration = Duration::minutes(10);
/// Every rental's row is in the listing.
pub(crate) const LISTING_INTERVAL: Duration = Duration::seconds(30);
/// While a container is placed, pulled or started, its row changes.
pub(crate) const PLACING_LISTING_INTERVAL: Duration = Duration::seconds(10);
const ACCOUNT_INTERVAL: Duration = Duration::minutes(2);
/// Charges appear some time after the use.
const CHARGES_INTERVAL: Duration = Duration::hours(1);
const REQUESTED_PRICES_INTERVAL: Duration = Duration::minutes(10);
const PROXY_INTERVAL: Duration = Duration::seconds(30);
/// A flood of connections uses them up in seconds.
const DESCRIPTORS_INTERVAL: Duration = Duration::seconds(10);

/// What a poller works with.
#[derive(Clone)]
pub(crate) struct Poller {
    pub(crate) ports: Arc<Ports>,
    pub(crate) reports: mpsc::Sender<Observation>,
    pub(crate) stop: CancellationToken,
}

impl Poller {
    /// Starts the pollers that run as long as the engine does.
    pub(crate) fn start_all(&self, config: &Config, schedule: &watch::Receiver<PollSchedule>) {
        let (chain_interval, updates) = (config.chain.poll, schedule.clone());
        self.spawn("the chain's poller", move |poller| {
            poller.poll_chain(chain_interval, updates.clone())
        });
        for account in config.accounts() {
            self.follow_account(account.name, schedule);
        }
        for network_node in config.network_nodes() {
            self.follow_network_node(&network_node.name);
        }
        self.spawn(
            "following announced blocks",
            Poller::follow_announced_blocks,
        );
        self.every(GOVERNANCE_INTERVAL, async |ports| {
            Observation::Governance(ports.chain.governance().await)
        });
        self.every(DESCRIPTORS_INTERVAL, async |ports| {
            Observation::Descriptors(ports.descriptors.usage())
        });
        if let Some(proxy) = self.ports.inference_proxy.clone() {
            self.every(PROXY_INTERVAL, move |_| {
                let proxy = proxy.clone();
                async move { Observation::Proxy(proxy.figures().await) }
            });
        }
        self.spawn("measuring block time", Poller::measure_block_time);
    }

    /// Polls an account.
    fn follow_account(&self, account: AccountName, schedule: &watch::Receiver<PollSchedule>) {
        let (market, updates) = (self.ports.market_of(&account).clone(), schedule.clone());
        let (listed, name) = (market.clone(), account.clone());
        self.spawn("the poller of the rentals", move |poller| {
            poller.poll_listing(name.clone(), listed.clone(), updates.clone())
        });
        let (read, name) = (market.clone(), account.clone());
        self.every(ACCOUNT_INTERVAL, move |_| {
            let (market, name) = (read.clone(), name.clone());
            async move { Observation::Account(name, market.account().await) }
        });
        let (read, name) = (market.clone(), account.clone());
        self.every(REQUESTED_PRICES_INTERVAL, move |_| {
            let (market, name) = (read.clone(), name.clone());
            async move { Observation::RequestedPrices(name, market.requested_prices().await) }
        });
        self.every(CHARGES_INTERVAL, move |ports| {
            let (market, name) = (market.clone(), account.clone());
            async move {
                let charges = charges::read(market.as_ref(), ports.clock.as_ref()).await;
                Observation::Charges(name, charges)
            }
        });
    }

    /// Polls a Network Node.
    fn follow_network_node(&self, name: &NetworkNodeName) {
        let (api, of) = (self.ports.network_node_named(name).clone(), name.clone());
        self.every(NODES_INTERVAL, move |_| {
            let (api, of) = (api.clone(), of.clone());
            async move { Observation::Nodes(of, api.nodes().await) }
        });
        let (api, of) = (self.ports.network_node_named(name).clone(), name.clone());
        self.every(NODE_RELEASE_INTERVAL, move |_| {
            let (api, of) = (api.clone(), of.clone());
            async move { Observation::NodeRelease(of, api.release().await) }
        });
    }

    /// Runs `work` until the engine stops, and again after every panic.
    pub(crate) fn spawn<F, Fut>(&self, what: &'static str, work: F)
    where
        F: Fn(Poller) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let poller = self.clone();
        tokio::spawn(async move {
            let clock = poller.ports.clock.clone();
            let work = restart_on_panic(what, clock.as_ref(), || work(poller.clone()));
            poller.stop.run_until_cancelled(work).await;
        });
    }

    fn every<F, Fut>(&self, interval: Duration, poll: F)
    where
        F: Fn(Arc<Ports>) -> Fut + Clone + Send + Sync + 'static,
        Fut: Future<Output = Observation> + Send + 'static,
    {
        self.spawn("a poller", move |poller| {
            let poll = poll.clone();
            async move {
                loop {
                    failpoint(Failpoint::Poller);
                    if !poller.report(poll(poller.ports.clone()).await).await {
                        return;
                    }
                    poller.ports.clock.sleep(interval).await;
                }
            }
        });
    }

    /// False once the engine has ended.
    pub(crate) async fn report(&self, observation: Observation) -> bool {
        self.reports.send(observation).await.is_ok()
    }

    /// Polls the chain at an interval, and when a height that decides something is expected: what
    /// follows from it is then seconds late and not an interval.
    async fn poll_chain(self, interval: Duration, mut schedule: watch::Receiver<PollSchedule>) {
        let clock = &self.ports.clock;
        let mut all_polled: Option<Time> = None;
        loop {
            failpoint(Failpoint::Poller);
            let now = clock.now();
            let all_due = all_polled.is_none_or(|polled| now - polled >= ALL_SOURCES_INTERVAL);
            let sources = if all_due {
                SourceSelection::All
            } else {
                schedule.borrow().sources
            };
            if sources == SourceSelection::All {
                all_polled = Some(now);
            }
            let reports = self.ports.chain.query_sources(sources).await;
            if !self.report(Observation::Chain(reports)).await {
                return;
            }
            wait_for_next_poll(&self.ports, interval, &mut schedule).await;
        }
    }

    /// Lists all rentals of an account. An interval that becomes shorter counts at once.
    async fn poll_listing(
        self,
        account: AccountName,
        market: Arc<dyn Market>,
        mut schedule: watch::Receiver<PollSchedule>,
    ) {
        let clock = &self.ports.clock;
        let is_urgent = |schedule: &PollSchedule| schedule.listing == PLACING_LISTING_INTERVAL;
        loop {
            failpoint(Failpoint::Poller);
            let listing = market.instances().await;
            let listing = Observation::Listing(account.clone(), listing);
            if !self.report(listing).await {
                return;
            }
            clock.sleep(PLACING_LISTING_INTERVAL).await;
            tokio::select! {
                () = clock.sleep(LISTING_INTERVAL - PLACING_LISTING_INTERVAL) => {}
                urgent = schedule.wait_for(is_urgent) => if urgent.is_err() { return; }
            }
        }
    }

    async fn follow_announced_blocks(self) {
        let mut announced = self.ports.chain.announced();
        while let Some(report) = announced.next().await {
            if !self.report(Observation::Announced(report)).await {
                return;
            }
        }
        // No source announces blocks.
        std::future::pending::<()>().await;
    }

    /// Headers half an hour apart give the block time at once, without a warm-up: first the two that
    /// are furthest apart, then those in between. Later a new one every half hour is enough.
    async fn measure_block_time(self) {
        let mut missing: Vec<Height> = Vec::new();
        let mut measured = None;
        let mut failure = LoggedFailure::default();
        loop {
            let pause = match headers(&self.ports, measured, &mut missing).await {
                Ok(headers) => {
                    failure = LoggedFailure::default();
                    measured = headers.newest.map(|header| header.height).or(measured);
                    if !self.report(Observation::Headers(headers)).await {
                        return;
                    }
                    if missing.is_empty() {
                        MEASURE_INTERVAL
                    } else {
                        MEASURE_RETRY
                    }
                }
                Err(error) => {
                    if failure.is_new(&error) {
                        tracing::warn!("block time is measured by sightings alone: {error}");
                    }
                    match error.kind {
                        CallErrorKind::NotServed => MEASURE_INTERVAL,
                        _ => MEASURE_RETRY,
                    }
                }
            };
            self.ports.clock.sleep(pause).await;
        }
    }
}

/// When and where the chain is to be polled beyond its interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PollSchedule {
    /// When the next height that decides something is expected.
    pub next: Option<Time>,
    pub sources: SourceSelection,
    /// How often the account's rentals are listed.
    pub listing: Duration,
}

/// Waits at most `interval`, however the clock is set meanwhile.
async fn wait_for_next_poll(
    ports: &Ports,
    interval: Duration,
    schedule: &mut watch::Receiver<PollSchedule>,
) {
    let clock = &ports.clock;
    let earliest = OVERDUE_INTERVAL.min(interval);
    clock.sleep(earliest).await;
    let mut latest = clock.sleep(interval - earliest);
    loop {
        let expected = schedule.borrow_and_update().next;
        let due = async {
            match expected {
                Some(at) => clock.sleep(at - clock.now()).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = &mut latest => return,
            () = due => return,
            changed = schedule.changed() => if changed.is_err() {
                return latest.await;
            }
        }
    }
}

/// The newest header; the first time with the oldest one that the clock uses or that the node has, the
/// second time those in between instead.
async fn headers(
    ports: &Ports,
    measured: Option<Height>,
    missing: &mut Vec<Height>,
) -> Result<Headers, CallError> {
    if measured.is_some() && !missing.is_empty() {
        // Where one is missing, the two must do.
        let between = missing.drain(..).map(|height| ports.chain.header(height));
        let between = futures_util::future::join_all(between).await;
        return Ok(Headers {
            newest: None,
            older: between.into_iter().flatten().collect(),
        });
    }
    let stored = ports.chain.stored_blocks().await?;
    let mut older = Vec::new();
    if measured.is_none() {
        let back = |stretches: u64| stored.back(Blocks(STRETCH.0 * stretches));
        let mut wanted: Vec<Height> = (1..=STRETCHES as u64).map(back).collect();
        wanted.dedup();
        let furthest = wanted.pop().filter(|height| *height < stored.latest.height);
        if let Some(furthest) = furthest {
            older.push(ports.chain.header(furthest).await?);
            missing.extend(wanted);
        }
    }
    Ok(Headers {
        newest: Some(stored.latest),
        older,
    })
}
