//! Pollers of the outside world.

use futures_util::StreamExt as _;

use std::sync::Arc;

use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use crate::chain::clock::{STRETCH, STRETCHES};
use crate::domain::{Blocks, CallError, Duration, Height, Time};
use crate::engine::Ports;
use crate::engine::failpoint::{Failpoint, failpoint};
use crate::engine::observe::observation::{Headers, Observation};
use crate::engine::supervise::restart_on_panic;
use crate::ports::SourceSelection;

const MEASURE_EVERY: Duration = Duration::minutes(30);
const MEASURE_AGAIN_AFTER_FAILURE: Duration = Duration::seconds(30);
/// The sources beside the one that answers, while nothing is in doubt.
const POLL_ALL_INTERVAL: Duration = Duration::minutes(5);
/// A height that decides something and is overdue is looked for this often.
const OVERDUE_POLL_INTERVAL: Duration = Duration::seconds(5);
/// Decided days ahead.
const GOVERNANCE_EVERY: Duration = Duration::minutes(10);
const NODES_EVERY: Duration = Duration::seconds(30);
const LISTING_EVERY: Duration = Duration::seconds(30);
const ACCOUNT_EVERY: Duration = Duration::minutes(2);
const PROXY_EVERY: Duration = Duration::seconds(30);

/// Starts the pollers that run as long as the engine does.
pub(crate) fn start_pollers(
    ports: &Arc<Ports>,
    chain_every: Duration,
    schedule: watch::Receiver<PollSchedule>,
    reports: &mpsc::Sender<Observation>,
    stop: &CancellationToken,
) {
    tokio::spawn(poll_chain(
        ports.clone(),
        chain_every,
        schedule,
        reports.clone(),
        stop.clone(),
    ));
    tokio::spawn(follow_announced_blocks(
        ports.clone(),
        reports.clone(),
        stop.clone(),
    ));
    let governance = ports.clone();
    every(ports, GOVERNANCE_EVERY, reports, stop, move || {
        let ports = governance.clone();
        async move { Some(Observation::Governance(ports.chain.governance().await)) }
    });
    let nodes = ports.clone();
    every(ports, NODES_EVERY, reports, stop, move || {
        let ports = nodes.clone();
        async move { Some(Observation::Nodes(ports.network_node.nodes().await)) }
    });
    let listing = ports.clone();
    every(ports, LISTING_EVERY, reports, stop, move || {
        let ports = listing.clone();
        async move { Some(Observation::Listing(ports.market.instances().await)) }
    });
    let account = ports.clone();
    every(ports, ACCOUNT_EVERY, reports, stop, move || {
        let ports = account.clone();
        async move { Some(Observation::Account(ports.market.account().await)) }
    });
    if let Some(proxy) = ports.inference_proxy.clone() {
        every(ports, PROXY_EVERY, reports, stop, move || {
            let proxy = proxy.clone();
            async move { Some(Observation::Proxy(proxy.figures().await)) }
        });
    }
    tokio::spawn(measure_block_time(
        ports.clone(),
        reports.clone(),
        stop.clone(),
    ));
}

fn every<F, Fut>(
    ports: &Arc<Ports>,
    interval: Duration,
    reports: &mpsc::Sender<Observation>,
    stop: &CancellationToken,
    poll: F,
) where
    F: Fn() -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Option<Observation>> + Send + 'static,
{
    let (clock, reports, stop) = (ports.clock.clone(), reports.clone(), stop.clone());
    tokio::spawn(async move {
        let work = restart_on_panic("a poller", clock.as_ref(), || async {
            loop {
                failpoint(Failpoint::Poller);
                if let Some(observation) = poll().await
                    && reports.send(observation).await.is_err()
                {
                    return;
                }
                clock.sleep(interval).await;
            }
        });
        stop.run_until_cancelled(work).await;
    });
}

/// What the engine wants to know of the chain beyond its beat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PollSchedule {
    /// When the next height that decides something is expected.
    pub next: Option<Time>,
    pub sources: SourceSelection,
}

