//! Whether the credit is enough for the next sprint: when a rent is refused it is too late to ask an
//! operator who sleeps.

use crate::domain::{Time, Usd};
use crate::engine::alerts::alert::{Alert, AlertLevel, Condition};
use crate::engine::alerts::onset::Onsets;
use crate::engine::state::Engine;

/// The cost of a sprint is estimated from so many past ones.
const RECENT_SPRINTS: usize = 5;

/// What the next sprint may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum RequiredCredit {
    /// The cheapest usable offer's worst case.
    CheapestOffer(Usd),
    /// The most expensive of the last sprints.
    RecentSprints(Usd),
}

impl Engine {
    pub(crate) fn credit_alert(&self, now: Time, onsets: &mut Onsets) -> Option<Alert> {
        if self.replicas.rentals().next().is_some() {
            return None;
        }
        let (_, account) = self.shared.observed.account.as_ref()?;
        let floor = self.shared.config.budget.credit_floor;
        let needed = self.required_credit()?;
        let text = shortage(account.credit, floor, needed)?;
        Some(onsets.alert(
            Condition::LowCredit,
            now,
            AlertLevel::Warning,
            text,
            "add credit to the Vast account before PoC: nothing is rented without it",
        ))
    }

    fn required_credit(&self) -> Option<RequiredCredit> {
        let offers = self
            .shared
            .observed
            .markets
            .values()
            .flat_map(|market| market.rows.iter());
        let cheapest = offers.map(|offer| offer.worst_cost).min();
        let recent = self.shared.history.iter().rev().take(RECENT_SPRINTS);
        let costs = recent.map(|past| Usd::from_dollars(past.report.cost_usd));
        cheapest.map(RequiredCredit::CheapestOffer).or_else(|| {
            let most = costs.max().filter(|cost| *cost > Usd::ZERO);
            most.map(RequiredCredit::RecentSprints)
        })
    }
}

fn shortage(credit: Usd, floor: Usd, needed: RequiredCredit) -> Option<String> {
    let left = credit.left_after(floor);
    let (most, how) = match needed {
        RequiredCredit::CheapestOffer(cost) => (cost, "the cheapest usable offer at worst"),
        RequiredCredit::RecentSprints(cost) => (cost, "the most that a recent sprint cost"),
    };
    let kept = if floor > Usd::ZERO {
        format!(", of which budget.credit_floor keeps {floor}")
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
    fn credit_below_a_sprints_cost_is_short() {
        let usd = Usd::from_dollars;
        let offer = RequiredCredit::CheapestOffer(usd(12.94));
        assert_eq!(shortage(usd(20.0), usd(5.0), offer), None);
        let short = shortage(usd(17.0), usd(5.0), offer).unwrap();
        assert!(
            short.contains("$17.00, of which budget.credit_floor keeps $5.00"),
            "{short}"
        );
        let short = shortage(usd(3.0), Usd::ZERO, RequiredCredit::RecentSprints(usd(9.0))).unwrap();
        assert_eq!(
            short,
            "the account's credit is $3.00: the next sprint may cost $9.00 (the most that a recent sprint cost)"
        );
    }
}
