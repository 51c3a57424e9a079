//! What a step is about: the panes that belong to it.

use super::pane::Pane;
use crate::domain::{GateKind, Step};
use crate::engine::SprintSnapshot;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scene {
    Waiting,
    Choosing,
    /// Something rented comes up, or serves.
    Booting,
    Proving,
    Releasing,
    Done,
}

impl Scene {
    pub fn of(sprint: &SprintSnapshot) -> Scene {
        if sprint.gate.as_ref().map(|gate| gate.kind) == Some(GateKind::Hedge) {
            return Scene::Choosing;
        }
        Scene::of_step(sprint.step)
    }

    pub fn of_step(step: Step) -> Scene {
        match step {
            Step::Waiting => Scene::Waiting,
            Step::Choosing => Scene::Choosing,
            Step::Renting | Step::Booting | Step::Warming | Step::Serving => Scene::Booting,
            Step::Registering | Step::Proving => Scene::Proving,
            Step::Confirming | Step::Releasing => Scene::Releasing,
            Step::Done => Scene::Done,
        }
    }

    /// The pane that has the keys, until another one is picked.
    pub fn home(self) -> Pane {
        match self {
            Scene::Waiting => Pane::Schedule,
            Scene::Choosing => Pane::Offers,
            Scene::Booting => Pane::Boot,
            Scene::Proving => Pane::Nodes,
            Scene::Releasing | Scene::Done => Pane::Sprint,
        }
    }
}
