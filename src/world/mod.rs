//! The simulated world: chain, GPU market, Network Node and `MLNode`s as one deterministic state
//! machine with its own clock, served over real HTTP on loopback.
//!
//! It knows nothing of the clients: its idea of the wire is its own.

mod announce;
mod chain;
mod clock;
mod confirmation;
mod container_log;
mod inside;
mod machine;
mod mlnode;
mod network_node;
mod scenario;
mod serve;
mod ssh_host;
mod state;
#[cfg(test)]
mod tests;
mod troubles;
mod truth;
mod upstream;
mod vast;
mod vllm;

pub use clock::WorldClock;
pub use scenario::{Fault, FaultKind, PocVersion, Scenario};
pub use serve::{Ports, ServedWorld, WorldOptions, serve};
pub use ssh_host::{Dialer, Machine, SshHost};
pub use state::{
    API_KEY, Ask, IMAGE, MODEL, Outgoing, PARTICIPANT, PROXY_NODE, Polled, Reply, UPSTREAM_KEY,
    World,
};
pub use troubles::Troubles;
pub use truth::{Confirmation, TrueRental, Truth};
