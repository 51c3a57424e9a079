//! What the engine shows and takes: the whole contract with the cockpit. Everything is serde: a
//! viewer follows a running engine over a socket.

use std::net::SocketAddr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::domain::{
    Aim, AvoidedMachine, Blocks, BootFault, BootStage, BootTally, BootTimes, ChainPhase, CockpitId,
    ConfirmationEvent, Duration, EpochIndex, EpochParams, EpochStages, GateKind, GpuDevice, Height,
    InstanceId, Lead, LogLine, MachineId, Milestone, Mode, NodeId, Offer, OfferId, Outcome,
    Preflight, ProxyFigures, RankedOffer, RegisteredNode, ReleasePolicy, RentalLabel, ServiceState,
    SourceStatus, SprintReport, SshEndpoint, Step, StepSpan, Time, Usd, UsdPerHour,
};
use crate::engine::alerts::alert::Alert;
use crate::ports::TunnelTraffic;

/// What an operator can ask for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Command {
    /// Approve every step by hand, or none.
    SetMode(Mode),
    /// Pass the start gate of a waiting sprint, or begin a new sprint after one is done.
    Start,
    RefreshOffers,
    /// Rent this offer at this worst-case cost. Refused when either has changed.
    Rent {
        offer: OfferId,
        /// The worst case that was shown and agreed to.
        agreed: Usd,
    },
    /// Pass a gate other than `Rent`.
    Approve(GateKind),
    /// Change a registered node by hand, whosever it is.
    ChangeNode {
        node: NodeId,
        change: NodeChange,
    },
    /// Leave this machine out for as long as one that failed.
    AvoidMachine(MachineId),
    /// No longer leave this machine out.
    AllowMachine(MachineId),
    /// End the sprint and release everything.
    Abort,
    /// Stop the engine. `Release` first takes everything down; `Detach` leaves the rental to the
    /// journal, its lease and the next start.
    Quit(QuitChoice),
}

/// What an operator can do to a registered node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NodeChange {
    /// It takes part from the next epoch on.
    Enable,
    /// It takes no part from the next epoch on.
    Disable,
    Remove,
}

/// What becomes of a live rental when the cockpit is quit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QuitChoice {
    Release,
    /// End now; the rental lives until its lease is over, and is found again by the next start.
    Detach,
}

/// Everything there is to see, at one moment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    /// When it was taken, by the engine's clock.
    pub at: Time,
    /// Real services or the simulated world.
    pub world: WorldKind,
    pub cockpit: CockpitId,
    pub mode: Mode,
    pub chain: ChainSnapshot,
    pub sprint: SprintSnapshot,
    pub offers: OffersSnapshot,
    /// What we pay for, if anything.
    pub rental: Option<RentalSnapshot>,
    /// What we pay for beside it: a hedge, or the loser of a race.
    #[serde(default)]
    pub beside: Option<RentalSnapshot>,
    pub nodes: NodesSnapshot,
    /// The inference proxy, if there is one.
    #[serde(default)]
    pub proxy: Option<ProxySnapshot>,
    pub money: MoneySnapshot,
    /// Past sprints, oldest first.
    #[serde(default)]
    pub history: Arc<Vec<PastSprintRow>>,
    /// What is wrong, worst first.
    pub alerts: Vec<Alert>,
    pub boot_log: BootLog,
    /// When all rentals of the account were last listed, whole.
    #[serde(default)]
    pub rentals_read_at: Option<Time>,
    /// Boots that came to their end in this run of the program.
    #[serde(default)]
    pub boots: BootTally,
    /// Notices that reached nobody, counted by channel.
    #[serde(default)]
    pub notices_lost: u64,
    /// The engine's end: set once it has stopped.
    pub ended: bool,
}

/// When what matters was last read, whole and valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LastReads {
    pub chain: Option<Time>,
    pub rentals: Option<Time>,
}

impl Snapshot {
    /// When chain and rentals were last read.
    pub fn last_reads(&self) -> LastReads {
        LastReads {
            chain: self.chain.reading.as_ref().map(|reading| reading.at),
            rentals: self.rentals_read_at,
        }
    }
}

/// Which world the engine works on.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WorldKind {
    /// Money is real.
    Real,
    /// Simulated; time runs this much faster.
    Simulated {
        /// World seconds per second.
        speed: f64,
    },
}

