//! The Network Node's report on its own setup, judged check by check: its overall status is FAIL for
//! every host without weight, such as a just-in-time host before each `PoC`.

use super::facts::PreflightTarget;
use super::judged::{Judged, READ_REPORT, met, unmet, unread, warning};
use crate::domain::{CheckStatus, NodeId, Requirement, SetupCheckId, SetupReport, UnknownEffect};

/// Without these no work is proven, weighed or paid.
const NEEDED: [&str; 6] = [
    "/inference.inference.MsgPoCV2StoreCommit",
    "/inference.inference.MsgMLNodeWeightDistribution",
    "/inference.inference.MsgSubmitPocValidationsV2",
    "/inference.inference.MsgSubmitSeed",
    "/inference.inference.MsgSubmitHardwareDiff",
    "/inference.inference.MsgClaimRewards",
];

/// Every requirement that the report is about.
pub(super) fn judged(target: &PreflightTarget, report: &SetupReport) -> [(Requirement, Judged); 8] {
    use Requirement as R;
    [
        (R::ColdKey, cold_key(target, report)),
        (R::WarmKey, warm_key(report)),
        (
            R::ConsensusKey,
            required(
                report,
                &SetupCheckId::ConsensusKeyMatch,
                "the consensus key of the chain node is not the registered one",
                "register the chain node's own consensus key, or repair its priv_validator_key",
            ),
        ),
        (
            R::BlockSync,
            required(
                report,
                &SetupCheckId::BlockSync,
                "the Network Node's chain node is behind",
                "wait until it has caught up: the Network Node sees no PoC before",
            ),
        ),
        (R::Permissions, permissions(report)),
        (
            R::KeyStorage,
            noted(
                report,
                &SetupCheckId::ColdKeyNotInKeyring,
                "the cold key is on the Network Node's machine: anyone who gets into the machine can take the money",
                "make a warm key for the Network Node and keep the cold key elsewhere",
            ),
        ),
        (
            R::MissedRequests,
            noted(
                report,
                &SetupCheckId::MissedRequests,
                "10 % or more of this epoch's requests were missed: the reward of the epoch and a part of the collateral are at risk",
                "see which node does not answer",
            ),
        ),
        (R::LeftoverNodes, leftovers(target, report)),
    ]
}

fn cold_key(target: &PreflightTarget, report: &SetupReport) -> Judged {
    let (theirs, ours) = (&report.account, &target.participant);
    if let Some(theirs) = theirs.as_ref().filter(|theirs| *theirs != ours) {
        return unmet(
            format!("the Network Node works for {theirs}, chain.participant is {ours}"),
            "correct chain.participant, or network_node.admin_api",
        );
    }
    required(
        report,
        &SetupCheckId::ColdKeyConfigured,
        "the Network Node has no cold key configured",
        "set the account's public key in the Network Node's configuration",
    )
}

/// Without the key, the report has no check of its address.
fn warm_key(report: &SetupReport) -> Judged {
    let (cause, remedy) = (
        "the Network Node cannot sign with its warm key",
        "repair the keyring of the Network Node (KEY_NAME, its password)",
    );
    let key = &SetupCheckId::WarmKeyInKeyring;
    let is_missing = report
        .check(key)
        .is_some_and(|check| check.status == CheckStatus::Fail);
    let id = if is_missing {
        key
    } else {
        &SetupCheckId::WarmKeyAddressMatch
    };
    required(report, id, cause, remedy)
}

fn permissions(report: &SetupReport) -> Judged {
    let id = &SetupCheckId::PermissionsGranted;
    let remedy =
        "create them with `inferenced tx inference grant-ml-ops-permissions` and the cold key";
    let names = |list: &[String]| {
        let short = list.iter().map(|full| short(full));
        short.collect::<Vec<_>>().join(", ")
    };
    let missing = &report.missing_permissions;
    let is_needed = |full: &&String| NEEDED.contains(&full.as_str());
    let needed: Vec<String> = missing.iter().filter(is_needed).cloned().collect();
    if !needed.is_empty() {
        return unmet(
            format!(
                "the cold key does not let the warm key send {}: the work would not count",
                names(&needed)
            ),
            remedy,
        );
    }
    if !missing.is_empty() {
        return warning(
            format!("the warm key may not send {}", names(missing)),
            remedy,
        );
    }
    let expiring = &report.expiring_permissions;
    if !expiring.is_empty() {
        return warning(
            format!(
                "permissions of the warm key end within a week: {}",
                names(expiring)
            ),
            remedy,
        );
    }
    required(
        report,
        id,
        "permissions of the warm key are missing, and the report does not say which",
        remedy,
    )
}

/// `MsgClaimRewards` of `/inference.inference.MsgClaimRewards`.
fn short(full: &str) -> &str {
    full.rsplit('.').next().unwrap_or(full)
}

/// Our nodes that no longer answer and that no sprint is about to remove.
fn leftovers(target: &PreflightTarget, report: &SetupReport) -> Judged {
    let is_ours = |node: &NodeId| {
        let prefix = &target.node_prefix;
        !prefix.is_empty() && node.0.starts_with(prefix) && !target.leaving.contains(node)
    };
    let dead = report.checks.iter().filter_map(|check| match &check.id {
        SetupCheckId::MlNode(node) if check.status == CheckStatus::Fail && is_ours(node) => {
            Some(node.0.as_str())
        }
        _ => None,
    });
    let dead: Vec<&str> = dead.collect();
    if dead.is_empty() {
        return met("");
    }
    warning(
        format!(
            "still registered by us, but not answering: {}",
            dead.join(", ")
        ),
        "use `pocpit gc`, if no sprint is running",
    )
}

/// FAIL blocks; anything but PASS is unknown, which blocks too.
fn required(report: &SetupReport, id: &SetupCheckId, cause: &str, remedy: &str) -> Judged {
    match report.check(id).map(|check| (check.status, &check.message)) {
        Some((CheckStatus::Pass, _)) => met(""),
        Some((CheckStatus::Fail, said)) => unmet(format!("{cause} ({said})"), remedy),
        Some((CheckStatus::Unavailable, said)) => unread(
            format!("unknown whether {cause}: the Network Node could not tell ({said})"),
            READ_REPORT,
            UnknownEffect::Blocks,
        ),
        None => unread(
            format!("unknown whether {cause}: the setup report does not say it"),
            READ_REPORT,
            UnknownEffect::Blocks,
        ),
    }
}

/// FAIL is a warning; anything but PASS is unknown, which does not block.
fn noted(report: &SetupReport, id: &SetupCheckId, cause: &str, remedy: &str) -> Judged {
    match report.check(id).map(|check| check.status) {
        Some(CheckStatus::Pass) => met(""),
        Some(CheckStatus::Fail) => warning(cause, remedy),
        Some(CheckStatus::Unavailable) | None => unread(
            format!("unknown whether {cause}"),
            "check the Network Node's log",
            UnknownEffect::Shown,
        ),
    }
}
