//! State of the cockpit: the newest snapshot and the operator's view of it. No I/O, no clock.

use std::sync::Arc;

use super::ExitReason;
use super::column_scroll::ColumnScroll;
use super::fleet::{FleetKey, FleetPane};
use super::hit_areas::HitAreas;
use super::log::{LogPane, RentalMarks};
use super::offers::OffersPane;
use super::pane::Pane;
use super::prompt::Prompt;
use super::scene::Scene;
use super::task::Task;
use super::trends::Trends;
use crate::domain::{
    Duration, GateKind, MachineId, NetworkNodeName, NodeId, RankedOffer, ReplicaId, Step, Time, Usd,
};
use crate::engine::{
    Command, NodeChange, NodeOwner, QuitChoice, Refusal, Snapshot, SprintCommand, WorldKind,
};

/// Ticks (of 1 s) that a toast is shown.
const TOAST_TICKS: u8 = 8;

/// This cockpit's relation to the engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    Driver,
    /// Attached to the main cockpit, which has this process id.
    Viewer {
        driver: u32,
    },
    /// A viewer whose main cockpit has exited.
    Orphaned {
        driver: u32,
    },
}

/// A question that waits for `y`, or information about offers.
#[derive(Debug, Clone, PartialEq)]
pub enum Dialog {
    LeaveViewer,
    /// Put a machine on the blocklist.
    Avoid(MachineId),
    /// Remove a machine from the blocklist.
    Allow(MachineId),
    /// Rent this offer at this worst-case cost.
    Rent(Box<RankedOffer>),
    /// Information: what keeps this offer from being rented.
    Refused(Box<RankedOffer>),
    /// Information: the offer vanished while its dialog was open.
    Gone(Box<RankedOffer>),
    Abort,
    /// Every sprint there is.
    AbortAll,
    Approve(GateKind),
    Node {
        network_node: NetworkNodeName,
        node: NodeId,
        owner: NodeOwner,
        change: NodeChange,
    },
    Auto,
    /// Go on without an older journal.
    AcceptJournal,
    /// Quit while something is rented; `None` until a choice is made.
    Quit(Option<QuitChoice>),
}

/// The operator's answer to the open dialog.
#[derive(Debug, Clone, Default)]
pub struct Answer {
    /// The dialog was drawn: keys typed before that were meant for something else.
    pub enabled: bool,
    pub typed: String,
    /// Rows of the question above what is shown.
    pub scroll: usize,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Palette {
    pub text: String,
    pub index: usize,
}

/// What covers the panes. Scroll positions are in lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Overlay {
    Help(HelpView),
    Alerts {
        scroll: usize,
    },
    /// Of what is selected in the pane that has the keys.
    Details {
        scroll: usize,
    },
    Palette(Palette),
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HelpView {
    pub scroll: usize,
    /// Only keys with these words; empty for all.
    pub filter: String,
}

impl Overlay {
    /// The first row that is shown, where it scrolls by rows.
    pub fn scroll_mut(&mut self) -> Option<&mut usize> {
        match self {
            Overlay::Help(HelpView { scroll, .. })
            | Overlay::Alerts { scroll }
            | Overlay::Details { scroll } => Some(scroll),
            Overlay::Palette(_) => None,
        }
    }
}

/// A pane that the operator chose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Picked {
    pub pane: Pane,
    /// What the sprint was about then.
    pub scene: Scene,
}

/// A short message to the operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Toast {
    pub text: String,
    ticks_left: u8,
}

/// What the event loop shall do after an update.
#[derive(Debug, Clone, Default)]
pub struct Effects {
    pub task: Option<Task>,
    /// Text of a bell or desktop notification.
    pub bell: Option<String>,
    /// Draw every cell of the next frame.
    pub redraw: bool,
    pub suspend: bool,
}

