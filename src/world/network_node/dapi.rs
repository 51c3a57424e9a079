//! What dapi wants of its nodes, and how it gets them there: polls, commands, and their timers.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::errands::{COMMAND_TIMEOUT, Errand, Finished, Next};
use super::node::{Command, Node, PocWork, Standing, Status, is_unmanaged};
use super::others::Asked;
use super::restart::Running;
use super::saved::SavedNodes;
use crate::domain::Time;
use crate::world::chain::schedule::{GENERATION_WIND_DOWN, VALIDATION_START};
use crate::world::chain::{Round, RoundKind};
use crate::world::clock::seconds;
use crate::world::exchange::{CallAnswer, Outgoing};
use crate::world::host::HostId;
use crate::world::model::PocPhase;
use crate::world::state::World;

const POLL_EVERY: f64 = 60.0;
const RECONCILE_EVERY: f64 = 30.0;
/// In phase Inference the intent is renewed with every fifth block.
const INFERENCE_BLOCKS: u64 = 5;

/// dapi's own state, apart from its nodes.
#[derive(Debug, Clone, Default)]
pub(in crate::world) struct Dapi {
    pub(super) registrations: u64,
    calls: BTreeMap<u64, Call>,
    /// The node whose removal blocks the single command loop.
    pub(super) removing: Option<String>,
    /// Nodes removed after a wait, whose removal was not answered yet.
    pub(super) removed: BTreeSet<String>,
    pub(super) saved: SavedNodes,
    reconciled_at: Option<(Time, u64)>,
    /// How often each node was stopped to load its model again.
    pub(in crate::world) reloads: BTreeMap<String, u64>,
    /// Other nodes of the operator whose `PoC` a removal held up, with the height of the round.
    pub(super) held_up: BTreeSet<(String, u64)>,
    pub(super) running: Running,
    /// When a restart brought each removed node back.
    pub(super) revived: BTreeMap<String, Time>,
    /// The nodes of its file before the last registration or removal.
    pub(super) file_before: Option<Vec<Value>>,
}

/// A call that was not answered yet.
#[derive(Debug, Clone)]
struct Call {
    node: String,
    errand: Errand,
}

impl Dapi {
    /// For a new process: everything that was not saved is gone.
    pub(super) fn forget(&mut self) {
        *self = Dapi {
            reloads: std::mem::take(&mut self.reloads),
            held_up: std::mem::take(&mut self.held_up),
            revived: std::mem::take(&mut self.revived),
            ..Dapi::default()
        };
    }

    /// Its process ends: calls and removals in progress are cut.
    pub(super) fn end(&mut self) {
        self.calls.clear();
        self.removing = None;
        self.removed.clear();
    }

    pub(super) fn is_loop_free(&self) -> bool {
        self.removing.is_none()
    }

    /// A repeated removal gets its answer even while another one blocks the loop.
    pub(super) fn is_loop_free_for(&self, id: &str) -> bool {
        self.is_loop_free() || self.removed.contains(id)
    }
}

impl World {
    /// The decisive rule: an enabled node takes part in the `PoC`s of later epochs, and in its own epoch
    /// only in phase Inference (`ShouldBeOperational`).
    fn is_operational(&self, node: &Node) -> bool {
        let epoch = self.epoch();
        if node.enabled {
            epoch > node.admin_epoch || self.phase() == PocPhase::Inference
        } else {
            node.admin_epoch >= epoch
        }
    }

    /// Ids of the nodes that the world polls and for which this holds.
    fn managed_nodes(&self, host: HostId, holds: impl Fn(&Node) -> bool) -> Vec<String> {
        let nodes = self.hosts[host].nodes.iter();
        let managed = nodes.filter(|(id, node)| !is_unmanaged(id) && holds(node));
        managed.map(|(id, _)| id.clone()).collect()
    }

    /// One step of everything that dapi does by itself.
    pub(in crate::world) fn advance_dapi(&mut self, host: HostId) {
        if self.restart_dapi(host) == Running::Down {
            return;
        }
        self.run_node_job(host);
        self.end_long_loads(host);
        let round = self.poc_round(host);
        self.renew_intents(host, round);
        self.poll_nodes(host);
        self.reconcile(host, round);
        self.validate_others(host, round);
    }

