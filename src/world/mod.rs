//! The simulated world: chain, GPU market, Network Node and `MLNode`s as one deterministic state
//! machine with its own clock, served over real HTTP on loopback.
//!
//! It shares no wire code with the clients, so that a mistake there cannot hide in both.

mod account;
mod chain;
mod clock;
mod exchange;
mod faults;
mod host;
mod hosts;
mod ledger;
mod machine_fs;
mod mlnode;
mod model;
mod models;
mod network_node;
mod numbers;
mod oddity;
mod outages;
mod planned_faults;
mod random_faults;
mod scenario;
mod serve;
mod setup_report;
mod several;
mod ssh_host;
mod state;
#[cfg(test)]
mod tests;
mod truth;
mod upstream;
mod vast;
mod watchdog;

pub use account::{API_KEY, AccountId};
pub use clock::WorldClock;
pub use exchange::{ApiRequest, ApiResponse, CallAnswer, NodeRequest, Outgoing};
pub use faults::{Fault, FaultKind, RandomFaults, WorkloadFault};
pub use host::{HostId, PARTICIPANT};
pub use mlnode::api::MlNodeReply;
pub use models::{MODEL, SECOND_MODEL};
pub use network_node::{AdminReply, CallbackReach, WORKER_PRIVATE_KEY};
pub use oddity::MarketOddity;
pub use scenario::{
    ChainAccess, ChainAge, ChainProxy, EnvironmentRule, HostDefect, MlNodeRelease, NetworkRelease,
    PocChoice, PocVersion, Scenario,
};
pub use serve::{Ports, ServedWorld, WorldOptions, serve};
pub use ssh_host::{Dialer, Machine, SshHost};
pub use state::{IMAGE, PROXY_NODE, UPSTREAM_KEY, World};
pub use truth::{Confirmation, Harm, HostTruth, TrueRental, Truth};
pub use watchdog::Renewal;
