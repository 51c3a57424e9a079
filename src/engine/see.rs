//! What the engine makes of each observation.

use super::core::Engine;
use super::exec;
use super::observe::{Attention, Headers, LinkChange, Observation};
use super::reads::Source;
use super::reconcile::Readings;
use super::{publish, reconcile};
use crate::domain::{
    Account, ActualStatus, BlockHeader, CallError, Duration, EpochView, Governance, Instance,
    InstanceId, Likeness, NodeStatus, RegisteredNode, SourceReport, Time, Usd,
};
use crate::flow::{Candidate, Effect, Event, Funds, NodeReading, NodesReading};
use crate::journal::Record;
use crate::network_node::likeness;
use crate::ports::{Look, TailChunk};
use crate::vast::{RankedOffers, RentalHistory, rank};

use super::core::OFFERS_KEPT;

/// Credit that was read longer ago than this is unknown.
const CREDIT_FRESH: Duration = Duration::minutes(10);
/// Proposers' clocks differ by some seconds, and a header is read some seconds after its block.
pub const CLOCK_SLACK: Duration = Duration::seconds(60);

impl Engine {
    pub(super) fn take(&mut self, seen: Observation) {
        let now = self.ports.clock.now();
        match seen {
            Observation::Chain(reports) => self.see_chain(now, reports),
            Observation::Announced(report) => self.see_announced(now, report),
            Observation::Headers(headers) => self.see_headers(now, headers),
            Observation::Governance(Ok(governance)) => self.see_governance(now, governance),
            Observation::Governance(Err(error)) => {
                tracing::warn!("planned upgrades are unknown: {error}");
            }
            Observation::Nodes(result) => self.see_nodes(now, result),
            Observation::Listing(result) => self.see_listing(now, result),
            Observation::Account(Ok(account)) => self.see_account(now, account),
            Observation::Account(Err(error)) => {
                tracing::warn!("the account's credit is unknown: {error}");
            }
            Observation::Proxy(reading) => self.see_proxy(now, reading),
            Observation::Instance(id, result) => self.see_instance(now, id, result),
            Observation::Link(id, change) => self.see_link(now, id, change),
            Observation::Log(id, chunk) => self.see_log(now, id, &chunk),
            Observation::MarketLog(id, copy) => self.see_market_log(now, id, copy),
            Observation::MlNode(id, result) => self.see_mlnode(now, id, result),
            Observation::Searched {
                effect,
                offers,
                account,
            } => self.see_offers(now, &effect, offers, &account),
            Observation::Done {
                key,
                records,
                events,
            } => {
                for record in records {
                    self.record(&record);
                }
                for event in events {
                    self.feed(now, event);
                }
                self.ended(key);
            }
            Observation::Relisted { key, events, nodes } => {
                for event in events {
                    self.feed(now, event);
                }
                self.see_nodes(now, nodes);
                self.ended(key);
            }
            Observation::Changed {
                key,
                trouble,
                nodes,
            } => {
                self.seen.change_trouble = trouble.map(|trouble| (now, trouble));
                self.see_nodes(now, nodes);
                self.ended(key);
            }
            Observation::Gone {
                key,
                instance,
                absence,
            } => {
                self.settle(now, instance, absence.since);
                self.see_listing(now, Ok(absence.listing));
                self.ended(key);
            }
            Observation::Confirmation(measured) => self.see_confirmation(measured),
            Observation::Leftovers { instances, nodes } => {
                self.finish_report(now, instances, nodes);
            }
        }
    }

    fn see_headers(&mut self, now: Time, headers: Headers) {
        if let Some(newest) = headers.newest {
            self.compare_clocks(now, newest.time);
        }
        for header in headers.older.into_iter().chain(headers.newest) {
            self.block_clock.observe_header(header);
        }
    }

    fn compare_clocks(&mut self, now: Time, newest_block: Time) {
        self.seen.ahead_of_chain = now - newest_block;
    }