/// Looks at the chain at its beat, and when a height that decides something is expected: what
/// follows from a height is seconds late and not a beat.
async fn poll_chain(
    ports: Arc<Ports>,
    beat: Duration,
    schedule: watch::Receiver<PollSchedule>,
    reports: mpsc::Sender<Observation>,
    stop: CancellationToken,
) {
    let clock = ports.clock.clone();
    let work = restart_on_panic("the chain's poller", clock.as_ref(), || async {
        let mut schedule = schedule.clone();
        let mut all_asked: Option<Time> = None;
        loop {
            failpoint(Failpoint::Poller);
            let now = clock.now();
            let others_due = all_asked.is_none_or(|asked| now - asked >= POLL_ALL_INTERVAL);
            let sources = if others_due {
                SourceSelection::All
            } else {
                schedule.borrow().sources
            };
            if sources == SourceSelection::All {
                all_asked = Some(now);
            }
            let observation = Observation::Chain(ports.chain.query_sources(sources).await);
            if reports.send(observation).await.is_err() {
                return;
            }
            wait_for_next_poll(&ports, clock.now(), beat, &mut schedule).await;
        }
    });
    stop.run_until_cancelled(work).await;
}

async fn wait_for_next_poll(
    ports: &Ports,
    looked: Time,
    beat: Duration,
    schedule: &mut watch::Receiver<PollSchedule>,
) {
    loop {
        let wanted = schedule.borrow_and_update().next;
        let next = wanted.map_or(looked + beat, |at| {
            at.clamp(looked + OVERDUE_POLL_INTERVAL.min(beat), looked + beat)
        });
        tokio::select! {
            () = ports.clock.sleep(next - ports.clock.now()) => return,
            changed = schedule.changed() => if changed.is_err() {
                ports.clock.sleep(next - ports.clock.now()).await;
                return;
            }
        }
    }
}

async fn follow_announced_blocks(
    ports: Arc<Ports>,
    reports: mpsc::Sender<Observation>,
    stop: CancellationToken,
) {
    let work = restart_on_panic("listening to blocks", ports.clock.as_ref(), || async {
        let mut announced = ports.chain.announced();
        while let Some(report) = announced.next().await {
            if reports.send(Observation::Announced(report)).await.is_err() {
                return;
            }
        }
        // Nobody announces anything.
        std::future::pending::<()>().await;
    });
    stop.run_until_cancelled(work).await;
}

/// Headers half an hour apart give the block time at once, without a warm-up: first the two that
/// are furthest apart, then those in between. Later a new one every half hour is enough.
async fn measure_block_time(
    ports: Arc<Ports>,
    reports: mpsc::Sender<Observation>,
    stop: CancellationToken,
) {
    let work = restart_on_panic("measuring block time", ports.clock.as_ref(), || async {
        let mut missing: Vec<Height> = Vec::new();
        let mut measured = None;
        loop {
            let pause = match headers(&ports, measured, &mut missing).await {
                Ok(headers) => {
                    measured = headers.newest.map(|header| header.height).or(measured);
                    if reports.send(Observation::Headers(headers)).await.is_err() {
                        return;
                    }
                    if missing.is_empty() {
                        MEASURE_EVERY
                    } else {
                        MEASURE_AGAIN_AFTER_FAILURE
                    }
                }
                Err(error) => {
                    tracing::warn!("block time is not measured: {error}");
                    MEASURE_AGAIN_AFTER_FAILURE
                }
            };
            ports.clock.sleep(pause).await;
        }
    });
    stop.run_until_cancelled(work).await;
}

/// The newest header, with the oldest one that the clock wants at the first time and those in
/// between at the second.
async fn headers(
    ports: &Ports,
    measured: Option<Height>,
    missing: &mut Vec<Height>,
) -> Result<Headers, CallError> {
    if measured.is_some() && !missing.is_empty() {
        // A node that keeps few blocks does not have them: then the two must do.
        let between = missing
            .drain(..)
            .map(|height| ports.chain.header(Some(height)));
        let between = futures_util::future::join_all(between).await;
        return Ok(Headers {
            newest: None,
            older: between.into_iter().flatten().collect(),
        });
    }
    let latest = ports.chain.header(None).await?;
    let newest = Some(latest);
    if measured.is_some() {
        let older = Vec::new();
        return Ok(Headers { newest, older });
    }
    let back = |stretches: u64| latest.height - Blocks(STRETCH.0 * stretches);
    let furthest = STRETCHES as u64;
    let earliest = ports.chain.header(Some(back(furthest))).await?;
    missing.extend((1..furthest).map(back));
    let older = vec![earliest];
    Ok(Headers { newest, older })
}
