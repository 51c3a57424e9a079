//! What the cockpit shows: the newest snapshot and the operator's own view of it. No I/O, no clock.

use std::sync::Arc;

use crate::domain::{
    AvoidedMachine, Duration, GateKind, InstanceId, MachineId, NodeId, OfferId, RankedOffer, Step,
    Time, Usd,
};
use crate::engine::{
    BootLog, NodeChange, NodeOwner, NodeRow, PastSprintRow, QuitChoice, Snapshot, WorldKind,
};

use super::ExitReason;
use super::keymap::Keymap;
use super::log::LogView;
use super::offers::OfferView;
use super::palette::Palette;
pub use super::pane::{Pane, suggested_pane};
use super::prompt::Prompt;
use super::target::Targets;
use super::task::Task;
use super::trends::Trends;

/// Ticks, of a second each, that a toast stays.
const TOAST_TICKS: u8 = 8;

/// What this cockpit is to the engine that it shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// It commands.
    Driver,
    /// It looks on, and hands what it decides to this process.
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
    /// No question: two offers beside each other.
    Compare(Box<[RankedOffer; 2]>),
    /// Leave this machine out.
    Avoid(MachineId),
    /// Rent exactly this, at exactly this cost.
    Rent(Box<RankedOffer>),
    /// End the sprint.
    Abort,
    /// Pass a gate.
    Approve(GateKind),
    /// Change a registered node by hand.
    Node {
        /// The node.
        node: NodeId,
        /// Whose it is.
        owner: NodeOwner,
        /// What becomes of it.
        change: NodeChange,
    },
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

