//! The state that the records add up to: what is rented, registered, spent, reserved, avoided.

mod spend;

pub use spend::{SprintSpending, Whose};

use std::collections::{BTreeMap, BTreeSet};

use super::Record;
use crate::domain::{
    AccountName, AvoidedMachine, BootEnd, BootTimes, ClockOrigin, Confirmation, EpochIndex, HostId,
    InstanceId, MachineId, NetworkNodeName, NodeId, PastBoot, RentalCharge, RentalLabel,
    RentalPrices, ReplicaId, SprintReport, Time, Usd, judge_hosts,
};
pub(super) use spend::CLOCK_ALLOWANCE;

/// Older boots say little about today's market.
pub(super) const MAX_BOOTS: usize = 500;

/// How many removed registrations are kept: the Network Node can bring one back.
pub(super) const MAX_REMOVED: usize = 20;

/// The fold over all records.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Ledger {
    rentals: BTreeMap<RentalLabel, OpenRental>,
    registrations: BTreeMap<NodeId, OpenRegistration>,
    removed: Vec<NodeId>,
    settled: Vec<Settled>,
    sprints: BTreeMap<ReplicaId, Sprints>,
    /// Without their failed boots, which are counted when they are read.
    avoided: BTreeMap<MachineId, AvoidedMachine>,
    boots: Vec<PastBoot>,
    clock: Option<ClockOrigin>,
    reports: Vec<(Time, SprintReport)>,
    watched: Vec<BootTimes>,
    confirmations: Vec<(NetworkNodeName, Confirmation)>,
    charged: BTreeMap<InstanceId, ChargedRental>,
    /// The sum of all charges.
    charged_total: Usd,
    continuity: Continuity,
}

/// The sprints of one replica.
#[derive(Debug, Clone, Default, PartialEq)]
struct Sprints {
    /// By order and not by time: no clock can move a rental into another sprint.
    ended: u32,
    checkpoint: Option<serde_json::Value>,
    /// What rentals of the current one that are gone have cost.
    settled: Usd,
    /// The last epoch that has a report.
    last_epoch: Option<EpochIndex>,
}

/// Whether this journal continues the one before.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
enum Continuity {
    #[default]
    Unquestioned,
    /// Why it does not.
    Lost(String),
    /// The operator agreed to go on.
    Accepted,
}

/// A rental that is gone, with what the market charged for it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct ChargedRental {
    pub(super) label: RentalLabel,
    pub(super) replica: ReplicaId,
    pub(super) ended: Time,
    pub(super) charge: RentalCharge,
}

/// A rental, or a rent call whose outcome is not known, that may cost money now.
#[derive(Debug, Clone, PartialEq)]
pub struct OpenRental {
    pub label: RentalLabel,
    pub replica: ReplicaId,
    /// Who pays for it.
    pub account: AccountName,
    /// The contract, once known.
    pub instance: Option<InstanceId>,
    /// When the call was about to be made: the earliest time that it can cost anything.
    pub intended_at: Time,
    /// The earliest time that its GPUs can have cost anything: at or after the call.
    pub gpu_from: Time,
    pub machine: MachineId,
    pub host: Option<HostId>,
    pub prices: RentalPrices,
    pub reserved: Usd,
    pub destroying: bool,
    /// How many sprints of its replica had ended when it was intended.
    sprint: u32,
}

/// A registration that may exist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenRegistration {
    pub node: NodeId,
    /// The rental behind it.
    pub instance: InstanceId,
    /// Where it is.
    pub network_node: NetworkNodeName,
    /// A complete list contained it.
    pub registered: bool,
    pub unregistering: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Settled {
    pub(super) label: RentalLabel,
    pub(super) replica: ReplicaId,
    pub(super) instance: InstanceId,
    intended_at: Time,
    pub(super) ended: Time,
    sprint: u32,
    cost: Usd,
}

impl OpenRegistration {
    fn new(
        node: &NodeId,
        instance: InstanceId,
        network_node: &NetworkNodeName,
    ) -> OpenRegistration {
        OpenRegistration {
            node: node.clone(),
            instance,
            network_node: network_node.clone(),
            registered: false,
            unregistering: false,
        }
    }
}

