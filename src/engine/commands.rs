//! Handles the operator's commands.

use crate::domain::{GateKind, Step, Time};
use crate::engine::snapshot::{Command, QuitChoice};
use crate::engine::state::Engine;
use crate::flow::Event;
use crate::journal::Record;

impl Engine {
    pub(crate) fn handle_command(&mut self, command: &Command) {
        let now = self.ports.clock.now();
        tracing::info!("command: {command:?}");
        match *command {
            Command::SetMode(mode) => self.dispatch(now, Event::ModeChanged(mode)),
            // Only the operator may try the same PoC again.
            Command::Start if self.sprint.step() == Step::Done => self.begin_next_sprint(now, None),
            Command::Start => self.dispatch(now, Event::Approved(GateKind::Start)),
            Command::RefreshOffers => self.dispatch(now, Event::RefreshRequested),
            Command::Rent { offer, agreed } => {
                self.dispatch(now, Event::OfferPicked { offer, agreed });
            }
            Command::Approve(kind) => self.dispatch(now, Event::Approved(kind)),
            Command::ChangeNode { ref node, change } => self.change_node(node.clone(), change),
            Command::AvoidMachine(machine) => {
                self.avoid_machine(machine, "the operator avoids it".to_owned(), None);
                self.dispatch(now, Event::RefreshRequested);
            }
            Command::AllowMachine(machine) => {
                self.record(&Record::MachineAllowed { machine });
                self.dispatch(now, Event::RefreshRequested);
            }
            Command::AcceptJournal => self.accept_journal(),
            Command::Abort => self.dispatch(now, Event::AbortRequested),
            Command::Quit(choice) => self.quit(now, choice),
        }
    }

    /// Agreed without a reason, it would hide a loss that is noticed later.
    fn accept_journal(&mut self) {
        if self.ledger.lost().is_none() {
            tracing::warn!("no journal is missing: there is nothing to accept");
            return;
        }
        self.record(&Record::JournalAccepted);
    }

    fn quit(&mut self, now: Time, choice: QuitChoice) {
        let idle = self.sprint.rentals().next().is_none()
            && !self.sprint.is_renting()
            && !self.sprint.is_releasing();
        if choice == QuitChoice::Detach || idle {
            self.quitting = Some(QuitChoice::Detach);
            return;
        }
        self.quitting = Some(QuitChoice::Release);
        self.dispatch(now, Event::AbortRequested);
    }
}