    /// A height that decides something and is announced is looked for at once.
    fn see_announced(&mut self, now: Time, report: SourceReport) {
        let Ok(told) = &report.head else {
            return;
        };
        let (height, time) = (told.height, told.block_time);
        if !self.sources.corroborate(now, report) {
            return;
        }
        self.seen.announced = Some(height);
        if let Some(time) = time {
            let newest = Some(BlockHeader { height, time });
            let older = Vec::new();
            self.see_headers(now, Headers { newest, older });
        }
    }

    fn see_account(&mut self, now: Time, account: Account) {
        self.seen.reads.note(Source::Account, now);
        self.seen.account = Some((now, account));
    }

    fn see_chain(&mut self, now: Time, reports: Vec<SourceReport>) {
        self.seen.reads.note(Source::ChainAsked, now);
        match self.sources.observe(now, reports) {
            Ok(view) => {
                self.seen.reads.note(Source::Chain, now);
                self.go_by(now, view);
            }
            Err(why) => {
                self.seen.chain_trouble = Some(why);
                self.feed(now, Event::TimePassed);
            }
        }
    }

    fn see_governance(&mut self, now: Time, governance: Option<Governance>) {
        self.seen.reads.note(Source::Governance, now);
        let upgrade = governance.as_ref().and_then(|known| known.upgrade.clone());
        self.seen.governance = governance;
        self.feed(now, Event::UpgradePlanned(upgrade));
    }

    /// A view of the chain that can be relied on.
    pub(super) fn go_by(&mut self, now: Time, view: EpochView) {
        self.seen.chain_trouble = None;
        self.block_clock.observe_height(now, view.height);
        self.seen.view = Some((now, view.clone()));
        self.follow_confirmation(now, &view);
        let block_time = self.block_clock.block_time();
        // A source that answers with an old height is not a fresh reading.
        if self.block_clock.stalled_since().is_none() {
            // What was in the way of an earlier run, or of a run that knows no chain yet, held up none.
            let held_up = self.seen.first_poc.and_then(|_| self.sprint.held_up_by());
            let first = *self.seen.first_poc.get_or_insert(view.next.epoch);
            self.feed(now, Event::ChainObserved { view, block_time });
            self.write_down_what_was_not_tried(now, first, held_up.as_deref());
        }
    }

    /// When the next height that decides something is expected, and whom to ask of it.
    pub(super) fn attention(&self, now: Time) -> Attention {
        let heights = self.sprint.heights_that_decide();
        let expected = heights
            .into_iter()
            .filter(|height| self.block_clock.height().is_some_and(|tip| tip < *height))
            .filter_map(|height| {
                if self
                    .seen
                    .announced
                    .is_some_and(|announced| announced >= height)
                {
                    return Some(now);
                }
                Some(self.block_clock.estimate(now, height)?.p50)
            })
            .min();
        let doubt = self.sources.has_unhealthy_source() || self.seen.chain_trouble.is_some();
        Attention {
            next: expected,
            whom: if doubt { Look::Every } else { Look::One },
        }
    }

    pub(super) fn see_nodes(&mut self, now: Time, result: Result<Vec<RegisteredNode>, CallError>) {
        self.seen.reads.note(Source::Nodes, now);
        let nodes = match result {
            Ok(nodes) => nodes,
            Err(error) => {
                self.seen.nodes_trouble = Some(error.to_string());
                return;
            }
        };
        self.seen.nodes_trouble = None;
        let reading = self.read_nodes(&nodes);
        self.journal_registrations(&nodes);
        self.seen.nodes = Some((now, nodes));
        self.feed(now, Event::NodesListed(reading));
    }

