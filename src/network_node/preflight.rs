//! Whether a rental could work at all, and what would reduce its reward, judged before money is spent.
//! Pure.

mod basics;
mod callback;
mod facts;
mod host;
mod judged;
mod models;
mod money;
mod setup;
#[cfg(test)]
mod tests;
mod timing;

pub use facts::{PreflightFacts, PreflightTarget, ProxyTarget};

use self::judged::{Judged, unknown};
use crate::domain::{CallError, Finding, Preflight, Requirement, Time, UnknownRules};

/// Evaluates what a rental needs that is not registered.
pub fn evaluate_chain(at: Time, synced: &Result<(), CallError>) -> Preflight {
    let judged = basics::chain(synced);
    Preflight {
        at,
        findings: vec![judged.finding(Requirement::ChainSynced, UnknownRules::Refuse)],
    }
}

/// Evaluates every requirement. What could not be read is unknown, never met.
pub fn evaluate(at: Time, target: &PreflightTarget, facts: &PreflightFacts) -> Preflight {
    let judge = Judge { at, target, facts };
    let mut findings = judge.means();
    findings.extend(judge.setup());
    findings.extend(judge.rewards());
    Preflight { at, findings }
}

struct Judge<'a> {
    at: Time,
    target: &'a PreflightTarget,
    facts: &'a PreflightFacts,
}

impl Judge<'_> {
    fn findings(
        &self,
        judged: impl IntoIterator<Item = (Requirement, Option<Judged>)>,
    ) -> Vec<Finding> {
        let rules = self.target.unknown_rules;
        let judged = judged.into_iter();
        judged
            .filter_map(|(requirement, judged)| Some(judged?.finding(requirement, rules)))
            .collect()
    }

    /// What the cockpit itself needs to operate a rental.
    fn means(&self) -> Vec<Finding> {
        use Requirement as R;
        let (target, facts) = (self.target, self.facts);
        let tunnel = target.callback.as_deref();
        let callback = tunnel.zip(facts.callback.as_ref());
        let callback = callback.map(|(tunnel, answer)| basics::reached(tunnel, answer));
        let address = target.address.as_ref();
        let address = address.map(|wanted| basics::free_address(wanted, target, facts));
        self.findings([
            (R::AdminApi, Some(basics::admin_api(facts))),
            (R::ChainSynced, Some(basics::chain(&facts.chain))),
            (
                R::CallbackAddress,
                Some(callback::address(&facts.callback_address, tunnel)),
            ),
            (R::Callback, callback),
            (R::Address, address),
            (R::Participant, Some(host::participant(target, facts))),
            (R::Model, Some(models::approved(target, facts))),
        ])
    }

    /// What the Network Node reports about itself.
    fn setup(&self) -> Vec<Finding> {
        match &self.facts.report {
            Ok(report) => {
                let judged = setup::judged(self.target, report);
                self.findings(judged.map(|(requirement, judged)| (requirement, Some(judged))))
            }
            Err(error) => {
                let unread = unknown(
                    "unknown whether keys and permissions are in order",
                    error,
                    "check network_node.admin_api, or set poc.unknown_rules = \"allow\" to rent without knowing",
                );
                self.findings([(Requirement::SetupReport, Some(unread))])
            }
        }
    }

    /// What the chain's rules say about the reward.
    fn rewards(&self) -> Vec<Finding> {
        use Requirement as R;
        let (target, facts) = (self.target, self.facts);
        let (model, rules) = (&target.model, &facts.rules);
        let proxy = target.proxy.as_ref();
        let proxy =
            proxy.map(|proxy| models::approved_for_proxy(&proxy.model, &facts.approved_models));
        self.findings([
            (R::PocModel, Some(models::in_poc(model, rules))),
            (R::ActiveModel, models::active(model, rules)),
            (R::ProxyModel, proxy),
            (R::ParticipantStatus, Some(host::status(rules))),
            (R::Access, Some(host::access(&target.participant, rules))),
            (R::Fees, Some(money::fees(self.at, facts))),
            (R::Collateral, Some(money::collateral(rules))),
            (R::Delegation, Some(money::delegation(target, facts))),
            (R::EarlyShare, Some(timing::early_share(target))),
            (R::PreservedNodes, Some(timing::preserved(rules))),
            (
                R::ConfirmationPoc,
                Some(timing::confirmation(target.release, rules)),
            ),
            (R::RewardClaim, Some(money::claim(rules))),
        ])
    }
}
