//! Handles the operator's commands.

use crate::domain::{GateKind, MachineId, ReplicaId, Step, Time};
use crate::engine::snapshot::{Command, QuitChoice, SprintCommand};
use crate::engine::state::{Engine, Shared};
use crate::flow::{Event, Sprint};
use crate::journal::Record;

impl Engine {
    pub(crate) fn handle_command(&mut self, command: &Command) {
        let now = self.shared.ports.clock.now();
        tracing::info!("command: {command}");
        match *command {
            Command::SetMode(mode) => self.dispatch(now, &Event::ModeChanged(mode)),
            Command::Sprint(ref id, command) => self.handle_sprint_command(now, id, command),
            Command::RefreshOffers => self.dispatch(now, &Event::RefreshRequested),
            Command::ChangeNode {
                ref network_node,
                ref node,
                change,
            } => {
                let first = &self.shared.config.network_node.name;
                let network_node = network_node.as_ref().unwrap_or(first).clone();
                self.shared.change_node(network_node, node.clone(), change);
            }
            Command::AvoidMachine(machine) => {
                self.avoid_machine(machine);
                self.dispatch(now, &Event::RefreshRequested);
            }
            Command::AllowMachine(machine) => {
                self.shared.record(&Record::MachineAllowed { machine });
                self.dispatch(now, &Event::RefreshRequested);
            }
            Command::AcceptJournal => self.shared.accept_journal(),
            Command::AbortAll => self.dispatch(now, &Event::AbortRequested),
            Command::Quit(choice) => self.quit(now, choice),
        }
    }

    fn handle_sprint_command(&mut self, now: Time, id: &ReplicaId, command: SprintCommand) {
        let Some(replica) = self.replicas.get_mut(id) else {
            return tracing::warn!("there is no replica {id}");
        };
        let event = match command {
            // Only the operator may try the same PoC again.
            SprintCommand::Start if replica.sprint.step() == Step::Done => {
                return self.begin_next_sprint(now, id, None);
            }
            SprintCommand::Start => Event::Approved(GateKind::Start),
            SprintCommand::Rent { offer, agreed } => Event::OfferPicked { offer, agreed },
            SprintCommand::Approve(kind) => Event::Approved(kind),
            SprintCommand::Abort => Event::AbortRequested,
        };
        replica.dispatch(&mut self.shared, now, event);
    }

    fn avoid_machine(&mut self, machine: MachineId) {
        let rents_it = |sprint: &Sprint| {
            let mut rentals = sprint.rentals();
            rentals.any(|rental| rental.offer.machine == machine)
        };
        // Who rents it knows its address.
        let mut all = self.replicas.iter();
        let renting = all.find(|replica| rents_it(&replica.sprint));
        let replica = renting.unwrap_or(self.replicas.first());
        let reason = "the operator avoids it".to_owned();
        replica.avoid_machine(&mut self.shared, machine, reason, None);
    }

    fn quit(&mut self, now: Time, choice: QuitChoice) {
        let is_idle = |sprint: &Sprint| {
            sprint.rentals().next().is_none() && !sprint.is_renting() && !sprint.is_releasing()
        };
        let idle = self.replicas.sprints().all(is_idle);
        if choice == QuitChoice::Detach || idle {
            self.shared.quitting = Some(QuitChoice::Detach);
            return;
        }
        self.shared.quitting = Some(QuitChoice::Release);
        self.dispatch(now, &Event::AbortRequested);
    }
}

impl Shared {
    /// Agreed without a reason, it would hide a loss that is noticed later.
    fn accept_journal(&mut self) {
        if self.ledger.lost().is_none() {
            tracing::warn!("no journal is missing: there is nothing to accept");
            return;
        }
        self.record(&Record::JournalAccepted);
    }
}
