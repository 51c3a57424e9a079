//! Plain types that every room shares: heights, money, ids, offers, rentals, registrations, steps of a
//! sprint. No I/O, no clock, no randomness, no other module of the crate.

mod api_release;
mod boots;
mod call;
mod callback;
mod chain;
mod clock_origin;
mod descriptors;
mod digits;
mod fleet;
mod foreign_text;
pub mod format;
mod governance_model;
mod gpu;
mod heights;
mod ids;
mod images;
mod inference;
mod known_models;
mod log;
mod log_level;
mod market;
mod money;
mod node;
mod poc_activity;
mod preflight;
mod ranking;
mod release_step;
mod reward;
#[cfg(test)]
pub(crate) mod samples;
mod sprint;
mod text;
mod told_time;
mod watchdog;
mod workload;

pub use api_release::ApiRelease;
pub use boots::{
    BootEnd, BootTally, BootTime, DownloadLeft, Lead, LeadBasis, LeadBound, OwnBoots, PastBoot,
    PoolBoots, StageTimes, TimeLeft,
};
pub use call::{CallError, CallErrorKind};
pub use callback::{
    CallbackAddress, CallbackHost, CallbackProof, InvalidCallback, is_host, is_private_url,
    is_public_address,
};
pub use chain::{
    BlockHeader, ChainPhase, ChainSource, Challenge, ChallengeRule, ConfirmationEvent,
    ConfirmationParams, ConfirmationPhase, ConfirmationStages, EpochParams, EpochStages, EpochView,
    Governance, Milestone, ParamsOrigin, ReportedHead, SourceHealth, SourceKind, SourceReport,
    SourceStatus, SyncState, TimeBand, UpgradePlan,
};
pub use clock_origin::ClockOrigin;
pub use descriptors::{DescriptorShortage, DescriptorUsage};
pub use fleet::{AccountName, NetworkNodeName, PoolName, ReplicaId, Slot};
pub use foreign_text::{ForeignText, is_harmless};
pub use governance_model::GovernanceModel;
pub use gpu::{GpuFamily, is_same_gpu};
pub use heights::{Blocks, EpochIndex, Height};
pub use ids::{
    CockpitId, HostId, InstanceId, InvalidId, MachineId, NodeId, OfferId, Participant, RentalLabel,
    is_name,
};
pub use images::{ImageNeeds, image_needs, is_hanging_driver};
pub use inference::{ProxyFigures, Serving, UpstreamFigures, UpstreamHealth};
pub use known_models::{Earning, GpuProfile, KnownModel, known_model};
pub use log::{LineStyle, LogLine, PROXY_REQUESTS, Span, TerminalColor};
pub use log_level::LogLevel;
pub use market::{
    Account, ActualStatus, ClosedOffer, Instance, Offer, OfferQuery, PortMapping, RentOrder,
    RequestedPrice, SshEndpoint, Verification,
};
pub use money::{RentalCharge, RentalPrices, Spent, Usd, UsdPerHour};
pub use node::{
    Confirmation, Hardware, Likeness, NodeConfig, NodeDuty, NodeStatus, PocStatus, RegisteredNode,
    Weight, behind_version,
};
pub use poc_activity::{NonceCount, PocActivity};
pub use preflight::{Finding, Preflight, Requirement, UnknownEffect, UnknownRules, Verdict};
pub use ranking::{AvoidedMachine, RankedOffer, judge_hosts};
pub use release_step::{BETWEEN_LISTINGS, LISTINGS_WITHOUT, ReleaseAction, ReleaseStep};
pub use reward::{
    AccessRule, CheckStatus, CollateralRule, ConfirmationRule, DelegationPenalties, EpochGroup,
    Ngonka, ParticipantStatus, PocModel, Reading, RewardRules, RulesEpoch, SetupCheck,
    SetupCheckId, SetupReport, UnclaimedReward,
};
pub use sprint::{
    Aim, Cause, GateKind, Hedging, Mode, Outcome, OutcomeKind, Race, ReleasePolicy, SprintReport,
    Step, StepSpan,
};
pub use text::{excerpt, hexadecimal, nearest};
pub use told_time::plausible_time;
pub use watchdog::WatchdogCheck;
pub use workload::{
    Backends, Blame, BootFault, BootStage, BootTimes, GpuDevice, GpuDriver, InferencePort,
    MlNodeStatus, ModelState, OrderedMachine, RunRecord, RunState, ServiceState, StageMeaning,
    StartStep, StartupState, Weights, Workload, WorkloadModel, main_boot,
};

/// A point in time: always UTC, always handed in, never read from the system in pure code.
pub type Time = chrono::DateTime<chrono::Utc>;
/// A length of time, possibly negative.
pub type Duration = chrono::TimeDelta;