impl OpenRental {
    fn intended(at: Time, sprint: u32, record: &Record) -> Option<OpenRental> {
        let Record::RentIntended {
            label,
            replica,
            account,
            machine,
            host,
            prices,
            reserved,
            ..
        } = record
        else {
            return None;
        };
        Some(OpenRental {
            label: label.clone(),
            replica: replica.clone(),
            account: account.clone(),
            instance: None,
            intended_at: at,
            gpu_from: at,
            machine: *machine,
            host: *host,
            prices: prices.clone(),
            reserved: *reserved,
            destroying: false,
            sprint,
        })
    }

    /// What it has cost until `to`, as far as known.
    pub fn cost(&self, to: Time) -> Usd {
        self.prices
            .cost_with_gpu_from(self.intended_at, self.gpu_from, to)
    }

    /// The same; zero while nothing is known to be rented.
    fn spent(&self, now: Time) -> Usd {
        self.instance.map_or(Usd::ZERO, |_| self.cost(now))
    }
}

impl Ledger {
    pub fn apply(&mut self, at: Time, record: &Record) {
        match record {
            Record::SprintStarted { .. } | Record::Unknown => {}
            Record::RentIntended { label, replica, .. } => {
                let sprint = self.sprints_ended(replica);
                let open = OpenRental::intended(at, sprint, record);
                self.rentals.extend(open.map(|open| (label.clone(), open)));
            }
            Record::Rented { label, instance } => {
                if let Some(open) = self.rentals.get_mut(label) {
                    open.instance = Some(*instance);
                }
            }
            Record::GpuIdleUntil { instance, until } => self.note_idle(*instance, *until),
            Record::RentalRepriced {
                label,
                prices,
                reserved,
            } => {
                if let Some(open) = self.rentals.get_mut(label) {
                    open.prices = prices.clone();
                    open.reserved = *reserved;
                }
            }
            Record::RentVoided { label, .. } => drop(self.rentals.remove(label)),
            Record::DestroyIntended { instance } => {
                for open in self.rentals.values_mut() {
                    open.destroying |= open.instance == Some(*instance);
                }
            }
            Record::RentalGone {
                label,
                instance,
                cost,
            } => self.settle(at, label, *instance, *cost),
            Record::RentalCharged {
                label,
                replica,
                ended,
                charge,
                ..
            } => self.add_charge(ChargedRental {
                label: label.clone(),
                replica: replica.clone(),
                ended: *ended,
                charge: *charge,
            }),
            Record::RegisterIntended {
                node,
                instance,
                network_node,
            } => self.add_registration(node, *instance, network_node),
            Record::Registered { node } => {
                if let Some(open) = self.registrations.get_mut(node) {
                    open.registered = true;
                }
            }
            Record::UnregisterIntended { node } => {
                if let Some(open) = self.registrations.get_mut(node) {
                    open.unregistering = true;
                }
            }
            Record::Unregistered { node } => self.remove_registration(node),
            Record::MachineAvoided {
                machine,
                until,
                reason,
                host,
                address,
            } => self.avoid(*machine, *until, reason, *host, address.as_deref()),
            Record::MachineAllowed { machine } => {
                self.avoided.remove(machine);
            }
            Record::BootEnded { boot } => self.add_boot(boot),
            Record::BootWatched { boot } => self.add_times(boot),
            Record::ConfirmationMeasured {
                confirmation,
                network_node,
            } => self
                .confirmations
                .push((network_node.clone(), *confirmation)),
            Record::JournalLost { reason } => self.continuity = Continuity::Lost(reason.clone()),
            Record::JournalAccepted => self.continuity = Continuity::Accepted,
            Record::Checkpoint {
                replica,
                sprint,
                clock,
            } => self.save_sprint(replica, sprint, clock.as_ref()),
            Record::EpochNotTried {
                replica,
                epoch,
                cause,
                network_node,
            } => {
                let not_tried = SprintReport::not_tried(replica.clone(), *epoch, cause);
                self.add_report(at, not_tried.for_network_node(network_node));
            }
            Record::SprintEnded { report } => self.end_sprint(at, report),
        }
    }

    fn note_idle(&mut self, instance: InstanceId, until: Time) {
        let open = self.rentals.values_mut();
        let known = open.filter(|open| open.instance == Some(instance));
        known.for_each(|open| open.gpu_from = open.gpu_from.max(until));
    }

    fn add_registration(
        &mut self,
        node: &NodeId,
        instance: InstanceId,
        network_node: &NetworkNodeName,
    ) {
        let registration = self.registrations.entry(node.clone());
        registration.or_insert_with(|| OpenRegistration::new(node, instance, network_node));
    }