/// The chain's part of a snapshot.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default)]
pub struct ChainSnapshot {
    /// The last reading, however old.
    pub reading: Option<ChainReading>,
    /// Why the last attempt failed; absent when it did not.
    pub trouble: Option<String>,
    /// No new block for a while, although sources answer.
    pub stalled_since: Option<Time>,
    /// The upgrade that governance has decided on.
    #[serde(default)]
    pub upgrade: Option<UpgradeEstimate>,
    /// Every source, in the order in which they were met.
    #[serde(default)]
    pub sources: Vec<SourceStatus>,
}

/// A reading of the chain with what follows from it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ChainReading {
    pub at: Time,
    pub height: Height,
    pub epoch: EpochIndex,
    pub phase: ChainPhase,
    /// Stages of the latest epoch.
    pub current: EpochStages,
    pub next: EpochStages,
    pub params: EpochParams,
    /// Confirmation `PoC` under way.
    pub confirmation: Option<ConfirmationEvent>,
    /// When its phases begin and when it is over.
    #[serde(default)]
    pub confirmation_times: Option<ConfirmationEstimate>,
    /// Mean block time, once measured.
    pub block_time: Option<Duration>,
    /// Every stage of this epoch and the next that is still to come, in order.
    #[serde(default)]
    pub stages: Vec<StageEstimate>,
    /// The `PoC` that the countdown is for.
    pub poc_start: HeightEstimate,
    /// Last height at which a registration still counts for it.
    pub registration_deadline: HeightEstimate,
}

/// When the phases of a confirmation `PoC` begin.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ConfirmationEstimate {
    /// Generation: the grace period is over.
    pub generation: HeightEstimate,
    pub validation: HeightEstimate,
    /// The end: a node that was there until then has passed it.
    pub end: HeightEstimate,
}

/// An upgrade that is planned, and when it is expected.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UpgradeEstimate {
    pub name: String,
    /// Where the chain halts for it.
    pub at: HeightEstimate,
}

/// A height and when it is expected, with the band p10 to p90.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct HeightEstimate {
    pub height: Height,
    /// Blocks until then, at the reading; 0 when passed.
    pub blocks_left: Blocks,
    /// Expected time; absent until block time is measured.
    pub expected: Option<TimeBand>,
}

/// A stage of an epoch, and when it begins.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct StageEstimate {
    pub epoch: EpochIndex,
    pub milestone: Milestone,
    pub at: HeightEstimate,
}

/// An expected time with its error band.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimeBand {
    /// One in ten is earlier.
    pub p10: Time,
    pub p50: Time,
    /// One in ten is later.
    pub p90: Time,
}

/// The sprint's part of a snapshot.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SprintSnapshot {
    /// The epoch whose `PoC` this sprint is for, once the chain was read.
    pub epoch: Option<EpochIndex>,
    #[serde(default)]
    pub aim: Aim,
    pub step: Step,
    /// One sentence: what it does or waits for right now.
    pub doing: String,
    /// Steps so far, in order.
    pub spans: Vec<StepSpan>,
    /// The gate that waits for the operator, if any.
    pub gate: Option<GateSnapshot>,
    /// Whether a rental could do its work, once found out.
    pub preflight: Option<Preflight>,
    /// When it means to rent, once known.
    pub rent_at: Option<Time>,
    /// How long before the `PoC` the next sprint rents, and why.
    pub lead: Lead,
    /// Why it is being released, when that is not the plan.
    pub cause: Option<String>,
    /// When the rental will be given back, by policy.
    pub release_at: Option<TimeBand>,
    pub release_policy: ReleasePolicy,
    /// Set when it is over.
    pub outcome: Option<Outcome>,
    /// Rent calls made in this sprint.
    pub attempts: u32,
    /// Abort can be asked for now.
    pub can_abort: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GateSnapshot {
    pub kind: GateKind,
    /// What approving does, in a sentence.
    pub question: String,
    /// Since when it waits.
    pub since: Time,
    /// When waiting longer makes it moot.
    pub until: Option<Time>,
}

