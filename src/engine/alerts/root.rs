//! The root cause behind an alert: alerts of one cause are one thing to know, with one remedy.

use crate::domain::InstanceId;
use crate::engine::alerts::alert::Condition;

/// What lies behind an alert. An alert has exactly one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RootCause {
    /// The chain cannot be read, or stands.
    Chain,
    /// A source of the chain among others.
    ChainSource,
    Market,
    NetworkNode,
    /// The link to a rental, or what runs on it.
    Rental(InstanceId),
    /// A rental that its destroy did not end.
    DestroyOverdue(InstanceId),
    /// Price, credit, and rentals that are not ours.
    Money,
    /// This machine: its clock, its state directory.
    ThisMachine,
    Proxy,
    /// What keeps the sprint from renting.
    Preflight,
    /// A confirmation `PoC` or a challenge: rewards depend on it.
    Confirmation,
    /// What the chain's governance changes.
    Governance,
    /// The operator's settings.
    Settings,
    /// A fault of this program.
    Program,
}

impl Condition {
    pub fn root_cause(&self) -> RootCause {
        match self {
            Condition::AtNetworkNode(_, kind) | Condition::OfAccount(_, kind) => kind.root_cause(),
            Condition::ChainUnreachable | Condition::ChainStalled => RootCause::Chain,
            Condition::UnreliableSource(_) => RootCause::ChainSource,
            Condition::RentalsUnknown => RootCause::Market,
            Condition::NetworkNodeDown | Condition::NodeChangeFailed => RootCause::NetworkNode,
            Condition::BootFault(instance)
            | Condition::WorkloadPartial(instance)
            | Condition::PocWorkLost(instance)
            | Condition::LinkDown(instance)
            | Condition::HostKeyMismatch(instance)
            | Condition::CallbackUnproven(instance)
            | Condition::WatchdogUnverified(instance) => RootCause::Rental(*instance),
            Condition::DestroyOverdue(instance) => RootCause::DestroyOverdue(*instance),
            Condition::LowCredit
            | Condition::ForeignRental(_)
            | Condition::PriceIncrease(_)
            | Condition::PriceRequested(_) => RootCause::Money,
            Condition::ClockSkew
            | Condition::DescriptorsLow
            | Condition::ReleaseOnly
            | Condition::JournalLost => RootCause::ThisMachine,
            Condition::ProxyDown | Condition::NoHealthyUpstream => RootCause::Proxy,
            Condition::PreflightFailure(_) => RootCause::Preflight,
            Condition::Confirmation(..) | Condition::Challenge(_) => RootCause::Confirmation,
            Condition::Upgrade(_) | Condition::ParametersChanged | Condition::ParametersUntold => {
                RootCause::Governance
            }
            Condition::ReleasePolicyCut | Condition::FirstStart => RootCause::Settings,
            Condition::SprintBroke(_) => RootCause::Program,
        }
    }
}