    fn save_sprint(
        &mut self,
        replica: &ReplicaId,
        sprint: &serde_json::Value,
        clock: Option<&ClockOrigin>,
    ) {
        let sprints = self.sprints.entry(replica.clone()).or_default();
        sprints.checkpoint = Some(sprint.clone());
        self.clock = clock.cloned();
    }

    fn end_sprint(&mut self, at: Time, report: &SprintReport) {
        let sprints = self.sprints.entry(report.replica.clone()).or_default();
        sprints.checkpoint = None;
        sprints.ended += 1;
        sprints.settled = Usd::ZERO;
        if self.checkpoints().next().is_none() {
            self.clock = None;
        }
        self.add_report(at, report.clone());
    }

    fn add_report(&mut self, at: Time, report: SprintReport) {
        let sprints = self.sprints.entry(report.replica.clone()).or_default();
        sprints.last_epoch = sprints.last_epoch.max(report.epoch);
        self.reports.push((at, report));
    }

    /// Why an older journal is missing. Nothing is rented until the operator agrees to go on.
    pub fn lost(&self) -> Option<&str> {
        match &self.continuity {
            Continuity::Lost(reason) => Some(reason),
            Continuity::Unquestioned | Continuity::Accepted => None,
        }
    }

    /// No rental was ever recorded, and the operator has not accepted that: if the account has a rental of
    /// ours, an older journal is missing.
    pub fn is_suspiciously_blank(&self) -> bool {
        self.continuity == Continuity::Unquestioned
            && self.rentals.is_empty()
            && self.settled.is_empty()
            && self.boots.is_empty()
            && self.reports.is_empty()
    }

    /// A repeated record settles nothing.
    fn settle(&mut self, at: Time, label: &RentalLabel, instance: InstanceId, cost: Usd) {
        if let Some(open) = self.rentals.remove(label) {
            let sprints = self.sprints.entry(open.replica.clone()).or_default();
            if open.sprint == sprints.ended {
                sprints.settled += cost;
            }
            self.settled.push(Settled {
                label: label.clone(),
                replica: open.replica,
                instance,
                intended_at: open.intended_at,
                ended: at,
                sprint: open.sprint,
                cost,
            });
        }
    }

    /// A new charge of a rental replaces the one before.
    fn add_charge(&mut self, charged: ChargedRental) {
        let RentalCharge {
            instance, total, ..
        } = charged.charge;
        let before = self.charged.insert(instance, charged);
        let before = before.map_or(Usd::ZERO, |before| before.charge.total);
        self.charged_total = self.charged_total + total - before;
    }

    fn remove_registration(&mut self, node: &NodeId) {
        self.registrations.remove(node);
        self.removed.retain(|removed| removed != node);
        self.removed.push(node.clone());
        let too_many = self.removed.len().saturating_sub(MAX_REMOVED);
        self.removed.drain(..too_many);
    }

    fn avoid(
        &mut self,
        machine: MachineId,
        until: Time,
        reason: &str,
        host: Option<HostId>,
        address: Option<&str>,
    ) {
        let avoided = AvoidedMachine {
            machine,
            until,
            reason: reason.to_owned(),
            failed_boots: 0,
            host,
            host_until: None,
            address: address.map(str::to_owned),
        };
        self.avoided.insert(machine, avoided);
    }

    /// A boot that is recorded again, after a crash or because it ended otherwise, counts once.
    fn add_boot(&mut self, boot: &PastBoot) {
        self.boots.retain(|known| known.instance != boot.instance);
        self.boots.push(boot.clone());
        if self.boots.len() > MAX_BOOTS {
            self.boots.remove(0);
        }
        if let Some(times) = &boot.times {
            self.add_times(times);
        }
    }

    fn add_times(&mut self, times: &BootTimes) {
        self.watched.retain(|known| known.label != times.label);
        self.watched.push(times.clone());
    }

    /// Rentals and rent calls that may cost money now.
    pub fn open_rentals(&self) -> Vec<&OpenRental> {
        self.rentals.values().collect()
    }

    pub fn open_rental(&self, label: &RentalLabel) -> Option<&OpenRental> {
        self.rentals.get(label)
    }

    /// Whose rental this is or was, of those that are known.
    pub fn replica_of(&self, instance: InstanceId) -> Option<&ReplicaId> {
        let mut all = self.rentals_with_replica();
        all.find(|(_, id, _)| *id == Some(instance))
            .map(|(.., replica)| replica)
    }