/// The market's part of a snapshot.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OffersSnapshot {
    pub state: SearchState,
    /// Usable offers, best first.
    pub rows: Arc<Vec<RankedOffer>>,
    /// Offers that the server returned and that are out, with the reason.
    pub rejected: Arc<Vec<RejectedOffer>>,
    /// Machines that are left out for a time, with the evidence.
    pub avoided: Vec<AvoidedMachine>,
    pub read_at: Option<Time>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SearchState {
    Idle,
    Searching,
    /// Rows are from the last search.
    Ready,
    /// The last search failed; rows, if any, are older.
    Failed(String),
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RejectedOffer {
    pub offer: Offer,
    pub reason: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RentalSnapshot {
    pub id: InstanceId,
    pub label: RentalLabel,
    /// GPUs: `4x H100 SXM`.
    pub gpus: String,
    pub location: Option<String>,
    /// Status by the market's word, with its message.
    pub status: String,
    pub rented_at: Time,
    /// Price of an hour, disk included.
    pub price: UsdPerHour,
    /// Cost so far.
    pub cost: Usd,
    /// When the watchdog on it would end it.
    pub lease_until: Time,
    pub ssh: Option<SshEndpoint>,
    pub link: LinkSnapshot,
    pub boot: BootSnapshot,
    /// GPUs as the container sees them.
    pub devices: Vec<GpuDevice>,
    /// The service in it, once it answers.
    pub service: Option<ServiceState>,
    /// Destroying it was asked for; it still exists until proven otherwise.
    pub releasing: bool,
}

/// State of the SSH link and tunnel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LinkSnapshot {
    None,
    /// Being connected; the last failure if there was one.
    Connecting {
        /// Attempts so far.
        attempts: u32,
        last_error: Option<String>,
    },
    /// Connected; `tunnel` once a request went through it.
    Up {
        /// Since when.
        since: Time,
        tunnel: bool,
        /// How much it carries, and how fast.
        #[serde(default)]
        rate: TunnelRate,
    },
}

/// What a tunnel carries, over the last seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct TunnelRate {
    /// Bytes of requests' bodies per second.
    pub sent_per_second: u64,
    /// Bytes of answers' bodies per second.
    pub received_per_second: u64,
    /// Milliseconds from a request to its answer: the quickest of the last ones. Absent before any.
    pub round_trip_ms: Option<u64>,
}

