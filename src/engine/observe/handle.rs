//! Dispatches observations.

use crate::domain::{CallError, ReleaseAction};
use crate::engine::observe::freshness::Feed;
use crate::engine::observe::observation::Observation;
use crate::engine::state::Engine;
use crate::flow::{EffectKey, Event, RentalRole};

impl Engine {
    pub(crate) fn handle_observation(&mut self, observation: Observation) {
        let now = self.ports.clock.now();
        match observation {
            Observation::Chain(reports) => self.on_chain_reports(now, reports),
            Observation::Announced(report) => self.on_announced_block(now, report),
            Observation::Headers(headers) => self.on_headers(now, headers),
            Observation::Governance(Ok(governance)) => self.on_governance(now, governance),
            Observation::Governance(Err(error)) => self.on_unread_governance(&error),
            Observation::Nodes(result) => self.on_nodes(now, result),
            Observation::NodeRelease(result) => self.on_node_release(result),
            Observation::Listing(result) => self.on_listing(now, result),
            Observation::Account(Ok(account)) => self.on_account(now, account),
            Observation::Account(Err(error)) => {
                tracing::warn!("cannot read the account: {error}");
            }
            Observation::RequestedPrices(read) => self.on_requested_prices(read),
            Observation::Charges(read) => self.on_charges(read),
            Observation::Proxy(reading) => {
                self.observed.freshness.mark(Feed::Proxy, now);
                self.observed.proxy.record(now, reading);
            }
            Observation::Descriptors(usage) => {
                self.observed.freshness.mark(Feed::Descriptors, now);
                self.observed.descriptors = usage;
            }
            Observation::Instance(id, result) => self.on_instance(now, id, result),
            Observation::Link(id, change) => self.on_link_event(now, id, change),
            Observation::Log(id, chunk) => self.on_log(now, id, &chunk),
            Observation::ContainerLog(id, copy) => self.on_container_log(now, id, copy),
            Observation::MlNode(id, result) => self.on_mlnode_status(now, id, result),
            Observation::Runs(id, record) => self.on_run_record(now, id, record),
            Observation::Searched {
                effect,
                offers,
                account,
            } => self.on_offers(now, &effect, offers, &account),
            Observation::Done {
                key,
                records,
                events,
                nodes,
            } => {
                for record in records {
                    self.record(&record);
                }
                for event in events {
                    self.dispatch(now, event);
                }
                if let Some(nodes) = nodes {
                    self.on_nodes(now, nodes);
                }
                self.effect_ended(key);
            }
            Observation::ModelStart {
                key,
                instance,
                result,
            } => {
                self.on_model_start(now, instance, result);
                self.effect_ended(key);
            }
            Observation::Examined { key, examined } => {
                if let Ok(catalogue) = examined.catalogue {
                    self.observed.catalogue = Some(catalogue.into());
                }
                self.dispatch(now, Event::PreflightCompleted(examined.preflight));
                self.on_nodes(now, examined.nodes);
                self.effect_ended(key);
            }
            Observation::NodeChanged { key, error, nodes } => {
                self.observed.node_change_error = error.map(|error| (now, error));
                self.on_nodes(now, nodes);
                self.effect_ended(key);
            }
            Observation::ReleaseReply { action, reply } => {
                self.release_log.reply(now, action, reply);
            }
            Observation::Gone {
                key,
                instance,
                absence,
            } => {
                if key == EffectKey::Destroy(RentalRole::Primary) {
                    self.release_log.done(now, ReleaseAction::ProveGone);
                }
                self.settle(now, instance, absence.since);
                self.on_listing(now, Ok(absence.listing));
                self.effect_ended(key);
            }
            Observation::ConfirmationWeight(read) => self.on_confirmation_weight(now, read),
            Observation::Leftovers {
                instances,
                nodes,
                charges,
            } => {
                self.on_charges(charges);
                self.finish_report(now, instances, nodes);
            }
        }
    }

    fn on_unread_governance(&mut self, error: &CallError) {
        if self.observed.governance_failure.is_new(error) {
            tracing::warn!("planned upgrades and the odds of a confirmation are unknown: {error}");
        }
    }
}