    /// `inference/up` blocks until the model is there; the client gives up after 15 minutes.
    fn end_long_loads(&mut self, host: HostId) {
        let now = self.now;
        let is_late = |since: Time| now - since >= seconds(COMMAND_TIMEOUT);
        for id in self.managed_nodes(host, |node| node.loading_since.is_some_and(is_late)) {
            self.drop_calls(host, &id, Errand::is_of_a_command);
            let why = "context deadline exceeded (Client.Timeout exceeded while awaiting headers)";
            self.finish_command(host, &id, Finished::Failed(why.into()));
        }
    }

    /// Intents are set by commands, which wait behind a removal.
    fn renew_intents(&mut self, host: HostId, round: Option<Round>) {
        if !self.hosts[host].dapi.is_loop_free() {
            return self.note_held_up(host, round);
        }
        for id in self.managed_nodes(host, |node| node.intended != self.intent(host, node, round)) {
            let intent = self.hosts[host]
                .nodes
                .get(&id)
                .map(|node| self.intent(host, node, round));
            if let (Some(intent), Some(node)) = (intent, self.hosts[host].nodes.get_mut(&id)) {
                node.intended = intent;
                self.cancel_outdated(host, &id);
            }
        }
    }

    pub(super) fn intent(&self, host: HostId, node: &Node, round: Option<Round>) -> Standing {
        let takes_part = |round: &Round| match round.kind {
            // Nothing is preserved, and only what contributes must generate.
            RoundKind::Challenge => self.challenge_is_open(host, node.id()),
            RoundKind::Regular | RoundKind::Confirmation => {
                self.is_operational(node) && !self.is_preserved(host, node.id(), round.height)
            }
        };
        let Some(round) = round.filter(takes_part) else {
            return Standing::INFERENCE;
        };
        match round.phase {
            PocPhase::Generate => Standing::GENERATING,
            PocPhase::Exchange | PocPhase::Validate => Standing::VALIDATING,
            PocPhase::Inference => Standing::INFERENCE,
        }
    }

    /// Cancels a command whose target is no longer wanted, with its call.
    fn cancel_outdated(&mut self, host: HostId, id: &str) {
        let Some(node) = self.hosts[host].nodes.get_mut(id) else {
            return;
        };
        if node.intended == Standing::VALIDATING
            && matches!(node.current.status, Status::Poc | Status::Inference)
        {
            // dapi changes only its own record: it makes no call.
            node.current = Standing::VALIDATING;
        }
        if node
            .command
            .is_some_and(|command| command.target() != node.intended)
        {
            node.command = None;
            node.loading_since = None;
            self.drop_calls(host, id, Errand::is_of_a_command);
        }
    }

    pub(super) fn drop_calls(&mut self, host: HostId, id: &str, which: fn(Errand) -> bool) {
        let calls = &mut self.hosts[host].dapi.calls;
        calls.retain(|_, call| call.node != id || !which(call.errand));
    }

    fn poll_nodes(&mut self, host: HostId) {
        let now = self.now;
        for id in self.managed_nodes(host, |node| node.next_poll <= now) {
            if let Some(node) = self.hosts[host].nodes.get_mut(&id) {
                node.next_poll = now + seconds(POLL_EVERY);
            }
            self.drop_calls(host, &id, Errand::is_of_a_poll);
            self.run_errand(host, &id, Errand::PollState);
        }
    }

    fn reconcile(&mut self, host: HostId, round: Option<Round>) {
        if !self.is_reconcile_due(host, round) {
            return;
        }
        self.hosts[host].dapi.reconciled_at = Some((self.now, self.height));
        let differing = self.managed_nodes(host, |node| {
            node.command.is_none()
                && node.intended != node.current
                && node.intended != Standing::default()
        });
        for id in differing {
            self.order(host, &id);
        }
    }

    fn is_reconcile_due(&self, host: HostId, round: Option<Round>) -> bool {
        let Some((at, height)) = self.hosts[host].dapi.reconciled_at else {
            return true;
        };
        let by_block = match round {
            Some(round) => {
                // In the wind-down only the timer reconciles.
                round.phase == PocPhase::Generate
                    && round.offset < GENERATION_WIND_DOWN
                    && self.height > height
            }
            None => self.height >= height + INFERENCE_BLOCKS,
        };
        by_block || self.now - at >= seconds(RECONCILE_EVERY)
    }

