//! Which sections are on the screen: by the step, or the pane that was picked.

use super::blocks::{Column, Split};
use crate::tui::breakpoint::Breakpoint;
use crate::tui::fleet::FleetKey;
use crate::tui::model::Model;
use crate::tui::pane::Pane;
use crate::tui::scene::Scene;
use crate::tui::section::Section::{
    Epochs, Fleet, FleetDetail, Gpus, History, Log, Money, Nodes, Offers, ProgramLog, Proof,
    Rental, Schedule, Sprint, Stages, Trends,
};

pub fn body(model: &Model, size: Breakpoint) -> Column {
    if model.zoom {
        return of_pane(model, model.focus, size);
    }
    let scene = of_scene(model.scene(), size);
    let Some(picked) = model.picked else {
        return scene;
    };
    let pane = of_pane(model, picked.pane, size);
    if size < Breakpoint::Wide {
        return pane;
    }
    if size == Breakpoint::Full && picked.pane == Pane::Fleet {
        return full_fleet(model);
    }
    // The step's sections keep the rest.
    let rest = scene.without(&pane.sections());
    Column {
        blocks: pane.blocks,
        fillers: rest.blocks.into_iter().chain(rest.fillers).collect(),
    }
}

fn of_scene(scene: Scene, size: Breakpoint) -> Column {
    match size {
        Breakpoint::Tiny | Breakpoint::Narrow => narrow(scene),
        Breakpoint::Normal => normal(scene),
        Breakpoint::Wide => wide(scene),
        Breakpoint::Full => full(scene),
    }
}

fn narrow(scene: Scene) -> Column {
    match scene {
        Scene::Waiting => Column::of([Schedule]),
        Scene::Choosing => Column::of([Offers]),
        Scene::Booting => Column::of([Stages, Log]),
        Scene::Proving => Column::of([Proof, Nodes]),
        Scene::Releasing | Scene::Done => Column::of([Sprint]),
    }
}

fn normal(scene: Scene) -> Column {
    match scene {
        Scene::Waiting => Column::of([Schedule, History]).filled_with([Money]),
        Scene::Choosing => Column::of([Offers]).filled_with([Money, Trends]),
        Scene::Booting => Column::of([Stages, Log]),
        Scene::Proving => Column::of([Proof, Nodes]).filled_with([Gpus, Log]),
        Scene::Releasing => Column::of([Sprint, Nodes]).filled_with([Money, ProgramLog]),
        Scene::Done => Column::of([Sprint, History]).filled_with([Money, Trends]),
    }
}

fn wide(scene: Scene) -> Column {
    let (top, below) = match scene {
        Scene::Waiting => {
            let left = Column::of([Schedule]).filled_with([Money, Nodes, Offers]);
            (
                left.beside(Split::Even, Column::of([Epochs])),
                [History].as_slice(),
            )
        }
        Scene::Choosing => {
            let left = Column::of([Schedule]).filled_with([Nodes, History]);
            let right = Column::of([Epochs]);
            let below = left.beside(Split::Even, right);
            return Column::of([Offers]).then(below).filled_with([Trends]);
        }
        Scene::Booting => {
            let top = Column::of([Stages]).beside(Split::List, Column::of([Rental]));
            (top, [Log].as_slice())
        }
        Scene::Proving => {
            let top = Column::of([Proof]).beside(Split::List, Column::of([Gpus]));
            (top, [Nodes, Log].as_slice())
        }
        Scene::Releasing => {
            let right = Column::of([Money]).filled_with([Trends]);
            let top = Column::of([Sprint]).beside(Split::List, right);
            (top, [Nodes, ProgramLog, History].as_slice())
        }
        Scene::Done => {
            let left = Column::of([Sprint]).filled_with([Money, Nodes, Schedule]);
            (
                left.beside(Split::Even, Column::of([Epochs])),
                [History].as_slice(),
            )
        }
    };
    let column = below
        .iter()
        .fold(Column::of([top]), |column, it| column.then(*it));
    let rest = if scene == Scene::Releasing {
        Epochs
    } else {
        Trends
    };
    column.filled_with([rest])
}