#[derive(Debug, Clone)]
pub struct Model {
    pub role: Role,
    pub snapshot: Arc<Snapshot>,
    /// As the engine sent it: the one above is about the replica that is shown.
    pub received: Arc<Snapshot>,
    /// Real time since the snapshot came.
    pub since_snapshot: Duration,
    /// Worst-case cost above which a rental is confirmed by typing the sum.
    pub confirm_above: Option<Usd>,
    /// The pane whose keys work.
    pub focus: Pane,
    /// The pane that the operator chose; without one the layout follows the step.
    pub picked: Option<Picked>,
    /// The panes of the last frame.
    pub visible: Vec<Pane>,
    /// The focused pane fills the screen.
    pub zoom: bool,
    pub dialog: Option<Dialog>,
    pub answer: Answer,
    pub overlay: Option<Overlay>,
    pub prompt: Option<Prompt>,
    pub toast: Option<Toast>,
    pub offers: OffersPane,
    /// The rental's log, or a past one's.
    pub log: LogPane,
    pub program_log: LogPane,
    /// What has happened to the rental, as marks in its log.
    pub rental_marks: RentalMarks,
    pub fleet: FleetPane,
    pub selected_node: Option<NodeId>,
    pub node_columns: ColumnScroll,
    pub history_columns: ColumnScroll,
    /// Only registrations with these words; empty for all.
    pub node_filter: String,
    /// Index of the selected past sprint among those that are shown, newest first.
    pub history_index: usize,
    /// Only past sprints with these words; empty for all.
    pub history_filter: String,
    pub trends: Trends,
    pub hit_areas: HitAreas,
    pub effects: Effects,
    /// The operator chose to release and quit; the cockpit waits for the engine.
    pub quitting: bool,
    /// The last refusal by a cap that the operator has seen.
    pub seen_refusal: Option<Refusal>,
    /// Losses until then are seen by the operator.
    pub seen_until: Option<Time>,
    pub exit: Option<ExitReason>,
}

impl Model {
    /// Keeps what the engine sent. Returns what it says of the replica that is shown.
    pub fn receive(&mut self, snapshot: Arc<Snapshot>) -> Arc<Snapshot> {
        self.received = snapshot;
        self.received_of(&self.snapshot.replica)
    }

    /// What the engine last sent of this replica; of the first one if there is none of this name.
    pub fn received_of(&self, id: &ReplicaId) -> Arc<Snapshot> {
        let received = &self.received;
        let other = received.replica(id).filter(|_| *id != received.replica);
        match other {
            Some(replica) => Arc::new(received.of(replica)),
            None => received.clone(),
        }
    }

    /// The log is not here yet: a viewer is sent that of one replica, which was another until now.
    pub fn lacks_log(&self) -> bool {
        let here = self.received.in_focus.as_ref();
        here.is_some_and(|here| *here != self.snapshot.replica)
    }

    /// The offers are not here yet: a viewer is sent those of the pool of that replica.
    pub fn lacks_offers(&self) -> bool {
        let here = self.received.in_focus.as_ref();
        here.is_some_and(|here| here.pool != self.snapshot.replica.pool)
    }

    /// Whose sprint the keys act on: in the fleet that of the selected row, else the one that is shown.
    pub fn acted_on(&self) -> &ReplicaId {
        let selected = self.fleet.selected_row().map(|(_, row)| &row.key);
        match selected.filter(|_| self.focus == Pane::Fleet) {
            Some(FleetKey::Replica(id)) => id,
            _ => &self.snapshot.replica,
        }
    }

    /// A command to the sprint that is shown.
    pub fn to_sprint(&self, command: SprintCommand) -> Command {
        Command::Sprint(self.snapshot.replica.clone(), command)
    }

    /// The log whose keys work: the program's in its own pane, else the rental's.
    pub fn focused_log(&self) -> &LogPane {
        match self.focus {
            Pane::Journal => &self.program_log,
            _ => &self.log,
        }
    }

    pub fn focused_log_mut(&mut self) -> &mut LogPane {
        match self.focus {
            Pane::Journal => &mut self.program_log,
            _ => &mut self.log,
        }
    }

    /// Now, by the engine's clock: simulated time runs at its own speed between snapshots.
    pub fn now(&self) -> Time {
        let speed = match self.snapshot.world {
            WorldKind::Real => 1.0,
            WorldKind::Simulated { speed } => speed,
        };
        self.snapshot.at + scaled(self.since_snapshot, speed)
    }

    pub fn scene(&self) -> Scene {
        Scene::of(&self.snapshot.sprint)
    }

    /// The pane of the step, where the sprint has moved on behind the one that was picked.
    pub fn moved_on(&self) -> Option<Pane> {
        let scene = self.scene();
        let is_behind = self.picked.is_some_and(|picked| picked.scene != scene);
        is_behind.then(|| scene.home())
    }