    /// Starts the command that brings a node to what is intended.
    fn order(&mut self, host: HostId, id: &str) {
        let Some(node) = self.hosts[host].nodes.get_mut(id) else {
            return;
        };
        let (command, errand) = match node.intended.poc {
            PocWork::Idle => (Command::InferenceUp, Errand::UpState),
            PocWork::Generating => (Command::StartPoc, Errand::StartPocStatus),
            // No command: `cancel_outdated` changes the status.
            PocWork::Validating => return self.cancel_outdated(host, id),
        };
        node.command = Some(command);
        self.run_errand(host, id, errand);
    }

    /// After a change of arguments: stops the node and loads its model again, healthy or not.
    pub(super) fn redeploy(&mut self, host: HostId, id: &str) {
        let Some(node) = self.hosts[host].nodes.get_mut(id) else {
            return;
        };
        if node.intended != Standing::INFERENCE {
            return;
        }
        node.command = Some(Command::InferenceUp);
        node.loading_since = None;
        self.drop_calls(host, id, Errand::is_of_a_command);
        self.run_errand(host, id, Errand::UpStop);
    }

    /// At the start of validation each working node stops generating and gets proofs of another host to
    /// check.
    fn validate_others(&mut self, host: HostId, round: Option<Round>) {
        let Some(round) = round else {
            return;
        };
        if round.offset < VALIDATION_START || round.phase != PocPhase::Validate {
            return;
        }
        let due = self.managed_nodes(host, |node| {
            node.validated != Some(round.height)
                && matches!(node.current.status, Status::Poc | Status::Inference)
                && self.is_operational(node)
                && !self.is_preserved(host, node.id(), round.height)
        });
        for id in due {
            if let Some(node) = self.hosts[host].nodes.get_mut(&id) {
                node.validated = Some(round.height);
            }
            self.run_errand(host, &id, Errand::ValidateStop);
        }
    }

    pub(super) fn run_errand(&mut self, host: HostId, id: &str, errand: Errand) {
        let Some(node) = self.hosts[host].nodes.get(id) else {
            return;
        };
        let request = self.request_of(host, node, errand);
        self.last_call += 1;
        let number = self.last_call;
        let call = Call {
            node: id.to_owned(),
            errand,
        };
        self.hosts[host].dapi.calls.insert(number, call);
        let now = self.now;
        if errand == Errand::UpStart
            && let Some(node) = self.hosts[host].nodes.get_mut(id)
        {
            node.loading_since = Some(now);
        }
        if errand == Errand::UpStop {
            *self.hosts[host]
                .dapi
                .reloads
                .entry(id.to_owned())
                .or_default() += 1;
        }
        match self.ask_other(host, id, number, errand) {
            Asked::Answered(answer) => self.call_ended(number, &answer),
            Asked::Later => {}
            Asked::Elsewhere => self.outgoing.push(Outgoing::Call { number, request }),
        }
    }

    /// Reports the result of a call of any host's dapi.
    pub fn call_ended(&mut self, number: u64, answer: &Result<CallAnswer, String>) {
        // A call that was cancelled has no effect on dapi.
        let mut hosts = self.hosts();
        let answered = |host| Some((host, self.hosts[host].dapi.calls.remove(&number)?));
        let Some((host, Call { node: id, errand })) = hosts.find_map(answered) else {
            return;
        };
        let Some(node) = self.hosts[host].nodes.get(&id) else {
            return;
        };
        match errand.next(node, answer) {
            Next::Errand(next) => self.run_errand(host, &id, next),
            Next::Polled(status) => self.polled(host, &id, status),
            Next::Ended(finished) => self.finish_command(host, &id, finished),
            Next::Nothing => {}
        }
    }

    /// A poll sets the status, but never the reason of a failure.
    fn polled(&mut self, host: HostId, id: &str, status: Status) {
        let now = self.now;
        let Some(node) = self.hosts[host].nodes.get_mut(id) else {
            return;
        };
        if node.current.status != status {
            node.current.status = status;
            node.status_at = now;
        }
    }

    pub(super) fn finish_command(&mut self, host: HostId, id: &str, finished: Finished) {
        let now = self.now;
        let Some(node) = self.hosts[host].nodes.get_mut(id) else {
            return;
        };
        node.loading_since = None;
        // Without a command the intent has changed meanwhile: the result is stale.
        let Some(command) = node.command.take() else {
            return;
        };
        node.status_at = now;
        match finished {
            Finished::Failed(why) => {
                node.failure = why;
                node.current = Standing {
                    status: Status::Failed,
                    poc: PocWork::Idle,
                };
            }
            Finished::Done => {
                node.failure.clear();
                node.current = command.target();
            }
        }
        self.finish_removal(host);
    }
}