    /// The same by its label, which is known before its id.
    pub fn replica_labelled(&self, label: &RentalLabel) -> Option<&ReplicaId> {
        let mut all = self.rentals_with_replica();
        all.find(|(of, ..)| *of == label)
            .map(|(.., replica)| replica)
    }

    fn rentals_with_replica(
        &self,
    ) -> impl Iterator<Item = (&RentalLabel, Option<InstanceId>, &ReplicaId)> {
        let open = self.rentals.values();
        let open = open.map(|open| (&open.label, open.instance, &open.replica));
        let settled = self.settled.iter().rev();
        open.chain(settled.map(|gone| (&gone.label, Some(gone.instance), &gone.replica)))
    }

    /// Replicas that have anything here.
    pub fn replicas(&self) -> BTreeSet<&ReplicaId> {
        let rentals = self.rentals_with_replica().map(|(.., replica)| replica);
        self.sprints.keys().chain(rentals).collect()
    }

    /// Registrations that may exist.
    pub fn registrations(&self) -> Vec<&OpenRegistration> {
        self.registrations.values().collect()
    }

    /// Our last removed registrations. A Network Node that restarts with an old list of its nodes has them
    /// again.
    pub fn removed_registrations(&self) -> &[NodeId] {
        &self.removed
    }

    /// Ids of our registrations, including removed ones, which may be listed again.
    pub fn our_nodes(&self) -> Vec<NodeId> {
        let open = self.registrations.keys();
        open.chain(&self.removed).cloned().collect()
    }

    pub fn is_our_node(&self, node: &NodeId) -> bool {
        self.registrations.contains_key(node) || self.removed.contains(node)
    }

    /// Machines to avoid at `now`, with the evidence.
    pub fn avoided(&self, now: Time) -> Vec<AvoidedMachine> {
        let current = self.avoided.values().filter(|avoided| avoided.until > now);
        let current = current.map(|avoided| AvoidedMachine {
            failed_boots: self.failed_boots(avoided.machine),
            ..avoided.clone()
        });
        let mut current: Vec<AvoidedMachine> = current.collect();
        judge_hosts(&mut current);
        current
    }

    fn failed_boots(&self, machine: MachineId) -> u32 {
        let failed = |boot: &&PastBoot| boot.machine == machine && boot.end == BootEnd::Failed;
        u32::try_from(self.boots.iter().filter(failed).count()).unwrap_or(u32::MAX)
    }

    /// Our last boots, oldest first.
    pub fn boots(&self) -> &[PastBoot] {
        &self.boots
    }

    /// The clock of the saved sprints' times.
    pub fn clock(&self) -> Option<&ClockOrigin> {
        self.clock.as_ref()
    }

    fn sprints_ended(&self, replica: &ReplicaId) -> u32 {
        self.sprints.get(replica).map_or(0, |sprints| sprints.ended)
    }

    /// The saved sprint of a replica, if one was active at the last record.
    pub fn checkpoint(&self, replica: &ReplicaId) -> Option<&serde_json::Value> {
        self.sprints.get(replica)?.checkpoint.as_ref()
    }

    /// The saved sprints of all replicas.
    pub fn checkpoints(&self) -> impl Iterator<Item = (&ReplicaId, &serde_json::Value)> {
        let all = self.sprints.iter();
        all.filter_map(|(replica, sprints)| Some((replica, sprints.checkpoint.as_ref()?)))
    }

    /// Boots that were watched from beginning to end, oldest first.
    pub fn boot_times(&self) -> &[BootTimes] {
        &self.watched
    }

    /// What confirmation `PoC`s left of our weight, oldest first.
    pub fn confirmations(&self) -> &[(NetworkNodeName, Confirmation)] {
        &self.confirmations
    }

    /// Sprints of one replica that ended, oldest first.
    pub fn reports_of(
        &self,
        replica: &ReplicaId,
    ) -> impl DoubleEndedIterator<Item = &(Time, SprintReport)> {
        let reports = self.reports.iter();
        reports.filter(move |(_, report)| report.replica == *replica)
    }

    /// The last epoch that a replica has a report of.
    pub fn last_epoch_of(&self, replica: &ReplicaId) -> Option<EpochIndex> {
        self.sprints.get(replica)?.last_epoch
    }

    /// Sprints that ended, oldest first.
    pub fn reports(&self) -> &[(Time, SprintReport)] {
        &self.reports
    }
}
