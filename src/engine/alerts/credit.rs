//! Whether the credit is enough for the next sprint: when a rent is refused it is too late to ask an
//! operator who sleeps.

use crate::domain::{AccountName, Time, Usd};
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
    /// Of accounts that pay for a pool.
    pub(crate) fn credit_alerts(&self, now: Time, onsets: &mut Onsets) -> Vec<Alert> {
        if self.replicas.rentals().next().is_some() {
            return Vec::new();
        }
        let accounts = self.shared.config.accounts();
        let alerts = accounts.filter_map(|account| {
            let (_, read) = self.shared.observed.account(&account.name)?.account?;
            let needed = self.required_credit(&account.name)?;
            let title = match self.shared.config.other_accounts.as_slice() {
                [] => "the account's credit".to_owned(),
                _ => format!("the credit of account {}", account.name),
            };
            let text = shortage(&title, read.credit, account.credit_floor, needed)?;
            Some(onsets.alert(
                Condition::LowCredit.of(&account.name),
                now,
                AlertLevel::Warning,
                text,
                "add credit to the Vast account before PoC: nothing is rented without it",
            ))
        });
        alerts.collect()
    }

    fn required_credit(&self, account: &AccountName) -> Option<RequiredCredit> {
        let pools = self.shared.config.pools.iter();
        let mut paid = pools.filter(|pool| pool.account == *account).peekable();
        paid.peek()?;
        let markets = paid.filter_map(|pool| self.shared.observed.markets.get(&pool.name));
        let offers = markets.flat_map(|market| market.rows.iter());
        let cheapest = offers.map(|offer| offer.worst_cost).min();
        let recent = self.shared.history.iter().rev().take(RECENT_SPRINTS);
        let costs = recent.map(|past| Usd::from_dollars(past.report.cost_usd));
        cheapest.map(RequiredCredit::CheapestOffer).or_else(|| {
            let most = costs.max().filter(|cost| *cost > Usd::ZERO);
            most.map(RequiredCredit::RecentSprints)
        })
    }
}

fn shortage(title: &str, credit: Usd, floor: Usd, needed: RequiredCredit) -> Option<String> {
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
    (left < most)
        .then(|| format!("{title} is {credit}{kept}: the next sprint may cost {most} ({how})"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credit_below_a_sprints_cost_is_short() {
        let (usd, title) = (Usd::from_dollars, "the account's credit");
        let offer = RequiredCredit::CheapestOffer(usd(12.94));
        assert_eq!(shortage(title, usd(20.0), usd(5.0), offer), None);
        let short = shortage(title, usd(17.0), usd(5.0), offer).unwrap();
        assert!(
            short.contains("$17.00, of which budget.credit_floor keeps $5.00"),
            "{short}"
        );
        let short = shortage(
            title,
            usd(3.0),
            Usd::ZERO,
            RequiredCredit::RecentSprints(usd(9.0)),
        )
        .unwrap();
        assert_eq!(
            short,
            "the account's credit is $3.00: the next sprint may cost $9.00 (the most that a recent sprint cost)"
        );
    }
}
