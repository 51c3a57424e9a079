//! What the engine makes of each observation.

use crate::engine::observe::observation::Observation;
use crate::engine::state::Engine;

impl Engine {
    pub(crate) fn take(&mut self, seen: Observation) {
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
}
