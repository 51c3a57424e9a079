//! The outside world as the engine sees it. The clients implement these traits over HTTP and SSH;
//! tests implement them in memory.
//!
//! A listing is either complete or an error: "unknown" is never an empty list (law 3).

use std::net::SocketAddr;

use async_trait::async_trait;
use futures_util::stream::{BoxStream, StreamExt};
use tokio::sync::mpsc;

use crate::domain::{
    Account, ApiRelease, BlockHeader, Blocks, CallError, CallbackAddress, DescriptorUsage,
    Duration, EpochIndex, EpochView, Governance, GovernanceModel, Height, Instance, InstanceId,
    MlNodeStatus, NodeConfig, NodeId, Offer, OfferQuery, Participant, ProxyFigures, RegisteredNode,
    RentOrder, RentalCharge, RequestedPrice, RewardRules, SetupReport, SourceReport, SshEndpoint,
    StartStep, Time, Weight, WorkloadModel, excerpt,
};

/// Time, so that a simulated world can run faster than ours. HTTP and SSH time-outs are real time;
/// everything that is *decided* uses this clock.
#[async_trait]
pub trait Clock: Send + Sync {
    /// Now, in UTC. It can be set at any time.
    fn now(&self) -> Time;
    /// Since some fixed moment, whatever the clock is set to. Counts while the machine sleeps.
    fn elapsed(&self) -> Duration;
    /// Names the run of the machine over which it counts; `None` if it ends with the program.
    fn boot_id(&self) -> Option<String>;
    /// Sleeps for `duration` of this clock's time; returns immediately for a negative one.
    async fn sleep(&self, duration: Duration);
}

/// The file descriptors of this process: without one nothing can be called, connected or opened.
pub trait Descriptors: Send + Sync {
    /// `None` where the system does not say.
    fn usage(&self) -> Option<DescriptorUsage>;
}

/// The chain, by its public API and RPC.
#[async_trait]
pub trait Chain: Send + Sync {
    /// Blocks as sources announce them. Empty where none does.
    fn announced(&self) -> BoxStream<'static, SourceReport> {
        futures_util::stream::empty().boxed()
    }

    /// Queries sources for the chain's head: one report each, failures included.
    async fn query_sources(&self, sources: SourceSelection) -> Vec<SourceReport>;
    /// `GET /v1/epochs/latest` from the first source that answers.
    async fn epoch(&self) -> Result<EpochView, CallError>;
    /// The blocks that the chain's RPC has.
    async fn stored_blocks(&self) -> Result<StoredBlocks, CallError>;
    /// Header of a block that the RPC has.
    async fn header(&self, height: Height) -> Result<BlockHeader, CallError>;
    /// Weight of a participant and of one of its nodes in the epoch that is running now, together
    /// with that epoch's index. `None` when the participant is not among the active ones.
    async fn weight(
        &self,
        participant: &Participant,
        node: &NodeId,
    ) -> Result<WeightReading, CallError>;
    /// What confirmation `PoC`s left of a participant's weight in an epoch; `None` when no source for
    /// it is configured or the participant has no part in the epoch.
    async fn confirmed_weight(
        &self,
        participant: &Participant,
        epoch: EpochIndex,
    ) -> Result<Option<ConfirmedWeight>, CallError>;
    /// What governance has decided; `None` when no source for it is configured.
    async fn governance(&self) -> Result<Option<Governance>, CallError>;
    /// Governance's catalogue: the models that it approves, with their arguments.
    async fn approved_models(&self) -> Result<Vec<GovernanceModel>, CallError>;
    /// Whether the participant is registered on the chain at all.
    async fn is_participant(&self, participant: &Participant) -> Result<bool, CallError>;
    /// The rules that decide its reward, and what the chain knows of it; not older than some minutes.
    async fn reward_rules(&self, participant: &Participant, now: Time) -> RewardRules;
}

/// Which sources to query for the chain's head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SourceSelection {
    /// The public API that answered last, and others only when it does not.
    Preferred,
    /// Every configured public API and RPC.
    All,
}

/// The blocks that an RPC has: a pruned or state-synced node lacks the older ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoredBlocks {
    /// Absent if it does not say.
    pub earliest: Option<Height>,
    pub latest: BlockHeader,
}

