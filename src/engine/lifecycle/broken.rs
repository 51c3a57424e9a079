//! A sprint whose state machine breaks takes down only itself: its rental is released, the others go on, and
//! its replica joins again in the next epoch.

use crate::domain::{Cause, Step, Time};
use crate::engine::failpoint::{Failpoint, failpoint_in};
use crate::engine::state::{Broken, PanicEnds, Replica, Shared};
use crate::engine::supervise::{TaskPanic, contain};
use crate::flow::{Effect, Event, Sprint};

impl Replica {
    /// What its sprint wants done after an event.
    pub(crate) fn handle(&mut self, now: Time, event: Event) -> Vec<Effect> {
        let effects = match self.panic_ends {
            PanicEnds::Engine => handled(&mut self.sprint, now, event),
            PanicEnds::Sprint => contain(|| handled(&mut self.sprint, now, event))
                .unwrap_or_else(|panic| self.take_down(now, &panic)),
        };
        // It rents again.
        if self.sprint.step() == Step::Choosing && self.sprint.ending().is_none() {
            self.broken = None;
        }
        effects
    }

    /// The sprint as it was last recorded takes down what it has, as after a restart. One that breaks while it
    /// ends is over at once: then reconciling takes down what it had.
    fn take_down(&mut self, now: Time, panic: &TaskPanic) -> Vec<Effect> {
        let step = self.sprint.step();
        tracing::error!("{}the sprint broke in step {step}: {panic}", self.tag);
        let why = format!("{panic}, in step {step}");
        let advice = "This is a bug in pocpit: please report it with the log";
        let cause = Cause::new("sprint_broke", format!("{why}. {advice}"));
        self.waiting.clear();
        self.broken.get_or_insert(Broken { at: now, why });
        let recorded = self.checkpoint.clone();
        let recorded = recorded.filter(|_| self.sprint.ending().is_none());
        let ending = recorded.and_then(|mut sprint| {
            contain(|| {
                sprint.give_up(cause.clone());
                let effects = handled(&mut sprint, now, Event::Resumed);
                (sprint, effects)
            })
            .ok()
        });
        if let Some((sprint, effects)) = ending {
            self.sprint = sprint;
            return effects;
        }
        self.sprint = self.sprint.clone().abandoned(now, cause);
        Vec::new()
    }
}

fn handled(sprint: &mut Sprint, now: Time, event: Event) -> Vec<Effect> {
    failpoint_in(Failpoint::Sprint, sprint.step());
    sprint.handle(now, event)
}

impl Shared {
    /// What a replica rents or may have rented.
    pub(crate) fn rents(&self, replica: &Replica) -> bool {
        let open = self.ledger.open_rentals();
        open.iter().any(|open| open.replica == replica.id)
    }
}