fn full(scene: Scene) -> Column {
    let (left, right) = full_columns(scene);
    Column::of([left.beside(Split::Screen, right)])
}

/// The fleet in the left column, the selected row in the right one; the step's sections keep the rest.
fn full_fleet(model: &Model) -> Column {
    let side = fleet_side(model, Breakpoint::Full);
    let (left, right) = full_columns(model.scene());
    let left = Column::of([Fleet]).filled_with(left.without(&side.sections()).sections());
    let right = right.without(&side.sections()).sections();
    Column::of([left.beside(Split::Screen, side.filled_with(right))])
}

/// What stands beside the fleet: the selected row and, on a large screen, its log.
fn fleet_side(model: &Model, size: Breakpoint) -> Column {
    let selected = model.fleet.selected_row().map(|(_, row)| &row.key);
    let snapshot = &model.snapshot;
    let is_shown = match selected {
        Some(FleetKey::Sprint) => true,
        Some(FleetKey::Replica(id)) => *id == snapshot.replica,
        _ => false,
    };
    let has_log = is_shown && snapshot.rental.is_some();
    if size == Breakpoint::Full && has_log {
        return Column::of([FleetDetail, Log]);
    }
    Column::of([FleetDetail])
}

fn full_columns(scene: Scene) -> (Column, Column) {
    let (left, right) = match scene {
        Scene::Waiting => (
            Column::of([Schedule, Offers, Epochs]),
            Column::of([Money, Nodes, History]),
        ),
        Scene::Choosing => (
            Column::of([Offers, Schedule, Epochs]),
            Column::of([Money, Nodes, History]),
        ),
        Scene::Booting => (
            Column::of([Stages, Log, Epochs]),
            Column::of([Rental, Schedule, Money, Nodes, History]),
        ),
        Scene::Proving => (
            Column::of([Proof, Nodes, Log, Epochs]),
            Column::of([Gpus, Schedule, Money, History]),
        ),
        Scene::Releasing => (
            Column::of([Sprint, Nodes, ProgramLog, Epochs]),
            Column::of([Money, Schedule, History]),
        ),
        Scene::Done => (
            Column::of([Sprint, Schedule, Epochs]),
            Column::of([Money, Nodes, History]),
        ),
    };
    (left, right.filled_with([Trends]))
}

/// A pane that was picked or fills the screen.
pub(super) fn of_pane(model: &Model, pane: Pane, size: Breakpoint) -> Column {
    let is_wide = size >= Breakpoint::Wide;
    let beside = |left, right| {
        if is_wide {
            Column::of([Column::of([left]).beside(Split::List, Column::of([right]))])
        } else {
            Column::of([left])
        }
    };
    match pane {
        Pane::Fleet => match size {
            Breakpoint::Tiny | Breakpoint::Narrow => Column::of([Fleet]),
            Breakpoint::Normal => Column::of([Fleet, FleetDetail]),
            Breakpoint::Wide | Breakpoint::Full => {
                let split = if size == Breakpoint::Full {
                    Split::Screen
                } else {
                    Split::List
                };
                let list = Column::of([Fleet]);
                Column::of([list.beside(split, fleet_side(model, size))])
            }
        },
        Pane::Schedule => Column::of([Schedule]).filled_with([Trends]),
        Pane::Sprint => beside(Sprint, Money),
        Pane::Offers => Column::of([Offers]),
        Pane::Boot => beside(Stages, Rental).then(Log),
        Pane::Nodes => Column::of([Proof, Nodes]),
        Pane::Journal => Column::of([ProgramLog]),
        Pane::History => Column::of([History]),
        Pane::Charts => Column::of([Epochs, Trends]).filled_with([Gpus]),
    }
}
