//! What a refusal of the budget says is left, against the world: what a rental had reserved must not count
//! once the rental is gone.

use std::ops::Range;

use pocpit::domain::{Duration, SprintReport, Time};
use pocpit::world::{TrueRental, Truth};

use crate::judge::Caps;

/// What was spent longer before a sprint is in no window of 24 hours, however wrong the program's clock is.
const DAY: Duration = Duration::hours(26);
/// Dollars: rentals count until they are proven gone, also by a program that was dead for a quarter of an
/// hour, and their weights in full. What a rental had reserved is more.
const SLACK: f64 = 2.5;

/// What a refusal says is left of a cap of this sprint or of the day.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Refusal {
    cap: Cap,
    left: f64,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Cap {
    Sprint,
    Day,
}

impl Refusal {
    /// The refusal that a report ends with, if it does.
    pub fn of(report: &SprintReport) -> Option<Refusal> {
        let cause = report.cause.as_deref()?;
        let said = cause.strip_prefix("budget_refused: ")?;
        let cap = match said {
            said if said.contains("budget.per_sprint") => Cap::Sprint,
            said if said.contains("budget.per_day") => Cap::Day,
            _ => return None,
        };
        let (before, _) = said.split_once(" is left")?;
        let left = before.rsplit('$').next()?.parse().ok()?;
        Some(Refusal { cap, left })
    }

    /// Dollars that should be left beyond what it says, for a sprint that began at `begun`. A rental counts
    /// until its sprint's end, when it was proven gone: for an hour the market may show nobody its rentals.
    pub fn unexplained(
        self,
        caps: Caps,
        begun: Time,
        truth: &Truth,
        sprints: &[Range<Time>],
    ) -> Option<f64> {
        let (cap, since) = match self.cap {
            Cap::Sprint => (caps.sprint, begun),
            Cap::Day => (caps.day, begun - DAY),
        };
        let ours = truth.rentals.iter().filter(|rental| {
            let is_in = rental.ended.is_none_or(|ended| ended >= since);
            rental.label.starts_with("pocpit/") && is_in
        });
        let spent: f64 = ours.map(|rental| counted(rental, sprints)).sum();
        let missing = cap - 1.02 * spent - SLACK - self.left;
        (missing > 0.0).then_some(missing)
    }
}

/// What a rental costs until its sprint's end, in dollars.
fn counted(rental: &TrueRental, sprints: &[Range<Time>]) -> f64 {
    let cost = rental.cost.dollars();
    let sprint = sprints.iter().find(|one| one.contains(&rental.started));
    let (Some(sprint), Some(ended)) = (sprint, rental.ended) else {
        return cost;
    };
    let uncertain = (sprint.end - ended).max(Duration::zero());
    cost + rental.price.times(uncertain).dollars()
}

#[test]
fn leftover_reservation_is_noticed() {
    use pocpit::domain::{Cause, EpochIndex, ReplicaId};
    use pocpit::world::{Scenario, World};

    let start = Time::from_timestamp(1_790_000_000, 0).unwrap();
    let truth = World::new(7, Scenario::default(), start).truth();
    let unexplained = |left: &str| {
        let said = format!(
            "a worst case of $18.00 does not fit into the budget of 24 hours (budget.per_day): {left} is left, $1.00 is missing"
        );
        let report = SprintReport::not_tried(
            ReplicaId::default(),
            EpochIndex(1),
            &Cause::new("budget_refused", said),
        );
        let refusal = Refusal::of(&report).expect("a refusal");
        refusal.unexplained(Caps::TIGHT, start, &truth, &[])
    };
    // Nothing was spent: all of the $22 should be left.
    assert_eq!(unexplained("$22.00"), None);
    let missing = unexplained("$5.00").expect("a leftover");
    assert!((missing - 14.5).abs() < 1e-9, "{missing}");
}
