//! Offers and money.

use std::sync::Arc;

use crate::domain::{Account, CallError, Duration, Offer, RankedOffer, ReplicaId, Time, Usd};
use crate::engine::effects::requests;
use crate::engine::observe::freshness::Feed;
use crate::engine::snapshot::RejectedOffer;
use crate::engine::state::{MAX_OFFERS, MarketView, Replica, Shared};
use crate::fleet::deal::{Spread, Taken};
use crate::flow::{Candidate, Effect, EffectKey, Event, Funds};
use crate::vast::{RankedOffers, RentalHistory, rank};

/// Credit read longer ago than this counts as unknown.
const CREDIT_FRESH: Duration = Duration::minutes(10);

impl Replica {
    pub(crate) fn on_offers(
        &mut self,
        shared: &mut Shared,
        now: Time,
        effect: &Effect,
        offers: Result<Vec<Offer>, CallError>,
        account: &Result<Account, CallError>,
    ) {
        shared.observed.searching = false;
        let event = match offers {
            Err(error) => {
                shared.observed.search_error = Some(error.to_string());
                Event::SearchFailed(error)
            }
            Ok(offers) => {
                shared.observed.search_error = None;
                if let Ok(account) = account {
                    shared.on_account(now, *account);
                }
                let ranked = self.rank(shared, now, effect, offers);
                let view = market_view(now, ranked);
                let event = Event::OffersRanked {
                    offers: self.deal(shared, now, &view.rows),
                    funds: self.funds(shared, now),
                };
                let pool = self.id.pool.clone();
                shared.observed.markets.insert(pool, view);
                event
            }
        };
        self.dispatch(shared, now, event);
        self.effect_ended(shared, EffectKey::Search);
    }

    /// The offers that no other replica has taken, in their order.
    fn deal(&self, shared: &Shared, now: Time, rows: &[RankedOffer]) -> Vec<Candidate> {
        let taken = &shared.taken_from(&self.id);
        let admitted = |spread| {
            let rows = rows.iter();
            rows.filter(move |row| taken.admits(&row.offer, spread))
        };
        let spread = Spread::PerHost(self.max_per_host);
        let is_late = self.sprint.is_short_of_time(now);
        let spread = if is_late && admitted(spread).next().is_none() {
            Spread::Anywhere
        } else {
            spread
        };
        let candidates = admitted(spread).map(|row| Candidate {
            offer: row.offer.clone(),
            price: row.price,
            worst_cost: row.worst_cost,
        });
        candidates.collect()
    }

    fn rank(
        &self,
        shared: &Shared,
        now: Time,
        effect: &Effect,
        offers: Vec<Offer>,
    ) -> RankedOffers {
        let experience = RentalHistory {
            blocked: &shared.ledger.avoided(now),
            boots: shared.ledger.boots(),
        };
        let needs = requests::needs(now, effect, &self.config);
        rank(offers, &self.config.vast.query, &needs, &experience)
    }

    pub(crate) fn funds(&self, shared: &Shared, now: Time) -> Funds {
        let reserved = shared.ledger.reserved(now);
        let back = shared.observed.skew.perhaps_ahead();
        let within = |window| shared.ledger.spent_within(window + back, now) + reserved;
        Funds {
            sprint: shared.ledger.spent_in_sprint(&self.id, now)
                + shared.ledger.reserved_by(&self.id, now),
            day: within(Duration::hours(24)),
            month: within(Duration::days(30)),
            hour: shared.ledger.price_of_open_rentals(),
            credit: shared.credit(now),
        }
    }
}

impl Shared {
    pub(crate) fn on_account(&mut self, now: Time, account: Account) {
        self.observed.freshness.mark(Feed::Account, now);
        self.observed
            .skew
            .compare_with_market(now, account.server_time);
        self.observed.account = Some((now, account));
    }

    fn credit(&self, now: Time) -> Option<Usd> {
        let (at, account) = self.observed.account?;
        (now - at <= CREDIT_FRESH).then_some(account.credit)
    }
}

impl Shared {
    /// What other replicas have, or may have. The journal knows: an intent is there before its call.
    pub(crate) fn taken_from(&self, id: &ReplicaId) -> Taken {
        let mut taken = Taken::default();
        for open in self.ledger.open_rentals() {
            if open.replica == *id {
                continue;
            }
            if open.replica.pool == id.pool {
                taken.add_of_pool(open.machine, open.host);
            } else {
                taken.add(open.machine);
            }
        }
        taken
    }
}

fn market_view(read_at: Time, mut ranked: RankedOffers) -> MarketView {
    ranked.usable.truncate(MAX_OFFERS);
    ranked.rejected.truncate(MAX_OFFERS);
    let rejected = ranked.rejected.into_iter();
    let rejected = rejected.map(|(offer, reason)| RejectedOffer { offer, reason });
    MarketView {
        read_at,
        rows: Arc::new(ranked.usable),
        rejected: Arc::new(rejected.collect()),
    }
}
