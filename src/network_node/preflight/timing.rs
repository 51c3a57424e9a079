//! When work counts: early enough, and again at confirmations.

use super::facts::PreflightTarget;
use super::judged::{Judged, READ_REST, met, unsure, warning};
use super::money::percent;
use crate::domain::{ConfirmationRule, Duration, ReleasePolicy, RewardRules};

/// The Network Node polls a new node at once, one after the other.
const POLL_TAKES: Duration = Duration::minutes(1);

/// Validators check how much was done in the first third of the generation. A node with an even rate may
/// begin 12 blocks late; one that is registered and polled before the start begins in time.
pub(super) fn early_share(target: &PreflightTarget) -> Judged {
    let margin = target.registration_margin;
    if margin >= POLL_TAKES {
        let minutes = margin.num_minutes();
        return met(format!("registered at least {minutes} min before PoC"));
    }
    warning(
        "a node may be registered in the last minute before PoC: more than 12 blocks late, its work counts as missed the second time",
        "raise poc.registration_margin",
    )
}

/// Never an obstacle: a preserved node keeps its weight.
pub(super) fn preserved(rules: &RewardRules) -> Judged {
    match &rules.preserved {
        Ok(nodes) if nodes.is_empty() => met(""),
        Ok(nodes) => {
            let names: Vec<&str> = nodes.iter().map(|node| node.0.as_str()).collect();
            met(format!(
                "{} serve through the PoC and keep their weight",
                names.join(", ")
            ))
        }
        Err(error) => unsure("unknown which nodes are preserved", error, READ_REST),
    }
}

/// A host whose node is gone by then loses the epoch's reward and a part of the collateral.
pub(super) fn confirmation(release: ReleasePolicy, rules: &RewardRules) -> Judged {
    let ConfirmationRule { expected, slash } = match &rules.confirmation {
        Ok(rule) => *rule,
        Err(error) => {
            let cause = "unknown how often confirmation PoCs come";
            return unsure(cause, error, READ_REST);
        }
    };
    let held = matches!(
        release,
        ReleasePolicy::WholeEpoch | ReleasePolicy::AfterConfirmation
    );
    let chance = percent(1.0 - (-expected).exp());
    if expected <= 0.0 || held {
        return met(format!(
            "{expected} expected per epoch; at least one comes with {chance}"
        ));
    }
    let slash = percent(slash);
    warning(
        format!(
            "with poc.release = {release} a confirmation PoC can come after the release, in an epoch with {chance}: then the epoch's reward and {slash} of the collateral are lost"
        ),
        "set poc.release to after_confirmation or whole_epoch; `pocpit plan` shows what each costs",
    )
}
