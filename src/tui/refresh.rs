//! The model of the first snapshot, and what follows each new one.

use std::sync::Arc;

use super::column_scroll::ColumnScroll;
use super::fleet::{self, FleetPane};
use super::hit_areas::HitAreas;
use super::log::{LogPane, RentalMarks};
use super::model::{Answer, Effects, Model, Role};
use super::offers::OffersPane;
use super::scene::Scene;
use super::trends::Trends;
use crate::domain::Duration;
use crate::engine::{LogBuffer, Snapshot};

impl Model {
    pub fn new(snapshot: Arc<Snapshot>) -> Model {
        let mut trends = Trends::default();
        trends.record(&snapshot);
        let mut model = Model {
            role: Role::Driver,
            since_snapshot: Duration::zero(),
            confirm_above: None,
            focus: Scene::of(&snapshot.sprint).home(),
            picked: None,
            visible: Vec::new(),
            zoom: false,
            dialog: None,
            answer: Answer::default(),
            overlay: None,
            prompt: None,
            toast: None,
            offers: OffersPane::new(&snapshot.offers.rows),
            log: LogPane::new(snapshot.boot_log.clone()),
            program_log: LogPane::new(LogBuffer::default()),
            rental_marks: RentalMarks::default(),
            fleet: FleetPane::default(),
            selected_node: None,
            node_columns: ColumnScroll::default(),
            history_columns: ColumnScroll::default(),
            node_filter: String::new(),
            history_index: 0,
            history_filter: String::new(),
            trends,
            hit_areas: HitAreas::default(),
            effects: Effects::default(),
            quitting: false,
            seen_refusal: None,
            seen_until: None,
            exit: None,
            received: snapshot.clone(),
            snapshot,
        };
        model.update_log();
        model.update_fleet();
        model
    }

    /// The fleet follows the snapshot.
    pub fn update_fleet(&mut self) {
        self.fleet.groups = fleet::groups(self);
    }

    /// The rental's log follows the snapshot, unless a past one is shown.
    pub fn update_log(&mut self) {
        let mut marks = self.rental_marks.of(&self.snapshot, self.poc_started());
        if self.lacks_log() {
            // There are no lines that they could stand between.
            marks.clear();
        }
        if self.log.past.is_none() {
            self.log.set_log(self.snapshot.boot_log.clone());
            self.log.set_marks(marks);
        }
    }

    /// Goes back from a past rental's log.
    pub fn show_live_log(&mut self) {
        self.log.show(None, self.snapshot.boot_log.clone());
        self.update_log();
    }

    /// A view of the engine of another process.
    pub fn viewing(snapshot: Arc<Snapshot>, driver: u32) -> Model {
        Model {
            role: Role::Viewer { driver },
            ..Model::new(snapshot)
        }
    }
}
