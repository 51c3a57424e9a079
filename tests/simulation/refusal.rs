//! A refusal of the budget leaves no less than the world knows of: what an earlier rental had reserved does
//! not count once it is gone.

use pocpit::domain::{Duration, SprintReport, Time};
use pocpit::world::Truth;

/// What was spent longer before a sprint is in no window of 24 hours, however wrong the program's clock is.
const DAY: Duration = Duration::hours(26);
/// Dollars: rentals count until they are proven gone, and their weights in full.
const SLACK: f64 = 1.0;

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
    /// Of a report that ends with one.
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

    /// Dollars that are missing from what it says, for a sprint that began then.
    pub fn unexplained(self, caps: super::judge::Caps, begun: Time, truth: &Truth) -> Option<f64> {
        let (cap, since) = match self.cap {
            Cap::Sprint => (caps.sprint, begun),
            Cap::Day => (caps.day, begun - DAY),
        };
        let ours = truth.rentals.iter().filter(|rental| {
            let is_in = rental.ended.is_none_or(|ended| ended >= since);
            rental.label.starts_with("pocpit/") && is_in
        });
        let spent: f64 = ours.map(|rental| rental.cost.dollars()).sum();
        let missing = cap - 1.02 * spent - SLACK - self.left;
        (missing > 0.0).then_some(missing)
    }
}
