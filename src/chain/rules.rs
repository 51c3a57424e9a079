//! Reads the chain's reward rules over its REST API: the parameters first, then everything else with
//! concurrent requests. A complete reading is cached for some minutes.

use std::sync::PoisonError;

use url::Url;

use super::client::{ChainClient, MODULE, READ_PARAMS, RulesRead, Service};
use super::rules_wire::{self as wire, ListUse, Params};
use crate::domain::{
    AccessRule, CallError, CallErrorKind, Duration, Participant, Reading, RewardRules, RulesEpoch,
    Time,
};
use crate::http::json::Fields;
use crate::ports::Chain;

/// Rules seldom change.
const GOOD_FOR: Duration = Duration::minutes(10);
/// For this long, the last complete reading fills the gaps of a new one.
const USABLE_FOR: Duration = Duration::hours(1);

impl ChainClient {
    pub(super) async fn cached_reward_rules(
        &self,
        participant: &Participant,
        now: Time,
    ) -> RewardRules {
        if let Some(read) = self.read_within(GOOD_FOR, now) {
            return read.rules;
        }
        let fresh = self.read_reward_rules(participant).await;
        let rules = match self.read_within(USABLE_FOR, now) {
            Some(last) if !fresh.is_complete() => return fresh.or_last(last.rules),
            _ => fresh,
        };
        if rules.is_complete() {
            let mut last = self.rules.lock().unwrap_or_else(PoisonError::into_inner);
            *last = Some(RulesRead {
                at: now,
                rules: rules.clone(),
            });
        }
        rules
    }

    fn read_within(&self, age: Duration, now: Time) -> Option<RulesRead> {
        let last = self.rules.lock().unwrap_or_else(PoisonError::into_inner);
        let is_recent = |read: &&RulesRead| (Duration::zero()..age).contains(&(now - read.at));
        last.as_ref().filter(is_recent).cloned()
    }

    async fn read_reward_rules(&self, participant: &Participant) -> RewardRules {
        let epoch = self.rules_epoch().await;
        match self.rules_params(participant).await {
            Ok((base, params)) => self.rules_at(base, participant, epoch, params).await,
            Err(error) => RewardRules {
                epoch,
                ..RewardRules::unread(&error)
            },
        }
    }

    /// The parameters come first: they show which source serves the REST API at all. Only there does "not
    /// found" mean that the chain has no such record.
    async fn rules_params(&self, participant: &Participant) -> Reading<(&Url, Params)> {
        if self.rest.urls.is_empty() {
            let why = "chain.rest is not configured";
            let what = "read the chain's rules";
            return Err(CallError::new(what, CallErrorKind::NotSent, why));
        }
        let path = format!("{MODULE}/params");
        let parse = |reply: Fields<'_>| wire::params(reply, participant);
        let read = self.get_with_source(&self.rest, READ_PARAMS, &path, parse);
        read.await.map_err(Service::Rest.absent())
    }

    async fn rules_epoch(&self) -> Reading<RulesEpoch> {
        let view = self.epoch().await?;
        Ok(RulesEpoch {
            latest: view.epoch,
            height: view.height,
            claim_money: view.current.claim_money,
        })
    }

    async fn rules_at(
        &self,
        base: &Url,
        ours: &Participant,
        epoch: Reading<RulesEpoch>,
        params: Params,
    ) -> RewardRules {
        let at = |call: &str| format!("{MODULE}/{call}/{ours}");
        let (record, delegation) = (at("participant"), at("poc_delegation"));
        let unclaimed = at("settle_amount");
        let group = format!("{MODULE}/current_epoch_group_data");
        let preserved = format!("{MODULE}/preserved_nodes_snapshot");
        // Epoch 0 means the current one.
        let excluded = format!("{MODULE}/excluded_participants/0");
        let collateral = format!("productscience/inference/collateral/collateral/{ours}");
        let balance = format!("cosmos/bank/v1beta1/balances/{ours}");
        let (participant, group, exclusion, chosen, collateral, balance, unclaimed, preserved) = tokio::join!(
            self.request(base, "look up the participant", &record, wire::participant),
            self.request(base, "read the epoch's group", &group, |it| {
                wire::group(it, ours)
            }),
            self.request(base, "read the exclusions", &excluded, |it| {
                wire::exclusion(it, ours)
            }),
            self.request(base, "read the delegation", &delegation, wire::chosen),
            self.request(base, "read the collateral", &collateral, wire::collateral),
            self.request(base, "read the balance", &balance, wire::balance),
            self.request(
                base,
                "read the unclaimed reward",
                &unclaimed,
                wire::unclaimed
            ),
            self.request(base, "read the preserved nodes", &preserved, |it| {
                wire::preserved(it, ours)
            }),
        );
        let height = epoch.as_ref().ok().map(|epoch| epoch.height);
        let access = match parameter(params.access) {
            Ok(ListUse::Unused) => Ok(AccessRule::Open),
            Ok(ListUse::Blocked) => Ok(AccessRule::Blocked),
            Ok(ListUse::Until(end)) if height.is_some_and(|height| height >= end) => {
                Ok(AccessRule::Open)
            }
            Ok(ListUse::Until(_) | ListUse::Always) => self.allow_list(base, ours).await,
            Err(error) => Err(error),
        };
        RewardRules {
            epoch,
            models: parameter(params.models),
            gas_price: parameter(params.gas_price),
            collateral_rule: parameter(params.collateral),
            penalties: parameter(params.penalties),
            access,
            confirmation: parameter(params.confirmation),
            participant: or_none(participant),
            group,
            exclusion,
            chosen,
            collateral: or_none(collateral).map(Option::unwrap_or_default),
            balance,
            unclaimed: or_none(unclaimed).map(Option::flatten),
            preserved,
        }
    }

    async fn allow_list(&self, base: &Url, ours: &Participant) -> Reading<AccessRule> {
        let path = format!("{MODULE}/participant_allow_list");
        let what = "read the list of allowed participants";
        let parse = |reply: Fields<'_>| wire::allow_list(reply, ours);
        self.request(base, what, &path, parse).await
    }
}

fn parameter<T>(parsed: Result<T, String>) -> Reading<T> {
    parsed.map_err(|why| CallError::new(READ_PARAMS, CallErrorKind::Malformed, why))
}

/// `None` when the chain has no such record.
fn or_none<T>(reading: Reading<T>) -> Reading<Option<T>> {
    match reading {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind == CallErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
