//! The chain's rules that decide whether work is rewarded, and what it knows of a host.

use std::fmt;

use derive_more::Add;

use super::{CallError, EpochIndex, Height, NodeId, Participant, Time, Weight};

/// Something that was read, or why not.
pub type Reading<T> = Result<T, CallError>;

/// An amount of the chain's money: 1 GNK is 10^9 ngonka.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Add)]
pub struct Ngonka(pub u128);

impl Ngonka {
    pub const ZERO: Ngonka = Ngonka(0);
    pub const GNK: Ngonka = Ngonka(1_000_000_000);
}

impl fmt::Display for Ngonka {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, rest) = (self.0 / Ngonka::GNK.0, self.0 % Ngonka::GNK.0);
        if whole == 0 {
            return write!(f, "{rest} ngonka");
        }
        if rest == 0 {
            return write!(f, "{whole} GNK");
        }
        let digits = format!("{rest:09}");
        write!(f, "{whole}.{} GNK", digits.trim_end_matches('0'))
    }
}

/// Each rule, or the error of its failed read.
#[derive(Debug, Clone, PartialEq)]
pub struct RewardRules {
    /// The latest epoch, and the height at which they were read.
    pub epoch: Reading<RulesEpoch>,
    /// The models that `PoC` runs for.
    pub models: Reading<Vec<PocModel>>,
    /// Lowest price of gas in ngonka; 0 when transactions are free.
    pub gas_price: Reading<f64>,
    pub collateral_rule: Reading<CollateralRule>,
    pub penalties: Reading<DelegationPenalties>,
    pub access: Reading<AccessRule>,
    pub confirmation: Reading<ConfirmationRule>,
    /// The host's record; `None` when the chain has none.
    pub participant: Reading<Option<ParticipantStatus>>,
    /// The current epoch.
    pub group: Reading<EpochGroup>,
    /// Why the host is excluded from the latest epoch, if it is.
    pub exclusion: Reading<Option<String>>,
    /// Ids of the models for which the host delegates, refuses or declared an intent.
    pub chosen: Reading<Vec<String>>,
    pub collateral: Reading<Ngonka>,
    /// Balance of the cold account.
    pub balance: Reading<Ngonka>,
    /// A reward that has not been claimed yet.
    pub unclaimed: Reading<Option<UnclaimedReward>>,
    /// The host's nodes that serve through the `PoC` in progress.
    pub preserved: Reading<Vec<NodeId>>,
}

impl RewardRules {
    /// None of them could be read, for the same reason.
    pub fn unread(error: &CallError) -> RewardRules {
        RewardRules {
            epoch: Err(error.clone()),
            models: Err(error.clone()),
            gas_price: Err(error.clone()),
            collateral_rule: Err(error.clone()),
            penalties: Err(error.clone()),
            access: Err(error.clone()),
            confirmation: Err(error.clone()),
            participant: Err(error.clone()),
            group: Err(error.clone()),
            exclusion: Err(error.clone()),
            chosen: Err(error.clone()),
            collateral: Err(error.clone()),
            balance: Err(error.clone()),
            unclaimed: Err(error.clone()),
            preserved: Err(error.clone()),
        }
    }

    /// Takes what could not be read from the last reading.
    #[must_use]
    pub fn or_last(self, last: RewardRules) -> RewardRules {
        RewardRules {
            epoch: self.epoch.or(last.epoch),
            models: self.models.or(last.models),
            gas_price: self.gas_price.or(last.gas_price),
            collateral_rule: self.collateral_rule.or(last.collateral_rule),
            penalties: self.penalties.or(last.penalties),
            access: self.access.or(last.access),
            confirmation: self.confirmation.or(last.confirmation),
            participant: self.participant.or(last.participant),
            group: self.group.or(last.group),
            exclusion: self.exclusion.or(last.exclusion),
            chosen: self.chosen.or(last.chosen),
            collateral: self.collateral.or(last.collateral),
            balance: self.balance.or(last.balance),
            unclaimed: self.unclaimed.or(last.unclaimed),
            preserved: self.preserved.or(last.preserved),
        }
    }

