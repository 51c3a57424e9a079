//! Reports of tasks and pollers to the engine.

use crate::domain::{
    Account, AccountName, ApiRelease, BlockHeader, CallError, CallbackProof, DescriptorUsage,
    Governance, Instance, InstanceId, MlNodeStatus, NetworkNodeName, PoolName, ProxyFigures,
    RegisteredNode, ReleaseAction, ReplicaId, RequestedPrice, RunRecord, SourceReport, SshEndpoint,
    StartStep, WatchdogCheck,
};
use crate::engine::effects::preflight::Examined;
use crate::engine::effects::release_log::ReleaseReply;
use crate::engine::effects::task_key::TaskKey;
use crate::engine::observe::charges::ChargesRead;
use crate::engine::observe::search::Found;
use crate::engine::reconcile::absence::Absence;
use crate::engine::snapshot::TunnelRate;
use crate::flow::{EffectKey, Event};
use crate::journal::Record;
use crate::ports::{ConfirmedWeight, LinkError, TailChunk, TunnelEnds};

#[derive(Debug)]
pub(crate) enum Observation {
    Chain(Vec<SourceReport>),
    /// A block that a source announced.
    Announced(SourceReport),
    Headers(Headers),
    Governance(Result<Option<Governance>, CallError>),
    Nodes(NetworkNodeName, Result<Vec<RegisteredNode>, CallError>),
    NodeRelease(NetworkNodeName, Result<Option<ApiRelease>, CallError>),
    Listing(AccountName, Result<Vec<Instance>, CallError>),
    Account(AccountName, Result<Account, CallError>),
    /// Higher prices that hosts ask for.
    RequestedPrices(AccountName, Result<Vec<RequestedPrice>, CallError>),
    Charges(AccountName, ChargesRead),
    Proxy(Result<ProxyFigures, CallError>),
    Descriptors(Option<DescriptorUsage>),
    Instance(InstanceId, Result<Option<Instance>, CallError>),
    Link(InstanceId, LinkEvent),
    Log(InstanceId, TailChunk),
    /// The market's copy of the last lines of the container's log.
    ContainerLog(InstanceId, Result<String, CallError>),
    MlNode(InstanceId, Result<MlNodeStatus, CallError>),
    /// The onstart script's record of the workload's runs, when it changed.
    Runs(InstanceId, RunRecord),
    /// An effect of a replica's sprint.
    Replica(ReplicaId, ReplicaReport),
    /// A task of no replica.
    Task(TaskReport),
}

/// What the effects of a sprint report.
#[derive(Debug)]
pub(crate) enum ReplicaReport {
    /// An effect ended: what to record, then what the sprint learns, then the nodes as listed
    /// right after it.
    Done {
        key: EffectKey,
        records: Vec<Record>,
        events: Vec<Event>,
        nodes: Option<Result<Vec<RegisteredNode>, CallError>>,
    },
    /// A node answered the call that starts its model, or did not.
    ModelStart {
        key: EffectKey,
        instance: InstanceId,
        result: Result<StartStep, CallError>,
    },
    /// What came back from a call of the sprint's release.
    Release {
        action: ReleaseAction,
        reply: ReleaseReply,
    },
    /// A rental is proven gone.
    Gone {
        key: EffectKey,
        instance: InstanceId,
        absence: Absence,
    },
    /// Complete listings after the sprint.
    Leftovers {
        instances: Result<Vec<Instance>, CallError>,
        nodes: Result<Vec<RegisteredNode>, CallError>,
        /// Unless they were read a moment ago.
        charges: Option<ChargesRead>,
    },
}

/// What tasks of no replica report.
#[derive(Debug)]
pub(crate) enum TaskReport {
    /// The offers for a pool.
    Searched { pool: PoolName, found: Found },
    /// What a rental's usefulness depends on was read.
    Examined(Box<Examined>),
    /// The operator's change of a node ended.
    NodeChanged {
        network_node: NetworkNodeName,
        error: Option<String>,
        nodes: Result<Vec<RegisteredNode>, CallError>,
    },
    /// A registration that no sprint uses was to be removed.
    NodeCleanedUp {
        network_node: NetworkNodeName,
        nodes: Result<Vec<RegisteredNode>, CallError>,
    },
    /// A rental that no sprint uses was to be destroyed: the proof that it is gone, if there is one.
    RentalCleanedUp {
        account: AccountName,
        instance: InstanceId,
        proof: Option<Absence>,
    },
    /// The confirmation weight of a Network Node's participant; `None` if there is nothing to read.
    ConfirmationWeight(NetworkNodeName, Result<Option<ConfirmedWeight>, CallError>),
    /// A task panicked.
    Broken(TaskKey),
}

impl ReplicaReport {
    pub(crate) fn done(key: EffectKey, event: Option<Event>) -> ReplicaReport {
        ReplicaReport::Done {
            key,
            records: Vec::new(),
            events: event.into_iter().collect(),
            nodes: None,
        }
    }

    pub(crate) fn relisted(
        key: EffectKey,
        event: Option<Event>,
        nodes: Result<Vec<RegisteredNode>, CallError>,
    ) -> ReplicaReport {
        ReplicaReport::Done {
            key,
            records: Vec::new(),
            events: event.into_iter().collect(),
            nodes: Some(nodes),
        }
    }
}

impl TaskReport {
    pub(crate) fn key(&self) -> TaskKey {
        match self {
            TaskReport::Searched { pool, .. } => TaskKey::Search(pool.clone()),
            TaskReport::Examined(examined) => TaskKey::Preflight(examined.network_node.clone()),
            TaskReport::NodeChanged { .. } => TaskKey::ChangeNode,
            TaskReport::NodeCleanedUp { .. } => TaskKey::CleanUpNode,
            TaskReport::RentalCleanedUp { .. } => TaskKey::CleanUpRental,
            TaskReport::ConfirmationWeight(network_node, _) => {
                TaskKey::Confirmation(network_node.clone())
            }
            TaskReport::Broken(key) => key.clone(),
        }
    }
}

#[derive(Debug)]
pub(crate) struct Headers {
    pub newest: Option<BlockHeader>,
    pub older: Vec<BlockHeader>,
}

#[derive(Debug)]
pub(crate) enum LinkEvent {
    /// No address of the rental gave a session: the weightiest reason.
    Failed(LinkError),
    Connected(SshEndpoint),
    Tunnel(TunnelEnds),
    Throughput(TunnelRate),
    Callback(CallbackProof),
    Watchdog(WatchdogCheck),
    Lost(LinkError),
}
