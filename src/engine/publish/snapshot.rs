//! Makes snapshots.

use crate::domain::{NodeId, Time};
use crate::engine::alerts::onset::Onsets;
use crate::engine::snapshot::{
    BootLog, CapSnapshot, MoneySnapshot, NetworkNodePlace, NodeOwner, NodeRow, NodesSnapshot,
    OffersSnapshot, SearchState, Snapshot,
};
use crate::engine::state::Engine;
use crate::flow::Cap;

impl Engine {
    /// The snapshot to publish: it keeps the onsets of its alerts for the next one.
    pub(crate) fn publish(&mut self, now: Time) -> Snapshot {
        let mut onsets = std::mem::take(&mut self.onsets);
        let snapshot = self.snapshot(now, &mut onsets);
        onsets.prune_resolved();
        self.onsets = onsets;
        snapshot
    }

    /// A snapshot for a notice.
    pub(crate) fn situation(&self, now: Time) -> Snapshot {
        self.snapshot(now, &mut Onsets::default())
    }

    fn snapshot(&self, now: Time, onsets: &mut Onsets) -> Snapshot {
        let sprint = &self.sprint;
        let rental = |rental| self.rental_snapshot(now, rental);
        Snapshot {
            at: now,
            world: self.options.world,
            cockpit: self.config.cockpit.clone(),
            mode: sprint.mode(),
            chain: self.chain_snapshot(),
            sprint: self.sprint_snapshot(),
            offers: self.offers_snapshot(now),
            rental: sprint.rental().map(rental),
            hedge: sprint.hedge().map(rental),
            nodes: self.nodes_snapshot(),
            proxy: self
                .ports
                .inference_proxy
                .as_ref()
                .map(|proxy| self.observed.proxy.snapshot(proxy.address())),
            money: self.money_snapshot(now),
            history: self.history.clone(),
            alerts: self.alerts(now, onsets),
            boot_log: self
                .primary
                .as_ref()
                .map_or_else(BootLog::default, |monitor| monitor.log.clone()),
            rentals_read_at: self.observed.listing.as_ref().map(|(at, _)| *at),
            boots: self.boots.clone(),
            notices_lost: self.ports.notifier.lost(),
            ended: false,
        }
    }

    fn offers_snapshot(&self, now: Time) -> OffersSnapshot {
        let observed = &self.observed;
        let state = match (&observed.search_error, observed.searching, &observed.market) {
            (_, true, _) => SearchState::Searching,
            (Some(error), ..) => SearchState::Failed(error.clone()),
            (None, _, Some(_)) => SearchState::Ready,
            (None, _, None) => SearchState::Idle,
        };
        let view = observed.market.as_ref();
        OffersSnapshot {
            state,
            rows: view.map(|view| view.rows.clone()).unwrap_or_default(),
            rejected: view.map(|view| view.rejected.clone()).unwrap_or_default(),
            avoided: self.ledger.avoided(now),
            read_at: view.map(|view| view.read_at),
        }
    }

    fn nodes_snapshot(&self) -> NodesSnapshot {
        let rows = self.observed.nodes.iter().flat_map(|(_, nodes)| nodes);
        let rows = rows.map(|node| NodeRow {
            node: node.clone(),
            owner: self.owner(&node.config.id),
        });
        NodesSnapshot {
            rows: rows.collect(),
            read_at: self.observed.nodes.as_ref().map(|(at, _)| *at),
            trouble: self.observed.nodes_error.clone(),
            network_node: Some(NetworkNodePlace {
                address: self.config.network_node.admin_api.to_string(),
                participant: self.config.chain.participant.clone(),
            }),
        }
    }

    fn owner(&self, id: &NodeId) -> NodeOwner {
        if self.sprint.node_id() == Some(id) {
            return NodeOwner::Sprint;
        }
        let proxy = &self.config.inference_proxy;
        if self.ledger.is_our_node(id) {
            NodeOwner::Leftover
        } else if proxy.as_ref().is_some_and(|proxy| proxy.node_id == *id) {
            NodeOwner::Proxy
        } else {
            NodeOwner::Other
        }
    }

    fn money_snapshot(&self, now: Time) -> MoneySnapshot {
        let funds = self.funds(now);
        let caps = &self.config.budget;
        MoneySnapshot {
            per_hour: self.sprint.rentals().map(|rental| self.price(rental)).sum(),
            sprint: self.ledger.spent_in_sprint(now),
            reserved: self.ledger.reserved(now),
            caps: vec![
                CapSnapshot::new(Cap::Sprint, caps.per_sprint, funds.sprint),
                CapSnapshot::new(Cap::Day, caps.per_day, funds.day),
                CapSnapshot::new(Cap::Month, caps.per_month, funds.month),
            ],
            hour_limit: caps.per_hour,
            hour_used: funds.hour,
            credit: funds.credit,
            credit_floor: caps.credit_floor,
            refused: self.sprint.cap_refusal(),
        }
    }
}