impl TunnelRate {
    /// What the difference of two readings, `elapsed` apart, means.
    pub(super) fn between(
        before: TunnelTraffic,
        after: TunnelTraffic,
        elapsed: std::time::Duration,
    ) -> TunnelRate {
        let per_second = |before: u64, after: u64| {
            let bytes = u128::from(after.saturating_sub(before));
            let rate = bytes * 1_000 / elapsed.as_millis().max(1);
            u64::try_from(rate).unwrap_or(u64::MAX)
        };
        TunnelRate {
            sent_per_second: per_second(before.sent, after.sent),
            received_per_second: per_second(before.received, after.received),
            round_trip_ms: after
                .round_trip
                .map(|time| u64::try_from(time.as_millis()).unwrap_or(u64::MAX)),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BootSnapshot {
    pub stage: BootStage,
    /// Of the stage, 0 to 1, when it can be told.
    pub progress: Option<f64>,
    pub detail: String,
    pub started: Vec<(BootStage, Time)>,
    /// One boot in ten has ended by then.
    #[serde(default)]
    pub ready_from: Option<Time>,
    /// Expected end.
    pub ready_at: Option<Time>,
    /// Nine boots in ten have ended by then.
    pub ready_by: Option<Time>,
    /// Why it will not succeed.
    pub fault: Option<BootFault>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct NodesSnapshot {
    /// The last complete list, however old.
    pub rows: Vec<NodeRow>,
    pub read_at: Option<Time>,
    pub trouble: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProxySnapshot {
    /// Where it is reached from here.
    pub address: SocketAddr,
    /// Its last figures, however old.
    pub figures: Option<ProxyFigures>,
    /// Requests a minute lately.
    pub per_minute: Option<f64>,
    /// Since when it does not answer.
    pub silent_since: Option<Time>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeRow {
    pub node: RegisteredNode,
    pub owner: NodeOwner,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NodeOwner {
    Sprint,
    /// Of a rental of ours that is gone or going: it is being removed.
    Leftover,
    Proxy,
    /// Somebody else's: never touched but by the operator's own command.
    Other,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PastSprintRow {
    pub at: Time,
    pub report: SprintReport,
    /// Its boots that were watched from beginning to end.
    pub boots: Vec<BootTimes>,
    /// What confirmation `PoC`s left of the weight, 0 to 1; absent without any.
    pub confirmation_ratio: Option<f64>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct MoneySnapshot {
    pub per_hour: UsdPerHour,
    pub sprint: Usd,
    /// What is reserved for what runs.
    pub reserved: Usd,
    /// Each cap with what is used of it.
    pub caps: Vec<CapSnapshot>,
    /// Most that everything rented at the same time may cost.
    pub hour_limit: UsdPerHour,
    /// What everything that may be rented costs now.
    pub hour_used: UsdPerHour,
    /// The account's credit, once read.
    pub credit: Option<Usd>,
    /// Credit that must be left on the account.
    pub credit_floor: Usd,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CapSnapshot {
    /// `sprint`, `day`, `month`.
    pub name: String,
    pub limit: Usd,
    /// Spent and reserved in its period.
    pub used: Usd,
}

/// The last lines of a rental's log, cheap to clone: full chunks are shared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct BootLog {
    chunks: Vec<Arc<Vec<LogLine>>>,
    first: u64,
    len: usize,
    /// Memory of the lines that are kept, roughly.
    bytes: usize,
    /// A line that is still being rewritten by carriage returns: a progress bar.
    pub live: Option<LogLine>,
}

impl BootLog {
    const CHUNK: usize = 256;
    /// Lines that are kept; older ones are in the rental's log file.
    pub const CAPACITY: usize = 100_000;
    /// Bytes that are kept: lines can be long.
    const BYTES: usize = 64 << 20;

    /// A log without lines whose first one will have this sequence number.
    pub(super) fn beginning_at(first: u64) -> BootLog {
        BootLog {
            first,
            ..BootLog::default()
        }
    }

    /// Adds a line; the oldest chunks go when there is too much.
    pub fn push(&mut self, line: LogLine) {
        self.bytes += line.bytes();
        match self.chunks.last_mut() {
            Some(last) if last.len() < Self::CHUNK => Arc::make_mut(last).push(line),
            _ => self.chunks.push(Arc::new(vec![line])),
        }
        self.len += 1;
        while self.len > Self::CAPACITY || self.bytes > Self::BYTES && self.chunks.len() > 1 {
            let oldest = self.chunks.remove(0);
            self.first += oldest.len() as u64;
            self.len -= oldest.len();
            self.bytes -= oldest.iter().map(LogLine::bytes).sum::<usize>();
        }
    }

    /// Number of lines that are kept.
    pub fn len(&self) -> usize {
        self.len
    }

    /// True when there is no line.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Sequence number of the oldest line that is kept; the first line ever is 0.
    pub fn first_seq(&self) -> u64 {
        self.first
    }

    /// Sequence number that the next line will get.
    pub fn end_seq(&self) -> u64 {
        self.first + self.len as u64
    }

    /// The line with this sequence number, if it is kept. Constant time.
    pub fn line(&self, seq: u64) -> Option<&LogLine> {
        let index = usize::try_from(seq.checked_sub(self.first)?).ok()?;
        self.chunks
            .get(index / Self::CHUNK)?
            .get(index % Self::CHUNK)
    }
}

impl RentalSnapshot {
    /// True when the node's own answer says that its model is served.
    pub fn is_ready(&self) -> bool {
        self.boot.stage == BootStage::Ready
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_the_difference_of_two_readings_by_time() {
        let reading = |sent, received| TunnelTraffic {
            sent,
            received,
            round_trip: Some(std::time::Duration::from_micros(23_900)),
        };
        let rate = TunnelRate::between(
            reading(1_000, 500),
            reading(4_000, 500),
            std::time::Duration::from_millis(1_500),
        );
        let expected = TunnelRate {
            sent_per_second: 2_000,
            received_per_second: 0,
            round_trip_ms: Some(23),
        };
        assert_eq!(rate, expected);
    }

    #[test]
    fn a_flood_of_long_lines_stays_within_its_memory_and_the_newest_are_there() {
        let mut log = BootLog::default();
        for number in 0..40_000 {
            let text = format!("{number} {}", "x".repeat(4_000));
            log.push(LogLine::plain(Time::UNIX_EPOCH, text));
        }
        let kept = (log.first_seq()..log.end_seq()).filter_map(|seq| log.line(seq));
        let bytes: usize = kept.map(LogLine::bytes).sum();
        assert!(bytes <= BootLog::BYTES, "{bytes}");
        assert!(log.len() > 10_000, "{}", log.len());
        assert!(log.line(39_999).unwrap().text().starts_with("39999 "));
    }
}