impl StoredBlocks {
    /// The first block has the time of the genesis file. A pruning node drops blocks as new ones come,
    /// so the very first may be gone when it is requested.
    const SPARE: Blocks = Blocks(5);

    /// The height so many blocks before the latest, or the earliest that is sure to be there and to
    /// have a block's time.
    pub fn back(&self, blocks: Blocks) -> Height {
        let earliest = self.earliest.unwrap_or(Height(1)) + Self::SPARE;
        (self.latest.height - blocks)
            .max(earliest)
            .min(self.latest.height)
    }
}

/// What `GET /v1/epochs/current/participants` says about us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WeightReading {
    /// The epoch the list is for, if reported.
    pub epoch: Option<EpochIndex>,
    /// The participant's total weight; absent when not listed.
    pub participant: Option<Weight>,
    /// The node's part of it; absent when not listed.
    pub node: Option<Weight>,
}

/// A participant's two weights in an epoch. They are on different scales: the one is no part of the
/// other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConfirmedWeight {
    pub weight: Weight,
    /// The sum over the epoch's `confirmation_weight_scales`, less what confirmation `PoC`s took.
    pub confirmed: Weight,
}

#[async_trait]
pub trait Market: Send + Sync {
    /// Offers that the server matched, not yet re-checked. `now` turns durations into ends.
    async fn search(&self, query: &OfferQuery, now: Time) -> Result<Vec<Offer>, CallError>;
    /// Rents. Never retried: a lost reply is resolved by label.
    async fn rent(&self, order: &RentOrder) -> Result<InstanceId, RentError>;
    /// Every instance of the account, complete.
    async fn instances(&self) -> Result<Vec<Instance>, CallError>;
    /// How far apart two listings begin at least: a long one takes its time.
    fn listing_interval(&self) -> Duration;
    /// One instance; `None` when it does not exist (or is not visible yet).
    async fn instance(&self, id: InstanceId) -> Result<Option<Instance>, CallError>;
    /// Tests the route for a single instance by reading one that does not exist. The error says how the
    /// reply differs from the documented one; [`Market::instance`] uses the list then.
    async fn try_single_read(&self) -> Result<(), CallError>;
    /// Destroys; a missing instance counts as destroyed.
    async fn destroy(&self, id: InstanceId) -> Result<(), CallError>;
    async fn account(&self) -> Result<Account, CallError>;
    /// What the market charged for each rental in this period, complete. Charges appear some time after the
    /// use.
    async fn charges(&self, from: Time, to: Time) -> Result<Vec<RentalCharge>, CallError>;
    /// Higher prices that hosts ask for. Reading them accepts none.
    async fn requested_prices(&self) -> Result<Vec<RequestedPrice>, CallError>;
    /// Makes sure that the account holds this public key (before renting).
    async fn ensure_account_key(&self, public_key: &str) -> Result<(), CallError>;
    /// Attaches a public key to a running instance; idempotent.
    async fn attach_key(&self, id: InstanceId, public_key: &str) -> Result<(), CallError>;
    /// A copy of the last so many lines of a container's log. Takes seconds: the host uploads it.
    async fn container_log(&self, id: InstanceId, lines: u32) -> Result<String, CallError>;
}

/// Why a rent call gave no instance.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RentError {
    /// `no_such_ask`: another was faster, nothing was rented.
    #[error("the offer is gone: {0}")]
    OfferGone(CallError),
    /// Certainly nothing was rented, and no other offer would do better.
    #[error("{0}")]
    Refused(CallError),
    /// Unknown: look for the label.
    #[error("{0}")]
    Unknown(CallError),
}

/// Why a node was not registered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RegisterError {
    /// Governance approves none of its models: a retry would not help.
    #[error("{0}")]
    NoGovernedModel(CallError),
    #[error("{0}")]
    Failed(CallError),
}

impl From<RegisterError> for CallError {
    fn from(error: RegisterError) -> CallError {
        match error {
            RegisterError::NoGovernedModel(error) | RegisterError::Failed(error) => error,
        }
    }
}

