//! What the cockpit shows: the newest snapshot and the operator's own view of it. No I/O, no clock.

use std::sync::Arc;

use crate::domain::{
    AvoidedMachine, Duration, GateKind, MachineId, OfferId, RankedOffer, Step, Time, Usd,
};
use crate::engine::{QuitChoice, Snapshot, WorldKind};

use super::ExitReason;
use super::log::LogView;
use super::prompt::Prompt;
use super::task::Task;

/// Ticks, of a second each, that a toast stays.
const TOAST_TICKS: u8 = 8;

/// A pane of the cockpit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pane {
    /// The chain's countdown.
    Countdown,
    /// Steps and gate of the sprint.
    Sprint,
    /// The market.
    Offers,
    /// The rental's boot and log.
    Boot,
    /// The Network Node's list.
    Nodes,
    /// The program's own log.
    Journal,
}

impl Pane {
    /// Every pane, in the order of its number key.
    pub const ALL: [Pane; 6] = [
        Pane::Countdown,
        Pane::Sprint,
        Pane::Offers,
        Pane::Boot,
        Pane::Nodes,
        Pane::Journal,
    ];

    /// The pane's title.
    pub fn title(self) -> &'static str {
        match self {
            Pane::Countdown => "Countdown",
            Pane::Sprint => "Sprint",
            Pane::Offers => "Offers",
            Pane::Boot => "Boot log",
            Pane::Nodes => "Registrations",
            Pane::Journal => "Program log",
        }
    }

    /// Its place in [`Pane::ALL`].
    pub fn index(self) -> usize {
        Pane::ALL.iter().position(|&p| p == self).unwrap_or(0)
    }

    /// The pane that is this many places further, around the end.
    #[must_use]
    pub fn step(self, by: usize) -> Pane {
        Pane::ALL[(self.index() + by) % Pane::ALL.len()]
    }

    /// False for the two panes that every layout shows.
    pub fn is_work(self) -> bool {
        !matches!(self, Pane::Countdown | Pane::Sprint)
    }
}

/// What this cockpit is to the engine that it shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// It commands.
    Driver,
    /// It looks on, while this process commands.
    Viewer {
        /// The process.
        driver: u32,
    },
    /// It looked on; the process that commanded has ended.
    LeftBehind {
        /// The process.
        driver: u32,
    },
}

/// A question that waits for `y`.
#[derive(Debug, Clone, PartialEq)]
pub enum Dialog {
    /// There is nothing to look at any more.
    LeaveViewer,
    /// No question: why an offer ranks where it does.
    Offer(Box<RankedOffer>),
    /// Rent exactly this, at exactly this cost.
    Rent(Box<RankedOffer>),
    /// End the sprint.
    Abort,
    /// Pass a gate.
    Approve(GateKind),
    /// No longer leave this machine out.
    Allow(MachineId),
    /// Hand over to auto mode.
    Auto,
    /// Leave while something is rented; `None` is cancel.
    Quit(Option<QuitChoice>),
}

impl Dialog {
    /// The worst-case cost that `y` agrees to.
    pub fn agreed(&self) -> Option<(OfferId, Usd)> {
        match self {
            Dialog::Rent(row) => Some((row.offer.id, row.worst_cost)),
            _ => None,
        }
    }
}

/// Which list the offers pane shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OfferList {
    /// What can be rented.
    Usable,
    /// Offers that are out.
    Rejected,
    /// Machines that are left out for a time.
    Avoided,
}

/// The operator's view.
#[derive(Debug, Clone)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent switches of one screen, not a state machine"
)]
pub struct Model {
    /// What this cockpit is to the engine.
    pub role: Role,
    /// The newest snapshot.
    pub snapshot: Arc<Snapshot>,
    /// Real time since it came.
    pub since_snapshot: Duration,
    /// The pane that has the keys.
    pub focus: Pane,
    /// The last work pane that had them: what small layouts show.
    pub work: Pane,
    /// The focused pane has the whole screen.
    pub zoom: bool,
    /// The question on the screen.
    pub dialog: Option<Dialog>,
    /// The question has been drawn: keys count from now on.
    pub dialog_drawn: bool,
    /// The help is open.
    pub help: bool,
    /// Lines that the help is scrolled by.
    pub help_scroll: u16,
    /// The selected offer, by identity: a refresh does not move it to another one.
    pub selected: Option<OfferId>,
    /// What the offers pane shows.
    pub offer_list: OfferList,
    /// Rows that the list of rejected offers is scrolled by.
    pub rejected_scroll: usize,
    /// Place of the selected machine among those that are avoided.
    pub avoided_at: usize,
    /// Rows that the list of registrations is scrolled by.
    pub nodes_scroll: usize,
    /// The boot log's view.
    pub log: LogView,
    /// The line that the operator types.
    pub prompt: Option<Prompt>,
    /// What the loop is to do beside drawing.
    pub task: Option<Task>,
    /// A short word to the operator, and the ticks that it stays.
    pub toast: Option<(String, u8)>,
    /// The operator chose to release and quit: the cockpit waits for the engine's end.
    pub leaving: bool,
    /// Set when the cockpit shall end.
    pub exit: Option<ExitReason>,
    /// The next frame is to be drawn from nothing.
    pub redraw: bool,
    /// The process is to be suspended.
    pub suspend: bool,
}

