//! Offers and money.

use crate::domain::{Account, CallError, Duration, Time, Usd};
use crate::engine::effects::requests;
use crate::engine::observe::freshness::Feed;
use crate::engine::state::{Engine, MAX_OFFERS, market_view};
use crate::flow::{Candidate, Effect, EffectKey, Event, Funds};
use crate::vast::{RankedOffers, RentalHistory, rank};

/// Credit that was read longer ago than this is unknown.
const CREDIT_FRESH: Duration = Duration::minutes(10);

impl Engine {
    pub(crate) fn on_account(&mut self, now: Time, account: Account) {
        self.observed.freshness.mark(Feed::Account, now);
        self.observed.account = Some((now, account));
    }

    pub(crate) fn on_offers(
        &mut self,
        now: Time,
        effect: &Effect,
        offers: Result<Vec<crate::domain::Offer>, CallError>,
        account: &Result<Account, CallError>,
    ) {
        self.observed.searching = false;
        let event = match offers {
            Err(error) => {
                self.observed.search_error = Some(error.to_string());
                Event::SearchFailed(error)
            }
            Ok(offers) => {
                self.observed.search_error = None;
                if let Ok(account) = account {
                    self.on_account(now, *account);
                }
                let ranked = self.rank(now, effect, offers);
                let candidates = ranked
                    .usable
                    .iter()
                    .take(MAX_OFFERS)
                    .map(|usable| Candidate {
                        offer: usable.offer.clone(),
                        price: usable.price,
                        worst_cost: usable.worst_cost,
                    });
                let event = Event::OffersRanked {
                    offers: candidates.collect(),
                    funds: self.funds(now),
                };
                self.observed.market = Some(market_view(now, ranked));
                event
            }
        };
        self.dispatch(now, event);
        self.effect_ended(EffectKey::Search);
    }

    fn rank(&self, now: Time, effect: &Effect, offers: Vec<crate::domain::Offer>) -> RankedOffers {
        let experience = RentalHistory {
            blocked: &self.ledger.avoided(now),
            boots: self.ledger.boots(),
        };
        let needs = requests::needs(now, effect, &self.config);
        rank(offers, &self.config.vast.query, &needs, &experience)
    }

    /// What the account had a moment ago; an old reading says nothing of what is there now.
    fn credit(&self, now: Time) -> Option<Usd> {
        let (at, account) = self.observed.account?;
        (now - at <= CREDIT_FRESH).then_some(account.credit)
    }

    pub(crate) fn funds(&self, now: Time) -> Funds {
        let reserved = self.ledger.reserved(now);
        let back = self.observed.clock_ahead();
        let within = |window| self.ledger.spent_within(window + back, now) + reserved;
        Funds {
            sprint: self.ledger.spent_in_sprint(now) + reserved,
            day: within(Duration::hours(24)),
            month: within(Duration::days(30)),
            hour: self.ledger.price_of_open_rentals(),
            credit: self.credit(now),
        }
    }
}