/// The operator's Network Node (admin API).
#[async_trait]
pub trait NetworkNode: Send + Sync {
    /// Every registered node, complete.
    async fn nodes(&self) -> Result<Vec<RegisteredNode>, CallError>;
    /// Registers or updates; idempotent. Only the list shows the result.
    async fn register(&self, node: &NodeConfig) -> Result<(), RegisterError>;
    /// Removes. `false` when there was no such node.
    async fn unregister(&self, id: &NodeId) -> Result<bool, CallError>;
    /// Enables for later epochs.
    async fn enable(&self, id: &NodeId) -> Result<(), CallError>;
    /// Disables for later epochs.
    async fn disable(&self, id: &NodeId) -> Result<(), CallError>;
    /// Where it has `MLNode`s send their proofs.
    async fn callback_address(&self) -> Result<CallbackAddress, CallError>;
    /// The release of its API service; `None` when no source for it is configured.
    async fn release(&self) -> Result<Option<ApiRelease>, CallError> {
        Ok(None)
    }
    /// Its report on its own setup. It queries every node for that, which can take half a minute.
    async fn setup_report(&self) -> Result<SetupReport, CallError>;
    /// Asks the `PoC` callback, as it is reached from here, for any answer at all.
    async fn callback_answers(&self) -> Result<(), CallError>;
}

/// The inference proxy, which is a process of its own on this machine.
#[async_trait]
pub trait InferenceProxy: Send + Sync {
    fn address(&self) -> SocketAddr;
    async fn figures(&self) -> Result<ProxyFigures, CallError>;
}

/// The workload of one rental, through its tunnel: the `MLNode`, or another with the same interface.
#[async_trait]
pub trait MlNode: Send + Sync {
    /// State, start-up, files of the model, inference port and GPUs in one reading.
    async fn status(&self, model: &WorkloadModel) -> Result<MlNodeStatus, CallError>;
    /// Takes only the next step to the loaded model: its download, then its load. To be called again until
    /// it is loaded; "already" counts as done.
    async fn start_model(&self, model: &WorkloadModel) -> Result<StartStep, CallError>;
}

#[async_trait]
pub trait Remote: Send + Sync {
    /// Connects and authenticates; the host key is pinned on first use for this rental.
    async fn connect(
        &self,
        instance: InstanceId,
        endpoint: &SshEndpoint,
    ) -> Result<Box<dyn RemoteSession>, LinkError>;
    /// The public half of the key that is used, in OpenSSH form.
    fn public_key(&self) -> &str;
    /// Closes the local ends of a rental's tunnel.
    async fn close_tunnel(&self, instance: InstanceId);
    /// Forgets the pinned host key of a rental that is gone.
    async fn forget_host_key(&self, instance: InstanceId);
}