/// What lies over the panes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Overlay {
    /// The keys.
    Help {
        /// Lines that it is scrolled by.
        scroll: u16,
    },
    /// Every alert in full.
    Alerts {
        /// Lines that they are scrolled by.
        scroll: u16,
    },
    /// Any action by its name.
    Palette(Palette),
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
    /// What the keys do.
    pub keymap: &'static Keymap,
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
    /// What was typed into the question.
    pub typed: String,
    /// A rental whose worst case is above this is agreed to by typing the sum.
    pub typed_above: Option<Usd>,
    /// What lies over the panes.
    pub overlay: Option<Overlay>,
    /// How the usable offers are looked at.
    pub offers: OfferView,
    /// The selected offer, by identity: a refresh does not move it to another one.
    pub selected: Option<OfferId>,
    /// The offer that is to be compared with another.
    pub marked: Option<OfferId>,
    /// What the offers pane shows.
    pub offer_list: OfferList,
    /// Rows that the list of rejected offers is scrolled by.
    pub rejected_scroll: usize,
    /// Place of the selected machine among those that are avoided.
    pub avoided_at: usize,
    /// The selected registration, by its name.
    pub selected_node: Option<NodeId>,
    /// Lines that the charts are scrolled by, where they do not fit.
    pub charts_scroll: usize,
    /// Place of the selected sprint among the past ones, the newest first.
    pub past_at: usize,
    /// The log that is shown: the rental's, or that of a past one.
    pub boot_log: BootLog,
    /// The past rental whose log it is.
    pub past: Option<InstanceId>,
    /// The log's view.
    pub log: LogView,
    /// What the last frame shows where.
    pub targets: Targets,
    /// Figures as they changed.
    pub trends: Trends,
    /// The line that the operator types.
    pub prompt: Option<Prompt>,
    /// What the loop is to do beside drawing.
    pub task: Option<Task>,
    /// Something that an operator who looks elsewhere must know: to be rung for.
    pub ring: Option<String>,
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
        let boot_log = snapshot.boot_log.clone();
        let mut trends = Trends::default();
        trends.take(&snapshot);
        let log = LogView::new(&boot_log);
        let offers = OfferView::new(&snapshot.offers.rows);
        Model {
            role: Role::Driver,
            keymap: Keymap::usual(),
            snapshot,
            since_snapshot: Duration::zero(),
            focus: work,
            work,
            zoom: false,
            dialog: None,
            dialog_drawn: false,
            typed: String::new(),
            typed_above: None,
            overlay: None,
            offers,
            selected,
            marked: None,
            offer_list: OfferList::Usable,
            rejected_scroll: 0,
            avoided_at: 0,
            selected_node: None,
            charts_scroll: 0,
            past_at: 0,
            boot_log,
            past: None,
            log,
            targets: Targets::default(),
            trends,
            prompt: None,
            task: None,
            ring: None,
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

    /// The row in which the selected offer is shown.
    pub fn selected_row(&self) -> Option<usize> {
        self.offers.row_of(self.selected?)
    }

    /// The selected offer, where it is shown.
    pub fn selected_offer(&self) -> Option<&RankedOffer> {
        let (_, row) = self.offers.row(self.selected_row()?)?;
        Some(row)
    }

    /// The selected machine among those that are avoided.
    pub fn selected_avoided(&self) -> Option<&AvoidedMachine> {
        let avoided = &self.snapshot.offers.avoided;
        avoided.get(self.avoided_at.min(avoided.len().saturating_sub(1)))
    }

    /// Place of the selected registration, the first when none is.
    pub fn selected_node(&self) -> Option<(usize, &NodeRow)> {
        let rows = &self.snapshot.nodes.rows;
        let is_it = |row: &NodeRow| Some(&row.node.config.id) == self.selected_node.as_ref();
        let place = rows.iter().position(is_it).unwrap_or(0);
        Some((place, rows.get(place)?))
    }

    /// The selected sprint among the past ones.
    pub fn selected_past(&self) -> Option<&PastSprintRow> {
        let past = &self.snapshot.history;
        let at = self.past_at.min(past.len().saturating_sub(1));
        past.iter().rev().nth(at)
    }

    /// Shows another log, from its end.
    pub fn show_log(&mut self, past: Option<InstanceId>, log: BootLog) {
        let size = self.log.size;
        self.past = past;
        self.log = LogView::new(&log);
        self.log.size = size;
        self.boot_log = log;
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

    /// The word that agrees to the open question, where `y` is too little: of a large sum the whole
    /// dollars, of somebody else's node its name.
    pub fn word(&self) -> Option<String> {
        match self.dialog.as_ref()? {
            Dialog::Rent(row) => {
                let is_much = self.typed_above.is_some_and(|sum| row.worst_cost > sum);
                is_much.then(|| format!("{:.0}", row.worst_cost.dollars().ceil()))
            }
            Dialog::Node { node, owner, .. } => {
                let is_ours = matches!(owner, NodeOwner::Sprint | NodeOwner::Leftover);
                (!is_ours).then(|| node.to_string())
            }
            _ => None,
        }
    }

    /// What the terminal's title says: where it is, what it costs, how long to `PoC`. By the minute, so
    /// that it is seldom written.
    pub fn title(&self) -> String {
        let snapshot = &self.snapshot;
        let step = snapshot.sprint.step.name().to_uppercase();
        let gate = self.gate().map(|kind| format!(" GATE {kind}"));
        let reading = snapshot.chain.reading.as_ref();
        let ahead = reading.filter(|reading| reading.poc_start.blocks_left.0 > 0);
        let poc = ahead.and_then(|reading| reading.poc_start.expected);
        let left = poc.map(|band| (band.p50 - self.now()).num_minutes());
        let left = left
            .filter(|minutes| *minutes >= 0)
            .map(|minutes| format!(", PoC in {}h {:02}m", minutes / 60, minutes % 60));
        format!(
            "pocpit: {step}{} {}{}",
            gate.unwrap_or_default(),
            snapshot.money.per_hour,
            left.unwrap_or_default()
        )
    }

    /// Shows a short word to the operator.
    pub fn say(&mut self, text: impl Into<String>) {
        self.toast = Some((text.into(), TOAST_TICKS));
    }

    /// Opens a question; keys count once it is drawn. What was being typed is no answer to it.
    pub fn ask(&mut self, dialog: Dialog) {
        self.prompt = None;
        self.typed.clear();
        self.dialog = Some(dialog);
        self.dialog_drawn = false;
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
