//! Offers and money.

use std::sync::Arc;

use crate::domain::{
    Account, AccountName, Duration, Offer, PoolName, RankedOffer, ReplicaId, Time, Usd,
};
use crate::engine::effects::requests;
use crate::engine::observe::freshness::Feed;
use crate::engine::observe::search::{Found, LastSearch};
use crate::engine::rules::common_funds;
use crate::engine::snapshot::RejectedOffer;
use crate::engine::state::{Engine, MAX_OFFERS, MarketView, Replica, Shared};
use crate::fleet::deal::{Spread, Taken};
use crate::flow::{BootProgress, Candidate, Effect, EffectKey, Event, Funds, HedgeRoom};
use crate::vast::{RankedOffers, RentalHistory, rank};

/// Credit read longer ago than this counts as unknown.
const CREDIT_FRESH: Duration = Duration::minutes(10);

impl Replica {
    pub(crate) fn on_offers(
        &mut self,
        shared: &mut Shared,
        now: Time,
        effect: &Effect,
        found: &Found,
        boots: HedgeRoom,
    ) {
        let event = match &found.offers {
            Err(error) => Event::SearchFailed(error.clone()),
            Ok(offers) => {
                let ranked = self.rank(shared, now, effect, offers.clone());
                let view = market_view(now, ranked);
                let event = Event::OffersRanked {
                    offers: self.deal(shared, now, &view.rows),
                    funds: self.funds(shared, now),
                    hedges: match boots {
                        HedgeRoom::Free => self.hedge_room(shared),
                        full => full,
                    },
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

    /// By the second machines of the others of its pool.
    pub(crate) fn hedge_room(&self, shared: &Shared) -> HedgeRoom {
        if shared.ledger.hedges_of(&self.id) < self.max_hedges {
            HedgeRoom::Free
        } else {
            HedgeRoom::Full(self.max_hedges)
        }
    }

    pub(crate) fn funds(&self, shared: &Shared, now: Time) -> Funds {
        let ledger = &shared.ledger;
        let (pool, epoch) = (&self.id.pool, self.sprint.poc_epoch());
        let back = shared.observed.skew.perhaps_ahead();
        Funds {
            sprint: ledger.spent_in_sprint(&self.id, now) + ledger.reserved_by(&self.id, now),
            credit: self.free_credit(shared, now),
            in_doubt: ledger.reserved_in_doubt(&self.id),
            ..common_funds(ledger, pool, epoch, back, now)
        }
    }

    /// The credit of its account, less what the account's open rentals may still cost.
    pub(crate) fn free_credit(&self, shared: &Shared, now: Time) -> Option<Usd> {
        let credit = shared.credit(self.account(), now)?;
        Some(credit.left_after(shared.ledger.reserved_on(self.account(), now)))
    }
}

impl Engine {
    /// What a search has found goes to all replicas that wait for it.
    pub(crate) fn on_searched(&mut self, now: Time, pool: &PoolName, found: Found) {
        let shared = &mut self.shared;
        shared.observed.searching = false;
        let error = found.offers.as_ref().err();
        shared.observed.search_error = error.map(ToString::to_string);
        if let (Ok(_), Ok(account)) = (&found.offers, &found.account) {
            let payer = shared
                .config
                .pools
                .get(pool)
                .map(|pool| pool.account.clone());
            shared.on_account(now, &payer.unwrap_or_default(), *account);
        }
        let seekers = shared.searches.remove(pool).unwrap_or_default();
        let (found, boots) = (Arc::new(found), self.boots_of(pool));
        let had = seekers.iter().map(|(id, _)| id.clone());
        let search = LastSearch::new(now, found.clone(), boots, had);
        self.shared.observed.searches.insert(pool.clone(), search);
        for (id, effect) in seekers {
            if let Some(replica) = self.replicas.get_mut(&id) {
                replica.on_offers(&mut self.shared, now, &effect, &found, boots);
            }
        }
    }

    /// Whether many boots of a pool are behind at once.
    pub(crate) fn boots_of(&self, pool: &PoolName) -> HedgeRoom {
        let of_pool = self
            .replicas
            .iter()
            .filter(|replica| replica.id.pool == *pool);
        let (mut behind, mut booting) = (0, 0);
        for pace in of_pool.filter_map(|replica| replica.sprint.boot_pace()) {
            booting += 1;
            behind += u32::from(pace == BootProgress::Behind);
        }
        HedgeRoom::of_boots(behind, booting)
    }
}

impl Shared {
    /// What a replica of the same pool has found a moment ago.
    pub(crate) fn recently_found(
        &mut self,
        now: Time,
        id: &ReplicaId,
    ) -> Option<(Arc<Found>, HedgeRoom)> {
        let last = self.observed.searches.get_mut(&id.pool)?;
        last.hand_to(now, id)
    }

    pub(crate) fn on_account(&mut self, now: Time, name: &AccountName, account: Account) {
        self.observed
            .freshness
            .mark(Feed::Account(name.clone()), now);
        self.observed
            .skew
            .compare_with_market(now, account.server_time);
        self.observed.account_mut(name).account = Some((now, account));
    }

    /// As read lately.
    pub(crate) fn credit(&self, account: &AccountName, now: Time) -> Option<Usd> {
        let (at, account) = self.observed.account(account)?.account?;
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