/// One live SSH session. Ends are clean only through [`RemoteSession::close`].
#[async_trait]
pub trait RemoteSession: Send + Sync {
    /// Runs a command to its end; output is capped at 64 KiB.
    async fn run(&self, command: &str) -> Result<CommandOutput, LinkError>;
    /// Follows a file, which need not exist yet, from a position. If that is not found (the file was
    /// truncated or replaced), it starts at the beginning, as the first chunk shows. The channel closes
    /// when the link is lost, when the session is closed, and when the file was rotated and read to its
    /// end.
    async fn tail(
        &self,
        path: &str,
        from: &LogPosition,
    ) -> Result<mpsc::Receiver<TailChunk>, LinkError>;
    /// Opens the tunnel: local HTTP ends for the container's ports. The ends outlive the session, until
    /// [`Remote::close_tunnel`]; the next session reuses them.
    async fn open_tunnel(&self, spec: &TunnelSpec) -> Result<TunnelEnds, LinkError>;
    /// Opens the callback's reverse forward, for as long as the session lives.
    async fn forward_callback(&self, forward: &CallbackForward) -> Result<(), LinkError>;
    /// Traffic through the rental's tunnel until now.
    fn traffic(&self) -> TunnelTraffic;
    /// Fails as soon as the link is known to be dead.
    async fn check(&self) -> Result<(), LinkError>;
    /// Ends everything on both sides, within a few seconds.
    async fn close(self: Box<Self>);
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandOutput {
    /// Exit status; absent when a signal ended it.
    pub status: Option<i32>,
    /// Standard output, at most 64 KiB.
    pub stdout: Vec<u8>,
    /// Standard error, at most 64 KiB.
    pub stderr: Vec<u8>,
}

impl CommandOutput {
    /// Why it failed, in the rental's words. One that a signal ended, or that says nothing, has a reason too.
    pub fn reason(&self) -> String {
        let text = excerpt(&String::from_utf8_lossy(&self.stderr));
        match self.status {
            _ if !text.is_empty() => text,
            Some(status) => format!("the command exited with {status} and gave no reason"),
            None => "the command was killed".to_owned(),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TailChunk {
    pub file: u64,
    /// Offset of the first byte in the file.
    pub offset: u64,
    pub bytes: Vec<u8>,
}

/// A position in a followed file. It is found again after the file was renamed, and not mistaken for one
/// in another file of the same name. The default is the beginning of any file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LogPosition {
    pub file: u64,
    /// Bytes of it that were read.
    pub offset: u64,
    /// The last of them, at most [`LogPosition::BEFORE`].
    pub before: Vec<u8>,
}

impl LogPosition {
    /// Bytes before a position that identify its file.
    pub const BEFORE: usize = 32;

    /// Advances to the end of `chunk`.
    pub fn advance(&mut self, chunk: &TailChunk) {
        if (chunk.file, chunk.offset) != (self.file, self.offset) {
            self.before.clear();
        }
        let last = chunk.bytes.len().saturating_sub(Self::BEFORE);
        self.before.extend_from_slice(&chunk.bytes[last..]);
        let excess = self.before.len().saturating_sub(Self::BEFORE);
        self.before.drain(..excess);
        self.file = chunk.file;
        self.offset = chunk.offset + chunk.bytes.len() as u64;
    }
}

/// The tunnel that a rental needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TunnelSpec {
    /// Where the container's 8080 (management and `PoC`) appears here.
    pub api_listen: SocketAddr,
    /// Where the container's 5000 (inference) appears here.
    pub inference_listen: SocketAddr,
    /// Port of the API in the container.
    pub api_port: u16,
    /// Port of inference in the container.
    pub inference_port: u16,
}

impl TunnelSpec {
    /// The same, with local ports that the system chooses: for a tunnel beside the configured one.
    #[must_use]
    pub(super) fn with_free_ports(&self) -> TunnelSpec {
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        TunnelSpec {
            api_listen: any,
            inference_listen: any,
            ..self.clone()
        }
    }

    pub(super) fn matches(&self, ends: TunnelEnds) -> bool {
        let is_there =
            |wanted: SocketAddr, end: SocketAddr| wanted.port() == 0 || wanted.port() == end.port();
        is_there(self.api_listen, ends.api) && is_there(self.inference_listen, ends.inference)
    }
}

/// A remote forward for the `PoC` callback: the rental listens on its loopback, we connect to the target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallbackForward {
    pub remote_port: u16,
    /// `host:port` that the Network Node's callback listens on, as reached from here.
    pub target: String,
}

/// Where an open tunnel listens (a port 0 in the spec is resolved).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TunnelEnds {
    pub api: SocketAddr,
    pub inference: SocketAddr,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TunnelTraffic {
    /// Bytes of bodies to the rental.
    pub sent: u64,
    /// Bytes of bodies from the rental.
    pub received: u64,
    /// From a request to the first byte of its reply: the fastest of the last ones.
    pub round_trip: Option<std::time::Duration>,
}

/// Why there is no SSH link.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LinkError {
    /// The connection is refused or times out.
    #[error("no connection to {endpoint}: {detail}")]
    Unreachable { endpoint: String, detail: String },
    /// The key is not accepted (yet: propagation takes up to two minutes).
    #[error("{endpoint} does not accept the SSH key: {detail}")]
    Denied { endpoint: String, detail: String },
    /// The host key is not the pinned one: perhaps a man in the middle.
    #[error("the host key of {endpoint} changed during this rental: {detail}")]
    HostKeyChanged { endpoint: String, detail: String },
    #[error("the SSH link was lost: {0}")]
    Lost(String),
    /// The rental's SSH server refuses what the session asks of it.
    #[error("the rental refuses {0}")]
    Refused(String),
    /// This machine has no file descriptors left for now.
    #[error("this machine has no file descriptors left: {0}")]
    Exhausted(String),
    /// A local port of the tunnel cannot be listened on.
    #[error("cannot listen on {address}: {detail}")]
    Listen { address: String, detail: String },
    /// Something on this machine is missing: `ssh`, the key file.
    #[error("{0}")]
    Local(String),
}