    fn read_nodes(&self, nodes: &[RegisteredNode]) -> NodesReading {
        let listed = |id: &crate::domain::NodeId| nodes.iter().find(|node| node.config.id == *id);
        let node = self
            .sprint
            .node_id()
            .and_then(listed)
            .map(|node| NodeReading {
                id: node.config.id.clone(),
                likeness: self.likeness(node),
                enabled: node.enabled,
                admin_epoch: node.admin_epoch,
                status: node.current,
                poc: node.poc_current,
                failure: node.failure_reason.clone(),
            });
        let proxy = self.config.inference_proxy.as_ref();
        NodesReading {
            node,
            proxy_listed: proxy.is_none_or(|proxy| listed(&proxy.node_id).is_some()),
        }
    }

    fn likeness(&self, seen: &RegisteredNode) -> Likeness {
        self.wanted_node()
            .map_or(Likeness::Unknown, |wanted| likeness(&wanted, &seen.config))
    }

    fn journal_registrations(&mut self, nodes: &[RegisteredNode]) {
        let unconfirmed: Vec<_> = self
            .ledger
            .registrations()
            .into_iter()
            .filter(|open| {
                nodes.iter().all(|node| node.config.id != open.node) && open.unregistering
            })
            .map(|open| open.node.clone())
            .collect();
        for node in unconfirmed {
            self.record(&Record::Unregistered { node });
        }
        if let Some(id) = self.sprint.node_id().cloned() {
            let listed = nodes
                .iter()
                .any(|node| node.config.id == id && node.current != NodeStatus::Failed);
            let open = self
                .ledger
                .registrations()
                .iter()
                .any(|open| open.node == id && !open.registered);
            if listed && open {
                self.record(&Record::Registered { node: id });
            }
        }
    }

    fn see_listing(&mut self, now: Time, result: Result<Vec<Instance>, CallError>) {
        self.seen.reads.note(Source::RentalsAsked, now);
        match result {
            Ok(instances) => {
                self.seen.reads.note(Source::Rentals, now);
                self.seen.listing_trouble = None;
                // A list of registrations that has grown old is as good as unknown.
                let nodes = self.seen.nodes.as_ref();
                let nodes = nodes.filter(|_| self.seen.nodes_trouble.is_none());
                let orders = reconcile::plan(&Readings {
                    now,
                    instances: &instances,
                    nodes: nodes.map(|(_, nodes)| nodes.as_slice()),
                    ledger: &self.ledger,
                    sprint: Some(&self.sprint),
                    cockpit: &self.config.cockpit,
                    node_prefix: &self.config.network_node.node_prefix,
                });
                let leftovers = self.leftovers(&orders);
                for instance in &instances {
                    self.see_price(now, instance);
                }
                self.seen.listing = Some((now, instances));
                for order in orders {
                    self.reconcile(now, order);
                }
                self.feed(now, Event::RentalsListed { leftovers });
            }
            Err(error) => {
                let since = self
                    .seen
                    .listing_trouble
                    .take()
                    .map_or(now, |(since, _)| since);
                self.seen.listing_trouble = Some((since, error.to_string()));
            }
        }
    }

    /// Rentals of ours beside the sprint's: those that are listed, and those that the journal knows of
    /// and that may still appear.
    fn leftovers(&self, orders: &[reconcile::Order]) -> usize {
        let listed = orders
            .iter()
            .filter(|order| matches!(order, reconcile::Order::Destroy(_)))
            .count();
        let known = self.ledger.open_rentals();
        let known = known.iter().filter(|open| !self.sprint.uses(&open.label));
        listed.max(known.count())
    }

    fn see_instance(
        &mut self,
        now: Time,
        id: InstanceId,
        result: Result<Option<Instance>, CallError>,
    ) {
        let Some(watched) = self.watched_mut(id) else {
            return;
        };
        match result {
            Ok(Some(instance)) => {
                watched.see_row(now, &instance);
                match instance.actual {
                    ActualStatus::Provisioning | ActualStatus::Created | ActualStatus::Loading => {
                        self.seen.idle_gpus.insert(id, now);
                    }
                    _ => self.record_idle_gpu(id),
                }
                self.see_price(now, &instance);
                self.feed_boot(now, id);
            }
            Ok(None) => {
                let listed = self
                    .seen
                    .listing
                    .as_ref()
                    .is_some_and(|(_, all)| all.iter().any(|i| i.id == id));
                if !listed && self.seen.listing.is_some() {
                    self.feed(now, Event::RentalVanished(id));
                }
            }
            Err(error) => tracing::warn!("instance {id} cannot be read: {error}"),
        }
    }

