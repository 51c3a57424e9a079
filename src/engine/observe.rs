//! What the engine's tasks report, and the pollers that look at the outside world by themselves.

use std::sync::Arc;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::drill::{Part, drill};
use super::ports::{LinkError, TailChunk, TunnelEnds};
use super::snapshot::TunnelRate;
use super::supervise::outlive;
use super::{Absence, Ports};
use crate::domain::{
    Account, BlockHeader, Blocks, CallError, Duration, EpochView, Instance, InstanceId,
    MlNodeStatus, Offer, RegisteredNode, SshEndpoint,
};
use crate::flow::{Effect, Event};
use crate::journal::Record;

/// What a task has to say.
#[derive(Debug)]
pub(super) enum Observation {
    Chain(Result<EpochView, CallError>),
    Headers {
        earlier: BlockHeader,
        latest: BlockHeader,
    },
    Nodes(Result<Vec<RegisteredNode>, CallError>),
    Listing(Result<Vec<Instance>, CallError>),
    Account(Result<Account, CallError>),
    Instance(InstanceId, Result<Option<Instance>, CallError>),
    Link(InstanceId, LinkChange),
    Log(InstanceId, TailChunk),
    MlNode(InstanceId, Result<MlNodeStatus, CallError>),
    Searched {
        effect: Effect,
        offers: Result<Vec<Offer>, CallError>,
        account: Result<Account, CallError>,
    },
    /// An effect ended: what to journal, then what the sprint learns.
    Done {
        key: &'static str,
        records: Vec<Record>,
        events: Vec<Event>,
    },
    /// The same, with a complete list of nodes read right after it.
    Relisted {
        key: &'static str,
        events: Vec<Event>,
        nodes: Result<Vec<RegisteredNode>, CallError>,
    },
    /// A rental is proven gone.
    Gone {
        key: &'static str,
        instance: InstanceId,
        absence: Absence,
    },
    /// What is left after the sprint, by complete listings.
    Leftovers {
        instances: Result<Vec<Instance>, CallError>,
        nodes: Result<Vec<RegisteredNode>, CallError>,
    },
}

/// What became of the SSH link.
#[derive(Debug)]
pub(super) enum LinkChange {
    Failed(LinkError),
    Connected(SshEndpoint),
    Tunnel(TunnelEnds),
    Carries(TunnelRate),
    Lost(LinkError),
}

/// Blocks between the two headers that measure block time.
const MEASURED_BLOCKS: Blocks = Blocks(3_000);
const MEASURE_EVERY: Duration = Duration::minutes(30);
const MEASURE_AGAIN_AFTER_FAILURE: Duration = Duration::seconds(30);
const NODES_EVERY: Duration = Duration::seconds(30);
const LISTING_EVERY: Duration = Duration::seconds(30);
const ACCOUNT_EVERY: Duration = Duration::minutes(2);

/// Starts the pollers that run as long as the engine does.
pub(super) fn start_pollers(
    ports: &Arc<Ports>,
    chain_every: Duration,
    reports: &mpsc::Sender<Observation>,
    stop: &CancellationToken,
) {
    let chain = ports.clone();
    every(ports, chain_every, reports, stop, move || {
        let ports = chain.clone();
        async move { Some(Observation::Chain(ports.chain.epoch().await)) }
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
    look: F,
) where
    F: Fn() -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Option<Observation>> + Send + 'static,
{
    let (clock, reports, stop) = (ports.clock.clone(), reports.clone(), stop.clone());
    tokio::spawn(async move {
        let work = outlive("a poller", clock.as_ref(), || async {
            loop {
                drill(Part::Poller);
                if let Some(seen) = look().await
                    && reports.send(seen).await.is_err()
                {
                    return;
                }
                clock.sleep(interval).await;
            }
        });
        stop.run_until_cancelled(work).await;
    });
}

/// Two headers thousands of blocks apart give the block time at once, without a warm-up.
async fn measure_block_time(
    ports: Arc<Ports>,
    reports: mpsc::Sender<Observation>,
    stop: CancellationToken,
) {
    let work = outlive("measuring block time", ports.clock.as_ref(), || async {
        loop {
            let measured = two_headers(&ports).await;
            let pause = if measured.is_ok() {
                MEASURE_EVERY
            } else {
                MEASURE_AGAIN_AFTER_FAILURE
            };
            match measured {
                Ok(seen) => {
                    if reports.send(seen).await.is_err() {
                        return;
                    }
                }
                Err(error) => tracing::warn!("block time is not measured: {error}"),
            }
            ports.clock.sleep(pause).await;
        }
    });
    stop.run_until_cancelled(work).await;
}

async fn two_headers(ports: &Ports) -> Result<Observation, CallError> {
    let latest = ports.chain.header(None).await?;
    let earlier = ports
        .chain
        .header(Some(latest.height - MEASURED_BLOCKS))
        .await?;
    Ok(Observation::Headers { earlier, latest })
}