    /// Whether nothing is missing.
    pub fn is_complete(&self) -> bool {
        let parameters = self.models.is_ok()
            && self.gas_price.is_ok()
            && self.collateral_rule.is_ok()
            && self.penalties.is_ok()
            && self.access.is_ok()
            && self.confirmation.is_ok();
        let host = self.participant.is_ok()
            && self.exclusion.is_ok()
            && self.chosen.is_ok()
            && self.collateral.is_ok()
            && self.balance.is_ok()
            && self.unclaimed.is_ok();
        parameters && host && self.epoch.is_ok() && self.group.is_ok() && self.preserved.is_ok()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RulesEpoch {
    pub latest: EpochIndex,
    pub height: Height,
    /// From where the reward of the epoch before is claimed.
    pub claim_money: Height,
}

/// One of `poc_params.models`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PocModel {
    pub id: String,
    /// From this epoch on, a host that neither serves it nor made a choice loses a part of its weight.
    pub penalty_from: EpochIndex,
}

/// `collateral_params`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CollateralRule {
    /// Up to this epoch none is needed.
    pub grace_until: EpochIndex,
    /// Part of the weight that needs none.
    pub free_share: f64,
    /// For each unit of the rest, in ngonka.
    pub per_unit: f64,
}

/// `delegation_params`: parts of the weight, per model and epoch.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DelegationPenalties {
    pub no_choice: f64,
    pub refusal: f64,
}

/// `participant_access_params`, for one host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccessRule {
    Open,
    /// The host is on the block list: its transactions are refused.
    Blocked,
    /// Epochs are formed from a list that the host is on.
    Listed,
    /// Epochs are formed from a list that the host is not on.
    NotListed,
}

/// `confirmation_poc_params`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ConfirmationRule {
    /// Per epoch, on average.
    pub expected: f64,
    /// Part of the collateral that a failure costs.
    pub slash: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ParticipantStatus {
    Active,
    /// Failed in this epoch: it earns nothing until the next.
    Inactive,
    /// Its answers were found wrong: the same.
    Invalid,
    /// New, or of a status that decides nothing here.
    Other,
}

/// `epoch_group_data`, as far as it concerns one host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EpochGroup {
    /// Models that count in it; empty when it lists none.
    pub models: Vec<String>,
    /// The host's weight, if it takes part in the epoch.
    pub weight: Option<Weight>,
}

/// The chain removes the record when the reward is claimed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnclaimedReward {
    pub epoch: EpochIndex,
    pub amount: Ngonka,
}

/// The Network Node's report on its own setup (`GET /admin/v1/setup/report`). The overall status is left
/// out: it is FAIL for every host without weight, which is normal before the first `PoC`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SetupReport {
    pub checks: Vec<SetupCheck>,
    /// The account that the Network Node works for.
    pub account: Option<Participant>,
    /// Types of messages that the warm key may not sign.
    pub missing_permissions: Vec<String>,
    /// Types of messages that it may sign for at most another week.
    pub expiring_permissions: Vec<String>,
    /// What the grant for fees is worth; absent without a limit.
    pub fee_limit: Option<Ngonka>,
    /// When the grant for fees ends.
    pub fees_until: Option<Time>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetupCheck {
    pub id: SetupCheckId,
    pub status: CheckStatus,
    /// In the Network Node's words.
    pub message: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SetupCheckId {
    ColdKeyConfigured,
    ColdKeyNotInKeyring,
    WarmKeyInKeyring,
    WarmKeyAddressMatch,
    PermissionsGranted,
    FeegrantAllowance,
    ConsensusKeyMatch,
    MissedRequests,
    BlockSync,
    MlNode(NodeId),
    /// `active_in_epoch`, `validator_in_set`, and what newer versions add.
    Other(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CheckStatus {
    Pass,
    Fail,
    /// The Network Node could not tell.
    Unavailable,
}

impl SetupReport {
    /// One check; `None` when the report lacks it.
    pub fn check(&self, id: &SetupCheckId) -> Option<&SetupCheck> {
        self.checks.iter().find(|check| check.id == *id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_shown_in_gnk() {
        for (amount, text) in [
            (0, "0 ngonka"),
            (120_000, "120000 ngonka"),
            (10_000_000_000, "10 GNK"),
            (1_500_000_000, "1.5 GNK"),
        ] {
            assert_eq!(Ngonka(amount).to_string(), text);
        }
    }
}