    fn see_link(&mut self, now: Time, id: InstanceId, change: LinkChange) {
        let watched = self.watched_mut(id);
        if watched.is_some_and(|watched| watched.see_link(now, change)) {
            self.feed_boot(now, id);
        }
    }

    fn see_log(&mut self, now: Time, id: InstanceId, chunk: &TailChunk) {
        if let Some(watched) = self.watched_mut(id) {
            watched.see_log(now, chunk);
            self.feed_boot(now, id);
        }
    }

    fn see_mlnode(
        &mut self,
        now: Time,
        id: InstanceId,
        result: Result<crate::domain::MlNodeStatus, CallError>,
    ) {
        let Some(watched) = self.watched_mut(id) else {
            return;
        };
        match result {
            Ok(status) => watched.see_mlnode(now, status),
            Err(error) => {
                watched.link.proven = false;
                watched.boot.observe_silence();
                tracing::debug!("{error}");
            }
        }
        self.feed_boot(now, id);
    }

    pub(super) fn feed_boot(&mut self, now: Time, id: InstanceId) {
        let Some(watched) = self.watched_mut(id) else {
            return;
        };
        let reading = watched.reading(now);
        let failed = reading.fault.is_some();
        let instance = id;
        self.feed(now, Event::BootObserved { instance, reading });
        // A fault of ours is no boot of the machine's, and is in the history all the same.
        if failed {
            let watched = self.watched_mut(id);
            let left = watched.and_then(|watched| watched.take_unremembered(now));
            self.remember_a_boot_that_nobody_told(left);
        }
    }

    fn see_offers(
        &mut self,
        now: Time,
        effect: &Effect,
        offers: Result<Vec<crate::domain::Offer>, CallError>,
        account: &Result<Account, CallError>,
    ) {
        self.seen.searching = false;
        let event = match offers {
            Err(error) => {
                self.seen.search_trouble = Some(error.to_string());
                Event::SearchFailed(error)
            }
            Ok(offers) => {
                self.seen.search_trouble = None;
                if let Ok(account) = account {
                    self.see_account(now, *account);
                }
                let ranked = self.rank(now, effect, offers);
                let candidates = ranked
                    .usable
                    .iter()
                    .take(OFFERS_KEPT)
                    .map(|usable| Candidate {
                        offer: usable.offer.clone(),
                        price: usable.price,
                        worst_cost: usable.worst_cost,
                    });
                let event = Event::OffersRanked {
                    offers: candidates.collect(),
                    funds: self.funds(now),
                };
                self.seen.market = Some(publish::market_view(now, ranked));
                event
            }
        };
        self.feed(now, event);
        self.ended("search");
    }

    fn rank(&self, now: Time, effect: &Effect, offers: Vec<crate::domain::Offer>) -> RankedOffers {
        let experience = RentalHistory {
            blocked: &self.ledger.avoided(now),
            boots: self.ledger.boots(),
        };
        let needs = exec::needs(now, effect, &self.config);
        rank(offers, &self.config.vast.query, &needs, &experience)
    }

    /// What the account had a moment ago; an old reading says nothing of what is there now.
    fn credit(&self, now: Time) -> Option<Usd> {
        let (at, account) = self.seen.account?;
        (now - at <= CREDIT_FRESH).then_some(account.credit)
    }

    pub(super) fn funds(&self, now: Time) -> Funds {
        let reserved = self.ledger.reserved(now);
        let back = self.seen.clock_ahead();
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