    pub fn is_avoided(&self, machine: MachineId) -> bool {
        let mut avoided = self.snapshot.offers.avoided.iter();
        avoided.any(|avoided| avoided.machine == machine)
    }

    /// A dialog, an overlay or a prompt takes the keys.
    pub fn is_covered(&self) -> bool {
        self.dialog.is_some() || self.overlay.is_some() || self.prompt.is_some()
    }

    /// Something is rented, or may be.
    pub fn is_rented(&self) -> bool {
        let may_rent = |step: Step| step >= Step::Renting && step < Step::Done;
        let mut sprints = self.snapshot.sprints();
        self.snapshot.rentals().next().is_some() || sprints.any(|(_, it)| may_rent(it.step))
    }

    /// A sprint can be aborted, of whichever replica.
    pub fn can_abort_any(&self) -> bool {
        self.snapshot.sprints().any(|(_, sprint)| sprint.can_abort)
    }

    pub fn gate(&self) -> Option<GateKind> {
        self.snapshot.sprint.gate.as_ref().map(|gate| gate.kind)
    }

    /// A gate waits for an offer.
    pub fn wants_offer(&self) -> bool {
        self.gate() == Some(GateKind::Rent) || self.is_hedging()
    }

    /// A cap or the preflight keeps an offer from being rented: known before anybody is asked.
    pub fn is_refused(&self, row: &RankedOffer) -> bool {
        let preflight = self.snapshot.sprint.preflight.as_ref();
        let obstacle = preflight.and_then(|preflight| preflight.obstacles().next());
        obstacle.is_some() || self.snapshot.money.refusal(row).is_some()
    }

    /// The offer is for a second rental.
    pub fn is_hedging(&self) -> bool {
        self.gate() == Some(GateKind::Hedge)
    }

    /// The word that confirms the dialog where `y` is too easy: whole dollars for a large sum, the name
    /// of a node that is not ours.
    pub fn confirmation_word(&self) -> Option<String> {
        match self.dialog.as_ref()? {
            Dialog::Rent(row) => {
                let is_large = self.confirm_above.is_some_and(|sum| row.worst_cost > sum);
                is_large.then(|| format!("{:.0}", row.worst_cost.dollars().ceil()))
            }
            Dialog::AbortAll => Some("all".to_owned()),
            Dialog::Node { node, owner, .. } => {
                let is_ours = matches!(owner, NodeOwner::Sprint | NodeOwner::Leftover);
                (!is_ours).then(|| node.to_string())
            }
            _ => None,
        }
    }

    /// Terminal title: step, gate, price, time to `PoC`. To the minute, so that it is seldom written.
    pub fn title(&self) -> String {
        let snapshot = &self.snapshot;
        let step = snapshot.sprint.step.name().to_uppercase();
        let gate = self.gate().map(|kind| format!(" GATE {kind}"));
        let poc = snapshot.chain.reading.as_ref().map(|it| it.poc_start);
        let poc = poc.filter(|poc| poc.blocks_left.0 > 0);
        let poc = poc.and_then(|poc| poc.expected).map(|band| band.p50);
        let left = poc.map(|at| (at - self.now()).num_minutes());
        let left = left
            .filter(|minutes| *minutes >= 0)
            .map(|minutes| format!(", PoC in {}h {:02}m", minutes / 60, minutes % 60));
        let (gate, left) = (gate.unwrap_or_default(), left.unwrap_or_default());
        format!("pocpit: {step}{gate} {}{left}", snapshot.money.per_hour)
    }

    pub fn show_toast(&mut self, text: impl Into<String>) {
        self.toast = Some(Toast {
            text: text.into(),
            ticks_left: TOAST_TICKS,
        });
    }

    /// Lets the toast disappear in time.
    pub fn age_toast(&mut self) {
        if let Some(toast) = &mut self.toast {
            toast.ticks_left = toast.ticks_left.saturating_sub(1);
        }
        self.toast.take_if(|toast| toast.ticks_left == 0);
    }

    /// Opens a dialog. Keys count once it is drawn, and what was being typed is no answer.
    pub fn open_dialog(&mut self, dialog: Dialog) {
        self.prompt = None;
        self.answer = Answer::default();
        self.dialog = Some(dialog);
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
