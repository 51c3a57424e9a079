//! Whether the account's credit will do for the next sprint: a refusal at the time to rent comes too
//! late for an operator who sleeps.

use crate::domain::{Time, Usd};
use crate::engine::alerts::condition::Condition;
use crate::engine::alerts::onset::Began;
use crate::engine::snapshot::{Alert, AlertLevel};
use crate::engine::state::Engine;

/// Past sprints that say what one costs.
const LATELY: usize = 5;

/// What the next sprint may cost, and how that is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Needed {
    /// The cheapest usable offer's worst case.
    Offer(Usd),
    /// The dearest of the last sprints.
    Lately(Usd),
}

impl Engine {
    pub(crate) fn credit_alert(&self, now: Time, began: &mut Began) -> Option<Alert> {
        if self.sprint.rental().is_some() {
            return None;
        }
        let (_, account) = self.seen.account.as_ref()?;
        let floor = self.config.budget.credit_floor;
        let needed = self.needed()?;
        let text = shortage(account.credit, floor, needed)?;
        Some(began.alert(
            Condition::LowCredit,
            now,
            AlertLevel::Warning,
            text,
            "add credit to the Vast account before PoC: nothing is rented without it",
        ))
    }

    fn needed(&self) -> Option<Needed> {
        let rows = self
            .seen
            .market
            .iter()
            .flat_map(|market| market.rows.iter());
        if let Some(cheapest) = rows.map(|row| row.worst_cost).min() {
            return Some(Needed::Offer(cheapest));
        }
        let lately = self.past.iter().rev().take(LATELY);
        let costs = lately.map(|past| Usd::from_dollars(past.report.cost_usd));
        costs
            .max()
            .filter(|cost| *cost > Usd::ZERO)
            .map(Needed::Lately)
    }
}

fn shortage(credit: Usd, floor: Usd, needed: Needed) -> Option<String> {
    let left = credit.left_after(floor);
    let (most, how) = match needed {
        Needed::Offer(cost) => (cost, "the cheapest usable offer at worst"),
        Needed::Lately(cost) => (cost, "what one cost lately"),
    };
    let kept = if floor > Usd::ZERO {
        format!(", {floor} of it are kept by budget.credit_floor")
    } else {
        String::new()
    };
    (left < most).then(|| {
        format!("the account's credit is {credit}{kept}: the next sprint may cost {most} ({how})")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credit_is_short_when_what_may_be_spent_is_less_than_a_sprint_may_cost() {
        let usd = Usd::from_dollars;
        let offer = Needed::Offer(usd(12.94));
        assert_eq!(shortage(usd(20.0), usd(5.0), offer), None);
        let short = shortage(usd(17.0), usd(5.0), offer).unwrap();
        assert!(short.contains("$17.00, $5.00 of it are kept"), "{short}");
        let short = shortage(usd(3.0), Usd::ZERO, Needed::Lately(usd(9.0))).unwrap();
        assert_eq!(
            short,
            "the account's credit is $3.00: the next sprint may cost $9.00 (what one cost lately)"
        );
    }
}