impl Model {
    /// A view of the first snapshot.
    pub fn new(snapshot: Arc<Snapshot>) -> Model {
        let work = suggested_pane(snapshot.sprint.step);
        let selected = snapshot.offers.rows.first().map(|row| row.offer.id);
        let log = LogView::new(&snapshot.boot_log);
        Model {
            role: Role::Driver,
            snapshot,
            since_snapshot: Duration::zero(),
            focus: work,
            work,
            zoom: false,
            dialog: None,
            dialog_drawn: false,
            help: false,
            help_scroll: 0,
            selected,
            offer_list: OfferList::Usable,
            rejected_scroll: 0,
            avoided_at: 0,
            nodes_scroll: 0,
            log,
            prompt: None,
            task: None,
            toast: None,
            leaving: false,
            exit: None,
            redraw: false,
            suspend: false,
        }
    }

    /// A view of another process's engine.
    pub fn viewing(snapshot: Arc<Snapshot>, driver: u32) -> Model {
        Model {
            role: Role::Viewer { driver },
            ..Model::new(snapshot)
        }
    }

    /// Now, by the engine's clock: simulated time goes on at its own speed between snapshots.
    pub fn now(&self) -> Time {
        let speed = match self.snapshot.world {
            WorldKind::Real => 1.0,
            WorldKind::Simulated { speed } => speed,
        };
        self.snapshot.at + scaled(self.since_snapshot, speed)
    }

    /// Place of the selected offer among the rows.
    pub fn selected_row(&self) -> Option<usize> {
        let id = self.selected?;
        let rows = &self.snapshot.offers.rows;
        rows.iter().position(|row| row.offer.id == id)
    }

    /// The selected machine among those that are avoided.
    pub fn selected_avoided(&self) -> Option<&AvoidedMachine> {
        let avoided = &self.snapshot.offers.avoided;
        avoided.get(self.avoided_at.min(avoided.len().saturating_sub(1)))
    }

    /// Something is rented, or may be.
    pub fn is_rented(&self) -> bool {
        let step = self.snapshot.sprint.step;
        self.snapshot.rental.is_some()
            || self.snapshot.beside.is_some()
            || (step >= Step::Renting && step < Step::Done)
    }

    /// Kind of the gate that waits.
    pub fn gate(&self) -> Option<GateKind> {
        self.snapshot.sprint.gate.as_ref().map(|gate| gate.kind)
    }

    /// A gate waits that picking an offer passes.
    pub fn asks_for_an_offer(&self) -> bool {
        self.gate() == Some(GateKind::Rent) || self.is_hedging()
    }

    /// The offer that is picked is for a second rental.
    pub fn is_hedging(&self) -> bool {
        self.gate() == Some(GateKind::Hedge)
    }

    /// Shows a short word to the operator.
    pub fn say(&mut self, text: impl Into<String>) {
        self.toast = Some((text.into(), TOAST_TICKS));
    }

    /// Opens a question; keys count once it is drawn. What was being typed is no answer to it.
    pub fn ask(&mut self, dialog: Dialog) {
        self.prompt = None;
        self.dialog = Some(dialog);
        self.dialog_drawn = false;
    }
}

/// The work pane that matters in a step.
pub fn suggested_pane(step: Step) -> Pane {
    match step {
        Step::Waiting | Step::Choosing | Step::Renting | Step::Done => Pane::Offers,
        Step::Booting | Step::Warming => Pane::Boot,
        Step::Registering | Step::Proving | Step::Confirming | Step::Releasing => Pane::Nodes,
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "display only; `as` saturates"
)]
fn scaled(duration: Duration, speed: f64) -> Duration {
    let millis = duration.num_milliseconds() as f64 * speed;
    Duration::try_milliseconds(millis.clamp(0.0, 1e12) as i64).unwrap_or_default()
}
